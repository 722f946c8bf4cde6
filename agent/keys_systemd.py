"""A keyring that only reads: keys that systemd hands to the service as credentials (systemd.exec(5)).

``LoadCredentialEncrypted=ministry__own-private:…`` in the unit appears, decrypted, as the file
``$CREDENTIALS_DIRECTORY/ministry__own-private``, readable for the service's account alone and gone with the
service. A key's name has ``/`` where the credential's has ``__``. Registered as the entry point
``systemd`` of ``keyring.backends``: where the folder is given it is the backend that keyring chooses.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, ClassVar, Final

from keyring.backend import KeyringBackend
from keyring.errors import InitError, PasswordDeleteError, PasswordSetError

_VARIABLE: Final = "CREDENTIALS_DIRECTORY"
_INDEX: Final = "index"
_LARGEST: Final = 65536


class _Priority:
    """Above every keyring of the system where there are credentials; nowhere else is it viable."""

    def __get__(self, _instance: object, _owner: type) -> float:
        if not os.environ.get(_VARIABLE):
            raise RuntimeError(f"{_VARIABLE} is not set")
        return 9.0


class CredentialsKeyring(KeyringBackend):
    """Credentials as entries of whatever service asks; nothing can be written."""

    priority: ClassVar[Any] = _Priority()

    def get_password(self, service: str, username: str) -> str | None:
        """Raises InitError for a folder or a credential that is not ours to trust."""
        folder = _folder()
        if username == _INDEX:
            return json.dumps(_names(folder))
        path = folder / username.replace("/", "__")
        return _read(path) if path.parent == folder and path.is_file() else None

    def set_password(self, service: str, username: str, password: str) -> None:
        raise PasswordSetError("credentials are read-only")

    def delete_password(self, service: str, username: str) -> None:
        raise PasswordDeleteError("credentials are read-only")


def _folder() -> Path:
    folder = Path(os.environ.get(_VARIABLE, ""))
    if not folder.is_absolute() or not folder.is_dir():
        raise InitError("no credentials folder")
    return folder


def _names(folder: Path) -> list[str]:
    return sorted(path.name.replace("__", "/") for path in folder.iterdir() if "__" in path.name)


def _read(path: Path) -> str:
    """A line end after the last character belongs to the editor, not to the key."""
    _demand_private(path)
    with path.open("rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise InitError("a credential that is too long for a key")
    return content.decode("utf-8").rstrip("\r\n")


def _demand_private(path: Path) -> None:
    """Whoever else could write it could give us his key."""
    info = path.stat()
    if info.st_uid not in {0, _account()} or info.st_mode & 0o022:
        raise InitError("a credential that others may write")


def _account() -> int:
    return os.geteuid() if hasattr(os, "geteuid") else -1
