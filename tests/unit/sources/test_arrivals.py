from datetime import datetime

from agent.clock import BEIJING
from agent.sources.arrivals import Arrivals
from agent.sources.watching import Hint

WALL = datetime(2026, 1, 1, tzinfo=BEIJING)


def order(arrivals: Arrivals) -> list[str]:
    return [arrival.name for arrival in arrivals]


def hinted(arrivals: Arrivals, *names: str, hint: Hint = Hint.RENAMED, inode: int = 7) -> None:
    for name in names:
        arrivals.hint(hint, name, inode, WALL)


def test_hints_set_the_order() -> None:
    arrivals = Arrivals()
    hinted(arrivals, "b", "a")
    assert order(arrivals) == ["b", "a"]


def test_finds_without_a_hint_come_by_time_and_natural_name() -> None:
    arrivals = Arrivals()
    arrivals.found([("a10", 5), ("a9", 5), ("z", 4)])
    assert order(arrivals) == []
    arrivals.settle(WALL)
    assert order(arrivals) == ["z", "a9", "a10"]
    assert not any(arrival.renamed for arrival in arrivals)


def test_finds_whose_hints_are_on_their_way_take_their_place_from_them() -> None:
    arrivals = Arrivals()
    arrivals.found([("a", 1), ("b", 2)])
    hinted(arrivals, "b", "a")
    assert order(arrivals) == ["b", "a"]
    assert not arrivals.unconfirmed


def test_finds_that_no_hint_confirms_come_before_what_was_hinted_meanwhile() -> None:
    arrivals = Arrivals()
    arrivals.found([("old", 9), ("raced", 1)])
    hinted(arrivals, "new", "raced")
    assert order(arrivals) == []
    arrivals.settle(WALL)
    assert order(arrivals) == ["old", "new", "raced"]
    assert [arrival.renamed for arrival in arrivals] == [False, True, True]


def test_time_and_name_decide_when_some_hints_are_missing() -> None:
    arrivals = Arrivals()
    arrivals.found([("b", 2), ("a", 1), ("c", 3)])
    hinted(arrivals, "new", "a")
    arrivals.settle(WALL, hinted=False)
    assert [(one.name, one.renamed) for one in arrivals] == [
        ("a", True),
        ("b", False),
        ("c", False),
        ("new", True),
    ]


def test_what_is_known_stays_before_what_is_found() -> None:
    arrivals = Arrivals()
    hinted(arrivals, "known")
    arrivals.found([("found", 0)])
    arrivals.settle(WALL)
    assert order(arrivals) == ["known", "found"]
    assert "known" in arrivals
    assert "other" not in arrivals


def test_new_file_of_a_known_name_goes_to_the_end_and_is_judged_anew() -> None:
    arrivals = Arrivals()
    hinted(arrivals, "a", "b")
    hinted(arrivals, "a", hint=Hint.CREATED)
    assert order(arrivals) == ["b", "a"]
    assert [arrival.renamed for arrival in arrivals] == [True, False]


def test_late_hint_of_a_known_file_does_not_move_it() -> None:
    arrivals = Arrivals()
    arrivals.found([("a", 1), ("b", 2)])
    arrivals.settle(WALL)
    for arrival in arrivals.newcomers():
        arrival.inode = 7
    hinted(arrivals, "a")
    assert [(one.name, one.renamed) for one in arrivals] == [("a", True), ("b", False)]
    hinted(arrivals, "a", hint=Hint.CREATED)
    assert [(one.name, one.renamed) for one in arrivals] == [("a", False), ("b", False)]
    hinted(arrivals, "a", inode=8)
    assert [(one.name, one.renamed) for one in arrivals] == [("b", False), ("a", True)]


def test_newcomers_are_told_once() -> None:
    arrivals = Arrivals()
    hinted(arrivals, "a", "b")
    assert [one.name for one in arrivals.newcomers()] == ["a", "b"]
    assert arrivals.newcomers() == []


def test_last_hint_counts_while_finds_are_put_aside() -> None:
    arrivals = Arrivals()
    arrivals.found([("found", 0)])
    hinted(arrivals, "a", hint=Hint.CREATED)
    hinted(arrivals, "b", "a")
    arrivals.settle(WALL)
    assert [(one.name, one.renamed) for one in arrivals] == [("found", False), ("b", True), ("a", True)]


def test_restored_arrival_returns_to_its_place() -> None:
    arrivals = Arrivals()
    hinted(arrivals, "a", "b", "c")
    first = next(iter(arrivals))
    arrivals.remove(first)
    assert order(arrivals) == ["b", "c"]
    arrivals.restore(first)
    assert order(arrivals) == ["a", "b", "c"]


def test_removing_one_does_not_remove_its_successor_of_the_same_name() -> None:
    arrivals = Arrivals()
    hinted(arrivals, "a")
    first = next(iter(arrivals))
    hinted(arrivals, "a")
    arrivals.remove(first)
    assert order(arrivals) == ["a"]
