"""Checks across fields: small pure functions that a catalog names and a plugin provides.

A rule sees normalised data, in which an absent field is empty and a slot stands for a value that is
not known now or cannot be read. It says what is wrong and stays silent about such operands: the
catalog's own checks speak of those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation

from agent.catalog.model import FieldSpec, TransactionSpec
from agent.catalog.values import is_slot
from agent.errors import CatalogError, Fault
from agent.events import JsonObject
from agent.protocol.values import text_of


@dataclass(frozen=True, slots=True)
class Judged:
    """A message before the rules: its specification, its normalised data, the day in UTC+8."""

    spec: TransactionSpec
    data: JsonObject = field(repr=False)
    today: date

    def holders(self, at: str) -> Iterator[Holder]:
        """Each row of the list ``at``; with "" the head alone."""
        head = Holder("", self.data, self.spec.request)
        return head.rows(at) if at else iter((head,))


@dataclass(frozen=True, slots=True)
class Holder:
    """An object of a message with its place, for rules that look at one object at a time."""

    pointer: str
    values: JsonObject = field(repr=False)
    fields: tuple[FieldSpec, ...] = field(repr=False)

    def rows(self, code: str) -> Iterator[Holder]:
        """The objects of a list in this one."""
        rows = self.values.get(code)
        fields = next((spec.children for spec in self.fields if spec.code == code), ())
        for place, row in enumerate(rows if isinstance(rows, list) else ()):
            if isinstance(row, dict):
                yield Holder(f"{self.pointer}/{code}/{place}", row, fields)

    def unsettled(self, *codes: str) -> bool:
        """Whether one of the fields holds a value that is not known now."""
        return any(is_slot(self.values.get(code)) for code in codes)

    def text(self, code: str) -> str:
        return text_of(self.values.get(code))

    def number(self, code: str) -> Decimal | None:
        """The number in a field, None when there is none."""
        text = self.text(code)
        try:
            number = Decimal(text) if text else None
        except InvalidOperation:
            return None
        return number if number is not None and number.is_finite() else None

    def fault(self, code: str, rule: str, message: str, official: str = "") -> Fault:
        """A fault at one field; ``official`` is the system's code for it."""
        name = next((spec.name for spec in self.fields if spec.code == code), "")
        return Fault(
            pointer=f"{self.pointer}/{code}", rule=rule, message=message, field=code, name=name, code=official
        )


Rule = Callable[[Judged], Iterable[Fault]]


def check(judged: Judged, rules: Mapping[str, Rule], skipped: Set[str] = frozenset()) -> list[Fault]:
    """What the rules named by the catalog find, but for the ``skipped`` ones. Raises CatalogError for
    a name without a rule."""
    faults: list[Fault] = []
    for name in judged.spec.rules:
        if name not in rules:
            raise CatalogError(
                f"接口目录中的规则 {name} 没有实现",
                hint="请恢复随安装包提供的目录文件",
                details={"transaction": judged.spec.code, "rule": name},
            )
        if name not in skipped:
            faults.extend(rules[name](judged))
    return faults


def unique(at: str, key: tuple[str, ...], official: str = "", optional: tuple[str, ...] = ()) -> Rule:
    """No two rows of the list ``at`` with the same key; only its ``optional`` fields may be empty."""
    needed = [place for place, code in enumerate(key) if code not in optional]

    def rule(judged: Judged) -> Iterator[Fault]:
        seen: set[tuple[str, ...]] = set()
        for row in judged.holders(at):
            found = tuple(row.text(code) for code in key)
            if found in seen:
                yield row.fault(key[-1], "duplicate", "与本次提交中前面的明细重复", official)
            if all(found[place] for place in needed):
                seen.add(found)

    return rule


def positive(at: str, code: str, official: str = "") -> Rule:
    return _bounded(at, code, lambda number: number > 0, "必须大于 0", official)


def not_negative(at: str, code: str, official: str = "") -> Rule:
    return _bounded(at, code, lambda number: number >= 0, "必须大于等于 0", official)


def _bounded(at: str, code: str, holds: Callable[[Decimal], bool], demand: str, official: str) -> Rule:
    def rule(judged: Judged) -> Iterator[Fault]:
        for holder in judged.holders(at):
            number = holder.number(code)
            if number is not None and not holds(number):
                yield holder.fault(code, "bounds", demand, official)

    return rule


def not_after_today(at: str, code: str, official: str = "") -> Rule:
    """A date YYYYMMDD that has come."""
    return _dated(at, code, lambda day, today: day <= today, "不能晚于当前日期", official)


def not_before_today(at: str, code: str, official: str = "") -> Rule:
    """A date YYYYMMDD that has not gone by."""
    return _dated(at, code, lambda day, today: day >= today, "不能早于当前日期", official)


def _dated(at: str, code: str, holds: Callable[[str, str], bool], demand: str, official: str) -> Rule:
    def rule(judged: Judged) -> Iterator[Fault]:
        today = f"{judged.today:%Y%m%d}"
        for holder in judged.holders(at):
            day = holder.text(code)
            if is_day(day) and not holds(day, today):
                yield holder.fault(code, "date", demand, official)

    return rule


def in_order(at: str, first: str, last: str, official: str = "") -> Rule:
    """Two dates YYYYMMDD, the first not after the last."""

    def rule(judged: Judged) -> Iterator[Fault]:
        for holder in judged.holders(at):
            start, end = holder.text(first), holder.text(last)
            if is_day(start) and is_day(end) and start > end:
                yield holder.fault(first, "order", f"不能晚于 {last}", official)

    return rule


def is_day(text: str) -> bool:
    """Whether a text has the form of YYYYMMDD, so that such texts compare as days."""
    return len(text) == 8 and text.isascii() and text.isdigit()


def all_of(*rules: Rule) -> Rule:
    """Several rules under one name."""

    def rule(judged: Judged) -> Iterator[Fault]:
        for each in rules:
            yield from each(judged)

    return rule
