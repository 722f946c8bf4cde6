"""Checks of what becomes of codes and cards that nobody waits for: whether the transaction takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from agent.checks.model import Finding, Level
from agent.errors import SubmissionInvalid
from agent.events import Submission, Wait

if TYPE_CHECKING:
    from datetime import datetime

    from agent.config.device_model import UnaskedConfig
    from agent.hookspecs import ProtocolAdapter


def check_unasked(
    configured: Iterable[UnaskedConfig], adapters: Mapping[str, ProtocolAdapter], now: datetime
) -> Iterator[Finding]:
    """One error for each that would refuse every scan."""
    for one in configured:
        sample = Submission(
            system=one.system,
            transaction=one.transaction,
            id="SCAN",
            data=dict(one.data),
            occurred_at=now,
            wait=Wait(one.kind, "", 1),
        )
        try:
            adapters[one.system].awaited(sample, None)
        except SubmissionInvalid as error:
            yield Finding(
                "unasked",
                Level.ERROR,
                f"unasked.{one.name}",
                f"{one.transaction} 不能这样办理扫到的 {one.kind}：{error.faults[0].message}",
                "请核对 kind、transaction 和 data；各交易可以等什么见 docs/his-contract.md",
            )
