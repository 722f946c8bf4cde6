"""Wire ids, and harmless questions that draw their own: inquiries, probes, the connection check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from agent.clock import BEIJING, Clock
from agent.dispatch.exchange import Exchange, defect
from agent.errors import AgentError
from agent.events import Draft, Draw, Outcome
from agent.hookspecs import ProtocolAdapter
from agent.numbers import Numbers
from agent.outbox.base import Outbox, Transaction


def wire_ids(
    adapter: ProtocolAdapter, numbers: Numbers, draft: Draft, now: datetime, tx: Transaction
) -> Mapping[str, str]:
    """Fresh wire ids for one attempt, reserved on disk.

    Raises SerialsExhausted, ConfigurationError or StoreError; InternalDefect when the plugin fails.
    """
    try:
        serials = {series.name: numbers.draw(series, now.date(), tx) for series in adapter.series(draft)}
        return adapter.stamp(draft, serials, now)
    except AgentError:
        raise
    except Exception as error:
        raise defect("stamp", draft.transaction) from error


def draw_number(numbers: Numbers, draw: Draw, now: datetime, tx: Transaction) -> str:
    """A number of ours for the business data, reserved on disk. Raises as :func:`wire_ids`."""
    day = now.astimezone(BEIJING).date()
    return draw.form.format(day=day, serial=numbers.draw(draw.series, day, tx))


@dataclass(frozen=True, slots=True)
class Asker:
    """Sends harmless transactions outside any queue."""

    exchange: Exchange
    numbers: Numbers
    outbox: Outbox
    clock: Clock

    def ask(self, draft: Draft) -> Outcome | AgentError:
        """The judged answer, or why there is none."""
        try:
            with self.outbox.write(urgent=True) as tx:
                ids = wire_ids(self.exchange.adapter, self.numbers, draft, self.clock.now(), tx)
        except AgentError as error:
            return error
        return self.exchange.ask(draft, ids)
