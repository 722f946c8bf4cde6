"""Values that a HIS leaves to earlier answers: it gives its own keys, the platform's numbers are found again.

The catalog's ``complete`` rules say which field is found under which keys; ``keys`` are fields that the
document lacks. When a submission is planned, such a field becomes a slot and the draft a need; at the claim
the need is met by a fact, or is told of as what it is: a value that is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from agent.catalog import TransactionSpec, examine
from agent.catalog.model import CompletionRule, Condition, FieldSpec
from agent.catalog.spelling import Spelling
from agent.catalog.values import comparable, is_absent, is_slot
from agent.errors import Fault
from agent.events import SLOT, Draft, Json, JsonObject, Need
from agent.protocol.scopes import scopes_of
from agent.protocol.values import key_of, text_of

OWED: Final = "owed"
"""The draft's memo of the places that were left to earlier answers."""

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Owed:
    """A submission's data with slots, without the HIS's own keys; and these keys, row by row."""

    data: Json = field(repr=False)
    needs: Mapping[str, Need] = field(default_factory=dict, repr=False)
    head: JsonObject = field(default_factory=dict, repr=False)
    rows: Sequence[JsonObject] = field(default=(), repr=False)

    def put(self, spec: TransactionSpec, draft: Draft) -> Draft:
        """A planned draft with its needs, and with the scopes that its keys name."""
        if draft.transaction != spec.code or not (self.needs or self.head or self.rows):
            return draft
        found = [(path, slot) for path, slot in _slots(draft.body) if slot in self.needs]
        needs = {slot: self.needs[slot] for _, slot in found}
        memo = {**draft.memo, OWED: [list(path) for path, _ in found]} if found else draft.memo
        scopes = dict.fromkeys((*draft.scopes, *scopes_of(spec, self._keyed(spec, draft))))
        return replace(draft, needs=(*draft.needs, *needs.values()), memo=memo, scopes=tuple(scopes))

    def keyed(self, spec: TransactionSpec) -> JsonObject:
        """The data as the HIS gave it, keys and all, for what is read of it though it is wrong."""
        if not isinstance(self.data, dict):
            return {}
        rows = self.data.get(spec.list) if spec.list else None
        head = {**self.data, **self.head}
        if not isinstance(rows, list):
            return head
        merged = [{**row, **self._row(place)} for place, row in enumerate(rows) if isinstance(row, dict)]
        return {**head, spec.list: merged}

    def _keyed(self, spec: TransactionSpec, draft: Draft) -> JsonObject:
        start, _ = draft.rows or (0, 0)
        rows = draft.body.get(spec.list) if spec.list else None
        head = {**draft.body, **self.head}
        if not isinstance(rows, list):
            return head
        keyed = [{**row, **self._row(start + place)} for place, row in enumerate(rows)]
        return {**head, spec.list: keyed}

    def _row(self, place: int) -> JsonObject:
        return self.rows[place] if place < len(self.rows) else {}


def owe(spec: TransactionSpec, data: Json) -> Owed:
    """What of ``data`` is left to earlier answers. A HIS's own slots are left to the catalog's checks."""
    if not spec.completions or not isinstance(data, dict) or _slots(data):
        return Owed(data)
    return _Taking(spec).taken(data)


