"""What is kept of a reconciliation, what people accept of it, and when its cycle may be closed.

==================== ======================= ===================== ======================================
kind                 key                     member                value
==================== ======================= ===================== ======================================
``reconciled``       hospcode, busicycleno                         ``clean``, or how many are open
``reconciled``       hospcode, busicycleno   ``ledger``            the orders that it was made over
``difference``       hospcode, busicycleno   its id                as in the report
``difference-taken`` hospcode, busicycleno   its id                who accepted it, why and when, as JSON
==================== ======================= ===================== ======================================

The agent's own side is taken in the commit that claims ST099 and travels with the attempt: an order that
changes before the answer is there makes the result stale, and another reconciliation is needed.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from agent import jsontext
from agent.clock import BEIJING
from agent.errors import AnswerRejected, ControlError
from agent.events import (
    REPORTS,
    Download,
    Draft,
    Forget,
    History,
    Identifier,
    JsonObject,
    Outcome,
    Verdict,
)
from agent.hookspecs import Acted, Asked
from agent.protocol.values import text_of
from plugins.scanpay.orders import CLEAN, LEDGER, RECONCILED, Order, State, orders_of
from plugins.scanpay.reconciling.comparing import ABOUT, Kind, compare
from plugins.scanpay.reconciling.ledger import read_side, side_of
from plugins.scanpay.reconciling.reports import Report, as_csv, as_json, as_page, finding_json
from plugins.scanpay.reconciling.statement import read_statement

STATEMENT: Final = "ST099"
DIFFERENCE, TAKEN = "difference", "difference-taken"
MADE_AT: Final = "made_at"
ALL: Final = "all"
_MEMO: Final = "reconciling"
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]")


# -- around ST099 -----------------------------------------------------------------------------------
def prepared(draft: Draft, history: History) -> Draft:
    """ST099's draft with the agent's own side of its cycle."""
    hospcode, cycle = _named(draft)
    side = side_of(orders_of(history, hospcode, cycle), cycle)
    taken = sorted(history.values(TAKEN, (hospcode, cycle)))
    return replace(draft, memo={**draft.memo, _MEMO: {"side": side.as_json(), "taken": taken}})


def reconciled(outcome: Outcome, draft: Draft, ids: Mapping[str, str]) -> Outcome:
    """An accepted ST099 with what came of comparing; rejected when its file is none: asking again would
    bring the same."""
    held = draft.memo.get(_MEMO)
    if outcome.verdict is not Verdict.ACCEPTED or held is None:
        return outcome
    hospcode, cycle = _named(draft)
    side = read_side(held["side"])
    try:
        there = read_statement(text_of(outcome.data.get("file")), cycle)
    except AnswerRejected as error:
        return replace(outcome, verdict=Verdict.REJECTED, message=error.message)
    comparison = compare(side.rows, there, side.unsettled)
    operator = text_of(draft.body.get("operatorid"))
    report = Report(hospcode, operator, cycle, ids.get(MADE_AT, ""), comparison, frozenset(held["taken"]))
    downloads = tuple(_files(report, ids))
    return replace(
        outcome,
        message=_sentence(report) or outcome.message,
        data={**outcome.data, "reconciliation": _summary(report, downloads)},
        forgotten=(*outcome.forgotten, Forget(DIFFERENCE, (hospcode, cycle))),
        identifiers=(*outcome.identifiers, *_facts(report, side.fingerprint)),
        downloads=(*outcome.downloads, *downloads),
    )


def _named(draft: Draft) -> tuple[str, str]:
    return text_of(draft.body.get("hospcode")), text_of(draft.body.get("busicycleno"))


def _facts(report: Report, ledger: str) -> Iterator[Identifier]:
    key = (report.hospcode, report.cycle)
    yield Identifier(RECONCILED, key, f"open {len(report.open)}" if report.open else CLEAN)
    yield Identifier(RECONCILED, key, ledger, LEDGER)
    for finding in report.comparison.differences:
        yield Identifier(DIFFERENCE, key, jsontext.write(finding_json(finding)), finding.id)


def _files(report: Report, ids: Mapping[str, str]) -> Iterator[Download]:
    """Named by the cycle and the call, so that no report takes another's place."""
    call = ids["wire_id"].rpartition("-")[2]
    name = "R" + _UNSAFE.sub("_", report.cycle)[:64] + "-" + _UNSAFE.sub("_", call)[:32]
    rows = len(report.comparison.findings)
    for ending, write in (("json", as_json), ("csv", as_csv), ("html", as_page)):
        content = b64encode(write(report)).decode("ascii")
        yield Download(REPORTS, f"{name}.{ending}", rows, attachment=content)


