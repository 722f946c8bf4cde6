"""GYU006 本地异地就医备案信息上传, GYU001 异地就医备案审核结果信息上传 and GYU007 异地就医备案信息更新.

Every row is judged by itself. A filing makes its person known to the platform.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from agent.events import JsonObject
from agent.rehearsal.ledger import Effect
from plugins.ministry.simulator.entities import Aid
from plugins.ministry.simulator.refusals import Refusal, first_refusal
from plugins.ministry.simulator.registry import Filing, Person
from plugins.ministry.simulator.rules.filing_uploads import (
    CHANGE_RULES,
    FILING_RULES,
    REVIEW_RULES,
    ChangeCase,
    FilingCase,
    ReviewCase,
)
from plugins.ministry.simulator.rules.filings import in_region, kind_of, of_kind
from plugins.ministry.simulator.transactions.base import (
    Context,
    Reply,
    RowDone,
    day,
    number,
    row_by_row,
    unknown_files,
)


def upload(context: Context, data: JsonObject) -> Reply:
    """GYU006."""
    seen: set[str] = set()
    return row_by_row(context, data, ("aaz341_s",), lambda row: _file(context, row, seen))


def review(context: Context, data: JsonObject) -> Reply:
    """GYU001."""
    seen: set[str] = set()
    return row_by_row(context, data, ("aaz341",), lambda row: _review(context, row, seen))


def change(context: Context, data: JsonObject) -> Reply:
    """GYU007: an empty optional field keeps its value (M81)."""
    return row_by_row(context, data, ("aaz341",), lambda row: _change(context, row))


def _file(context: Context, row: JsonObject, seen: set[str]) -> RowDone | Refusal:
    refusal = first_refusal(FILING_RULES, _filing_case(context, row, seen), context.manners.guarded)
    if refusal:
        return refusal
    seen.add(row["aaz341_s"])
    world, province = context.world, context.access.province
    filing = Filing(
        aaz341=f"LA{number(context, 'aaz341', 10)}",
        ala491=row["ala491"],
        aac002=row["aac002"],
        aac003=row["aac003"],
        starts=day(row["aae030"]),
        ends=day(row["aae031"]),
        place=row["aab299"],
        home=row["aab359"],
        details=row,
    )
    world.register(Person(row["aac002"], row["aac003"]))
    world.file(filing, province, row["aaz341_s"])
    aids = _add_aids(context, filing.aaz341, row["rows"] if kind_of(row["ala491"]) == "3" else [])
    return RowDone({"aaz341": filing.aaz341, "rows": aids}, (Effect(f"filing:{province}/{row['aaz341_s']}"),))


def _add_aids(context: Context, aaz341: str, rows: Iterable[JsonObject]) -> list[JsonObject]:
    answered = []
    for row in rows:
        aid = Aid(number(context, "aaz195", 10), aaz341, row)
        context.world.add_aid(aid)
        answered.append({"aaz195_s": row["aaz195_s"], "aaz195": aid.aaz195})
    return answered


def _filing_case(context: Context, row: JsonObject, seen: set[str]) -> FilingCase:
    world, kind = context.world, kind_of(row["ala491"])
    known = world.people.get(row["aac002"].upper())
    papers = tuple(file["filetype"] for file in row["filedata"])
    return FilingCase(
        province=context.access.province,
        home=row["aab359"],
        place=row["aab299"],
        starts=day(row["aae030"]),
        ends=day(row["aae031"]),
        kind=kind,
        papers=papers if context.manners.papers else None,
        empty_files=sum(1 for file in row["filedata"] if not any(file.values())),
        unknown_files=unknown_files(context.world, row["filedata"]),
        institutions=_has_institutions(context, row["aab299"], kind),
        number_of_another=known is not None and known.aac003 != row["aac003"],
        in_this_call=row["aaz341_s"] in seen,
        uploaded=world.filed(context.access.province, row["aaz341_s"]),
        valid_filing=_has_valid_filing(context, row["aac002"], kind),
    )


def _review(context: Context, row: JsonObject, seen: set[str]) -> RowDone | Refusal:
    case = _review_case(context, row, seen)
    refusal = first_refusal(REVIEW_RULES, case, context.manners.guarded)
    if refusal:
        return refusal
    assert case.application is not None  # or application_there would have refused
    seen.add(row["aaz341"])
    reviewed = replace(case.application, review=case.review)
    if case.starts and case.ends:
        since = case.starts if case.status == "0" else None
        reviewed = replace(reviewed, starts=case.starts, ends=case.ends, invalid_since=since)
    details = {**reviewed.details, **_given(row, "alc022", "chkmsg")}
    context.world.change_filing(replace(reviewed, details=details))
    for sent in row["rows"]:
        context.world.aids[sent["aaz195"]].details.update(_given(sent, *sent))
    return RowDone({}, (Effect(f"review:{row['aaz341']}"),))


def _review_case(context: Context, row: JsonObject, seen: set[str]) -> ReviewCase:
    world = context.world
    application = world.filings.get(row["aaz341"])
    return ReviewCase(
        province=context.access.province,
        today=context.today,
        aac002=row["aac002"],
        aac003=row["aac003"],
        ala491=row["ala491"],
        review=row["aae016"],
        status=row["aae100"],
        starts=_day_if_any(row["aae030"]),
        ends=_day_if_any(row["aae031"]),
        application=application,
        downloaded=_downloaded(context, row["aaz341"]),
        in_this_call=row["aaz341"] in seen,
        valid_filing=_has_valid_filing(context, row["aac002"], kind_of(row["ala491"])),
        aids_filed=frozenset(aid.aaz195 for aid in world.aids_of(row["aaz341"])),
        aids_sent=tuple(aid["aaz195"] for aid in row["rows"]),
    )


def _change(context: Context, row: JsonObject) -> RowDone | Refusal:
    case = _change_case(context, row)
    refusal = first_refusal(CHANGE_RULES, case, context.manners.guarded)
    if refusal:
        return refusal
    assert case.filing is not None  # or filing_there would have refused
    details = {**case.filing.details, **_given(row, *row)}
    changed = replace(case.filing, place=case.place, details=details)
    if case.status == "0" and case.valid:
        changed = replace(changed, invalid_since=context.today, reason=case.reason)
    if changed == case.filing and details == case.filing.details:
        return RowDone({})
    kept = context.world.change_filing(changed)
    return RowDone({}, (Effect(f"filing-change:{kept.aaz341}/{kept.revision}"),))


def _change_case(context: Context, row: JsonObject) -> ChangeCase:
    filing = context.world.filings.get(row["aaz341"])
    kind = kind_of(filing.ala491) if filing else ""
    return ChangeCase(
        province=context.access.province,
        place=row["aab360"],
        status=row["aae100"],
        reason=row["aae160"],
        filing=filing,
        valid=filing is not None and filing.valid_on(context.today),
        institutions=_has_institutions(context, row["aab360"], kind),
    )


def _has_valid_filing(context: Context, aac002: str, kind: str) -> bool:
    filings = of_kind(context.world.filings_of(aac002), kind)
    return any(filing.valid_on(context.today) for filing in filings)


def _has_institutions(context: Context, place: str, kind: str) -> bool:
    return any(
        institution.alc002 == kind and institution.active and in_region(institution.region, place)
        for institution in context.world.institutions.values()
    )


def _downloaded(context: Context, aaz341: str) -> bool:
    """Whether any access key of the province has confirmed the application."""
    keys = [
        key for key, access in context.world.accesses.items() if access.province == context.access.province
    ]
    return any((aaz341,) in context.world.shelf(key, "GYD001").taken for key in keys)


def _day_if_any(text: str) -> date | None:
    return day(text) if text else None


def _given(row: JsonObject, *codes: str) -> dict[str, Any]:
    """Of these fields those that say something."""
    return {code: row[code] for code in codes if row[code] not in ("", None, [])}
