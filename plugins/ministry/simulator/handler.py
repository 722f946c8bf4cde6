"""The ministry's platform for one request: envelope, dispatch, rules, sealed answer.

The envelope's faults are answered with a PE code and no ``biz_data``; everything after a request has
been opened is answered sealed, with a ``busi_code``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from agent import jsontext
from agent.catalog.model import Catalog
from agent.clock import Clock
from agent.events import JsonObject
from agent.rehearsal.exchange import Subject
from agent.rehearsal.faults import FaultKind, Moment
from agent.rehearsal.ledger import Command, Ledger
from agent.rehearsal.messages import Answer, Call
from agent.rehearsal.parking import Parking
from plugins.ministry.simulator.fields import lower_case_only
from plugins.ministry.simulator.refusals import BAD_PARAMETER, Refusal, message
from plugins.ministry.simulator.registry import Access
from plugins.ministry.simulator.sealing import Sealing, Unopened
from plugins.ministry.simulator.seed import Seed
from plugins.ministry.simulator.state import World
from plugins.ministry.simulator.throttle import Throttle
from plugins.ministry.simulator.transactions import TRANSACTIONS
from plugins.ministry.simulator.transactions.base import Context, Manners, Reply
from plugins.ministry.simulator.wire import Envelope, first_missing, misshapen, read_envelope

PATH: Final = "/engine/transport/server/001"
TOO_FREQUENT: Final = "RE1173"
FILTERED_BY_REGION: Final = "GYD006"
"""Its aab301 may be any region of the caller's province: there is no other filter (M13)."""

