"""One exchange with one endpoint, through one adapter: a draft goes out, a judgement comes back.

Nothing here touches the outbox. Whatever goes wrong is told apart by one question: may bytes have
left this machine?
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agent.clock import Clock
from agent.dispatch.judgement import (
    Decision,
    Doubt,
    Expired,
    Interrupted,
    Withdraw,
    judge_answer,
)
from agent.errors import AgentError, AnswerRejected, ConfigurationError, CryptoError, MaybeSent, NotSent
from agent.events import Draft, Outcome, Request, Verdict
from agent.faults import crash_point
from agent.hookspecs import ProtocolAdapter
from agent.logs import get_logger
from agent.outbox.model import Head
from agent.transport.base import Transport

log = get_logger("agent.dispatch")


@dataclass(frozen=True, slots=True)
class Exchange:
    """An adapter and its transport."""

    adapter: ProtocolAdapter
    transport: Transport
    clock: Clock
    stopping: threading.Event

    def deliver(
        self, head: Head, draft: Draft, ids: Mapping[str, str], expired: Callable[[], bool]
    ) -> Decision:
        """Send a claimed message. Expiry and stop are looked at immediately before the first byte."""
        crash_point("dispatch.after_claim")
        try:
            request = self.adapter.encode(draft, ids, self.clock.now())
            self.transport.prepare(request.url)
        except ConfigurationError as error:
            return Withdraw(error, halt=True)
        except NotSent as error:
            return Withdraw(error)
        except Exception:  # noqa: BLE001 - a plugin's defect must not stop a lane, and nothing was sent
            return Withdraw(_defect("encode", head.transaction))
        if self.stopping.is_set():
            return Interrupted()
        if expired():
            return Expired()
        return self._send(head, draft, ids, request)

    def _send(self, head: Head, draft: Draft, ids: Mapping[str, str], request: Request) -> Decision:
        try:
            crash_point("dispatch.before_send")
            response = self.transport.send(request)
            crash_point("dispatch.after_answer")
            return judge_answer(self.adapter.interpret(draft, ids, response), head)
        except NotSent as error:
            return Withdraw(error)
        except MaybeSent as error:
            return Doubt(error.code)
        except (AnswerRejected, CryptoError) as error:
            self.transport.drop(request.url)
            return Doubt(error.code, distrusted=True)
        except Exception:  # noqa: BLE001 - whatever broke, bytes may have left: it has to be inquired
            return Doubt(_defect("interpret", head.transaction).code)

    def ask(self, draft: Draft, ids: Mapping[str, str]) -> Outcome | AgentError:
        """Send a harmless transaction (an inquiry, a probe): its judged answer, or why there is none."""
        try:
            request = self.adapter.encode(draft, ids, self.clock.now())
            self.transport.prepare(request.url)
            return self.adapter.interpret(draft, ids, self.transport.send(request))
        except (NotSent, MaybeSent, AnswerRejected, CryptoError, ConfigurationError) as error:
            return error
        except Exception:  # noqa: BLE001 - as above; what was asked about stays undecided
            return _defect("ask", draft.transaction)


def answered(result: Outcome | AgentError) -> bool:
    """Whether the endpoint gave a trustworthy answer that says something about what was asked."""
    return isinstance(result, Outcome) and result.verdict in {
        Verdict.ACCEPTED,
        Verdict.PARTIAL,
        Verdict.REJECTED,
    }


class InternalDefect(AgentError):
    """Our own code, or a plugin's, failed where it must not; the log has the traceback."""

    code = "internal_defect"


def _defect(where: str, transaction: str) -> InternalDefect:
    log.exception("defect in an exchange", where=where, transaction=transaction)
    return InternalDefect("程序内部错误", hint="请将日志交给开发商", details={"where": where})
