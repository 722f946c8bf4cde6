"""The real PC/SC stack for card tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.rehearsal.card_service import CardService
from tests.unit.devices.card_rig import card_service


@pytest.fixture
def pcscd() -> Iterator[CardService]:
    service = card_service()
    yield service
    service.stop()
