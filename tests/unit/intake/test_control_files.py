"""Control files: what a HIS decides about its own submissions, and how it hears of what cannot be done."""

import json

import pytest

from agent.errors import ControlError
from agent.intake.control_files import read_verdict, split
from agent.jsontext import JsonTextError
from agent.outbox.model import State
from agent.outbox.transaction import SqliteTransaction
from agent.replies.render import render
from tests.unit.intake.inbox_bench import LANE


@pytest.fixture
def stored(bench):
    """An inbox of which one admission is stored."""
    bench.admit("A1")
    bench.look()
    return bench


def message_of(bench):
    return bench.messages()[0].message


def leave_unknown(bench):
    now = bench.clock.now()
    with bench.outbox.write() as tx:
        message = tx.head(LANE).message
        attempt = tx.begin(message, {"wire_id": "W1"}, now)
        tx.doubt(message, attempt.number, "lost", now)
        tx.leave_unknown(message, "nobody knows", now)


def state(bench):
    return bench.messages()[0].state


def control(bench, name, content=b""):
    """Drop a control file; the rules that its own answer names, [] when it was carried out."""
    before = {reply.reply for reply in bench.outbox.due_replies(bench.clock.now(), 100)}
    bench.drop(name, content)
    bench.look()
    answers = [
        reply.result
        for reply in bench.outbox.due_replies(bench.clock.now(), 100)
        if reply.reply not in before and reply.address.file_name == name
    ]
    return [error["rule"] for answer in answers for error in answer["errors"]]


# -- cancel ------------------------------------------------------------------------------------------
def test_a_cancelled_submission_is_not_sent_and_its_result_says_so(stored):
    assert control(stored, "A1.cancel") == []
    assert state(stored) == State.CANCELLED
    assert stored.result(1)["state"] == "cancelled"
    assert stored.archived() == ["A1.cancel", "A1.json"]
    assert stored.changes == 1


def test_what_may_be_on_the_wire_is_not_cancelled(stored):
    with stored.outbox.write() as tx:
        tx.begin(tx.head(LANE).message, {"wire_id": "W1"}, stored.clock.now())
    assert control(stored, "A1.cancel") == ["control_too_late"]
    assert state(stored) == State.IN_FLIGHT
    assert stored.rejected() == ["A1.cancel"]


@pytest.mark.parametrize("name", ["B9.cancel", "B9.ack", "B9.resolve.json"])
def test_a_control_file_for_an_unknown_id_is_answered(stored, name):
    assert control(stored, name, b'{"as": "resend"}') == ["control_unknown_id"]
    assert state(stored) == State.READY


def test_a_submission_that_is_still_being_read_is_not_cancelled_and_the_inbox_goes_on(stored, monkeypatch):
    def refuse(*_):
        raise ControlError("still being read", hint="later")

    with monkeypatch.context() as reading:
        reading.setattr(SqliteTransaction, "cancel", refuse)
        assert control(stored, "A1.cancel") == ["control"]
    stored.admit("B2")
    stored.look()
    assert stored.ids() == ["A1", "B2"]


def test_a_control_file_keeps_its_place_among_submissions(bench):
    bench.admit("A1")
    bench.drop("A1.cancel", b"")
    bench.admit("B2")
    bench.look()
    assert [view.state for view in bench.messages()] == [State.CANCELLED, State.READY]


def test_a_control_file_that_a_crash_replays_changes_nothing_more(stored, monkeypatch):
    stored.drop("A1.cancel", b"")
    with monkeypatch.context() as crash:
        crash.setattr(stored.source, "acknowledge", lambda *_: None)
        for _ in range(3):
            stored.step_for(2.1)
    stored.restart()
    stored.look()
    assert state(stored) == State.CANCELLED
    assert stored.archived() == ["A1.cancel", "A1.json"]


def test_its_suffix_may_be_written_in_capitals(stored):
    assert control(stored, "A1.CANCEL") == []
    assert state(stored) == State.CANCELLED


