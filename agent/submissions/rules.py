"""What a reader must be told: the folder's rules and the vocabulary of a system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from agent.errors import Fault, SubmissionInvalid
from agent.events import Submission

Encoding = Literal["auto", "utf-8", "utf-8-sig", "gb18030", "utf-16"]
"""``utf-8-sig`` reads as ``utf-8`` does: the mark may be there or not."""

MAX_BYTES = 64 * 1024 * 1024
"""Four times a day's details of a large hospital (100,000 rows of CSV are about 15 MB)."""


class Field(Protocol):
    """One field of a transaction's business object, as far as a reader is concerned."""

    @property
    def code(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str:
        """``text``, ``number``, ``list`` or ``object``."""
        ...

    @property
    def sensitive(self) -> str: ...

    @property
    def aliases(self) -> Sequence[str]: ...

    @property
    def children(self) -> Sequence[Field]: ...


class Vocabulary(Protocol):
    """The transactions of a system and their fields. A catalog has all of it."""

    def __contains__(self, transaction: str, /) -> bool: ...

    def fields(self, transaction: str, /) -> Sequence[Field]:
        """The fields of the business object that is sent, in document order."""
        ...

    def list_of(self, transaction: str, /) -> str:
        """The code of the row list that a table's rows go to; "" when the object has none."""
        ...


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """How the files of one folder are read.

    ``columns`` maps names that the HIS uses in its tables to field codes. ``name_kinds`` and
    ``identifier_kinds`` are the sensitive kinds of fields that hold names and numbers of identity:
    no ``?`` in the former, no scientific notation in the latter. ``scanners`` and ``readers`` are the
    stations that have any, None where that is not known.
    """

    system: str
    vocabulary: Vocabulary = field(repr=False)
    encoding: Encoding = "auto"
    max_bytes: int = MAX_BYTES
    columns: Mapping[str, str] = field(default_factory=dict)
    name_kinds: frozenset[str] = frozenset({"name"})
    identifier_kinds: frozenset[str] = frozenset({"id_number", "card", "account", "phone", "number"})
    scanners: frozenset[str] | None = None
    readers: frozenset[str] | None = None


class ReadFailure(SubmissionInvalid):
    """A file that is no submission. ``transaction`` and ``id`` are what could be read of them, or "".
    ``rest`` is there when the business data is undamaged: it may have faults of its own, told too."""

    def __init__(
        self,
        faults: Sequence[Fault],
        *,
        transaction: str = "",
        id: str = "",
        rest: Submission | None = None,
    ) -> None:
        super().__init__(faults)
        self.transaction = transaction
        self.id = id
        self.rest = rest
