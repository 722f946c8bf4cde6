"""GYU003 协议机构月结信息上传: one statement in one or several calls.

The first call whose details are not all refused begins the statement and gets its 批次号. A wrong row
refuses only itself and keeps the statement open; the last call (ISDONE 1) completes it, with an AAZ215,
when none of its rows is wrong. Sums that do not agree then refuse the whole call.
"""

from __future__ import annotations

from decimal import Decimal

from agent.events import JsonObject
from agent.rehearsal.ledger import Effect
from plugins.ministry.simulator.entities import Claim, Detail, Statement, Stay
from plugins.ministry.simulator.refusals import Refusal, first_refusal
from plugins.ministry.simulator.rules.statements import (
    COMPLETION_RULES,
    DETAIL_RULES,
    HEAD_RULES,
    CompletionCase,
    DetailCase,
    StatementCase,
)
from plugins.ministry.simulator.transactions.base import (
    Context,
    Reply,
    as_sent,
    as_text,
    number,
    read_head,
    read_list,
    read_rows,
    refused,
    row_result,
    success,
)

_LAST = "1"
_OFFSETS = ("3", "4")


def answer(context: Context, data: JsonObject) -> Reply:
    head = read_head(context, data)
    if isinstance(head, Refusal):
        return refused(context, head)
    rows = read_list(context, data)
    if isinstance(rows, Refusal):
        return refused(context, rows)
    begun = context.world.statement(head["akb020"], head["aae002"])
    refusal = first_refusal(HEAD_RULES, _case(context, head, begun), context.manners.guarded)
    if refusal:
        return refused(context, refusal)
    draft = begun if begun and not begun.aaz215 else _begin(head)
    judged = _judge(context, draft, rows, head)
    return _take(context, head, draft, judged, rows)


def _judge(
    context: Context, draft: Statement, rows: list[JsonObject], head: JsonObject
) -> list[Detail | Refusal]:
    """What each row is; nothing changes yet."""
    judged: list[Detail | Refusal] = []
    seen: set[str] = set()
    for position, (_, row) in enumerate(read_rows(context, rows, head), start=1):
        detail = row if isinstance(row, Refusal) else _detail(context, draft, position, row)
        if isinstance(detail, Detail):
            if detail.key in seen and context.manners.guarded:
                detail = Refusal("RE1171")
            else:
                seen.add(detail.key)
        judged.append(detail)
    return judged


def _take(
    context: Context,
    head: JsonObject,
    draft: Statement,
    judged: list[Detail | Refusal],
    rows: list[JsonObject],
) -> Reply:
    taken = [detail for detail in judged if isinstance(detail, Detail)]
    done = head["isdone"] == _LAST and (len(taken) == len(judged) or not (taken or draft.details))
    if done:
        whole = CompletionCase(draft.total, draft.people, (*draft.details, *taken))
        refusal = first_refusal(COMPLETION_RULES, whole, context.manners.guarded)
        if refusal:
            return _incomplete(context, refusal, judged, rows)
    effects = _keep(context, draft, taken) if taken else []
    if done:
        draft.aaz215 = number(context, "aaz215", 10)
        effects.append(Effect(f"statement:{draft.akb020}/{draft.aae002}"))
    results = _results(context, judged, rows)
    named = {"akb020": draft.akb020, "aae002": draft.aae002, "pch": draft.pch, "aaz215": draft.aaz215}
    return Reply(success(**named, datalist=results), tuple(effects))


def _keep(context: Context, draft: Statement, taken: list[Detail]) -> list[Effect]:
    if not draft.pch:
        draft.pch = number(context, "pch", 10)
        context.world.statements.append(draft)
    for detail in taken:
        claim = _claim(context, detail.stay, detail.trtype, detail.aaz516)
        assert claim is not None  # or known would have refused the row
        if detail.trtype in _OFFSETS:
            claim.offset = draft.pch
        else:
            claim.booked = draft.pch
        draft.details.append(detail)
    month = f"detail:{draft.akb020}/{draft.aae002}"
    return [Effect(f"{month}/{detail.key}", detail.stay.visit) for detail in taken]


def _incomplete(
    context: Context, refusal: Refusal, judged: list[Detail | Refusal], rows: list[JsonObject]
) -> Reply:
    """Nothing of the call counts; rows that are wrong themselves say so."""
    reply = refused(context, refusal)
    wrong = [(row, fault) for row, fault in zip(rows, judged, strict=True) if isinstance(fault, Refusal)]
    results = _results(context, [fault for _, fault in wrong], [row for row, _ in wrong])
    return Reply({**reply.data, "datalist": results})


def _results(
    context: Context, judged: list[Detail | Refusal] | list[Refusal], rows: list[JsonObject]
) -> list[JsonObject]:
    results = []
    for row, detail in zip(rows, judged, strict=True):
        keys = as_sent(row, "aaz515", "aaz516", "trtype")
        amount = as_text(detail.signed) if isinstance(detail, Detail) else ""
        refusal = detail if isinstance(detail, Refusal) else None
        results.append(row_result(context, {**keys, "aae020": amount}, refusal))
    return results


def _detail(context: Context, draft: Statement, position: int, row: JsonObject) -> Detail | Refusal:
    stay = context.world.settlement_stay(row["aaz515"])
    claim = _claim(context, stay, row["trtype"], row["aaz516"])
    case = DetailCase(
        number=position,
        trtype=row["trtype"],
        stay=stay,
        claim=claim,
        theirs=_is_theirs(context, draft, stay, row),
        pch=draft.pch,
    )
    refusal = first_refusal(DETAIL_RULES, case, context.manners.guarded)
    if refusal:
        return refusal
    assert stay is not None  # or belongs would have refused
    assert claim is not None  # or known would have refused
    return Detail(row["trtype"], stay, row["aaz516"], claim.amount)


def _claim(context: Context, stay: Stay | None, trtype: str, aaz516: str) -> Claim | None:
    """What a 月结明细类型 takes: the settlement's fund, or the deduction of this number."""
    if trtype in ("1", "3"):
        return stay.settlement.claim if stay and stay.settlement else None
    found = context.world.deductions.get(aaz516)
    return found[1].claim if found else None


def _is_theirs(context: Context, draft: Statement, stay: Stay | None, row: JsonObject) -> bool:
    if stay is None or stay.akb020 != draft.akb020 or not stay.is_of(row["aac002"], row["aac003"]):
        return False
    found = context.world.deductions.get(row["aaz516"])
    return row["trtype"] in ("1", "3") or (found is not None and found[0] is stay)


def _begin(head: JsonObject) -> Statement:
    return Statement("", head["akb020"], head["aae002"], Decimal(head["aae020"]), Decimal(head["akb079"]))


def _case(context: Context, head: JsonObject, begun: Statement | None) -> StatementCase:
    return StatementCase(
        province=context.access.province,
        pch=head["pch"],
        alc002=head["alc002"],
        aae002=head["aae002"],
        total=head["aae020"],
        people=head["akb079"],
        institution=context.world.institution(head["akb020"]),
        begun=begun,
    )
