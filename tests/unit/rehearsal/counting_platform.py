"""The smallest platform there can be: POST a wire id, it counts; ask about one, it tells."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace

from agent import jsontext
from agent.clock import Clock
from agent.rehearsal.exchange import Subject
from agent.rehearsal.faults import FaultKind, Moment
from agent.rehearsal.ledger import Effect, Ledger
from agent.rehearsal.messages import Answer, Call
from agent.rehearsal.parking import Parking


class CountingPlatform:
    """``{"do": "PUT" | "ASK", "id": …}``; answers ``{"id": …, "found": …}``."""

    faults: Iterable[FaultKind] = (
        FaultKind("busy", Moment.INSTEAD, "忙"),
        FaultKind("garbled", Moment.AFTER, "乱码"),
    )

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._lock = threading.Lock()
        self.done: list[str] = [command.body["id"] for command in ledger.take_commands()]

    def subject(self, call: Call) -> Subject:
        try:
            body = jsontext.read_object(call.body.decode("utf-8"))
        except ValueError:
            return Subject()
        return Subject(str(body.get("do", "")), "lane", str(body.get("id", "")), body.get("do") == "ASK")

    def parking_key(self, subject: Subject) -> tuple[str, ...]:
        return (subject.wire_id,)

    def answer(self, call: Call, parking: Parking) -> Answer:
        subject = self.subject(call)
        if subject.inquiry:
            found = subject.wire_id in self.done
            if not found:
                parking.asked((subject.wire_id,))
            return self._say(subject, "found" if found else "absent")
        with self._lock:
            self.done.append(subject.wire_id)
            command = {"id": subject.wire_id}
            effects = [Effect(f"row:{subject.wire_id}")]
            self._ledger.commit("PUT", "lane", subject.wire_id, effects, command, self._clock.now())
        return self._say(subject, "done")

    def refuse(self, call: Call, fault: str) -> Answer:
        return self._say(self.subject(call), fault)

    def spoil(self, call: Call, answer: Answer, fault: str) -> Answer:
        return replace(answer, body=answer.body[::-1])

    def counts(self) -> Mapping[str, int]:
        return {"done": len(self.done)}

    def reset(self) -> None:
        self.done.clear()

    def _say(self, subject: Subject, word: str) -> Answer:
        return Answer(body=jsontext.write({"id": subject.wire_id, "says": word}).encode(), label=word)
