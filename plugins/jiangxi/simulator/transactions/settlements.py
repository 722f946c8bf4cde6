"""FY005, KF002, JY002, CX001: settling a visit, taking that back, and what is settled."""

from __future__ import annotations

from agent.events import JsonObject
from agent.rehearsal.ledger import Effect
from plugins.jiangxi.simulator.rules import demand, own_institution, visit_of
from plugins.jiangxi.simulator.state import Settlement, Visit, VisitKind
from plugins.jiangxi.simulator.transactions.base import Context, Reply, listed, told
from plugins.jiangxi.simulator.transactions.fees import withdraw
from plugins.jiangxi.simulator.transactions.visits import demand_open_month

_OUTPATIENT, _INPATIENT = "1", "2"


def settle(context: Context, data: JsonObject) -> Reply:
    return _settled(context, data, VisitKind.CLINIC, VisitKind.STAY)


def settle_rehabilitation(context: Context, data: JsonObject) -> Reply:
    return _settled(context, data, VisitKind.REHABILITATION)


def _settled(context: Context, data: JsonObject, *kinds: VisitKind) -> Reply:
    own_institution(data["akb020"], context.caller.akb020)
    visit = visit_of(context.world, data["akb020"], data["akc190"], *kinds)
    stay = visit.kind is VisitKind.STAY
    demand(not (context.manners.guarded and visit.settlement), "该业务已结算，不能重复结算")
    demand(visit.fees, "该业务没有已上传的费用明细")
    demand(data["aka130"] == visit.aka130, "医疗费用类别与就诊登记不一致")
    demand(data["bke107"] == (_INPATIENT if stay else _OUTPATIENT), "费用汇总类别与就诊登记不一致")
    demand(visit.discharged or not stay, "未办理出院登记，不能结算")
    visit.settlement = Settlement(
        visit.amounts, context.moment, data["aae011"], data["bae125"], data["bke107"]
    )
    return Reply(told(visit.amounts), (Effect(f"settlement:{visit.akc190}", visit.akc190),))


def refund(context: Context, data: JsonObject) -> Reply:
    """JY002 takes back the settlement and every detail of the visit."""
    own_institution(data["akb020"], context.caller.akb020)
    visit = visit_of(context.world, data["akb020"], data["akc190"])
    demand(visit.settlement, "该业务没有结算，不能退费")
    demand_open_month(visit.settlement, context)
    visit.settlement = None
    gone = withdraw(visit, list(visit.fees))
    return Reply({}, (Effect(f"settlement:{visit.akc190}", visit.akc190, -1), *gone))


def settled(context: Context, data: JsonObject) -> Reply:
    own_institution(data["akb020"], context.caller.akb020)
    period = data["startDate"], data["expirationDate"]
    demand(data["akc190"] or all(period), "业务流水号和结算起止日期不能同时为空")
    rows = [
        _row(visit, visit.settlement)
        for visit in context.world.visits.values()
        if visit.settlement and visit.akb020 == data["akb020"] and _asked_for(visit, visit.settlement, data)
    ]
    return Reply({"outputlist": rows}, about=data["akc190"])


def _asked_for(visit: Visit, settlement: Settlement, data: JsonObject) -> bool:
    day = settlement.at[:8]
    return (
        data["akc190"] in ("", visit.akc190)
        and data["aac002"].upper() in ("", visit.accident.aac002)
        and (not data["startDate"] or data["startDate"] <= day <= data["expirationDate"])
    )


def _row(visit: Visit, settlement: Settlement) -> JsonObject:
    return {
        "aaa027": visit.accident.aaa027,
        "aka130": visit.aka130,
        "akc190": visit.akc190,
        "akc194": settlement.at[:8],
        "bae237": settlement.at,
        "aae011": settlement.operator,
        "bae125": settlement.operator_name,
        "bke107": settlement.bke107,
        **listed(settlement.amounts),
        "aac003": visit.accident.aac003,
        "aac002": visit.accident.aac002,
        "akb020": visit.akb020,
        "akb021": visit.akb021,
    }