@dataclass(slots=True)
class _Taking:
    """Goes through one submission."""

    spec: TransactionSpec
    needs: dict[str, Need] = field(default_factory=dict, init=False)

    def taken(self, data: JsonObject) -> Owed:
        head, values, keys = self._object(data, self.spec.request, "", self._rules("head", ""), ())
        if not self.spec.list or not isinstance(head.get(self.spec.list), list):
            return Owed(head, self.needs, keys)
        fields = _children(self.spec.request, self.spec.list)
        rows, row_keys = [], []
        for row in head[self.spec.list]:
            one, its_keys = self._row(row, fields, values)
            rows.append(one)
            row_keys.append(its_keys)
        return Owed({**head, self.spec.list: rows}, self.needs, keys, row_keys if any(row_keys) else ())

    def _row(self, row: Json, fields: Sequence[FieldSpec], head: JsonObject) -> tuple[Json, JsonObject]:
        if not isinstance(row, dict):
            return row, {}
        one, values, keys = self._object(row, fields, self.spec.list, self._rules("row", ""), (head,))
        for inner in {rule.list for rule in self.spec.completions if rule.list}:
            elements = one.get(inner)
            if isinstance(elements, list):
                one[inner] = [self._inner(element, fields, inner, (values, head)) for element in elements]
        return one, keys

    def _inner(
        self, element: Json, fields: Sequence[FieldSpec], inner: str, around: tuple[JsonObject, ...]
    ) -> Json:
        if not isinstance(element, dict):
            return element
        place, rules = f"{self.spec.list}.{inner}", self._rules("row", inner)
        return self._object(element, _children(fields, inner), place, rules, around)[0]

    def _object(
        self,
        content: JsonObject,
        fields: Sequence[FieldSpec],
        place: str,
        rules: Sequence[CompletionRule],
        around: tuple[JsonObject, ...],
    ) -> tuple[JsonObject, JsonObject, JsonObject]:
        """An object without keys and with slots, all its values by code, and its keys."""
        keys = self.spec.keys.get(place, ())
        read = Spelling((*fields, *keys)).read(content)
        known = {spec.code for spec in keys}
        kept = {key: content[key] for key in (*read.unknown, *read.doubled)}
        kept |= {code: value for code, value in read.values.items() if code not in known}
        for rule in rules:
            self._owe(rule, kept, (read.values, *around))
        return kept, read.values, {code: read.values[code] for code in known & read.values.keys()}

    def _rules(self, at: str, inner: str) -> list[CompletionRule]:
        return [rule for rule in self.spec.completions if rule.at == at and rule.list == inner]

    def _owe(self, rule: CompletionRule, kept: JsonObject, holders: tuple[JsonObject, ...]) -> None:
        if not is_absent(kept.get(rule.field)) or not _holds(rule.when, holders):
            return
        key = key_of(rule.by, *holders)
        if key:
            slot = "/".join((rule.kind, *key))
            kept[rule.field] = {SLOT: slot}
            self.needs[slot] = Need(slot, identifier=rule.kind, key=key, required=False)


def _holds(condition: Condition | None, holders: tuple[JsonObject, ...]) -> bool:
    if condition is None:
        return True
    value = comparable(next((one[condition.field] for one in holders if condition.field in one), None))
    if condition.present is not None:
        return bool(value) is condition.present
    if condition.among is not None:
        return value in condition.among
    return bool(value) and value not in (condition.excluding or ())


def _children(fields: Sequence[FieldSpec], code: str) -> tuple[FieldSpec, ...]:
    return next((spec.children for spec in fields if spec.code == code), ())


def _slots(value: Json, path: Path = ()) -> list[tuple[Path, str]]:
    return list(_walk(value, path))


def _walk(value: Json, path: Path) -> Iterator[tuple[Path, str]]:
    if is_slot(value):
        yield path, value[SLOT]
    elif isinstance(value, dict):
        for key, child in value.items():
            if isinstance(child, dict | list):
                yield from _walk(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            if isinstance(child, dict | list):
                yield from _walk(child, (*path, index))


# -- at the claim --------------------------------------------------------------------------------------
def unpaid(spec: TransactionSpec, draft: Draft) -> tuple[tuple[Fault, ...], tuple[Fault, ...]]:
    """What no earlier answer gave: faults where the document demands it, warnings where it does not."""
    missing = [tuple(path) for path in draft.memo.get(OWED, ()) if not text_of(_at(draft.body, path))]
    if not missing:
        return (), ()
    pointers = {_pointer(path): _told(draft, spec, path) for path in missing}
    demanded = {fault.pointer: fault for fault in examine(spec, draft.body).faults}
    faults = tuple(
        replace(demanded[pointer], pointer=told, message=f"{demanded[pointer].message}；{_UNKNOWN}")
        for pointer, told in pointers.items()
        if pointer in demanded
    )
    warnings = tuple(
        Fault(told, "history_missing", _UNKNOWN, field=told.rpartition("/")[2])
        for pointer, told in pointers.items()
        if pointer not in demanded
    )
    return faults, warnings


_UNKNOWN: Final = "本机没有对应的平台编号或金额记录：请先完成前序业务，或直接填写"


def _at(body: Json, path: Sequence[Any]) -> Json:
    for step in path:
        body = body[step]
    return body


def _pointer(path: Sequence[Any]) -> str:
    return "".join(f"/{step}" for step in path)


def _told(draft: Draft, spec: TransactionSpec, path: Sequence[Any]) -> str:
    """The pointer in the submission, of which the draft carries a part of the rows."""
    if draft.rows and len(path) > 1 and path[0] == spec.list:
        path = (path[0], draft.rows[0] + path[1], *path[2:])
    return _pointer(path)
