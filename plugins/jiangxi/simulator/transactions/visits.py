"""MZ002, ZY001, ZY002, ZY004, JY003: registrations and what becomes of them."""

from __future__ import annotations

from agent.events import JsonObject
from agent.rehearsal.ledger import Effect
from plugins.jiangxi.simulator.rules import Refused, demand, own_institution, visit_of
from plugins.jiangxi.simulator.seed import Accident
from plugins.jiangxi.simulator.state import Settlement, Visit, VisitKind
from plugins.jiangxi.simulator.transactions.base import Context, Reply

_OF_STAYS = ("72", "74")
_CLINIC = "71"
"""MZ002 has no aka130 (J26)."""


def register_clinic(context: Context, data: JsonObject) -> Reply:
    visit = open_visit(context, data, VisitKind.CLINIC, _CLINIC)
    return Reply({"akc190": visit.akc190}, (Effect(f"visit:{visit.akc190}", visit.akc190),))


def admit(context: Context, data: JsonObject) -> Reply:
    demand(data["aka130"] in _OF_STAYS, "住院登记的医疗类别应为 72 或 74")
    stay = context.world.open_stay(data["akb020"], data["ckc349"])
    demand(not (context.manners.guarded and stay), "该住院号已办理入院登记且未出院")
    visit = open_visit(context, data, VisitKind.STAY, data["aka130"])
    visit.ckc349, visit.admitted = data["ckc349"], data["aae030"]
    visit.bank = {name: data[name] for name in ("bae118", "aae009", "aae010", "aac067")}
    key = f"admission:{visit.akb020}/{visit.ckc349}"
    return Reply({"akc190": visit.akc190}, (Effect(key, visit.akc190),))


def change_bank(context: Context, data: JsonObject) -> Reply:
    visit = visit_of(context.world, context.caller.akb020, data["akc190"], VisitKind.STAY)
    visit.bank.update({name: data[name] for name in ("bae118", "aae009", "aae010")})
    return Reply({"akc190": visit.akc190})


def discharge(context: Context, data: JsonObject) -> Reply:
    own_institution(data["akb020"], context.caller.akb020)
    visit = visit_of(context.world, data["akb020"], data["akc190"], VisitKind.STAY)
    demand(not (context.manners.guarded and visit.discharged), "该住院已办理出院登记")
    demand(data["aae031"] >= visit.admitted, "出院日期不能早于入院日期")
    visit.discharged = data["aae031"]
    return Reply({"akc190": visit.akc190}, (Effect(f"discharge:{visit.akc190}", visit.akc190),))


def revoke(context: Context, data: JsonObject) -> Reply:
    """JY003 takes fees and settlement along."""
    own_institution(data["akb020"], context.caller.akb020)
    visit = visit_of(context.world, data["akb020"], data["akc190"], VisitKind.STAY)
    demand_open_month(visit.settlement, context)
    gone = [Effect(f"fee:{bke384}", visit.akc190, -1) for bke384 in visit.fees]
    if visit.settlement:
        gone.append(Effect(f"settlement:{visit.akc190}", visit.akc190, -1))
    if visit.discharged:
        gone.append(Effect(f"discharge:{visit.akc190}", visit.akc190, -1))
    gone.append(Effect(f"admission:{visit.akb020}/{visit.ckc349}", visit.akc190, -1))
    visit.revoked, visit.settlement = True, None
    visit.fees.clear()
    return Reply({}, tuple(gone))


def demand_open_month(settlement: Settlement | None, context: Context) -> None:
    """如果对应费用已经月结算则不允许撤销. Raises Refused."""
    demand(settlement is None or settlement.at[:6] == context.today[:6], "该笔费用已月结算，不允许撤销")


def open_visit(context: Context, data: JsonObject, kind: VisitKind, aka130: str) -> Visit:
    own_institution(data["akb020"], context.caller.akb020)
    number = f"{context.today}{context.world.next_number('akc190'):010d}"
    visit = Visit(number, data["akb020"], data["akb021"], kind, aka130, _accident(context, data["alc005"]))
    context.world.visits[number] = visit
    return visit


def _accident(context: Context, alc005: str) -> Accident:
    accident = context.world.accidents.get(alc005)
    if accident is None:
        raise Refused("未查询到该事故编号对应的工伤认定信息")
    return accident
