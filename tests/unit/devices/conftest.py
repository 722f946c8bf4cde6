"""The real PC/SC stack for card tests: pcscd with the virtual reader of vsmartcard-vpcd."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from agent.rehearsal.card_service import CardService, CardsUnavailable


@pytest.fixture
def pcscd() -> Iterator[CardService]:
    """There is one pcscd on a machine: tests of several workers take turns. CI has it all: there a card
    test that cannot run is a failure."""
    service = CardService()
    try:
        service.start(wait=True)
    except CardsUnavailable as error:
        if os.environ.get("CI"):
            pytest.fail(f"card tests must run in CI: {error}")
        pytest.skip(str(error))
    yield service
    service.stop()
