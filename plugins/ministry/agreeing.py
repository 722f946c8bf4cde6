"""What a message has to agree with of earlier ones, and what it leaves behind (document: GYU102 rules 7 and
8, GYU103 rules 1–4 and 8, GYU004 rule 3, GYR003, GYU003 rule 3).

Only what this agent itself sent is known here. What contradicts it is refused, with the platform's code;
what it does not know, another workstation may have sent: that warns and passes. A submission with ``force``
is only warned.

Facts beside the catalog's: ``fees`` of a stay (member: the REFID that brought them, value: AAE058, AAE020
and AAE022 of its accepted rows), ``verification`` (the REFID of a GYD051 for an aid), ``statement_part``
(of a statement's calls: what each adds to the total).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from agent.catalog import TransactionSpec
from agent.errors import Fault
from agent.events import Awaited, Completion, Draft, Forget, History, Identifier, JsonObject, Outcome, Verdict
from agent.protocol.matching import sent_rows
from agent.protocol.owing import OWED
from agent.protocol.rules import Holder
from agent.protocol.values import key_of, text_of
from agent.protocol.yielding import Taken, identifiers_of

FEES: Final = "fees"
AMOUNTS: Final = (("aae058", "RE1083"), ("aae020", "RE1084"), ("aae022", "RE1085"))
STAY: Final = ("akb020", "akc190")
AID: Final = "3"
"""CALLTYPE of an aid's configuration."""
AID_INSTITUTION: Final = "3"
"""ALC002 of an aid institution."""
INVALID_FILING: Final = "0"
"""AAE100 of a filing that holds no more."""
DONE: Final = "1"
"""ISDONE of a statement's last call."""
MINUS: Final = ("2", "3")
"""TRTYPE codes whose amounts are taken off (anomalies M44)."""
OF_DEDUCTIONS: Final = ("2", "4")
PART: Final = "statement_part"
VERIFICATION: Final = "verification"
UNKNOWN: Final = "?"
"""A part of a statement of which an amount is not known."""
GONE: Final = "gone"
"""In a draft's memo: facts that end with its acceptance."""

_TAKEN: Final = (Verdict.ACCEPTED, Verdict.PARTIAL)


# -- at the claim --------------------------------------------------------------------------------------
@dataclass(slots=True)
class Findings:
    """``wrong`` contradicts what is known, ``unsure`` could not be compared."""

    wrong: list[Fault] = field(default_factory=list)
    unsure: list[Fault] = field(default_factory=list)

    def warn(self, holder: Holder, code: str, message: str) -> None:
        self.unsure.append(holder.fault(code, "history_missing", message))


@dataclass(frozen=True, slots=True)
class Claimed:
    """A draft at its claim: its rows as the rules see them, and the facts."""

    spec: TransactionSpec
    draft: Draft
    history: History

    def head(self) -> Holder:
        return Holder("", self.draft.body, self.spec.request)

    def rows(self) -> Iterator[Holder]:
        """Each row, with its pointer in the submission."""
        start, _ = self.draft.rows or (0, 0)
        for place, row in enumerate(self.head().rows(self.spec.list)):
            yield replace(row, pointer=f"/{self.spec.list}/{start + place}")


def compared(spec: TransactionSpec, draft: Draft, history: History, *, forced: bool) -> Completion:
    """A draft with what must be known of it when it is accepted, and what contradicts earlier messages."""
    prepare = _PREPARED.get(draft.transaction)
    draft = prepare(draft, history) if prepare else draft
    found = Findings()
    check = _CHECKS.get(draft.transaction)
    if check is not None:
        check(Claimed(spec, draft, history), found)
    if forced:
        return Completion(draft, warnings=(*found.unsure, *found.wrong))
    return Completion(draft, warnings=tuple(found.unsure), refused=tuple(found.wrong))


def unverified(draft: Draft) -> tuple[Awaited, ...]:
    """GYU303 names the GYD051 of its day; one that is not there yet is waited for."""
    body = draft.body
    if (
        draft.transaction != "GYU303"
        or text_of(body.get("prerefid"))
        or ["prerefid"] not in draft.memo.get(OWED, ())
    ):
        return ()
    key = key_of(("akb020", "aac002", "alc010"), body)
    return (Awaited(VERIFICATION, key, "该人员当日的辅助器具配置核验（GYD051，调用类型 3）"),)


def _fees(claimed: Claimed, found: Findings) -> None:
    """GYU102: no charge before the admission (RE1075); none after the settlement."""
    head, stay = claimed.head(), key_of(STAY, claimed.draft.body)
    admitted = claimed.history.value("admitted", stay)
    if admitted is not None:
        for row in claimed.rows():
            if row.text("aae229") and row.text("aae229") < admitted:
                found.wrong.append(row.fault("aae229", "date", f"不能早于入院时间 {admitted}", "RE1075"))
    if claimed.history.value("settled", stay) is not None:
        found.warn(head, "akc190", "本机记录该次住院已结算，平台可能拒绝（RE1069）")


