"""The other side of each protocol, for the conformance runner: opens requests, builds answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from agent.events import Draft, Json, Request, Response
from agent.hookspecs import ProtocolAdapter


class Opened(NamedTuple):
    """A request without its envelope."""

    transaction: str
    data: Json


class Peer(Protocol):
    """One per protocol. ``open`` asserts everything about the envelope itself."""

    def adapter(self) -> ProtocolAdapter: ...

    def serials(self, draft: Draft) -> Mapping[str, int]:
        """A number for every series of the draft."""
        ...

    def open(self, request: Request, now: datetime) -> Opened: ...

    def answer(self, told: dict[str, Any]) -> Response: ...


def peer_of(protocol: str) -> Peer:
    from tests.conformance.jiangxi_peer import JiangxiPeer
    from tests.conformance.ministry_peer import MinistryPeer
    from tests.conformance.scanpay_peer import ScanpayPeer

    peers: dict[str, type[Peer]] = {"jiangxi": JiangxiPeer, "ministry": MinistryPeer, "scanpay": ScanpayPeer}
    return peers[protocol]()
