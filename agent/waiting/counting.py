"""Trace codes of one wait: which item a code belongs to, and whether it was scanned before. Pure.

A code goes to the item of its medicine (declared by the HIS, or said by the first code that went to the
item), else to the item that is shown, unless both say a medicine, and not the same. 药品标识码 and GTIN say
nothing of each other. What the platform would not take as a trace code is refused while the box is at hand,
not when all others have been scanned.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from agent.devices.classify import Code
from agent.devices.model import ScanVerdict
from agent.events import JsonObject, WaitItem
from agent.protocol.tracecodes import NoTraceCode, read_trace_code


@dataclass(frozen=True, slots=True)
class Counted:
    """A code that counts, as it is stored."""

    row: int
    text: str = field(repr=False)
    identity: str = field(repr=False)
    drug: str = field(repr=False)

    def as_json(self) -> JsonObject:
        return {"row": self.row, "text": self.text, "identity": self.identity, "drug": self.drug}


@dataclass(frozen=True, slots=True)
class Judged:
    """What a code means to a wait; ``counted`` when it is taken. ``says`` is for the person."""

    verdict: ScanVerdict
    says: str
    counted: Counted | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """``items`` of a wait and what was scanned for them so far, oldest first."""

    items: Sequence[WaitItem] = field(repr=False)
    scans: Sequence[Counted] = field(repr=False)

    @classmethod
    def of(cls, items: Sequence[WaitItem], scans: Iterable[JsonObject]) -> Tally:
        return cls(items, tuple(Counted(**scan) for scan in scans))

    def count(self, item: WaitItem) -> int:
        return sum(scan.row == item.row for scan in self.scans)

    @property
    def open(self) -> tuple[WaitItem, ...]:
        return tuple(item for item in self.items if self.count(item) < item.count)

    @property
    def codes(self) -> dict[int, tuple[str, ...]]:
        """By row, in the order in which they were scanned."""
        return {
            item.row: tuple(scan.text for scan in self.scans if scan.row == item.row) for item in self.items
        }

    def shown(self, chosen: int | None) -> WaitItem | None:
        """The item that a code goes to which says nothing else: the chosen one, else the first open one."""
        return next((item for item in self.open if item.row == chosen), next(iter(self.open), None))

    def judge(self, code: Code, chosen: int | None) -> Judged:
        try:
            read_trace_code(code.text)
        except NoTraceCode as error:
            return Judged(ScanVerdict.WRONG_KIND, f"没有计数：{error.why}")
        before = [scan for scan in self.scans if scan.identity == code.identity]
        if before and not self._split(before):
            return Judged(ScanVerdict.DUPLICATE, "这盒药已经扫过了，不能重复计数；请扫下一盒")
        item = self._goal(code, chosen)
        if item is None:
            known = any(code.drug in self._drugs(item) for item in self.items)
            says = "这种药的数量已经扫够了" if known else "这盒药不在正在等待的清单中，请核对药品"
            return Judged(ScanVerdict.WRONG_KIND, says)
        counted = Counted(item.row, code.text, code.identity, code.drug)
        number, name = self.count(item) + 1, item.name or f"第 {item.row} 行（从 0 数起）"
        return Judged(ScanVerdict.TAKEN, f"{name}：第 {number} 个，共 {item.count} 个", counted)

    def _goal(self, code: Code, chosen: int | None) -> WaitItem | None:
        own = [item for item in self.open if code.drug in self._drugs(item)]
        if own:
            return next((item for item in own if item.row == chosen), own[0])
        shown = self.shown(chosen)
        return None if shown is None or self._belongs_elsewhere(code.drug, shown, chosen) else shown

    def _belongs_elsewhere(self, drug: str, shown: WaitItem, chosen: int | None) -> bool:
        """Declared for items that are full: only a person says that more belong to another."""
        declared = bool(drug) and any(item.drug == drug for item in self.items)
        if declared and shown.row != chosen:
            return True
        return any(len(known) == len(drug) for known in self._drugs(shown))

    def _drugs(self, item: WaitItem) -> frozenset[str]:
        """What names its medicine: declared, or said by its codes; 药品标识码, GTIN, or both."""
        said = (scan.drug for scan in self.scans if scan.row == item.row)
        return frozenset({item.drug, *said} - {""})

    def _split(self, scans: Iterable[Counted]) -> bool:
        """拆零: one box is sold in parts, and its code is uploaded each time."""
        rows = {scan.row for scan in scans}
        return all(item.split for item in self.items if item.row in rows)
