"""GYU004 费用审核扣款信息上传 and GYR004 费用审核扣款信息撤销, which takes all of a settlement (M78)."""

from __future__ import annotations

from agent.events import JsonObject
from agent.rehearsal.ledger import Effect
from plugins.ministry.simulator.entities import Claim, Deduction
from plugins.ministry.simulator.refusals import Refusal, first_refusal
from plugins.ministry.simulator.rules.deductions import (
    DEDUCTION_RULES,
    WITHDRAWAL_RULES,
    DeductionCase,
    WithdrawalCase,
)
from plugins.ministry.simulator.transactions.base import Context, Reply, RowDone, number, row_by_row


def upload(context: Context, data: JsonObject) -> Reply:
    """GYU004."""
    keys = ("aaz515", "aaz516_s", "aaz516")
    return row_by_row(context, data, keys, lambda row: _deduct(context, row))


def withdraw(context: Context, data: JsonObject) -> Reply:
    """GYR004."""
    return row_by_row(context, data, ("aaz515",), lambda row: _withdraw(context, row))


def _deduct(context: Context, row: JsonObject) -> RowDone | Refusal:
    case = _case(context, row)
    refusal = first_refusal(DEDUCTION_RULES, case, context.manners.guarded)
    if refusal:
        return refusal
    assert case.stay is not None  # or settlement_there would have refused
    deduction = Deduction(
        aaz516=number(context, "aaz516", 10),
        aaz516_s=row["aaz516_s"],
        reason=row["aae013"],
        claim=Claim(case.amount),
        province=context.access.province,
    )
    context.world.deduct(case.stay, deduction)
    return RowDone({"aaz516": deduction.aaz516}, (Effect(deduction.key, case.stay.visit),))


def _withdraw(context: Context, row: JsonObject) -> RowDone | Refusal:
    stay = context.world.settlement_stay(row["aaz515"])
    case = WithdrawalCase(context.access.province, stay)
    refusal = first_refusal(WITHDRAWAL_RULES, case, context.manners.guarded)
    if refusal:
        return refusal
    assert stay is not None  # or withdrawn_settlement_there would have refused
    effects = []
    for deduction in list(stay.standing_deductions):
        deduction.claim.revoked = True
        effects.append(Effect(deduction.key, stay.visit, -1))
    context.world.revoked("GYD404", stay)
    return RowDone({}, tuple(effects))


def _case(context: Context, row: JsonObject) -> DeductionCase:
    return DeductionCase(
        province=context.access.province,
        akb020=row["akb020"],
        aac002=row["aac002"],
        aac003=row["aac003"],
        amount=row["aae019"],
        institution=context.world.institution(row["akb020"]),
        stay=context.world.settlement_stay(row["aaz515"]),
    )
