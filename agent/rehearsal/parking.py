"""Requests whose connection is dropped and which take effect only after an inquiry was answered "no".

This is the platform that is still working when it is asked: the answer "not there" is true when it
is given and wrong a moment later.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(slots=True)
class _Parked:
    commit: Callable[[], None]
    negatives: int


class Parking:
    """Parked requests by key; the key is whatever an inquiry names (a wire id and a transaction)."""

    def __init__(self) -> None:
        self._parked: dict[tuple[str, ...], list[_Parked]] = {}
        self._lock = threading.Lock()

    def park(self, key: tuple[str, ...], commit: Callable[[], None], negatives: int) -> None:
        """Keep ``commit`` until ``negatives`` inquiries about ``key`` were answered "no"."""
        with self._lock:
            self._parked.setdefault(key, []).append(_Parked(commit, negatives))

    def asked(self, key: tuple[str, ...]) -> None:
        """The platform has composed a negative answer about ``key``: commit what is due now."""
        with self._lock:
            due = []
            for parked in self._parked.get(key, []):
                parked.negatives -= 1
                if parked.negatives <= 0:
                    due.append(parked)
            self._drop(key, due)
        for parked in due:
            parked.commit()

    def commit_all(self) -> int:
        """Commit everything that is still parked; how many there were."""
        with self._lock:
            due = [parked for waiting in self._parked.values() for parked in waiting]
            self._parked.clear()
        for parked in due:
            parked.commit()
        return len(due)

    def waiting(self) -> Sequence[tuple[str, ...]]:
        with self._lock:
            return [key for key, waiting in self._parked.items() for _ in waiting]

    def clear(self) -> None:
        with self._lock:
            self._parked.clear()

    def _drop(self, key: tuple[str, ...], due: list[_Parked]) -> None:
        left = [parked for parked in self._parked.get(key, []) if parked not in due]
        if left:
            self._parked[key] = left
        else:
            self._parked.pop(key, None)
