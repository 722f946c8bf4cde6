"""GS001, GS002, CX003: who somebody is and how they were injured."""

from __future__ import annotations

from agent.events import JsonObject
from plugins.jiangxi.simulator.rules import Refused
from plugins.jiangxi.simulator.transactions.base import Context, Reply


def injured(context: Context, data: JsonObject) -> Reply:
    """GS001: checkcode 0 for whom nobody knows, or knows unhurt."""
    world = context.world
    person = world.person(data["aac147"], data["aac003"])
    accidents = world.accidents_of(person.aac002) if person else []
    rows = [
        {
            "aaa027": each.aaa027,
            "aac147": each.aac002,
            "aac003": each.aac003,
            "aab004": each.aab004,
            "alc022": each.alc022,
            "alc005": each.alc005,
            "alc020": each.alc020,
        }
        for each in accidents
    ]
    return Reply({"checkcode": "1" if rows else "0", "outputlist": rows})


def bank_account(context: Context, data: JsonObject) -> Reply:
    person = context.world.person(data["aac147"], data["aac003"])
    if person is None or not person.account:
        raise Refused("未查询到该人员的社会保障卡银行账户信息")
    return Reply(
        {
            "aac002": person.aac002,
            "aac003": person.aac003,
            "aae010": person.account,
            "bae118": person.bank,
        }
    )


def by_code(context: Context, data: JsonObject) -> Reply:
    person = context.world.qrcodes.get(data["qrCodeStr"])
    if person is None:
        raise Refused("二维码无效或已过期")
    return Reply({"aac002": person.aac002, "aac003": person.aac003})