# -- ack ---------------------------------------------------------------------------------------------
def test_an_acknowledged_result_is_removed(stored):
    stored.results.mkdir()
    result = stored.results / "A1.json.A1.result.json"
    result.write_bytes(render(stored.outbox.result(1)))
    assert control(stored, "A1.ack") == []
    assert not result.exists()


def test_another_submissions_result_of_that_name_is_not_removed(stored):
    stored.results.mkdir()
    result = stored.results / "A1.json.A1.result.json"
    other = {**stored.outbox.result(1), "received_at": "2020-01-01T00:00:00.000000+08:00"}
    result.write_bytes(render(other))
    assert control(stored, "A1.ack") == []
    assert result.exists()


def test_a_result_that_cannot_be_removed_does_no_harm(stored):
    (stored.results / "A1.json.A1.result.json" / "held open").mkdir(parents=True)
    assert control(stored, "A1.ack") == []
    assert stored.archived() == ["A1.ack", "A1.json"]


def test_a_result_is_removed_only_once_the_act_is_durable(stored, monkeypatch):
    stored.results.mkdir()
    result = stored.results / "A1.json.A1.result.json"
    result.write_bytes(render(stored.outbox.result(1)))
    connection = stored.outbox._writer.connection
    connection.execute("PRAGMA query_only = ON")
    stored.drop("A1.ack", b"")
    for _ in range(3):
        stored.step_for(2.1)
    assert result.exists()
    connection.execute("PRAGMA query_only = OFF")
    stored.look()
    assert not result.exists()


# -- resolve -----------------------------------------------------------------------------------------
def test_a_his_resolves_its_own_doubt_as_accepted_with_the_values_it_knows(stored):
    leave_unknown(stored)
    assert control(stored, "A1.resolve.json", {"as": "accepted", "data": {"akc190": "A1"}}) == []
    result = stored.result(1)
    assert (result["state"], result["data"]) == ("accepted", {"akc190": "A1"})


def test_a_his_lets_its_own_doubt_be_sent_again(stored):
    leave_unknown(stored)
    assert control(stored, "A1.resolve.json", {"as": "resend"}) == []
    assert state(stored) == State.READY


def test_nothing_open_is_nothing_to_resolve(stored):
    assert control(stored, "A1.resolve.json", {"as": "resend"}) == ["control_nothing_open"]
    assert state(stored) == State.READY


BAD_VERDICTS = [
    b"",
    b"\xff",
    b"[]",
    b"{}",
    b'{"as": "perhaps"}',
    b'{"as": ["resend"]}',
    b'{"as": {"x": 1}}',
    b'{"as": "accepted", "data": []}',
    b'{"as": "accepted", "as": "rejected"}',
    b'{"as": "accepted", "data": {"x": NaN}}',
]


@pytest.mark.parametrize("raw", BAD_VERDICTS)
def test_an_unreadable_verdict_decides_nothing_and_is_answered(stored, raw):
    leave_unknown(stored)
    assert control(stored, "A1.resolve.json", raw) == ["control_not_readable"]
    assert state(stored) == State.UNKNOWN


@pytest.mark.parametrize("raw", BAD_VERDICTS)
def test_an_unreadable_verdict_raises_one_kind_of_error(raw):
    with pytest.raises(JsonTextError):
        read_verdict(raw)


@pytest.mark.parametrize("verdict", ["accepted", "rejected", "resend"])
def test_a_verdict_may_begin_with_a_byte_order_mark(verdict):
    raw = b"\xef\xbb\xbf" + json.dumps({"as": verdict}).encode()
    assert read_verdict(raw) == (verdict, {})


def test_a_control_file_too_large_to_read_is_answered(inbox_of):
    bench = inbox_of(max_bytes=100)
    assert control(bench, "A1.resolve.json", b"x" * 200) == ["too_large"]


def test_names_are_split_at_their_suffix():
    assert split("A.1.resolve.json") == ("A.1", "resolve")
    assert split("x.cancel.ack") == ("x.cancel", "ack")
    with pytest.raises(ValueError, match="not a control file"):
        split("A1.json")
