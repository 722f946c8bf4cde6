"""What an answer means: respcode and aprcode into verdicts, and the facts that an answer gives.

What stands for X in 1X is not said: whatever is not 00 failed (anomalies S32). A failure that is not
clearly one, -1 or a code that the document does not know, leaves the outcome open: ST009 decides.
"""

from __future__ import annotations

import re
from typing import Final

from agent.catalog import TransactionSpec
from agent.events import Draft, Identifier, JsonObject, Outcome, Verdict
from agent.protocol.matching import answer_refused, demand_same
from agent.protocol.values import text_of
from agent.protocol.yielding import identifiers_of
from plugins.scanpay.codec import Answer
from plugins.scanpay.completing import SETTLEMENT
from plugins.scanpay.statuses import RESPCODE

DONE: Final = "00"
_FAILED: Final = re.compile(r"1[0-9A-Za-z]", re.ASCII)
_OPEN: Final = "平台返回异常，处理结果待查询"


def outcome(spec: TransactionSpec, draft: Draft, answer: Answer) -> Outcome:
    """Raises AnswerRejected for a success that is another order's, or lacks what it is for.

    ST024 and ST100 are sent once more after a doubt. That they are refused then, for whatever reason, is no
    word about the attempt before: its code of the scan may be dead, or the order be taken back already.
    """
    verdict = verdict_of(answer)
    code = answer.respcode if answer.respcode != DONE else answer.aprcode
    message = (answer.respmsg if answer.respcode != DONE else answer.aprtmsg) or answer.respmsg
    if verdict is not Verdict.ACCEPTED:
        if verdict is Verdict.UNKNOWN:
            message = f"{message}（{_OPEN}）" if message else _OPEN
        again = verdict is Verdict.REJECTED and spec.guarded and bool(spec.inquiry)
        return Outcome(verdict, code=code, message=message, data=_told(answer), already_there=again)
    _demand_whole(spec, draft, answer.data)
    return Outcome(
        verdict=Verdict.ACCEPTED,
        code=code,
        message=message,
        data=answer.data,
        identifiers=facts(spec, draft.body, answer.data),
    )


def _told(answer: Answer) -> JsonObject:
    """What a failure says, and both codes where the call itself failed: one of them may look like the
    other's."""
    if answer.respcode == DONE:
        return answer.data
    return {**answer.data, RESPCODE: answer.respcode, "aprcode": answer.aprcode}


def verdict_of(answer: Answer) -> Verdict:
    """Both codes decide: success needs both, and a failed call with a business success says two things."""
    if answer.respcode == DONE:
        if not answer.aprcode:
            raise answer_refused("平台返回内容缺少 aprcode", "no aprcode")
        if answer.aprcode == DONE:
            return Verdict.ACCEPTED
        return Verdict.REJECTED if _FAILED.fullmatch(answer.aprcode) else Verdict.UNKNOWN
    if _FAILED.fullmatch(answer.respcode) and answer.aprcode != DONE and not answer.aprcode.startswith("-"):
        return Verdict.REJECTED
    return Verdict.UNKNOWN


def facts(spec: TransactionSpec, body: JsonObject, data: JsonObject) -> tuple[Identifier, ...]:
    """What later messages need: the catalog's identifiers, and the settlement's number, which stands
    within aptorderackdata only (anomalies S14)."""
    found = identifiers_of(spec, body, data, {})
    number = balance_number(data)
    orderid = text_of(data.get("orderid")) or text_of(body.get("orderid"))
    if number and orderid:
        return (*found, Identifier(SETTLEMENT, (orderid,), number))
    return found


def balance_number(data: JsonObject) -> str:
    settlement = data.get("aptorderackdata")
    balance = settlement.get("balanceret") if isinstance(settlement, dict) else None
    return text_of(balance.get("balanceno")) if isinstance(balance, dict) else ""


def _demand_whole(spec: TransactionSpec, draft: Draft, data: JsonObject) -> None:
    """A success names its order where the document says so, no other one ever, and brings the numbers that
    it is for."""
    demand_same(draft.body, data, ("orderid",))
    if spec.code == "ST009" and not text_of(data.get("paystatus")):
        return  # no such order: nothing to name
    needed = {rule.value for rule in spec.identifiers}
    needed |= {field.code for field in spec.response if field.code == "orderid"}
    missing = sorted(code for code in needed if not text_of(data.get(code)))
    if missing:
        raise answer_refused(f"平台返回成功，但缺少 {missing[0]}", f"success without {missing[0]}")
