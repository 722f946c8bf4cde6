"""What the agent knows of a visit's course, held against the next step of it.

A step that contradicts the agent's own history is refused with a sentence that says what to do instead;
where there is no history (the day of going live, another workstation) it is only warned of, and with
``force`` nothing is refused: the province is the authority.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from agent.errors import Fault
from agent.events import Awaited, Completion, Draft, History, JsonObject
from agent.protocol.values import text_of
from plugins.jiangxi.facts import (
    CATEGORY,
    COURSE,
    DISCHARGED,
    FEES_FACT,
    OWED,
    REGISTERED,
    REVOKED,
    SETTLED,
    TRACE,
    TRACED,
    UNDOES,
    Owed,
    is_return,
    read_owed,
)
from plugins.jiangxi.preparing import OWN_NUMBER, VISIT
from plugins.jiangxi.rules import CODES, FEES, TRACES

_MISSED: Final = ("FY001",)
"""What must not be missing when the next step comes: a visit would be settled without these fees."""
_STAY, _REHABILITATION = "ZY001", "KF001"


@dataclass(frozen=True, slots=True)
class Course:
    """What the agent's own history says of one visit. ``facts`` are the members of ``course``."""

    number: str = field(repr=False)
    facts: Mapping[str, str] = field(repr=False)
    fees: Mapping[str, str] = field(repr=False)
    settled: str

    @property
    def known(self) -> bool:
        return bool(self.facts or self.fees or self.settled)

    @property
    def registered(self) -> str:
        """MZ002, ZY001 or KF001; "" when the agent did not register it."""
        return self.facts.get(REGISTERED, "")


def course_of(number: str, history: History) -> Course:
    key = (number,)
    return Course(
        number, history.values(COURSE, key), history.values(FEES_FACT, key), history.value(SETTLED, key) or ""
    )


def complete(draft: Draft, history: History, *, forced: bool) -> Completion:
    """The draft with what later steps need, the contradictions of this one, and what it waits for."""
    visit = text_of(draft.body.get(VISIT))
    check = _CHECKS.get(draft.transaction)
    if check is None or not visit or draft.memo.get(UNDOES):
        return Completion(draft)
    course = course_of(visit, history)
    step = _Step(draft, course, history)
    if course.known:
        check(step)
    else:
        step.warn("no_history", "本机没有这次就诊的记录（首日启用，或在其他工作站办理），无法核对办理顺序")
    refused, warnings = ((), step.refused + step.warnings) if forced else (step.refused, step.warnings)
    awaits = () if forced else step.awaits
    return Completion(
        _remembered(step),
        tuple(warnings),
        tuple(refused),
        tuple(awaits),
        alone=draft.transaction not in _MISSED,
    )


@dataclass(slots=True)
class _Step:
    """One message against the course of its visit."""

    draft: Draft
    course: Course
    history: History
    refused: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    awaits: list[Awaited] = field(default_factory=list)

    def refuse(self, rule: str, message: str) -> None:
        self.refused.append(_fault(rule, message))

    def warn(self, rule: str, message: str, pointer: str = f"/{VISIT}", code: str = VISIT) -> None:
        self.warnings.append(Fault(pointer, rule, message, code))

    def demand_standing(self) -> None:
        """Nothing is done to a revoked registration."""
        if self.course.facts.get(REVOKED):
            self.refuse(
                "revoked", "这次住院登记已用 JY003 撤销；请重新办理入院登记 ZY001，用新的业务流水号提交"
            )

    def demand_open(self, instead: str) -> None:
        if self.course.settled:
            self.refuse("settled", f"这次就诊已于 {self.course.settled} 结算；{instead}")


def _fault(rule: str, message: str) -> Fault:
    return Fault(f"/{VISIT}", rule, message, VISIT, "业务流水号")


def _remembered(step: _Step) -> Draft:
    """The HIS's own number of the visit goes with the message, where an earlier one gave it."""
    own = step.course.facts.get(OWN_NUMBER, "")
    if not own or step.draft.memo.get(OWN_NUMBER):
        return step.draft
    return replace(step.draft, memo={**step.draft.memo, OWN_NUMBER: own})


# -- the steps --------------------------------------------------------------------------------------------
def _upload(step: _Step) -> None:
    step.demand_standing()
    step.demand_open("已结算的就诊不能再上传费用，如需更正请先用 JY002 退费")
    if step.course.registered == _REHABILITATION:
        step.refuse("registered", "这次就诊由 KF001 登记，费用随 KF001 上传，请直接用 KF002 结算")
    for place, row in enumerate(step.draft.body[FEES]):
        if text_of(row.get("bke384")) in step.course.fees:
            at = f"/{FEES}/{place}/bke384"
            step.warn("uploaded", "这条明细的序列号本机已上传过，平台可能拒绝整次上传", at, "bke384")


def _settle(step: _Step) -> None:
    step.demand_standing()
    step.demand_open("如需重新结算，请先用 JY002 退费并重新上传费用")
    if not step.course.fees:
        step.refuse("no_fees", "本机没有上传过这次就诊的费用；请先提交 FY001，再结算")
    expected = "KF002" if step.course.registered == _REHABILITATION else "FY005"
    if step.course.registered and step.draft.transaction != expected:
        step.refuse("registered", f"这次就诊由 {step.course.registered} 登记，应使用 {expected} 结算")
    if step.course.registered == _STAY and not step.course.facts.get(DISCHARGED):
        step.warn("not_discharged", "本机没有这次住院的出院登记 ZY004")
    _same_category(step)


