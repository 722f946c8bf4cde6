"""A keyring for tests only: entries in a plain file, so that processes share them.

It is just what the agent refuses unless ``keys.allow_backends`` names it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import ClassVar

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError


class PlainKeyring(KeyringBackend):
    """``PLAIN_KEYRING`` names the file."""

    priority: ClassVar[float] = -1.0

    def get_password(self, service: str, username: str) -> str | None:
        return self._read().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._write(self._read() | {f"{service} {username}": password})

    def delete_password(self, service: str, username: str) -> None:
        entries = self._read()
        if entries.pop(f"{service} {username}", None) is None:
            raise PasswordDeleteError
        self._write(entries)

    def _read(self) -> dict[str, str]:
        file = Path(os.environ["PLAIN_KEYRING"])
        entries: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
        return entries

    def _write(self, entries: dict[str, str]) -> None:
        Path(os.environ["PLAIN_KEYRING"]).write_text(json.dumps(entries))
