"""The waiting room and its devices, built from configuration and joined."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from agent.devices.building import code_tables
from agent.intake.stored import Stored
from agent.waiting.feedback import Feedback
from agent.waiting.room import Speaker, WaitingRoom
from agent.waiting.stations import Stations

if TYPE_CHECKING:
    from agent.clock import Clock
    from agent.config.model import AgentConfig
    from agent.lifetimes import Lifetimes
    from agent.outbox.base import Outbox


def build_waiting(
    config: AgentConfig,
    speakers: Mapping[str, Speaker],
    outbox: Outbox,
    lifetimes: Lifetimes,
    clock: Clock,
    stopping: threading.Event,
    stored: Stored,
    ended: Callable[[], None],
) -> tuple[WaitingRoom, Stations]:
    """``stored`` is told what was committed, ``ended`` that something waited too long. Nothing is opened yet.
    Raises ConfigurationError."""
    feedback = Feedback(clock.now())
    stations = Stations(config.devices, config.scans, feedback, clock, stopping)
    room = WaitingRoom(
        outbox=outbox,
        speakers=speakers,
        tables=code_tables(config.devices),
        unasked=config.devices.unasked,
        scans=config.scans,
        lifetimes=lifetimes,
        clock=clock,
        stopping=stopping,
        stored=stored,
        ended=ended,
        feedback=feedback,
        cards=stations,
    )
    stations.join(room.deliver, room.authenticates)
    return room, stations
