"""What an answer means: ireturn and output.flag together, and the facts that an accepted message leaves.

A body in the province's own form speaks for itself; only without one does the HTTP status decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from agent.catalog.model import TransactionSpec
from agent.errors import AnswerRejected, ControlError
from agent.events import Draft, Identifier, JsonObject, Outcome, Response, RowOutcome, Verdict
from agent.protocol.matching import answer_refused, demand_same
from agent.protocol.statuses import by_status
from agent.protocol.values import text_of
from agent.protocol.verdicts import says_already_there
from agent.protocol.yielding import identifiers_of
from plugins.jiangxi.codec import DONE, Answer, demand_own, read_answer
from plugins.jiangxi.facts import REGISTRATIONS, Left, day_of, facts_after
from plugins.jiangxi.rules import FEES
from plugins.jiangxi.settings import Settings

FAILED: Final = "fail"
"""The code of a refusal that only output.flag tells (anomalies J32)."""
_BUSINESS: Final = "BUS00001"
_RETURNS: Final[Mapping[str, tuple[Verdict, str]]] = {
    "000001": (
        Verdict.HALT,
        "平台说访问权限异常：请核对 institutions 中的认证信息，并联系工伤部门确认联网结算权限",
    ),
    "FOM00001": (Verdict.RETRY, "平台不能解析报文，没有处理"),
    "NFT00001": (Verdict.REJECTED, ""),
    _BUSINESS: (Verdict.REJECTED, ""),
    "ACC00001": (Verdict.UNKNOWN, "平台数据访问异常，处理结果待查询"),
    "NUL00001": (Verdict.UNKNOWN, "平台程序异常，处理结果待查询"),
    "ERR00001": (Verdict.UNKNOWN, "平台其他未知错误，处理结果待查询"),
}


def outcome_of(
    spec: TransactionSpec, draft: Draft, ids: Mapping[str, str], response: Response, settings: Settings
) -> Outcome:
    """Raises AnswerRejected for a 200 that is not the province's form, and for another call's answer."""
    try:
        answer = read_answer(response.body, spec)
    except AnswerRejected:
        if response.status == HTTPStatus.OK:
            raise
        return by_status(response.status, harmless=draft.harmless)
    if answer.code not in (DONE, *_RETURNS) and response.status != HTTPStatus.OK:
        return by_status(response.status, harmless=draft.harmless)
    demand_own(answer, draft.transaction, ids["wire_id"])
    return _judged(spec, draft, ids, answer, settings)


def accepted(
    spec: TransactionSpec,
    draft: Draft,
    ids: Mapping[str, str],
    data: JsonObject,
    settings: Settings,
    settled_by: str = "answer",
) -> Outcome:
    """A message that took effect: each uploaded row with its number, and what later messages need."""
    left = facts_after(draft, data, settings.traced, day_of(draft, ids.get("wire_id", "")))
    return Outcome(
        Verdict.ACCEPTED,
        code=DONE,
        message=text_of(data.get("aae013")),
        data=data,
        rows=uploaded_rows(draft),
        identifiers=(*left.identifiers, *_by_catalog(spec, draft, data, left)),
        forgotten=tuple(left.forgotten),
        aliases=tuple(left.aliases),
        settled_by=settled_by,
    )


def resolved(
    spec: TransactionSpec, draft: Draft, ids: Mapping[str, str], data: JsonObject, settings: Settings
) -> Outcome:
    """What a person knows to be accepted. Raises ControlError for a registration without its akc190:
    nothing could follow it."""
    if spec.code in REGISTRATIONS and not text_of(data.get("akc190")):
        raise ControlError(
            f"判定 {spec.code} 为 accepted 时应给出业务流水号 akc190，后续业务才能继续",
            hint='请在省平台查得业务流水号，以 data {"akc190": "…"} 给出；没有登记则判为 resend',
            details={"code": "bad_arguments"},
        )
    return accepted(spec, draft, ids, data, settings, "decision")


def uploaded_rows(draft: Draft) -> tuple[RowOutcome, ...]:
    """The rows of an upload of fees, which the answer does not list: the HIS learns their bke384."""
    rows = draft.body.get(FEES, ())
    return tuple(
        RowOutcome(place, DONE, "", accepted=True, data=row_keys(row)) for place, row in enumerate(rows)
    )


def row_keys(row: JsonObject) -> JsonObject:
    return {code: text_of(row.get(code)) for code in ("bke384", "bkf500", "ckc349")}


def _by_catalog(spec: TransactionSpec, draft: Draft, data: JsonObject, left: Left) -> tuple[Identifier, ...]:
    """The catalog's identifiers, but for those that are there already."""
    known = {(each.kind, each.key, each.member) for each in left.identifiers}
    found = identifiers_of(spec, draft.body, data, {})
    return tuple(each for each in found if (each.kind, each.key, each.member) not in known)


def _judged(
    spec: TransactionSpec, draft: Draft, ids: Mapping[str, str], answer: Answer, settings: Settings
) -> Outcome:
    flag = text_of(answer.output.get("flag")).casefold()
    if answer.code != DONE:
        return _refused(spec, answer, contradicted=flag in settings.flag_success)
    if flag in settings.flag_failure:
        return _told(spec, Verdict.REJECTED, FAILED, _sentence(answer), answer)
    if flag not in settings.flag_success and (flag or not settings.flag_may_be_missing):
        return _told(
            spec, Verdict.UNKNOWN, DONE, "平台返回成功，但 output.flag 不是约定的值，处理结果待查询", answer
        )
    own = (name for rule in spec.scopes if rule.at == "head" for name in rule.fields)
    demand_same(draft.body, answer.output, own)
    if spec.code in REGISTRATIONS and not text_of(answer.output.get("akc190")):
        raise answer_refused("平台返回成功，但没有业务流水号 akc190", "success without akc190")
    return accepted(spec, draft, ids, answer.output, settings)


def _refused(spec: TransactionSpec, answer: Answer, *, contradicted: bool) -> Outcome:
    verdict, meaning = _RETURNS.get(answer.code, (Verdict.UNKNOWN, "文档中没有的返回码，处理结果待查询"))
    if contradicted and verdict is not Verdict.HALT:
        verdict, meaning = Verdict.UNKNOWN, "返回码表示失败而 output.flag 表示成功，处理结果待查询"
    sentence = _sentence(answer)
    text = f"{sentence}（{meaning}）" if sentence and meaning else sentence or meaning
    return _told(spec, verdict, answer.code, text, answer, own_fault=verdict is Verdict.RETRY)


def _told(
    spec: TransactionSpec,
    verdict: Verdict,
    code: str,
    message: str,
    answer: Answer,
    *,
    own_fault: bool = False,
) -> Outcome:
    refused = verdict is Verdict.REJECTED
    return Outcome(
        verdict,
        code=code,
        message=message,
        data=answer.output,
        already_there=refused and says_already_there(spec, code),
        own_fault=own_fault,
    )


def _sentence(answer: Answer) -> str:
    """aae013 holds the results of checks, msgreturn the failure of the whole (报文结构)."""
    told = [answer.message, text_of(answer.output.get("aae013"))]
    return "；".join(dict.fromkeys(text for text in told if text))
