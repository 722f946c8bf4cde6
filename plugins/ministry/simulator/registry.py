"""What is registered: access keys, institutions, people, their filings and cards.

All of it frozen: a change keeps another version, whose ``revision`` makes it a new record for those who
download it. ``details`` are the fields of the catalog that no rule looks at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from agent.events import JsonObject

EXPIRED = "9101"
"""备案过期: the one reason of invalidity that does not end treatment already begun."""


@dataclass(frozen=True, slots=True)
class Access:
    """One access key, whose it is, and its own public key as text ("" for the common one)."""

    key: str
    province: str
    public_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Institution:
    akb020: str
    alc002: str
    region: str
    active: bool = True
    aab998: str = ""
    details: JsonObject = field(default_factory=dict, repr=False, compare=False)
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Person:
    aac002: str = field(repr=False)
    aac003: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Filing:
    """备案: whose, of what kind (ALA491), when and where it holds, and since when and why no more.

    ``review`` is the 审核状态 (AAE016); an application has "0" and no period yet.
    """

    aaz341: str
    ala491: str
    aac002: str = field(repr=False)
    aac003: str = field(repr=False)
    starts: date
    ends: date
    place: str
    home: str
    invalid_since: date | None = None
    reason: str = ""
    review: str = "1"
    details: JsonObject = field(default_factory=dict, repr=False, compare=False)
    revision: int = 0

    @property
    def approved(self) -> bool:
        return self.review == "1"

    def valid_on(self, day: date) -> bool:
        """备案状态 (AAE100) on this day: neither made invalid nor expired; not yet begun is valid."""
        return day <= self.ends and not (self.invalid_since is not None and self.invalid_since <= day)


@dataclass(frozen=True, slots=True)
class FiledAid:
    """An aid of a filing of the seed."""

    aaz195: str
    aaz341: str
    details: JsonObject = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Card:
    """A social security card: 卡号 and 卡识别码, 卡复位信息, and the QR code of its electronic twin."""

    aac002: str = field(repr=False)
    aac003: str = field(repr=False)
    aaz500: str = field(repr=False)
    aaz501: str = field(repr=False)
    reset: str = field(default="", repr=False)
    qrcode: str = field(default="", repr=False)
    state: str = "1"
