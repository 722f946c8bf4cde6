"""What every source of files promises, whatever completes a file in its folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.sources import Claimed, Condition, Source
from tests.unit.sources.bench import Bench, files, names

WAYS = ("renamed", "always renamed", "marked", "settled")


class Way:
    """A folder and a HIS that completes its files in one of the ways."""

    def __init__(self, root: Path, way: str) -> None:
        marker = ".ok" if way == "marked" else ""
        self.bench = Bench(root, marker=marker, renames=way == "always renamed")
        self.way = way
        self.bench.source.start()
        self.bench.source.take(1)

    @property
    def source(self) -> Source:
        return self.bench.source

    def drop(self, name: str, content: bytes = b"{}") -> None:
        if self.way in ("renamed", "always renamed"):
            self.bench.rename(name, content)
        else:
            self.bench.write(name, content)
            if self.way == "marked":
                self.bench.write(f"{name}.ok", b"")

    def taken(self, count: int, limit: int = 100) -> list[Claimed]:
        """``count`` files, winding the clock as far as the source itself says is needed."""
        got: list[Claimed] = []
        for _ in range(60):
            got += self.source.take(min(limit, count - len(got)))
            if len(got) >= count:
                break
            if not self.source.wakeup.wait(0.01):
                self.bench.wind(max(self.source.due_in(), 0.001))
        return got


@pytest.fixture(params=WAYS)
def way(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Way]:
    way = Way(tmp_path, request.param)
    yield way
    way.source.stop()


def test_every_file_is_taken_once_in_order_with_its_content(way: Way) -> None:
    dropped = [f"{number * 7 % 20}.json" for number in range(20)]
    for name in dropped:
        way.drop(name, name.encode())
    taken = way.taken(20)
    assert names(taken) == dropped
    assert [way.source.read(one).decode() for one in taken] == dropped
    assert way.taken(1) == []


def test_event_ids_are_unique_and_sort_in_the_order_of_claims(way: Way) -> None:
    for number in range(10):
        way.drop(f"{number}.json")
    identifiers = [one.event_id for one in way.taken(10)]
    assert identifiers == sorted(set(identifiers))
    assert len(identifiers) == 10


def test_taking_never_gives_more_than_the_limit(way: Way) -> None:
    for number in range(5):
        way.drop(f"{number}.json")
    assert names(way.taken(2)) == ["0.json", "1.json"]
    assert names(way.taken(3)) == ["2.json", "3.json", "4.json"]


def test_completeness_is_known_where_it_is_proved(way: Way) -> None:
    way.drop("a.json")
    (claimed,) = way.taken(1)
    assert claimed.atomic is (way.way != "settled")
    assert not claimed.incomplete


def test_what_is_not_acknowledged_comes_again_after_a_restart_the_same(way: Way) -> None:
    for number in range(3):
        way.drop(f"{number}.json")
    before = way.taken(3)
    way.source.acknowledge(before[1], True, way.bench.clock.now())
    way.bench.restart()
    assert way.taken(2) == [before[0], before[2]]


def test_acknowledged_file_is_filed_and_never_comes_again(way: Way) -> None:
    way.drop("good.json")
    way.drop("bad.json")
    good, bad = way.taken(2)
    way.source.acknowledge(good, True, way.bench.clock.now())
    way.source.acknowledge(bad, False, way.bench.clock.now())
    way.bench.restart()
    assert way.taken(1) == []
    assert files(way.bench.inbox) == []
    assert [Path(name).name for name in files(way.bench.root / "archive")] == ["good.json"]
    assert files(way.bench.root / "rejected") == ["bad.json"]


def test_file_given_back_comes_again_before_later_ones(way: Way) -> None:
    way.drop("a.json", b"a")
    way.drop("b.json", b"b")
    (first,) = way.taken(1)
    way.source.give_back(first)
    again = way.taken(1)
    assert [way.source.read(one) for one in (*again, *way.taken(1))] == [b"a", b"b"]


def test_stopping_and_starting_again_loses_nothing(way: Way) -> None:
    way.drop("a.json")
    way.source.stop()
    way.drop("b.json")
    way.source.start()
    assert sorted(names(way.taken(2))) == ["a.json", "b.json"]


def test_a_running_source_says_so(way: Way) -> None:
    assert way.source.state().condition is Condition.RUNNING
    assert way.source.name == "till"
