"""What a person's decision and a HIS's receipt yield: the protocol is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent.errors import ControlError
from agent.events import Draft, History, JsonObject, Outcome, Verdict
from agent.hookspecs import ProtocolAdapter
from agent.logs import get_logger
from agent.outbox.base import Acknowledged, Resolved

log = get_logger("agent.control")


def resolved_by(adapter_of: Callable[[str], ProtocolAdapter | None]) -> Resolved:
    """``adapter_of`` finds a system's adapter; None: it is not configured any more.

    A plugin that fails, or is not there, costs the facts of one message, never the person's decision;
    only a protocol that says what is missing (ControlError) refuses one.
    """

    def resolved(system: str, draft: Draft, ids: Mapping[str, str], data: JsonObject) -> Outcome:
        adapter = adapter_of(system)
        plain = Outcome(Verdict.ACCEPTED, data=data)
        if adapter is None:
            log.warning("resolved without its protocol", system=system, transaction=draft.transaction)
            return plain
        try:
            return adapter.resolved(draft, ids, data)
        except ControlError:
            raise
        except Exception:
            log.exception("defect while a decision was read", system=system, transaction=draft.transaction)
            return plain

    return resolved


def acknowledged_by(adapter_of: Callable[[str], ProtocolAdapter | None]) -> Acknowledged:
    """As above, but a plugin that fails refuses the receipt: a HIS that was told it counts would find its
    payment cancelled for want of it."""

    def acknowledged(system: str, draft: Draft, data: JsonObject, history: History) -> Outcome:
        adapter = adapter_of(system)
        if adapter is None:
            return Outcome(Verdict.ACCEPTED)
        try:
            return adapter.acknowledged(draft, data, history)
        except ControlError:
            raise
        except Exception:
            log.exception("defect while a receipt was read", system=system, transaction=draft.transaction)
            raise ControlError(
                "回执没有记下：程序内部错误",
                hint="请稍后重新放入回执；仍不成功时把日志交给开发商",
                details={"code": "not_possible"},
            ) from None

    return acknowledged
