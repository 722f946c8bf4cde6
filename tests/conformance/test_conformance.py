"""Drives every case through its protocol's adapter, from the dropped data to the outcome and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from agent import jsontext
from agent.clock import BEIJING
from agent.dispatch.filling import fill
from agent.errors import AgentError, SubmissionInvalid
from agent.events import (
    Alias,
    Draft,
    Finding,
    Forget,
    Hold,
    Identifier,
    Outcome,
    RowOutcome,
    Scope,
    Submission,
    Verdict,
)
from agent.hookspecs import ProtocolAdapter
from tests.conformance.case_files import Case, all_cases
from tests.conformance.peers import Peer, peer_of

BROAD = ("institution", "cycle", "till")
"""Kinds of scope that cover others."""

REFUSED = [case for case in all_cases() if case.faults]
SENT = [case for case in all_cases() if not case.faults]


def submission(case: Case) -> Submission:
    return Submission(case.protocol, case.transaction, f"HIS-{case.id}", case.event)


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_invalid_data_is_refused_with_every_fault(case: Case) -> None:
    adapter = peer_of(case.protocol).adapter()
    with pytest.raises(SubmissionInvalid) as caught:
        adapter.plan(submission(case), case.now)
    found = [{"pointer": f.pointer, "rule": f.rule, "code": f.code} for f in caught.value.faults]
    assert found == case.faults


@pytest.mark.parametrize("case", SENT, ids=str)
def test_case_travels_as_the_document_says(case: Case) -> None:
    peer = peer_of(case.protocol)
    adapter = peer.adapter()
    plan = adapter.plan(submission(case), case.now)
    assert [warning.pointer for warning in plan.warnings] == case.warnings
    assert len(plan.drafts) == len(case.messages)
    for draft, message in zip(plan.drafts, case.messages, strict=True):
        check_message(peer, adapter, draft, message, case.now)


def check_message(
    peer: Peer, adapter: ProtocolAdapter, draft: Draft, message: dict[str, Any], now: datetime
) -> None:
    draft = fill(draft, message.get("values", {}))
    assert draft.transaction == message.get("transaction", draft.transaction)
    ids = send(peer, adapter, draft, message["wire"], now)
    if "rows" in message:
        assert draft.rows == tuple(message["rows"])
    if "scopes" in message:
        assert draft.scopes == tuple(map(scope, message["scopes"]))
    if "error" in message:
        with pytest.raises(AgentError) as caught:
            adapter.interpret(draft, ids, peer.answer(message["response"]))
        assert caught.value.code == message["error"]
    elif "outcome" in message:
        outcome = adapter.interpret(draft, ids, peer.answer(message["response"]))
        check_outcome(outcome, message["outcome"])
    if "inquiry" in message:
        check_inquiry(peer, adapter, draft, ids, message["inquiry"], now)


def send(
    peer: Peer, adapter: ProtocolAdapter, draft: Draft, wire: dict[str, Any], now: datetime
) -> Mapping[str, str]:
    """Stamp and encode; the peer opens it and must read exactly ``wire``. Returns the wire ids."""
    serials = peer.serials(draft)
    assert {series.name for series in adapter.series(draft)} == set(serials)
    ids = adapter.stamp(draft, serials, now)
    opened = peer.open(adapter.encode(draft, ids, now), now)
    assert opened.transaction == draft.transaction
    assert opened.data == wire
    assert jsontext.write(opened.data) == jsontext.write(wire), "the document's order"
    return ids


def check_outcome(outcome: Outcome, told: dict[str, Any]) -> None:
    expected = Outcome(
        verdict=Verdict(told["verdict"]),
        code=told.get("code", ""),
        message=told.get("message", outcome.message),
        data=told.get("data", outcome.data),
        rows=tuple(row(item) for item in told.get("rows", [])),
        refused=tuple(map(scope, told.get("refused", []))),
        identifiers=tuple(identifier(item) for item in told.get("identifiers", [])),
        forgotten=tuple(forgotten(item) for item in told.get("forgotten", [])),
        aliases=tuple(alias(item) for item in told.get("aliases", [])),
        slots=told.get("slots", {}),
        settled_by=told.get("settled_by", "answer"),
        already_there=told.get("already_there", False),
    )
    assert outcome == expected


def check_inquiry(
    peer: Peer,
    adapter: ProtocolAdapter,
    draft: Draft,
    ids: Mapping[str, str],
    told: dict[str, Any],
    now: datetime,
) -> None:
    question = adapter.inquire(draft, ids)
    assert question is not None
    assert question.harmless
    asked = send(peer, adapter, question, told["wire"], now)
    answer = adapter.interpret(question, asked, peer.answer(told["response"]))
    conclusion = adapter.conclude(draft, ids, answer)
    assert conclusion.finding is Finding(told["finding"])
    counts_from = told.get("counts_from")
    assert conclusion.counts_from == (counts_from and counts_from.replace(tzinfo=BEIJING))
    assert (conclusion.outcome is not None) == ("outcome" in told)
    if conclusion.outcome is not None:
        check_outcome(conclusion.outcome, told["outcome"])


def row(told: dict[str, Any]) -> RowOutcome:
    return RowOutcome(told["index"], told["code"], told.get("message", ""), told["accepted"], told["data"])


def scope(told: list[str]) -> Scope:
    """``[kind, key…]``, with a last element "shared" or "observer" for another hold."""
    holds = {"shared": Hold.SHARED, "observer": Hold.OBSERVER}
    hold = holds.get(told[-1], Hold.EXCLUSIVE)
    key = tuple(told[1:] if hold is Hold.EXCLUSIVE else told[1:-1])
    return Scope(told[0], key, hold, broad=told[0] in BROAD)


def identifier(told: list[str] | dict[str, Any]) -> Identifier:
    """``[kind, key…, value]``, or with a member ``{kind, key, member, value}``; a table is kept as JSON."""
    if isinstance(told, dict):
        value = told["value"] if isinstance(told["value"], str) else jsontext.write(told["value"])
        return Identifier(told["kind"], tuple(told["key"]), value, told["member"])
    return Identifier(told[0], tuple(told[1:-1]), told[-1])


def forgotten(told: list[str] | dict[str, Any]) -> Forget:
    """``[kind, key…]`` for a whole group, ``{kind, key, member}`` for one of it."""
    if isinstance(told, dict):
        return Forget(told["kind"], tuple(told["key"]), told["member"])
    return Forget(told[0], tuple(told[1:]))


def alias(told: dict[str, Any]) -> Alias:
    """``{kind, key, of_kind, of_key}``; of_kind is the same where it is left out."""
    return Alias(told["kind"], tuple(told["key"]), tuple(told["of_key"]), told.get("of_kind", ""))
