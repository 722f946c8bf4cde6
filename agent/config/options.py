"""Checks a system's own options against what its protocol declares (``ProtocolSpec.options``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agent.config.tables import unknown
from agent.config.values import Limits, Problem, expectation

if TYPE_CHECKING:
    from agent.hookspecs import Option


def complete_options(
    place: str, raw: Mapping[str, Any], options: Sequence[Option]
) -> tuple[dict[str, Any], list[Problem]]:
    """The options with their defaults, and every problem; ``place`` is the table's key path."""
    known = {option.name: option for option in options}
    problems = [Problem(f"{place}.{key}", unknown(key, tuple(known))) for key in raw if key not in known]
    values = {}
    for option in options:
        expected = _expected(option, raw)
        if expected:
            problems.append(Problem(f"{place}.{option.name}", expected))
        else:
            values[option.name] = raw.get(option.name, option.default)
    return values, problems


def _expected(option: Option, raw: Mapping[str, Any]) -> str:
    if option.name not in raw:
        return f"必须填写：{option.about}" if option.required else ""
    value = raw[option.name]
    if not option.required and value == option.default:
        return ""
    if option.required and value in ("", []):
        return f"不能为空：{option.about}"
    expected = expectation(option.kind, value, Limits(option.choices, option.pattern))
    return f"{expected}，例如 {option.example}" if expected and option.example else expected
