"""One exchange with one endpoint, through one adapter: a draft goes out, a judgement comes back.

Nothing here touches the outbox. Whatever goes wrong is told apart by one question: may bytes have
left this machine?
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agent import courtesy, pulse
from agent.clock import Clock
from agent.dispatch.filling import load
from agent.dispatch.judgement import (
    Decision,
    Doubt,
    Expired,
    Interrupted,
    Withdraw,
    judge_answer,
)
from agent.dispatch.skew import SkewWatch
from agent.errors import (
    AgentError,
    AnswerRejected,
    ConfigurationError,
    CryptoError,
    InternalDefect,
    MaybeSent,
    NotSent,
)
from agent.events import Draft, Outcome, Request, Response, Verdict
from agent.faults import crash_point
from agent.hookspecs import ProtocolAdapter
from agent.logs import get_logger
from agent.outbox.model import Head
from agent.transport.base import Transport

log = get_logger("agent.dispatch")


Content = Callable[[int, str], bytes]
"""The file of a submission with a digest. Raises StoreError."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """An adapter and its transport."""

    adapter: ProtocolAdapter
    transport: Transport
    clock: Clock
    stopping: threading.Event
    content: Content | None = None
    """Reads a file that a submission's messages carry; None where none does."""
    skew: SkewWatch = field(default_factory=lambda: SkewWatch(""))

    def deliver(
        self, head: Head, draft: Draft, ids: Mapping[str, str], expired: Callable[[], bool]
    ) -> Decision:
        """Send a claimed message. Expiry and stop are looked at immediately before the first byte."""
        pulse.beat()
        crash_point("dispatch.after_claim")
        with courtesy.turn(at_once=draft.interactive):
            request = self._encoded(head, draft, ids, expired)
            if not isinstance(request, Request):
                return request
            response = self._send(draft, request)
        if not isinstance(response, Response):
            return response
        with courtesy.turn(at_once=draft.interactive):
            return self._judged(head, draft, ids, request, response)

    def _encoded(
        self, head: Head, draft: Draft, ids: Mapping[str, str], expired: Callable[[], bool]
    ) -> Request | Withdraw | Interrupted | Expired:
        try:
            request = self.adapter.encode(self._loaded(head, draft), ids, self.clock.now())
            self.transport.prepare(request.url)
        except ConfigurationError as error:
            return Withdraw(error, halt=True)
        except NotSent as error:
            return Withdraw(error)
        except Exception:  # noqa: BLE001 - a plugin's defect must not stop a lane, and nothing was sent
            return Withdraw(defect("encode", draft.transaction))
        if self.stopping.is_set():
            return Interrupted()
        if expired():
            return Expired()
        return request

    def _loaded(self, head: Head, draft: Draft) -> Draft:
        """With its files; only while it is sealed, since they are large."""
        read = self.content
        return draft if read is None else load(draft, lambda digest: read(head.submission, digest))

    def _send(self, draft: Draft, request: Request) -> Response | Withdraw | Doubt:
        try:
            crash_point("dispatch.before_send")
            response = self.transport.send(request)
            crash_point("dispatch.after_answer")
            self.skew.note(response.headers, self.clock.now())
        except ConfigurationError as error:
            return Withdraw(error, halt=True)
        except NotSent as error:
            return Withdraw(error)
        except MaybeSent as error:
            return Doubt(error.code)
        except Exception:  # noqa: BLE001 - whatever broke, bytes may have left: it has to be inquired
            return Doubt(defect("send", draft.transaction).code)
        return response

    def _judged(
        self, head: Head, draft: Draft, ids: Mapping[str, str], request: Request, response: Response
    ) -> Decision:
        """Bytes have left: nothing that goes wrong from here on may lead to a plain repetition."""
        try:
            return judge_answer(self.adapter.interpret(draft, ids, response), head)
        except (AnswerRejected, CryptoError) as error:
            self.transport.drop(request.url)
            return Doubt(error.code, distrusted=True)
        except Exception:  # noqa: BLE001 - as above
            return Doubt(defect("interpret", draft.transaction).code)

    def ask(self, draft: Draft, ids: Mapping[str, str]) -> Outcome | AgentError:
        """Send a harmless transaction (an inquiry, a probe): its judged answer, or why there is none."""
        pulse.beat()
        try:
            with courtesy.turn(at_once=draft.interactive):
                request = self.adapter.encode(draft, ids, self.clock.now())
                self.transport.prepare(request.url)
                response = self.transport.send(request)
            self.skew.note(response.headers, self.clock.now())
        except (NotSent, MaybeSent, ConfigurationError) as error:
            return error
        except Exception:  # noqa: BLE001 - what was asked about stays undecided
            return defect("ask", draft.transaction)
        try:
            with courtesy.turn(at_once=draft.interactive):
                return self.adapter.interpret(draft, ids, response)
        except (AnswerRejected, CryptoError) as error:
            self.transport.drop(request.url)
            return error
        except Exception:  # noqa: BLE001 - as above
            return defect("ask", draft.transaction)


def answered(result: Outcome | AgentError) -> bool:
    """Whether the endpoint gave a trustworthy answer that says something about what was asked."""
    return isinstance(result, Outcome) and result.verdict in {
        Verdict.ACCEPTED,
        Verdict.PARTIAL,
        Verdict.REJECTED,
    }


def defect(where: str, transaction: str) -> InternalDefect:
    """Log the exception being handled; the error stands for it."""
    log.exception("defect in an exchange", where=where, transaction=transaction)
    return InternalDefect("程序内部错误", hint="请将日志交给开发商", details={"where": where})
