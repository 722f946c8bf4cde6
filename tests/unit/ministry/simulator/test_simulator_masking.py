"""Nothing that holds people or payloads shows them when it is printed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.rehearsal.ledger import Command
from agent.rehearsal.messages import Answer, Call
from plugins.ministry.simulator.transactions.base import Reply
from plugins.ministry.simulator.wire import read_envelope
from tests.unit.ministry.simulator.forms import PERSON, admissions
from tests.unit.ministry.simulator.rehearsed import NOW, private_pem, rehearsed
from tests.unit.ministry.simulator.test_simulator_restart import everything

SECRET = json.dumps(PERSON, ensure_ascii=False)
UNKEYED: dict[str, Any] = {"_filings_of": {}, "_by_person": {}, "verifications": {}}
"""Indexes by identity number; and what is looked at by itself."""
CALL = Call("POST", "/", "", {"access_key": PERSON["aac003"]}, SECRET.encode())


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(CALL, id="request"),
        pytest.param(Answer(body=SECRET.encode()), id="answer"),
        pytest.param(Command(NOW, dict(PERSON)), id="command"),
        pytest.param(Reply({"datalist": [PERSON]}), id="reply"),
        pytest.param(
            read_envelope(Call("POST", "/", "", {}, json.dumps({"data": PERSON["aac002"]}).encode())),
            id="envelope",
        ),
    ],
)
def test_a_value_masks_what_it_holds(value: Any) -> None:
    shown = repr(value)
    assert PERSON["aac002"] not in shown
    assert PERSON["aac003"] not in shown


def test_everything_that_a_download_and_a_statement_keep_is_masked() -> None:
    with rehearsed() as running:
        everything(running.province)
        world = running.built.platform.world
        shown = repr({**vars(world), "people": list(world.people.values()), "history": [], **UNKEYED})
        kept = [*world.filings.values(), *world.shelves.values(), *world.statements, *world.cards]
        shown += repr(kept) + repr(list(world.verifications.values())) + repr(world.revocations)
    names = [person.aac003 for person in world.people.values()]
    numbers = [person.aac002 for person in world.people.values()]
    assert [each for each in (*names, *numbers) if each in shown] == []


def test_the_state_masks_its_people_and_the_sealing_its_keys() -> None:
    with rehearsed() as running:
        running.province.send("GYU101", admissions())
        world = running.built.platform.world
        shown = repr(world.stays) + repr(world.people.values()) + repr(running.built)
    assert world.stays
    assert PERSON["aac002"] not in shown
    assert PERSON["aac003"] not in shown
    assert not any(line in shown for line in private_pem("platform").splitlines()[1:-1])
