"""The control endpoint as a Unix socket: mode 0600, and the kernel tells who is at the other end."""

from __future__ import annotations

import sys

if sys.platform != "win32":
    import os
    import socket
    import stat
    import struct
    from collections.abc import Iterator
    from contextlib import contextmanager
    from pathlib import Path
    from typing import Final

    from agent.control.lines import Lines
    from agent.control.refusals import already_running, not_running
    from agent.disk import PRIVATE, make_folder, reason
    from agent.errors import ConfigurationError, ControlError

    _LONGEST_ADDRESS: Final = 107
    """Bytes of ``sun_path`` without its final NUL (Linux unix(7))."""
    _PATIENCE_S: Final = 2.0
    _BACKLOG: Final = 16

    class UnixEndpoint:
        """``path`` is the socket; its folder is made with mode 0700 when it is missing."""

        def __init__(self, path: Path) -> None:
            self._path = path

        def listen(self) -> socket.socket:
            self._make_folder()
            self._remove_stale()
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                with self._address() as address:
                    listener.bind(address)
                self._path.chmod(0o600)
                listener.listen(_BACKLOG)
            except OSError as error:
                listener.close()
                raise ConfigurationError(
                    f"无法建立控制端口 {self._path}：{reason(error)}", hint="请检查该目录的权限和剩余空间"
                ) from None
            return listener

        def admit(self, connection: socket.socket, lines: Lines) -> None:
            if _peer_uid(connection) not in {0, os.geteuid()}:
                raise ControlError(
                    "这个账户无权使用控制端口",
                    hint="请用运行代理程序的账户或 root 执行",
                    details={"code": "stranger"},
                )

        def connect(self, timeout_s: float) -> socket.socket:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(timeout_s)
            try:
                with self._address() as address:
                    connection.connect(address)
            except PermissionError:
                connection.close()
                raise ControlError(
                    f"无权访问控制端口 {self._path}",
                    hint="请用运行代理程序的账户或 root 执行",
                    details={"code": "forbidden"},
                ) from None
            except OSError:
                connection.close()
                raise not_running() from None
            return connection

        def greet(self, lines: Lines) -> None:
            """Nothing to say: the kernel vouches for the peer."""

        def withdraw(self) -> None:
            self._path.unlink(missing_ok=True)

        def _make_folder(self) -> None:
            try:
                make_folder(self._path.parent, PRIVATE)
            except OSError as error:
                raise ConfigurationError(
                    f"无法建立目录 {self._path.parent}：{reason(error)}", hint="请检查上级目录的权限"
                ) from None

        def _remove_stale(self) -> None:
            """A socket that nobody serves was left by a crash; anything else is not ours to remove."""
            try:
                mode = self._path.lstat().st_mode
            except FileNotFoundError:
                return
            if not stat.S_ISSOCK(mode):
                raise ConfigurationError(
                    f"控制端口的位置 {self._path} 已有别的文件", hint="请改 control.path，或移走那个文件"
                )
            try:
                self.connect(_PATIENCE_S).close()
            except ControlError as error:
                if error.details.get("code") != "not_running":
                    raise
                self._path.unlink(missing_ok=True)
            else:
                raise already_running(self._path)

        @contextmanager
        def _address(self) -> Iterator[str]:
            """The address for the kernel; a path too long for it goes by its folder's handle."""
            path = os.fspath(self._path)
            if len(os.fsencode(path)) <= _LONGEST_ADDRESS:
                yield path
                return
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                yield f"/proc/self/fd/{folder}/{self._path.name}"
            finally:
                os.close(folder)

    def _peer_uid(connection: socket.socket) -> int:
        """The account at the other end (unix(7), SO_PEERCRED: pid, uid, gid)."""
        size = struct.calcsize("iII")
        _, uid, _ = struct.unpack("iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
        return int(uid)
