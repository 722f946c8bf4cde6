"""The settings of downloads: in which roles, how often, and that nobody else confirms.

What GYU008 confirms nobody with the same access key gets again: another workstation, the province's own
system. So the agent downloads nothing before it is told that it alone does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from agent.errors import ConfigurationError
from agent.hookspecs import Option
from agent.protocol.settings import Chosen
from plugins.ministry.referred import MODES

_EVERY: Final = re.compile(r"(GYD\d{3})=(\d{1,5})")
_MOST_MIN: Final = 31 * 24 * 60
_LEAST_MIN: Final = 5
_NEEDS_STAY: Final = "GYD102"

OWNING_OPTIONS: Final = (
    Option(
        name="download_roles",
        kind="list",
        about="本机以什么身份下载（GYD001、GYD101 等）：insured 参保省、treating 就医省，可两者都填；"
        "不填则不下载，HIS 自己提交的下载只给应答，由 HIS 自己反馈（GYU008）",
        default=[],
        example='["insured"]',
    ),
    Option(
        name="download_sole_owner",
        kind="boolean",
        about="确认同一 access_key 下只有本机下载和反馈。增量数据一经反馈，其他机器、其他系统就再也下载不到，"
        "所以同一 access_key 只能有一台机器填 true",
        default=False,
    ),
    Option(
        name="download_every",
        kind="list",
        about="各下载交易多少分钟一次，格式 交易=分钟；0 表示不定时。文档建议每 30 分钟的（GYD001、GYD006）"
        "不填也按 30，其余不填就只按需下载；GYD102 随 GYD101、GYD401 自动下载，不在此列",
        default=[],
        example='["GYD101=60", "GYD103=60"]',
    ),
    Option(
        name="download_attachments",
        kind="boolean",
        about="下载的信息带有附件时，是否自动下载全部附件（GYD054）；否则按需下载",
        default=False,
    ),
)


@dataclass(frozen=True, slots=True)
class Owning:
    """``roles`` is empty when the agent owns no downloads; ``every_min`` minutes by transaction."""

    roles: tuple[str, ...] = ()
    every_min: Mapping[str, int] = field(default_factory=dict)
    attachments: bool = False


def read_owning(chosen: Chosen) -> Owning:
    """Raises ConfigurationError naming the setting."""
    roles = tuple(dict.fromkeys(chosen.texts("download_roles")))
    if not set(roles) <= MODES.keys():
        raise chosen.wrong("download_roles", "只能填 insured（参保省）、treating（就医省）")
    sole, attachments = (_flag(chosen, name) for name in ("download_sole_owner", "download_attachments"))
    if roles and not sole:
        raise _not_alone(chosen)
    return Owning(roles, _every_min(chosen), attachments)


def _not_alone(chosen: Chosen) -> ConfigurationError:
    return ConfigurationError(
        f"{chosen.title}配置了 download_roles，但没有确认同一 access_key 下只有本机下载",
        hint="下载的信息一经反馈（GYU008），平台就不再提供给同一 access_key 下的其他机器或系统。"
        "请先停掉其他下载，再在这一台机器上填 download_sole_owner = true；其他机器不要填 download_roles",
        details={"system": chosen.system, "setting": "download_sole_owner"},
    )


def _flag(chosen: Chosen, name: str) -> bool:
    value = chosen.values[name]
    if not isinstance(value, bool):
        raise chosen.wrong(name, "应为 true 或 false")
    return value


def _every_min(chosen: Chosen) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for text in chosen.texts("download_every"):
        match = _EVERY.fullmatch(text)
        minutes = int(match[2]) if match else -1
        if match is None or not (minutes == 0 or _LEAST_MIN <= minutes <= _MOST_MIN):
            raise chosen.wrong("download_every", "每项应为 交易=分钟，分钟为 0 或 5 至 44640，例如 GYD101=60")
        if match[1] == _NEEDS_STAY:
            raise chosen.wrong("download_every", "GYD102 随 GYD101、GYD401 自动下载，不能定时")
        found[match[1]] = minutes
    return found
