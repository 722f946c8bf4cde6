"""The contract of facts: what outcomes leave behind, who waits for it, and scopes of two names."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from agent.errors import Fault, InternalDefect
from agent.events import Alias, Awaited, Draft, Forget, Identifier, JsonObject, Need, Outcome, Scope, Verdict
from agent.outbox.model import Cancelled, LaneKey, State
from tests.contract.outbox_world import (
    LANE,
    SYSTEM,
    World,
    accepted,
    draft,
    partial,
    rejected,
    visit,
)

SETTLEMENT = Identifier("settlement", ("H-0001", "v1"), "S-1")
WRONG = Fault("/datalist/0/aae020", "history", "与已上传的费用之和不一致", field="aae020", code="RE1083")


def fact(member: str, value: str, key: str = "v1") -> Identifier:
    return Identifier("fees", ("H-0001", key), value, member)


def values(world: World, kind: str = "fees", key: str = "v1", system: str = SYSTEM) -> dict[str, str]:
    with world.outbox.write() as tx:
        return dict(tx.history(system).values(kind, ("H-0001", key)))


def value(world: World, kind: str, *key: str, member: str = "") -> str | None:
    with world.outbox.write() as tx:
        return tx.history(SYSTEM).value(kind, key, member)


def give(world: World, *identifiers: Identifier, **more: Any) -> None:
    world.message(f"giver-{world.clock.now()}-{len(world.outbox.messages())}", draft(visit("giver")))
    world.deliver(accepted(identifiers=identifiers, **more))


def hold(world: World, *awaited: Awaited) -> int:
    """The message whose turn it is finds that something is missing."""
    message = world.turn()
    with world.outbox.write() as tx:
        tx.hold(message, awaited or (Awaited("settlement", ("H-0001", "v1"), "结算流水号"),))
    return message


def refuse(world: World, message: int) -> State:
    with world.outbox.write() as tx:
        return tx.refuse(message, (WRONG,), world.clock.now()).state


# -- facts --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ahead", [True, False])
def test_an_outcome_sealed_ahead_or_within_its_commit_leaves_the_same(world: World, ahead: bool) -> None:
    outcome = accepted(data={"told": "1"}, identifiers=(fact("W1", "1"), fact("W1", "2"), fact("W2", "3")))
    submission = world.accept("giver", draft(visit("giver"))).submission
    if ahead:
        world.deliver(outcome)
    else:
        world.settle(world.send(), outcome)
    assert values(world) == {"W1": "2", "W2": "3"}
    assert sorted(view.value for view in world.outbox.facts("v1")) == ["2", "3"]
    assert world.result(submission)["data"] == {"told": "1"}


def test_a_group_of_facts_grows_and_a_member_given_again_is_replaced(world: World) -> None:
    give(world, fact("W1", "10.00"), fact("W2", "5.00"))
    give(world, fact("W2", "7.00"))
    assert values(world) == {"W1": "10.00", "W2": "7.00"}
    assert value(world, "fees", "H-0001", "v1", member="W1") == "10.00"
    assert value(world, "fees", "H-0001", "v1", member="W3") is None
    assert values(world, key="v2") == {}


def test_a_fact_without_a_member_is_one_value(world: World) -> None:
    give(world, SETTLEMENT)
    assert value(world, "settlement", "H-0001", "v1") == "S-1"
    assert value(world, "settlement", "H-0001", "v2") is None


def test_facts_of_another_system_are_not_seen(world: World) -> None:
    give(world, SETTLEMENT)
    with world.outbox.write() as tx:
        assert tx.history("jiangxi").value("settlement", ("H-0001", "v1")) is None


def test_one_member_or_the_whole_group_is_forgotten(world: World) -> None:
    give(world, fact("W1", "1"), fact("W2", "2"), fact("W1", "3", key="v2"))
    give(world, forgotten=(Forget("fees", ("H-0001", "v1"), "W1"),))
    assert values(world) == {"W2": "2"}
    give(world, forgotten=(Forget("fees", ("H-0001", "v1")),))
    assert values(world) == {}
    assert values(world, key="v2") == {"W1": "3"}


def test_an_outcome_that_forgets_and_gives_leaves_what_it_gives(world: World) -> None:
    give(world, fact("W1", "1"))
    give(world, fact("W2", "2"), forgotten=(Forget("fees", ("H-0001", "v1")),))
    assert values(world) == {"W2": "2"}


def test_a_commit_that_fails_leaves_the_facts_as_they_were(world: World) -> None:
    give(world, fact("W1", "1"))
    message = world.message("A", draft(visit("v9")))
    world.send()
    outcome = accepted(identifiers=(fact("W2", "2"),), forgotten=(Forget("fees", ("H-0001", "v1"), "W1"),))

    def settled_and_cut_off() -> None:
        with world.outbox.write() as tx:
            tx.settle(message, outcome, world.clock.now())
            assert tx.history(SYSTEM).values("fees", ("H-0001", "v1")) == {"W2": "2"}
            raise RuntimeError("power")

    with pytest.raises(RuntimeError, match="power"):
        settled_and_cut_off()
    assert values(world) == {"W1": "1"}


def test_facts_outlive_restarts_and_the_messages_that_gave_them(world: World) -> None:
    give(world, SETTLEMENT)
    world.write_results()
    world.clock.advance(86400)
    with world.outbox.write() as tx:
        assert tx.purge(world.clock.now()) == 1
    world.restart()
    assert value(world, "settlement", "H-0001", "v1") == "S-1"


@pytest.mark.parametrize("ends", ["expire", "cancel", "refuse"])
@pytest.mark.parametrize(("doubted", "says"), [(False, ""), (True, "doubted")])
def test_a_fact_of_what_may_have_arrived_is_none_of_a_message_that_was_never_sent(
    world: World, ends: str, doubted: bool, says: str
) -> None:
    message = world.message("A", draft(visit("v1")))
    with world.outbox.write() as tx:
        tx.give_facts(SYSTEM, (SETTLEMENT,), message=message)
    if doubted:
        world.lose()
        world.resolve(message, "resend")
    state = end_unsent(world, message, ends)
    assert giver(world, SETTLEMENT) == (says or state)


def test_a_message_that_a_backup_brought_back_may_have_been_sent_since(world: World) -> None:
    message = world.message("A", draft(visit("v1")))
    with world.outbox.write() as tx:
        tx.give_facts(SYSTEM, (SETTLEMENT,), message=message)
        tx.leave_unknown(message, "restored", world.clock.now())
    world.resolve(message, "resend")
    world.act("expire", message)
    assert giver(world, SETTLEMENT) == "doubted"


def giver(world: World, fact: Identifier) -> str:
    with world.outbox.write() as tx:
        return tx.history(SYSTEM).giver(fact.kind, fact.key)


def end_unsent(world: World, message: int, how: str) -> State:
    match how:
        case "expire":
            world.act("expire", message)
        case "cancel":
            world.cancel(world.view(message).submission)
        case _:
            refuse(world, message)
    return world.state(message)


def test_a_need_is_met_by_a_fact(world: World) -> None:
    give(world, SETTLEMENT)
    needy = draft(visit("v1"), needs=(Need("aaz515", "settlement", ("H-0001", "v1")),))
    world.message("A", needy)
    head = world.head()
    assert head is not None
    assert head.values == {"aaz515": "S-1"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("S-1", {("settlement", "", "S-1")}),
        ("v1", {("settlement", "", "S-1"), ("fee", "F-1", "M-1"), ("fee", "F-2", "M-2")}),
        ("F-2", {("fee", "F-2", "M-2")}),
        ("S-", set()),
        ("", set()),
    ],
)
def test_a_number_is_found_by_itself_by_its_member_and_by_a_part_of_its_key(
    world: World, text: str, found: set[tuple[str, str, str]]
) -> None:
    fees = [Identifier("fee", ("H-0001", "v1"), f"M-{n}", f"F-{n}") for n in (1, 2)]
    give(world, SETTLEMENT, *fees)
    assert {(one.kind, one.member, one.value) for one in world.outbox.facts(text)} == found
    assert world.outbox.facts(text, system="jiangxi") == []


def test_what_is_forgotten_is_not_found_and_the_limit_keeps_the_latest(world: World) -> None:
    give(world, fact("W1", "1"))
    give(world, fact("W2", "2"))
    assert [one.member for one in world.outbox.facts("v1", limit=1)] == ["W2"]
    give(world, forgotten=(Forget("fees", ("H-0001", "v1")),))
    assert world.outbox.facts("v1") == []
    assert world.outbox.facts("W1") == []


# -- resolve -------------------------------------------------------------------------------------------
def test_what_a_person_calls_accepted_yields_what_its_protocol_reads_from_it(world: World) -> None:
    message = world.message("A", draft(visit("v1"), body={"akc190": "v1"}))
    held = world.message("B", draft(visit("v1"), transaction="GYU002"))
    world.send()
    world.doubt(message)
    with world.outbox.write() as tx:
        tx.leave_unknown(message, "nobody knows", world.clock.now())
    asked: list[tuple[str, Draft, Any, JsonObject]] = []

    def resolved(system: str, sent: Draft, ids: Any, data: JsonObject) -> Outcome:
        asked.append((system, sent, dict(ids), data))
        return accepted(data=data, identifiers=(SETTLEMENT,))

    world.resolved = resolved
    world.resolve(message, "accepted", aaz515="S-1")
    ((system, sent, ids, data),) = asked
    assert (system, sent.body, data) == (SYSTEM, {"akc190": "v1"}, {"aaz515": "S-1"})
    assert ids["wire_id"] == world.view(message).wire_id
    assert value(world, "settlement", "H-0001", "v1") == "S-1"
    assert world.state(held) is State.READY


@pytest.mark.parametrize("verdict", ["rejected", "resend"])
def test_any_other_decision_yields_nothing(world: World, verdict: str) -> None:
    def resolved(*_: object) -> Outcome:
        raise AssertionError("asked")

    message = world.message("A", draft(visit("v1")))
    world.lose()
    world.resolved = resolved
    world.resolve(message, verdict)
    assert values(world) == {}


def test_a_decision_about_what_was_never_sent_is_read_from_its_draft(world: World) -> None:
    seen: list[Any] = []

    def resolved(_system: str, sent: Draft, ids: Any, _data: JsonObject) -> Outcome:
        seen.append((sent.body, dict(ids)))
        return Outcome(Verdict.ACCEPTED)

    message = world.message("A", draft(visit("v1"), body={"akc190": "v1"}))
    world.park()
    world.resolved = resolved
    world.resolve(message, "accepted")
    assert seen == [({"akc190": "v1"}, {})]


# -- what an attempt carried -----------------------------------------------------------------------------
def test_a_completed_draft_is_kept_with_its_attempt_and_asked_about_after_a_restart(world: World) -> None:
    message = world.message("A", draft(visit("v1"), body={"akc190": "v1"}))
    world.turn()
    with world.outbox.write() as tx:
        tx.begin(message, {"wire_id": "W1"}, world.clock.now(), draft(visit("v1"), body={"aaz515": "S-1"}))
    world.restart()
    head = world.head()
    assert head is not None
    assert head.inquiring
    assert head.draft.body == {"akc190": "v1"}
    assert [doubt.draft and doubt.draft.body for doubt in head.doubts] == [{"aaz515": "S-1"}]


def test_an_attempt_of_the_messages_own_draft_keeps_no_copy(world: World) -> None:
    message = world.message("A", draft(visit("v1")))
    world.send()
    world.doubt(message)
    head = world.head()
    assert head is not None
    assert [doubt.draft for doubt in head.doubts] == [None]


# -- repeatable ---------------------------------------------------------------------------------------------
def test_a_doubt_about_a_repeatable_message_makes_it_ready_and_is_remembered(world: World) -> None:
    message = world.message("A", draft(visit("v1"), repeatable=True))
    world.send()
    world.doubt(message)
    assert world.state(message) is State.READY
    head = world.head()
    assert head is not None
    assert [doubt.number for doubt in head.doubts] == [1]


def test_a_repeatable_message_that_a_crash_left_on_the_wire_is_ready_again(world: World) -> None:
    message = world.message("A", draft(visit("v1"), repeatable=True))
    world.send()
    world.restart()
    assert world.state(message) is State.READY


# -- refused by history --------------------------------------------------------------------------------------
def test_what_history_refuses_is_invalid_with_every_fault_and_blocks_as_a_refusal(world: World) -> None:
    message = world.message("A", draft(visit("v1")))
    follower = world.message("B", draft(visit("v1")))
    assert refuse(world, message) is State.INVALID
    assert world.state(follower) is State.BLOCKED
    result = world.result(world.view(message).submission)
    assert (result["state"], result["final"], result["attempts"]) == ("invalid", True, 0)
    assert result["errors"] == [WRONG.as_json()]
    assert "1 处错误" in result["message"]
    assert world.skip(message) == 1
    assert world.state(follower) is State.READY


def test_what_is_refused_alone_holds_up_only_who_asked_to_come_after_it(world: World) -> None:
    message = world.message("A", draft(visit("v1")))
    follower = world.message("B", draft(visit("v1")))
    asked = world.message("C", draft(visit("v9")), after="A")
    with world.outbox.write() as tx:
        tx.refuse(message, (WRONG,), world.clock.now(), alone=True)
    assert world.state(message) is State.INVALID
    assert world.state(follower) is State.READY
    assert world.state(asked) is State.BLOCKED


def test_a_submission_of_which_something_was_sent_is_partial(world: World) -> None:
    first, second, third = (
        draft(visit("v1"), rows=(0, 1)),
        draft(visit("v1"), rows=(1, 2)),
        draft(visit("v1"), rows=(2, 3)),
    )
    stored = world.accept("A", first, second, third, rows_total=3)
    world.deliver(accepted())
    refuse(world, world.turn())
    result = world.result(stored.submission)
    assert (result["state"], result["final"]) == ("partial", True)
    assert result["errors"] == [WRONG.as_json()]
    assert [row.get("state", "sent") for row in result["rows"]] == ["sent", "invalid", "cancelled"]
    assert (result["sent"], result["total"]) == (1, 3)


def test_the_id_of_what_history_refused_is_free_and_the_same_content_is_taken_anew(world: World) -> None:
    message = world.message("A", draft(visit("v1")))
    refuse(world, message)
    world.write_results()
    again = world.accept("A", draft(visit("v1")))
    assert again.submission != world.view(message).submission
    assert world.turn() != 0


def test_what_history_refused_can_be_replaced_at_its_place(world: World) -> None:
    message = world.message("A", draft(visit("v1")))
    follower = world.message("B", draft(visit("v1")))
    refuse(world, message)
    replacement = world.message("A2", draft(visit("v1")), replaces="A")
    assert world.deliver_all() == [replacement, follower]


def test_warnings_found_at_the_claim_reach_the_result_once(world: World) -> None:
    warning = Fault("", "history_missing", "本机没有该次住院的费用记录，未核对合计")
    stored = world.accept("A", draft(visit("v1")), warnings=(Fault("/data/x", "unknown", "没有这个字段"),))
    for _ in range(2):
        with world.outbox.write() as tx:
            tx.warn(world.numbers(stored)[0], (warning,))
    world.deliver(accepted())
    assert [one["rule"] for one in world.result(stored.submission)["warnings"]] == [
        "unknown",
        "history_missing",
    ]


# -- held -----------------------------------------------------------------------------------------------
def test_a_held_message_is_in_nobodys_way(world: World) -> None:
    world.message("A", draft(visit("v1")))
    held = hold(world)
    same_visit = world.message("B", draft(visit("v1")))
    assert world.state(held) is State.HELD
    assert world.deliver_all() == [same_visit]
    assert LANE not in world.outbox.lanes()


def test_the_fact_that_is_awaited_releases_it_at_its_place(world: World) -> None:
    world.message("A", draft(visit("v1")))
    held = hold(world)
    giver = world.message("B", draft(visit("v1")))
    waiting = world.message("C", draft(visit("v1")))
    world.send()
    world.settle(giver, accepted(identifiers=(SETTLEMENT,)))
    later = world.message("D", draft(visit("v1")))
    assert world.deliver_all() == [held, waiting, later]


def test_another_fact_of_another_key_releases_nobody(world: World) -> None:
    world.message("A", draft(visit("v1")))
    held = hold(world)
    give(world, Identifier("settlement", ("H-0001", "v2"), "S-2"))
    assert world.state(held) is State.HELD


def test_one_who_waits_for_two_facts_is_released_by_the_second(world: World) -> None:
    two = [Awaited("settlement", ("H-0001", name), name) for name in ("v1", "v2")]
    world.message("A", draft(visit("v1")))
    held = hold(world, *two)
    give(world, SETTLEMENT)
    assert world.state(held) is State.HELD
    give(world, Identifier("settlement", ("H-0001", "v2"), "S-2"))
    assert world.state(held) is State.READY


def test_of_two_facts_only_the_missing_one_is_waited_for(world: World) -> None:
    give(world, SETTLEMENT)
    world.message("A", draft(visit("v1")))
    held = hold(world, *(Awaited("settlement", ("H-0001", name), name) for name in ("v1", "v2")))
    give(world, Identifier("settlement", ("H-0001", "v2"), "S-2"))
    assert world.state(held) is State.READY


def test_waiting_for_what_is_there_is_a_defect_and_changes_nothing(world: World) -> None:
    give(world, SETTLEMENT)
    message = world.message("A", draft(visit("v1")))
    with pytest.raises(InternalDefect):
        hold(world)
    assert world.turn() == message


def test_a_decision_that_gives_the_fact_releases_too(world: World) -> None:
    world.message("A", draft(visit("v1"), transaction="GYU002"))
    held = hold(world)
    giver = world.message("B", draft(visit("v1")))
    world.lose()
    world.resolved = lambda *_: accepted(identifiers=(SETTLEMENT,))
    world.resolve(giver, "accepted")
    assert world.state(held) is State.READY


def test_the_his_sees_it_queued_with_what_it_waits_for(world: World) -> None:
    stored = world.accept("A", draft(visit("v1")))
    world.clock.advance(21)
    (first,) = world.write_results()
    hold(world)
    world.clock.advance(2)
    (result,) = world.write_results()
    assert (result["state"], result["final"]) == ("queued", False)
    assert result["revision"] > first["revision"]
    assert "结算流水号" in result["message"]
    give(world, SETTLEMENT)
    assert world.result(stored.submission)["message"] == "排队中，轮到后自动发送"


def test_a_held_message_expires_in_its_time(world: World) -> None:
    world.accept("A", draft(visit("v1")), valid_until=world.clock.now() + timedelta(seconds=60))
    held = hold(world)
    world.clock.advance(61)
    assert world.outbox.lapsed(world.clock.now()) == [held]
    with world.outbox.write() as tx:
        assert [settled.message for settled in tx.expire_lapsed(world.clock.now())] == [held]
    give(world, SETTLEMENT)
    assert world.state(held) is State.EXPIRED


def test_a_held_message_is_cancelled_and_acknowledged(world: World) -> None:
    stored = world.accept("A", draft(visit("v1")))
    held = hold(world)
    assert [address.file_name for address in world.act("acknowledge", stored.submission, "HIS")] == ["A.json"]
    assert world.cancel(stored.submission) is Cancelled.WHOLE
    give(world, SETTLEMENT)
    assert world.state(held) is State.CANCELLED


def test_a_held_message_can_be_replaced(world: World) -> None:
    world.message("A", draft(visit("v1")))
    held = hold(world)
    replacement = world.message("A2", draft(visit("v1")), replaces="A")
    assert world.state(held) is State.CANCELLED
    assert world.deliver_all() == [replacement]


def held_behind_a_failure(world: World) -> int:
    """A person let it pass what nobody knew, and decides only later that this was refused."""
    lost = world.message("A", draft(visit("v1")))
    world.message("B", draft(visit("v1"), transaction="GYU002"))
    world.lose()
    world.skip(lost)
    held = hold(world)
    world.resolve(lost, "rejected")
    assert world.state(held) is State.HELD
    return held


def test_a_failure_before_it_that_is_not_told_yet_blocks_a_held_message_at_its_release(world: World) -> None:
    held = held_behind_a_failure(world)
    give(world, SETTLEMENT)
    assert world.state(held) is State.BLOCKED


def test_a_failure_that_was_told_lets_a_released_message_pass(world: World) -> None:
    held = held_behind_a_failure(world)
    world.write_results()
    give(world, SETTLEMENT)
    assert world.state(held) is State.READY


def test_a_failure_after_it_is_none_of_its_business(world: World) -> None:
    world.message("A", draft(visit("v1"), transaction="GYU002"))
    held = hold(world)
    world.message("B", draft(visit("v1")))
    world.deliver(rejected())
    give(world, SETTLEMENT)
    assert world.state(held) is State.READY


def test_whoever_comes_after_a_held_submission_waits_for_its_end(world: World) -> None:
    world.message("A", draft(visit("v1")))
    follower = world.message("B", draft(visit("v2")), after="A")
    held = hold(world)
    late = world.message("C", draft(visit("v3")), after="A")
    other = world.message("D", draft(visit("v4")))
    assert world.deliver_all() == [other]
    world.message("E", draft(visit("giver")))
    world.deliver(accepted(identifiers=(SETTLEMENT,)))
    assert world.turn() == held
    assert set(world.deliver_all()) == {held, follower, late}


def test_a_held_message_stays_held_over_a_restart(world: World) -> None:
    world.message("A", draft(visit("v1")))
    held = hold(world)
    world.restart()
    assert world.state(held) is State.HELD
    assert world.turn() == 0
    give(world, SETTLEMENT)
    assert world.turn() == held


def test_rows_of_a_submission_keep_their_order_when_a_batch_was_held(world: World) -> None:
    stored = world.accept("A", *(draft(visit("v1"), rows=(n, n + 1)) for n in range(3)), rows_total=3)
    hold(world)
    world.deliver(accepted())
    world.deliver(accepted(identifiers=(SETTLEMENT,)))
    world.deliver(accepted())
    result = world.result(stored.submission)
    assert [row["index"] for row in result["rows"]] == [0, 1, 2]
    assert result["state"] == "accepted"


# -- other names of scopes --------------------------------------------------------------------------------
def settlement_scope(number: str) -> Scope:
    return Scope("settlement", (number,))


AZ = Alias("settlement", ("S-1",), ("H-0001", "v1"), "visit")


def test_messages_under_either_name_keep_one_order(world: World) -> None:
    give(world, aliases=(AZ,))
    other_lane = LaneKey(SYSTEM, "B")
    first = world.message("A", draft(visit("v1")))
    world.message("B", draft(settlement_scope("S-1"), lane="B"))
    assert world.turn(other_lane) == 0
    world.begin(first)
    world.settle(first, accepted())
    assert world.turn(other_lane) != 0


def test_a_failure_under_one_name_blocks_the_other(world: World) -> None:
    give(world, aliases=(AZ,))
    world.message("A", draft(settlement_scope("S-1"), visit("v9")))
    follower = world.message("B", draft(visit("v1")))
    world.deliver(partial(settlement_scope("S-1")))
    assert world.state(follower) is State.BLOCKED


def test_without_the_alias_the_names_are_two_things(world: World) -> None:
    world.message("A", draft(visit("v1")))
    world.message("B", draft(settlement_scope("S-1"), lane="B"))
    assert world.turn(LaneKey(SYSTEM, "B")) != 0


def test_a_name_of_a_name_leads_to_the_thing_itself(world: World) -> None:
    """Whichever of the two was learnt first."""
    give(world, aliases=(Alias("old", ("1",), ("S-1",), "settlement"),))
    give(world, aliases=(AZ, Alias("new", ("1",), ("1",), "old")))
    blocker = world.message("A", draft(visit("v1")))
    for lane, kind in (("B", "old"), ("C", "new")):
        world.message(kind, draft(Scope(kind, ("1",)), lane=lane))
        assert world.turn(LaneKey(SYSTEM, lane)) == 0
    world.begin(blocker)
    world.settle(blocker, accepted())
    assert world.turn(LaneKey(SYSTEM, "B")) != 0


def test_an_alias_that_is_learnt_again_names_the_new_thing_and_one_to_itself_says_nothing(
    world: World,
) -> None:
    give(world, aliases=(AZ, Alias("visit", ("H-0001", "v1"), ("H-0001", "v1"))))
    give(world, aliases=(Alias("settlement", ("S-1",), ("H-0001", "v2"), "visit"),))
    world.message("A", draft(visit("v1")))
    world.message("B", draft(settlement_scope("S-1"), lane="B"))
    assert world.turn(LaneKey(SYSTEM, "B")) != 0


def test_a_large_submission_is_stored_under_the_thing_itself(world: World) -> None:
    give(world, aliases=(AZ,))
    with world.outbox.write() as tx:
        stage = tx.stage(world.new("big"))
    with world.outbox.write() as tx:
        tx.extend(stage.submission, [draft(settlement_scope("S-1"), lane="B")])
        tx.publish(stage.submission)
    world.message("A", draft(visit("v1")))
    assert world.turn() == 0
    world.deliver(accepted(), LaneKey(SYSTEM, "B"))
    assert world.turn() != 0