def _settlements(claimed: Claimed, found: Findings) -> None:
    """GYU103: not before the admission (RE1079), and the sums of its fees (RE1083–RE1085)."""
    for row in claimed.rows():
        stay = key_of(STAY, row.values)
        admitted = claimed.history.value("admitted", stay)
        fees = claimed.history.values(FEES, stay)
        if admitted is not None and row.text("aae031") and row.text("aae031") < admitted:
            found.wrong.append(row.fault("aae031", "date", f"不能早于入院时间 {admitted}", "RE1079"))
        if admitted is None or not fees:
            found.warn(row, "aae058", "本机没有该次住院完整的入院和费用记录，未核对费用合计")
            continue
        for (code, official), total in zip(AMOUNTS, _totals(fees.values()), strict=True):
            given = row.number(code)
            if given is not None and given != total:
                message = f"与本机已上传费用的合计 {total:f} 不一致"
                found.wrong.append(row.fault(code, "history", message, official))


def _deductions(claimed: Claimed, found: Findings) -> None:
    """GYU004: all deductions of a settlement together are no more than its pooled part (RE1127)."""
    taken: dict[str, Decimal] = {}
    for row in claimed.rows():
        number, amount = row.text("aaz515"), row.number("aae019")
        pooled = claimed.history.value("pooled", (number,))
        if pooled is None:
            found.warn(row, "aae019", "本机没有该结算的统筹支付金额，未核对扣款上限")
            continue
        before = dict(claimed.history.values("deducted", (number,)))
        before.pop(row.text("aaz516_s"), None)
        earlier = sum((Decimal(value) for value in before.values()), taken.get(number, Decimal(0)))
        taken[number] = taken.get(number, Decimal(0)) + (amount or 0)
        if amount is not None and amount + earlier > Decimal(pooled):
            rest = max(Decimal(pooled) - earlier, Decimal(0))
            message = f"不能大于统筹支付金额减去已扣款金额 {rest:f}"
            found.wrong.append(row.fault("aae019", "history", message, "RE1127"))


def _statements(claimed: Claimed, found: Findings) -> None:
    """GYU003: with the last call, the total is the sum of all details, each with the sign of its type
    (RE1041)."""
    body, own = claimed.draft.body, claimed.draft.memo[PART]
    if text_of(body.get("isdone")) != DONE:
        return
    head = claimed.head()
    parts = claimed.history.values(PART, _statement(body))
    started = bool((claimed.draft.rows or (0, 0))[0]) or bool(text_of(body.get("pch")))
    if UNKNOWN in (own, *parts.values()) or (started and not parts):
        found.warn(head, "aae020", "本机没有部分结算或扣款的金额，未核对月结总金额")
        return
    total = sum(map(Decimal, parts.values()), Decimal(own))
    given = head.number("aae020")
    if given is not None and given != total:
        message = f"与月结明细金额的合计 {total:f} 不一致"
        found.wrong.append(head.fault("aae020", "arithmetic", message, "RE1041"))


def _filing_changes(claimed: Claimed, found: Findings) -> None:
    """GYU007: a filing that becomes invalid says why (note of AAE160). Whether it still was valid only the
    platform knows."""
    for row in claimed.rows():
        if row.text("aae100") == INVALID_FILING and not row.text("aae160"):
            message = "备案由有效变为无效时必填，未填平台可能拒绝"
            found.unsure.append(row.fault("aae160", "history_missing", message, "RE1055"))


_CHECKS: Final[Mapping[str, Callable[[Claimed, Findings], None]]] = MappingProxyType(
    {
        "GYU102": _fees,
        "GYU103": _settlements,
        "GYU004": _deductions,
        "GYU003": _statements,
        "GYU007": _filing_changes,
    }
)


# -- what a draft carries to its acceptance -------------------------------------------------------------
def _revoking(draft: Draft, history: History) -> Draft:
    """GYR003 takes the stay's attachments along."""
    stay = key_of(STAY, draft.body)
    attached = sorted(history.values("attached", stay)) if stay else []
    return replace(draft, memo={**draft.memo, GONE: [["attachment", [number]] for number in attached]})


def _counted(draft: Draft, history: History) -> Draft:
    """A call of a statement with its part of the total."""
    total = Decimal(0)
    for row in draft.body["datalist"]:
        amount = _detail_amount(row, history)
        if amount is None:
            return replace(draft, memo={**draft.memo, PART: UNKNOWN})
        total += -amount if text_of(row["trtype"]) in MINUS else amount
    return replace(draft, memo={**draft.memo, PART: f"{total:f}"})


def _detail_amount(row: JsonObject, history: History) -> Decimal | None:
    """What a detail stands for: its settlement's pooled part, or its deduction."""
    deduction = text_of(row["trtype"]) in OF_DEDUCTIONS
    kind, number = ("deduction_amount", "aaz516") if deduction else ("pooled", "aaz515")
    value = history.value(kind, (text_of(row[number]),))
    return None if value is None else Decimal(value)


_PREPARED: Final[Mapping[str, Callable[[Draft, History], Draft]]] = MappingProxyType(
    {"GYR003": _revoking, "GYU003": _counted}
)


