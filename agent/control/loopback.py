"""The control endpoint as a loopback port: a file that only its owner reads holds port and token.

Used on Windows, where Python has no Unix sockets. The port is free each time; the token is new each
time; ``handshake`` proves both ends to each other.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from agent import jsontext
from agent.clock import SystemClock
from agent.control.handshake import greet_as_client, greet_as_server
from agent.control.lines import Lines
from agent.control.refusals import already_running, not_running
from agent.disk import PRIVATE, make_folder
from agent.errors import ConfigurationError, ControlError

_HOST: Final = "127.0.0.1"
_TOKEN_BYTES: Final = 32
_BACKLOG: Final = 16
_PATIENCE_S: Final = 2.0
_LARGEST_GREETING: Final = 4096
_OWNER_SYSTEM_ADMINISTRATORS: Final = ("*S-1-3-4:F", "*S-1-5-18:F", "*S-1-5-32-544:F")
"""Well-known SIDs: owner rights, the system, the administrators (they can read everything anyway)."""


@dataclass(frozen=True, slots=True)
class _Place:
    port: int
    token: bytes = field(repr=False)


class LoopbackEndpoint:
    """``path`` is the file with port and token; ``operators`` a local group that may read it too."""

    def __init__(self, path: Path, operators: str = "") -> None:
        self._path = path
        self._operators = operators
        self._token = b""

    def listen(self) -> socket.socket:
        self._refuse_second()
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            if sys.platform == "win32":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            listener.bind((_HOST, 0))
            listener.listen(_BACKLOG)
            self._token = secrets.token_bytes(_TOKEN_BYTES)
            self._publish(_Place(listener.getsockname()[1], self._token))
        except (OSError, subprocess.SubprocessError) as error:
            listener.close()
            raise ConfigurationError(
                f"无法建立控制端口 {self._path}：{type(error).__name__}",
                hint="请检查该目录的权限和剩余空间",
            ) from None
        return listener

    def admit(self, connection: socket.socket, lines: Lines) -> None:
        greet_as_server(lines, self._token)

    def connect(self, timeout_s: float) -> socket.socket:
        place = self._place()
        if place is None:
            raise not_running()
        self._token = place.token
        try:
            return socket.create_connection((_HOST, place.port), timeout=timeout_s)
        except OSError:
            raise not_running() from None

    def greet(self, lines: Lines) -> None:
        greet_as_client(lines, self._token)

    def withdraw(self) -> None:
        self._path.unlink(missing_ok=True)

    def _place(self) -> _Place | None:
        try:
            content = jsontext.read_object(self._path.read_text("ascii"))
            return _Place(int(content["port"]), bytes.fromhex(content["token"]))
        except FileNotFoundError:
            return None
        except PermissionError:
            raise ControlError(
                f"无权读取控制端口文件 {self._path}",
                hint="请用运行代理程序的账户或管理员执行",
                details={"code": "forbidden"},
            ) from None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _refuse_second(self) -> None:
        """Whoever answers on the published port and knows the token is a running daemon."""
        try:
            connection = self.connect(_PATIENCE_S)
        except ControlError as error:
            if error.details.get("code") == "not_running":
                return
            raise
        with connection:
            lines = Lines(connection, SystemClock(), largest=_LARGEST_GREETING, timeout_s=_PATIENCE_S)
            try:
                self.greet(lines)
            except ControlError:
                return
        raise already_running(self._path)

    def _publish(self, place: _Place) -> None:
        """Written aside, closed to others while still empty, then renamed into place."""
        make_folder(self._path.parent, PRIVATE)
        aside = self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}.tmp")
        try:
            handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                close_to_others(aside, self._operators)
                file.write(jsontext.write({"port": place.port, "token": place.token.hex()}))
            aside.replace(self._path)
        finally:
            aside.unlink(missing_ok=True)


def close_to_others(path: Path, operators: str = "") -> None:
    """Leave ``path`` readable for its owner, the machine's administrators and, on Windows, the local group
    ``operators`` only.

    Raises OSError or SubprocessError when that cannot be had.
    """
    if sys.platform == "win32":
        icacls = Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "icacls.exe")
        command = [str(icacls), str(path), "/inheritance:r", "/grant:r", *_OWNER_SYSTEM_ADMINISTRATORS]
        command += [f"{operators}:R"] if operators else []
        subprocess.run(command, check=True, capture_output=True, timeout=10)  # noqa: S603 - no shell
    else:
        path.chmod(0o600)
