"""The real PC/SC stack for card tests: pcscd with the virtual reader of vsmartcard-vpcd."""

from __future__ import annotations

import importlib.util
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

if sys.platform != "win32":
    import fcntl

READER_FILE = Path("/etc/reader.conf.d/vpcd")
READER = "Virtual PCD 00 00"


def lacking() -> str:
    """What this machine lacks for card tests, or ""."""
    if sys.platform == "win32":
        return "the virtual reader is for Linux"
    if importlib.util.find_spec("smartcard") is None:
        return "pyscard is not installed (make setup, with libpcsclite-dev)"
    if shutil.which("pcscd") is None:
        return "pcscd is not installed"
    if not READER_FILE.exists():
        return "vsmartcard-vpcd is not installed"
    if os.geteuid() != 0 and not _reader_there():
        return "pcscd does not run and only root can start it"
    return ""


def _refuse(reason: str) -> NoReturn:
    """CI has it all: there a card test that cannot run is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"card tests must run in CI: {reason}")
    pytest.skip(reason)


def _reader_there() -> bool:
    from smartcard import scard

    status, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    if status:
        return False
    _, readers = scard.SCardListReaders(context, [])
    scard.SCardReleaseContext(context)
    return READER in readers


class Daemon:
    """pcscd, started and stopped at will; one that runs already is used and left alone."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if _reader_there():
            return
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(["pcscd", "--foreground"], stdout=quiet, stderr=quiet)
        deadline = time.monotonic() + 20
        while not _reader_there():
            assert time.monotonic() < deadline, "pcscd shows no virtual reader"
            select.select([], [], [], 0.01)

    @property
    def ours(self) -> bool:
        return self._process is not None

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None


@pytest.fixture
def pcscd() -> Iterator[Daemon]:
    """There is one pcscd on a machine: tests of several workers take turns."""
    if reason := lacking():
        _refuse(reason)
    with Path(tempfile.gettempdir(), "his-agent-test-pcscd.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        daemon = Daemon()
        daemon.start()
        yield daemon
        daemon.stop()
