"""GYU303 辅助器具配置结算信息上传: all aids of a call or none; they are settled at once (M76)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from agent.events import JsonObject
from agent.rehearsal.ledger import Effect
from plugins.ministry.simulator.entities import Amounts, Claim, Settlement, Stay
from plugins.ministry.simulator.papers import aid_values
from plugins.ministry.simulator.refusals import Refusal, first_refusal
from plugins.ministry.simulator.rules.aids import HEAD_RULES, ROW_RULES, AidCase, AidsCase, amounts_of
from plugins.ministry.simulator.transactions.base import (
    Context,
    Reply,
    as_text,
    day,
    money,
    number,
    read_all,
    refused,
    success,
)


def answer(context: Context, data: JsonObject) -> Reply:
    sent = read_all(context, data)
    if isinstance(sent, Refusal):
        return refused(context, sent)
    case = _case(context, sent)
    refusal = first_refusal(HEAD_RULES, case, context.manners.guarded) or _refused_row(context, case, sent)
    if refusal:
        return refused(context, refusal)
    stay = _settle(context, case, sent)
    assert stay.settlement is not None  # or _settle did not
    effects = [Effect(f"aid:{row['aaz195']}", stay.visit) for row in stay.aids]
    amounts = {code: as_text(value) for code, value in money(stay.settlement.amounts).items()}
    settled = Effect(f"settlement:{stay.visit}", stay.visit)
    return Reply(success(aaz515=stay.aaz515, **amounts), (*effects, settled))


def _settle(context: Context, case: AidsCase, sent: JsonObject) -> Stay:
    assert case.filing is not None  # or filing_holds would have refused
    assert case.institution is not None  # or institution_exists would have refused
    rows = [{**row, **money(amounts_of(row)), "alc010": sent["alc010"]} for row in sent["datalist"]]
    amounts = _sum(amounts_of(row) for row in sent["datalist"])
    stay = Stay(
        aaz515=number(context, "aaz515", 10),
        akb020=case.akb020,
        akc190="",
        aac002=case.aac002,
        aac003=case.aac003,
        aka130=case.aka130,
        admitted=case.day,
        aaz341=case.filing.aaz341,
        alc002=sent["alc002"],
        home=case.filing.home,
        place=case.institution.region,
        aids=rows,
        settlement=Settlement(amounts, case.day, Claim(amounts.fund)),
    )
    context.world.admit(stay)
    for row in rows:
        context.world.aids[row["aaz195"]].settled = stay.aaz515
    return stay


def _case(context: Context, sent: JsonObject) -> AidsCase:
    world = context.world
    verification = world.verifications.get((context.access.key, sent["prerefid"]))
    filing = world.filings.get(verification.aaz341) if verification else None
    return AidsCase(
        province=context.access.province,
        today=context.today,
        day=day(sent["alc010"]),
        aac002=sent["aac002"],
        aac003=sent["aac003"],
        akb020=sent["akb020"],
        aka130=sent["aka130"],
        institution=world.institution(sent["akb020"]),
        verification=verification,
        filing=filing,
        aids=len(world.aids_of(filing.aaz341)) if filing else 0,
    )


def _refused_row(context: Context, case: AidsCase, sent: JsonObject) -> Refusal | None:
    seen: set[str] = set()
    for row in sent["datalist"]:
        refusal = first_refusal(ROW_RULES, _row_case(context, case, row, seen), context.manners.guarded)
        if refusal:
            return refusal
        seen.add(row["aaz195"])
    return None


def _row_case(context: Context, case: AidsCase, row: JsonObject, seen: set[str]) -> AidCase:
    aid = context.world.aids.get(row["aaz195"])
    ours = aid if aid and case.filing and aid.aaz341 == case.filing.aaz341 else None
    return AidCase(row["aaz195"], row, ours, aid_values(ours) if ours else {}, row["aaz195"] in seen)


def _sum(parts: Iterable[Amounts]) -> Amounts:
    total = fund = own = Decimal(0)
    for part in parts:
        total, fund, own = total + part.total, fund + part.fund, own + part.own
    return Amounts(total, fund, own)
