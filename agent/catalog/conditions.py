"""Compiles the conditions of fields into tests on the message being checked.

A test gets the objects from the field's own outwards to the head, and looks its field up on the
level where the specification declares it, however the message is filled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from agent.catalog.model import Condition, FieldSpec
from agent.catalog.reading import broken
from agent.catalog.spelling import find
from agent.catalog.values import comparable, is_absent

Level = tuple[FieldSpec, ...]
Chain = Sequence[dict[str, Any]]
Test = Callable[[Chain], bool]

_NOTHING: Final[dict[str, Any]] = {}


def compile_conditions(conditions: Sequence[Condition], levels: Sequence[Level], place: str) -> Test | None:
    """One test that all ``conditions`` hold, or None when there are none.

    ``levels`` are the fields beside the conditional field, then those around them. Raises
    CatalogError when a condition names a field that no level declares.
    """
    tests = [_compile(condition, levels, place) for condition in conditions]
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    return lambda chain: all(test(chain) for test in tests)


def _compile(condition: Condition, levels: Sequence[Level], place: str) -> Test:
    code, _, inner = condition.field.partition(".")
    depth = next((d for d, level in enumerate(levels) if any(spec.code == code for spec in level)), None)
    if depth is None:
        raise broken(place, f"条件提到的字段不存在：{condition.field}")
    passes = _value_test(condition)
    if not inner:
        return lambda chain: passes(chain[depth].get(code))
    owner = next(spec for spec in levels[depth] if spec.code == code)
    if inner not in {child.code for child in owner.children}:
        raise broken(place, f"条件提到的字段不存在：{condition.field}")
    return lambda chain: any(passes(find(element, inner)) for element in _elements(chain[depth].get(code)))


def _elements(value: Any) -> list[dict[str, Any]]:
    elements = value if isinstance(value, list) else []
    return [element if isinstance(element, dict) else _NOTHING for element in elements]


def _value_test(condition: Condition) -> Callable[[Any], bool]:
    if condition.present is not None:
        wanted = condition.present
        return lambda value: is_absent(value) is not wanted
    among, excluding = condition.among, condition.excluding
    if among is not None:
        return lambda value: comparable(value) in among
    assert excluding is not None  # the loader lets no condition without a test through
    return lambda value: (text := comparable(value)) != "" and text not in excluding
