"""Trace codes against what the agent knows: what they wait for, what is odd, what they leave owed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

from agent.events import Awaited, JsonObject
from agent.protocol.values import text_of
from plugins.jiangxi.course import Step
from plugins.jiangxi.facts import OWED, REVOKED, SETTLED, TRACE, Owed, is_return, read_owed
from plugins.jiangxi.rules import CODES, TRACES

_WAITS: Final = (
    "这次就诊结算（FY005、KF002）后上传追溯码（已在其他工作站结算的，请用 CX001 按业务流水号查询一次）"
)


def trace(step: Step) -> None:
    """SQ002: codes that are sold wait for the settlement, whoever made it known; a revoked stay has none."""
    rows = step.draft.body[TRACES]
    if not all(is_return(row) for row in rows):
        if step.course.facts.get(REVOKED):
            step.refuse("revoked", "这次住院登记已用 JY003 撤销，没有结算，不需要再上传追溯码")
        elif not step.course.ends:
            step.awaits.append(Awaited(SETTLED, (step.course.number,), _WAITS))
    _warn_of_codes(step, rows)
    _note_owed(step, rows)


def _warn_of_codes(step: Step, rows: list[JsonObject]) -> None:
    """A code twice in one visit, sold elsewhere, or returned without having been sold. A split pack
    (bkc507 1) bears its code as often as it is sold from."""
    seen: dict[str, bool] = {}
    for place, row in enumerate(rows):
        _warn_of_count(step, place, row)
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


def _warn_of_count(step: Step, place: int, row: JsonObject) -> None:
    """A whole pack has a code of its own; sold from a split one, fewer codes than pieces are right."""
    codes, quantity = len(row[CODES]), abs(Decimal(text_of(row.get("bkc516"))))
    if text_of(row.get("bkc507")) != "1" and codes != quantity:
        message = f"不是拆零，数量 {quantity:f} 而追溯码 {codes} 个，请核对是否漏扫或应按拆零上传"
        step.warn("count", message, f"/{TRACES}/{place}/bkc516", "bkc516")


def _warn_of_use(step: Step, row: JsonObject, text: str, at: str, *, split: bool) -> None:
    own = f"{step.course.number}/{text_of(row.get('bke384'))}"
    used = step.history.values(TRACE, (text,))
    others = [flag for member, flag in used.items() if member != own]
    if own in used and not split:
        step.warn("duplicate", "这条费用明细已经上传过这个追溯码", at, "bkc372")
    if others and not (split and all(flag == "1" for flag in others)):
        step.warn("used", "这个追溯码已用于其他费用明细", at, "bkc372")


def _warn_of_return(step: Step, text: str, at: str) -> None:
    if not step.history.values(TRACE, (text,)):
        step.warn("not_sold", "本机没有上传过这个追溯码的销售，无法核对退货", at, "bkc372")


def _note_owed(step: Step, rows: list[JsonObject]) -> None:
    """What these rows leave owed, for the facts that the answer will change."""
    owed = {
        detail: read_owed(text) for detail, text in step.history.values(OWED, (step.course.number,)).items()
    }
    after: dict[str, Owed] = dict(owed)
    for place, row in enumerate(rows):
        detail = text_of(row.get("bke384"))
        if detail in after and not (is_return(row) and _never_sold(step, row, detail)):
            after[detail] = after[detail].after(Decimal(text_of(row.get("bkc516"))))
        elif not is_return(row) and detail not in step.course.fees:
            at = f"/{TRACES}/{place}/bke384"
            step.warn("unknown_detail", "本机没有上传过追溯码对应的费用明细", at, "bke384")
    texts = {d: each.as_text() for d, each in after.items() if each != owed[d]}
    done = not any(each.left > 0 for each in after.values())
    if texts:
        memo = {**step.draft.memo, OWED: texts, "complete": done}
        step.draft = replace(step.draft, memo=memo)


def _never_sold(step: Step, row: JsonObject, detail: str) -> bool:
    """A return of codes that were never uploaded for the detail leaves it as it was."""
    member = f"{step.course.number}/{detail}"
    codes = (text_of(code.get("bkc372")) for code in row[CODES])
    return not any(member in step.history.values(TRACE, (text,)) for text in codes)
