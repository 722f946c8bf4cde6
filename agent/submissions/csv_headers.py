"""What the tables of a CSV file are about: which list, which fields, which columns find the parent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from agent.errors import Fault
from agent.submissions.csv_text import Table
from agent.submissions.damage import (
    MAX_FAULTS,
    identifier_fault,
    lost_characters,
    name_fault,
    scientific,
)
from agent.submissions.reading import Reading
from agent.submissions.shape import Level, Shape


@dataclass(frozen=True, slots=True)
class Columns:
    """A resolved header: field codes and their column numbers. ``own`` are fields of the table's
    level, ``outer`` of the level around it."""

    own: dict[str, int] = field(default_factory=dict)
    outer: dict[str, int] = field(default_factory=dict)

    def place(self, code: str) -> int | None:
        return self.own.get(code, self.outer.get(code))


@dataclass(frozen=True, slots=True)
class MainTable:
    """The first table. ``level`` is the row list, or None: then its only row is the object itself.

    ``visit`` is the code of the column that splits the file, ``visit_place`` its number.
    """

    table: Table
    level: Level | None
    columns: Columns
    visit: str = ""
    visit_place: int = 0


@dataclass(frozen=True, slots=True)
class ListTable:
    """A further list. ``keys`` are the columns that find the object of ``parent`` it belongs to."""

    table: Table
    level: Level
    parent: Level
    columns: Columns
    keys: dict[str, int]


class Headers:
    """Resolves a file's tables one after the other and notes every fault."""

    def __init__(self, shape: Shape, visit: str, reading: Reading, *, damaged: bool) -> None:
        self._head = shape.head
        self._shape = shape
        self._list = shape.head.child(shape.main) if shape.main else None
        self._visit_label = visit
        self._reading = reading
        self._damaged = damaged

    def split(self, tables: list[Table]) -> tuple[Table | None, list[Table]]:
        """The first table, which may be under its list's own name, and the others."""
        for place, table in enumerate(tables):
            named = self._list is not None and self._head.child(table.label) is self._list
            if named or not table.label:
                return table, [*tables[:place], *tables[place + 1 :]]
        return None, tables

    def main(self, table: Table | None) -> MainTable | None:
        if table is None:
            if self._visit_label:
                self._reading.fault("csv_no_rows", "有 #visit_key= 的文件没有数据行")
            return None
        level = self._list
        columns = self._columns(table, level or self._head, self._head if level else None)
        self._note_damage(table, columns, f"/{level.code}" if level else "")
        visit = self._visit_code()
        place = columns.place(visit)
        if self._visit_label and place is None:
            self._reading.fault("csv_visit_key", "#visit_key= 所指的列不在表头中")
        elif self._visit_label and not table.rows:
            self._reading.fault("csv_no_rows", "有 #visit_key= 的文件没有数据行")
        return MainTable(table, level, columns, visit, place or 0)

    def lists(self, tables: list[Table]) -> list[ListTable]:
        """The further lists, outer ones first, so that each finds its parents."""
        found = [resolved for table in tables if (resolved := self._list_table(table)) is not None]
        for number, one in enumerate(found):
            if one.level is self._list or any(one.level is other.level for other in found[:number]):
                self._reading.fault(
                    "csv_duplicate_list", f"[{one.level.code}] 写了不止一次", code=one.level.code
                )
        order = [id(level) for _, level in self._head.below()]
        return sorted(found, key=lambda one: order.index(id(one.level)))

    def _list_table(self, table: Table) -> ListTable | None:
        named = self._level(table.label)
        if named is None:
            return None
        parent, level = named
        around = self._around(parent)
        columns = self._columns(table, level, around)
        self._note_damage(table, columns, f"/{level.code}")
        return ListTable(table, level, parent, columns, self._keys(table, columns, around))

    def _level(self, label: str) -> tuple[Level, Level] | None:
        """(parent, level) of the list that ``label`` names, as ``list`` or ``parent.list``."""
        *path, last = label.split(".")
        found = [
            (parent, level)
            for parent, level in self._head.below()
            if level.called(last) and (not path or parent.called(path[-1]))
        ]
        if len(found) == 1:
            return found[0]
        rule, problem = (
            ("ambiguous_list", "不止一个，请写成 [上级.列表]") if found else ("unknown_list", "不存在")
        )
        self._reading.fault(rule, f"列表 [{label[:64]}] 在本交易中{problem}", code=label[:64])
        return None

    def _visit_code(self) -> str:
        label = self._visit_label
        found = (self._list.column(label) if self._list else None) or self._head.column(label)
        return found.code if found is not None and label else ""

    def _around(self, parent: Level) -> Level:
        """The level whose columns may be a list's key: the parent's, and the visit's."""
        code = self._visit_code()
        rows = self._list.columns if self._list else {}
        labels = {label: item for label, item in {**rows, **self._head.columns}.items() if item.code == code}
        return Level(parent.code, parent.name, {**labels, **parent.columns}, parent.children)

    def _keys(self, table: Table, columns: Columns, around: Level) -> dict[str, int]:
        named = table.settings.get("parent_key", "")
        if not named:
            return dict(columns.outer)
        found = around.column(named)
        place = columns.place(found.code) if found is not None else None
        if found is None or place is None:
            shown = named[:64]
            self._reading.fault("csv_parent_key", f"#parent_key={shown} 不是上级记录的字段，或不在表头中")
            return {}
        return {**columns.outer, found.code: place}

    def _columns(self, table: Table, level: Level, outer: Level | None) -> Columns:
        columns = Columns()
        width = _trimmed_width(table.header)
        for place, label in enumerate(table.header[:width]):
            own = level.column(label)
            found = own or (outer.column(label) if outer is not None else None)
            if found is None or found.kind in ("list", "object"):
                shown = label.strip()[:64]
                message = f"第 {table.line} 行的表头第 {place + 1} 列“{shown}”不是这里的字段"
                self._reading.fault("unknown_field", message, code=shown)
                continue
            part = columns.own if own is not None else columns.outer
            if part.setdefault(found.code, place) != place:
                message = f"表头中字段 {found.code} 出现了不止一次"
                self._reading.fault("csv_duplicate_column", message, code=found.code)
        self._check_widths(table, width)
        return columns

    def _check_widths(self, table: Table, width: int) -> None:
        """Refuse rows that lack cells or have more than the header names; drop empty ones beyond it."""
        wrong: list[int] = []
        for number, row in enumerate(table.rows):
            if len(row) != width:
                if len(row) < width or any(cell.strip() for cell in row[width:]):
                    wrong.append(table.lines[number])
                row[width:] = [""] * (width - len(row))
        for line in wrong[:MAX_FAULTS]:
            self._reading.fault("csv_columns_mismatch", f"第 {line} 行的列数与表头（{width} 列）不一致")

    def _note_damage(self, table: Table, columns: Columns, pointer: str) -> None:
        if self._damaged:
            self._reading.faults.extend(islice(self._damages(table, columns, pointer), MAX_FAULTS))

    def _damages(self, table: Table, columns: Columns, pointer: str) -> Iterator[Fault]:
        checks = (
            (self._shape.names, lost_characters, name_fault),
            (self._shape.identifiers, scientific, identifier_fault),
        )
        for codes, damaged, fault in checks:
            for code, place in (*columns.own.items(), *columns.outer.items()):
                rows = enumerate(table.rows) if code in codes else ()
                yield from (fault(f"{pointer}/{n}/{code}", code) for n, row in rows if damaged(row[place]))


def _trimmed_width(header: list[str]) -> int:
    width = len(header)
    while width and not header[width - 1].strip():
        width -= 1
    return width
