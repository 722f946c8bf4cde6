"""Texts of any length as entries of a keyring, each with a digest that shows any change of it.

The Windows Credential Manager takes 2,560 bytes of UTF-16 per entry, less than an RSA key needs, so
a long text is kept in numbered parts under its name, and the entry of the name itself says how
many there are and what the whole must be. Parts are written before that entry and removed after it,
under a new generation each time: whenever the machine stops, the name gives the old or the new text.

A changed bit would make another key of most keys, which signs and opens nothing; here it is named. What
people put into the keyring by other means, or systemd hands over, has no digest and is taken as it is.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from agent.errors import ConfigurationError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

_PIECE: Final = 600
"""Characters of a part: at most 2,400 bytes of UTF-16, whatever the characters."""
_CHECKED: Final = "his-agent-checked:1:"
_PARTS: Final = "his-agent-parts:1:"
DAMAGED: Final = "damaged"
"""The reason in the details of the error for a text that is not what was written."""
_DIGEST_CHARACTERS: Final = 16
_NEARLY: Final = 3
"""So few characters that differ from the mark are damage, not another text."""


@dataclass(frozen=True, slots=True)
class _Head:
    generation: str
    count: int
    length: int
    sha256: str

    def names(self, name: str) -> list[str]:
        return [f"{name}#{self.generation}.{number}" for number in range(1, self.count + 1)]


class Entries:
    """Reads and writes texts in ``backend`` under ``service``. Raises ConfigurationError whenever the
    backend refuses, without its words: they may quote what it was given."""

    def __init__(self, backend: KeyringBackend, service: str) -> None:
        self._backend = backend
        self._service = service

    def read(self, name: str) -> str | None:
        """The text, or None when there is none. Raises ConfigurationError, which names it, for a text that
        was changed or whose parts do not make the whole."""
        entry = self._checked(name)
        head = _head(name, entry)
        if entry is None or head is None:
            return entry
        text = "".join(self._get(part) or "" for part in head.names(name))
        if (len(text), _digest(text)) != (head.length, head.sha256):
            raise _damaged(name)
        return text

    def write(self, name: str, text: str) -> None:
        former = self._former(name)
        if len(text) <= _PIECE and not text.startswith(_PARTS):
            self._set(name, _with_digest(text))
        else:
            pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
            head = _Head(secrets.token_hex(4), len(pieces), len(text), _digest(text))
            for part, piece in zip(head.names(name), pieces, strict=True):
                self._set(part, piece)
            self._set(name, _with_digest(_PARTS + json.dumps(asdict(head))))
        self._drop_parts(name, former)

    def delete(self, name: str) -> bool:
        """Whether there was such a text."""
        if self._get(name) is None:
            return False
        former = self._former(name)
        self._call("delete_password", name)
        self._drop_parts(name, former)
        return True

    def _former(self, name: str) -> _Head | None:
        """The parts that are replaced or removed; those of a damaged entry are not known any more."""
        entry = self._get(name)
        try:
            return _head(name, _unwrapped(name, entry))
        except ConfigurationError:
            return None

    def _checked(self, name: str) -> str | None:
        return _unwrapped(name, self._get(name))

    def _drop_parts(self, name: str, head: _Head | None) -> None:
        for part in head.names(name) if head else ():
            if self._get(part) is not None:
                self._call("delete_password", part)

    def _get(self, name: str) -> str | None:
        value = self._call("get_password", name)
        return None if value is None else str(value)

    def _set(self, name: str, value: str) -> None:
        self._call("set_password", name, value)

    def _call(self, method: str, name: str, *rest: str) -> Any:
        try:
            return getattr(self._backend, method)(self._service, name, *rest)
        except Exception as error:  # noqa: BLE001 - each backend raises what its platform does
            raise ConfigurationError(
                "系统钥匙串拒绝了这次操作",
                hint="请确认钥匙串已解锁，并且是运行代理程序的账户",
                details={"operation": method, "entry": name, "cause": type(error).__name__},
            ) from None


def _head(name: str, entry: str | None) -> _Head | None:
    """Raises ConfigurationError."""
    if entry is None or not entry.startswith(_PARTS):
        return None
    try:
        return _Head(**json.loads(entry.removeprefix(_PARTS)))
    except (ValueError, TypeError):
        raise _damaged(name) from None


def _with_digest(text: str) -> str:
    return f"{_CHECKED}{_digest(text)[:_DIGEST_CHARACTERS]}:{text}"


def _unwrapped(name: str, entry: str | None) -> str | None:
    """Raises ConfigurationError."""
    if entry is None or not _marked(entry):
        return entry
    start = len(_CHECKED) + _DIGEST_CHARACTERS + 1
    text = entry[start:]
    if entry[:start] != _with_digest(text)[:start]:
        raise _damaged(name)
    return text


def _marked(entry: str) -> bool:
    """Also when the mark itself was damaged."""
    differing = sum(one != other for one, other in zip(entry, _CHECKED, strict=False))
    return len(entry) >= len(_CHECKED) and differing <= _NEARLY


def _damaged(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"钥匙串里的 {name} 已损坏",
        hint=f"请重新导入：his-agent keys import {name} 文件",
        details={"entry": name, "reason": DAMAGED},
    )


def is_damage(error: ConfigurationError) -> bool:
    return error.details.get("reason") == DAMAGED


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
