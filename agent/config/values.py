"""Checks one configured value against what its setting declares. Values never appear in the text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

Kind: TypeAlias = Literal["text", "integer", "number", "boolean", "url", "choice", "list", "path"]

KIND_NAMES: Final = {
    "text": "文本（用引号括起）",
    "integer": "整数",
    "number": "数字",
    "boolean": " true 或 false",
    "url": " http:// 或 https:// 开头的地址",
    "choice": "下列之一",
    "list": '文本的列表 ["…", …]',
    "path": "路径（用单引号括起）",
}
_KEY_MATERIAL = re.compile(r"-----BEGIN|^[A-Za-z0-9+/]{140,}={0,2}$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a configuration file: where, and what was expected there (Chinese)."""

    key: str
    expected: str

    def __str__(self) -> str:
        return f"{self.key}：{self.expected}"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a value must keep to beyond its kind; numbers are inclusive bounds."""

    choices: Sequence[str] = ()
    pattern: str = ""
    minimum: float | None = None
    maximum: float | None = None


def expectation(kind: str, value: Any, limits: Limits) -> str:
    """What was expected instead of ``value`` (Chinese), or "" when it is fine."""
    if _holds_key_material(value):
        return "这里像是密钥内容；密钥不能写在配置文件里，请用 his-agent keys import 导入"
    if not _is_of_kind(kind, value):
        return f"应为{KIND_NAMES[kind]}{_listed(limits.choices)}"
    if limits.choices and not _within(value, limits.choices):
        return f"应为下列之一{_listed(limits.choices)}"
    if limits.pattern and not re.fullmatch(limits.pattern, value):
        return f"格式应符合 {limits.pattern}"
    return _outside(value, limits) if kind in {"integer", "number"} else ""


def _listed(choices: Sequence[str]) -> str:
    return f"：{'、'.join(choices)}" if choices else ""


def _within(value: Any, choices: Sequence[str]) -> bool:
    given = value if isinstance(value, list) else [value]
    return all(item in choices for item in given)


def _is_of_kind(kind: str, value: Any) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "list":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if kind == "url":
        return isinstance(value, str) and (not value or _is_url(value))
    return isinstance(value, str) and "\0" not in value


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        usable = parts.port is None or parts.port > 0
    except ValueError:
        return False
    blank = any(character.isspace() for character in text)
    return usable and not blank and parts.scheme in {"http", "https"} and bool(parts.hostname)


def _outside(value: float, limits: Limits) -> str:
    low, high = limits.minimum, limits.maximum
    if (low is None or value >= low) and (high is None or value <= high):
        return ""
    if low is not None and high is not None:
        return f"应在 {low:g} 到 {high:g} 之间"
    return f"应不小于 {low:g}" if low is not None else f"应不大于 {high:g}"


def _holds_key_material(value: Any) -> bool:
    if isinstance(value, list):
        return any(_holds_key_material(item) for item in value)
    return isinstance(value, str) and bool(_KEY_MATERIAL.search(value))
