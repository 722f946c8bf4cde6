"""What a HIS's receipt means: the protocol is asked, and one that fails refuses it."""

from __future__ import annotations

from typing import Any

import pytest

from agent.control.resolving import acknowledged_by
from agent.errors import ControlError
from agent.events import Draft, Outcome, Verdict

DRAFT = Draft("ST007", "till", {})


class Protocol:
    def __init__(self, answer: Outcome | Exception) -> None:
        self.answer = answer

    def acknowledged(self, *_: Any) -> Outcome:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def told(answer: Outcome | Exception) -> Outcome:
    protocol: Any = Protocol(answer)
    nothing: Any = None
    return acknowledged_by(lambda _system: protocol)("scanpay", DRAFT, {}, nothing)


def test_a_receipt_is_what_its_protocol_makes_of_it() -> None:
    outcome = Outcome(Verdict.ACCEPTED, message="booked")
    assert told(outcome) is outcome


def test_a_protocol_that_fails_refuses_the_receipt_so_that_the_his_sends_it_again() -> None:
    with pytest.raises(ControlError, match="没有记下") as raised:
        told(ValueError("broken"))
    assert raised.value.details["code"] == "not_possible"


def test_what_the_protocol_refuses_is_refused_in_its_words() -> None:
    with pytest.raises(ControlError, match="已经开始取消"):
        told(ControlError("已经开始取消", hint="请等待", details={"code": "too_late"}))
