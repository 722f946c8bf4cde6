"""The command line's side of the control endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agent.clock import Clock, SystemClock
from agent.control.endpoint import Endpoint
from agent.control.lines import MAX_ANSWER, Closed, Lines
from agent.control.verbs import VERBS
from agent.errors import ControlError
from agent.events import JsonObject

_CONNECT_S: Final = 2.0
_SLOW_S: Final = 120.0


class ControlClient:
    """One connection per call. ``timeout_s`` bounds the wait for an answer of a verb that is not slow."""

    def __init__(self, endpoint: Endpoint, *, timeout_s: float = 10.0, clock: Clock | None = None) -> None:
        self._endpoint = endpoint
        self._timeout_s = timeout_s
        self._clock = clock or SystemClock()

    def call(self, verb: str, args: Mapping[str, object] | None = None) -> JsonObject:
        """The handler's answer. Raises ControlError; ``details["code"]`` is the daemon's own code,
        or ``not_running``, ``forbidden``, ``stranger``, ``timeout``, ``cut_off``."""
        known = VERBS.get(verb)
        patience = max(self._timeout_s, _SLOW_S) if known and known.slow else self._timeout_s
        with self._endpoint.connect(_CONNECT_S) as connection:
            lines = Lines(connection, self._clock, largest=MAX_ANSWER, timeout_s=self._timeout_s)
            self._endpoint.greet(lines)
            lines.write({"verb": verb, "args": dict(args or {})})
            try:
                answer = lines.read(patience)
            except Closed:
                raise _broken("cut_off") from None
        return _data(answer)

    def is_running(self) -> bool:
        """Whether somebody listens. Raises ControlError when that cannot be told (``forbidden``)."""
        try:
            self._endpoint.connect(_CONNECT_S).close()
        except ControlError as error:
            if error_code(error) == "not_running":
                return False
            raise
        return True


def error_code(error: ControlError) -> str:
    return str(error.details.get("code", error.code))


def _data(answer: JsonObject) -> JsonObject:
    if answer.get("ok") is True and isinstance(answer.get("data"), dict):
        return dict(answer["data"])
    error = answer.get("error")
    if not isinstance(error, dict):
        raise _broken("bad_answer")
    message, hint = str(error.get("message", "")), str(error.get("hint", ""))
    raise ControlError(message, hint=hint, details={"code": str(error.get("code", ControlError.code))})


def _broken(code: str) -> ControlError:
    return ControlError(
        "代理程序没有给出完整的应答", hint="请查看日志，确认代理程序在正常运行", details={"code": code}
    )
