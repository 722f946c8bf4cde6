"""The scan-to-pay platform for one request: envelope, dispatch, rules, signed answer."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from agent.catalog.model import Catalog
from agent.clock import Clock
from agent.events import JsonObject
from agent.rehearsal.exchange import Subject
from agent.rehearsal.faults import FaultKind, Moment
from agent.rehearsal.ledger import Command, Ledger
from agent.rehearsal.messages import Answer, Call, Delivery
from agent.rehearsal.parking import Parking
from plugins.scanpay.simulator import codes
from plugins.scanpay.simulator.callbacks import Callback, Callbacks
from plugins.scanpay.simulator.fields import first_problem
from plugins.scanpay.simulator.sealing import SEALED, SESSION, Sealing, Unsealed, des
from plugins.scanpay.simulator.state import World
from plugins.scanpay.simulator.statements import Style
from plugins.scanpay.simulator.tampering import tampered
from plugins.scanpay.simulator.transactions import (
    NO_ORDER,
    STALE_CODE,
    TRANSACTIONS,
    WRONG_CONTENT,
    Context,
    Manners,
    Refusal,
    Reply,
)
from plugins.scanpay.simulator.wire import (
    Unreadable,
    read_form,
    read_sorted,
    read_xml,
    write_form,
    write_sorted,
    write_xml,
)

DECODE_PATH: Final = "/decode"
_ENVELOPE: Final = ("version", "merchantcode", "infosyscode", "transtype", "hospcode", "transdata")
_STATEMENT_FAULTS: Final = ("statement_missing", "statement_extra", "statement_amount")
_PAYING_ASKED: Final = 3

FAULTS: Final = (
    FaultKind("bad_signature", Moment.AFTER, "处理完成后应答的签名由另一把私钥签出"),
    FaultKind("no_signature", Moment.AFTER, "处理完成后应答没有签名"),
    FaultKind("resp_failed", Moment.INSTEAD, "不处理，返回 respcode 11（方法调用失败）"),
    FaultKind("resp_broken", Moment.INSTEAD, "不处理，返回 respcode -1（方法异常）"),
    FaultKind("apr_failed", Moment.INSTEAD, "不处理，返回 aprcode 19（业务执行失败）"),
    FaultKind("apr_broken", Moment.INSTEAD, "不处理，返回 aprcode -1（业务异常）"),
    FaultKind("apr_broken_after", Moment.AFTER, "处理完成后返回 aprcode -1（业务异常）"),
    FaultKind("code_expired", Moment.INSTEAD, "不处理，返回电子凭证已失效"),
    FaultKind("paying", Moment.AFTER, f"处理完成后不应答，此后 {_PAYING_ASKED} 次查询都答复正在支付"),
    FaultKind("callback_twice", Moment.AFTER, "处理完成，结果通知发送两次"),
    FaultKind("callback_only", Moment.AFTER, "处理完成后不应答，只发送结果通知"),
    FaultKind("callback_forged", Moment.AFTER, "处理完成，另发一份签名由他人签出的结果通知"),
    FaultKind("statement_missing", Moment.INSTEAD, "对账文件缺少第一笔（ST099）"),
    FaultKind("statement_extra", Moment.INSTEAD, "对账文件多出一笔（ST099）"),
    FaultKind("statement_amount", Moment.INSTEAD, "对账文件第一笔的总额多 0.01（ST099）"),
)


@dataclass(frozen=True, slots=True)
class House:
    """What the platform has registered of its only institution, and how it answers."""

    hospcode: str
    merchantcode: str
    infosyscode: str
    encrypted: bool = False
    absent_empty: bool = False
    callbacks: bool = False
    manners: Manners = field(default_factory=Manners)


@dataclass(frozen=True, slots=True)
class _Request:
    """A request whose envelope is sound. ``session`` encrypts the answer; empty: plain."""

    transaction: str
    data: JsonObject = field(repr=False)
    session: bytes = field(default=b"", repr=False)


class _Refused(Exception):
    """A request that is refused before any business (respcode)."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class ScanpayPlatform:
    """:class:`agent.rehearsal.exchange.Platform` of scan-to-pay."""

    faults: Iterable[FaultKind] = FAULTS

    def __init__(
        self,
        catalog: Catalog,
        house: House,
        sealing: Sealing,
        ledger: Ledger,
        clock: Clock,
        callbacks: Callbacks,
    ) -> None:
        self.world = World()
        self._catalog = catalog
        self._house = house
        self._sealing = sealing
        self._ledger = ledger
        self._clock = clock
        self._callbacks = callbacks
        self._lock = threading.Lock()
        for command in ledger.take_commands():
            self._restore(command)

    # -- Platform -----------------------------------------------------------------------------------
    def subject(self, call: Call) -> Subject:
        """The document has no number of a request: its transaction and order stand for one."""
        try:
            request = self._open(call)
        except (Unreadable, Unsealed, _Refused):
            return Subject()
        data = request.data
        cycle = self.world.cycles.get(_text(data, "busicycleno"))
        operator = _text(data, "operatorid") or (cycle.operatorid if cycle else "")
        orderid = _text(data, "orderid")
        return Subject(
            transaction=request.transaction,
            lane=f"{self._house.hospcode}/{operator}" if operator else "",
            wire_id=f"{request.transaction}/{orderid}" if orderid else "",
            inquiry=request.transaction == "ST009",
        )

    def parking_key(self, subject: Subject) -> tuple[str, ...]:
        return (subject.wire_id.partition("/")[2],)

    def answer(self, call: Call, parking: Parking) -> Answer:
        if call.path == DECODE_PATH:
            return self._decode(call)
        if call.method != "POST":
            return Answer(status=HTTPStatus.METHOD_NOT_ALLOWED, label="405")
        try:
            request = self._open(call)
        except Unsealed as error:
            return self._told(_result("11", str(error)))
        except Unreadable as error:
            return self._told(_result("12", str(error)))
        except _Refused as refused:
            return self._told(_result(refused.code, refused.text))
        try:
            reply = self._execute(request)
        except Refusal as refusal:
            return self._told(_result("00", "", refusal.code, refusal.text), request.session)
        if reply.negative_about:
            parking.asked((reply.negative_about,))
            return self._told(self._absent(), request.session)
        if reply.callback and self._house.callbacks:
            self._call_back(reply.callback)
        return self._told(_done(reply.data), request.session)

    def refuse(self, call: Call, fault: str) -> Answer:
        results = {
            "resp_failed": _result("11", "方法调用失败"),
            "resp_broken": _result("-1", "方法异常"),
            "apr_failed": _result("00", "", "19", "业务执行失败"),
            "apr_broken": _result("00", "", "-1", "业务异常"),
            "code_expired": _result("00", "", STALE_CODE, "电子凭证已失效，请重新扫码"),
        }
        if fault in _STATEMENT_FAULTS:
            return self._tampered(call, fault)
        return self._told(results[fault], self._session(call))

    def spoil(self, call: Call, answer: Answer, fault: str) -> Answer:
        if fault == "apr_broken_after":
            return self._told(_result("00", "", "-1", "业务异常"), self._session(call))
        if fault in ("bad_signature", "no_signature"):
            return self._told(_result("00", "成功"), self._session(call), signature=fault)
        orderid = self.subject(call).wire_id.partition("/")[2]
        if fault == "paying":
            with self._lock:
                if orderid in self.world.orders:
                    self.world.orders[orderid].asked_while_paying = _PAYING_ASKED
            return Answer(delivery=Delivery.NOTHING)
        times = 2 if fault == "callback_twice" else 1
        self._call_back(orderid, times=times, forged=fault == "callback_forged")
        return Answer(delivery=Delivery.NOTHING) if fault == "callback_only" else answer

    def counts(self) -> Mapping[str, int]:
        with self._lock:
            return {**self.world.counts(), "callbacks_heard": self._callbacks.sent}

    def reset(self) -> None:
        with self._lock:
            self.world = World()

    # -- requests -------------------------------------------------------------------------------------
    def _open(self, call: Call) -> _Request:
        """Raises Unsealed, Unreadable or _Refused."""
        session, form = self._form(call)
        self._sealing.verify(form)
        house = self._house
        missing = next((name for name in _ENVELOPE if not form.get(name)), "")
        if missing:
            raise _Refused("10", f"缺少 {missing}")
        caller = (form["merchantcode"], form["infosyscode"], form["hospcode"])
        if caller != (house.merchantcode, house.infosyscode, house.hospcode):
            raise _Refused("10", "商户、接入系统或定点医药机构代码未登记")
        if form["transtype"] not in self._catalog:
            raise _Refused("10", "没有该交易")
        return _Request(form["transtype"], read_xml(form["transdata"]), session)

    def _form(self, call: Call) -> tuple[bytes, dict[str, str]]:
        form = read_form(call.body)
        if not self._house.encrypted:
            return b"", form
        if set(form) != {"transtype", SESSION, SEALED}:
            raise Unsealed("报文应加密")
        session, inner = self._sealing.open(form)
        return session, read_sorted(inner)

    def _execute(self, request: _Request) -> Reply:
        """Judge and process; all that changes state happens under the lock."""
        spec = self._catalog.transaction(request.transaction)
        problem = first_problem(spec.request, request.data, spec.table)
        if problem:
            raise Refusal(WRONG_CONTENT, problem)
        with self._lock:
            now = self._clock.now()
            reply = self._run(request.transaction, request.data, now)
            if reply.effects:
                command = {"transaction": request.transaction, "data": request.data}
                wire_id = f"{request.transaction}/{_text(request.data, 'orderid')}"
                lane = self._house.hospcode
                self._ledger.commit(request.transaction, lane, wire_id, reply.effects, command, now)
        return reply

    def _run(self, transaction: str, data: JsonObject, now: datetime) -> Reply:
        context = Context(self.world, self._house.manners, self._house.hospcode, now)
        return TRANSACTIONS[transaction](context, data)

    def _restore(self, command: Command) -> None:
        self._run(command.body["transaction"], command.body["data"], command.at)

    # -- answers --------------------------------------------------------------------------------------
    def _told(self, pairs: Mapping[str, str], session: bytes = b"", *, signature: str = "") -> Answer:
        signed = self._sealing.signed(pairs, badly=signature == "bad_signature")
        if signature == "no_signature":
            signed = dict(pairs)
        body = write_form(signed)
        if session:
            sealed = des(session, write_sorted(signed), encrypt=True)
            body = write_form({SEALED: b64encode(sealed).decode("ascii")})
        code = pairs["respcode"] if pairs["respcode"] != "00" else pairs["aprcode"]
        return Answer(body=body, headers=(("Content-Type", "text/plain;charset=UTF-8"),), label=code)

    def _absent(self) -> dict[str, str]:
        """No order: a business failure, or success without any data."""
        if self._house.absent_empty:
            return _done({})
        return _result("00", "", NO_ORDER, "未查询到订单")

    def _session(self, call: Call) -> bytes:
        try:
            return self._form(call)[0]
        except (Unreadable, Unsealed):
            return b""

    def _tampered(self, call: Call, fault: str) -> Answer:
        try:
            request = self._open(call)
            file = self._execute(request).data["file"]
        except (Unreadable, Unsealed, _Refused, Refusal):
            return self._told(_result("00", "", WRONG_CONTENT, "无法生成对账文件"), self._session(call))
        style: Style = self._house.manners.statement
        return self._told(_done({"file": tampered(file, fault, style)}), request.session)

    def _call_back(self, orderid: str, *, times: int = 1, forged: bool = False) -> None:
        with self._lock:
            order = self.world.orders.get(orderid)
            if order is None or not order.backurl:
                return
            reply = self._run("ST009", {"orderid": orderid}, self._clock.now())
        pairs = {"transtype": "ST009", "orderid": orderid, **_done(reply.data)}
        body = write_form(self._sealing.signed(pairs, badly=forged))
        self._callbacks.put(Callback(order.backurl, body, times))

    # -- decoding -------------------------------------------------------------------------------------
    def _decode(self, call: Call) -> Answer:
        """The decoder of a rehearsal: JSON as the national library's (domain facts: ``ec.query``)."""
        return codes.decoded(call.body, self._clock.now())


def _result(respcode: str, respmsg: str, aprcode: str = "", aprtmsg: str = "") -> dict[str, str]:
    return {
        "respcode": respcode,
        "respmsg": respmsg or "调用成功",
        "aprcode": aprcode or respcode,
        "aprtmsg": aprtmsg or respmsg or "",
    }


def _done(data: Mapping[str, Any]) -> dict[str, str]:
    return {**_result("00", "调用成功", "00", "执行成功"), "transdata": write_xml(data)}


def _text(data: JsonObject, name: str) -> str:
    value = data.get(name, "")
    return value if isinstance(value, str) else ""
