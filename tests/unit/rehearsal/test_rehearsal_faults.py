"""Fault switches: how they are written and when they strike."""

from __future__ import annotations

import pytest

from agent.errors import ConfigurationError
from agent.rehearsal.faults import COMMON, FaultBoard, Switch, parse_switch, read_switch


def struck(board: FaultBoard, count: int, transaction: str = "GYU102") -> list[tuple[str, ...]]:
    return [board.strike(transaction).names for _ in range(count)]


def test_a_switch_reads_from_its_text() -> None:
    switch = parse_switch("delay=p:0.1,seconds:0.25,on:GYU101+GYU103,skip:2,times:3")
    assert switch == Switch("delay", p=0.1, seconds=0.25, on=("GYU101", "GYU103"), skip=2, times=3)


def test_a_switch_reads_from_its_own_json() -> None:
    switch = parse_switch("park=every:2,negatives:3")
    assert read_switch(switch.as_json()) == switch


@pytest.mark.parametrize(
    "text",
    ["", "=every:1", "delay=every", "delay=every:x", "delay=p:2", "delay=sometimes:1", "park=negatives:0"],
)
def test_a_wrong_switch_is_a_configuration_error(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_switch(text)
    assert caught.value.hint


def test_an_unknown_fault_is_refused_and_changes_nothing() -> None:
    board = FaultBoard(COMMON, [Switch("drop_after")])
    with pytest.raises(ConfigurationError, match="earthquake"):
        board.replace([Switch("earthquake")])
    assert board.strike("GYU102").names == ("drop_after",)


def test_every_third_request_is_struck() -> None:
    board = FaultBoard(COMMON, [Switch("drop_after", every=3)])
    assert [bool(names) for names in struck(board, 7)] == [False, False, True, False, False, True, False]


def test_only_the_named_transactions_are_counted_and_struck() -> None:
    board = FaultBoard(COMMON, [Switch("drop_after", every=2, on=("GYU103",))])
    assert struck(board, 3, "GYU102") == [(), (), ()]
    assert struck(board, 2, "GYU103") == [(), ("drop_after",)]


def test_skip_spares_the_first_and_times_ends_it() -> None:
    board = FaultBoard(COMMON, [Switch("drop_after", skip=2, times=1)])
    assert [bool(names) for names in struck(board, 5)] == [False, False, True, False, False]


def test_a_probability_strikes_alike_for_the_same_seed_only() -> None:
    def run(seed: int) -> list[tuple[str, ...]]:
        return struck(FaultBoard(COMMON, [Switch("drop_after", p=0.3)], seed), 200)

    assert run(1) == run(1)
    assert run(1) != run(2)
    assert 30 <= sum(map(bool, run(1))) <= 90


def test_of_two_decisive_faults_the_first_strikes_and_the_other_stays_due() -> None:
    board = FaultBoard(COMMON, [Switch("drop_after", every=2), Switch("http500_before", every=2)])
    assert struck(board, 4) == [(), ("drop_after",), ("http500_before",), ("drop_after",)]


def test_pauses_add_up_beside_a_decisive_fault() -> None:
    switches = [
        Switch("delay", seconds=0.5),
        Switch("delay", seconds=1.0),
        Switch("delay_after", seconds=2.0),
        Switch("drop_after"),
    ]
    strike = FaultBoard(COMMON, switches).strike("GYU102")
    assert (strike.pause_before, strike.pause_after) == (1.5, 2.0)
    assert strike.decisive == Switch("drop_after")


def test_an_impossible_fault_waits_for_a_request_it_can_strike() -> None:
    board = FaultBoard(COMMON, [Switch("park", every=2)])
    assert board.strike("GYU102").names == ()
    assert board.strike("GYD053", frozenset({"park"})).names == ()
    assert board.strike("GYU102").names == ("park",)


def test_adding_keeps_the_counters_of_the_others() -> None:
    board = FaultBoard(COMMON, [Switch("drop_after", every=2)])
    board.strike("GYU102")
    board.add([Switch("delay", every=5)])
    assert board.strike("GYU102").names == ("drop_after",)
    assert [(item["name"], item["seen"], item["fired"]) for item in board.as_json()] == [
        ("drop_after", 2, 1),
        ("delay", 1, 0),
    ]
