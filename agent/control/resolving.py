"""What a message yields that a person knows to be accepted: its protocol reads what the person gave."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent.errors import ControlError
from agent.events import Draft, JsonObject, Outcome, Verdict
from agent.hookspecs import ProtocolAdapter
from agent.logs import get_logger
from agent.outbox.base import Resolved

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
