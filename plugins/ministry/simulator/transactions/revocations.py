"""GYR001 费用明细信息撤销, GYR002 入院登记信息撤销 and GYR003 结算信息撤销, which takes the admission, the
fees and the attachments along, and leaves the deductions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from agent.events import JsonObject
from agent.rehearsal.ledger import Effect
from plugins.ministry.simulator.entities import Stay
from plugins.ministry.simulator.refusals import Refusal, first_refusal
from plugins.ministry.simulator.rules.revocations import (
    FEE_RULES,
    SETTLEMENT_RULES,
    STAY_RULES,
    RevocationCase,
)
from plugins.ministry.simulator.transactions.base import Context, Reply, read_all, refused, success

_Rules: TypeAlias = Sequence[Callable[[RevocationCase], Refusal | None]]


def fees(context: Context, data: JsonObject) -> Reply:
    """GYR001."""
    return _revoke(context, data, FEE_RULES, _revoke_fees)


def admission(context: Context, data: JsonObject) -> Reply:
    """GYR002."""
    return _revoke(context, data, STAY_RULES, _revoke_stay)


def settlement(context: Context, data: JsonObject) -> Reply:
    """GYR003."""
    return _revoke(context, data, SETTLEMENT_RULES, _revoke_settlement)


def _revoke(
    context: Context,
    data: JsonObject,
    rules: _Rules,
    take_back: Callable[[Context, Stay], list[Effect]],
) -> Reply:
    sent = read_all(context, data)
    if isinstance(sent, Refusal):
        return refused(context, sent)
    case = _case(context, sent)
    refusal = first_refusal(rules, case, context.manners.guarded)
    if refusal:
        return refused(context, refusal)
    assert case.stay is not None  # or stay_there or settlement_there would have refused
    return Reply(success(), tuple(take_back(context, case.stay)))


def _revoke_fees(context: Context, stay: Stay) -> list[Effect]:
    context.world.revoked("GYD401", stay)
    return _take_back_fees(stay)


def _revoke_stay(context: Context, stay: Stay) -> list[Effect]:
    stay.revoked = True
    context.world.revoked("GYD402", stay)
    return [Effect(f"stay:{stay.visit}", stay.visit, -1)]


def _revoke_settlement(context: Context, stay: Stay) -> list[Effect]:
    assert stay.settlement is not None  # or settled would have refused
    stay.settlement.claim.revoked = True
    stay.revoked = True
    context.world.revoked("GYD403", stay)
    effects = [Effect(f"settlement:{stay.visit}", stay.visit, -1), *_take_back_fees(stay)]
    if stay.akc190:
        effects.append(Effect(f"stay:{stay.visit}", stay.visit, -1))
    return [*effects, *_take_back_aids(context, stay), *_take_back_files(context, stay)]


def _take_back_fees(stay: Stay) -> list[Effect]:
    effects = []
    for fee in list(stay.standing_fees):
        fee.revoked = True
        effects.append(Effect(f"fee:{stay.visit}/{fee.aaz213_s}", stay.visit, -1))
    return effects


def _take_back_aids(context: Context, stay: Stay) -> list[Effect]:
    for row in stay.aids:
        context.world.aids[row["aaz195"]].settled = ""
    return [Effect(f"aid:{row['aaz195']}", stay.visit, -1) for row in stay.aids]


def _take_back_files(context: Context, stay: Stay) -> list[Effect]:
    effects = []
    for attachment in context.world.attachments.values():
        if attachment.stay == stay.aaz515 and not attachment.revoked:
            attachment.revoked = True
            effects.append(Effect(attachment.key, stay.visit, -1))
    return effects


def _case(context: Context, sent: JsonObject) -> RevocationCase:
    world = context.world
    number = sent.get("aaz515")
    stay = world.settlement_stay(number) if number else world.stay(sent["akb020"], sent["akc190"])
    return RevocationCase(
        province=context.access.province,
        akb020=sent["akb020"],
        akc190=sent["akc190"],
        aac002=sent["aac002"],
        aac003=sent["aac003"],
        alc002=sent.get("alc002", ""),
        institution=world.institution(sent["akb020"]),
        stay=stay,
    )
