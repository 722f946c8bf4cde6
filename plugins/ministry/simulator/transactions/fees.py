"""GYU102 费用明细上传: a wrong head refuses the call, a wrong row only itself."""

from __future__ import annotations

from agent.events import JsonObject
from agent.rehearsal.ledger import Effect
from plugins.ministry.simulator.entities import Amounts, Fee, Stay
from plugins.ministry.simulator.refusals import Refusal, first_refusal
from plugins.ministry.simulator.rules.fees import HEAD_RULES, ROW_RULES, FeeHeadCase, FeeRowCase
from plugins.ministry.simulator.transactions.base import (
    Context,
    Reply,
    as_sent,
    day,
    number,
    read_head,
    read_list,
    read_rows,
    refused,
    row_result,
    success,
)


def answer(context: Context, data: JsonObject) -> Reply:
    head = read_head(context, data)
    if isinstance(head, Refusal):
        return refused(context, head)
    rows = _rows(context, data)
    if isinstance(rows, Refusal):
        return refused(context, rows)
    case = _head_case(context, head)
    refusal = first_refusal(HEAD_RULES, case, context.manners.guarded)
    if refusal:
        return refused(context, refusal)
    assert case.stay is not None  # or stay_is_theirs would have refused
    return _take(context, head, rows, case.stay)


def _rows(context: Context, data: JsonObject) -> list[JsonObject] | Refusal:
    """The list; too many rows have a code of their own here (费用明细信息条数超限)."""
    rows = data.get("datalist")
    most = context.spec.max_rows
    if isinstance(rows, list) and most is not None and len(rows) > most:
        return Refusal("RE1071")
    return read_list(context, data)


def _take(context: Context, head: JsonObject, rows: list[JsonObject], stay: Stay) -> Reply:
    results, effects = [], []
    for sent, row in read_rows(context, rows, head):
        judged = row if isinstance(row, Refusal) else _charge(context, row, stay)
        refusal, fee = (judged, None) if isinstance(judged, Refusal) else (None, judged)
        if fee:
            effects.append(Effect(f"fee:{stay.visit}/{fee.aaz213_s}", stay.visit))
        keys = {**as_sent(sent, "aaz213_s"), "aaz213": fee.aaz213 if fee else ""}
        results.append(row_result(context, keys, refusal))
    answered = success(akb020=stay.akb020, akc190=stay.akc190, aaz515=stay.aaz515, datalist=results)
    return Reply(answered, tuple(effects))


def _charge(context: Context, row: JsonObject, stay: Stay) -> Fee | Refusal:
    case = _row_case(context, row, stay)
    refusal = first_refusal(ROW_RULES, case, context.manners.guarded)
    if refusal:
        return refusal
    fee = Fee(row["aaz213_s"], number(context, "aaz213", 12), case.amounts, row)
    context.world.charge(stay, context.access.province, fee)
    return fee


def _head_case(context: Context, head: JsonObject) -> FeeHeadCase:
    world = context.world
    return FeeHeadCase(
        province=context.access.province,
        akb020=head["akb020"],
        alc002=head["alc002"],
        akc190=head["akc190"],
        aka130=head["aka130"],
        aac002=head["aac002"],
        aac003=head["aac003"],
        institution=world.institution(head["akb020"]),
        stays_of_person=tuple(world.stays_of(head["aac002"])),
        stays_numbered=tuple(world.stays_numbered(head["akc190"])),
    )


def _row_case(context: Context, row: JsonObject, stay: Stay) -> FeeRowCase:
    return FeeRowCase(
        today=context.today,
        admitted=stay.admitted,
        charged=day(row["aae229"]),
        category=row["ala012"],
        ceiling=row["aka068"],
        ratio=row["aae185"],
        quantity=row["akc226"],
        price=row["akc225"],
        amounts=Amounts(row["aae058"], row["aae020"], row["aae022"]),
        uploaded_before=context.world.fee_row(context.access.province, row["aaz213_s"]) is not None,
    )
