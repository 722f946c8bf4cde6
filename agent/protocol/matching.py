"""Finds an answer's rows in the request: an answer that names other rows is another request's."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from agent.catalog.model import TransactionSpec
from agent.errors import AnswerRejected
from agent.events import Json, JsonObject
from agent.protocol.values import text_of

_HINT = "将自动查询该笔交易的处理结果；若反复出现，请联系平台核对返回内容"


def answer_refused(message: str, reason: str) -> AnswerRejected:
    """The error for an answer that must not be believed; ``reason`` is English, for the log."""
    return AnswerRejected(message, hint=_HINT, details={"reason": reason})


def sent_rows(spec: TransactionSpec, body: JsonObject) -> list[JsonObject]:
    """The rows of a draft's body; [] for a transaction without a row list."""
    rows = body.get(spec.list, []) if spec.list else []
    return rows if isinstance(rows, list) else []


def match_rows(
    spec: TransactionSpec, body: JsonObject, answered: Json, *, whole: bool
) -> dict[int, JsonObject]:
    """The answer's rows by their place in ``body``; rows of one key in the order they were sent.

    Raises AnswerRejected for rows that were not sent, that come too often or are no objects and, with
    ``whole``, when a sent row is missing.
    """
    free = _places(spec, body)
    sent = sum(map(len, free.values()))
    found: dict[int, JsonObject] = {}
    for row in _objects(answered):
        places = free.get(_key(spec, row))
        if places is None:
            raise answer_refused("返回的明细不属于本次请求", "answer row not in request")
        if not places:
            raise answer_refused("返回的明细重复", "answer row twice")
        found[places.popleft()] = row
    if whole and len(found) != sent:
        raise answer_refused("返回的明细不完整", "answer rows missing")
    return found


def demand_same(body: JsonObject, answer: JsonObject, fields: Iterable[str]) -> None:
    """Raises AnswerRejected when a field stands in both with different values; case does not count, as
    the last place of an identity number is written x or X."""
    for code in fields:
        asked, told = text_of(body.get(code)), text_of(answer.get(code))
        if asked and told and asked.casefold() != told.casefold():
            raise answer_refused("返回内容不属于本次请求", f"answer differs in {code}")


def _places(spec: TransactionSpec, body: JsonObject) -> dict[tuple[str, ...], deque[int]]:
    places: dict[tuple[str, ...], deque[int]] = {}
    for place, row in enumerate(sent_rows(spec, body)):
        places.setdefault(_key(spec, row), deque()).append(place)
    return places


def _key(spec: TransactionSpec, row: JsonObject) -> tuple[str, ...]:
    return tuple(text_of(row.get(code)) for code in spec.row_key)


def _objects(value: Json) -> list[JsonObject]:
    if value in (None, ""):
        return []
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise answer_refused("返回的明细列表格式不正确", "answer list is no list of objects")
    return value
