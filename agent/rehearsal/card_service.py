"""The machine's card service (pcscd) with the virtual reader, for the demo and the tests.

One that runs already is used and left alone. One that is started here ends with :meth:`CardService.stop`;
should its starter die before that, it ends by itself a minute after its last client.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any, Final

from agent.errors import AgentError

READER: Final = "Virtual PCD 00 00"
_SETTINGS: Final = Path("/etc/reader.conf.d/vpcd")
"""Installed with vpcd; it says where the virtual reader's driver is. A lock on it is a lock on the reader."""
_START_S: Final = 20.0
_STOP_S: Final = 20.0
_LOOK_S: Final = 0.01
_PRESENT: Final = 0x20


class CardsUnavailable(AgentError):
    """No card can be rehearsed on this machine; the message is a whole Chinese sentence."""

    code = "cards_unavailable"


class CardService:
    """For one rehearsal at a time on a machine. ``folder`` takes the service's log; nothing does without."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[bytes] | None = None
        self._context: Any = None

    @property
    def ours(self) -> bool:
        """Whether it was started here."""
        return self._process is not None

    def start(self, *, wait: bool = False) -> None:
        """Until the virtual reader is there and empty; with ``wait`` after others who use it. Raises
        CardsUnavailable, after which nothing is left behind."""
        if lacking := _lacking():
            raise CardsUnavailable(lacking)
        try:
            self._lock = _locked(wait=wait)
            if _reader_state() is None:
                self._start()
            self._context = _connected()
            if (_reader_state() or 0) & _PRESENT:
                raise CardsUnavailable("虚拟读卡器里已经有别的程序放的卡")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """May be called again."""
        if self._context is not None:
            _library().SCardReleaseContext(self._context)
            self._context = None
        self.halt()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def halt(self) -> None:
        """End the service that was started here, and stay the one who may start it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def restart(self) -> None:
        """As after a crash: its clients have to begin anew. Raises CardsUnavailable."""
        self.halt()
        self._start()

    def _start(self) -> None:
        if not _is_root():
            raise CardsUnavailable("本机的 pcscd 没有运行（或不允许本用户使用），启动它需要 root")
        log = self._folder / "pcscd.log" if self._folder else Path(os.devnull)
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - the system's own service, no shell
                [str(_program()), "--foreground", "--auto-exit"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline, pause = time.monotonic() + _START_S, threading.Event()
        while _reader_state() is None:
            if self._process.poll() is not None:
                raise CardsUnavailable("本机的 pcscd 启动不了，或正在运行的 pcscd 没有加载虚拟读卡器")
            if time.monotonic() > deadline:
                raise CardsUnavailable("本机的 pcscd 没有在规定时间内给出虚拟读卡器")
            pause.wait(_LOOK_S)


def _lacking() -> str:
    """What this machine lacks, or ""."""
    if _on_windows():
        return "Windows 没有可以演练的虚拟读卡器"
    if importlib.util.find_spec("smartcard") is None:
        return "本机没有安装读卡组件 pyscard（his-agent[cards]）"
    if _program() is None:
        return "本机没有安装 pcscd"
    if not _SETTINGS.exists():
        return "本机没有安装虚拟读卡器 vsmartcard-vpcd"
    return ""


def _program() -> str | None:
    """Also where it lies outside the path of ordinary accounts."""
    return shutil.which("pcscd") or shutil.which("pcscd", path="/usr/sbin:/sbin:/usr/local/sbin")


def _on_windows() -> bool:
    return sys.platform == "win32"


def _is_root() -> bool:
    return sys.platform != "win32" and os.geteuid() == 0


def _locked(*, wait: bool) -> IO[bytes]:
    """Held until it is closed, also by death. Raises CardsUnavailable."""
    try:
        held = _SETTINGS.open("rb")
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(held, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        held.close()
        raise CardsUnavailable("虚拟读卡器正被另一个演练使用") from None
    except OSError:
        raise CardsUnavailable("本机不允许使用虚拟读卡器的设置文件") from None
    return held


def _library() -> Any:
    from smartcard import scard

    return scard


def _connected() -> Any:
    """A client of the service, so that it does not take itself for unused."""
    status, context = _library().SCardEstablishContext(_library().SCARD_SCOPE_SYSTEM)
    if status:
        raise CardsUnavailable("本机的 pcscd 不接受连接")
    return context


def _reader_state() -> int | None:
    """The flags of the virtual reader; None without it, or without a service that lets us ask."""
    scard = _library()
    status, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    if status:
        return None
    try:
        status, states = scard.SCardGetStatusChange(context, 0, [(READER, 0)])
        return None if status else int(states[0][1])
    finally:
        scard.SCardReleaseContext(context)
