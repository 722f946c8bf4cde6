"""XML business objects, as the scan-pay document writes them; transaction and id are the file name's.

``<transdata>`` (or ``<data>``) holds the fields as elements. An element of ``<row>`` elements is a
list, repeated elements are a list, the order of elements is kept, every value stays text. What the
document does not use is refused, since it would be dropped or is an attack: attributes, text beside
elements, DTDs and with them entities.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from xml.parsers import expat

from agent.events import JsonObject, Submission
from agent.submissions.damage import MAX_FAULTS, damages
from agent.submissions.reading import Reading
from agent.submissions.rules import Encoding
from agent.submissions.shape import shape_of

MAX_DEPTH = 32
MAX_ELEMENTS = 200_000
"""A hundred times the longest order that a till sends."""

ROOTS = ("transdata", "data")
ROW = "row"

_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_ENCODINGS: dict[str, Encoding] = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "gb18030": "gb18030",
}


class XmlRefused(ValueError):
    """``rule`` is a stable English name, the message Chinese."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message


@dataclass(slots=True)
class _Element:
    name: str
    texts: list[str] = field(default_factory=list)
    children: list[tuple[str, Any]] = field(default_factory=list)


def declared_encoding(raw: bytes) -> Encoding | None:
    """The encoding that the XML declaration names, where it is one that the agent reads."""
    declared = _DECLARED.match(raw)
    return _ENCODINGS.get(declared[1].decode("ascii").lower()) if declared else None


def read_xml(text: str, reading: Reading) -> tuple[Submission, ...]:
    """Raises ReadFailure with every fault."""
    reading.note_key(None, None, "：XML 里只写业务数据，文件名须为 交易编号__提交编号.xml")
    known = reading.transaction in reading.rules.vocabulary
    shape = shape_of(reading.transaction, reading.rules) if known else None
    try:
        data = parse(text, shape.lists if shape else frozenset())
    except XmlRefused as refused:
        raise reading.stop(refused.rule, refused.message) from None
    damaged = list(islice(damages(data, shape), MAX_FAULTS))
    reading.faults.extend(damaged)
    reading.finish(None if damaged else data)
    return (reading.submission(data),)


def parse(text: str, lists: frozenset[str]) -> JsonObject:
    """The object below the root; elements named in ``lists`` are lists even when they come once.

    Raises XmlRefused.
    """
    tree = _Tree(lists)
    parser = expat.ParserCreate("utf-8")  # what an encoding declaration says has been heeded already
    parser.buffer_text = True
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.text
    parser.StartDoctypeDeclHandler = tree.doctype
    try:
        parser.Parse(text.encode("utf-8"), True)
    except expat.ExpatError as error:
        where = f"第 {error.lineno} 行第 {error.offset + 1} 列附近"
        raise XmlRefused("xml_syntax", f"不是有效的 XML：{where}有语法错误") from None
    return tree.result()


class _Tree:
    """Builds values from the inside out, as elements end."""

    def __init__(self, lists: frozenset[str]) -> None:
        self._lists = lists
        self._open: list[_Element] = []
        self._count = 0
        self._root: Any = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if attributes:
            raise XmlRefused("xml_attribute", "XML 元素不能带属性，值应写在元素里")
        if not self._open and name not in ROOTS:
            raise XmlRefused("xml_root", f"XML 的根元素应为 <{ROOTS[0]}> 或 <{ROOTS[1]}>")
        if len(self._open) >= MAX_DEPTH:
            raise XmlRefused("xml_depth", f"XML 嵌套超过 {MAX_DEPTH} 层")
        self._count += 1
        if self._count > MAX_ELEMENTS:
            raise XmlRefused("xml_size", f"XML 元素超过 {MAX_ELEMENTS} 个")
        self._open.append(_Element(name))

    def text(self, text: str) -> None:
        self._open[-1].texts.append(text)

    def end(self, name: str) -> None:
        element = self._open.pop()
        value = self._value(element)
        if self._open:
            self._open[-1].children.append((name, value))
        else:
            self._root = value

    def doctype(self, *_declaration: object) -> None:
        raise XmlRefused("xml_doctype", "XML 中不允许有 DOCTYPE 或实体定义")

    def result(self) -> JsonObject:
        if not isinstance(self._root, dict):
            raise XmlRefused("xml_empty", "XML 根元素里应是业务字段")
        return self._root

    def _value(self, element: _Element) -> Any:
        text = "".join(element.texts)
        if not element.children:
            empty_list = element.name in self._lists and not text.strip()
            return [] if empty_list else text
        if text.strip():
            raise XmlRefused("xml_mixed", "XML 元素里不能同时有文字和子元素")
        if all(name == ROW for name, _ in element.children):
            return [value for _, value in element.children]
        return self._object(element.children)

    def _object(self, children: list[tuple[str, Any]]) -> JsonObject:
        result: JsonObject = {}
        repeated: set[str] = set()
        for name, value in children:
            if name not in result:
                alone = name in self._lists and not isinstance(value, list)
                result[name] = [value] if alone else value
                repeated.update([name] if alone else ())
            elif name in repeated:
                result[name].append(value)
            else:
                result[name] = [result[name], value]
                repeated.add(name)
        return result
