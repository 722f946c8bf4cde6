"""GYD053 通用交易查询: the stored response DATA of an earlier call of the same access key (M40)."""

from __future__ import annotations

from agent import jsontext
from agent.events import JsonObject
from plugins.ministry.simulator.refusals import Refusal
from plugins.ministry.simulator.transactions.base import Context, Reply, refused, success


def answer(context: Context, data: JsonObject) -> Reply:
    """历史交易流水号必须是本机构历史交易对应的交易流水号: another access key's call is not found."""
    asked = context.reader.read(context.spec.request, data)
    if isinstance(asked, Refusal):
        return refused(context, asked)
    about = (asked["busitype"], asked["hisrefid"])
    found = context.world.history.get((context.access.key, *about))
    if found is not None:
        hisdata = jsontext.write(found) if context.manners.hisdata_as_text else found
        return Reply(success(hisdata=hisdata))
    if context.manners.absent == "empty":
        return Reply(success(hisdata={}), negative_about=about)
    refusal = Refusal("RE1106")
    return Reply(
        {"busi_code": refusal.code, "busi_msg": context.text(refusal), "hisdata": {}}, negative_about=about
    )