def _summary(report: Report, downloads: tuple[Download, ...]) -> JsonObject:
    return {
        "clean": not report.open,
        "open": len(report.open),
        "counts": report.counts(),
        "reports": [f"{REPORTS}/{one.name}" for one in downloads],
    }


def _sentence(report: Report) -> str:
    if not report.open:
        return f"对账一致，共 {len(report.comparison.findings)} 笔"
    return f"对账有 {len(report.open)} 处差异，处理或确认后才能签退，明细见对账单"


# -- people -----------------------------------------------------------------------------------------
def differences(history: History, hospcode: str, asked: Asked) -> Acted:
    """What the latest reconciliation of a cycle found, with what was accepted of it."""
    cycle = asked.words[0]
    found = _found(history, hospcode, cycle)
    state = history.value(RECONCILED, (hospcode, cycle))
    if state is None:
        raise _refused(f"业务周期 {cycle} 还没有对账", "请先对账：his-agent scanpay reconcile", "not_found")
    lines = [_line(one) for one in found] or ["没有差异"]
    return Acted(tuple(lines), {"busicycleno": cycle, "state": state, "differences": found})


def accept(history: History, hospcode: str, asked: Asked) -> Acted:
    """A person accepts differences of a cycle, by order, by id, or all; the cycle is clean with the last. A
    disputed order, which only its own number names, counts as paid from then on."""
    cycle, which = asked.words
    key = (hospcode, cycle)
    found = [one for one in _found(history, hospcode, cycle) if not one["accepted"]]
    chosen = [one for one in found if which in (ALL, one["id"], _orderid(one))]
    disputes = [one for one in orders_of(history, hospcode, cycle) if _is_disputed(one, which)]
    if not chosen and not disputes:
        raise _refused(
            f"业务周期 {cycle} 没有待确认的差异 {which}",
            "用 his-agent scanpay differences 查看差异",
            "not_found",
        )
    if any(one["kind"] == Kind.UNSETTLED for one in chosen):
        raise _refused(
            "其中有结果未明的订单，不能确认", "请等查询（ST009）得出结果后重新对账", "not_possible"
        )
    at = asked.now.astimezone(BEIJING).isoformat(timespec="seconds")
    word = jsontext.write({"who": asked.who, "why": asked.why, "at": at})
    left = len(found) - len(chosen)
    paid = [replace(one, state=State.PAID, proof="decision") for one in disputes]
    state = (Identifier(RECONCILED, key, f"open {left}" if left else CLEAN),) if chosen else ()
    return Acted(
        lines=tuple(_accepted(len(chosen), left, len(disputes))),
        data={
            "busicycleno": cycle,
            "accepted": [one["id"] for one in chosen],
            "paid": [one.orderid for one in disputes],
            "open": left,
        },
        identifiers=(
            *(Identifier(TAKEN, key, word, one["id"]) for one in chosen),
            *state,
            *(fact for order in paid for fact in order.facts()),
        ),
    )


def _is_disputed(order: Order, which: str) -> bool:
    return order.state is State.DISPUTED and not order.doing and order.orderid == which


def _accepted(chosen: int, left: int, disputes: int) -> Iterator[str]:
    if chosen:
        after = f"，还有 {left} 处待处理" if left else "，可以签退" if not disputes else ""
        yield f"已确认 {chosen} 处差异{after}"
    if disputes:
        yield "有争议的订单已确认按支付成功处理；签退前需要重新对账（ST099）"


def _found(history: History, hospcode: str, cycle: str) -> list[JsonObject]:
    taken = history.values(TAKEN, (hospcode, cycle))
    texts = history.values(DIFFERENCE, (hospcode, cycle)).values()
    found = [jsontext.read_object(text) for text in texts]
    told = [{**one, "accepted": one["id"] in taken} for one in found]
    return sorted(told, key=lambda one: (_orderid(one), one["id"]))


def _orderid(found: JsonObject) -> str:
    side = found["there"] or found["here"]
    return str(side["orderid"])


def _line(found: JsonObject) -> str:
    sides = [found[side]["total"] if found[side] else "无" for side in ("here", "there")]
    done = "已确认" if found["accepted"] else "待处理"
    kind = ABOUT[Kind(found["kind"])]
    return f"{found['id']}  {_orderid(found)}  {kind}  本机 {sides[0]}  平台 {sides[1]}  {done}"


def _refused(message: str, hint: str, code: str) -> ControlError:
    return ControlError(message, hint=hint, details={"code": code})
