"""What an answer means: tables from HTTP status, CODE and BUSI_CODE to verdicts, and the rows' fates.

A body in the platform's own form speaks for itself; only without one does the HTTP status decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from agent.catalog.model import TransactionSpec
from agent.errors import AnswerRejected
from agent.events import Draft, Identifier, JsonObject, Outcome, Response, RowOutcome, Scope, Verdict
from agent.protocol.batches import finished
from agent.protocol.matching import answer_refused, demand_same, match_rows, sent_rows
from agent.protocol.scopes import refused_scopes
from agent.protocol.statuses import by_status
from agent.protocol.values import text_of
from agent.protocol.verdicts import of_rows, refusal, says_already_there
from agent.protocol.yielding import identifiers_of
from plugins.ministry.codec import Answer, Sealed, read_answer

CALLED: Final = "PE0000"
DONE: Final = "RE0000"

_TAKEN: Final = (Verdict.ACCEPTED, Verdict.PARTIAL)

_ENVELOPE: Final[Mapping[str, tuple[Verdict, str]]] = {
    "PE0001": (
        Verdict.HALT,
        "平台说缺少节点：请检查到平台的网关或代理是否丢弃了带下划线的请求头 access_key、request_id",
    ),
    "PE0002": (Verdict.HALT, "平台说没有访问权限：请核对 access_key、province，并联系部级平台确认接入权限"),
    "PE1001": (Verdict.HALT, "平台解不开请求：请核对 peer_key 是否为平台公钥、sm2_layout 是否与平台一致"),
    "PE2001": (Verdict.HALT, "平台验签失败：请核对 own_key 是否为在部级平台下载的、与 access_key 对应的私钥"),
    "PE1002": (Verdict.UNKNOWN, "平台处理后未能加密返回数据，处理结果待查询"),
    "PE2002": (Verdict.UNKNOWN, "平台处理后未能签名返回数据，处理结果待查询"),
    "PE9999": (Verdict.UNKNOWN, "平台内部错误，处理结果待查询"),
}


def outer_outcome(response: Response, *, harmless: bool) -> Outcome | Sealed:
    """The outcome where the outer nodes alone decide, else the sealed part that is to be opened.

    ``harmless``: the request could change nothing. Raises AnswerRejected for a 200 that is not the
    platform's form, and for success without a sealed part.
    """
    try:
        answer = read_answer(response.body)
    except AnswerRejected:
        if response.status == HTTPStatus.OK:
            raise
        return by_status(response.status, harmless=harmless)
    if answer.code != CALLED:
        of_platform = answer.code.startswith("PE") or response.status == HTTPStatus.OK
        return _by_code(answer) if of_platform else by_status(response.status, harmless=harmless)
    if answer.sealed is None:
        raise answer_refused("平台返回调用成功，但没有业务数据", "PE0000 without biz_data")
    return answer.sealed


def business_outcome(spec: TransactionSpec, draft: Draft, data: JsonObject) -> Outcome:
    """What opened business data says about a message. Raises AnswerRejected for another request's."""
    code = text_of(data.get("busi_code"))
    if not code:
        raise answer_refused("平台返回的业务数据缺少 busi_code", "no busi_code")
    demand_same(draft.body, data, (name for rule in spec.scopes if rule.at == "head" for name in rule.fields))
    rows = _rows(spec, draft, data, whole=code == DONE)
    verdict = _verdict(spec, code, rows)
    found = _identifiers(spec, draft, data, rows) if verdict in _TAKEN else ()
    identifiers, forgotten = finished(spec, draft.body, data, found)
    # Refused row by row: RE0000 would say the opposite.
    told_by = rows[0] if code == DONE and verdict in (Verdict.REJECTED, Verdict.RETRY) else None
    return Outcome(
        verdict=verdict,
        code=told_by.code if told_by else code,
        message=told_by.message if told_by else text_of(data.get("busi_msg")),
        data=data,
        rows=rows,
        refused=_refused(spec, draft, rows) if verdict is Verdict.PARTIAL else (),
        identifiers=identifiers,
        forgotten=forgotten,
        already_there=verdict is not Verdict.ACCEPTED and says_already_there(spec, code, rows),
    )


def _by_code(answer: Answer) -> Outcome:
    verdict, meaning = _ENVELOPE.get(answer.code, (Verdict.UNKNOWN, "文档中没有的返回代码，处理结果待查询"))
    return Outcome(
        verdict, code=answer.code, message=f"{answer.message}（{meaning}）" if answer.message else meaning
    )


def _rows(spec: TransactionSpec, draft: Draft, data: JsonObject, *, whole: bool) -> tuple[RowOutcome, ...]:
    """The fates of the draft's rows in their order."""
    if not (spec.list and spec.answer_list and spec.row_key):
        return ()
    sent = sent_rows(spec, draft.body)
    matched = match_rows(spec, draft.body, data.get(spec.answer_list), whole=whole)
    return tuple(_row(spec, place, sent[place], matched[place]) for place in sorted(matched))


def _row(spec: TransactionSpec, index: int, sent: JsonObject, told: JsonObject) -> RowOutcome:
    code = text_of(told.get("ret_code"))
    if not code:
        raise answer_refused("平台返回的明细缺少 ret_code", "row without ret_code")
    own_key = {name: text_of(sent.get(name)) for name in spec.row_key}
    returned = {name: value for name, value in told.items() if name not in ("ret_code", "ret_msg")}
    message = text_of(told.get("ret_msg"))
    return RowOutcome(index, code, message, accepted=code == DONE, data={**own_key, **returned})


def _verdict(spec: TransactionSpec, code: str, rows: tuple[RowOutcome, ...]) -> Verdict:
    if code == DONE:
        return of_rows(spec, rows)
    if any(row.accepted for row in rows):
        # Refused as a whole, yet rows taken: neither may be believed where money is at stake.
        return Verdict.UNKNOWN
    return refusal(spec, code)


def _refused(spec: TransactionSpec, draft: Draft, rows: tuple[RowOutcome, ...]) -> tuple[Scope, ...]:
    sent = sent_rows(spec, draft.body)
    return refused_scopes(spec, draft.body, (sent[row.index] for row in rows if not row.accepted))


def _identifiers(
    spec: TransactionSpec, draft: Draft, data: JsonObject, rows: tuple[RowOutcome, ...]
) -> tuple[Identifier, ...]:
    accepted = {row.index: row.data for row in rows if row.accepted}
    return identifiers_of(spec, draft.body, data, accepted)
