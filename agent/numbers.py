"""Wire numbers: unique for ever among all that share an access key or institution (architecture, *Numbers*).

Every node owns a disjoint block of each series. Numbers are reserved in blocks before use, in the
database (within the caller's commit) and in a high-water file outside it, which a restored backup
of the database does not take back; a start continues above the higher of the two. Counters are per
(series, day), so that midnight and a clock set back continue the right one.

The rest of a block that is unused at a stop is not given back: two marks cannot be lowered in one
instant, and between them a crash and a restored backup could issue a number twice. It costs at
most one block per start.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from agent import jsontext
from agent.disk import replace_durably
from agent.errors import ConfigurationError, SerialsExhausted, StoreDamaged, StoreError, StoreFull
from agent.events import Series
from agent.faults import crash_point
from agent.outbox.base import Outbox, Transaction

BLOCK = 200
"""Numbers reserved at a time; of a small series a hundredth of the node's share."""

KEPT_DAYS = 400
"""How many days that were drawn for are remembered; drawing for earlier ones is refused."""

SKIPPED = 10_000
"""Numbers that are left out of each series after a backup was restored without the high-water file; of a
small series half of what is left."""

_RESTORED = "restored:"
"""Begins the name of a row that says where a series stood in a restored backup, when numbers were drawn
after it that nobody knows; alone it stands for every series that had not begun."""

_FLOOR = "floor"
"""Names the row that says before which day (its ordinal) counters were forgotten."""


@dataclass(slots=True)
class _Counter:
    """``after`` is where the reserved numbers end. ``unsure`` is the transaction that reserved
    them: until another one has seen them reserved, its commit may have failed."""

    next: int
    after: int
    unsure: Transaction | None = None


