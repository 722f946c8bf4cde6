"""Structured logs: JSON lines in a rotating file, readable lines on a terminal or in the journal.

Everything passes one chain, also what other libraries write through ``logging``: it is masked
(``agent.masking``), and of an exception only its types, codes and places are kept, never its text
and never a local variable. Field codes that catalogs call sensitive are made known by
:func:`hide`.

structlog is imported by the first configured or written log line, not by importing this module:
commands that log nothing do not pay for it.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from typing import IO, TYPE_CHECKING, Any, Final

from agent.clock import Clock, SystemClock
from agent.disk import PRIVATE, make_folder, reason
from agent.errors import AgentError, ConfigurationError
from agent.masking import Masker

if TYPE_CHECKING:
    from pathlib import Path

    from agent.config.model import LogConfig

_MEGABYTE: Final = 1024 * 1024
_MOST_FRAMES: Final = 12
_OURS: Final = ("agent", "plugins", "winservice")
_PRIORITIES: Final = {
    logging.CRITICAL: 2,
    logging.ERROR: 3,
    logging.WARNING: 4,
    logging.INFO: 6,
    logging.DEBUG: 7,
}
"""syslog(3)"""
_masker = Masker()
_importing = threading.Lock()
_imported: list[Any] = []


def get_logger(name: str) -> Logger:
    """The logger of a module: ``_log = get_logger(__name__)``; keywords become fields of the line."""
    return Logger(name)


def hide(codes: Iterable[str]) -> None:
    """Mask the values of these field codes from now on, in every log line."""
    _masker.add(codes)


class Logger:
    """Writes events with fields. Event texts are short, fixed English; what varies goes into fields."""

    __slots__ = ("_bound", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._bound: Any = None

    def debug(self, event: str, **fields: Any) -> None:
        if logging.getLogger(self._name).isEnabledFor(logging.DEBUG):
            self._logger().debug(event, **fields)

    def info(self, event: str, **fields: Any) -> None:
        self._logger().info(event, **fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._logger().warning(event, **fields)

    def error(self, event: str, **fields: Any) -> None:
        self._logger().error(event, **fields)

    def exception(self, event: str, **fields: Any) -> None:
        """As ``error``, with the types, codes and places of the exception being handled."""
        self._logger().error(event, exc_info=sys.exc_info(), **fields)

    def _logger(self) -> Any:
        if self._bound is None:
            self._bound = _structlog().get_logger(self._name)
        return self._bound


def configure(
    log: LogConfig,
    *,
    clock: Clock | None = None,
    console: IO[str] | None = None,
    also: Iterable[logging.Handler] = (),
) -> None:
    """Send all logging of the process to ``log.file``, as ``log.console`` says to ``console`` (standard
    error), and to ``also``, which get lines as the journal does. Replaces an earlier configuration.
    Raises ConfigurationError for an unusable file.
    """
    stream = console or sys.stderr
    handlers: list[logging.Handler] = [_file_handler(log), *also]
    if log.console == "auto" and stream is not None and _is_journal(stream):
        handlers.append(_JournalHandler(stream))
    elif log.console == "always" or (log.console == "auto" and stream is not None and stream.isatty()):
        handlers.append(_ConsoleHandler(stream))
    chain = _Chain(clock or SystemClock())
    for handler in handlers:
        handler.setFormatter(chain.formatter(handler))
    _install(handlers, log.level)
    chain.configure()


def close() -> None:
    """Flush and close every handler; later lines go nowhere."""
    _install([logging.NullHandler()], "info")


@contextmanager
def strays_caught() -> Iterator[None]:
    """What ends a thread that nobody watches, or is raised where nobody can catch it, goes to the log as any
    exception does: Python would write its text, which may quote a person, to standard error."""

    def thread_ended(told: threading.ExceptHookArgs) -> None:
        name = told.thread.name if told.thread else ""
        get_logger(__name__).error("thread ended by an error", thread_name=name, exc_info=told.exc_value)

    def not_raisable(told: sys.UnraisableHookArgs) -> None:
        get_logger(__name__).error("error where none can be raised", exc_info=told.exc_value)

    former = threading.excepthook, sys.unraisablehook
    threading.excepthook, sys.unraisablehook = thread_ended, not_raisable
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = former


def _install(handlers: list[logging.Handler], level: str) -> None:
    root = logging.getLogger()
    for former in list(root.handlers):
        root.removeHandler(former)
        former.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(level.upper())
    logging.getLogger("watchdog.observers.inotify").addFilter(_worth_telling)
    logging.captureWarnings(capture=True)


def _worth_telling(record: logging.LogRecord) -> bool:
    """All that watchdog says, but not the error it may log whenever a watch is stopped: its thread asks
    once more for events. Nothing is overlooked then, for a rescan finds what no watch reported."""
    return not record.getMessage().endswith("queue_events() called when the thread is inactive")


def _file_handler(log: LogConfig) -> logging.Handler:
    try:
        make_folder(log.file.parent, PRIVATE)
        return _File(log.file, log.max_mb * _MEGABYTE, log.keep)
    except OSError as error:
        raise ConfigurationError(
            f"无法写日志文件 {log.file}：{reason(error)}", hint="请检查 log.file 所在目录的权限和剩余空间"
        ) from None


class _Complaint:
    """A line that cannot be written is told on standard error, without the line."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        kind = sys.exc_info()[0]
        if sys.stderr is not None:
            sys.stderr.write(f"his-agent: log line lost: {kind.__name__ if kind else 'unknown'}\n")


class _ConsoleHandler(_Complaint, logging.StreamHandler[IO[str]]):
    pass


