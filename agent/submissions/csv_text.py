"""CSV as text: ``#key=value`` lines, a table, further tables under ``[list]`` lines. No meaning yet.

Comma, tab, ``|`` or ``;``, found out from the header; quoting as RFC 4180 says; blank lines and the
empty cells that a spreadsheet appends count for nothing.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

DELIMITERS = ",\t|;"

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_SECTION = re.compile(r"\[([^\[\]]+)\]")
_SETTING = re.compile(r"#\s*([^=]+?)\s*=(.*)", re.DOTALL)


class CsvRefused(ValueError):
    """``rule`` is a stable English name, the message Chinese."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message


@dataclass(slots=True)
class Table:
    """One header with its rows. ``label`` is the list's name as written, "" for the first table.

    ``lines[n]`` is the line of the file on which row ``n`` ends.
    """

    label: str
    line: int
    settings: dict[str, str] = field(default_factory=dict, repr=False)
    header: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list, repr=False)
    lines: list[int] = field(default_factory=list, repr=False)


@dataclass(slots=True)
class Sheet:
    """A whole file. ``ended``: its last line is a whole line."""

    settings: dict[str, str] = field(repr=False)
    tables: list[Table]
    ended: bool


def with_plain_line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def settings_at_a_glance(text: str) -> dict[str, str]:
    """``#`` lines by folded name, before the delimiter is known: for values that contain none."""
    found: dict[str, str] = {}
    for line in _head_lines(text)[2]:
        matched = _SETTING.fullmatch(line.strip('"' + DELIMITERS))
        if matched is not None:
            found.setdefault(matched[1].casefold(), matched[2].strip(DELIMITERS + ' "'))
    return found


def parse(text: str, known: Callable[[str], bool]) -> Sheet:
    """Take a file with plain line ends apart; ``known`` tells whether a label is a field's.

    Raises CsvRefused.
    """
    place, line, head = _head_lines(text)
    body = text[place:]
    delimiter, width = _delimiter(body, known)
    settings: dict[str, str] = {}
    for content in head:
        _note_setting(settings, _without_padding(content, delimiter, width))
    return Sheet(settings, _tables(body, line, delimiter), text.endswith("\n"))


def _head_lines(text: str) -> tuple[int, int, list[str]]:
    """Where the body begins, on which line (from 0), and the ``#`` lines before it."""
    lines: list[str] = []
    place = number = 0
    while place < len(text):
        end = text.find("\n", place)
        end = len(text) if end < 0 else end
        line = text[place:end].strip()
        if line.startswith(("#", '"#')):
            lines.append(line)
        elif line.strip(DELIMITERS + " "):
            break
        place, number = end + 1, number + 1
    return place, number, lines


def _delimiter(body: str, known: Callable[[str], bool]) -> tuple[str, int]:
    """The delimiter under which most labels of the first header are known, and that header's width."""
    header = next((line for line in body.split("\n", 64) if _is_header(line)), "")
    cells = {mark: _cells(header, mark) for mark in DELIMITERS}
    best = max(DELIMITERS, key=lambda mark: (sum(map(known, cells[mark])), len(cells[mark])))
    return best, len(cells[best])


def _is_header(line: str) -> bool:
    content = line.strip(DELIMITERS + " ")
    return bool(content) and not content.startswith(("#", '"#')) and not _SECTION.fullmatch(content)


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


def _without_padding(line: str, delimiter: str, width: int) -> str:
    """A ``#`` line as it was before a spreadsheet quoted it and filled it up to the table's width."""
    if line.startswith('"'):
        return next(iter(_cells(line, delimiter)), "")
    padding = delimiter * (width - 1)
    padded = padding and line.endswith(padding) and line.count(delimiter) == len(padding)
    return line.removesuffix(padding) if padded else line


def _note_setting(settings: dict[str, str], line: str) -> None:
    matched = _SETTING.fullmatch(line)
    if matched is None:
        raise CsvRefused("csv_setting", "以 # 开头的行应写成 #名称=值")
    if matched[1] in settings:
        raise CsvRefused("csv_setting", f"#{matched[1][:64]}= 写了不止一次")
    settings[matched[1]] = matched[2].strip()


def _tables(body: str, line: int, delimiter: str) -> list[Table]:
    lines = (
        found[0] for found in _LINE.finditer(body)
    )  # one at a time: a copy would be several times larger
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    tables: list[Table] = []
    try:
        _fill(tables, reader, line, lambda: line + reader.line_num)
    except csv.Error:
        raise CsvRefused("csv_syntax", f"第 {line + reader.line_num} 行的引号不成对，或单元格过长") from None
    return tables


def _fill(tables: list[Table], rows: Iterable[list[str]], line: int, here: Callable[[], int]) -> None:
    table: Table | None = None
    known: dict[str, str] = {}
    same = known.setdefault  # one text for equal cells: a large table says most of them again and again
    for row in rows:
        if not any(row):
            continue
        first = row[0]
        if first[:1] == "[" and not any(row[1:]) and (section := _SECTION.fullmatch(first.strip())):
            table = Table(section[1].strip(), here())
            tables.append(table)
        elif table is None:
            table = Table("", line + 1, header=row)
            tables.append(table)
        elif table.header:
            table.rows.append([same(cell, cell) for cell in row])
            table.lines.append(here())
        elif first[:1] == "#":
            _note_setting(table.settings, first.strip())
        else:
            table.header = row
