"""SQ002: trace codes of what was settled; a negative quantity takes its codes back (J29)."""

from __future__ import annotations

from agent.events import JsonObject
from agent.rehearsal.ledger import Effect
from plugins.jiangxi.simulator.rules import Refused, demand, own_institution, visit_of
from plugins.jiangxi.simulator.state import Visit, World
from plugins.jiangxi.simulator.transactions.base import Context, Reply


def upload(context: Context, data: JsonObject) -> Reply:
    own_institution(data["akb020"], context.caller.akb020)
    visit = visit_of(context.world, data["akb020"], data["akc190"])
    rows = data["kc25list"]
    demand(data["listsize"] == len(rows), "发送记录数与追溯码明细条数不一致")
    moves = [
        (row["bke384"], code["bkc372"], 1 if row["bkc516"] > 0 else -1)
        for row in rows
        for code in row["kc56list"]
    ]
    for row in rows:
        _judge(context.world, visit, row)
    for bke384, code, change in moves:
        key = (visit.akc190, bke384, code)
        context.world.traces[key] = context.world.traces.get(key, 0) + change
    return Reply(
        {}, tuple(Effect(f"trace:{bke384}/{code}", visit.akc190, change) for bke384, code, change in moves)
    )


def _judge(world: World, visit: Visit, row: JsonObject) -> None:
    """Sold: a detail of a settled visit. Returned: a code that stands for that detail."""
    if row["bkc516"] == 0:
        raise Refused("销售/退货数量不能为 0")
    if row["bkc516"] > 0:
        demand(visit.settlement, "该业务未结算，不能上传追溯码")
        demand(row["bke384"] in visit.fees, "追溯码对应的费用明细不存在")
        fee = visit.fees[row["bke384"]]
        demand(fee.row["ake001"] == row["ake001"], "追溯码的社保目录统一编码与费用明细不一致")
        return
    for code in row["kc56list"]:
        standing = world.traces.get((visit.akc190, row["bke384"], code["bkc372"]), 0)
        demand(standing > 0, "退货的追溯码没有上传过")
