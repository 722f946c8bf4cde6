"""The order of files that were taken together: by ``seq`` where given (his-contract, "in which order")."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def in_sequence(
    items: Sequence[T], seq_of: Callable[[T], int | None], stands: Callable[[T], bool] = lambda _: False
) -> list[T]:
    """``items``, which are in order of first sight, with those that have a ``seq`` sorted by it.

    They share out the places that they hold among themselves; an item without one keeps its own.
    Nothing passes an item that ``stands``: a control file speaks of what came before it.
    """
    ordered: list[T] = []
    run: list[T] = []
    for item in items:
        if stands(item):
            ordered += [*_by_seq(run, seq_of), item]
            run = []
        else:
            run.append(item)
    return ordered + _by_seq(run, seq_of)


def _by_seq(items: list[T], seq_of: Callable[[T], int | None]) -> list[T]:
    numbers = [seq_of(item) for item in items]
    numbered = [(number, place) for place, number in enumerate(numbers) if number is not None]
    result = list(items)
    for (_, place), (_, source) in zip(numbered, sorted(numbered), strict=True):
        result[place] = items[source]
    return result
