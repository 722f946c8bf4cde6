"""One run of a helper: its process, and its lines both ways, each on a thread of their own: a helper that
neither reads nor writes must hold up nobody for longer than a call may take."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from agent import jsontext
from agent.clock import Clock
from agent.errors import HelperDied, HelperTimedOut

MOST_BYTES = 1024 * 1024
"""Of one line; a longer one is no answer."""

_NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)
_ENDS_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class HelperSettings:
    """How a helper is started and how long it may take.

    ``command`` is run without a shell, in ``folder`` where given: libraries look for their
    companions there.
    """

    name: str
    command: tuple[str, ...]
    folder: Path | None = None
    start_within_s: float = 10.0
    answer_within_s: float = 30.0


class HelperRun:
    """A started process. Raises OSError when it cannot be started."""

    def __init__(self, settings: HelperSettings, clock: Clock) -> None:
        self._name = settings.name
        self._clock = clock
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._arrived = threading.Event()
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._process = subprocess.Popen(  # noqa: S603 - the configured command, no shell
            settings.command,
            cwd=settings.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=_NO_WINDOW,
        )
        self._reader = threading.Thread(target=self._read, name=f"helper {settings.name}", daemon=True)
        self._reader.start()
        self._writer = threading.Thread(target=self._send, name=f"to helper {settings.name}", daemon=True)
        self._writer.start()

    @property
    def process_id(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def write(self, message: dict[str, Any]) -> None:
        """Hand the message over: a helper that does not read it costs :meth:`read` its time limit only."""
        self._outgoing.put(json.dumps(message, ensure_ascii=True).encode("ascii") + b"\n")

    def read(self, within_s: float) -> dict[str, Any]:
        """The next line. Raises HelperTimedOut, and HelperDied for the end or what is no message."""
        line = self._next_line(self._clock.monotonic() + within_s)
        if line is None:
            raise died(self._name)
        try:
            return jsontext.read_object(line.decode("ascii"))
        except ValueError:
            raise HelperDied(
                f"助手程序 {self._name} 的应答不是约定的格式",
                hint="请核对助手程序的版本",
                details={"helper": self._name},
            ) from None

    def kill(self) -> None:
        """End the process at once; may be called while another thread reads or writes."""
        self._process.kill()

    def end(self) -> None:
        """End the process, kindly at first: the end of its input ends it, also within a call."""
        self._outgoing.put(None)
        try:
            self._process.wait(0.2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_ENDS_WITHIN_S)
        self._writer.join(_ENDS_WITHIN_S)
        self._reader.join(_ENDS_WITHIN_S)
        _pipe(self._process.stdout).close()

    def _next_line(self, until: float) -> bytes | None:
        while self._lines.empty():
            if not self._clock.wait(self._arrived, max(0.0, until - self._clock.monotonic())):
                raise HelperTimedOut(
                    f"助手程序 {self._name} 没有在规定时间内应答",
                    hint="请检查设备和厂商驱动；程序已被结束，下次使用时自动重新启动",
                    details={"helper": self._name},
                )
            self._arrived.clear()
        return self._lines.get()

    def _read(self) -> None:
        stdout = _pipe(self._process.stdout)
        with contextlib.suppress(OSError, ValueError):
            while (line := stdout.readline(MOST_BYTES)).endswith(b"\n"):
                self._put(line)
        self._put(None)

    def _send(self) -> None:
        """Write what is handed over; the end of the helper's input is the last of it."""
        stdin = _pipe(self._process.stdin)
        with contextlib.suppress(OSError):
            while (line := self._outgoing.get()) is not None:
                stdin.write(line)
                stdin.flush()
        with contextlib.suppress(OSError):
            stdin.close()

    def _put(self, line: bytes | None) -> None:
        self._lines.put(line)
        self._arrived.set()


def died(name: str) -> HelperDied:
    return HelperDied(
        f"助手程序 {name} 意外退出",
        hint="请检查厂商驱动是否装全、位数（32/64 位）是否一致；下次使用时自动重新启动",
        details={"helper": name},
    )


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise AssertionError("started with pipes")
    return pipe
