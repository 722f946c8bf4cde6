"""``[systems.<name>.listener]``: where a system may call, and who."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any, Final

from agent.config.model import ListenerConfig
from agent.config.values import Problem

_LAST_PORT: Final = 65535


def listener_of(place: str, settings: Mapping[str, Any], problems: list[Problem]) -> ListenerConfig | None:
    """None without an address, or when something is wrong with it (``problems``)."""
    address = settings["address"]
    if not address:
        return None
    host, _, port = address.rpartition(":")
    before = len(problems)
    if int(port) > _LAST_PORT:
        problems.append(Problem(f"{place}.address", f"端口应为 0–{_LAST_PORT}"))
    if not settings["peers"]:
        problems.append(Problem(f"{place}.peers", "应写明允许连接的地址或网段，如 10.1.2.3"))
    for peer in settings["peers"]:
        if not _is_network(peer):
            problems.append(Problem(f"{place}.peers", "应为 IP 地址或网段，如 10.1.0.0/24"))
    if len(problems) > before:
        return None
    return ListenerConfig(
        host.strip("[]"), int(port), settings["path"], tuple(settings["peers"]), settings["max_kb"]
    )


def _is_network(text: object) -> bool:
    try:
        ip_network(str(text), strict=False)
    except ValueError:
        return False
    return True
