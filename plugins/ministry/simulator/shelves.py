"""What an access key has downloaded, and what of it is confirmed (GYU008, GYD008, GYR005).

One :class:`Shelf` per access key and download transaction. A record is known by its key, which names its
version too where records change: a changed filing is a new record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypeAlias

from agent.events import JsonObject

RecordKey: TypeAlias = tuple[str, ...]


class Placed(NamedTuple):
    """A record on a page, with the row as it was sent."""

    key: RecordKey
    row: JsonObject


@dataclass(slots=True)
class Page:
    """One call's records by their DOWNNO (M79). ``head`` are the fields beside the list."""

    refid: str
    at: datetime
    head: JsonObject = field(repr=False)
    records: dict[str, Placed] = field(repr=False)
    open: set[str]
    """The DOWNNOs that are not confirmed."""


@dataclass(slots=True)
class Shelf:
    pages: list[Page] = field(default_factory=list)
    taken: set[RecordKey] = field(default_factory=set)

    @property
    def open_pages(self) -> Iterator[Page]:
        return (page for page in self.pages if page.open)

    def confirm(self, downno: str) -> bool | None:
        """Whether the record was not confirmed before; None where there is no such DOWNNO."""
        page = next((page for page in self.pages if downno in page.records), None)
        if page is None:
            return None
        self.taken.add(page.records[downno].key)
        fresh = downno in page.open
        page.open.discard(downno)
        return fresh

    def offer_again(self, pages: Iterator[Page]) -> None:
        """Records of these pages are downloadable again."""
        for page in pages:
            self.taken.difference_update(placed.key for placed in page.records.values())
