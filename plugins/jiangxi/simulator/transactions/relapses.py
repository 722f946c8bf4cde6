"""SQ001, CX004: relapses of old injuries, applied for and listed. They have no number (J28)."""

from __future__ import annotations

from agent.events import JsonObject
from agent.rehearsal.ledger import Effect
from plugins.jiangxi.simulator.rules import demand, own_institution
from plugins.jiangxi.simulator.seed import Relapse
from plugins.jiangxi.simulator.transactions.base import Context, Reply

_UNDER_REVIEW = "审核中"


def apply(context: Context, data: JsonObject) -> Reply:
    own_institution(data["akb020"], context.caller.akb020)
    demand(data["alc005"] in context.world.accidents, "未查询到该事故编号对应的工伤认定信息")
    today = context.today
    relapse = Relapse(data["alc005"], today, today, today, data["bke107"], data["alc083"], _UNDER_REVIEW)
    context.world.relapses.append(relapse)
    return Reply({}, (Effect(f"relapse:{data['alc005']}/{data['bke107']}/{today}", data["alc005"]),))


def relapses(context: Context, data: JsonObject) -> Reply:
    demand(data["alc005"] in context.world.accidents, "未查询到该事故编号对应的工伤认定信息")
    accident = context.world.accidents[data["alc005"]]
    rows = [
        {
            "aac147": accident.aac002,
            "aac003": accident.aac003,
            "aae032": each.aae032,
            "aae036": each.aae036,
            "aae015": each.aae015,
            "bke107": each.bke107,
            "alc083": each.alc083,
            "aae016": each.aae016,
        }
        for each in context.world.relapses_of(data["alc005"])
    ]
    return Reply({"outputlist": rows}, about=data["alc005"])
