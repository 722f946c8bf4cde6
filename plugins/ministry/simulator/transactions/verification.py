"""GYD051 人员备案信息核验. What it found is kept for the GYU303 that names its REFID."""

from __future__ import annotations

from agent.events import JsonObject
from plugins.ministry.simulator.entities import Verification
from plugins.ministry.simulator.papers import aid_values, filing_values
from plugins.ministry.simulator.refusals import Refusal, first_refusal
from plugins.ministry.simulator.registry import Filing
from plugins.ministry.simulator.rules.verification import RULES, VerificationCase, why_not
from plugins.ministry.simulator.transactions.base import Context, Reply, day, read_all, refused, success
from plugins.ministry.simulator.transactions.downloads import shown


def answer(context: Context, data: JsonObject) -> Reply:
    asked = read_all(context, data)
    if isinstance(asked, Refusal):
        return refused(context, asked)
    case = _case(context, asked)
    refusal = first_refusal(RULES, case, context.manners.guarded)
    if refusal:
        return refused(context, refusal)
    assert case.filing is not None  # or filed_for_this_kind would have refused
    reason = why_not(case)
    context.world.verifications[context.access.key, context.refid] = Verification(
        asked["aac002"], asked["aac003"], asked["akb020"], case.calltype, case.filing.aaz341, not reason
    )
    return Reply(success(**shown(context.spec.response, _values(context, case.filing, reason))))


def _values(context: Context, filing: Filing, reason: str) -> JsonObject:
    return {
        **filing_values(filing, context.today),
        "aaa080": "0" if reason else "1",
        "aae013": reason,
        "datalist": [aid_values(aid) for aid in context.world.aids_of(filing.aaz341)],
    }


def _case(context: Context, asked: JsonObject) -> VerificationCase:
    world = context.world
    return VerificationCase(
        calltype=asked["calltype"],
        alc002=asked["alc002"],
        aab360=asked["aab360"],
        day=day(asked["aae030"]),
        institution=world.institution(asked["akb020"]),
        person=world.person(asked["aac002"], asked["aac003"]),
        filings=tuple(world.filings_of(asked["aac002"])),
    )