def _same_category(step: _Step) -> None:
    told, known = text_of(step.draft.body.get(CATEGORY)), step.course.facts.get(CATEGORY, "")
    if told and known and told != known:
        step.warn("category", f"医疗类别与登记时的 {known} 不一致", pointer=f"/{CATEGORY}", code=CATEGORY)


def _delete(step: _Step) -> None:
    step.demand_standing()
    step.demand_open("已结算的费用不能用 JY001 删除，请用 JY002 退费")
    detail = text_of(step.draft.body.get("bke384"))
    if not step.course.fees:
        step.refuse("no_fees", "本机上传的这次就诊的费用都已删除，没有可以删除的明细")
    elif detail and detail not in step.course.fees:
        step.warn("unknown_detail", "本机没有上传过这条明细", pointer="/bke384", code="bke384")


def _refund(step: _Step) -> None:
    step.demand_standing()
    if not step.course.settled and step.course.fees:
        step.refuse("not_settled", "这次就诊在本机没有结算；未结算的费用请用 JY001 删除")
    if step.course.facts.get(TRACED):
        step.warn("traces", "这次就诊已上传追溯码；退费不会收回追溯码，请再提交数量为负的 SQ002")


def _of_stay(step: _Step) -> None:
    step.demand_standing()
    if step.course.registered not in ("", _STAY):
        step.refuse("registered", f"这次就诊由 {step.course.registered} 登记，不是住院；请核对业务流水号")


def _discharge(step: _Step) -> None:
    _of_stay(step)
    discharged = step.course.facts.get(DISCHARGED)
    if discharged:
        step.refuse("discharged", f"这次住院已办理出院登记（{discharged}）")


def _try(step: _Step) -> None:
    """FY004 changes nothing: the province may answer as it likes."""
    if not step.course.fees:
        step.warn("no_fees", "本机没有上传过这次就诊的费用")


# -- trace codes ------------------------------------------------------------------------------------------
def _trace(step: _Step) -> None:
    rows = step.draft.body[TRACES]
    if not step.course.settled and not all(is_return(row) for row in rows):
        step.awaits.append(
            Awaited(SETTLED, (step.course.number,), "等待这次就诊结算（FY005、KF002）后上传追溯码")
        )
    if step.course.facts.get(REVOKED):
        step.warn("revoked", "这次住院登记已撤销")
    _warn_of_codes(step, rows)
    _note_owed(step, rows)


def _warn_of_codes(step: _Step, rows: list[JsonObject]) -> None:
    """A code twice in one visit, sold elsewhere, or returned without having been sold. A split pack
    (bkc507 1) bears its code as often as it is sold from."""
    seen: dict[str, bool] = {}
    for place, row in enumerate(rows):
        for number, code in enumerate(row[CODES]):
            text, split = text_of(code.get("bkc372")), text_of(row.get("bkc507")) == "1"
            at = f"/{TRACES}/{place}/{CODES}/{number}/bkc372"
            if is_return(row):
                _warn_of_return(step, text, at)
                continue
            if text in seen and not (split and seen[text]):
                step.warn("duplicate", "本次提交中这个追溯码出现了两次，而不是拆零", at, "bkc372")
            seen[text] = split
            _warn_of_use(step, row, text, at, split=split)


def _warn_of_use(step: _Step, row: JsonObject, text: str, at: str, *, split: bool) -> None:
    own = f"{step.course.number}/{text_of(row.get('bke384'))}"
    used = step.history.values(TRACE, (text,))
    others = [flag for member, flag in used.items() if member != own]
    if own in used and not split:
        step.warn("duplicate", "这条费用明细已经上传过这个追溯码", at, "bkc372")
    if others and not (split and all(flag == "1" for flag in others)):
        step.warn("used", "这个追溯码已用于其他费用明细", at, "bkc372")


def _warn_of_return(step: _Step, text: str, at: str) -> None:
    if not step.history.values(TRACE, (text,)):
        step.warn("not_sold", "本机没有上传过这个追溯码的销售，无法核对退货", at, "bkc372")


def _note_owed(step: _Step, rows: list[JsonObject]) -> None:
    """What these rows leave owed, for the facts that the answer will change."""
    owed = {
        detail: read_owed(text) for detail, text in step.history.values(OWED, (step.course.number,)).items()
    }
    after: dict[str, Owed] = dict(owed)
    for row in rows:
        detail = text_of(row.get("bke384"))
        if detail in after and not is_return(row):
            rest = after[detail].left - Decimal(text_of(row.get("bkc516")))
            after[detail] = replace(after[detail], left=rest)
        elif not is_return(row) and detail not in step.course.fees:
            step.warn("unknown_detail", "本机没有上传过追溯码对应的费用明细", f"/{TRACES}", "bke384")
    texts = {d: each.as_text() if each.left > 0 else "" for d, each in after.items() if each != owed[d]}
    done = not any(each.left > 0 for each in after.values())
    if texts or owed:
        memo = {**step.draft.memo, OWED: texts, "complete": done}
        step.draft = replace(step.draft, memo=memo)


_CHECKS: Final[Mapping[str, Callable[[_Step], None]]] = {
    "FY001": _upload,
    "FY004": _try,
    "FY005": _settle,
    "KF002": _settle,
    "JY001": _delete,
    "JY002": _refund,
    "JY003": _of_stay,
    "ZY002": _of_stay,
    "ZY004": _discharge,
    "SQ002": _trace,
}
