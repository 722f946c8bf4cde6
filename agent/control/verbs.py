"""What may be said over the control endpoint: verbs and the arguments that each takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agent.errors import ControlError
from agent.events import JsonObject

_TYPES: Final = {"text": str, "integer": int, "boolean": bool, "object": dict, "list": list}
_REQUIRED: Final = object()


@dataclass(frozen=True, slots=True)
class Argument:
    """``kind``: ``text``, ``integer``, ``boolean``, ``object``, ``list``. Required without a default."""

    name: str
    kind: str
    default: object = _REQUIRED
    choices: tuple[str, ...] = ()
    longest: int = 4096

    @property
    def required(self) -> bool:
        return self.default is _REQUIRED


@dataclass(frozen=True, slots=True)
class Verb:
    """One request. ``slow`` verbs talk to the platforms and may take as long as an exchange does."""

    name: str
    about: str
    arguments: tuple[Argument, ...] = ()
    slow: bool = False


_WHO = Argument("who", "text", longest=200)
_WHY = Argument("why", "text", "", longest=2000)
_BY = Argument("who", "text", "", longest=200)
_KEY = Argument("name", "text", longest=100)
_MESSAGE = Argument("message", "integer")
_STATION = Argument("station", "text", longest=64)

VERBS: Final[Mapping[str, Verb]] = {
    verb.name: verb
    for verb in (
        Verb("status", "state of sources, lanes and systems"),
        Verb("check", "findings about configuration, keys, folders, clock and connectivity", slow=True),
        Verb("stop", "stop, after what is in flight has ended", (_BY, _WHY)),
        Verb(
            "submit",
            "a file has been placed in the inbox of a folder: look now",
            (Argument("folder", "text", longest=100), Argument("file", "text", longest=255), _BY),
        ),
        Verb(
            "outbox.list",
            "messages, newest state first",
            (
                Argument("state", "text", "", longest=20),
                Argument("system", "text", "", longest=100),
                Argument("limit", "integer", 100),
            ),
        ),
        Verb("outbox.show", "one message with its history", (_MESSAGE,)),
        Verb("outbox.retry", "send an unknown or parked message again", (_MESSAGE, _WHO, _WHY)),
        Verb("outbox.skip", "let the followers of a failed message go on", (_MESSAGE, _WHO, _WHY)),
        Verb("outbox.cancel", "cancel what of a message's submission is unsent", (_MESSAGE, _WHO, _WHY)),
        Verb(
            "outbox.resolve",
            "decide an unknown or parked message",
            (
                _MESSAGE,
                Argument("as", "text", choices=("accepted", "rejected", "resend")),
                Argument("data", "object", {}),
                _WHO,
                _WHY,
            ),
        ),
        Verb(
            "identifiers.find",
            "numbers that the systems gave, by the HIS's own key or by the number",
            (
                Argument("text", "text", longest=200),
                Argument("system", "text", "", longest=100),
                Argument("limit", "integer", 100),
            ),
        ),
        Verb(
            "trace.owed",
            "settled visits whose trace codes were not all uploaded",
            (Argument("system", "text", "", longest=100),),
        ),
        Verb(
            "protocol.act",
            "what a protocol lets people ask, or decide, about what the agent knows",
            (
                Argument("system", "text", longest=100),
                Argument("name", "text", longest=40),
                Argument("words", "list", ()),
                Argument("who", "text", longest=200),
                _WHY,
            ),
        ),
        Verb("station.list", "scanners, card readers, and what waits for them"),
        Verb(
            "station.events",
            "what was told of a station after an event; 0 begins now",
            (_STATION, Argument("after", "integer", 0)),
        ),
        Verb("station.undo", "forget the last trace code that was scanned", (_STATION, _WHO)),
        Verb(
            "station.show",
            "the item that the next trace code goes to",
            (_STATION, Argument("row", "integer")),
        ),
        Verb(
            "station.cancel",
            "cancel what waits at a station",
            (_STATION, Argument("kind", "text", "", longest=40), _WHO, _WHY),
        ),
        Verb("download.list", "schedules and the files that the HIS has not taken"),
        Verb(
            "download.run",
            "download now; with fields, what they ask for",
            (
                Argument("name", "text", longest=40),
                Argument("system", "text", "", longest=100),
                Argument("fields", "object", {}),
                _WHO,
                _WHY,
            ),
        ),
        Verb(
            "download.again",
            "ask the system to hand out again: by a call's number, by time, or everything",
            (
                Argument("name", "text", longest=40),
                Argument("system", "text", "", longest=100),
                Argument("wire_id", "text", "", longest=40),
                Argument("since", "text", "", longest=40),
                Argument("until", "text", "", longest=40),
                _WHO,
                _WHY,
            ),
        ),
        Verb(
            "keys.import",
            "check a key and keep it in the service account's keyring",
            (
                _KEY,
                Argument("value", "text", longest=65536),
                Argument("certificate", "text", "", longest=65536),
                Argument("rotate", "boolean", False),
                _BY,
                _WHY,
            ),
        ),
        Verb(
            "keys.generate",
            "make a key in the service account's keyring; only its public part is given out",
            (
                _KEY,
                Argument("kind", "text", "", choices=("", "sm2-private", "rsa-private")),
                Argument("rotate", "boolean", False),
                _BY,
                _WHY,
            ),
        ),
        Verb("keys.public", "the public part of a key, to be given to the platform", (_KEY,)),
        Verb(
            "keys.pair",
            "whether a public key or certificate belongs to a private key that is kept",
            (_KEY, Argument("public", "text", longest=65536)),
        ),
        Verb("keys.list", "the keys that the configured systems need, and which of them are there"),
        Verb(
            "audit.verify",
            "go along the audit trail and name what was changed, moved or removed",
            (Argument("heads", "text", "", longest=500_000), Argument("contents", "boolean", False)),
            slow=True,
        ),
        Verb(
            "audit.export",
            "records of the audit trail after one, oldest first",
            (Argument("after", "integer", 0), Argument("limit", "integer", 1000)),
        ),
        Verb(
            "backup",
            "copy the outbox into a new folder while it runs",
            (Argument("target", "text", longest=4096), Argument("who", "text", longest=200), _WHY),
            slow=True,
        ),
        Verb(
            "retention",
            "purge what is older than it is to be kept, or only count it",
            (Argument("dry_run", "boolean", False), _BY, _WHY),
            slow=True,
        ),
        Verb("keys.retire", "forget the former generation of a rotated key", (_KEY, _BY, _WHY)),
        Verb("keys.remove", "remove a key from the keyring", (_KEY, _BY, _WHY)),
    )
}


def complete(verb: str, given: Mapping[str, object]) -> JsonObject:
    """The arguments with their defaults. Raises ControlError; no value appears in its text."""
    known = VERBS.get(verb)
    if known is None:
        raise _wrong(f"控制端口没有命令 {verb[:40]}", "unknown_verb")
    strange = sorted(set(given) - {argument.name for argument in known.arguments})
    if strange:
        raise _wrong(f"命令 {verb} 没有参数 {strange[0][:40]}", "bad_arguments")
    return {argument.name: _value(verb, argument, given) for argument in known.arguments}


def _value(verb: str, argument: Argument, given: Mapping[str, object]) -> object:
    if argument.name not in given:
        if argument.required:
            raise _wrong(f"命令 {verb} 缺少参数 {argument.name}", "bad_arguments")
        return argument.default
    value = given[argument.name]
    typed = isinstance(value, _TYPES[argument.kind]) and (
        argument.kind == "boolean" or not isinstance(value, bool)
    )
    if not typed or (isinstance(value, str) and len(value) > argument.longest):
        raise _wrong(f"命令 {verb} 的参数 {argument.name} 类型不对或过长", "bad_arguments")
    if argument.choices and value not in argument.choices:
        raise _wrong(f"参数 {argument.name} 应为：{'、'.join(argument.choices)}", "bad_arguments")
    return value


def _wrong(message: str, code: str) -> ControlError:
    return ControlError(message, hint="命令行与代理程序的版本可能不同，请用同一版本", details={"code": code})
