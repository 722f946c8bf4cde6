"""Resolved tables become business objects, one per submission."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from agent.events import JsonObject
from agent.submissions.csv_headers import ListTable, MainTable
from agent.submissions.damage import MAX_FAULTS
from agent.submissions.reading import Reading
from agent.submissions.shape import Level, Shape


@dataclass(frozen=True, slots=True)
class _Place:
    """An object that rows of a further list may belong to, and the values it is known by."""

    target: JsonObject = field(repr=False)
    known_by: Mapping[str, Any] = field(repr=False)


def build(
    main: MainTable | None, lists: list[ListTable], fixed: JsonObject, shape: Shape, reading: Reading
) -> list[tuple[str, JsonObject]]:
    """(visit, object) for every submission of the file, in order of first sight; notes faults."""
    heads: list[tuple[str, JsonObject]] = []
    places: dict[int, list[_Place]] = {id(shape.head): []}
    for visit, rows in _by_visit(main, reading).items():
        head = _head(main, rows, fixed, reading)
        mark = {main.visit: visit} if main is not None and main.visit else {}
        if main is not None and main.level is not None:
            head[main.level.code] = _objects(main.columns.own, rows)
            if lists:
                found = (_Place(row, {**head, **mark, **row}) for row in head[main.level.code])
                places.setdefault(id(main.level), []).extend(found)
        if mark and shape.head.holds(main.visit if main is not None else ""):
            head.update(mark)
        places[id(shape.head)].append(_Place(head, {**head, **mark}))
        heads.append((visit, head))
    for one in lists:
        places[id(one.level)] = _attach(one, places.get(id(one.parent), []), reading)
    return heads


def _by_visit(main: MainTable | None, reading: Reading) -> dict[str, list[list[str]]]:
    if main is None or not main.visit:
        return {"": main.table.rows if main is not None else []}
    visits: dict[str, list[list[str]]] = {}
    for number, row in enumerate(main.table.rows):
        visit = row[main.visit_place].strip()
        if not visit and len(reading.faults) < MAX_FAULTS:
            message = f"第 {main.table.lines[number]} 行的就诊编号（#visit_key= 所指的列）是空的"
            reading.fault("csv_visit_empty", message, code=main.visit)
        visits.setdefault(visit, []).append(row)
    return visits


def _head(
    main: MainTable | None, rows: Sequence[Sequence[str]], fixed: JsonObject, reading: Reading
) -> JsonObject:
    """The object around the list: ``#`` lines, and columns that say the same in every row."""
    result = dict(fixed)
    if main is None:
        return result
    if main.level is None and len(rows) > 1:
        reading.fault("csv_too_many_rows", "本交易没有明细列表，一次提交只能有一行数据")
        return result
    columns = main.columns.outer if main.level is not None else main.columns.own
    for code, place in columns.items():
        values = {row[place].strip() for row in rows} - {""}
        values.update({result[code]} if code in result else ())
        if len(values) > 1:
            reading.fault("csv_head_varies", f"字段 {code} 属于整个提交，各行的值应相同", code=code)
        result[code] = next(iter(values), "")
    return result


def _objects(columns: Mapping[str, int], rows: Sequence[Sequence[str]]) -> list[JsonObject]:
    codes = tuple(columns)
    places = tuple(columns.values())
    if not places:
        return [{} for _ in rows]
    if len(places) == 1:
        return [{codes[0]: row[places[0]]} for row in rows]
    pick = itemgetter(*places)
    return [dict(zip(codes, pick(row), strict=True)) for row in rows]


def _attach(one: ListTable, parents: Sequence[_Place], reading: Reading) -> list[_Place]:
    """Put the rows of a further list into the objects that their keys name."""
    if not one.keys and len(parents) != 1:
        message = f"[{one.level.code}] 缺少上级记录的关键列；上级与本列表共有的列请用 #parent_key= 指明"
        reading.fault("csv_parent_key_missing", message, code=one.level.code)
        return []
    known: dict[tuple[str, ...], list[_Place]] = {}
    for place in parents:
        known.setdefault(tuple(str(place.known_by.get(code, "")).strip() for code in one.keys), []).append(
            place
        )
    new: list[_Place] = []
    for number, row in enumerate(_objects(one.columns.own, one.table.rows)):
        cells = one.table.rows[number]
        found = known.get(tuple(cells[column].strip() for column in one.keys.values()), [])
        if len(found) == 1:
            found[0].target.setdefault(one.level.code, []).append(row)
            new.append(_Place(row, {**found[0].known_by, **row}))
        elif len(reading.faults) < MAX_FAULTS:
            _note_orphan(one.level, one.table.lines[number], len(found), reading)
    return new


def _note_orphan(level: Level, line: int, parents: int, reading: Reading) -> None:
    rule, problem = ("csv_parent_ambiguous", "不止一条") if parents else ("csv_parent_missing", "不存在")
    reading.fault(rule, f"第 {line} 行所属的上级记录{problem}", code=level.code)
