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

SECRET = json.dumps(PERSON, ensure_ascii=False)
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


def test_the_state_masks_its_people_and_the_sealing_its_keys() -> None:
    with rehearsed() as running:
        running.province.send("GYU101", admissions())
        world = running.built.platform.world
        shown = repr(world.stays) + repr(world.people.values()) + repr(running.built)
    assert world.stays
    assert PERSON["aac002"] not in shown
    assert PERSON["aac003"] not in shown
    assert not any(line in shown for line in private_pem("platform").splitlines()[1:-1])
