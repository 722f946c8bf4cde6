"""The outbox verbs, for the daemon and for a command line that opened the database itself.

Answers hold no payloads. Every act names who did it and why, and is recorded by the outbox.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from agent.errors import ControlError
from agent.outbox.model import Cancelled

if TYPE_CHECKING:
    from agent.clock import Clock
    from agent.events import JsonObject
    from agent.outbox.base import Outbox, Resolved
    from agent.outbox.model import MessageView, Settled


class OutboxHandlers:
    """``decided`` is called after every act: lanes and replies may have work now. ``resolved`` reads
    what a person says of an accepted message."""

    def __init__(self, outbox: Outbox, clock: Clock, decided: Callable[[], None], resolved: Resolved) -> None:
        self._outbox = outbox
        self._resolved = resolved
        self._clock = clock
        self._decided = decided

    def handlers(self) -> Mapping[str, Callable[[JsonObject], JsonObject]]:
        return {
            "outbox.list": self.list,
            "outbox.show": self.show,
            "outbox.retry": self.retry,
            "outbox.skip": self.skip,
            "outbox.cancel": self.cancel,
            "outbox.resolve": self.resolve,
            "identifiers.find": self.find,
        }

    def list(self, args: JsonObject) -> JsonObject:
        found = self._outbox.messages(state=args["state"], system=args["system"], limit=args["limit"])
        return {"messages": [message_json(view) for view in found]}

    def show(self, args: JsonObject) -> JsonObject:
        view = self._view(args)
        return {"message": message_json(view), "history": self._outbox.history(view.message)}

    def find(self, args: JsonObject) -> JsonObject:
        found = self._outbox.facts(args["text"], system=args["system"], limit=args["limit"])
        return {"identifiers": [asdict(fact) for fact in found]}

    def retry(self, args: JsonObject) -> JsonObject:
        return self._resolve(args, "resend", {})

    def resolve(self, args: JsonObject) -> JsonObject:
        return self._resolve(args, args["as"], args["data"])

    def skip(self, args: JsonObject) -> JsonObject:
        view = self._view(args)
        with self._outbox.write(urgent=True) as act:
            released = act.skip(view.message, args["who"], args["why"], self._clock.now())
        self._decided()
        return {"message": view.message, "released": released}

    def cancel(self, args: JsonObject) -> JsonObject:
        view = self._view(args)
        with self._outbox.write(urgent=True) as act:
            done = act.cancel(view.submission, args["who"], args["why"], self._clock.now())
        if done is Cancelled.NOTHING:
            raise ControlError(
                f"消息 {view.message} 所属的提交已经发出或可能已经发出，没有可以取消的部分",
                hint="请等它有结果；结果不明的用 outbox resolve 裁定",
                details={"code": "not_possible"},
            )
        self._decided()
        return {
            "message": view.message,
            "submission": view.submission,
            "cancelled": True,
            "whole": done is Cancelled.WHOLE,
        }

    def _resolve(self, args: JsonObject, verdict: str, data: JsonObject) -> JsonObject:
        view = self._view(args)
        with self._outbox.write(urgent=True) as act:
            now = self._clock.now()
            settled = act.resolve(view.message, verdict, data, args["who"], args["why"], now, self._resolved)
        self._decided()
        return settled_json(settled)

    def _view(self, args: JsonObject) -> MessageView:
        view = self._outbox.message(args["message"])
        if view is None:
            raise ControlError(
                f"没有编号为 {args['message']} 的消息",
                hint="用 his-agent outbox list 查看编号",
                details={"code": "not_found"},
            )
        return view


def message_json(view: MessageView) -> JsonObject:
    """A message as the operator sees it; times as ISO 8601."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(view).items()
    }


def settled_json(settled: Settled) -> JsonObject:
    return {
        "message": settled.message,
        "submission": settled.submission,
        "state": settled.state.value,
        "code": settled.code,
        "blocked": settled.blocked,
    }
