"""Every outbox takes submissions in, gives messages their turn and settles them as its contract says.

``test_outbox_blocking``, ``test_outbox_decisions`` and ``test_outbox_results`` are parts of this suite.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from agent.errors import StoreError
from agent.events import Draft, Hold, Identifier, Need, Outcome, Scope, Verdict
from agent.outbox.model import AttemptState, Cancelled, LaneKey, Receipt, ReplyAddress, State
from tests.contract.outbox_world import (
    FAULT,
    LANE,
    QUERIES,
    SYSTEM,
    World,
    accepted,
    draft,
    institution,
    partial,
    query,
    rejected,
    visit,
)


# -- intake ----------------------------------------------------------------------------------------
def test_a_stored_submission_has_one_ready_message_per_draft(world: World) -> None:
    stored = world.accept("A", draft(visit("v1")), draft(visit("v2")))
    assert (stored.receipt, stored.messages) == (Receipt.STORED, 2)
    assert [world.state(number) for number in world.numbers(stored)] == [State.READY, State.READY]


def test_a_replayed_event_changes_nothing_even_after_a_restart(world: World) -> None:
    new = world.new("A", draft(visit("v1")))
    first = world.take(new)
    world.restart()
    again = world.take(new)
    assert (again.receipt, again.submission) == (Receipt.REPLAYED, first.submission)
    assert len(world.outbox.messages()) == 1
    world.deliver(accepted())
    assert len(world.write_results()) == 1


def test_same_id_and_content_under_way_gets_its_result_at_both_addresses_when_it_ends(world: World) -> None:
    first = world.accept("A", draft(visit("v1")))
    again = world.accept("A", draft(visit("v1")), reply=ReplyAddress("inbox", "again.json"))
    assert (again.receipt, again.submission) == (Receipt.REPEATED, first.submission)
    assert len(world.outbox.messages()) == 1
    assert world.write_results() == []
    world.deliver(accepted())
    due = world.outbox.due_replies(world.clock.now(), 10)
    assert [reply.address.file_name for reply in due] == ["A.json", "again.json"]
    assert [reply.result["file"] for reply in due] == ["A.json", "again.json"]
    assert {**due[0].result, "file": ""} == {**due[1].result, "file": ""}


def test_same_id_and_content_after_the_end_gets_the_stored_result_at_once(world: World) -> None:
    world.accept("A", draft(visit("v1")))
    world.deliver(accepted(data={"akc190": "100"}))
    world.write_results()
    world.restart()
    assert world.accept("A", draft(visit("v1"))).receipt is Receipt.REPEATED
    assert [result["data"] for result in world.write_results()] == [{"akc190": "100"}]


def test_same_id_and_other_content_is_refused_with_a_result_of_its_own(world: World) -> None:
    first = world.accept("A", draft(visit("v1")))
    other = world.accept("A", draft(visit("v2")), digest=b"other")
    assert other.receipt is Receipt.REFUSED
    assert other.submission != first.submission
    (result,) = world.write_results()
    assert (result["state"], result["final"], result["errors"][0]["rule"]) == ("invalid", True, "id_taken")
    world.deliver(accepted())
    assert world.accept("A", draft(visit("v1"))).receipt is Receipt.REPEATED, "the first keeps its id"


@pytest.mark.parametrize("end", ["invalid", "expired", "cancelled"])
def test_an_id_is_free_for_other_content_after(world: World, end: str) -> None:
    if end == "invalid":
        world.accept("A", faults=(FAULT,))
    else:
        number = world.message("A", draft(visit("v1")))
        if end == "expired":
            world.act("expire", number)
        else:
            assert world.cancel(world.view(number).submission) is Cancelled.WHOLE
    assert world.accept("A", draft(visit("v2")), digest=b"other").receipt is Receipt.STORED


@pytest.mark.parametrize("outcome", [accepted(), rejected(), partial()], ids=lambda o: str(o.verdict))
def test_an_id_stays_taken_after_an_answer_of_the_system(world: World, outcome: Outcome) -> None:
    world.accept("A", draft(visit("v1")))
    world.deliver(outcome)
    assert world.accept("A", draft(visit("v2")), digest=b"other").receipt is Receipt.REFUSED


def test_the_same_id_in_another_transaction_is_another_submission(world: World) -> None:
    world.accept("A", draft(visit("v1")))
    assert world.accept("A", draft(visit("v1"), transaction="GYU102")).receipt is Receipt.STORED


def test_invalid_content_that_was_mended_is_judged_anew(world: World) -> None:
    world.accept("A", faults=(FAULT,))
    assert world.accept("A", faults=(FAULT,)).receipt is Receipt.REPEATED
    assert world.accept("A", draft(visit("v1"))).receipt is Receipt.STORED


def test_files_without_a_readable_id_are_never_taken_for_each_other(world: World) -> None:
    assert world.accept("", faults=(FAULT,)).receipt is Receipt.STORED
    assert world.accept("", faults=(FAULT,)).receipt is Receipt.STORED
    assert len(world.write_results()) == 2


def test_an_invalid_submission_is_final_at_once_and_lists_its_faults(world: World) -> None:
    world.accept("A", faults=(FAULT,), warnings=(FAULT,))
    (result,) = world.write_results()
    assert (result["state"], result["final"]) == ("invalid", True)
    assert result["errors"] == [FAULT.as_json()] == result["warnings"]
    assert world.outbox.messages() == []


def test_a_submission_with_nothing_to_send_is_invalid(world: World) -> None:
    world.accept("A")
    assert [result["errors"][0]["rule"] for result in world.write_results()] == ["nothing_to_send"]


def test_nothing_is_kept_of_a_transaction_that_fails(world: World) -> None:
    def accept_and_fail() -> None:
        with world.outbox.write() as tx:
            tx.accept(world.new("A", draft(visit("v1"), lane="new-lane")))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        accept_and_fail()
    assert world.outbox.messages() == []
    assert world.outbox.lanes() == ()
    assert world.outbox.counts() == {}
    world.accept("A", draft(visit("v1"), lane="new-lane"))
    assert world.outbox.lanes() == (LaneKey(SYSTEM, "new-lane"),)


# -- stages ------------------------------------------------------------------------------------------
def test_nothing_of_a_stage_is_claimed_before_it_is_published(world: World) -> None:
    with world.outbox.write() as tx:
        stage = tx.stage(world.new("A"))
        tx.extend(stage.submission, [draft(visit("v1")), draft(visit("v2"))])
    with world.outbox.write() as tx:
        tx.extend(stage.submission, [draft(visit("v3"))])
    assert world.turn() == 0
    with world.outbox.write() as tx:
        assert tx.publish(stage.submission).messages == 3
    assert world.deliver_all() == world.numbers(stage)
    assert world.result(stage.submission)["state"] == "accepted"


def test_a_stage_keeps_the_place_at_which_it_began(world: World) -> None:
    with world.outbox.write() as tx:
        stage = tx.stage(world.new("A"))
    later = world.message("B", draft(visit("v1")))
    with world.outbox.write() as tx:
        tx.extend(stage.submission, [draft(visit("v1")), draft(visit("v2"))])
    assert world.turn() == 0, "what shares the visit waits for the stage"
    with world.outbox.write() as tx:
        tx.publish(stage.submission)
    first, second = world.numbers(stage)[-2:]
    assert world.deliver_all() == [first, second, later]


def test_a_chunk_does_not_recall_a_later_message_on_the_wire_but_waits_for_it(world: World) -> None:
    with world.outbox.write() as tx:
        stage = tx.stage(world.new("A"))
    later = world.message("B", draft(visit("v1"), lane="other"))
    assert world.send(LaneKey(SYSTEM, "other")) == later
    with world.outbox.write() as tx:
        tx.extend(stage.submission, [draft(visit("v1"))])
        tx.publish(stage.submission)
    assert world.turn() == 0
    world.settle(later, accepted())
    assert world.turn() == world.numbers(stage)[0]


def test_a_message_back_from_the_wire_waits_for_whoever_was_put_before_it(world: World) -> None:
    with world.outbox.write() as tx:
        stage = tx.stage(world.new("A"))
    other = LaneKey(SYSTEM, "other")
    later = world.message("B", draft(visit("v1"), lane="other"))
    world.send(other)
    with world.outbox.write() as tx:
        tx.extend(stage.submission, [draft(visit("v1"))])
        tx.publish(stage.submission)
        tx.withdraw(later, 1)
    assert (world.turn(other), world.turn()) == (0, world.numbers(stage)[0])
    world.deliver(accepted())
    assert world.turn(other) == later


def test_an_abandoned_stage_is_invalid_and_lets_others_go_on(world: World) -> None:
    with world.outbox.write() as tx:
        stage = tx.stage(world.new("A"))
        tx.extend(stage.submission, [query(visit("v1"))])
    with world.outbox.write() as tx:
        tx.abandon(stage.submission, [FAULT])
    assert world.turn(QUERIES) == 0
    (result,) = world.write_results()
    assert (result["state"], result["errors"]) == ("invalid", [FAULT.as_json()])
    assert world.accept("A", draft(visit("v1")), digest=b"mended").receipt is Receipt.STORED


def test_a_stage_left_by_a_crash_is_removed_and_its_event_taken_anew(world: World) -> None:
    new = world.new("A")
    with world.outbox.write() as tx:
        stage = tx.stage(new)
        tx.extend(stage.submission, [draft(visit("v1"))])
    follower = world.message("B", draft(visit("v1")))
    world.restart()
    assert world.turn() == follower
    assert world.outbox.result(stage.submission) is None
    assert world.take(world.new("A", draft(visit("v2")), event_id=new.event_id)).receipt is Receipt.STORED


def test_a_removed_stage_gives_its_id_back_to_whoever_held_it(world: World) -> None:
    first = world.accept("A", faults=(FAULT,), digest=b"1")
    with world.outbox.write() as tx:
        tx.stage(world.new("A", digest=b"2"))
    world.restart()
    with world.outbox.write() as tx:
        assert tx.find(SYSTEM, "A") == (first.submission,)


def test_a_stage_without_a_draft_is_refused_when_published(world: World) -> None:
    with world.outbox.write() as tx:
        stage = tx.stage(world.new("A"))
        assert tx.publish(stage.submission).receipt is Receipt.REFUSED
    assert world.result(stage.submission)["state"] == "invalid"


def test_extending_what_is_no_stage_is_an_error(world: World) -> None:
    stored = world.accept("A", draft(visit("v1")))
    with pytest.raises(StoreError), world.outbox.write() as tx:
        tx.extend(stored.submission, [draft(visit("v2"))])


# -- order ---------------------------------------------------------------------------------------------
def test_messages_go_in_commit_order_and_interactive_ones_first(world: World) -> None:
    bulk = [world.message(f"B{n}", draft(visit(f"b{n}"), interactive=False)) for n in range(3)]
    till = [world.message(f"T{n}", draft(visit(f"t{n}"))) for n in range(3)]
    assert world.deliver_all() == till + bulk


def test_a_strict_lane_keeps_commit_order_whatever_the_class(world: World) -> None:
    mixed = [world.message(f"M{n}", draft(visit(f"v{n}"), interactive=n % 2 == 1)) for n in range(4)]
    sent = []
    while (head := world.head(strict=True)) is not None:
        world.begin(head.message)
        world.settle(head.message, accepted())
        sent.append(head.message)
    assert sent == mixed


def test_an_interactive_message_does_not_pass_an_earlier_one_of_its_visit(world: World) -> None:
    bulk = world.message("B", draft(visit("v1"), interactive=False))
    till = world.message("T", draft(visit("v1")))
    assert world.deliver_all() == [bulk, till]


def test_one_message_of_a_lane_is_in_flight_and_stays_its_head(world: World) -> None:
    first = world.message("A", draft(visit("v1")))
    world.message("B", draft(visit("v2")))
    world.send()
    assert world.turn() == first
    with pytest.raises(StoreError):
        world.begin(world.numbers(world.accept("C", draft(visit("v3"))))[0])


def test_lanes_do_not_wait_for_each_other(world: World) -> None:
    world.message("A", draft(visit("v1")))
    other = world.message("B", draft(visit("v2"), lane="AK-2"))
    world.send()
    assert world.turn(LaneKey(SYSTEM, "AK-2")) == other


def test_a_visit_is_in_order_across_lanes(world: World) -> None:
    first = world.message("A", draft(visit("v1")))
    second = world.message("B", draft(visit("v1"), lane="AK-2"))
    assert world.turn(LaneKey(SYSTEM, "AK-2")) == 0
    with pytest.raises(StoreError):
        world.begin(second)
    world.deliver(accepted())
    assert (world.state(first), world.turn(LaneKey(SYSTEM, "AK-2"))) == (State.ACCEPTED, second)


def test_systems_do_not_share_scopes(world: World) -> None:
    world.message("A", draft(visit("v1")))
    other = world.accept("A", draft(visit("v1")), system="jiangxi")
    assert world.turn(LaneKey("jiangxi", LANE.lane)) == world.numbers(other)[0]


def test_a_statement_waits_for_all_its_visits_and_holds_later_ones(world: World) -> None:
    before = [world.message(f"A{n}", draft(visit(f"v{n}"), institution())) for n in range(2)]
    statement = world.message("S", draft(institution(Hold.EXCLUSIVE), lane="statements"))
    after = world.message("B", draft(visit("v9"), institution()))
    statements = LaneKey(SYSTEM, "statements")
    assert world.turn(statements) == 0
    assert [world.deliver(accepted()) for _ in before] == before
    assert (world.turn(), world.turn(statements)) == (0, statement)
    world.deliver(accepted(), statements)
    assert world.turn() == after


def test_a_query_waits_for_its_visit_holds_nobody_up_and_now_overtakes(world: World) -> None:
    first = world.message("A", draft(visit("v1")))
    waiting = world.message("Q1", query(visit("v1", Hold.OBSERVER)))
    second = world.message("B", draft(visit("v1"), lane="other"))
    at_once = world.message("Q2", query(visit("v1", Hold.OBSERVER)), now=True)
    assert world.turn(QUERIES) == at_once
    world.deliver(accepted(), QUERIES)
    assert world.turn(QUERIES) == 0
    assert world.deliver(accepted()) == first
    assert (world.turn(QUERIES), world.turn(LaneKey(SYSTEM, "other"))) == (waiting, second)


def test_workers_of_a_stream_skip_what_others_have_in_hand(world: World) -> None:
    queries = [world.message(f"Q{n}", query()) for n in range(3)]
    head = world.head(QUERIES)
    assert head is not None
    assert head.message == queries[0]
    world.begin(queries[0])
    assert world.turn(QUERIES) == queries[0], "a worker that lost it finds it again"
    second = world.head(QUERIES, skip=frozenset({queries[0]}))
    assert second is not None
    assert second.message == queries[1]
    assert world.head(QUERIES, skip=frozenset(queries)) is None


def test_follow_ups_take_their_parents_place(world: World) -> None:
    parent = world.message("A", draft(visit("v1")), draft(visit("v2")))
    follower = world.message("B", draft(visit("v1")))
    world.deliver(accepted(follow_ups=(draft(visit("v1"), transaction="GYU008"), draft(visit("v3")))))
    rest = [m.message for m in world.outbox.messages() if m.message not in {parent, follower}]
    sibling, *follow_ups = sorted(rest)
    assert world.deliver_all() == [*follow_ups, sibling, follower]


def test_lanes_are_those_with_something_unfinished(world: World) -> None:
    world.message("A", draft(visit("v1")))
    world.message("Q", query())
    assert set(world.outbox.lanes()) == {LANE, QUERIES}
    world.deliver(accepted())
    world.restart()
    assert world.outbox.lanes() == (QUERIES,)
    world.lose(LANE) if world.turn(LANE) else world.deliver(accepted(), QUERIES)
    assert world.outbox.lanes() == ()


# -- what a head carries ----------------------------------------------------------------------------------
def test_a_draft_comes_back_as_it_was(world: World) -> None:
    original = Draft(
        transaction="GYU102",
        lane=LANE.lane,
        body={"amount": Decimal("12.50"), "whole": Decimal(7), "n": 3, "list": [None, True, {"名": "某甲"}]},
        scopes=(visit("v1"), Scope("institution", ("H-0001",), Hold.SHARED, broad=True)),
        rows=(500, 1000),
        interactive=False,
        harmless=True,
        blocks=False,
        blockable=False,
        expiry_blocks=True,
        stop_on_refusal=True,
        needs=(Need("s", "batch", ("k", "l"), required=False),),
    )
    valid_until = world.clock.now() + timedelta(seconds=60)
    world.accept("A", original, valid_until=valid_until)
    head = world.head()
    assert head is not None
    assert head.draft == original
    assert isinstance(head.draft.body["amount"], Decimal)
    assert isinstance(head.draft.body["n"], int)
    assert (head.valid_until, head.tries, head.withdrawn) == (valid_until, 0, 0)
    assert (head.system, head.transaction, head.lane) == (SYSTEM, "GYU102", LANE.lane)


def test_needs_are_filled_by_earlier_messages_of_the_submission(world: World) -> None:
    needy = draft(visit("v1"), needs=(Need("file-id"), Need("other", required=False), Need("lost")))
    world.accept("A", draft(visit("v1"), transaction="GYU002"), needy)
    world.accept("B", draft(visit("v2"), needs=(Need("file-id"),)))
    world.deliver(accepted(slots={"file-id": "F-1"}))
    head = world.head()
    assert head is not None
    assert head.values == {"file-id": "F-1", "other": ""}
    assert [need.slot for need in head.missing] == ["lost"]
    world.deliver(accepted())
    other = world.head()
    assert other is not None
    assert other.values == {}, "slots are of one submission"


def test_needs_are_filled_by_identifiers_of_anybodys_outcome_the_latest_counts(world: World) -> None:
    for number in (1, 2):
        world.accept(f"S{number}", draft(visit("v1")))
        world.deliver(accepted(identifiers=(Identifier("settlement", ("v1", "a"), f"N-{number}"),)))
    world.accept("I", draft(visit("v1"), needs=(Need("no", "settlement", ("v1", "a")),)))
    world.accept("J", draft(visit("v1"), needs=(Need("no", "settlement", ("v1a", "")),)))
    world.restart()
    head = world.head()
    assert head is not None
    assert (head.values, head.missing) == ({"no": "N-2"}, ())
    world.deliver(accepted())
    other = world.head()
    assert other is not None
    assert len(other.missing) == 1, "another key is another identifier"


def test_a_message_that_needs_a_value_waits_for_those_of_its_submission_that_may_give_it(
    world: World,
) -> None:
    other = LaneKey(SYSTEM, "files")
    world.accept("A", draft(transaction="GYU002", lane="files"), draft(visit("v1"), needs=(Need("file-id"),)))
    assert world.turn() == 0
    world.deliver(accepted(slots={"file-id": "F-1"}), other)
    head = world.head()
    assert head is not None
    assert head.values == {"file-id": "F-1"}


def test_in_a_stage_too_a_message_waits_for_the_values_that_it_needs(world: World) -> None:
    with world.outbox.write() as tx:
        stage = tx.stage(world.new("A"))
        tx.extend(stage.submission, [draft(transaction="GYU002", lane="files")])
    with world.outbox.write() as tx:
        tx.extend(stage.submission, [draft(needs=(Need("file-id"),))])
        tx.publish(stage.submission)
    assert world.turn() == 0
    world.deliver(accepted(slots={"file-id": "F-1"}), LaneKey(SYSTEM, "files"))
    assert world.turn() == world.numbers(stage)[1]


# -- attempts and doubts -----------------------------------------------------------------------------------
def test_a_withdrawn_attempt_leaves_the_message_ready_at_its_place(world: World) -> None:
    first = world.message("A", draft(visit("v1")))
    world.message("B", draft(visit("v2")))
    for tries in (1, 2):
        world.send()
        with world.outbox.write() as tx:
            tx.withdraw(first, tries)
    head = world.head()
    assert head is not None
    assert (head.message, head.tries, head.withdrawn) == (first, 2, 2)
    world.send()
    with world.outbox.write() as tx:
        tx.retry(first, 3, "RE1173", "过于频繁")
    head = world.head()
    assert head is not None
    assert (head.message, head.tries, head.withdrawn, head.doubts) == (first, 3, 0, ())
    assert [entry["state"] for entry in world.outbox.history(first)] == ["withdrawn", "withdrawn", "answered"]
    assert world.outbox.history(first)[-1]["code"] == "RE1173"


def test_a_doubt_makes_it_inquiring_until_it_is_settled(world: World) -> None:
    message = world.message("A", draft(visit("v1")))
    world.message("B", draft(visit("v2")))
    attempt = world.begin(world.turn())
    began = world.clock.now()
    with world.outbox.write() as tx:
        tx.doubt(message, attempt.number, "timeout", began)
    world.clock.advance(5)
    head = world.head()
    assert head is not None
    assert (head.message, head.inquiring, head.doubt_since) == (message, True, began)
    assert [(d.number, d.state, d.ids) for d in head.doubts] == [(1, AttemptState.UNKNOWN, attempt.ids)]
    world.settle(message, accepted(settled_by="inquiry"))
    assert world.state(message) is State.ACCEPTED
    result = world.result(world.view(message).submission)
    assert (result["settled_by"], result["wire_id"]) == ("inquiry", attempt.ids["wire_id"])


def test_negatives_are_counted_in_a_row_and_a_cleared_doubt_is_kept_for_asking(world: World) -> None:
    message = world.message("A", draft(visit("v1")))
    world.send()
    world.doubt(message)
    with world.outbox.write() as tx:
        assert tx.note_negative(message, world.clock.now()) == 1
    world.clock.advance(60)
    with world.outbox.write() as tx:
        assert tx.note_negative(message, world.clock.now()) == 2
    head = world.head()
    assert head is not None
    assert (head.negatives, head.last_negative_at) == (2, world.clock.now())
    with world.outbox.write() as tx:
        tx.clear_doubt(message)
    head = world.head()
    assert head is not None
    assert (head.inquiring, head.negatives, head.doubt_since) == (False, 0, None)
    assert [doubt.state for doubt in head.doubts] == [AttemptState.ABSENT], (
        "asked again if it is there already"
    )
    world.send()
    world.doubt(message)
    head = world.head()
    assert head is not None
    assert [d.state for d in head.doubts] == [AttemptState.ABSENT, AttemptState.UNKNOWN]


def test_a_harmless_message_in_doubt_is_simply_ready_again(world: World) -> None:
    message = world.message("Q", query())
    world.send(QUERIES)
    world.doubt(message)
    head = world.head(QUERIES)
    assert head is not None
    assert (head.message, head.inquiring, head.doubts, head.tries) == (message, False, (), 1)


def test_what_a_crash_left_in_flight_is_inquired_about_and_queries_are_asked_again(world: World) -> None:
    message = world.message("A", draft(visit("v1")))
    asked = world.message("Q", query())
    world.send()
    world.send(QUERIES)
    world.clock.advance(3600)
    world.restart()
    head = world.head()
    assert head is not None
    assert (head.message, head.inquiring, head.doubt_since) == (message, True, world.clock.now())
    assert [doubt.number for doubt in head.doubts] == [1]
    assert world.result(world.view(message).submission)["state"] == "querying"
    assert (world.turn(QUERIES), world.state(asked)) == (asked, State.READY)
    world.clock.advance(3600)
    world.restart()
    again = world.head()
    assert again is not None
    assert again.doubt_since == head.doubt_since, "the doubt began before the second restart"


@pytest.mark.parametrize("act", ["withdraw", "retry", "doubt", "note_negative", "clear_doubt", "settle"])
def test_an_act_that_its_state_does_not_allow_is_an_error_and_changes_nothing(world: World, act: str) -> None:
    message = world.message("A", draft(visit("v1")))
    world.deliver(accepted())
    now = world.clock.now()
    values = {
        "withdraw": (1,),
        "retry": (1, "c", "t"),
        "doubt": (1, "w", now),
        "note_negative": (now,),
        "clear_doubt": (),
        "settle": (rejected(), now),
    }
    with pytest.raises(StoreError), world.outbox.write() as tx:
        getattr(tx, act)(message, *values[act])
    assert world.state(message) is State.ACCEPTED


def test_an_attempt_that_is_not_the_present_one_is_refused(world: World) -> None:
    message = world.message("A", draft(visit("v1")))
    world.send()
    with pytest.raises(StoreError), world.outbox.write() as tx:
        tx.withdraw(message, 2)
    assert world.state(message) is State.IN_FLIGHT


@pytest.mark.parametrize("verdict", [Verdict.RETRY, Verdict.UNKNOWN, Verdict.HALT])
def test_settling_takes_final_verdicts_only(world: World, verdict: Verdict) -> None:
    world.message("A", draft(visit("v1")))
    message = world.send()
    with pytest.raises(StoreError):
        world.settle(message, Outcome(verdict))
    assert world.state(message) is State.IN_FLIGHT


def test_a_settlement_tells_what_it_changed(world: World) -> None:
    message = world.message("A", draft(visit("v1")))
    world.message("B", draft(visit("v1")))
    settled = world.settle(world.send(), rejected())
    assert (settled.message, settled.state, settled.code, settled.blocked) == (
        message,
        State.REJECTED,
        "RE1001",
        1,
    )
    assert (settled.system, settled.transaction) == (SYSTEM, "GYU101")


def test_a_message_refused_before_it_was_sent_is_settled_without_an_attempt(world: World) -> None:
    message = world.message("A", draft(visit("v1"), needs=(Need("lost"),)))
    world.settle(message, rejected(settled_by="agent"))
    result = world.result(world.view(message).submission)
    assert (result["state"], result["attempts"], result["wire_id"]) == ("rejected", 0, "")


# -- batches -------------------------------------------------------------------------------------------------
def test_a_rejected_batch_cancels_the_later_ones_and_a_partial_one_does_not(world: World) -> None:
    batches = [draft(visit(f"v{n}"), rows=(n, n + 1)) for n in range(3)]
    first = world.accept("A", *batches)
    world.deliver(partial())
    world.deliver(rejected())
    states = [world.state(number) for number in world.numbers(first)]
    assert states == [State.PARTIAL, State.REJECTED, State.CANCELLED]
    assert world.result(first.submission)["state"] == "partial"


def test_a_partial_refusal_stops_the_rest_where_the_draft_says_so(world: World) -> None:
    first = world.accept("A", draft(visit("v1"), stop_on_refusal=True), draft(visit("v2")))
    follower = world.message("B", draft(visit("v2")))
    world.deliver(partial(visit("v1")))
    assert [world.state(number) for number in world.numbers(first)] == [State.PARTIAL, State.CANCELLED]
    assert world.state(follower) is State.BLOCKED, "its visit was never served"


# -- numbers and reading ---------------------------------------------------------------------------
def test_a_reserved_bound_rises_and_never_sinks(world: World) -> None:
    with world.outbox.write() as tx:
        assert tx.reserve("refid", "20260101", 200) == 0
        assert tx.reserve("refid", "20260101", 100) == 200
        assert tx.reserve("refid", "20260102", 10) == 0
        assert tx.reserve("bke384", "", 5) == 0
    world.restart()
    expected = {("refid", "20260101"): 200, ("refid", "20260102"): 10, ("bke384", ""): 5}
    assert world.outbox.reserved() == expected
    with world.outbox.write() as tx:
        tx.forget_series("20260102")
    assert world.outbox.reserved() == {("refid", "20260102"): 10, ("bke384", ""): 5}


def test_counts_are_by_lane_and_state_and_survive_a_restart(world: World) -> None:
    for number in range(3):
        world.message(f"A{number}", draft(visit(f"v{number}")))
    world.deliver(accepted())
    world.send()
    expected = {("AK-1", "accepted"): 1, ("AK-1", "in_flight"): 1, ("AK-1", "ready"): 1}
    assert world.outbox.counts() == expected
    world.restart()
    assert world.outbox.counts() == {("AK-1", "accepted"): 1, ("AK-1", "inquiring"): 1, ("AK-1", "ready"): 1}


def test_messages_are_listed_newest_first_by_state_and_system(world: World) -> None:
    first = world.message("A", draft(visit("v1")))
    second = world.message("B", draft(visit("v1")))
    other = world.numbers(world.accept("C", draft(visit("v1")), system="jiangxi"))[0]
    world.deliver(rejected())
    assert [m.message for m in world.outbox.messages()] == [other, second, first]
    assert [m.message for m in world.outbox.messages(limit=1)] == [other]
    assert [m.message for m in world.outbox.messages(state="blocked")] == [second]
    assert [m.message for m in world.outbox.messages(state="rejected")] == [first]
    assert [m.message for m in world.outbox.messages(system="jiangxi")] == [other]
    assert world.outbox.messages(state="blocked", system="jiangxi") == []
    assert world.outbox.message(999) is None


def test_a_message_is_found_by_its_wire_id(world: World) -> None:
    message = world.message("A", draft(visit("v1")))
    attempt = world.begin(message)
    assert world.outbox.messages_by_wire_id(attempt.ids["wire_id"]) == (message,)
    assert world.outbox.messages_by_wire_id("W-none") == ()
    assert world.view(message).wire_id == attempt.ids["wire_id"]


def test_the_content_of_a_submission_can_be_read_again(world: World) -> None:
    stored = world.accept("A", draft(visit("v1")), body={"akc190": "某甲", "amount": Decimal("1.10")})
    assert world.outbox.body(stored.submission) == {"akc190": "某甲", "amount": Decimal("1.10")}
    assert world.outbox.body(999) is None


def test_readers_see_a_commit_when_it_is_one(world: World) -> None:
    with world.outbox.write() as tx:
        tx.accept(world.new("A", draft(visit("v1"))))
        assert world.outbox.messages() == []
    assert len(world.outbox.messages()) == 1


# -- order, where several things meet ----------------------------------------------------------------
def test_who_was_put_before_several_on_the_wire_waits_for_the_last_of_them(world: World) -> None:
    one, other = LaneKey(SYSTEM, "one"), LaneKey(SYSTEM, "other")
    with world.outbox.write() as tx:
        stage = tx.stage(world.new("S"))
    first = world.message("A", draft(visit("v1"), institution(), lane="one"))
    second = world.message("B", draft(visit("v2"), institution(), lane="other"))
    assert (world.send(one), world.send(other)) == (first, second)
    with world.outbox.write() as tx:
        tx.extend(stage.submission, [draft(institution(Hold.EXCLUSIVE))])
        tx.publish(stage.submission)
    world.settle(first, accepted())
    assert world.turn() == 0, "the other is still on the wire"
    world.settle(second, accepted())
    assert world.turn() == world.numbers(stage)[0]


def test_a_scope_named_twice_is_held_by_the_stronger_hold(world: World) -> None:
    first = world.message("A", draft(visit("v1", Hold.OBSERVER), visit("v1"), visit("v1", Hold.SHARED)))
    second = world.message("B", draft(visit("v1")))
    assert world.send() == first
    assert world.head(skip=frozenset({first})) is None
    world.settle(first, accepted())
    assert world.turn() == second
