"""CSV submissions (his-contract, "CSV").

::

    #transaction=GYU102
    #id=HIS-20260101-1
    #rows=3
    #akb020=5100001                 a field that all rows share, by code or Chinese name
    akc190,费用明细流水号,aae058     fields of the row list; fields of the object around it may stand
    ZY1,1,10.00                     among them when they say the same in every row
    ZY1,2,2.50
    [filedata]                      a further list; columns that are not its own are its parent's key
    akc190,filetype,file
    ZY1,01,@plan.pdf

``#rows`` counts the rows of all tables. Without it, or without a line break at the end, a file that
was not renamed into place (or marked) may be a part of one and is refused. ``#visit_key=akc190`` makes
one submission per value of that column, in order of first sight; the id of each is
``<id>@<value>``. Where a key column has the same code in a list and its parent, ``#parent_key=code``
below the ``[list]`` line says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.events import JsonObject, Submission
from agent.submissions import csv_text
from agent.submissions.csv_build import build
from agent.submissions.csv_headers import Headers
from agent.submissions.csv_text import CsvRefused, Sheet
from agent.submissions.damage import (
    identifier_fault,
    lost_characters,
    name_fault,
    scientific,
    suspicious,
)
from agent.submissions.options import OPTIONS
from agent.submissions.reading import Reading
from agent.submissions.shape import Shape, shape_of


@dataclass(slots=True)
class _Settings:
    """What the ``#`` lines say beside transaction, id and options."""

    rows: str = ""
    visit: str = ""
    fixed: JsonObject = field(default_factory=dict, repr=False)


def read_csv(text: str, reading: Reading, *, atomic: bool) -> tuple[Submission, ...]:
    """Raises ReadFailure with every fault."""
    text = csv_text.with_plain_line_ends(text)
    keys = csv_text.settings_at_a_glance(text)
    reading.note_key(keys.get("transaction"), keys.get("id"))
    if reading.transaction not in reading.rules.vocabulary:
        raise reading.failure()
    shape = shape_of(reading.transaction, reading.rules)
    levels = (shape.head, *(level for _, level in shape.head.below()))
    try:
        sheet = csv_text.parse(text, lambda label: any(level.column(label) for level in levels))
    except CsvRefused as refused:
        raise reading.stop(refused.rule, refused.message) from None
    settings = _read_settings(sheet, shape, reading)
    _check_whole(sheet, settings, reading, atomic=atomic)
    headers = Headers(shape, settings.visit, reading, damaged=suspicious(text))
    first, others = headers.split(sheet.tables)
    main, lists = headers.main(first), headers.lists(others)
    reading.finish()
    built = build(main, lists, settings.fixed, shape, reading)
    submissions = tuple(
        reading.part(visit, head) if settings.visit else reading.submission(head) for visit, head in built
    )
    reading.finish()
    return submissions


def _read_settings(sheet: Sheet, shape: Shape, reading: Reading) -> _Settings:
    settings = _Settings()
    for name, value in sheet.settings.items():
        match name.casefold():
            case "transaction" | "id":
                pass  # read at a glance
            case "rows":
                settings.rows = value
            case "visit_key":
                settings.visit = value
            case key if key in OPTIONS:
                reading.note_option(key, value)
            case _:
                _note_fixed(name, value, settings.fixed, shape, reading)
    if settings.visit and "replaces" in reading.options:
        message = "按就诊拆分的文件不能用 #replaces=，请为每次就诊单独提交"
        reading.fault("csv_replaces_split", message, pointer="/replaces", code="replaces")
    return settings


def _note_fixed(name: str, value: str, fixed: JsonObject, shape: Shape, reading: Reading) -> None:
    found = shape.head.column(name)
    if found is None or found.kind in ("list", "object"):
        shown = name[:64]
        reading.fault("unknown_field", f"#{shown}= 不是本交易的字段或选项", code=shown)
        return
    code = found.code
    if code in fixed:
        reading.fault("csv_setting", f"字段 {code} 写了不止一次", code=code)
    fixed[code] = value
    if code in shape.names and lost_characters(value):
        reading.faults.append(name_fault(f"/{code}", code))
    if code in shape.identifiers and scientific(value):
        reading.faults.append(identifier_fault(f"/{code}", code))


def _check_whole(sheet: Sheet, settings: _Settings, reading: Reading, *, atomic: bool) -> None:
    """A cut CSV is still a valid CSV: what was not renamed into place must prove that it is whole."""
    rows = sum(len(table.rows) for table in sheet.tables)
    if not settings.rows:
        if not atomic:
            message = "缺少 #rows=数据行数：没有先写临时文件再改名的 CSV 无法确认是否完整"
            reading.fault("csv_rows_missing", message)
    elif not settings.rows.isascii() or not settings.rows.isdigit() or len(settings.rows) > 9:
        reading.fault("option_integer", "#rows= 应为数据行数")
    elif int(settings.rows) != rows:
        message = f"#rows={settings.rows}，实际有 {rows} 行数据（各表合计，不含表头），文件可能不完整"
        reading.fault("csv_rows_mismatch", message)
    if not atomic and not sheet.ended:
        message = "最后一行没有换行符，可能被截断；请补上换行，或先写临时文件再改名"
        reading.fault("csv_cut", message)