FAULTS: Final = (
    FaultKind("bad_signature", Moment.AFTER, "处理完成后应答的签名由另一把私钥签出"),
    FaultKind("PE0002", Moment.INSTEAD, "不处理，返回没有访问权限"),
    FaultKind("PE1001", Moment.INSTEAD, "不处理，返回解密失败"),
    FaultKind("PE2001", Moment.INSTEAD, "不处理，返回验签失败"),
    FaultKind("PE9999", Moment.INSTEAD, "不处理，返回其他原因失败"),
    FaultKind("PE1002", Moment.AFTER, "处理完成后返回“返回数据加密失败”"),
    FaultKind("PE2002", Moment.AFTER, "处理完成后返回“返回数据签名失败”"),
    FaultKind("PE9999_after", Moment.AFTER, "处理完成后返回其他原因失败"),
    FaultKind(TOO_FREQUENT, Moment.INSTEAD, "不处理，返回当前接口调用过于频繁"),
    FaultKind("RE1108", Moment.INSTEAD, "不处理，返回调用卡鉴权接口异常（GYD052、GYD055）"),
    FaultKind("RE1112", Moment.INSTEAD, "不处理，返回与电子社保卡系统连接异常（GYU010）"),
    FaultKind("RE1136", Moment.INSTEAD, "不处理，返回查询超期数据异常（GYD008）"),
)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A request whose envelope is sound."""

    access: Access
    envelope: Envelope
    plaintext: bytes = field(repr=False)


class MinistryPlatform:
    """:class:`agent.rehearsal.exchange.Platform` of the ministry."""

    faults: Iterable[FaultKind] = FAULTS

    def __init__(
        self,
        catalog: Catalog,
        seed: Seed,
        ledger: Ledger,
        clock: Clock,
        sealing: Sealing,
        manners: Manners,
        throttle: Throttle,
    ) -> None:
        self.world = World(seed)
        self._catalog = catalog
        self._texts = catalog.errors
        self._seed = seed
        self._ledger = ledger
        self._clock = clock
        self._sealing = sealing
        self._manners = manners
        self._throttle = throttle
        self._lock = threading.Lock()
        self._restore(ledger.take_commands())

    def subject(self, call: Call) -> Subject:
        envelope = read_envelope(call)
        body = envelope.body
        return Subject(
            transaction=body.get("busitype", ""),
            lane=envelope.access_key,
            wire_id=body.get("refid", ""),
            inquiry=body.get("busitype") == "GYD053",
        )

    def parking_key(self, subject: Subject) -> tuple[str, ...]:
        return (subject.lane, subject.transaction, subject.wire_id)

    def answer(self, call: Call, parking: Parking) -> Answer:
        if call.path != PATH:
            return Answer(status=404, label="404")
        if call.method != "POST":
            return Answer(status=405, label="405")
        try:
            opened = self._open(read_envelope(call))
        except Unopened as unopened:
            return self._refused_envelope(call, unopened.code)
        reply = self._reply(opened)
        if reply.negative_about is not None:
            parking.asked((opened.access.key, *reply.negative_about))
        return self._sealed(opened.envelope, reply.data)

    def refuse(self, call: Call, fault: str) -> Answer:
        if not fault.startswith("RE"):
            return self._refused_envelope(call, fault)
        envelope = read_envelope(call)
        if self.world.access(envelope.access_key) is None:
            return self._refused_envelope(call, "PE0002")
        return self._sealed(envelope, self._refusal_data(Refusal(fault)))

    def spoil(self, call: Call, answer: Answer, fault: str) -> Answer:
        envelope = read_envelope(call)
        if fault != "bad_signature":
            return self._refused_envelope(call, fault.removesuffix("_after"))
        content = jsontext.read_object(answer.body.decode("utf-8"))
        if not content["biz_data"]:
            return answer  # a refused envelope carries no signature that could be bad
        content["biz_data"] = self._sealing.seal_badly(envelope.access_key, b'{"busi_code":"RE0000"}')
        return replace(answer, body=jsontext.write(content).encode("utf-8"))

    def counts(self) -> Mapping[str, int]:
        with self._lock:
            return self.world.counts()

    def reset(self) -> None:
        with self._lock:
            self.world = World(self._seed)

    def _open(self, envelope: Envelope) -> _Opened:
        """Nodes there (PE0001), access key known (PE0002), signature (PE2001), ciphertext (PE1001)."""
        if first_missing(envelope):
            raise Unopened("PE0001")
        access = self.world.access(envelope.access_key)
        if access is None:
            raise Unopened("PE0002")
        return _Opened(access, envelope, self._sealing.open(access.key, envelope.body))

    def _reply(self, opened: _Opened) -> Reply:
        """Judge and process one opened request; all that changes state happens under the lock."""
        body = opened.envelope.body
        if not self._throttle.admits(opened.access.key, body["busitype"]):
            return Reply(self._refusal_data(Refusal(TOO_FREQUENT)))
        data = self._read_data(opened)
        if isinstance(data, Refusal):
            return Reply(self._refusal_data(data))
        command = {
            "access_key": opened.access.key,
            "busitype": body["busitype"],
            "refid": body["refid"],
            "region": body["aab301"],
            "data": data,
        }
        with self._lock:
            now = self._clock.now()
            reply = self._execute(command, now)
            self._ledger.commit(
                body["busitype"], opened.access.key, body["refid"], reply.effects, command, now
            )
        return reply

    def _read_data(self, opened: _Opened) -> JsonObject | Refusal:
        envelope = opened.envelope
        if not _may_name(opened.access, envelope):
            return Refusal("RE1070")
        wrong = misshapen(envelope, opened.access.province)
        if wrong:
            return Refusal(BAD_PARAMETER, detail=wrong)
        if envelope.body["busitype"] not in self._catalog:
            return Refusal("RE1003")
        try:
            data = jsontext.read_object(opened.plaintext.decode("utf-8"))
        except ValueError:
            return Refusal(BAD_PARAMETER, detail="data 不是有效的 JSON 对象")
        return data if lower_case_only(data) else Refusal("RE1144")

    def _execute(self, command: JsonObject, now: datetime) -> Reply:
        """Run one command against the state and keep its response DATA for GYD053."""
        busitype, refid = command["busitype"], command["refid"]
        context = Context(
            access=self.world.accesses[command["access_key"]],
            spec=self._catalog.transaction(busitype),
            refid=refid,
            region=command.get("region", ""),
            texts=self._texts,
            now=now,
            world=self.world,
            manners=self._manners,
        )
        reply = TRANSACTIONS[busitype](context, command["data"])
        self.world.history[command["access_key"], busitype, refid] = reply.data
        return reply

    def _restore(self, commands: Iterable[Command]) -> None:
        for command in commands:
            self._execute(command.body, command.at)

    def _refusal_data(self, refusal: Refusal) -> JsonObject:
        return {"busi_code": refusal.code, "busi_msg": message(refusal, self._texts)}

    def _sealed(self, envelope: Envelope, data: JsonObject) -> Answer:
        biz_data = self._sealing.seal(envelope.access_key, jsontext.write(data).encode("utf-8"))
        return self._answer(envelope, "PE0000", "", biz_data, data["busi_code"])

    def _refused_envelope(self, call: Call, code: str) -> Answer:
        envelope = read_envelope(call)
        text = self._texts[code]
        missing = first_missing(envelope) if code == "PE0001" else ""
        return self._answer(envelope, code, f"{text}：{missing}" if missing else text, {}, code)

    def _answer(
        self, envelope: Envelope, code: str, text: str, biz_data: dict[str, Any], label: str
    ) -> Answer:
        body = jsontext.write({"code": code, "msg": text, "biz_data": biz_data}).encode("utf-8")
        stamp = f"{self._clock.now():%Y%m%d%H%M%S%f}"[:17]
        headers = (
            ("Content-Type", "application/json;charset=UTF-8"),
            ("access_key", envelope.echo("access_key")),
            ("request_id", envelope.echo("request_id")),
            ("timestamp", stamp),
        )
        return Answer(body=body, headers=headers, label=label)


def _may_name(access: Access, envelope: Envelope) -> bool:
    """Whether the caller may send this aab301: its province's."""
    named = envelope.body["aab301"]
    if envelope.body["busitype"] == FILTERED_BY_REGION:
        return named[:2] == access.province[:2]
    return named == access.province
