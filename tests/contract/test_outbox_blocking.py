"""Part of the outbox's contract suite: one bad record stops what depends on it, and nothing else."""

from __future__ import annotations

import pytest

from agent.events import Draft, Hold
from agent.outbox.model import Cancelled, LaneKey, State
from tests.contract.outbox_world import (
    FAULT,
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


def fail(world: World, how: str) -> int:
    """Let the head of the lane fail."""
    match how:
        case "rejected":
            return world.deliver(rejected())
        case "partial":
            return world.deliver(partial(visit("v1")))
        case "unknown":
            return world.lose()
        case _:
            return world.park()


FAILURES = ["rejected", "partial", "unknown", "parked"]
every_failure = pytest.mark.parametrize("how", FAILURES)


@every_failure
def test_a_failure_blocks_what_follows_in_its_scope_and_nothing_else(world: World, how: str) -> None:
    failed = world.message("A", draft(visit("v1"), institution()))
    follower = world.message("B", draft(visit("v1"), institution()))
    other = world.message("C", draft(visit("v2"), institution()))
    assert fail(world, how) == failed
    assert (world.state(follower), world.view(follower).blocked_by) == (State.BLOCKED, failed)
    assert world.deliver_all() == [other]


@every_failure
def test_what_is_committed_before_the_result_was_written_is_blocked_and_later_ones_pass(
    world: World, how: str
) -> None:
    world.message("A", draft(visit("v1")))
    failed = fail(world, how)
    unknowing = world.message("B", draft(visit("v1")))
    assert world.view(unknowing).blocked_by == failed
    world.clock.advance(30)
    world.write_results()
    knowing = world.message("C", draft(visit("v1")))
    assert world.turn() == knowing
    assert world.state(unknowing) is State.BLOCKED


def test_a_result_that_is_written_but_older_than_the_failure_does_not_tell_it(world: World) -> None:
    world.message("A", draft(visit("v1")))
    world.clock.advance(30)
    due = world.outbox.due_replies(world.clock.now(), 10)
    assert [reply.result["state"] for reply in due] == ["queued"]
    world.lose()
    with world.outbox.write() as tx:
        tx.mark_replied([(reply.reply, reply.revision) for reply in due])
    assert world.state(world.message("B", draft(visit("v1")))) is State.BLOCKED


def test_a_rejected_batch_is_told_by_the_final_result_only(world: World) -> None:
    stored = world.accept("A", draft(visit("v1")), draft(visit("v2"), lane="other"))
    world.send(LaneKey(SYSTEM, "other"))
    world.deliver(rejected())
    world.clock.advance(30)
    assert [result["final"] for result in world.write_results()] == [False]
    assert world.state(world.message("B", draft(visit("v1")))) is State.BLOCKED
    world.settle(world.numbers(stored)[1], accepted())
    assert [result["state"] for result in world.write_results() if result["id"] == "A"] == ["partial"]
    passing = world.message("C", draft(visit("v1")))
    assert world.state(passing) is State.READY


def test_a_partial_refusal_blocks_the_refused_scopes_only(world: World) -> None:
    world.message("A", draft(visit("v1"), visit("v2")))
    good, bad = world.message("B", draft(visit("v1"))), world.message("C", draft(visit("v2")))
    assert world.settle(world.send(), partial(visit("v2"))).blocked == 1
    assert (world.state(good), world.state(bad)) == (State.READY, State.BLOCKED)


def test_a_partial_batch_does_not_block_the_rest_of_its_submission(world: World) -> None:
    stored = world.accept("A", draft(visit("v1")), draft(visit("v1")))
    world.deliver(partial(visit("v1")))
    assert world.deliver(accepted()) == world.numbers(stored)[1]


def test_an_unknown_batch_blocks_the_batches_of_its_own_scopes(world: World) -> None:
    stored = world.accept("A", draft(visit("v1")), draft(visit("v1")), draft(visit("v2")))
    _, same, other = world.numbers(stored)
    world.lose()
    assert (world.state(same), world.state(other)) == (State.BLOCKED, State.READY)


def test_batches_cancelled_by_a_rejection_block_their_own_visits_too(world: World) -> None:
    world.accept("A", draft(visit("v1")), draft(visit("v2")))
    follower = world.message("B", draft(visit("v2")))
    failed = world.deliver(rejected())
    assert world.view(follower).blocked_by == failed


def test_blocking_passes_on_along_visits_but_not_along_an_institution(world: World) -> None:
    failed = world.message("A", draft(visit("v1"), institution()))
    bridge = world.message("B", draft(visit("v1"), visit("v2"), institution()))
    reached = world.message("C", draft(visit("v2"), institution()))
    free = world.message("D", draft(visit("v3"), institution()))
    world.deliver(rejected())
    assert [world.view(number).blocked_by for number in (bridge, reached)] == [failed, failed]
    assert world.turn() == free


def test_blocking_passes_on_to_what_is_committed_before_the_result_is_written(world: World) -> None:
    world.message("A", draft(visit("v1")))
    world.message("B", draft(visit("v1"), visit("v2")))
    failed = world.deliver(rejected())
    late = world.message("C", draft(visit("v2")))
    assert world.view(late).blocked_by == failed
    world.write_results()
    assert world.state(world.message("D", draft(visit("v2")))) is State.READY


def test_a_failed_visit_blocks_the_statement_over_it_but_not_what_follows_the_statement(world: World) -> None:
    world.message("A", draft(visit("v1"), institution()))
    statement = world.message("S", draft(institution(Hold.EXCLUSIVE)))
    after = world.message("B", draft(visit("v2"), institution()))
    world.deliver(rejected())
    assert world.state(statement) is State.BLOCKED
    assert world.turn() == after


@pytest.mark.parametrize(
    "passing",
    [draft(visit("v1"), blockable=False), query(visit("v1", Hold.OBSERVER), parallel=False)],
    ids=["revocation", "query"],
)
def test_what_is_not_blockable_goes_on_after_a_failure(world: World, passing: Draft) -> None:
    world.message("A", draft(visit("v1")))
    number = world.message("R", passing)
    world.deliver(rejected())
    late = world.message("R2", passing)
    assert world.deliver_all() == [number, late]


@pytest.mark.parametrize("how", ["rejected", "unknown", "parked"])
def test_what_does_not_block_lets_its_followers_go_on(world: World, how: str) -> None:
    world.message("A", draft(visit("v1"), blocks=False))
    follower = world.message("B", draft(visit("v1")))
    fail(world, how)
    assert world.turn() == follower


@pytest.mark.parametrize(("blocks", "state"), [(False, State.READY), (True, State.BLOCKED)])
def test_an_expired_message_blocks_only_where_its_draft_says_so(
    world: World, blocks: bool, state: State
) -> None:
    expired = world.message("A", draft(visit("v1"), expiry_blocks=blocks))
    follower = world.message("B", draft(visit("v1")))
    assert world.act("expire", expired).state is State.EXPIRED
    assert world.state(follower) is state


def test_an_invalid_submission_blocks_its_scopes_until_its_result_is_written(world: World) -> None:
    invalid = world.accept("A", faults=(FAULT,), scopes=(visit("v1"),))
    follower = world.message("B", draft(visit("v1")))
    other = world.message("C", draft(visit("v2")))
    view = world.view(follower)
    assert (view.state, view.blocked_by, view.blocked_by_submission) == (
        State.BLOCKED,
        None,
        invalid.submission,
    )
    assert world.turn() == other
    world.write_results()
    assert world.state(world.message("D", draft(visit("v1")))) is State.READY


def test_a_refused_submission_blocks_what_it_would_have_sent(world: World) -> None:
    world.accept("A", draft(visit("v1")), after="nobody")
    assert world.state(world.message("B", draft(visit("v1")))) is State.BLOCKED


def test_an_abandoned_stage_blocks_what_it_was_about(world: World) -> None:
    with world.outbox.write() as tx:
        stage = tx.stage(world.new("A"))
        tx.extend(stage.submission, [draft(visit("v1"))])
    follower = world.message("B", draft(visit("v1")))
    with world.outbox.write() as tx:
        tx.abandon(stage.submission, [FAULT])
    assert world.state(follower) is State.BLOCKED


def test_a_staged_message_that_was_blocked_stays_so_when_published(world: World) -> None:
    world.message("A", draft(visit("v1")))
    with world.outbox.write() as tx:
        stage = tx.stage(world.new("B"))
        tx.extend(stage.submission, [draft(visit("v1")), draft(visit("v2"))])
    blocked, free = world.numbers(stage)
    failed = world.deliver(rejected())
    assert world.skip(failed) == 1
    assert world.state(blocked) is State.STAGING, "released, but still a stage"
    with world.outbox.write() as tx:
        tx.publish(stage.submission)
    assert world.deliver_all() == [blocked, free]


def test_two_failures_both_have_to_be_decided(world: World) -> None:
    first, second = world.message("A", draft(visit("v1"))), world.message("B", draft(visit("v2")))
    follower = world.message("C", draft(visit("v1"), visit("v2")))
    world.deliver(rejected())
    world.deliver(rejected())
    assert world.skip(first) == 0
    assert (world.state(follower), world.view(follower).blocked_by) == (State.BLOCKED, second)
    assert world.skip(second) == 1
    assert world.turn() == follower


def test_blocking_outlives_a_restart(world: World) -> None:
    failed = world.message("A", draft(visit("v1")))
    follower = world.message("B", draft(visit("v1")))
    world.deliver(rejected())
    world.restart()
    assert world.state(follower) is State.BLOCKED
    assert world.state(world.message("C", draft(visit("v1")))) is State.BLOCKED
    assert world.skip(failed) == 2


def test_a_released_message_takes_its_place_before_later_ones(world: World) -> None:
    failed = world.message("A", draft(visit("v1")))
    follower = world.message("B", draft(visit("v1")))
    world.deliver(rejected())
    world.write_results()
    later = world.message("C", draft(visit("v1")))
    world.skip(failed)
    assert world.deliver_all() == [follower, later]


def test_who_was_only_reached_by_way_of_a_cancelled_message_is_released(world: World) -> None:
    world.message("A", draft(visit("v1")))
    bridge = world.message("B", draft(visit("v1"), visit("v2")))
    reached = world.message("C", draft(visit("v2")))
    direct = world.message("D", draft(visit("v1")))
    world.deliver(rejected())
    assert world.cancel(world.view(bridge).submission) is Cancelled.WHOLE
    assert (world.state(reached), world.state(direct)) == (State.READY, State.BLOCKED)


def test_a_query_of_a_failed_visit_is_answered(world: World) -> None:
    world.message("A", draft(visit("v1")))
    asked = world.message("Q", query(visit("v1", Hold.OBSERVER)))
    world.lose()
    assert world.turn(QUERIES) == asked


def test_a_final_result_that_was_not_written_yet_has_told_nothing(world: World) -> None:
    world.message("A", draft(visit("v1")))
    world.clock.advance(30)
    due = world.outbox.due_replies(world.clock.now(), 10)
    world.deliver(rejected())
    with world.outbox.write() as tx:
        tx.mark_replied([(reply.reply, reply.revision) for reply in due])
    assert world.state(world.message("B", draft(visit("v1")))) is State.BLOCKED


def test_a_second_unknown_batch_is_told_by_a_result_of_its_own(world: World) -> None:
    world.accept("A", draft(visit("v1")), draft(visit("v2")))
    for scope in ("v1", "v2"):
        world.lose()
        assert world.state(world.message(f"before-{scope}", draft(visit(scope)))) is State.BLOCKED
        world.clock.advance(30)
        assert "A" in {result["id"] for result in world.write_results()}
        assert world.state(world.message(f"after-{scope}", draft(visit(scope)))) is State.READY


def test_a_batchs_follow_up_is_not_blocked_by_a_partial_batch_of_the_same_submission(world: World) -> None:
    stored = world.accept("A", draft(visit("v1")), draft(visit("v2")))
    world.deliver(partial(visit("v1")))
    world.deliver(accepted(follow_ups=(draft(visit("v1"), transaction="GYU008"),)))
    follow_up = world.numbers(stored)[-1]
    assert world.turn() == follow_up


def test_what_is_not_blockable_still_waits_for_what_its_sender_named(world: World) -> None:
    failed = world.message("A", draft(visit("v1")))
    early = world.message("R", draft(visit("v1"), blockable=False), after="A")
    world.deliver(rejected())
    late = world.message("R2", draft(visit("v1"), blockable=False), after="A")
    assert [world.view(number).blocked_by for number in (early, late)] == [failed, failed]
    assert world.skip(failed) == 2


def test_nothing_of_a_failure_is_left_when_it_is_told_and_nobody_waits(world: World) -> None:
    world.message("A", draft(visit("v1")))
    follower = world.message("B", draft(visit("v1")))
    world.deliver(rejected())
    world.write_results()
    world.cancel(world.view(follower).submission)
    world.write_results()
    world.clock.advance(1)
    with world.outbox.write() as tx:
        assert tx.purge(world.clock.now()) == 2
