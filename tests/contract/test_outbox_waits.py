"""The contract of waiting submissions: durable, one per station and kind, completed once, never lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from agent.outbox.model import Awaiting, Cancelled, NewSubmission, Receipt, State
from tests.contract.outbox_world import FAULT, World, draft, visit

SAYS = "等待扫码"


def waiting(
    world: World, his_id: str, number: str = "V1", kind: str = "ecredential", **more: Any
) -> NewSubmission:
    until = world.clock.now() + timedelta(seconds=120)
    wait = Awaiting("till-1", kind, until, SAYS)
    return world.new(his_id, draft(visit(number)), wait=wait, expired_says="没有扫码", **more)


def completed(new: NewSubmission, **more: Any) -> NewSubmission:
    drafts = tuple(replace(one, body={"qrcode": "1" * 28}) for one in new.drafts)
    return replace(new, drafts=drafts, wait=None, body={}, **more)


def state_of(world: World, submission: int) -> str:
    result = world.outbox.result(submission)
    assert result is not None
    return str(result["state"])


def test_one_that_waits_is_not_sent_and_its_visit_waits_with_it(world: World) -> None:
    world.take(waiting(world, "A"))
    world.accept("B", draft(visit("V1")))
    world.accept("C", draft(visit("V2")))
    head = world.head()
    assert head is not None
    assert world.outbox.result(head.submission)["id"] == "C"  # type: ignore[index]


def test_what_is_waited_for_is_told_meanwhile(world: World) -> None:
    accepted = world.take(waiting(world, "A"))
    result = world.outbox.result(accepted.submission)
    assert result is not None
    assert (result["state"], result["final"], result["message"]) == ("queued", False, SAYS)


def test_a_second_one_at_the_same_station_for_the_same_kind_is_invalid(world: World) -> None:
    world.take(waiting(world, "A"))
    second = world.take(waiting(world, "B", "V2"))
    assert second.receipt is Receipt.REFUSED
    result = world.outbox.result(second.submission)
    assert result is not None
    assert (result["state"], result["errors"][0]["rule"]) == ("invalid", "station_occupied")
    assert world.take(waiting(world, "D", "V2", kind="card")).receipt is Receipt.STORED


def test_a_repetition_while_it_waits_is_the_same_submission(world: World) -> None:
    first = world.take(waiting(world, "A"))
    again = world.take(waiting(world, "A"))
    assert (again.receipt, again.submission) == (Receipt.REPEATED, first.submission)


def test_a_wait_survives_a_restart_with_its_scans_and_its_end(world: World) -> None:
    new = waiting(world, "A")
    accepted = world.take(new)
    with world.outbox.write() as tx:
        assert tx.take_scan(accepted.submission, "scan-1", {"text": "81"})
    world.restart()
    (view,) = world.outbox.waits()
    assert (view.station, view.kind, view.until) == ("till-1", "ecredential", new.wait.until)  # type: ignore[union-attr]
    assert (view.body, view.scans) == ({"id": "A"}, ({"text": "81"},))


def test_completing_it_sends_what_was_scanned_and_frees_the_station(world: World) -> None:
    new = waiting(world, "A")
    accepted = world.take(new)
    with world.outbox.write() as tx:
        assert tx.take_scan(accepted.submission, "scan-1", {"text": "1"})
        assert tx.fulfil(accepted.submission, completed(new)).receipt is Receipt.STORED
    assert world.outbox.waits() == []
    head = world.head()
    assert head is not None
    assert head.draft.body == {"qrcode": "1" * 28}
    assert world.take(waiting(world, "B", "V2")).receipt is Receipt.STORED


def test_the_same_scan_counts_once_even_after_the_wait_is_over(world: World) -> None:
    new = waiting(world, "A")
    accepted = world.take(new)
    with world.outbox.write() as tx:
        assert tx.take_scan(accepted.submission, "scan-1", {"text": "1"})
        tx.fulfil(accepted.submission, completed(new))
    assert world.outbox.scan_known("scan-1")
    assert not world.outbox.scan_known("scan-2")
    with world.outbox.write() as tx:
        assert tx.scan_known("scan-1")
        assert not tx.take_scan(accepted.submission, "scan-1", {"text": "1"})
        assert not tx.take_scan(accepted.submission, "scan-2", {"text": "2"})
        assert not tx.scan_known("scan-2")


def test_the_last_scan_can_be_undone_and_its_event_does_not_come_back(world: World) -> None:
    accepted = world.take(waiting(world, "A"))
    with world.outbox.write() as tx:
        tx.take_scan(accepted.submission, "scan-1", {"text": "1"})
        tx.take_scan(accepted.submission, "scan-2", {"text": "2"})
        assert tx.undo_scan(accepted.submission, "operator")
    assert world.outbox.waits()[0].scans == ({"text": "1"},)
    with world.outbox.write() as tx:
        assert not tx.take_scan(accepted.submission, "scan-2", {"text": "2"})
        assert tx.undo_scan(accepted.submission, "operator")
        assert not tx.undo_scan(accepted.submission, "operator")


def test_nobody_scanned_in_time_ends_expired_and_lets_its_visit_go_on(world: World) -> None:
    accepted = world.take(waiting(world, "A"))
    world.accept("B", draft(visit("V1")))
    with world.outbox.write() as tx:
        assert tx.lapse(accepted.submission, world.clock.now())
        assert not tx.lapse(accepted.submission, world.clock.now())
    assert state_of(world, accepted.submission) == State.EXPIRED
    result = world.outbox.result(accepted.submission)
    assert result is not None
    assert result["message"] == "没有扫码"
    assert world.head() is not None
    assert world.outbox.waits() == []


def test_cancelling_ends_the_wait_and_a_late_scan_finds_nobody(world: World) -> None:
    new = waiting(world, "A")
    accepted = world.take(new)
    with world.outbox.write() as tx:
        done = tx.cancel(accepted.submission, "HIS", "", world.clock.now())
        assert not tx.take_scan(accepted.submission, "scan-1", {"text": "1"})
        assert tx.fulfil(accepted.submission, completed(new)).receipt is Receipt.REPLAYED
    assert done is Cancelled.WHOLE
    assert state_of(world, accepted.submission) == State.CANCELLED
    assert world.outbox.waits() == []


def test_a_scan_that_the_protocol_refuses_ends_invalid_and_frees_the_station(world: World) -> None:
    new = waiting(world, "A")
    accepted = world.take(new)
    with world.outbox.write() as tx:
        tx.take_scan(accepted.submission, "scan-1", {"text": "1"})
        tx.fulfil(accepted.submission, completed(new, faults=(FAULT,)))
    assert state_of(world, accepted.submission) == State.INVALID
    assert world.outbox.waits() == []


def test_a_crash_before_the_commit_keeps_neither_scan_nor_completion(world: World) -> None:
    new = waiting(world, "A")
    accepted = world.take(new)
    try:
        with world.outbox.write() as tx:
            tx.take_scan(accepted.submission, "scan-1", {"text": "1"})
            tx.fulfil(accepted.submission, completed(new))
            raise InterruptedError
    except InterruptedError:
        pass
    (view,) = world.outbox.waits()
    assert view.scans == ()
    with world.outbox.write() as tx:
        assert not tx.scan_known("scan-1")


def test_the_end_of_a_code_counts_from_its_scan(world: World) -> None:
    new = waiting(world, "A")
    accepted = world.take(new)
    until = world.clock.now() + timedelta(seconds=200)
    with world.outbox.write() as tx:
        tx.take_scan(accepted.submission, "scan-1", {"text": "1"})
        tx.fulfil(accepted.submission, completed(new, valid_until=until))
    head = world.head()
    assert head is not None
    assert head.valid_until == until


def test_what_waited_in_a_restored_backup_is_of_unknown_fate(world: World) -> None:
    accepted = world.take(waiting(world, "A"))
    with world.outbox.write() as tx:
        tx.hold_unfinished(world.clock.now())
    assert world.outbox.waits() == []
    assert state_of(world, accepted.submission) == State.UNKNOWN