@dataclass(slots=True)
class Numbers:
    """Draws numbers; safe to share among threads. ``node`` counts from 0 to ``nodes`` - 1.

    Raises ConfigurationError for a node that is none of them, StoreDamaged when the high-water file
    cannot be read.
    """

    outbox: Outbox
    high_water: Path
    node: int
    nodes: int
    _counters: dict[tuple[str, str], _Counter] = field(default_factory=dict, init=False)
    _marks: dict[tuple[str, str], int] = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        if not 0 <= self.node < self.nodes:
            raise ConfigurationError(
                f"节点编号 {self.node} 不在 0 到 {self.nodes - 1} 之间", hint="请核对 node 与 nodes 的配置"
            )
        self._marks = _read_marks(self.high_water)
        for key, bound in self.outbox.reserved().items():
            self._marks[key] = max(bound, self._marks.get(key, 0))

    def draw(self, series: Series, day: date, tx: Transaction) -> int:
        """The next number of a series, reserved on disk once ``tx`` commits.

        Raises SerialsExhausted when this node's share is used up, ConfigurationError for a day that
        is older than what is remembered, StoreError when the reservation cannot be written.
        """
        with self._lock:
            self._refuse_forgotten(day)
            key = (series.name, f"{day:%Y%m%d}" if series.daily else "")
            counter = self._counters.get(key) or self._open(key, series)
            if counter.next >= counter.after:
                self._reserve(key, series, counter, tx)
            elif counter.unsure is not None and counter.unsure is not tx:
                self._reserve_again(key, counter, tx)
            number = counter.next
            counter.next += 1
            return number

    # -- blocks -----------------------------------------------------------------------------------
    def _share(self, series: Series) -> tuple[int, int]:
        """This node's numbers; zero is nobody's, since documents count from one."""
        size = int(10**series.digits) // self.nodes
        return max(1, self.node * size), (self.node + 1) * size

    def _open(self, key: tuple[str, str], series: Series) -> _Counter:
        first, end = self._share(series)
        start = max(first, self._marks.get(key, 0))
        base = self._marks.get((_RESTORED + key[0], key[1]), self._marks.get((_RESTORED, key[1])))
        if base is not None:
            base = max(first, base)
            start = max(start, base + min(SKIPPED, (end - base) // 2))
        counter = self._counters[key] = _Counter(start, start)
        return counter

    def _reserve(self, key: tuple[str, str], series: Series, counter: _Counter, tx: Transaction) -> None:
        first, end = self._share(series)
        if counter.next >= end:
            raise SerialsExhausted(
                f"号段 {series.name} 已用完",
                hint="请增大号段位数、减少节点数，或等到下一日" if series.daily else "请与平台协商新的号段",
                details={"series": series.name, "day": key[1], "node": self.node},
            )
        after = min(end, counter.next + max(1, min(BLOCK, (end - first) // 100)))
        self._raise_mark(key, after, tx)
        counter.after, counter.unsure = after, tx

    def _reserve_again(self, key: tuple[str, str], counter: _Counter, tx: Transaction) -> None:
        """The commit that reserved this block may have failed: see to it that it is reserved."""
        kept = tx.reserve(*key, counter.after) >= counter.after
        counter.unsure = None if kept else tx

    def _raise_mark(self, key: tuple[str, str], after: int, tx: Transaction) -> None:
        """File first: when the commit fails, numbers are lost, never given twice."""
        new_day = key not in self._marks
        self._marks[key] = max(after, self._marks.get(key, 0))
        if new_day and key[1]:
            self._forget_old(tx)
        try:
            crash_point("numbers.before_mark")
            replace_durably(self.high_water, _marks_text(self._marks), mode=0o600)
            crash_point("numbers.after_mark")
        except OSError as error:
            raise StoreFull(
                "号段文件不能写入，暂停发送",
                hint="请清理磁盘空间或检查数据目录的权限，服务会自动恢复",
                details={"errno": error.errno},
            ) from error
        tx.reserve(*key, after)

    # -- old days -----------------------------------------------------------------------------------
    def _refuse_forgotten(self, day: date) -> None:
        floor = self._marks.get((_FLOOR, ""), 0)
        if day.toordinal() < floor:
            raise ConfigurationError(
                f"日期 {day:%Y-%m-%d} 的号段记录已清理，不能再取号",
                hint="请核对本机的系统时间",
                details={"floor": date.fromordinal(floor).isoformat()},
            )

    def _forget_old(self, tx: Transaction) -> None:
        """Forget days behind the latest ones drawn for, and remember where that ends. Days are counted
        as they were used: one wrong date far ahead makes one day be forgotten, not all."""
        days = sorted({day for _, day in self._marks if day})
        if len(days) <= KEPT_DAYS:
            return
        oldest_kept = days[-KEPT_DAYS]
        self._marks[_FLOOR, ""] = max(_ordinal(oldest_kept), self._marks.get((_FLOOR, ""), 0))
        tx.reserve(_FLOOR, "", self._marks[_FLOOR, ""])
        tx.forget_series(oldest_kept)
        for key in [key for key in self._marks if key[1] and key[1] < oldest_kept]:
            del self._marks[key]
            self._counters.pop(key, None)


def _ordinal(day: str) -> int:
    return date(int(day[:4]), int(day[4:6]), int(day[6:8])).toordinal()


def leave_out(outbox: Outbox, since: date, until: date) -> None:
    """After a backup of ``since`` was restored on ``until`` without the high-water file: let every series of
    these days, and every one without a day, go on behind a large block."""
    days = [
        "",
        *(f"{date.fromordinal(day):%Y%m%d}" for day in range(since.toordinal(), until.toordinal() + 1)),
    ]
    with outbox.write() as tx:
        for (name, day), bound in outbox.reserved().items():
            if day in days and name != _FLOOR and not name.startswith(_RESTORED):
                tx.reserve(_RESTORED + name, day, bound)
        for day in days:
            tx.reserve(_RESTORED, day, 1)


# -- the high-water file -----------------------------------------------------------------------------
def _marks_text(marks: Mapping[tuple[str, str], int]) -> bytes:
    entries = [[name, day, bound] for (name, day), bound in sorted(marks.items())]
    return jsontext.write_readable({"version": 1, "marks": entries}).encode()


def _read_marks(path: Path) -> dict[tuple[str, str], int]:
    try:
        content = jsontext.read_object(path.read_text(encoding="utf-8"))
        return {_key(entry): _bound(entry) for entry in content["marks"]}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StoreError(
            "号段文件不能读取", hint="请检查数据目录的权限", details={"errno": error.errno}
        ) from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise StoreDamaged(
            "号段文件已损坏，为避免重号已停止",
            hint="请从备份恢复 numbers 文件；没有备份时请联系技术支持核对已用号段",
            details={"file": path.name, "reason": type(error).__name__},
        ) from error


def _key(entry: Any) -> tuple[str, str]:
    name, day, _ = entry
    if not isinstance(name, str) or not isinstance(day, str):
        raise TypeError("a series and a day are text")
    return name, day


def _bound(entry: Any) -> int:
    bound = entry[2]
    if type(bound) is not int or bound < 0:
        raise ValueError("a bound is a whole number")
    return bound
