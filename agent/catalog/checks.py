"""Compiles one side of a transaction into closures that check a message and tell what they find.

Compiling happens once; checking 500 rows must not be felt. Of one value the first fault is told,
of a message all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from agent.catalog.conditions import Chain, Level, compile_conditions
from agent.catalog.model import FieldSpec, Side, TransactionSpec
from agent.catalog.scalars import Breach, compile_scalar
from agent.catalog.spelling import Spelling
from agent.catalog.values import as_object, is_absent, is_blank, is_slot
from agent.errors import Fault

MISSING: Final = Breach("missing", "不能为空")
UNWANTED: Final = Breach("unwanted", "此时应为空")
NO_ARRAY: Final = Breach("array", "必须是数组")
NO_OBJECT: Final = Breach("type", "应为 JSON 对象")
EMPTY: Final = Breach("empty", "含有空的一项")


class Sink:
    """Collects what one run finds."""

    def __init__(self, *, slots: bool) -> None:
        self.slots = slots
        self.faults: list[Fault] = []
        self.warnings: list[Fault] = []

    def breach(self, spec: FieldSpec, breach: Breach, pointer: str) -> None:
        self.faults.append(
            Fault(
                pointer=pointer,
                rule=breach.rule,
                message=spec.name + breach.detail,
                field=spec.code,
                name=spec.name,
                code=_official(spec, breach.rule),
            )
        )

    def odd_key(self, pointer: str, key: str, *, doubled: bool) -> None:
        """An unknown key is not sent, which may be meant; a second spelling of a field cannot be."""
        place = _step(pointer, key)
        if doubled:
            self.faults.append(Fault(place, "doubled", "同一字段用不同写法出现了两次", key))
        else:
            self.warnings.append(Fault(place, "unknown", "接口文档没有这个字段，不会发送", key))


_NEXT_CODES: Final[Mapping[str, tuple[str, ...]]] = {"precision": ("length",), "format": ("table", "length")}


def _official(spec: FieldSpec, rule: str) -> str:
    """The system's own code. Systems have one code for all that is too long, one for all wrong codes."""
    rules = (rule, *_NEXT_CODES.get(rule, ()))
    return next((spec.codes[each] for each in rules if each in spec.codes), "")


def _step(pointer: str, key: str) -> str:
    return f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"


ObjectCheck = Callable[[dict[str, Any], str, Chain, Sink], None]
FieldCheck = Callable[[Any, str, Chain, Sink], None]


def compile_side(spec: TransactionSpec, side: Side) -> ObjectCheck:
    """The check of one side's business data. Raises CatalogError when the catalog contradicts itself."""
    return Compiler(spec, side).object_check(spec.side(side), ())


class Compiler:
    """Turns the fields of one side of a transaction into closures."""

    def __init__(self, spec: TransactionSpec, side: Side) -> None:
        self._place = f"transactions/{spec.code}.toml：{side}"
        self._table = spec.table
        self._answer = side == "response"

    def object_check(self, fields: Level, around: Sequence[Level]) -> ObjectCheck:
        spelling = Spelling(fields)
        levels = (fields, *around)
        checks = [(spec.code, self._field_check(spec, levels)) for spec in fields]

        def check(content: dict[str, Any], pointer: str, outer: Chain, sink: Sink) -> None:
            written: Mapping[str, str] = {}
            if not spelling.codes.issuperset(content):
                content, written, unknown, doubled = spelling.read(content)
                for key in unknown:
                    sink.odd_key(pointer, key, doubled=False)
                for key in doubled:
                    sink.odd_key(pointer, key, doubled=True)
            chain = (content, *outer)
            for code, check_field in checks:
                check_field(content.get(code), f"{pointer}/{written.get(code, code)}", chain, sink)

        return check

    def _field_check(self, spec: FieldSpec, levels: Sequence[Level]) -> FieldCheck:
        check_value = {"list": self._list_check, "object": self._object_value_check}.get(
            spec.kind, self._scalar_check
        )(spec, levels)
        needed = self._needed(spec, levels)
        unwanted = compile_conditions(spec.empty, levels, self._place)
        absent = is_blank if spec.kind in ("text", "number") else is_absent

        def check(value: Any, pointer: str, chain: Chain, sink: Sink) -> None:
            if value is None or absent(value):
                if needed is not None and needed(value, chain):
                    sink.breach(spec, MISSING, pointer)
            elif unwanted is not None and unwanted(chain):
                sink.breach(spec, UNWANTED, pointer)
            elif not (sink.slots and is_slot(value)):
                check_value(value, pointer, chain, sink)

        return check

    def _needed(self, spec: FieldSpec, levels: Sequence[Level]) -> Callable[[Any, Chain], bool] | None:
        """Whether an absent value is a fault; None when it never is."""
        when = compile_conditions(spec.when, levels, self._place)
        if when is not None:
            return lambda _, chain: when(chain)
        if spec.required is not True:
            return None
        stands_for = compile_conditions(spec.absent_when, levels, self._place)
        if stands_for is not None:
            return lambda _, chain: not stands_for(chain)
        if self._answer and spec.kind == "list":
            return lambda value, _: value != []
        return lambda _value, _chain: True

    def _scalar_check(self, spec: FieldSpec, _levels: Sequence[Level]) -> FieldCheck:
        breach_of = compile_scalar(spec, self._table(spec.table) if spec.table else None)

        def check(value: Any, pointer: str, _chain: Chain, sink: Sink) -> None:
            breach = breach_of(value)
            if breach is not None:
                sink.breach(spec, breach, pointer)

        return check

    def _list_check(self, spec: FieldSpec, levels: Sequence[Level]) -> FieldCheck:
        check_element = self.object_check(spec.children, levels) if spec.children else None
        mandatory = any(child.required is True for child in spec.children)
        most = spec.max_items
        too_many = Breach("limit", f"条数不能超出上限（最多 {most} 条）")

        def check(value: Any, pointer: str, chain: Chain, sink: Sink) -> None:
            if not isinstance(value, list):
                sink.breach(spec, NO_ARRAY, pointer)
                return
            if most is not None and len(value) > most:
                sink.breach(spec, too_many, pointer)
            for index, element in enumerate(value):
                place = f"{pointer}/{index}"
                if is_absent(element) or (not mandatory and _is_blank_row(element)):
                    sink.breach(spec, EMPTY, place)
                elif check_element is not None and isinstance(element, dict):
                    check_element(element, place, chain, sink)
                elif check_element is not None:
                    sink.breach(spec, NO_OBJECT, place)

        return check

    def _object_value_check(self, spec: FieldSpec, levels: Sequence[Level]) -> FieldCheck:
        check_content = self.object_check(spec.children, levels) if spec.children else None

        def check(value: Any, pointer: str, chain: Chain, sink: Sink) -> None:
            content = as_object(value)
            if content is None:
                sink.breach(spec, NO_OBJECT, pointer)
            elif check_content is not None:
                check_content(content, pointer, chain, sink)

        return check


def _is_blank_row(element: Any) -> bool:
    return isinstance(element, dict) and all(is_absent(value) for value in element.values())
