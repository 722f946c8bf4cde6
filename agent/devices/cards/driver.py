"""A vendor's SSCardDriver as a card reader, in a helper process (读写机具规范 2.0, 10).

It reads with its own security module (PSAM); where that is missing or cannot do the card's algorithm,
it reads in two steps with the platform's module, as :mod:`agent.devices.cards.authentication` does.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from agent.clock import Clock
from agent.devices.cards.model import (
    CardData,
    CardRefused,
    CardSession,
    CardSilent,
    Challenge,
    Finding,
    Person,
    Proofs,
)
from agent.devices.model import DeviceError, DeviceGone
from agent.errors import HelperError, HelperRefused
from agent.helpers.client import HelperProcess

NEEDS_PLATFORM: Final = frozenset({-2201, -2202, -2203, -27272, -24})
"""No PSAM, an algorithm it has not, or an external authentication it cannot make (10.5)."""

_ASK_S: Final = 0.5
_BASIC: Final = 11
"""发卡地区|社会保障号码|卡号|卡识别码|姓名|卡复位信息|规范版本|发卡日期|有效期|终端机编号|终端设备号."""
_STEP_ONE: Final = 8
"""发卡地区|卡复位信息|算法标识|卡识别码|内部过程因子|内部原始信息|外部过程因子|外部原始信息; one vendor
appends its terminal's number."""


class DriverBackend:
    """``card_type``: 1 contact, 2 contactless, 3 and 4 whichever is there. See ``CardBackend``."""

    def __init__(self, helper: HelperProcess, clock: Clock, card_type: int = 1) -> None:
        self._helper = helper
        self._clock = clock
        self._type = card_type
        self._lying = False
        self._said = ""
        self._never = threading.Event()

    @property
    def label(self) -> str:
        return self._helper.name

    @property
    def given(self) -> bool:
        return self._lying

    def next_card(self) -> CardSession | None:
        """The driver tells of no insertions: it is asked, and says by a number that there is no card. The
        same number again says nothing new."""
        self._clock.wait(self._never, _ASK_S)
        try:
            fields = _fields(self._helper, "read_card", {"type": self._type}, _BASIC)
            session = DriverSession(self._helper, self._type, _basic_card(fields), uncertain=self._lying)
        except CardSilent as error:
            if error.details["number"] not in NEEDS_PLATFORM:
                self._lying = False
                told, self._said = self._said, error.message
                if told == error.message:
                    return None
                raise
            session = DriverSession(self._helper, self._type, None, uncertain=self._lying)
        self._lying, self._said = True, ""
        return session

    def renew(self) -> None:
        """The helper process starts itself anew."""

    def close(self) -> None:
        self._helper.close()


class DriverSession:
    """A card that the driver has read, or that it reads with the platform's help. See ``CardSession``."""

    def __init__(
        self, helper: HelperProcess, card_type: int, card: CardData | None, *, uncertain: bool
    ) -> None:
        self.uncertain = uncertain
        self._helper = helper
        self._type = card_type
        self._card = card
        self._step: list[str] = []

    def read(self) -> CardData:
        if self._card is None:
            self._step = _fields(self._helper, "step_one", {"type": self._type}, _STEP_ONE)
            self._card = _step_card(self._step)
        return self._card

    def challenge(self, card: CardData) -> Challenge:
        if not self._step:
            self._step = _fields(self._helper, "step_one", {"type": self._type}, _STEP_ONE)
        if self._step[3].upper() != card.card_id:
            raise CardRefused("读卡途中换了卡", hint="请重新插卡")
        factor, original, external_factor, external_original = (part.upper() for part in self._step[4:8])
        return Challenge(factor, original, external_factor, external_original, self._step[2])

    def conclude(self, card: CardData, challenge: Challenge, proofs: Proofs) -> tuple[Finding, CardData]:
        """The driver compares by itself; what it refuses is not told apart."""
        try:
            proven = {"proofs": f"{proofs.internal}|{proofs.external}|"}
            read = _basic_card(_fields(self._helper, "step_two", proven, _BASIC))
        except CardSilent:
            return Finding.REFUSED, card
        if read.card_id != card.card_id:
            return Finding.FALSE, card
        return Finding.GENUINE, replace(card, card_number=read.card_number, person=read.person)

    def keep(self) -> None:
        """The driver holds the card by itself."""

    def close(self) -> None:
        """The driver has nothing to be given back."""


def _fields(helper: HelperProcess, call: str, arguments: Mapping[str, object], least: int) -> list[str]:
    try:
        value = helper.call(call, arguments)
    except HelperRefused as error:
        raise CardSilent(
            f"读卡驱动没有读到卡（{error.reason} {error.number or ''}）",
            hint="请插好卡；已插好的请按厂商手册查对错误码",
            details={"number": error.number, "driver": error.reason},
        ) from None
    except HelperError as error:
        raise _gone(error) from None
    fields = value.get("fields") if isinstance(value, dict) else None
    if not isinstance(fields, list) or len(fields) < least - 2:
        raise CardRefused("读卡驱动的应答不完整", hint="请核对驱动的版本", details={"call": call})
    return [str(part).strip() for part in fields] + [""] * (least - len(fields))


def _gone(error: HelperError) -> DeviceError:
    return DeviceGone(error.message, hint=error.hint, details=dict(error.details))


def _basic_card(fields: list[str]) -> CardData:
    return _card(
        card_id=fields[3],
        card_number=fields[2],
        reset_info=fields[5],
        version=fields[6],
        issued_on=fields[7],
        valid_until=fields[8],
        algorithm="",
        person=Person(fields[1], fields[4]),
    )


def _step_card(fields: list[str]) -> CardData:
    return _card(
        card_id=fields[3],
        card_number="",
        reset_info=fields[1],
        version="",
        issued_on="",
        valid_until="",
        algorithm=fields[2],
        person=None,
    )


def _card(
    *,
    card_id: str,
    card_number: str,
    reset_info: str,
    version: str,
    issued_on: str,
    valid_until: str,
    algorithm: str,
    person: Person | None,
) -> CardData:
    if not re.fullmatch(r"[0-9A-Fa-f]{32}", card_id):
        raise CardRefused("读卡驱动没有给出卡识别码", hint="请核对驱动的版本")
    return CardData(
        card_id=card_id.upper(),
        card_number=card_number[:9],
        reset_info=reset_info.upper(),
        version=version[:3],
        algorithm=algorithm,
        issued_on=issued_on,
        valid_until=valid_until,
        person=person,
    )
