"""GYU103 出院结算信息上传: every row is judged by itself; its sums are compared with the uploaded fees."""

from __future__ import annotations

from agent.events import JsonObject
from agent.rehearsal.ledger import Effect
from plugins.ministry.simulator.entities import Amounts, Claim, Settlement, Stay
from plugins.ministry.simulator.refusals import Refusal, first_refusal
from plugins.ministry.simulator.rules.settlement import RULES, SettlementCase
from plugins.ministry.simulator.state import World
from plugins.ministry.simulator.transactions.base import (
    Context,
    Reply,
    as_sent,
    day,
    read_list,
    read_rows,
    refused,
    row_result,
    success,
    unknown_files,
)


def answer(context: Context, data: JsonObject) -> Reply:
    rows = read_list(context, data)
    if isinstance(rows, Refusal):
        return refused(context, rows)
    results, effects = [], []
    for number, (sent, row) in enumerate(read_rows(context, rows, data), start=1):
        judged = row if isinstance(row, Refusal) else _settle(context, number, sent, row)
        refusal, stay = (judged, None) if isinstance(judged, Refusal) else (None, judged)
        if stay:
            effects.append(Effect(f"settlement:{stay.visit}", stay.visit))
        keys = as_sent(sent, "aac002", "aac003", "akb020", "akc190")
        results.append(row_result(context, {**keys, "aaz515": stay.aaz515 if stay else ""}, refusal))
    return Reply(success(datalist=results), tuple(effects))


def _settle(context: Context, number: int, sent: JsonObject, row: JsonObject) -> Stay | Refusal:
    case = _case(context, number, sent, row)
    refusal = first_refusal(RULES, case, context.manners.guarded)
    if refusal:
        return refusal
    assert case.stay is not None  # or admitted would have refused
    case.stay.settlement = Settlement(case.amounts, case.discharged, Claim(case.amounts.fund), row)
    return case.stay


def _case(context: Context, number: int, sent: JsonObject, row: JsonObject) -> SettlementCase:
    world = context.world
    stay = _stay(world, row)
    return SettlementCase(
        number=number,
        province=context.access.province,
        today=context.today,
        alc002=row["alc002"],
        aka130=row["aka130"],
        aac003=row["aac003"],
        discharged=day(row["aae031"]),
        amounts=Amounts(row["aae058"], row["aae020"], row["aae022"]),
        institution=world.institution(row["akb020"]),
        stay=stay,
        filing=world.filing(stay) if stay else None,
        empty_files=sum(1 for file in row["filedata"] if not any(file.values())),
        unknown_files=unknown_files(world, row["filedata"]),
    )


def _stay(world: World, row: JsonObject) -> Stay | None:
    stay = world.stay(row["akb020"], row["akc190"])
    return stay if stay and stay.aac002.upper() == row["aac002"].upper() else None
