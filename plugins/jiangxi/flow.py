"""What the agent knows of a visit's course, held against the next step of it.

A step that contradicts the agent's own history is refused with a sentence that says what to do instead;
where there is no history (the day of going live, another workstation) it is only warned of, and with
``force`` nothing is refused: the province is the authority.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from agent.events import Completion, Draft, History
from agent.protocol.values import text_of
from plugins.jiangxi.course import Step, course_of, visit_fault
from plugins.jiangxi.facts import (
    CATEGORY,
    DISCHARGED,
    REGISTRATIONS,
    TRACED,
    UNDOES,
)
from plugins.jiangxi.preparing import OWN_NUMBER, UNNUMBERED, VISIT, VISIT_FACT
from plugins.jiangxi.rules import FEES
from plugins.jiangxi.tracing import trace

_MISSED: Final = ("FY001",)
"""What must not be missing when the next step comes: a visit would be settled without these fees."""
_STAY, _REHABILITATION = "ZY001", "KF001"


def complete(draft: Draft, history: History, *, forced: bool) -> Completion:
    """The draft with what later steps need, the contradictions of this one, and what it waits for."""
    if draft.transaction in REGISTRATIONS:
        return _registered_anew(draft, history)
    visit = text_of(draft.body.get(VISIT))
    if not visit and draft.memo.get(UNNUMBERED):
        return _unknown_visit(draft)
    check = _CHECKS.get(draft.transaction)
    if check is None or not visit or draft.memo.get(UNDOES):
        return Completion(draft)
    course = course_of(visit, history)
    step = Step(draft, course, history)
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


def _unknown_visit(draft: Draft) -> Completion:
    """The HIS left the number to us, and we have none: nothing can be sent, forced or not."""
    first = _FIRST.get(draft.transaction, "登记（MZ002、ZY001 或 KF001）")
    told = f"本机没有这个医院业务流水号（ckc349）的就诊登记，或登记已撤销；请先{first}，再提交"
    fault = visit_fault("unknown_visit", f"{told}；已在其他工作站登记的，请直接填写 akc190")
    return Completion(draft, refused=(fault,), alone=draft.transaction not in _MISSED)


_FIRST: Final[Mapping[str, str]] = {
    "FY001": "用 MZ002 或 ZY001 登记",
    "FY005": "用 MZ002 或 ZY001 登记并用 FY001 上传费用",
    "KF002": "用 KF001 试算登记",
    "ZY002": "用 ZY001 办理入院登记",
    "ZY004": "用 ZY001 办理入院登记",
    "JY003": "用 ZY001 办理入院登记",
}


def _registered_anew(draft: Draft, history: History) -> Completion:
    """From its answer on, the HIS's own number leads to the new visit."""
    own = text_of(draft.memo.get(OWN_NUMBER))
    earlier = history.value(VISIT_FACT, (draft.lane, own)) if own else None
    if not earlier:
        return Completion(draft)
    step = Step(draft, course_of(earlier, history), history)
    if not step.course.settled:
        told = "这个医院业务流水号（ckc349）本机已登记过，尚未结算"
        told += "；再次登记后它只对应新的一次，先前的一次请用 akc190 提交"
        step.warn("registered", told, f"/{OWN_NUMBER}", OWN_NUMBER)
    return Completion(draft, tuple(step.warnings))


def _remembered(step: Step) -> Draft:
    """The HIS's own number of the visit goes with the message, where an earlier one gave it."""
    own = step.course.facts.get(OWN_NUMBER, "")
    if not own or step.draft.memo.get(OWN_NUMBER):
        return step.draft
    return replace(step.draft, memo={**step.draft.memo, OWN_NUMBER: own})


# -- the steps --------------------------------------------------------------------------------------------
def _upload(step: Step) -> None:
    step.demand_standing()
    step.demand_open("已结算的就诊不能再上传费用，如需更正请先用 JY002 退费")
    if step.course.registered == _REHABILITATION:
        step.refuse("registered", "这次就诊由 KF001 登记，费用随 KF001 上传，请直接用 KF002 结算")
    for place, row in enumerate(step.draft.body[FEES]):
        if text_of(row.get("bke384")) in step.course.fees:
            at = f"/{FEES}/{place}/bke384"
            step.warn("uploaded", "这条明细的序列号本机已上传过，平台可能拒绝整次上传", at, "bke384")


def _settle(step: Step) -> None:
    step.demand_standing()
    step.demand_open("如需重新结算，请先用 JY002 退费并重新上传费用")
    step.demand_fees("请先提交 FY001，再结算")
    expected = "KF002" if step.course.registered == _REHABILITATION else "FY005"
    if step.course.registered and step.draft.transaction != expected:
        step.refuse("registered", f"这次就诊由 {step.course.registered} 登记，应使用 {expected} 结算")
    if step.course.registered == _STAY and not step.course.facts.get(DISCHARGED):
        step.warn("not_discharged", "本机没有这次住院的出院登记 ZY004")
    _same_category(step)
    _same_kind(step)


def _same_kind(step: Step) -> None:
    """bke107: 1 门诊, 2 住院."""
    due = "2" if step.course.registered == _STAY else "1"
    if step.course.registered and text_of(step.draft.body.get("bke107")) != due:
        message = f"费用汇总类别与登记（{step.course.registered}）不一致，应为 {due}"
        step.warn("category", message, "/bke107", "bke107")


def _same_category(step: Step) -> None:
    told, known = text_of(step.draft.body.get(CATEGORY)), step.course.facts.get(CATEGORY, "")
    if told and known and told != known:
        step.warn("category", f"医疗类别与登记时的 {known} 不一致", pointer=f"/{CATEGORY}", code=CATEGORY)


def _delete(step: Step) -> None:
    step.demand_standing()
    step.demand_open("已结算的费用不能用 JY001 删除，请用 JY002 退费")
    detail = text_of(step.draft.body.get("bke384"))
    step.demand_fees("没有可以删除的明细")
    if step.course.fees and detail and detail not in step.course.fees:
        step.warn("unknown_detail", "本机没有上传过这条明细", pointer="/bke384", code="bke384")


def _refund(step: Step) -> None:
    step.demand_standing()
    if not step.course.ends and step.course.fees:
        step.refuse("not_settled", "这次就诊在本机没有结算；未结算的费用请用 JY001 删除")
    if step.course.facts.get(TRACED):
        step.warn("traces", "这次就诊已上传追溯码；退费不会收回追溯码，请再提交数量为负的 SQ002")


def _of_stay(step: Step) -> None:
    step.demand_standing()
    if step.course.registered not in ("", _STAY):
        step.refuse("registered", f"这次就诊由 {step.course.registered} 登记，不是住院；请核对业务流水号")


def _discharge(step: Step) -> None:
    _of_stay(step)
    discharged = step.course.facts.get(DISCHARGED)
    if discharged:
        step.refuse("discharged", f"这次住院已办理出院登记（{discharged}）")


def _try(step: Step) -> None:
    """FY004 changes nothing: the province may answer as it likes."""
    if not step.course.fees:
        step.warn("no_fees", "本机没有上传过这次就诊的费用")


_CHECKS: Final[Mapping[str, Callable[[Step], None]]] = {
    "FY001": _upload,
    "FY004": _try,
    "FY005": _settle,
    "KF002": _settle,
    "JY001": _delete,
    "JY002": _refund,
    "JY003": _of_stay,
    "ZY002": _of_stay,
    "ZY004": _discharge,
    "SQ002": trace,
}
