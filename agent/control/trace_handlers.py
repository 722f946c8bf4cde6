"""The trace verb: which settled visits still owe their trace codes, and since when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING

from agent.clock import BEIJING
from agent.errors import ControlError

if TYPE_CHECKING:
    from agent.clock import Clock
    from agent.events import Debt, JsonObject
    from agent.hookspecs import ProtocolAdapter
    from agent.outbox.base import Outbox


class TraceHandlers:
    """``adapter_of`` finds the adapter of one of ``systems``; None where it is not configured."""

    def __init__(
        self,
        outbox: Outbox,
        adapter_of: Callable[[str], ProtocolAdapter | None],
        systems: tuple[str, ...],
        clock: Clock,
    ) -> None:
        self._outbox = outbox
        self._adapter_of = adapter_of
        self._systems = systems
        self._clock = clock

    def handlers(self) -> Mapping[str, Callable[[JsonObject], JsonObject]]:
        return {"trace.owed": self.owed}

    def owed(self, args: JsonObject) -> JsonObject:
        """Oldest first."""
        chosen = [args["system"]] if args["system"] else list(self._systems)
        today = self._clock.now().astimezone(BEIJING).date()
        found = [_debt(name, debt, today) for name in chosen for debt in self._debts(name)]
        return {"owed": sorted(found, key=lambda item: (-item["days"], item["system"], item["visit"]))}

    def _debts(self, name: str) -> tuple[Debt, ...]:
        adapter = self._adapter_of(name)
        if adapter is None:
            raise ControlError(
                f"没有配置系统 {name}",
                hint="用 his-agent status 查看已配置的系统",
                details={"code": "not_found"},
            )
        with self._outbox.write() as tx:
            return adapter.debts(tx.history(name))


def _debt(system: str, debt: Debt, today: date) -> JsonObject:
    since = date(int(debt.since[:4]), int(debt.since[4:6]), int(debt.since[6:8]))
    return {
        "system": system,
        "lane": debt.lane,
        "visit": debt.visit,
        "own": debt.own,
        "since": since.isoformat(),
        "days": (today - since).days,
        "items": list(debt.items),
    }
