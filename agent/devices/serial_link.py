"""Serial and USB-CDC scanners through pyserial."""

from __future__ import annotations

import contextlib
import errno
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from agent.clock import Clock
from agent.devices.discovery import PortFinder
from agent.devices.framing import Framer, FramingRules
from agent.devices.model import DeviceBusy, DeviceDenied, DeviceError, DeviceGone, DeviceMissing

if TYPE_CHECKING:
    import serial

_READ_S: Final = 0.1
"""How long one read waits: bounds the time to stop, and how exactly a quiet gap is seen."""
_WRITE_S: Final = 0.5
_BUSY: Final = frozenset({errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK})
_DENIED: Final = frozenset({errno.EACCES, errno.EPERM})
_WINDOWS_ERROR: Final = re.compile(r"(PermissionError|FileNotFoundError|OSError)\(")


@dataclass(frozen=True, slots=True)
class LineSettings:
    """How the line is set; USB-CDC devices ignore it. Most RS-232 scanners come with 9600 8N1."""

    baud: int = 9600
    data_bits: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    flow: Literal["none", "rtscts", "xonxoff"] = "none"
    framing: FramingRules = field(default_factory=FramingRules)


class SerialLink:
    """An open port. Reads one code after the other; see :class:`agent.devices.scanner.ScannerLink`."""

    def __init__(self, port: serial.Serial, framing: FramingRules, clock: Clock) -> None:
        self._port = port
        self._framer = Framer(framing)
        self._clock = clock

    @property
    def label(self) -> str:
        return str(self._port.port)

    @property
    def discarded(self) -> int:
        return self._framer.discarded

    def read(self) -> list[bytes]:
        data = self._guarded(lambda: self._port.read(1))
        if not data:
            return self._framer.quiet(self._clock.monotonic())
        return self._framer.feed(data + self._rest(), self._clock.monotonic())

    def _rest(self) -> bytes:
        """What arrived with the first byte. One read for all would lose all when the device goes away
        within it; an error here comes again at the next read."""
        try:
            return bytes(self._port.read(self._port.in_waiting))
        except ERRORS:
            return b""

    def reply(self, data: bytes) -> None:
        self._guarded(lambda: self._port.write(data))

    def close(self) -> None:
        with contextlib.suppress(*ERRORS):
            self._port.close()

    def _guarded(self, act: Callable[[], Any]) -> bytes:
        try:
            done = act()
        except ERRORS as error:
            raise DeviceGone(
                f"扫码枪断开了（{self.label}）",
                hint="请检查连线；重新插好后自动恢复",
                details={"port": self.label, "error": type(error).__name__},
            ) from None
        return done if isinstance(done, bytes) else b""


def open_serial(finder: PortFinder, line: LineSettings, clock: Clock) -> SerialLink:
    """Find the port and open it for this program alone. Raises DeviceError."""
    import serial

    name = finder.find()
    try:
        port = serial.Serial(
            name,
            baudrate=line.baud,
            bytesize=line.data_bits,
            parity=line.parity,
            stopbits=line.stop_bits,
            rtscts=line.flow == "rtscts",
            xonxoff=line.flow == "xonxoff",
            timeout=_READ_S,
            write_timeout=_WRITE_S,
            exclusive=True,
        )
        _refuse_others(port)
    except ERRORS as error:
        raise opening_error(name, error) from None
    finder.opened(name)
    return SerialLink(port, line.framing, clock)


def opening_error(name: str, error: Exception) -> DeviceError:
    """What a port that cannot be opened means. Windows says it only in the text of the exception."""
    number = getattr(error, "errno", None)
    named = _WINDOWS_ERROR.search(str(error)) if number is None else None
    kind = named[1] if named else ""
    details = {"port": name, "errno": number, "error": kind or type(error).__name__}
    if number in _BUSY or kind == "PermissionError":
        return DeviceBusy(
            f"串口 {name} 被别的程序占用", hint="请关闭占用它的程序（如 HIS 的扫码设置）", details=details
        )
    if number in _DENIED:
        return DeviceDenied(
            f"没有使用串口 {name} 的权限", hint="请把运行本程序的用户加入 dialout 组", details=details
        )
    return DeviceMissing(f"没有串口 {name}", hint="请插好扫码枪并核对端口名", details=details)


def _errors() -> tuple[type[Exception], ...]:
    """What pyserial lets through when a device goes away: its own exceptions are OSErrors, closed
    descriptors show as TypeErrors, and on Linux the terminal calls raise what is no OSError."""
    errors: tuple[type[Exception], ...] = (OSError, TypeError)
    if sys.platform != "win32":
        import termios

        errors = (*errors, termios.error)
    return errors


def _refuse_others(port: serial.Serial) -> None:
    """On Linux another program could still open the port and take away bytes; Windows never lets it."""
    if sys.platform != "win32":
        import fcntl
        import termios

        fcntl.ioctl(port.fileno(), termios.TIOCEXCL)


ERRORS: Final = _errors()
