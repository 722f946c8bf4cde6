"""Wire numbers are never given twice: not by another node, a restart, a clock or a restored backup."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from agent import jsontext
from agent.clock import ManualClock
from agent.crypto.at_rest import DataKey
from agent.errors import ConfigurationError, SerialsExhausted, StoreDamaged, StoreFull
from agent.events import Series
from agent.numbers import BLOCK, KEPT_DAYS, Numbers
from agent.outbox.store import SqliteOutbox

DAILY = Series("refid", 6, daily=True)
LASTING = Series("bke384", 6, daily=False)
TODAY = date(2026, 1, 1)
KEY = DataKey(1, b"k" * 32)


class Node:
    """One workstation: its database, its high-water file, and its numbers; ``start`` after a stop."""

    def __init__(self, folder: Path, node: int = 0, nodes: int = 1) -> None:
        self.database, self.marks = folder / "outbox.db", folder / "numbers.json"
        self.place = (node, nodes)
        self.start()

    def start(self) -> None:
        self.outbox = SqliteOutbox(self.database, KEY, clock=ManualClock())
        self.numbers = Numbers(self.outbox, self.marks, *self.place)

    def restart(self) -> None:
        self.outbox.close()
        self.start()

    def draw(self, series: Series = DAILY, day: date = TODAY, count: int = 1) -> list[int]:
        with self.outbox.write() as tx:
            return [self.numbers.draw(series, day, tx) for _ in range(count)]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    built = Node(tmp_path)
    yield built
    built.outbox.close()


def test_numbers_rise_from_one_without_a_gap(node: Node) -> None:
    assert node.draw(count=2 * BLOCK + 5) == list(range(1, 2 * BLOCK + 6))


def test_a_restart_continues_above_everything_that_was_reserved(node: Node) -> None:
    last = node.draw(count=3)[-1]
    node.restart()
    assert node.draw() == [BLOCK + 1]
    assert last < BLOCK + 1


def test_every_day_of_a_daily_series_counts_by_itself_and_others_do_not(node: Node) -> None:
    tomorrow = TODAY + timedelta(days=1)
    assert node.draw(day=TODAY, count=2) == [1, 2]
    assert node.draw(day=tomorrow) == [1]
    assert node.draw(day=TODAY) == [3], "the clock was set back over midnight"
    assert node.draw(LASTING, TODAY) + node.draw(LASTING, tomorrow) == [1, 2]
    node.restart()
    assert node.draw(day=tomorrow) == [BLOCK + 1]
    assert node.draw(day=TODAY) == [BLOCK + 1]


def test_nodes_draw_from_disjoint_blocks_that_cover_the_series(tmp_path: Path) -> None:
    tiny = Series("tiny", 2, daily=False)
    drawn: list[int] = []
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        node = Node(folder, number, 3)
        share = [node.draw(tiny)[0] for _ in range(32 if number == 0 else 33)]
        with pytest.raises(SerialsExhausted):
            node.draw(tiny)
        drawn += share
        node.outbox.close()
    assert sorted(drawn) == list(range(1, 99)), "zero is nobody's"


def test_an_exhausted_series_never_wraps_not_even_after_a_restart(node: Node) -> None:
    tiny = Series("tiny", 1, daily=True)
    assert [n for _ in range(9) for n in node.draw(tiny)] == list(range(1, 10))
    for _ in range(2):
        with pytest.raises(SerialsExhausted):
            node.draw(tiny)
        node.restart()
    assert node.draw(tiny, TODAY + timedelta(days=1)) == [1], "another day is another series"


def test_a_block_of_a_small_series_is_a_small_part_of_it(node: Node) -> None:
    small = Series("small", 3, daily=True)
    for _ in range(5):
        node.draw(small)
        node.restart()
    assert node.draw(small)[0] <= 5 * 9 + 1


def test_a_restored_backup_of_the_database_gives_no_number_again(node: Node, tmp_path: Path) -> None:
    node.draw(count=3)
    node.outbox.close()
    backup = shutil.copy(node.database, tmp_path / "backup.db")
    node.start()
    last = node.draw(count=3 * BLOCK)[-1]
    node.outbox.close()
    shutil.copy(backup, node.database)
    node.start()
    assert node.draw()[0] > last


def test_a_lost_high_water_file_is_made_good_by_the_database(node: Node) -> None:
    last = node.draw(count=BLOCK + 1)[-1]
    node.marks.unlink()
    node.restart()
    assert node.draw()[0] > last
    assert node.marks.exists()


def test_numbers_are_reserved_in_both_places_before_they_are_given(node: Node) -> None:
    with node.outbox.write() as tx:
        number = node.numbers.draw(DAILY, TODAY, tx)
        marks = jsontext.read_object(node.marks.read_text(encoding="utf-8"))["marks"]
        assert marks == [["refid", "20260101", BLOCK + 1]]
        assert tx.reserve("refid", "20260101", 0) == BLOCK + 1
    assert number == 1


def test_a_commit_that_failed_does_not_leave_the_database_behind(node: Node) -> None:
    def draw_and_fail() -> None:
        with node.outbox.write() as tx:
            node.numbers.draw(DAILY, TODAY, tx)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        draw_and_fail()
    assert node.outbox.reserved() == {}
    assert node.draw() == [2], "what was drawn may have been seen; it is not given again"
    assert node.outbox.reserved() == {("refid", "20260101"): BLOCK + 1}


def test_a_second_failed_commit_is_made_good_too(node: Node) -> None:
    def fail() -> None:
        with node.outbox.write() as tx:
            node.numbers.draw(DAILY, TODAY, tx)
            raise RuntimeError

    for _ in range(2):
        with pytest.raises(RuntimeError):
            fail()
    node.draw()
    assert node.outbox.reserved() == {("refid", "20260101"): BLOCK + 1}


def test_a_mark_that_cannot_be_written_stops_the_draw_and_a_later_one_succeeds(node: Node) -> None:
    node.marks.mkdir()
    with pytest.raises(StoreFull):
        node.draw()
    node.marks.rmdir()
    (number,) = node.draw()
    assert number >= 1
    marks = jsontext.read_object(node.marks.read_text(encoding="utf-8"))["marks"]
    assert marks[0][2] > number
    assert node.outbox.reserved()["refid", "20260101"] > number


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"marks": [["a"]]}',
        b'{"marks": [[1, "", 3]]}',
        b'{"marks": [["a", "", -1]]}',
        b"\xff",
    ],
)
def test_a_damaged_high_water_file_stops_the_start(node: Node, content: bytes) -> None:
    node.marks.write_bytes(content)
    with pytest.raises(StoreDamaged):
        Numbers(node.outbox, node.marks, 0, 1)


@pytest.mark.parametrize(("number", "nodes"), [(-1, 1), (1, 1), (0, 0)])
def test_a_node_that_is_none_is_refused(node: Node, number: int, nodes: int) -> None:
    with pytest.raises(ConfigurationError):
        Numbers(node.outbox, node.marks, number, nodes)


def test_days_long_past_are_forgotten_behind_a_floor(node: Node) -> None:
    days = [TODAY + timedelta(days=n) for n in range(KEPT_DAYS + 3)]
    for day in days:
        node.draw(day=day)
    assert len(node.outbox.reserved()) == KEPT_DAYS + 1, "the days and the floor"
    for _ in range(2):
        for day in days[:3]:
            with pytest.raises(ConfigurationError):
                node.draw(day=day)
        assert node.draw(day=days[3])[0] > 1
        node.restart()


def test_one_wrong_date_far_ahead_does_not_make_today_be_forgotten(node: Node) -> None:
    for number in range(KEPT_DAYS):
        node.draw(day=TODAY + timedelta(days=number))
    node.draw(day=date(2099, 1, 1))
    latest = TODAY + timedelta(days=KEPT_DAYS - 1)
    assert node.draw(day=latest) == [2]
    assert node.draw(day=latest + timedelta(days=1)) == [1]


def test_the_floor_survives_a_lost_file_and_a_lost_database(node: Node, tmp_path: Path) -> None:
    for number in range(KEPT_DAYS + 1):
        node.draw(day=TODAY + timedelta(days=number))
    node.marks.rename(tmp_path / "kept")
    node.restart()
    with pytest.raises(ConfigurationError):
        node.draw(day=TODAY)
    node.outbox.close()
    node.database.unlink()
    (tmp_path / "kept").rename(node.marks)
    node.start()
    with pytest.raises(ConfigurationError):
        node.draw(day=TODAY)


def test_threads_never_draw_the_same_number(node: Node) -> None:
    drawn: list[list[int]] = [[] for _ in range(8)]

    def work(mine: list[int]) -> None:
        for _ in range(50):
            mine += node.draw(count=3)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in drawn]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = sorted(number for mine in drawn for number in mine)
    assert together == list(range(1, 8 * 150 + 1))
    assert all(mine == sorted(mine) for mine in drawn)
