"""Texts of any length as entries of a keyring.

The Windows Credential Manager takes 2,560 bytes of UTF-16 per entry, less than an RSA key needs, so
a long text is kept in numbered parts under its name, and the entry of the name itself says how
many there are and what the whole must be. Parts are written before that entry and removed after it,
under a new generation each time: whenever the machine stops, the name gives the old or the new text.
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
_MARK: Final = "his-agent-parts:1:"


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
        """The text, or None when there is none. Raises ConfigurationError when parts do not fit."""
        entry = self._get(name)
        head = _head(entry)
        if entry is None or head is None:
            return entry
        text = "".join(self._get(part) or "" for part in head.names(name))
        if (len(text), _digest(text)) != (head.length, head.sha256):
            raise ConfigurationError(
                f"钥匙串里的 {name} 已损坏",
                hint=f"请重新导入：his-agent keys import {name}",
                details={"entry": name},
            )
        return text

    def write(self, name: str, text: str) -> None:
        former = _head(self._get(name))
        if len(text) <= _PIECE and not text.startswith(_MARK):
            self._set(name, text)
        else:
            pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
            head = _Head(secrets.token_hex(4), len(pieces), len(text), _digest(text))
            for part, piece in zip(head.names(name), pieces, strict=True):
                self._set(part, piece)
            self._set(name, _MARK + json.dumps(asdict(head)))
        self._drop_parts(name, former)

    def delete(self, name: str) -> bool:
        """Whether there was such a text."""
        entry = self._get(name)
        if entry is None:
            return False
        self._call("delete_password", name)
        self._drop_parts(name, _head(entry))
        return True

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


def _head(entry: str | None) -> _Head | None:
    if entry is None or not entry.startswith(_MARK):
        return None
    return _Head(**json.loads(entry.removeprefix(_MARK)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