class _JournalHandler(_Complaint, logging.StreamHandler[IO[str]]):
    """Each line begins with its priority, as sd-daemon(3) says; the journal adds the time."""

    def format(self, record: logging.LogRecord) -> str:
        return f"<{_PRIORITIES.get(record.levelno, _PRIORITIES[logging.DEBUG])}>{super().format(record)}"


def _is_journal(stream: IO[str]) -> bool:
    """Whether ``stream`` is the one that systemd connected to the journal (systemd.exec(5))."""
    named = os.environ.get("JOURNAL_STREAM", "")
    if not named:
        return False
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return named == f"{status.st_dev}:{status.st_ino}"


class _File(_Complaint, RotatingFileHandler):
    """Rotates by size. A file that another program holds open (Windows) is written on instead, and
    rotation is tried again a tenth of its size later."""

    def __init__(self, path: Path, largest: int, keep: int) -> None:
        super().__init__(path, maxBytes=largest, backupCount=keep, encoding="utf-8", errors="replace")
        self._rotate_at = largest

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802 - logging's name
        if self.stream is None:
            self.stream = self._open()
        return self.stream.seek(0, 2) >= self._rotate_at

    def doRollover(self) -> None:  # noqa: N802 - logging's name
        try:
            super().doRollover()
        except OSError:
            self.stream = self._open()
            self._rotate_at = self.stream.seek(0, 2) + self.maxBytes // 10
        else:
            self._rotate_at = self.maxBytes

    def _open(self) -> TextIOWrapper:
        stream = super()._open()
        if sys.platform != "win32":
            os.fchmod(stream.fileno(), 0o600)
        return stream


class _Chain:
    """The processors that every line passes, from structlog or from ``logging``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        structlog = _structlog()
        self._shared = (
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            self._stamp,
            summarise_exception,
            mask,
        )

    def configure(self) -> None:
        structlog = _structlog()
        structlog.configure(
            processors=[
                structlog.stdlib.filter_by_level,
                *self._shared,
                structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
            ],
            logger_factory=structlog.stdlib.LoggerFactory(),
            wrapper_class=structlog.stdlib.BoundLogger,
            cache_logger_on_first_use=False,
        )

    def formatter(self, handler: logging.Handler) -> logging.Formatter:
        structlog = _structlog()
        rendering: list[Any] = [structlog.processors.JSONRenderer(ensure_ascii=False, default=_refuse)]
        if not isinstance(handler, _File):
            rendering = [_plain_line]
        if isinstance(handler, _ConsoleHandler):
            rendering = [
                write_out_exception,
                structlog.dev.ConsoleRenderer(colors=handler.stream.isatty()),
            ]
        formatter: logging.Formatter = structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=self._shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
        return formatter

    def _stamp(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> Any:
        event["time"] = self._clock.now().isoformat(timespec="milliseconds")
        return event


_STRUCTLOG_OWN: Final = frozenset({"_record", "_from_structlog", "_logger", "_name"})


def mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """The processor that masks; structlog's own entries pass untouched."""
    meta = {key: value for key, value in event.items() if key in _STRUCTLOG_OWN}
    shown = {key: value for key, value in event.items() if key not in _STRUCTLOG_OWN}
    return {**_masker.mapping(shown), **meta}


def summarise_exception(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replaces ``exc_info`` by ``exception``: types, codes and places, innermost last."""
    given = event.pop("exc_info", None)
    error = given[1] if isinstance(given, tuple) else given
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        event["exception"] = [_summary(one) for one in _causes(error)]
    return event


def _causes(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return chain


def _summary(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]
    summary: dict[str, Any] = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "places": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if isinstance(error, AgentError):
        summary |= {"code": error.code, "message": error.message, "details": dict(error.details)}
    elif isinstance(error, OSError):
        summary["errno"] = error.errno
    return summary


def write_out_exception(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """For the console, whose renderer appends ``exception`` and ``stack`` as text: the summaries of
    ``summarise_exception`` as lines, anything else under these names as one line."""
    for key in ("exception", "stack"):
        given = event.pop(key, None)
        if given is not None:
            event[key] = "\n".join(_lines(given))
    return event


def _lines(given: Any) -> Iterable[str]:
    for one in given if isinstance(given, list) else [given]:
        if not isinstance(one, dict) or "places" not in one:
            yield str(one)
            continue
        told = [f"{key}={value}" for key, value in one.items() if key not in ("type", "places")]
        yield " ".join([str(one.get("type")), *told])
        yield from (f"    {place}" for place in one["places"])


def _plain_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """One line for a system log that keeps time and level itself: the event, then its fields as JSON."""
    fields = {key: value for key, value in event.items() if key not in ("event", "time", "level")}
    told = str(event.get("event", "")).replace("\n", "\\n")
    return f"{told} {json.dumps(fields, ensure_ascii=False, default=_refuse)}" if fields else told


def _refuse(value: Any) -> str:
    return f"<{type(value).__name__}>"


def _structlog() -> Any:
    """structlog, imported without rich: its console renderer loads rich (70 ms) only to draw the
    tracebacks that ``summarise_exception`` takes away."""
    if _imported:
        return _imported[0]
    with _importing:  # another thread's import is in sys.modules before it is whole
        hidden = "rich" not in sys.modules
        if hidden:
            sys.modules["rich"] = None  # type: ignore[assignment]  # the import system's "not there"
        try:
            import structlog
        finally:
            if hidden:
                del sys.modules["rich"]
        _imported[:] = [structlog]
    return structlog
