"""Part of the outbox's contract suite: what people, control files, time and later submissions decide."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from agent.errors import ControlError, StoreError
from agent.events import Deadline, Outcome
from agent.outbox.model import AttemptState, Cancelled, LaneKey, Receipt, ReplyAddress, State
from tests.contract.outbox_world import (
    FAULT,
    LANE,
    SYSTEM,
    World,
    accepted,
    draft,
    partial,
    rejected,
    visit,
)


def _first_fault(world: World, submission: int) -> str:
    return str(world.result(submission)["errors"][0]["rule"])


# -- find ---------------------------------------------------------------------------------------------
def test_submissions_are_found_by_id_newest_first_and_by_transaction(world: World) -> None:
    old = world.accept("A", faults=(FAULT,), digest=b"1")
    new = world.accept("A", draft(visit("v1")), digest=b"2")
    other = world.accept("A", draft(visit("v2"), transaction="GYU102"))
    with world.outbox.write() as tx:
        assert tx.find(SYSTEM, "A") == (other.submission, new.submission, old.submission)
        assert tx.find(SYSTEM, "A", "GYU101") == (new.submission, old.submission)
        assert tx.find("jiangxi", "A") == tx.find(SYSTEM, "B") == ()


def test_a_refused_submission_does_not_answer_to_the_id_that_it_did_not_get(world: World) -> None:
    first = world.accept("A", draft(visit("v1")))
    world.accept("A", draft(visit("v2")), digest=b"other")
    with world.outbox.write() as tx:
        assert tx.find(SYSTEM, "A") == (first.submission,)


# -- cancel ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("before", ["ready", "blocked", "parked"])
def test_what_has_not_been_sent_is_cancelled(world: World, before: str) -> None:
    if before == "blocked":
        world.message("X", draft(visit("v1")))
        world.deliver(rejected())
    message = world.message("A", draft(visit("v1")))
    if before == "parked":
        world.park()
    follower = world.message("B", draft(visit("v1")))
    submission = world.view(message).submission
    assert world.cancel(submission) is Cancelled.WHOLE
    assert world.state(message) is State.CANCELLED
    assert world.result(submission)["state"] == "cancelled"
    assert world.state(follower) is (State.BLOCKED if before == "blocked" else State.READY)
    assert world.cancel(submission) is Cancelled.WHOLE, "it is so already"


@pytest.mark.parametrize("where", ["in flight", "inquiring", "unknown", "accepted"])
def test_what_is_or_was_on_the_wire_is_not_cancelled(world: World, where: str) -> None:
    stored = world.accept("A", draft(visit("v1")), draft(visit("v2")))
    message = world.lose() if where == "unknown" else world.send()
    if where == "inquiring":
        world.doubt(message)
    if where == "accepted":
        world.settle(message, accepted())
        world.deliver(accepted())
    before = world.state(message)
    nothing_left = where == "accepted"
    assert world.cancel(stored.submission) is (Cancelled.NOTHING if nothing_left else Cancelled.REST)
    assert world.state(message) is before
    if not nothing_left:
        assert world.state(world.numbers(stored)[1]) is State.CANCELLED, "the rest is not sent any more"
    assert world.cancel(stored.submission) is Cancelled.NOTHING


def test_cancelling_the_rest_of_a_submission_makes_it_partial(world: World) -> None:
    stored = world.accept("A", draft(visit("v1")), draft(visit("v2")))
    world.deliver(accepted())
    assert world.cancel(stored.submission) is Cancelled.REST
    assert world.result(stored.submission)["state"] == "partial"


@pytest.mark.parametrize("done", [True, False])
def test_how_a_control_file_ended_is_known_after_a_restart(world: World, done: bool) -> None:
    with world.outbox.write() as tx:
        assert tx.control_done("event-of-a-file") is None
        tx.note_control("event-of-a-file", done)
    world.restart()
    with world.outbox.write() as tx:
        assert tx.control_done("event-of-a-file") is done
        assert tx.control_done("another") is None


def test_a_stage_is_not_cancelled_while_it_is_read(world: World) -> None:
    with world.outbox.write() as tx:
        stage = tx.stage(world.new("A"))
    with pytest.raises(ControlError):
        world.cancel(stage.submission)


# -- resolve ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("undecided", ["unknown", "parked"])
@pytest.mark.parametrize("verdict", ["accepted", "rejected", "resend"])
def test_a_person_decides_what_nobody_knows(world: World, undecided: str, verdict: str) -> None:
    message = world.message("A", draft(visit("v1")))
    follower = world.message("B", draft(visit("v1")))
    world.lose() if undecided == "unknown" else world.park()
    settled = world.resolve(message, verdict, akc190="100")
    states = {"accepted": State.READY, "rejected": State.BLOCKED, "resend": State.READY}
    assert world.state(follower) is states[verdict]
    if verdict == "resend":
        assert settled.state is State.READY
        head = world.head()
        assert head is not None
        assert (head.message, head.inquiring, head.withdrawn) == (message, False, 0)
        doubts = [AttemptState.ABSENT] if undecided == "unknown" else []
        assert [doubt.state for doubt in head.doubts] == doubts, "asked about if it is there already"
        assert world.deliver_all() == [message, follower]
        return
    result = world.result(world.view(message).submission)
    assert (result["state"], result["final"], result["settled_by"]) == (verdict, True, "decision")
    assert result["data"] == {"akc190": "100"}
    assert settled.state == verdict


def test_what_could_take_effect_twice_is_not_sent_again_by_a_persons_word(world: World) -> None:
    message = world.message("A", draft(visit("v1"), once=True))
    world.lose()
    (offered,) = [one["waiting"]["choices"] for one in [world.result(world.view(message).submission)]]
    assert [choice["content"]["as"] for choice in offered] == ["accepted", "rejected"]
    world.restart()
    with pytest.raises(ControlError) as refused:
        world.resolve(message, "resend")
    assert refused.value.details == {"code": "not_sent_again"}
    assert (world.state(message), world.turn()) == (State.UNKNOWN, 0)
    assert world.resolve(message, "rejected").state is State.REJECTED


def test_what_never_left_is_sent_by_a_persons_word_however_often_it_may_be(world: World) -> None:
    message = world.message("A", draft(visit("v1"), once=True))
    world.park()
    choices = world.result(world.view(message).submission)["waiting"]["choices"]
    assert "resend" in [choice.get("content", {}).get("as") for choice in choices]
    world.resolve(message, "resend")
    assert world.deliver_all() == [message]


@pytest.mark.parametrize("ends", ["expire", "cancel"])
@pytest.mark.parametrize("doubted", [False, True])
def test_a_result_says_unsent_only_of_what_never_left(world: World, ends: str, doubted: bool) -> None:
    message = world.message("A", draft(visit("v1")), expired_says="请重新扫码")
    if doubted:
        world.lose()
        world.resolve(message, "resend")
    submission = world.view(message).submission
    world.cancel(submission) if ends == "cancel" else world.act("expire", message)
    told = str(world.result(submission)["message"])
    assert ("没有再次发送" in told, "未发送" in told, "请重新扫码" in told) == (
        doubted,
        not doubted and ends == "cancel",
        not doubted and ends == "expire",
    )


def test_a_resolved_rejection_is_told_anew(world: World) -> None:
    message = world.message("A", draft(visit("v1")))
    world.lose()
    world.clock.advance(30)
    assert [result["state"] for result in world.write_results()] == ["unknown"]
    world.resolve(message, "rejected")
    unknowing = world.message("B", draft(visit("v1")))
    assert world.view(unknowing).blocked_by == message
    assert [result["state"] for result in world.write_results()] == ["rejected"]
    assert world.state(world.message("C", draft(visit("v1")))) is State.READY


@pytest.mark.parametrize("state", ["ready", "accepted", "blocked"])
def test_what_is_decided_or_not_yet_sent_cannot_be_resolved(world: World, state: str) -> None:
    message = world.message("A", draft(visit("v1")))
    if state == "accepted":
        world.deliver(accepted())
    if state == "blocked":
        world.deliver(rejected())
        message = world.message("B", draft(visit("v1")))
    with pytest.raises(ControlError):
        world.resolve(message, "accepted")
    assert world.state(message) == state


def test_an_attempt_given_up_without_an_inquiry_is_remembered_when_it_is_sent_again(world: World) -> None:
    message = world.message("A", draft(visit("v1")))
    attempt = world.begin(message)
    world.act("leave_unknown", message, "the document has no inquiry for it")
    assert world.outbox.history(message)[0]["state"] == "unknown"
    world.resolve(message, "resend")
    head = world.head()
    assert head is not None
    assert [doubt.ids for doubt in head.doubts] == [attempt.ids]


@pytest.mark.parametrize("act", [("cancel", 9), ("skip", 9), ("skip_submission", 9)])
def test_a_number_that_nobody_has_is_told_to_the_person(world: World, act: tuple[Any, ...]) -> None:
    with pytest.raises(ControlError):
        world.resolve(9, "accepted")
    with pytest.raises(ControlError):
        world.act(*act, "收费员甲", "误输")
    with pytest.raises(ControlError):
        world.act("acknowledge", 9, "HIS")


def test_an_acknowledged_result_tells_where_it_was_given_and_is_on_record(world: World) -> None:
    message = world.message("A", draft(visit("v1")))
    world.accept("A", draft(visit("v1")), reply=ReplyAddress("inbox", "again.json"))
    addresses = world.act("acknowledge", world.view(message).submission, "HIS")
    assert [address.file_name for address in addresses] == ["A.json", "again.json"]
    assert [entry["act"] for entry in world.outbox.history(message)] == ["acknowledge"]


def test_an_unknown_verdict_is_refused(world: World) -> None:
    message = world.message("A", draft(visit("v1")))
    world.lose()
    with pytest.raises(ControlError):
        world.resolve(message, "maybe")


def test_acts_are_recorded_with_who_and_why_beside_the_attempts(world: World) -> None:
    message = world.message("A", draft(visit("v1")))
    world.lose()
    world.clock.advance(1)
    world.resolve(message, "rejected")
    world.clock.advance(1)
    world.skip(message)
    attempt, resolved, skipped = world.outbox.history(message)
    assert (attempt["attempt"], attempt["state"], attempt["note"]) == (1, "unknown", "read timed out")
    assert (resolved["act"], resolved["who"], resolved["why"]) == (
        "resolve:rejected",
        "收费员甲",
        "已电话核实",
    )
    assert (skipped["act"], skipped["who"]) == ("skip", "管理员乙")


# -- skip ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["rejected", "unknown", "partial"])
def test_skipping_releases_the_followers_and_leaves_the_failed_one(world: World, how: str) -> None:
    message = world.message("A", draft(visit("v1")))
    followers = [world.message(f"F{n}", draft(visit("v1"))) for n in range(2)]
    outcomes = {"rejected": rejected(), "partial": partial(visit("v1"))}
    world.lose() if how == "unknown" else world.deliver(outcomes[how])
    assert world.skip(message) == 2
    assert world.skip(message) == 0
    assert world.state(message) == how
    assert world.deliver_all() == followers


@pytest.mark.parametrize("outcome", [None, accepted()], ids=["ready", "accepted"])
def test_there_is_nothing_to_skip_of_what_did_not_fail(world: World, outcome: Outcome | None) -> None:
    message = world.message("A", draft(visit("v1")))
    if outcome:
        world.deliver(outcome)
    with pytest.raises(ControlError):
        world.skip(message)


def test_an_invalid_submission_is_skipped_as_a_whole(world: World) -> None:
    invalid = world.accept("A", faults=(FAULT,), scopes=(visit("v1"),))
    follower = world.message("B", draft(visit("v1")))
    assert world.act("skip_submission", invalid.submission, "管理员乙", "已更正") == 1
    assert world.turn() == follower


# -- expiry ------------------------------------------------------------
def test_an_expired_message_is_not_sent_and_lets_others_go_on(world: World) -> None:
    message = world.message("A", draft(visit("v1")))
    follower = world.message("B", draft(visit("v1")))
    world.send()
    world.act("expire", message)
    assert world.turn() == follower
    assert [entry["state"] for entry in world.outbox.history(message)] == ["withdrawn"]
    assert world.result(world.view(message).submission)["state"] == "expired"


def test_what_may_be_on_the_wire_does_not_expire(world: World) -> None:
    message = world.message("A", draft(visit("v1")))
    world.send()
    world.doubt(message)
    with pytest.raises(StoreError):
        world.act("expire", message)
    assert world.state(message) is State.INQUIRING


def test_lapsed_messages_are_those_that_wait_beyond_their_time(world: World) -> None:
    soon = world.clock.now() + timedelta(seconds=60)
    failed = world.message("A", draft(visit("v1")), valid_until=soon)
    blocked = world.message("B", draft(visit("v1")), valid_until=soon)
    ready = world.message("C", draft(visit("v2")), valid_until=soon + timedelta(seconds=1))
    world.message("D", draft(visit("v3")))
    assert world.outbox.lapsed(world.clock.now()) == []
    world.deliver(rejected())
    world.clock.advance(61)
    assert world.outbox.lapsed(world.clock.now()) == [blocked, ready]
    assert world.outbox.lapsed(world.clock.now(), limit=1) == [blocked]
    world.act("expire", blocked)
    assert (world.state(blocked), world.state(failed)) == (State.EXPIRED, State.REJECTED)
    assert world.view(blocked).blocked_by is None


def test_a_parked_message_expires_and_releases(world: World) -> None:
    message = world.message("A", draft(visit("v1")))
    follower = world.message("B", draft(visit("v1")))
    world.park()
    world.act("expire", message)
    assert world.turn() == follower


def test_all_that_has_lapsed_is_expired_in_one_commit(world: World) -> None:
    soon = world.clock.now() + timedelta(seconds=60)
    numbers = [world.message(f"A{n}", draft(visit("v1")), valid_until=soon) for n in range(3)]
    sent = world.send()
    world.clock.advance(60)
    with world.outbox.write() as tx:
        ended = tx.expire_lapsed(world.clock.now())
    assert [settled.message for settled in ended] == numbers[1:]
    assert world.state(sent) is State.IN_FLIGHT


def test_deadlines_near_are_those_of_open_submissions_soonest_first(world: World) -> None:
    for name, minutes in (("A", 9), ("B", 6), ("C", 30), ("D", 1)):
        world.accept(name, draft(visit(name), deadlines=(Deadline(minutes * 60, f"{minutes} min"),)))
    world.accept("E", draft(visit("E")))
    world.clock.advance(6 * 60 + 1)
    done = next(view for view in world.outbox.messages() if view.his_id == "D").message
    world.begin(done)
    world.settle(done, accepted())
    near = world.outbox.near_deadline(world.clock.now())
    assert [(view.his_id, view.deadline) for view in near] == [("B", "6 min"), ("A", "9 min")]
    assert [view.his_id for view in world.outbox.near_deadline(world.clock.now(), 1)] == ["B"]


def test_a_message_is_warned_of_before_each_of_its_deadlines(world: World) -> None:
    deadlines = (Deadline(1800, "30 分钟内上传"), Deadline(5 * 86400, "5 日内上传"))
    world.accept("A", draft(visit("A"), deadlines=deadlines), draft(visit("B"), deadlines=deadlines))

    def near() -> list[str]:
        return [view.deadline for view in world.outbox.near_deadline(world.clock.now())]

    world.clock.advance(1199)
    assert near() == []
    world.clock.advance(1)
    assert near() == ["30 分钟内上传"]
    world.clock.advance(5 * 86400 - 12 * 3600 - 1200)
    assert near() == ["30 分钟内上传", "5 日内上传"]
    assert near() == ["30 分钟内上传", "5 日内上传"], "one of each, however many messages want it"
    world.deliver_all()
    assert near() == []


def test_a_follow_ups_deadline_counts_from_when_it_came_to_be(world: World) -> None:
    world.accept("A", draft(visit("A")))
    world.clock.advance(7200)
    confirmation = draft(transaction="GYU008", deadlines=(Deadline(1800, "30 分钟内反馈"),))
    world.deliver(accepted(follow_ups=(confirmation,)))
    assert world.outbox.near_deadline(world.clock.now()) == []
    world.clock.advance(1200)
    (view,) = world.outbox.near_deadline(world.clock.now())
    assert view.transaction == "GYU008"
    assert view.deadline_at == world.clock.now() + timedelta(seconds=600)


def test_the_messages_of_a_submission_are_listed_in_their_order(world: World) -> None:
    stored = world.accept("A", draft(visit("v1")), draft(visit("v2")))
    world.accept("B", draft(visit("v3")))
    world.deliver(accepted(follow_ups=(draft(visit("v1"), transaction="GYU008"),)))
    listed = world.outbox.messages_of(stored.submission)
    assert [view.transaction for view in listed] == ["GYU101", "GYU008", "GYU101"]
    assert world.outbox.messages_of(999) == []


# -- after ------------------------------------------------------------
def test_after_waits_for_the_end_of_all_messages_of_another(world: World) -> None:
    world.accept("A", draft(visit("v1")), draft(visit("v2"), lane="slow"))
    waiting = world.message("B", draft(visit("v3")), after="A")
    beside = world.message("C", draft(visit("v3"), lane="slow"), after="A")
    slow = LaneKey(SYSTEM, "slow")
    world.deliver(accepted())
    assert world.turn() == 0
    world.deliver(accepted(follow_ups=(draft(visit("v9"), transaction="GYU008", lane="slow"),)), slow)
    assert world.turn() == 0, "a follow-up belongs to it"
    world.deliver(accepted(), slow)
    assert world.turn() == waiting
    world.deliver(accepted())
    assert world.turn(slow) == beside


def test_after_one_that_ended_does_not_wait(world: World) -> None:
    world.message("A", draft(visit("v1")))
    world.deliver(accepted())
    assert world.turn() == 0
    waiting = world.message("B", draft(visit("v2")), after="A")
    assert world.turn() == waiting


def test_after_an_id_that_nobody_has_is_refused(world: World) -> None:
    stored = world.accept("B", draft(visit("v1")), after="nobody")
    assert stored.receipt is Receipt.REFUSED
    assert _first_fault(world, stored.submission) == "after_unknown"
    assert world.turn() == 0


def test_after_one_that_fails_is_blocked_by_it(world: World) -> None:
    failed = world.message("A", draft(visit("v1")))
    early = world.message("B", draft(visit("v2")), after="A")
    world.deliver(rejected())
    late = world.message("C", draft(visit("v3")), after="A")
    assert [world.view(number).blocked_by for number in (early, late)] == [failed, failed]
    world.write_results()
    told = world.message("D", draft(visit("v4")), after="A")
    assert world.turn() == told, "its sender knew how A ended"


@pytest.mark.parametrize("undecided", ["unknown", "parked", "blocked"])
def test_after_one_that_is_undecided_waits_for_the_decision_however_late_it_comes(
    world: World, undecided: str
) -> None:
    root = world.message("R", draft(visit("v1"))) if undecided == "blocked" else 0
    message = world.message("A", draft(visit("v1")))
    world.park() if undecided == "parked" else world.lose()
    world.clock.advance(30)
    world.write_results()
    waiting = world.message("B", draft(visit("v2")), after="A")
    assert world.state(waiting) is State.BLOCKED
    world.resolve(root or message, "resend")
    assert world.turn() == (root or message)
    sent = world.deliver_all()
    assert sent[-1] == waiting
    assert message in sent


def test_skipping_an_unknown_one_lets_its_visit_go_on_but_not_who_comes_after_it(world: World) -> None:
    message = world.message("A", draft(visit("v1")))
    world.lose()
    assert world.skip(message) == 0
    waiting = world.message("B", draft(visit("v2")), after="A")
    free = world.message("C", draft(visit("v1")))
    assert (world.state(waiting), world.turn()) == (State.BLOCKED, free)
    later = world.message("D", draft(visit("v2")))
    assert world.state(later) is State.READY, "a skipped failure is passed on to nobody new"
    world.resolve(message, "accepted")
    assert world.state(waiting) is State.READY


# -- replaces ------------------------------------------------------------
@pytest.mark.parametrize("how", ["rejected", "partial", "parked", "blocked", "ready", "invalid", "expired"])
def test_a_replacement_takes_the_failed_ones_place_and_its_followers_go_on_behind_it(
    world: World, how: str
) -> None:
    if how == "blocked":
        world.message("R", draft(visit("v0")))
        world.accept("A", draft(visit("v0"), visit("v1")))
    elif how == "invalid":
        world.accept("A", faults=(FAULT,), scopes=(visit("v1"),))
    else:
        world.message("A", draft(visit("v1"), expiry_blocks=True))
    follower = world.message("B", draft(visit("v1")))
    match how:
        case "rejected" | "blocked":
            world.deliver(rejected())
        case "partial":
            world.deliver(partial(visit("v1")))
        case "parked":
            world.park()
        case "expired":
            world.act("expire", world.turn())
    later = world.message("L", draft(visit("v5")))
    stored = world.accept("A2", draft(visit("corrected")), replaces="A")
    assert stored.receipt is Receipt.STORED
    (replacement,) = world.numbers(stored)
    assert world.turn() == replacement, "it stands before all that were committed after the old one"
    assert world.state(follower) is State.READY
    assert world.deliver_all() == [replacement, follower, later]


def test_a_replacement_that_fails_blocks_the_followers_again(world: World) -> None:
    world.message("A", draft(visit("v1")))
    follower = world.message("B", draft(visit("v1")))
    world.deliver(rejected())
    stored = world.accept("A2", draft(visit("corrected")), replaces="A")
    (replacement,) = world.numbers(stored)
    world.deliver(rejected())
    assert (world.state(follower), world.view(follower).blocked_by) == (State.BLOCKED, replacement)
    again = world.accept("A3", draft(visit("corrected")), replaces="A")
    assert world.deliver_all() == [*world.numbers(again), follower], "A means the one that took its place"


def test_an_unsent_one_that_is_replaced_is_cancelled_and_says_by_whom(world: World) -> None:
    stored = world.accept("A", draft(visit("v1")))
    world.accept("A2", draft(visit("v1")), replaces="A")
    result = world.result(stored.submission)
    assert (result["state"], result["final"]) == ("cancelled", True)
    assert "A2" in result["message"]
    assert len(world.deliver_all()) == 1


@pytest.mark.parametrize("where", ["in flight", "inquiring", "unknown", "accepted", "half sent", "nowhere"])
def test_what_was_or_may_have_been_taken_cannot_be_replaced(world: World, where: str) -> None:
    if where != "nowhere":
        world.accept("A", draft(visit("v1")), *([draft(visit("v2"))] if where == "half sent" else []))
        message = world.lose() if where == "unknown" else world.send()
        if where == "inquiring":
            world.doubt(message)
        if where in {"accepted", "half sent"}:
            world.settle(message, accepted())
    states = world.outbox.counts()
    stored = world.accept("A2", draft(visit("v1")), replaces="A")
    assert stored.receipt is Receipt.REFUSED
    fault = world.result(stored.submission)["errors"][0]
    assert fault["rule"].startswith("replaces_")
    assert ("resolve" in fault["message"]) == (where in {"in flight", "inquiring", "unknown"})
    assert world.outbox.counts() == states


def test_a_replacement_may_use_the_same_id_again_when_the_old_one_freed_it(world: World) -> None:
    world.accept("A", faults=(FAULT,), scopes=(visit("v1"),), digest=b"1")
    follower = world.message("B", draft(visit("v1")))
    stored = world.accept("A", draft(visit("v1")), digest=b"2", replaces="A")
    assert world.deliver_all() == [*world.numbers(stored), follower]


def test_batches_of_a_replacement_stand_in_order_before_what_came_later(world: World) -> None:
    world.message("A", draft(visit("v1")))
    world.deliver(rejected())
    later = world.message("B", draft(visit("v9")))
    stored = world.accept("A2", *(draft(visit(f"v{n}")) for n in range(3)), replaces="A")
    assert world.deliver_all() == [*world.numbers(stored), later]


def test_a_staged_replacement_takes_over_when_it_is_published(world: World) -> None:
    old = world.accept("A", draft(visit("v1")))
    follower = world.message("B", draft(visit("v1")))
    with world.outbox.write() as tx:
        stage = tx.stage(world.new("A2", replaces="A"))
        tx.extend(stage.submission, [draft(visit("corrected"), interactive=False)])
    assert world.result(old.submission)["state"] == "queued"
    with world.outbox.write() as tx:
        assert tx.publish(stage.submission).receipt is Receipt.STORED
    assert world.result(old.submission)["state"] == "cancelled"
    assert world.deliver_all() == [*world.numbers(stage), follower]


def test_a_staged_replacement_is_refused_when_the_old_one_was_sent_meanwhile(world: World) -> None:
    old = world.message("A", draft(visit("v1")))
    with world.outbox.write() as tx:
        stage = tx.stage(world.new("A2", replaces="A"))
        tx.extend(stage.submission, [draft(visit("v1"))])
    assert world.send() == old
    with world.outbox.write() as tx:
        assert tx.publish(stage.submission).receipt is Receipt.REFUSED
    assert _first_fault(world, stage.submission) == "replaces_refused"
    world.settle(old, accepted())
    assert world.turn() == 0


def test_a_replacement_cannot_come_after_what_follows_the_old_one(world: World) -> None:
    world.message("A", draft(visit("v1")))
    world.deliver(rejected())
    world.message("B", draft(visit("v2")))
    stored = world.accept("A2", draft(visit("v1")), replaces="A", after="B")
    assert (stored.receipt, _first_fault(world, stored.submission)) == (Receipt.REFUSED, "after_follows")


def test_a_follower_on_the_wire_in_another_lane_is_waited_for_by_a_replacement(world: World) -> None:
    world.message("A", draft(visit("v1")))
    world.deliver(rejected())
    world.write_results()
    other = LaneKey(SYSTEM, "other")
    passing = world.message("B", draft(visit("v1"), lane="other"))
    world.send(other)
    stored = world.accept("A2", draft(visit("v1")), replaces="A")
    assert world.turn(LANE) == 0
    world.settle(passing, accepted())
    assert world.turn(LANE) == world.numbers(stored)[0]


def test_cancelling_what_a_parked_message_blocked_cancels_it_as_it_stands_then(world: World) -> None:
    stored = world.accept("A", draft(visit("v1"), rows=(0, 1)), draft(visit("v1"), rows=(1, 2)))
    world.park()
    assert world.cancel(stored.submission) is Cancelled.WHOLE
    assert world.outbox.counts() == {("AK-1", "cancelled"): 2}
    follower = world.message("B", draft(visit("v1")))
    assert world.turn() == follower
