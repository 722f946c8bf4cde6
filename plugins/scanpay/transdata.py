"""The XML of the business data, both ways (document, 1.1.3, 4.4, 4.5), in the catalog's shape.

A list is an element of ``<row>`` elements. What is read has no DTD, no entities, a bounded size, depth and
number of elements; nothing outside it is ever fetched. An object may also come as XML text within its
element, and within itself once more (``<orderdata><orderdata>…``), as "xml 格式" can be understood.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.etree.ElementTree import ParseError
from xml.sax.saxutils import escape

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from agent.catalog.model import FieldSpec
from agent.errors import AnswerRejected
from agent.events import Json, JsonObject
from agent.protocol.matching import answer_refused
from agent.protocol.values import text_of

ROOT: Final = "transdata"
ROW: Final = "row"
MOST_CHARACTERS: Final = 20 * 1024 * 1024
MOST_DEPTH: Final = 16
MOST_ELEMENTS: Final = 60_000
"""An order of a thousand items has half as many."""
_MOST_TAGS: Final = 2 * MOST_ELEMENTS + 1_000
"""Counted before anything is parsed: opened, closed, and some comments."""
_LONG_TAG: Final = re.compile(r"<(?!!\[CDATA\[)[^<>]{2048}")
"""The document's elements have no attributes at all; a parser spends seconds on a million of them."""


def write(fields: Sequence[FieldSpec], data: JsonObject) -> str:
    """The business data of a request: every field in the document's order; nothing is left out but
    optional objects and lists that are empty."""
    return f"<{ROOT}>{_written(fields, data)}</{ROOT}>"


def _written(fields: Sequence[FieldSpec], data: JsonObject) -> str:
    return "".join(_element(spec, data.get(spec.code)) for spec in fields)


def _element(spec: FieldSpec, value: Json) -> str:
    code = spec.code
    if spec.kind == "object":
        inner = _written(spec.children, value) if isinstance(value, dict) else ""
        return f"<{code}>{inner}</{code}>" if inner else ""
    if spec.kind == "list":
        rows = value if isinstance(value, list) else []
        written = "".join(f"<{ROW}>{_written(spec.children, row)}</{ROW}>" for row in rows)
        return f"<{code}>{written}</{code}>" if rows else ""
    return f"<{code}>{escape(text_of(value))}</{code}>"


def read(text: str, fields: Sequence[FieldSpec]) -> JsonObject:
    """The business data of an answer under the catalog's codes; what the catalog does not know keeps its
    name in lower case. Raises AnswerRejected."""
    tree = parse(text)
    inner = tree.get(ROOT) if isinstance(tree, dict) else None
    return _shaped(inner if isinstance(inner, dict) else {}, fields)


def parse(text: str) -> JsonObject:
    """One element as ``{name: value}``; a value is a text, an object or a list of rows. Raises
    AnswerRejected."""
    if len(text) > MOST_CHARACTERS or text.count("<") > _MOST_TAGS or _LONG_TAG.search(text):
        raise answer_refused("平台返回的 XML 过大", "xml too large")
    target = _Target()
    parser = DefusedXMLParser(target=target, forbid_dtd=True)
    try:
        parser.feed(text)
        parser.close()
    except AnswerRejected:
        raise
    except DefusedXmlException as error:
        raise answer_refused("平台返回的 XML 含有 DTD 或实体", type(error).__name__) from None
    except (ParseError, ValueError):
        raise answer_refused("平台返回的 XML 无法解析", "not well-formed") from None
    return target.tree


class _Target:
    """Builds values from the inside out, as elements end."""

    def __init__(self) -> None:
        self.tree: JsonObject = {}
        self._open: list[tuple[str, list[str], list[tuple[str, Json]]]] = []
        self._count = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._count += 1 + len(attributes)
        if len(self._open) >= MOST_DEPTH or self._count > MOST_ELEMENTS:
            raise answer_refused("平台返回的 XML 嵌套过深或元素过多", "xml too deep or too many")
        self._open.append((tag.rpartition("}")[2].lower(), [], []))

    def data(self, text: str) -> None:
        self._open[-1][1].append(text)

    def end(self, _tag: str) -> None:
        name, texts, children = self._open.pop()
        value: Json = _joined(children) if children else "".join(texts).strip()
        if self._open:
            self._open[-1][2].append((name, value))
        else:
            self.tree = {name: value}

    def close(self) -> None:
        """Asked for by the parser."""


def _joined(children: list[tuple[str, Json]]) -> Json:
    """Rows become a list, other elements an object; elements of one name a list within it."""
    if all(name == ROW for name, _ in children):
        return [value for _, value in children]
    found: JsonObject = {}
    many: set[str] = set()
    for name, value in children:
        if name not in found:
            found[name] = value
        elif name in many:
            found[name].append(value)
        else:
            many.add(name)
            found[name] = [found[name], value]
    return found


def _shaped(tree: JsonObject, fields: Sequence[FieldSpec]) -> JsonObject:
    known = {name.lower(): spec for spec in fields for name in (*spec.aliases, spec.code)}
    shaped: JsonObject = {}
    for name, value in tree.items():
        spec = known.get(name)
        code = spec.code if spec else name
        if code in shaped:
            raise answer_refused("平台返回的业务数据中有重复的元素", f"{code} twice")
        shaped[code] = _value(spec, value) if spec else value
    return shaped


def _value(spec: FieldSpec, value: Json) -> Json:
    if spec.kind == "list":
        return [_shaped(_object(spec, row), spec.children) for row in _rows(spec, value)]
    if spec.kind == "object":
        return _shaped(_object(spec, value), spec.children)
    if isinstance(value, str):
        return value
    raise answer_refused("平台返回的业务数据结构不正确", f"{spec.code} is no text")


def _rows(spec: FieldSpec, value: Json) -> list[Any]:
    if isinstance(value, list):
        return value
    content = _object(spec, value)
    if set(content) == {ROW}:
        return [content[ROW]]
    return [content] if content else []


def _object(spec: FieldSpec, value: Json) -> JsonObject:
    """An object, also as XML text and within an element of its own name."""
    if isinstance(value, str):
        value = parse(value) if value.startswith("<") else {} if not value else None
    own = spec.code.lower()
    while isinstance(value, dict) and set(value) == {own} and isinstance(value[own], dict):
        value = value[own]
    if not isinstance(value, dict):
        raise answer_refused("平台返回的业务数据结构不正确", f"{spec.code} is no object")
    return value
