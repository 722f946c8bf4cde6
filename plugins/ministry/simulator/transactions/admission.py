"""GYU101 入院信息上传: every row is judged by itself; an admitted one gets its aaz515 (M76)."""

from __future__ import annotations

from agent.events import JsonObject
from agent.rehearsal.ledger import Effect
from plugins.ministry.simulator.entities import Stay
from plugins.ministry.simulator.refusals import Refusal, first_refusal
from plugins.ministry.simulator.rules.admission import RULES, AdmissionCase
from plugins.ministry.simulator.rules.filings import standing_filing
from plugins.ministry.simulator.transactions.base import (
    Context,
    Reply,
    as_sent,
    day,
    number,
    read_list,
    read_rows,
    refused,
    row_result,
    success,
)


def answer(context: Context, data: JsonObject) -> Reply:
    rows = read_list(context, data)
    if isinstance(rows, Refusal):
        return refused(context, rows)
    results, effects = [], []
    for sent, row in read_rows(context, rows, data):
        judged = row if isinstance(row, Refusal) else _admit(context, row)
        refusal, stay = (judged, None) if isinstance(judged, Refusal) else (None, judged)
        if stay:
            effects.append(Effect(f"stay:{stay.visit}", stay.visit))
        keys = as_sent(sent, "akb020", "akc190")
        aaz515 = stay.aaz515 if stay else ""
        results.append(
            row_result(
                context, {"akb020": keys["akb020"], "aaz515": aaz515, "akc190": keys["akc190"]}, refusal
            )
        )
    return Reply(success(datalist=results), tuple(effects))


def _admit(context: Context, row: JsonObject) -> Stay | Refusal:
    case = _case(context, row)
    refusal = first_refusal(RULES, case, context.manners.guarded)
    if refusal:
        return refusal
    world = context.world
    stay = Stay(
        aaz515=number(context, "aaz515", 10),
        akb020=row["akb020"],
        akc190=row["akc190"],
        aac002=row["aac002"],
        aac003=row["aac003"],
        aka130=row["aka130"],
        admitted=case.admitted,
        aaz341=case.filing.aaz341 if case.filing else "",
        alc002=row["alc002"],
        home=case.filing.home if case.filing else "",
        place=row["aab360"],
        details=row,
    )
    world.admit(stay)
    return stay


def _case(context: Context, row: JsonObject) -> AdmissionCase:
    world = context.world
    person = world.person(row["aac002"], row["aac003"])
    admitted = day(row["aae030"])
    return AdmissionCase(
        province=context.access.province,
        today=context.today,
        alc002=row["alc002"],
        aab360=row["aab360"],
        aka130=row["aka130"],
        admitted=admitted,
        institution=world.institution(row["akb020"]),
        person=person,
        filing=standing_filing(world.filings_of(row["aac002"]), row["alc002"], admitted) if person else None,
        number_taken=world.stay(row["akb020"], row["akc190"]) is not None,
        has_open_stay=any(stay.settlement is None for stay in world.stays_of(row["aac002"])),
    )
