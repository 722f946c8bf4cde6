"""What a card gives, what it asks the platform to prove, and what can go wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from agent import jsontext
from agent.devices.model import DeviceError
from agent.events import JsonObject


class CardError(DeviceError):
    """This card cannot be read; another one, or the same one inserted again, may be."""

    code = "card"


class CardRemoved(CardError):
    code = "card_removed"


class CardSilent(CardError):
    """No answer to reset: upside down, or broken."""

    code = "card_silent"


class CardForeign(CardError):
    """Not a social-security card: it has no SSSE application."""

    code = "card_foreign"


class CardLocked(CardError):
    """The data needs an authentication that was not made (6982)."""

    code = "card_locked"


class CardRefused(CardError):
    """A status word, or data, that the specification does not foresee."""

    code = "card_refused"


@dataclass(frozen=True, slots=True)
class Person:
    """EF06. Dates as YYYYMMDD, ``sex`` '1' or '2', codes as on the card."""

    social_number: str = field(repr=False)
    name: str = field(repr=False)
    sex: str = field(default="", repr=False)
    ethnicity: str = field(default="", repr=False)
    birthplace: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class CardData:
    """EF05, the answer to reset and the application's algorithm; ``person`` is None where reading it
    needs an external authentication (3.0 cards). ``card_id`` has 32, ``reset_info`` 26 hex digits."""

    card_id: str = field(repr=False)
    card_number: str = field(repr=False)
    reset_info: str = field(repr=False)
    version: str
    algorithm: str
    category: str = ""
    issuer: str = ""
    issued_on: str = ""
    valid_until: str = ""
    person: Person | None = None

    @property
    def area(self) -> str:
        """Where the card was issued: six digits."""
        return self.card_id[:6]


@dataclass(frozen=True, slots=True)
class Challenge:
    """Step one of the two-step authentication, 16 hex digits each; the external pair only for cards
    that ask for it, else both empty. ``algorithm`` where a driver names it only here."""

    factor: str = field(repr=False)
    original: str = field(repr=False)
    external_factor: str = field(default="", repr=False)
    external_original: str = field(default="", repr=False)
    algorithm: str = ""


@dataclass(frozen=True, slots=True)
class Proofs:
    """Step two, from the platform: authentication data + original, 32 hex digits each; ``external``
    empty where none was asked for."""

    internal: str = field(repr=False)
    external: str = field(default="", repr=False)


class Finding(StrEnum):
    GENUINE = "genuine"
    FALSE = "false"
    """The platform's authentication data are not the card's: not a card of its issuer."""
    REMOVED = "removed"
    """Taken out, or unpowered, before the platform's answer came: challenges die with the power."""
    REFUSED = "refused"
    """The card did not accept the platform's proof."""
    LATE = "late"
    """No answer came while the card was held."""
    RELEASED = "released"
    """The platform refused, or was never asked."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """How the authentication of the card of event ``event_id`` ended; ``card`` with its person where
    the card let them be read."""

    event_id: str
    finding: Finding
    card: CardData | None = None


class CardSession(Protocol):
    """A card that is powered and held exclusively. Every method raises DeviceError."""

    @property
    def uncertain(self) -> bool:
        """It may be the card that was given last, never taken out: a service or driver that lost count."""
        ...

    def read(self) -> CardData: ...

    def challenge(self, card: CardData) -> Challenge: ...

    def conclude(self, card: CardData, challenge: Challenge, proofs: Proofs) -> tuple[Finding, CardData]:
        """Compare, authenticate, and read what that opens."""
        ...

    def keep(self) -> None:
        """Keep it powered and held; to be called every two seconds while nothing else is."""
        ...

    def close(self) -> None:
        """Raises nothing."""
        ...


class CardBackend(Protocol):
    """A reader, by PC/SC or by a driver."""

    @property
    def label(self) -> str: ...

    @property
    def given(self) -> bool:
        """Whether a card that was given still lies in it."""
        ...

    def next_card(self) -> CardSession | None:
        """Waits a fraction of a second for a card that was not given before. Raises DeviceError."""
        ...

    def renew(self) -> None:
        """After an error: begin anew at the next call. Raises nothing."""
        ...

    def close(self) -> None:
        """For good. Raises nothing."""
        ...


AUTHENTICATE_FIELDS: Final[Mapping[str, str]] = {
    "aaz500": "card_number",
    "aaz501": "card_id",
    "aac002": "social_number",
    "aac003": "name",
}
"""社保卡鉴权 (GYD052): field of the document → what the card gives."""

INTERNAL_FIELDS: Final[Mapping[str, str]] = {
    "aaz501": "card_id",
    "aaz502": "reset_info",
    "aaz503": "algorithm",
    "aaz504": "factor",
    "aaz505": "original",
    "aaz506": "external_factor",
    "aaz507": "external_original",
}
"""社保卡内部认证 (GYD055)."""


def filled(card: CardData, challenge: Challenge | None, fields: Mapping[str, str]) -> dict[str, str]:
    """The business data that a card fills. Raises CardLocked where a value is not readable."""
    known = reading(card, challenge)
    try:
        return {code: known[name] for code, name in fields.items()}
    except KeyError:
        raise CardLocked(
            "这张卡的持卡人信息需要先认证才能读取（3.0 卡）",
            hint="请改用社保卡内部认证，或使用厂商读卡驱动",
        ) from None


def reading(card: CardData, challenge: Challenge | None) -> dict[str, str]:
    """All that was read, flat and by name; what was not readable is absent."""
    flat = {"area": card.area, **asdict(card)}
    person = flat.pop("person") or {}
    asked = asdict(challenge) if challenge else {}
    if not asked.get("algorithm"):
        asked.pop("algorithm", None)
    return {**flat, **person, **asked}


def payload(card: CardData, challenge: Challenge | None = None) -> bytes:
    """The payload of a card's event: :func:`reading` as JSON."""
    return jsontext.write_canonical(reading(card, challenge))


def from_payload(raw: bytes) -> JsonObject:
    """The reading again."""
    return jsontext.read_object(raw.decode("utf-8"))
