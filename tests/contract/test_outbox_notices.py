"""The contract of what a notice may settle: what is in doubt about a scope, and whether it still is."""

from __future__ import annotations

import pytest

from agent.errors import StoreError
from agent.events import Draft, Identifier, Outcome, Scope
from agent.outbox.model import LaneKey, State
from agent.registry import Registry
from tests.contract.outbox_world import World, accepted, draft, rejected

SYSTEMS = sorted(Registry().protocols())


def order(number: str) -> Scope:
    return Scope("order", (number,))


def paying(*scopes: Scope) -> Draft:
    return draft(*scopes, lane="till-1", body={"orderid": "invented"})


@pytest.fixture(params=SYSTEMS)
def lane(request: pytest.FixtureRequest) -> LaneKey:
    return LaneKey(str(request.param), "till-1")


def sent(world: World, lane: LaneKey, his_id: str, *scopes: Scope) -> int:
    """A message that has left and was not answered yet."""
    message = world.message(his_id, paying(*scopes), system=lane.system)
    assert world.send(lane) == message
    return message


def doubted(world: World, lane: LaneKey, his_id: str, *scopes: Scope) -> int:
    message = sent(world, lane, his_id, *scopes)
    world.doubt(message)
    return message


def about(world: World, system: str, scope: Scope) -> list[int]:
    with world.outbox.write() as tx:
        return [head.message for head in tx.in_doubt(system, scope)]


def inquiring(world: World, message: int) -> bool:
    with world.outbox.write() as tx:
        return tx.is_inquiring(message)


def test_every_plugin_is_held_to_it() -> None:
    assert {"ministry", "jiangxi", "scanpay"} <= set(SYSTEMS)


def test_only_what_is_inquired_about_or_left_unknown_is_in_doubt(world: World, lane: LaneKey) -> None:
    message = world.message("1", paying(order("D1")), system=lane.system)
    assert (about(world, lane.system, order("D1")), inquiring(world, message)) == ([], False)
    world.send(lane)
    assert (about(world, lane.system, order("D1")), inquiring(world, message)) == ([], False)
    world.doubt(message)
    assert (about(world, lane.system, order("D1")), inquiring(world, message)) == ([message], True)
    with world.outbox.write() as tx:
        tx.leave_unknown(message, "inquiries found nothing", world.clock.now())
    assert (about(world, lane.system, order("D1")), inquiring(world, message)) == ([message], False)


def test_a_doubt_outlives_a_restart_with_what_its_attempt_carried(world: World, lane: LaneKey) -> None:
    message = world.message("1", paying(order("D1")), system=lane.system)
    assert world.turn(lane) == message
    carried = draft(order("D1"), lane="till-1", body={"orderid": "completed"})
    with world.outbox.write() as tx:
        tx.begin(message, {"wire_id": "W-1"}, world.clock.now(), carried)
    world.doubt(message)
    world.restart()
    with world.outbox.write() as tx:
        (head,) = tx.in_doubt(lane.system, order("D1"))
        assert tx.is_inquiring(message)
    (attempt,) = head.doubts
    assert attempt.ids["wire_id"] == "W-1"
    assert attempt.draft is not None
    assert attempt.draft.body == {"orderid": "completed"}


def test_what_was_in_flight_when_the_process_ended_is_in_doubt(world: World, lane: LaneKey) -> None:
    message = sent(world, lane, "1", order("D1"))
    world.restart()
    assert (about(world, lane.system, order("D1")), inquiring(world, message)) == ([message], True)


@pytest.mark.parametrize("outcome", [accepted(), rejected()], ids=["accepted", "rejected"])
def test_what_was_settled_is_in_doubt_no_more(world: World, lane: LaneKey, outcome: Outcome) -> None:
    message = doubted(world, lane, "1", order("D1"))
    with world.outbox.write() as tx:
        (head,) = tx.in_doubt(lane.system, order("D1"))
        tx.settle(message, outcome, world.clock.now(), attempt=head.doubts[0].number)
    assert (about(world, lane.system, order("D1")), inquiring(world, message)) == ([], False)
    with world.outbox.write() as tx, pytest.raises(StoreError):
        tx.settle(message, outcome, world.clock.now(), attempt=1)


def test_a_notice_settles_what_was_left_to_a_person(world: World, lane: LaneKey) -> None:
    world.message("1", paying(order("D1")), system=lane.system)
    message = world.lose(lane)
    fact = Identifier("payment", ("D1",), "YZ1")
    with world.outbox.write() as tx:
        (head,) = tx.in_doubt(lane.system, order("D1"))
        number = head.doubts[0].number
        tx.settle(message, accepted(identifiers=(fact,)), world.clock.now(), attempt=number)
    assert world.state(message) is State.ACCEPTED
    with world.outbox.write() as tx:
        assert tx.history(lane.system).value("payment", ("D1",)) == "YZ1"


def test_absent_attempts_leave_no_doubt(world: World, lane: LaneKey) -> None:
    message = doubted(world, lane, "1", order("D1"))
    with world.outbox.write() as tx:
        tx.clear_doubt(message)
    assert (about(world, lane.system, order("D1")), inquiring(world, message)) == ([], False)


def test_another_scope_and_another_system_are_not_touched(world: World, lane: LaneKey) -> None:
    mine = doubted(world, lane, "1", order("D1"))
    other = LaneKey(lane.system, "till-2")
    theirs = world.message("2", draft(order("D2"), lane="till-2"), system=lane.system)
    assert world.send(other) == theirs
    world.doubt(theirs)
    assert about(world, lane.system, order("D1")) == [mine]
    assert about(world, lane.system, order("D2")) == [theirs]
    assert about(world, lane.system, Scope("visit", ("D1",))) == []
    for system in SYSTEMS:
        if system != lane.system:
            assert about(world, system, order("D1")) == []


def test_of_several_about_one_thing_the_doubtful_come_in_order(world: World, lane: LaneKey) -> None:
    """A message holds its scope alone, so that of two about one order one waits for the other's end."""
    first = doubted(world, lane, "1", order("D1"))
    second = world.message("2", paying(order("D1")), system=lane.system)
    assert about(world, lane.system, order("D1")) == [first]
    with world.outbox.write() as tx:
        tx.settle(first, accepted(), world.clock.now(), attempt=1)
    assert world.send(lane) == second
    world.doubt(second)
    assert about(world, lane.system, order("D1")) == [second]


def test_a_message_that_is_not_there_is_no_answer(world: World) -> None:
    with world.outbox.write() as tx, pytest.raises(StoreError):
        tx.is_inquiring(10**6)
