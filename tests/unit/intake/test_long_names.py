"""A file's name is the HIS's affair: one without room for an event id costs the file nothing."""

import json

import pytest

from agent.outbox.model import State
from tests.unit.intake.inbox_bench import admission_file

STEM = "住院登记" * 20  # 240 bytes


@pytest.mark.parametrize("name", [f"{STEM}.json", "x" * 250 + ".json"])
def test_a_submission_with_a_long_name_is_taken_in_and_answered_under_its_id_and_full_name(bench, name):
    raw = json.dumps(admission_file("A1"))
    bench.inbox.joinpath("aside.tmp").write_text(raw)
    bench.inbox.joinpath("aside.tmp").rename(bench.inbox / name)
    bench.look()
    assert [(view.his_id, view.state) for view in bench.messages()] == [("A1", State.READY)]
    assert (bench.archived(), bench.rejected()) == ([name], [])
    bench.clock.advance(30)
    (due,) = bench.outbox.due_replies(bench.clock.now(), 10)
    assert (due.address.file_name, due.result["file"], due.result["id"]) == (name, name, "A1")


def test_a_long_name_that_a_crash_left_claimed_is_known_after_it(bench):
    name = f"{STEM}.json"
    bench.inbox.joinpath("aside.tmp").write_text(json.dumps(admission_file("A1")))
    bench.inbox.joinpath("aside.tmp").rename(bench.inbox / name)
    bench.clock.advance(3)
    while not bench.source.take(10):
        bench.clock.advance(1)
    bench.restart()
    bench.look()
    bench.clock.advance(30)
    (due,) = bench.outbox.due_replies(bench.clock.now(), 10)
    assert (due.result["file"], due.result["id"]) == (name, "A1")
