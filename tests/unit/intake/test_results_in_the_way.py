"""agent.replies.writer: a results folder that cannot be written to is known until it can."""

import json
import threading

from agent.replies.writer import RETRY_S, ReplyWriter, ResultFolder
from tests.unit.intake.inbox_bench import LANE


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


def test_an_interim_result_says_that_it_waits_its_turn_or_why_its_lane_has_stopped(bench, tmp_path):
    folder, reasons = tmp_path / "results", {}
    writer = ReplyWriter(
        bench.outbox,
        {"till": ResultFolder(folder)},
        bench.clock,
        threading.Event(),
        lambda lane: reasons.get(lane.lane, ""),
    )

    def message(his_id):
        bench.admit(his_id)
        bench.look()
        bench.clock.advance(21)
        writer.write_due()
        return json.loads((folder / f"{his_id}.json.{his_id}.result.json").read_text("utf-8"))["message"]

    assert message("A1") == "排队中，轮到后自动发送"
    reasons[LANE.lane] = "缺少密钥 ministry/own-private"
    assert "通道已停止：缺少密钥 ministry/own-private" in message("B2")
