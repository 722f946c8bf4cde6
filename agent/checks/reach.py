"""Whether the platforms can be reached at all, for a check without the daemon: no transaction is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from agent.checks.model import Finding, Level
from agent.errors import AgentError, MaybeSent
from agent.transport.session import WebSession

if TYPE_CHECKING:
    from agent.config.model import SystemConfig
    from agent.hookspecs import ProtocolSpec
    from agent.transport.base import TransportSettings


def check_reach(
    system: SystemConfig, protocol: ProtocolSpec, settings: TransportSettings
) -> Iterator[Finding]:
    """One finding for each address of a system. Any answer at all shows that the way is open."""
    asked = [one.name for one in protocol.options if one.kind == "url" and not one.inbound]
    with WebSession(settings) as web:
        for name in filter(system.options.get, asked):
            yield _reached(web, f"{system.name}.{name}", str(system.options[name]))


def _reached(web: WebSession, subject: str, url: str) -> Finding:
    try:
        answer = web.request("GET", url)
    except MaybeSent:
        message = "已连上，但没有得到 HTTP 应答"
        hint = "请确认地址应为 http:// 还是 https://、端口是否正确，以及中间的代理设置"
        return Finding("reach", Level.ERROR, subject, message, hint)
    except AgentError as error:
        return Finding("reach", Level.ERROR, subject, error.message, error.hint)
    return Finding(
        "reach", Level.OK, subject, f"网络可达（HTTP {answer.status}）；交易连通由代理程序运行时测试"
    )
