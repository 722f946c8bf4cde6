"""The verb of what protocols let people ask of the running agent (``ProtocolSpec.acts``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agent.errors import ControlError, SubmissionInvalid
from agent.hookspecs import Asked

if TYPE_CHECKING:
    from agent.clock import Clock
    from agent.events import JsonObject, Submission
    from agent.hookspecs import Act, Acted, ProtocolAdapter
    from agent.outbox.base import Outbox

_LONGEST_WORD: Final = 200


@dataclass(frozen=True, slots=True)
class Acting:
    """What one configured system lets people do."""

    adapter: ProtocolAdapter
    acts: Iterable[Act]


class ActHandlers:
    """``submit`` takes a submission of the agent's own, by whom it was asked and why; ``changed``: facts were
    kept, lanes may have work."""

    def __init__(
        self,
        outbox: Outbox,
        systems: Mapping[str, Acting],
        submit: Callable[[Submission, str, str], int],
        changed: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._outbox = outbox
        self._systems = systems
        self._submit = submit
        self._changed = changed
        self._clock = clock

    def handlers(self) -> Mapping[str, Callable[[JsonObject], JsonObject]]:
        return {"protocol.act": self.act}

    def act(self, args: JsonObject) -> JsonObject:
        """The act's facts, and that it was done, in one commit; then its submissions."""
        system, act = self._found(args["system"], args["name"])
        words = _words(act, args["words"])
        if act.decides and not args["why"].strip():
            raise _refused("请说明理由", "加上 --why 理由", "bad_arguments")
        asked = Asked(words, args["who"], args["why"], self._clock.now())
        try:
            acted = self._done(args["system"], system, act, asked)
            begun = [self._submit(submission, args["who"], args["why"]) for submission in acted.submissions]
        except SubmissionInvalid as error:
            listed = "；".join(f"{fault.pointer or '/'} {fault.message}" for fault in error.faults)
            raise _refused(f"不能执行：{listed}", "请补充或更正参数", "invalid") from None
        if acted.identifiers or acted.forgotten:
            self._changed()
        data = {**acted.data, "submissions": begun} if begun else acted.data
        return {"lines": list(acted.lines), "data": data}

    def _done(self, name: str, system: Acting, act: Act, asked: Asked) -> Acted:
        with self._outbox.write() as tx:
            acted = act.run(system.adapter, tx.history(name), asked)
            if acted.identifiers or acted.forgotten:
                tx.give_facts(name, acted.identifiers, acted.forgotten)
                details: dict[str, str | int] = {
                    "system": name,
                    "act": act.name,
                    "facts": len(acted.identifiers),
                }
                tx.record("protocol.act", details, who=asked.who, why=asked.why)
        return acted

    def _found(self, system: str, name: str) -> tuple[Acting, Act]:
        acting = self._systems.get(system)
        found = next((act for act in acting.acts if act.name == name), None) if acting else None
        if acting is None or found is None:
            raise _refused(
                f"没有配置系统 {system}，或它没有命令 {name}", "用 his-agent status 查看", "not_found"
            )
        return acting, found


def _words(act: Act, given: list[object]) -> tuple[str, ...]:
    """Arguments in brackets may be left out, from the end."""
    least = sum(not argument.startswith("[") for argument in act.arguments)
    words = tuple(word for word in given if isinstance(word, str) and 0 < len(word) <= _LONGEST_WORD)
    if len(words) != len(given) or not least <= len(words) <= len(act.arguments):
        raise _refused(f"{act.name} 的参数应为：{' '.join(act.arguments)}", "请核对参数", "bad_arguments")
    return words


def _refused(message: str, hint: str, code: str) -> ControlError:
    return ControlError(message, hint=hint, details={"code": code})
