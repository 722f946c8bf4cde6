"""A keyring that forgets: for rehearsals and tests, chosen only by name.

``PYTHON_KEYRING_BACKEND=agent.keys_memory.MemoryKeyring`` selects it. Keys come over the control
endpoint or by ``run --keys-from-stdin`` and are gone with the process; nothing reaches a disk.
"""

from __future__ import annotations

import threading
from typing import ClassVar

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError


class MemoryKeyring(KeyringBackend):
    """Entries in the memory of this process."""

    priority: ClassVar[float] = -1.0  # below keyring's own "none found"

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._guard = threading.Lock()
        self._entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        with self._guard:
            return self._entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        with self._guard:
            self._entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        with self._guard:
            if self._entries.pop((service, username), None) is None:
                raise PasswordDeleteError("no such entry")
