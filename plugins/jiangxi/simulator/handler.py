"""The province's platform for one request: envelope, fields, business, answer."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from agent.catalog.model import Catalog
from agent.clock import Clock
from agent.events import JsonObject
from agent.rehearsal.exchange import Subject
from agent.rehearsal.faults import FaultKind, Moment
from agent.rehearsal.fields import FieldFault, FieldReader
from agent.rehearsal.ledger import Command, Effect, Ledger
from agent.rehearsal.messages import Answer, Call, Delivery
from agent.rehearsal.parking import Parking
from plugins.jiangxi.simulator.rules import BUSINESS, FORMAT, Refused
from plugins.jiangxi.simulator.seed import Institution, Seed
from plugins.jiangxi.simulator.state import World
from plugins.jiangxi.simulator.transactions import TRANSACTIONS
from plugins.jiangxi.simulator.transactions.base import Context, Manners, Reply, written
from plugins.jiangxi.simulator.wire import DONE, Envelope, Spelling, read_envelope, write_answer

INQUIRIES: Final = ("CX001", "CX002", "CX004")
FAULTS: Final = (
    FaultKind("000001", Moment.INSTEAD, "不处理，返回访问权限异常"),
    FaultKind("ACC00001", Moment.INSTEAD, "不处理，返回服务端数据访问异常"),
    FaultKind("NUL00001", Moment.INSTEAD, "不处理，返回服务端应用程序异常"),
    FaultKind("FOM00001", Moment.INSTEAD, "不处理，返回客户端报文解析错误"),
    FaultKind("NFT00001", Moment.INSTEAD, "不处理，返回客户端报文数据格式错误"),
    FaultKind("BUS00001", Moment.INSTEAD, "不处理，返回服务端业务处理控制提示"),
    FaultKind("ERR00001", Moment.INSTEAD, "不处理，返回其他未知错误"),
    FaultKind("ACC00001_after", Moment.AFTER, "处理完成后返回服务端数据访问异常"),
    FaultKind("NUL00001_after", Moment.AFTER, "处理完成后返回服务端应用程序异常"),
    FaultKind("ERR00001_after", Moment.AFTER, "处理完成后返回其他未知错误"),
    FaultKind("no_flag", Moment.AFTER, "处理完成后应答中没有 flag"),
    FaultKind("half", Moment.AFTER, "FY001 只留下前一半明细，然后断开连接"),
)

_SERIAL = re.compile(r"[0-9A-Za-z]{5}[0-9]{4}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{7}")
_REFUSALS: Final = ("both", "flag", "code")


@dataclass(frozen=True, slots=True)
class Style:
    """How answers are written. ``refusals``: ``both`` BUS00001 and flag fail, ``flag`` 000000 and flag
    fail, ``code`` BUS00001 alone (J32)."""

    spelling: Spelling = field(default_factory=Spelling)
    refusals: str = _REFUSALS[0]


class JiangxiPlatform:
    """:class:`agent.rehearsal.exchange.Platform` of the province."""

    faults: Iterable[FaultKind] = FAULTS

    def __init__(
        self, catalog: Catalog, seed: Seed, ledger: Ledger, clock: Clock, manners: Manners, style: Style
    ) -> None:
        self.world = World(seed)
        self._catalog = catalog
        self._seed = seed
        self._ledger = ledger
        self._clock = clock
        self._manners = manners
        self._style = style
        self._lock = threading.Lock()
        self._about: dict[str, str] = {}
        self._reader = FieldReader(lambda name: catalog.tables[name])
        for command in ledger.take_commands():
            self._redo(command)

    def subject(self, call: Call) -> Subject:
        envelope = read_envelope(call)
        caller = self._caller(envelope)
        given = envelope.input or {}
        about = next((str(given[name]) for name in ("akc190", "alc005") if given.get(name)), "")
        self._about[envelope.jylsh] = about
        lane = caller.akb020 if caller else envelope.safeinfo
        return Subject(envelope.ywlx, lane, envelope.jylsh, envelope.ywlx in INQUIRIES)

    def parking_key(self, subject: Subject) -> tuple[str, ...]:
        """Inquiries name no jylsh, only what the call was about."""
        return (subject.lane, self._about.get(subject.wire_id, ""))

    def answer(self, call: Call, parking: Parking) -> Answer:
        if call.method != "POST":
            return Answer(status=405, label="405")
        envelope = read_envelope(call)
        try:
            caller = self._demand_envelope(envelope)
            reply = self._reply(caller, envelope)
        except Refused as refused:
            return self._refusal(envelope, refused)
        if reply.about:
            parking.asked((caller.akb020, reply.about))
        output = {**reply.output, "flag": "success", "aae013": "操作成功"}
        return write_answer(envelope, DONE, "", written(output, self._manners), self._style.spelling)

    def refuse(self, call: Call, fault: str) -> Answer:
        return self._refusal(read_envelope(call), Refused("演练故障", fault))

    def spoil(self, call: Call, answer: Answer, fault: str) -> Answer:
        envelope = read_envelope(call)
        if fault == "half":
            self._halve(envelope)
            return replace(answer, delivery=Delivery.NOTHING)
        if fault == "no_flag":
            return write_answer(envelope, DONE, "", {"aae013": ""}, self._style.spelling)
        return self.refuse(call, fault.removesuffix("_after"))

    def counts(self) -> Mapping[str, int]:
        with self._lock:
            return self.world.counts()

    def reset(self) -> None:
        with self._lock:
            self.world = World(self._seed)
            self._about.clear()

    # -- one request ------------------------------------------------------------------------------
    def _demand_envelope(self, envelope: Envelope) -> Institution:
        if envelope.input is None:
            raise Refused("报文不是有效的 JSON，或缺少 input", "FOM00001")
        caller = self._caller(envelope)
        if caller is None or not caller.active:
            raise Refused("认证信息无效", "000001")
        if envelope.ywlx not in self._catalog:
            raise Refused("交易类型不存在", FORMAT)
        if envelope.jylsh and not _SERIAL.fullmatch(envelope.jylsh):
            raise Refused("交易流水号格式错误", FORMAT)
        return caller

    def _caller(self, envelope: Envelope) -> Institution | None:
        found = (each for each in self._seed.institutions if each.safeinfo == envelope.safeinfo)
        return next(found, None)

    def _reply(self, caller: Institution, envelope: Envelope) -> Reply:
        """Judge and process; all that changes state happens under the lock."""
        read = self._reader.read(self._catalog.transaction(envelope.ywlx).request, envelope.input or {})
        if isinstance(read, FieldFault):
            raise Refused(read.sentence, FORMAT)
        command = {"akb020": caller.akb020, "ywlx": envelope.ywlx, "input": envelope.input}
        with self._lock:
            now = self._clock.now()
            reply = TRANSACTIONS[envelope.ywlx](self._context(caller, now), read)
            self._ledger.commit(envelope.ywlx, caller.akb020, envelope.jylsh, reply.effects, command, now)
        return reply

    def _context(self, caller: Institution, now: datetime) -> Context:
        return Context(caller, now, self.world, self._manners)

    def _redo(self, command: Command) -> None:
        body = command.body
        if "kept" in body:
            self._drop_fees(body["akc190"], body["kept"])
            return
        caller = self.world.institutions[body["akb020"]]
        spec = self._catalog.transaction(body["ywlx"])
        read = self._reader.read(spec.request, body["input"])
        assert not isinstance(read, FieldFault)  # it was read when it was committed
        TRANSACTIONS[body["ywlx"]](self._context(caller, command.at), read)

    # -- answers that say no ------------------------------------------------------------------------
    def _refusal(self, envelope: Envelope, refused: Refused) -> Answer:
        spelling = self._style.spelling
        if refused.code != BUSINESS:
            text = f"{self._catalog.errors[refused.code]}：{refused.text}"
            return write_answer(envelope, refused.code, text, "", spelling)
        if self._style.refusals == "code":
            return write_answer(envelope, BUSINESS, refused.text, "", spelling)
        output = {"flag": "fail", "aae013": refused.text}
        code = DONE if self._style.refusals == "flag" else BUSINESS
        answer = write_answer(envelope, code, refused.text if code != DONE else "", output, spelling)
        return replace(answer, label=BUSINESS)

    # -- a platform that lost half of an upload -------------------------------------------------------
    def _halve(self, envelope: Envelope) -> None:
        given = envelope.input or {}
        sent = [row["bke384"] for row in given.get("inputlist", [])]
        kept = sent[: len(sent) // 2]
        with self._lock:
            effects = self._drop_fees(given.get("akc190", ""), kept, sent)
            command = {"akc190": given.get("akc190", ""), "kept": [*kept, *self._others(given, sent)]}
            caller = self._caller(envelope)
            lane = caller.akb020 if caller else ""
            self._ledger.commit("half", lane, envelope.jylsh, effects, command, self._clock.now())

    def _others(self, given: JsonObject, sent: list[str]) -> list[str]:
        visit = self.world.visits.get(given.get("akc190", ""))
        return [bke384 for bke384 in visit.fees if bke384 not in sent] if visit else []

    def _drop_fees(self, akc190: str, kept: list[str], among: list[str] | None = None) -> tuple[Effect, ...]:
        visit = self.world.visits.get(akc190)
        if visit is None:
            return ()
        lost = [bke384 for bke384 in among or list(visit.fees) if bke384 in visit.fees and bke384 not in kept]
        for bke384 in lost:
            del visit.fees[bke384]
            self.world.bke384.discard(bke384)
        return tuple(Effect(f"fee:{bke384}", akc190, -1) for bke384 in lost)
