"""Forms and XML, both ways, as the document writes them and no other way.

A request is ``application/x-www-form-urlencoded`` in UTF-8 with lower-case names, its ``transdata`` XML
without declaration, DTD or attributes. A list is an element of ``<row>`` elements (4.4, 4.5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote
from xml.parsers import expat
from xml.sax.saxutils import escape

ROOT = "transdata"
ROW = "row"
MOST_DEPTH = 8
_PAIR = re.compile(r"(?:^|&)([a-z]+)=")
"""XML has no ampersand before a name and an equals sign."""


class Unreadable(ValueError):
    """A request that is not of the document's form; the text says in Chinese what is wrong."""


def read_form(body: bytes) -> dict[str, str]:
    """The pairs of a request. Raises Unreadable."""
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError as error:
        raise Unreadable("报文不是 key=value 格式") from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise Unreadable("报文元素重复")
    if any(name != name.lower() for name in form):
        raise Unreadable("报文元素应使用小写")
    return form


def read_sorted(plain: bytes) -> dict[str, str]:
    """The pairs within an encrypted envelope: by name, not URL-encoded. Raises Unreadable."""
    try:
        parts = _PAIR.split(plain.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Unreadable("加密前的报文不是 UTF-8") from error
    names = parts[1::2]
    if parts[0] or not names or names != sorted(set(names)):
        raise Unreadable("加密前的报文应按元素名排序")
    return dict(zip(names, parts[2::2], strict=True))


def write_sorted(pairs: Mapping[str, str]) -> bytes:
    return "&".join(f"{name}={pairs[name]}" for name in sorted(pairs)).encode("utf-8")


def write_form(pairs: Mapping[str, str]) -> bytes:
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs.items()).encode("ascii")


def read_xml(text: str, root: str = ROOT) -> dict[str, Any]:
    """The elements below the root: texts, lists of rows, objects. Raises Unreadable."""
    builder = _Builder()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = builder.refuse
    try:
        parser.Parse(text.encode("utf-8"), True)
    except expat.ExpatError as error:
        raise Unreadable("transdata 不是有效的 XML") from error
    if builder.root != root:
        raise Unreadable(f"根节点应为 {root}")
    return builder.value if isinstance(builder.value, dict) else {}


def write_xml(data: Mapping[str, Any], root: str = ROOT) -> str:
    return f"<{root}>{''.join(_element(name, value) for name, value in data.items())}</{root}>"


def _element(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return write_xml(value, name)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"<{name}>{''.join(write_xml(row, ROW) for row in value)}</{name}>"
    return f"<{name}>{escape(str(value))}</{name}>"


class _Builder:
    def __init__(self) -> None:
        self.root = ""
        self.value: Any = None
        self._open: list[tuple[str, list[str], list[tuple[str, Any]]]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if attributes or len(self._open) >= MOST_DEPTH:
            raise Unreadable("transdata 不应有属性或过深的嵌套")
        self.root = self.root or name
        self._open.append((name, [], []))

    def text(self, text: str) -> None:
        self._open[-1][1].append(text)

    def refuse(self, *_declaration: object) -> None:
        raise Unreadable("transdata 不应有 DOCTYPE")

    def end(self, _name: str) -> None:
        name, texts, children = self._open.pop()
        value: Any = "".join(texts)
        if children and all(child == ROW for child, _ in children):
            value = [row for _, row in children]
        elif children:
            value = dict(children)
            if len(value) != len(children):
                raise Unreadable("transdata 中有重复的元素")
        if self._open:
            self._open[-1][2].append((name, value))
        else:
            self.value = value
