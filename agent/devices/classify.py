"""What a code is: one ordered table of rules, the site's own before the agent's. Pure.

A rule is a pattern that the whole text must match, or a form that a pattern cannot say: ``gs1`` (a
GTIN with its check digit and at least one more element) and ``ean13`` (thirteen digits, the last
one right). The first rule that fits names the kind; further kinds that fit too are kept, since a
submission that waits for one of them knows better than the order of a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from agent.config.patterns import MOST_CHARACTERS, SEARCHES_LONG, searches_too_long
from agent.devices import gs1
from agent.devices.aim import Symbology, split_identifier
from agent.devices.text import GS, code_text
from agent.errors import ConfigurationError

ECREDENTIAL: Final = "ecredential"
"""医保电子凭证."""
ESSCARD: Final = "esscard"
"""电子社会保障卡."""
TRACECODE: Final = "tracecode"
"""药品追溯码."""
EAN13: Final = "ean13"
"""商品码: names a product, never a box of it."""
UNKNOWN: Final = "unknown"

_DRUG_DIGITS: Final = 7
"""药品标识码: the first characters of a 20-character trace code (国家药监局)."""


class Form(StrEnum):
    GS1 = "gs1"
    EAN13 = "ean13"


@dataclass(frozen=True, slots=True)
class Rule:
    """``pattern`` or ``form``. ``symbologies`` (``Q1``, ``C0``) are AIM identifiers of which the scanner
    must have sent one; without them a pattern passes over codes that the scanner calls GS1."""

    kind: str
    pattern: re.Pattern[str] | None = None
    form: Form | None = None
    symbologies: frozenset[str] = frozenset()

    def fits(self, text: str, symbology: Symbology, elements: Mapping[str, str]) -> bool:
        if self.symbologies and symbology.identifier not in self.symbologies:
            return False
        if self.form is Form.GS1:
            return _trade_item(elements, symbology)
        if symbology.gs1 and not self.symbologies:
            return False
        if self.form is Form.EAN13:
            return len(text) == 13 and gs1.has_check_digit(text)
        if self.pattern is None or len(text) > MOST_CHARACTERS:
            return False
        return self.pattern.fullmatch(text) is not None


def _rule(kind: str, pattern: str) -> Rule:
    return Rule(kind, re.compile(pattern, re.ASCII))


DEFAULT_RULES: Final = (
    Rule(TRACECODE, form=Form.GS1),
    _rule(ECREDENTIAL, r"\d{28}"),
    _rule(ESSCARD, r"[0-9A-Za-z]{22}"),
    _rule(TRACECODE, r"(?!.*://)[!-~]{20}"),
    _rule(TRACECODE, r"MA\.[!-~]{4,96}"),
    Rule(EAN13, form=Form.EAN13),
)


@dataclass(frozen=True, slots=True)
class CodeTable:
    """How a site's codes are read. ``prefixes`` and ``suffixes`` are what its scanners add."""

    rules: tuple[Rule, ...] = DEFAULT_RULES
    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Code:
    """A code as the agent understands it.

    ``text`` is whole: without symbology identifier and what the scanner adds, with its group
    separators. ``kinds`` are all that fit, ``kind`` the first. ``drug`` is what tells the medicine:
    the 药品标识码 of a 20-character code or the GTIN of a GS1 code, empty for others.
    """

    kinds: tuple[str, ...]
    text: str = field(repr=False)
    symbology: str = ""
    elements: Mapping[str, str] = field(default_factory=dict, repr=False)
    drug: str = field(default="", repr=False)

    @property
    def kind(self) -> str:
        return self.kinds[0]

    @property
    def without_separators(self) -> str:
        """As a keyboard-wedge scanner would have typed it, for systems that take no control characters."""
        return self.text.replace(GS, "")

    @property
    def identity(self) -> str:
        """Equal for two scans of one box: GTIN and serial number where the code has them."""
        if gs1.GTIN in self.elements and gs1.SERIAL in self.elements:
            return f"{gs1.GTIN}{self.elements[gs1.GTIN]}{gs1.SERIAL}{self.elements[gs1.SERIAL]}"
        return self.without_separators


