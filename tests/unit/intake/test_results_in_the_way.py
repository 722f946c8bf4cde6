"""agent.replies.writer: a results folder that cannot be written to is known until it can."""

import threading

from agent.replies.writer import RETRY_S, ReplyWriter, ResultFolder


def test_results_that_cannot_be_written_are_counted_until_they_are(bench, tmp_path):
    folder = tmp_path / "results-elsewhere"
    folder.write_text("a file in the place of the folder")
    writer = ReplyWriter(bench.outbox, {"till": ResultFolder(folder)}, bench.clock, threading.Event())
    bench.drop("bad.json", b"{")
    bench.look()
    writer.write_due()
    assert writer.unwritten("till") == 1
    assert writer.unwritten("another") == 0
    folder.unlink()
    bench.clock.advance(RETRY_S + 1)
    writer.write_due()
    assert writer.unwritten("till") == 0
    assert [path.name for path in folder.iterdir()] == ["bad.json.result.json"]
