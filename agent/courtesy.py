"""Who serves a person goes first, and long work lets it pass.

Python runs one thread at a time and shares the time evenly: a payment at the desk that meets a batch of 500
rows would take twice as long, and longer still before the writer that the batch occupies. So the short ways
on which a person waits are marked by :func:`first`, and whatever works through a bulk asks between two of its
pieces whether to :func:`give_way`. It waits ``LONGEST_S`` at most each time, so that it gets on even while
tills are busy without a pause. Only time is given; no result depends on it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

LONGEST_S: Final = 0.05
HURRY_S: Final = 0.00005
"""How soon a thread that computes lets go of the interpreter while somebody goes first: between two of its
pieces may lie 25 ms, and whoever goes first asks for the interpreter a hundred times."""

_T = TypeVar("_T")


class _Here(threading.local):
    first = False


class _Way:
    """How many threads go first; ``free`` is set while none does."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._going = 0
        self._usual_s = sys.getswitchinterval()
        self.free = threading.Event()
        self.free.set()

    def enter(self) -> None:
        with self._mutex:
            self._going += 1
            if self._going == 1:
                self.free.clear()
                self._usual_s = sys.getswitchinterval()
                sys.setswitchinterval(min(HURRY_S, self._usual_s))

    def leave(self) -> None:
        with self._mutex:
            self._going -= 1
            if not self._going:
                sys.setswitchinterval(self._usual_s)
                self.free.set()


_here = _Here()
_way = _Way()


@contextmanager
def first() -> Iterator[None]:
    """A person, or every other thread, waits for what the block does. It may be within another such block."""
    if _here.first:
        yield
        return
    _way.enter()
    _here.first = True
    try:
        yield
    finally:
        passed()


def passed() -> None:
    """The calling thread's work that others let pass is done; what is left is to wait for somebody else."""
    if _here.first:
        _here.first = False
        _way.leave()


@contextmanager
def waiting() -> Iterator[None]:
    """Within the block the calling thread waits for somebody else, a device or a person perhaps; if it went
    first before, it goes first after it."""
    goes_on = _here.first
    passed()
    try:
        yield
    finally:
        if goes_on:
            _way.enter()
            _here.first = True


def give_way() -> None:
    """Let those pass who go first; does nothing for a thread that goes first itself."""
    if not (_way.free.is_set() or _here.first):
        _way.free.wait(LONGEST_S)


@contextmanager
def turn(*, at_once: bool) -> Iterator[None]:
    """The block goes first, or gives way before it begins."""
    if at_once:
        with first():
            yield
    else:
        give_way()
        yield


def politely(pieces: Iterable[_T], every: int = 32) -> Iterator[_T]:
    """The pieces of long work, giving way before each ``every``-th: few pieces wait for nobody."""
    for number, piece in enumerate(pieces, start=1):
        if not number % every:
            give_way()
        yield piece