def classify(raw: bytes, table: CodeTable) -> Code:
    """What ``raw``, one framed code, is. Raises nothing, whatever it holds."""
    symbology, text = split_identifier(code_text(raw, table.prefixes, table.suffixes))
    text = text.strip(GS) or text
    elements = gs1.elements(text) or {}
    fitting = (rule.kind for rule in table.rules if rule.fits(text, symbology, elements))
    kinds = tuple(dict.fromkeys(fitting)) or (UNKNOWN,)
    named = elements if _trade_item(elements, symbology) else {}
    return Code(kinds, text, symbology.identifier, named, _drug(text, named))


def rules_from(
    rows: Sequence[Mapping[str, object]], after: Iterable[Rule] = DEFAULT_RULES
) -> tuple[Rule, ...]:
    """The table of a configuration: its rows, then those of ``after``. Raises ConfigurationError.

    A row is ``{kind = "invoice", pattern = 'FP\\d{12}'}``, with ``form`` in place of ``pattern``
    and ``symbologies`` where wanted.
    """
    return (*(_rule_from(row, number) for number, row in enumerate(rows, start=1)), *after)


def _rule_from(row: Mapping[str, object], number: int) -> Rule:
    kind, pattern, form = row.get("kind"), row.get("pattern"), row.get("form")
    symbologies = row.get("symbologies", ())
    if unknown := row.keys() - {"kind", "pattern", "form", "symbologies"}:
        raise _refused(number, f"不认识的设置 {'、'.join(sorted(unknown))}")
    if not isinstance(kind, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", kind):
        raise _refused(number, "kind 要用小写英文字母、数字和下划线")
    if (pattern is None) == (form is None):
        raise _refused(number, "pattern 和 form 要写且只能写一个")
    if not isinstance(symbologies, list | tuple) or not all(isinstance(each, str) for each in symbologies):
        raise _refused(number, 'symbologies 是 AIM 标识的列表，例如 ["Q1", "C0"]')
    names = frozenset(each.removeprefix("]") for each in symbologies)
    if form is not None:
        return Rule(kind, form=_form(form, number), symbologies=names)
    return Rule(kind, _pattern(pattern, number), symbologies=names)


def _form(form: object, number: int) -> Form:
    try:
        return Form(str(form))
    except ValueError:
        raise _refused(number, "form 只能是 gs1 或 ean13") from None


def _pattern(pattern: object, number: int) -> re.Pattern[str]:
    try:
        compiled = re.compile(str(pattern), re.ASCII)
    except re.error:
        raise _refused(number, "pattern 不是有效的正则表达式") from None
    if compiled.fullmatch(""):
        raise _refused(number, "pattern 连空的码也匹配")
    if searches_too_long(str(pattern)):
        raise _refused(number, f"pattern {SEARCHES_LONG}")
    return compiled


def _refused(number: int, why: str) -> ConfigurationError:
    return ConfigurationError(f"码型表第 {number} 行有误：{why}", hint="请参照 docs/devices.md 修改配置")


def _trade_item(elements: Mapping[str, str], symbology: Symbology) -> bool:
    """A scanner that says GS1 is believed; without its word the check digit and a second element speak."""
    gtin = elements.get(gs1.GTIN)
    if gtin is None:
        return False
    if symbology.gs1:
        return True
    return not symbology.identifier and gs1.has_check_digit(gtin) and len(elements) > 1


def _drug(text: str, elements: Mapping[str, str]) -> str:
    if gs1.GTIN in elements:
        return elements[gs1.GTIN]
    return text[:_DRUG_DIGITS] if re.fullmatch(r"[!-~]{20}", text) else ""
