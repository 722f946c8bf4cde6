"""Reads the settings of a system from its section of the configuration, each fault by its name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from agent.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Chosen:
    """The settings of ``system`` (titled ``title``), defaults filled in. Every reader raises
    ConfigurationError naming the setting."""

    system: str
    title: str
    values: Mapping[str, Any] = field(repr=False)

    def matching(self, name: str, pattern: str, demand: str) -> str:
        """A text of a form; ``demand`` says which, in Chinese."""
        value = self.values[name]
        if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
            raise self.wrong(name, demand)
        return value

    def url(self, name: str) -> str:
        value = self.values[name]
        parts = urlsplit(value) if isinstance(value, str) else None
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            raise self.wrong(name, "应为 http:// 或 https:// 开头的完整地址")
        return parts.geturl()

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.values[name]
        if not isinstance(value, list | tuple) or not all(isinstance(text, str) and text for text in value):
            raise self.wrong(name, "应为字符串数组")
        return tuple(value)

    def whole(self, name: str) -> int:
        """A whole number of 0 or more."""
        value = self.values[name]
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.wrong(name, "应为不小于 0 的整数")
        return value

    def rules(self, name: str, known: Set[str]) -> frozenset[str]:
        """Names of rules that are not to be checked."""
        names = frozenset(self.texts(name))
        unknown = sorted(names - known)
        if unknown:
            raise self.wrong(name, f"没有规则 {'、'.join(unknown)}")
        return names

    def wrong(self, name: str, demand: str) -> ConfigurationError:
        return ConfigurationError(
            f"{self.title}配置项 {name} 有误：{demand}",
            hint=f"请在配置文件中修改该系统的 {name} 后重新启动",
            details={"system": self.system, "setting": name},
        )
