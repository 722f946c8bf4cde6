"""FY001, KF001, FY004, JY001, CX002: details, what the fund says to them, and taking them back."""

from __future__ import annotations

from collections.abc import Set

from agent.events import JsonObject
from agent.rehearsal.ledger import Effect
from plugins.jiangxi.simulator.arithmetic import line_total, share
from plugins.jiangxi.simulator.rules import demand, own_institution, visit_of
from plugins.jiangxi.simulator.state import NOTHING, Fee, Visit, VisitKind
from plugins.jiangxi.simulator.transactions.base import Context, Reply, listed, told
from plugins.jiangxi.simulator.transactions.visits import open_visit


def upload(context: Context, data: JsonObject) -> Reply:
    own_institution(data["akb020"], context.caller.akb020)
    kinds = (VisitKind.CLINIC, VisitKind.STAY)
    visit = visit_of(context.world, data["akb020"], data["akc190"], *kinds)
    demand(visit.settlement is None, "该业务已结算，不能再上传费用")
    rows = data["inputlist"]
    demand(data["listsize"] == len(rows), "发送记录数与费用明细条数不一致")
    demand(data["totalFee"] == sum(row["akc264"] for row in rows), "医疗总金额与费用明细合计不一致")
    demand(all(row["akc190"] == visit.akc190 for row in rows), "费用明细的业务流水号不一致")
    judge_rows(context, rows, visit.aka130, context.world.bke384)
    context.world.bke384.update(row["bke384"] for row in rows)
    return _kept(context, visit, rows)


def calculate(context: Context, data: JsonObject) -> Reply:
    """KF001 keeps the details and issues the number (J14)."""
    rows = data["inputlist"]
    demand(data["aka130"] in ("73", "75"), "医疗类别应为 73 或 75")
    judge_rows(context, rows, data["aka130"], set())
    visit = open_visit(context, data, VisitKind.REHABILITATION, data["aka130"])
    kept = _kept(context, visit, rows)
    opened = Effect(f"visit:{visit.akc190}", visit.akc190)
    return Reply({**kept.output, "akc190": visit.akc190}, (opened, *kept.effects))


def trial(context: Context, data: JsonObject) -> Reply:
    visit = visit_of(context.world, context.caller.akb020, data["akc190"])
    demand(visit.fees, "该业务没有已上传的费用明细")
    return Reply(told(visit.amounts))


def delete(context: Context, data: JsonObject) -> Reply:
    """JY001: one detail, or without bke384 all of the visit."""
    own_institution(data["akb020"], context.caller.akb020)
    visit = visit_of(context.world, data["akb020"], data["akc190"])
    demand(visit.settlement is None, "该业务已结算，请使用已结算费用退费")
    wanted = [data["bke384"]] if data["bke384"] else list(visit.fees)
    demand(wanted and all(bke384 in visit.fees for bke384 in wanted), "未查询到需要删除的费用明细")
    return Reply({}, withdraw(visit, wanted))


def withdraw(visit: Visit, wanted: list[str]) -> tuple[Effect, ...]:
    for bke384 in wanted:
        del visit.fees[bke384]
    return tuple(Effect(fee_key(visit, bke384), visit.akc190, -1) for bke384 in wanted)


def fee_key(visit: Visit, bke384: str) -> str:
    """A detail in the ledger: KF001 may bring one number in two visits."""
    of_visit = visit.kind is VisitKind.REHABILITATION
    return f"fee:{visit.akc190}/{bke384}" if of_visit else f"fee:{bke384}"


def details(context: Context, data: JsonObject) -> Reply:
    own_institution(data["akb020"], context.caller.akb020)
    visit = visit_of(context.world, data["akb020"], data["akc190"])
    rows = [
        {
            **{code: _plain(value) for code, value in fee.row.items() if code != "aka030"},
            "akc190": visit.akc190,
            "bka069": fee.uploaded,
            **listed(fee.amounts),
        }
        for fee in visit.fees.values()
    ]
    return Reply({"outputlist": rows}, about=visit.akc190)


def judge_rows(context: Context, rows: list[JsonObject], aka130: str, used: Set[str]) -> None:
    """Raises Refused for the first wrong row, naming it by its bkf500. ``used``: bke384 of other calls
    that count; only FY001 demands that no two be the same."""
    seen: set[str] = set()
    for row in rows:
        where = f"第 {row['bkf500']} 条费用明细："
        total = line_total(row["akc225"], row["akc226"])
        known = context.world.item(row["ake001"]) is not None
        demand(row["akc264"] == total, f"{where}医疗费总额不等于单价乘以数量")
        demand(row["aka130"] == aka130, f"{where}医疗费用类别与就诊登记不一致")
        demand(row["aka030"] == "0" or known, f"{where}社保目录统一编码不在工伤目录内")
        fresh = row["bke384"] not in seen and row["bke384"] not in used
        demand(fresh, f"{where}医院结算业务药品明细序列号重复")
        demand(row["ake007"] <= context.today, f"{where}费用发生日期不能晚于当前日期")
        seen.add(row["bke384"])


def _kept(context: Context, visit: Visit, rows: list[JsonObject]) -> Reply:
    fees = [_fee(context, row) for row in rows]
    for fee in fees:
        visit.fees[fee.bke384] = fee
    visit.ckc349 = visit.ckc349 or rows[0]["ckc349"]
    amounts = sum((fee.amounts for fee in fees), NOTHING)
    return Reply(told(amounts), tuple(Effect(fee_key(visit, fee.bke384), visit.akc190) for fee in fees))


def _fee(context: Context, row: JsonObject) -> Fee:
    item = context.world.item(row["ake001"])
    amounts = share(item, row["bkc369"], row["akc225"], row["akc226"], injury=row["aka030"] == "1")
    return Fee(row["bke384"], amounts, row, context.moment)


def _plain(value: object) -> str:
    """CX002 repeats numbers as texts (J18)."""
    return "" if value is None else f"{value}"
