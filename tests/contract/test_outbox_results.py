"""Part of the outbox's contract suite: every submission gets exactly one final result, and interim ones."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from agent.outbox.model import Receipt, ReplyAddress
from tests.contract.outbox_world import (
    FAULT,
    LANE,
    World,
    accepted,
    draft,
    partial,
    rejected,
    row,
    visit,
)


def test_a_final_result_is_due_at_once_and_once(world: World) -> None:
    world.accept("A", draft(visit("v1")))
    assert world.outbox.next_reply_at() == world.clock.now() + timedelta(seconds=20)
    world.deliver(accepted())
    (result,) = world.write_results()
    assert (result["state"], result["final"]) == ("accepted", True)
    world.clock.advance(3600)
    assert world.write_results() == []
    assert world.outbox.next_reply_at() is None
    world.restart()
    assert world.write_results() == []


def test_a_result_that_was_not_marked_is_given_again_after_a_crash(world: World) -> None:
    world.accept("A", draft(visit("v1")))
    world.deliver(accepted())
    before = world.outbox.due_replies(world.clock.now(), 10)
    world.restart()
    assert world.outbox.due_replies(world.clock.now(), 10) == before


def test_a_final_result_is_due_also_when_the_clock_was_set_back(world: World) -> None:
    world.accept("A", draft(visit("v1")))
    world.deliver(accepted())
    world.clock.set_wall(world.clock.now() - timedelta(days=1))
    assert len(world.write_results()) == 1


def test_interim_results_come_when_the_final_one_takes_long_and_when_something_changes(world: World) -> None:
    message = world.message("A", draft(visit("v1")))
    world.clock.advance(19)
    assert world.write_results() == []
    world.clock.advance(1)
    (result,) = world.write_results()
    assert (result["state"], result["final"], result["revision"]) == ("queued", False, 1)
    world.clock.advance(3600)
    assert world.write_results() == [], "nothing changed"
    world.send()
    world.doubt(message)
    (querying,) = world.write_results()
    assert (querying["state"], querying["final"]) == ("querying", False)
    assert querying["revision"] > result["revision"]
    with world.outbox.write() as tx:
        tx.clear_doubt(message)
    assert world.write_results() == [], "not more often than once a second"
    world.clock.advance(1)
    assert [result["state"] for result in world.write_results()] == ["queued"]


def test_what_changed_while_a_result_was_written_is_due_again(world: World) -> None:
    message = world.message("A", draft(visit("v1")))
    world.clock.advance(20)
    due = world.outbox.due_replies(world.clock.now(), 10)
    world.settle(world.send(), accepted())
    with world.outbox.write() as tx:
        tx.mark_replied([(reply.reply, reply.revision) for reply in due])
    assert [result["state"] for result in world.write_results()] == ["accepted"]
    assert world.state(message) == "accepted"


def test_results_are_due_oldest_first_and_as_many_as_asked_for(world: World) -> None:
    for name in "ABC":
        world.accept(name, draft(visit(name)))
        world.clock.advance(1)
    world.deliver_all()
    due = world.outbox.due_replies(world.clock.now(), 2)
    assert [reply.result["id"] for reply in due] == ["A", "B"]


def test_a_result_carries_what_the_contract_promises(world: World) -> None:
    world.accept("A", draft(visit("v1")), warnings=(FAULT,), reply=ReplyAddress("inbox", "某甲.json"))
    world.clock.advance(2)
    world.send()
    world.clock.advance(1)
    world.settle(world.turn(), accepted(message="成功", data={"akc190": "100"}))
    (due,) = world.outbox.due_replies(world.clock.now(), 10)
    assert due.address == ReplyAddress("inbox", "某甲.json")
    assert due.result == {
        "id": "A",
        "system": "ministry",
        "transaction": "GYU101",
        "state": "accepted",
        "final": True,
        "revision": 2,
        "code": "RE0000",
        "message": "成功",
        "data": {"akc190": "100"},
        "rows": [],
        "errors": [],
        "warnings": [FAULT.as_json()],
        "wire_id": "W000000",
        "settled_by": "answer",
        "attempts": 1,
        "received_at": "2026-01-01T09:00:00+08:00",
        "delivered_at": "2026-01-01T09:00:02+08:00",
        "finished_at": "2026-01-01T09:00:03+08:00",
        "sent": 1,
        "total": 1,
        "file": "某甲.json",
    }


def test_rows_are_merged_over_batches_in_order_and_unsent_ones_are_marked(world: World) -> None:
    batches = [draft(visit(f"v{n}"), rows=(2 * n, 2 * n + 2)) for n in range(4)]
    stored = world.accept("A", *batches, rows_total=8)
    world.deliver(partial(rows=(row(1, accepted=False, key="b"), row(0, key="a"))))
    world.deliver(accepted(rows=(row(1, key="d", index="the system's own"),)))
    world.deliver(rejected())
    result = world.result(stored.submission)
    assert (result["state"], result["sent"], result["total"]) == ("partial", 6, 8)
    assert result["rows"][3]["key"] == "d"
    assert [entry["index"] for entry in result["rows"]] == list(range(8))
    assert result["rows"][0] == {
        "index": 0,
        "key": "a",
        "ret_code": "RE0000",
        "ret_msg": "",
        "accepted": True,
    }
    assert (result["rows"][1]["ret_code"], result["rows"][1]["key"]) == ("RE1077", "b")
    assert [entry.get("accepted") for entry in result["rows"]] == [
        True,
        False,
        True,
        True,
        False,
        False,
        None,
        None,
    ]
    assert {entry.get("state") for entry in result["rows"][6:]} == {"cancelled"}
    assert (result["code"], result["message"]) == ("RE1001", "该人员未参保")
    assert [part["state"] for part in result["parts"]] == ["partial", "accepted", "rejected", "cancelled"]


def test_progress_shows_while_a_long_submission_runs(world: World) -> None:
    stored = world.accept("A", *(draft(rows=(n * 500, n * 500 + 500)) for n in range(3)), rows_total=1500)
    world.clock.advance(20)
    (first,) = world.write_results()
    assert (first["sent"], first["total"], first["rows"]) == (0, 1500, [])
    world.deliver(accepted())
    world.clock.advance(1)
    (second,) = world.write_results()
    assert (second["sent"], second["total"], second["final"]) == (500, 1500, False)
    world.deliver_all()
    assert world.result(stored.submission)["sent"] == 1500


def test_the_result_is_that_of_the_submissions_own_transaction(world: World) -> None:
    stored = world.accept("A", draft(transaction="GYU002"), draft(), transaction="GYU101")
    world.deliver(accepted(data={"file": "F-1"}))
    world.deliver(accepted(data={"akc190": "100"}, follow_ups=(draft(transaction="GYU008"),)))
    assert world.result(stored.submission)["final"] is False, "the follow-up belongs to it"
    world.deliver(accepted(data={"confirmed": "1"}))
    result = world.result(stored.submission)
    assert (result["state"], result["data"]) == ("accepted", {"akc190": "100"})


@pytest.mark.parametrize(
    ("ends", "state"),
    [
        (["accepted", "accepted"], "accepted"),
        (["accepted", "rejected"], "partial"),
        (["partial", "accepted"], "partial"),
        (["rejected"], "rejected"),
        (["accepted", "expired"], "partial"),
        (["expired", "expired"], "expired"),
        (["expired", "rejected"], "rejected"),
    ],
)
def test_the_state_of_a_submission_follows_from_its_messages(
    world: World, ends: list[str], state: str
) -> None:
    stored = world.accept("A", draft(visit("v1")), draft(visit("v2")))
    outcomes: dict[str, Any] = {"accepted": accepted(), "rejected": rejected(), "partial": partial()}
    for end in ends:
        if end == "expired":
            world.act("expire", world.turn())
        else:
            world.deliver(outcomes[end])
    assert (world.result(stored.submission)["state"], world.turn(LANE)) == (state, 0)


@pytest.mark.parametrize("how", ["unknown", "parked", "blocked"])
def test_what_waits_for_a_decision_says_why_and_what_each_choice_does(world: World, how: str) -> None:
    stored = world.accept("A", draft(visit("v1")))
    follower = world.accept("B", draft(visit("v1")))
    world.park() if how == "parked" else world.lose()
    result = world.result(follower.submission if how == "blocked" else stored.submission)
    assert (result["state"], result["final"]) == (how, False)
    assert all(choice["effect"] for choice in result["waiting"]["choices"])
    assert result["message"]
    if how == "blocked":
        blocker = {"id": "A", "transaction": "GYU101", "state": "unknown"}
        assert result["waiting"]["blocked_by"] == [blocker]
        assert "A" in result["message"]
    else:
        assert result["waiting"]["reason"]


def test_a_decision_is_waited_for_also_while_other_batches_go_on(world: World) -> None:
    stored = world.accept("A", draft(visit("v1")), draft(visit("v2")))
    world.lose()
    assert world.result(stored.submission)["state"] == "unknown"
    world.deliver(accepted())
    result = world.result(stored.submission)
    assert (result["state"], result["final"]) == ("unknown", False)


def test_there_is_no_result_of_a_submission_that_does_not_exist(world: World) -> None:
    assert world.outbox.result(999) is None


# -- marking with the next commit ------------------------------------------------------------------------
def _noted(world: World) -> list[str]:
    due = world.outbox.due_replies(world.clock.now(), 10)
    world.outbox.note_replied([(reply.reply, reply.revision) for reply in due])
    return [reply.result["state"] for reply in due]


def test_what_is_noted_is_due_no_more_and_marked_by_the_next_commit(world: World) -> None:
    world.message("A", draft(visit("v1")))
    world.deliver(rejected())
    assert _noted(world) == ["rejected"]
    assert _noted(world) == []
    assert world.turn() == 0
    passing = world.message("B", draft(visit("v1")))
    assert world.turn() == passing, "the failure was told before this commit"
    world.restart()
    assert _noted(world) == []


def test_what_is_noted_can_be_marked_at_once(world: World) -> None:
    world.message("A", draft(visit("v1")))
    world.deliver(accepted())
    _noted(world)
    world.outbox.flush_replied()
    assert world.outbox.next_reply_at() is None
    world.outbox.flush_replied()


def test_a_commit_that_fails_marks_nothing_and_the_next_one_does(world: World) -> None:
    world.message("A", draft(visit("v1")))
    world.deliver(accepted())
    _noted(world)
    with pytest.raises(ZeroDivisionError), world.outbox.write():
        _ = 1 // 0
    assert world.outbox.next_reply_at() is not None
    assert _noted(world) == []
    world.outbox.flush_replied()
    assert world.outbox.next_reply_at() is None


def test_a_result_that_changed_after_it_was_noted_is_due_again(world: World) -> None:
    world.message("A", draft(visit("v1")))
    world.clock.advance(20)
    assert _noted(world) == ["queued"]
    world.deliver(accepted())
    assert _noted(world) == ["accepted"]


def test_results_that_cannot_be_written_now_do_not_hold_up_others(world: World) -> None:
    for name in "ABC":
        world.accept(name, draft(visit(name)))
    world.deliver_all()
    (first,) = world.outbox.due_replies(world.clock.now(), 1)
    others = world.outbox.due_replies(world.clock.now(), 2, skip=frozenset({first.reply}))
    assert [reply.result["id"] for reply in others] == ["B", "C"]


# -- purging -------------------------------------------------------------------------------------------
def _purge(world: World) -> int:
    with world.outbox.write() as tx:
        return tx.purge(world.clock.now())


def test_a_purged_submission_is_still_known_with_its_result(world: World) -> None:
    stored = world.accept("A", draft(visit("v1")))
    world.deliver(accepted(data={"akc190": "100"}))
    before = world.result(stored.submission)
    world.write_results()
    world.clock.advance(1)
    assert _purge(world) == 1
    assert _purge(world) == 0
    assert (world.outbox.messages(), world.outbox.counts()) == ([], {})
    world.restart()
    assert world.result(stored.submission) == before
    assert world.accept("A", draft(visit("v1"))).receipt is Receipt.REPEATED
    assert [result["data"] for result in world.write_results()] == [{"akc190": "100"}]
    assert world.accept("A", draft(visit("v2")), digest=b"other").receipt is Receipt.REFUSED


def test_numbers_of_purged_messages_are_not_given_again(world: World) -> None:
    first = world.message("A", draft(visit("v1")))
    world.deliver(accepted())
    world.write_results()
    world.clock.advance(1)
    _purge(world)
    world.restart()
    assert world.message("B", draft(visit("v1"))) > first


@pytest.mark.parametrize("why", ["unfinished", "untold", "blocking", "recent"])
def test_what_is_not_over_is_not_purged(world: World, why: str) -> None:
    message = world.message("A", draft(visit("v1")))
    if why == "blocking":
        world.message("B", draft(visit("v1")))
    if why != "unfinished":
        world.deliver(rejected())
    if why != "untold":
        world.write_results()
    if why != "recent":
        world.clock.advance(1)
    assert _purge(world) == 0
    assert world.state(message) in {"ready", "rejected"}


def test_an_invalid_submission_keeps_its_faults_when_purged(world: World) -> None:
    stored = world.accept("A", faults=(FAULT,), body={"akc190": "某甲"})
    before = world.result(stored.submission)
    world.write_results()
    world.clock.advance(1)
    assert _purge(world) == 1
    assert world.result(stored.submission) == before
    assert world.outbox.body(stored.submission) is None
