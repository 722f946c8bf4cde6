"""Refusals: an RE code, and the official text that goes with it.

A rule is a pure function of a case that answers a :class:`Refusal` or None. A *guard* is a rule of
the document that keeps something from taking effect twice; ``guards=off`` leaves the guards out, so
that the ledger shows what an agent relying on them would have done twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

SUCCESS = "RE0000"
BAD_PARAMETER = "RE1107"
"""参数异常: what is wrong where the document has no code of its own."""

_BLANKS = ("XXX", "aae002（月结年月）", "X")
"""What a template says where something is to be filled in (M86)."""

_Case = TypeVar("_Case")


class Refusal(NamedTuple):
    """``fill`` replaces the X of a template (M86); ``detail`` follows a text that says too little."""

    code: str
    fill: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Guard(Generic[_Case]):
    """A rule that keeps something from taking effect twice."""

    rule: Callable[[_Case], Refusal | None]

    def __call__(self, case: _Case) -> Refusal | None:
        return self.rule(case)


def first_refusal(
    rules: Iterable[Callable[[_Case], Refusal | None]], case: _Case, guarded: bool
) -> Refusal | None:
    """The first rule's refusal in the document's order; guards count only when ``guarded``."""
    for rule in rules:
        if guarded or not isinstance(rule, Guard):
            refusal = rule(case)
            if refusal:
                return refusal
    return None


def message(refusal: Refusal | None, texts: Mapping[str, str]) -> str:
    """The text to send: the official one with its template filled in, "" for success."""
    if refusal is None:
        return ""
    text = texts.get(refusal.code, "")
    for blank in _BLANKS:
        if refusal.fill and blank in text:
            text = text.replace(blank, refusal.fill, 1)
            break
    return f"{text}：{refusal.detail}" if refusal.detail else text
