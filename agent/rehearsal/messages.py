"""A request and its answer, with how the answer is delivered, or is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Delivery(StrEnum):
    """How an answer reaches the client, or does not."""

    WHOLE = "whole"
    NOTHING = "nothing"
    """The connection is closed without a byte."""
    RESET = "reset"
    """The connection is reset without a byte."""
    CUT = "cut"
    """The head promises the whole body, half of it comes, then the connection is closed."""
    DRIP = "drip"
    """The body comes in pieces spread over ``seconds``."""
    HANG_UP = "hang_up"
    """A whole answer that does not announce that the connection is closed after it."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came. Header names are lower case; ``path`` is without the query."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and its delivery. ``label`` is the system's code in it, for the ledger."""

    status: int = 200
    body: bytes = field(default=b"", repr=False)
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json;charset=UTF-8"),)
    delivery: Delivery = Delivery.WHOLE
    seconds: float = 0.0
    label: str = ""


Handler = Callable[[Call], Answer]
