"""The admin surface of a rehearsal server: JSON under ``/_rehearsal/`` on the platform's own port.

============================ =================================================================
``GET  /_rehearsal/``         the faults that exist and the addresses below
``GET  …/state``              how much of everything the platform holds
``GET  …/ledger``             effects; ``since``, ``limit``, ``transaction``, ``lane``, ``visit``, ``key``
``GET  …/ledger/summary``     counts, duplicates, reused wire ids, overlapping calls
``GET  …/calls``              requests with what befell them; ``since``, ``limit``
``GET  …/faults``             the switches that are on, with their counters
``PUT  …/faults``             exactly these switches: a list of objects or of texts
``POST …/faults``             these switches beside the others
``DELETE …/faults``           none
``GET  …/parked``             the requests that wait for a negative inquiry
``POST …/parked``             commit them all now
``POST …/reset``              back to the start: state, ledger, switches
============================ =================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from agent import jsontext
from agent.errors import AgentError, ConfigurationError
from agent.events import Json, JsonObject
from agent.rehearsal.faults import FaultBoard, Switch, parse_switch, read_switch
from agent.rehearsal.ledger import Ledger
from agent.rehearsal.messages import Answer, Call
from agent.rehearsal.parking import Parking

PREFIX = "/_rehearsal/"

_PAGE = 10_000


class Admin:
    """Answers requests below ``PREFIX``."""

    def __init__(
        self,
        ledger: Ledger,
        board: FaultBoard,
        parking: Parking,
        counts: Callable[[], Mapping[str, int]],
        reset: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._board = board
        self._parking = parking
        self._counts = counts
        self._reset = reset
        self._routes: Mapping[tuple[str, str], Callable[[Call], Json]] = {
            ("GET", ""): self._index,
            ("GET", "state"): self._state,
            ("GET", "ledger"): self._entries,
            ("GET", "ledger/summary"): self._summary,
            ("GET", "calls"): self._calls,
            ("GET", "faults"): self._faults,
            ("PUT", "faults"): self._replace_faults,
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "parked"): self._parked,
            ("POST", "parked"): self._commit_parked,
            ("POST", "reset"): self._reset_all,
        }

    def answer(self, call: Call) -> Answer:
        route = call.path.removeprefix(PREFIX).strip("/")
        handle = self._routes.get((call.method, route))
        if handle is None:
            known = any(path == route for _, path in self._routes)
            return _json(405 if known else 404, {"error": "method_not_allowed" if known else "not_found"})
        try:
            return _json(200, handle(call))
        except AgentError as error:
            return _json(400, {"error": error.code, "message": error.message, "hint": error.hint})

    def _index(self, _: Call) -> JsonObject:
        return {
            "faults": [
                {"name": kind.name, "moment": kind.moment.value, "about": kind.about}
                for kind in self._board.kinds
            ],
            "routes": [f"{method} {PREFIX}{path}" for method, path in self._routes],
        }

    def _state(self, _: Call) -> JsonObject:
        return dict(self._counts())

    def _entries(self, call: Call) -> JsonObject:
        query = _query(call, {"since", "limit", "transaction", "lane", "visit", "key"})
        since, limit = _whole(query, "since", 0), _whole(query, "limit", 1000)
        entries = self._ledger.entries(since, min(limit, _PAGE), **query)
        return {
            "entries": [entry._asdict() for entry in entries],
            "next": entries[-1].order if entries else since,
        }

    def _summary(self, _: Call) -> JsonObject:
        return self._ledger.summary()

    def _calls(self, call: Call) -> JsonObject:
        query = _query(call, {"since", "limit"})
        since, limit = _whole(query, "since", 0), _whole(query, "limit", 1000)
        calls = self._ledger.calls(since, min(limit, _PAGE))
        return {"calls": [entry._asdict() for entry in calls], "next": since + len(calls)}

    def _faults(self, _: Call) -> JsonObject:
        return {"faults": self._board.as_json()}

    def _replace_faults(self, call: Call) -> JsonObject:
        self._board.replace(_switches(call))
        return self._faults(call)

    def _add_faults(self, call: Call) -> JsonObject:
        self._board.add(_switches(call))
        return self._faults(call)

    def _clear_faults(self, call: Call) -> JsonObject:
        self._board.replace(())
        return self._faults(call)

    def _parked(self, _: Call) -> JsonObject:
        return {"parked": [list(key) for key in self._parking.waiting()]}

    def _commit_parked(self, _: Call) -> JsonObject:
        return {"committed": self._parking.commit_all()}

    def _reset_all(self, _: Call) -> JsonObject:
        self._reset()
        return {"reset": True}


def _switches(call: Call) -> list[Switch]:
    try:
        value = jsontext.read(call.body.decode("utf-8"))
    except ValueError as error:
        raise ConfigurationError("请求正文不是有效的 JSON", hint="请提供故障开关的列表") from error
    listed = value if isinstance(value, list) else [value]
    return [_switch(item) for item in listed]


def _switch(item: Any) -> Switch:
    if isinstance(item, str):
        return parse_switch(item)
    if isinstance(item, dict):
        return read_switch(item)
    raise ConfigurationError("故障开关应为对象或文本", hint='如 {"name": "drop_after", "every": 7}')


def _query(call: Call, known: set[str]) -> dict[str, str]:
    query = dict(parse_qsl(call.query))
    unknown = sorted(set(query) - known)
    if unknown:
        raise ConfigurationError(
            f"不认识的查询参数 {'、'.join(unknown)}", hint=f"可用：{'、'.join(sorted(known))}"
        )
    return query


def _whole(query: dict[str, str], name: str, default: int) -> int:
    text = query.pop(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise ConfigurationError(f"{name} 应为非负整数", hint="如 since=0")
    return int(text)


def _json(status: int, value: Json) -> Answer:
    return Answer(status=status, body=jsontext.write(value).encode("utf-8"))
