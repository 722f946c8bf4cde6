"""GYU000 连通性测试."""

from __future__ import annotations

from agent.events import JsonObject
from plugins.ministry.simulator.transactions.base import Context, Reply, success


def answer(context: Context, data: JsonObject) -> Reply:
    """Whoever gets here has the right keys: that is all the transaction says. It has no fields."""
    return Reply(success())