# -- what an accepted answer leaves behind ----------------------------------------------------------------
def remembered(spec: TransactionSpec, draft: Draft, outcome: Outcome, wire_id: str) -> Outcome:
    """The outcome with all facts that it leaves or ends, beside the catalog's identifiers."""
    if outcome.verdict not in _TAKEN:
        return outcome
    accepted = {row.index: row.data for row in outcome.rows if row.accepted}
    return _leaving(spec, draft, outcome, accepted, wire_id)


def vouched(spec: TransactionSpec, draft: Draft, data: JsonObject, wire_id: str) -> Outcome:
    """What a message leaves behind that a person knows to be accepted, with what the person gave."""
    accepted = _vouched_rows(spec, draft, data)
    outcome = Outcome(
        Verdict.ACCEPTED, data=data, identifiers=identifiers_of(spec, draft.body, data, accepted)
    )
    return _leaving(spec, draft, outcome, accepted, wire_id)


def _leaving(
    spec: TransactionSpec,
    draft: Draft,
    outcome: Outcome,
    accepted: Mapping[int, JsonObject],
    wire_id: str,
) -> Outcome:
    taken = Taken(spec, draft.body, outcome.data, accepted)
    gone = tuple(Forget(kind, tuple(key)) for kind, key in draft.memo.get(GONE, ()))
    leaves = _LEAVES.get(draft.transaction)
    more, ended = leaves(draft, outcome, list(accepted), wire_id) if leaves else ((), ())
    return replace(
        outcome,
        identifiers=(*outcome.identifiers, *more),
        forgotten=(*outcome.forgotten, *taken.forgotten(), *gone, *ended),
        aliases=taken.aliases(),
    )


Left = tuple[tuple[Identifier, ...], tuple[Forget, ...]]


def _fee_sums(draft: Draft, outcome: Outcome, accepted: list[int], wire_id: str) -> Left:
    """The sums of the fees that one GYU102 brought, whatever number of attempts it took."""
    del outcome
    rows = draft.body["datalist"]
    brought_by = wire_id or text_of(rows[0].get("aaz213_s"))
    sums = [sum((_amount(rows[place], code) for place in accepted), Decimal(0)) for code, _ in AMOUNTS]
    value = " ".join(f"{amount:f}" for amount in sums)
    return (Identifier(FEES, key_of(STAY, draft.body), value, brought_by),), ()


def _verified(draft: Draft, outcome: Outcome, accepted: list[int], wire_id: str) -> Left:
    """GYD051 for an aid: GYU303 of that day names this call (PREREFID)."""
    del outcome, accepted
    if text_of(draft.body.get("calltype")) != AID:
        return (), ()
    key = key_of(("akb020", "aac002", "aae030"), draft.body)
    return (Identifier(VERIFICATION, key, wire_id),), ()


def _revoked_aid(draft: Draft, outcome: Outcome, accepted: list[int], wire_id: str) -> Left:
    """GYR003 of an aid, which has no stay: it is found by the person."""
    del outcome, accepted, wire_id
    body = draft.body
    if text_of(body.get("alc002")) != AID_INSTITUTION:
        return (), ()
    key = key_of(("akb020", "aac002"), body)
    return (Identifier("revoked", key, text_of(body.get("aaz515"))),), (Forget("settlement", key),)


def _statement_part(draft: Draft, outcome: Outcome, accepted: list[int], wire_id: str) -> Left:
    """A call of a statement: its part of the total, until the statement is done."""
    key = _statement(draft.body)
    if text_of(outcome.data.get("aaz215")):
        return (), (Forget(PART, key),)
    whole = len(accepted) == len(draft.body["datalist"])
    return (Identifier(PART, key, draft.memo.get(PART, UNKNOWN) if whole else UNKNOWN, wire_id),), ()


_LEAVES: Final[Mapping[str, Callable[[Draft, Outcome, list[int], str], Left]]] = MappingProxyType(
    {"GYU102": _fee_sums, "GYD051": _verified, "GYU003": _statement_part, "GYR003": _revoked_aid}
)


def _totals(values: Iterable[str]) -> tuple[Decimal, ...]:
    parts = [tuple(map(Decimal, value.split(" "))) for value in values]
    return tuple(sum(column, Decimal(0)) for column in zip(*parts, strict=True))


def _amount(row: JsonObject, code: str) -> Decimal:
    return Decimal(text_of(row.get(code)) or "0")


def _statement(body: JsonObject) -> tuple[str, ...]:
    return key_of(("akb020", "aae002"), body)


# -- what a person knows ------------------------------------------------------------------------------------
def _vouched_rows(spec: TransactionSpec, draft: Draft, data: JsonObject) -> dict[int, JsonObject]:
    """All rows of a message that a person calls accepted, with what the person gave of the answer: by the
    rows' own keys, or, of a single row, beside one another."""
    sent = sent_rows(spec, draft.body)
    told = data.get(spec.answer_list) if spec.answer_list else None
    rows = [row for row in told if isinstance(row, dict)] if isinstance(told, list) else []
    given = {key_of(spec.row_key, row): row for row in rows}
    alone = data if len(sent) == 1 and not given else {}
    return {place: {**alone, **given.get(key_of(spec.row_key, row), {})} for place, row in enumerate(sent)}
