"""A payment that waits for its scan: what is told at once, and what the scan decides."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from agent.clock import BEIJING
from agent.errors import SubmissionInvalid
from agent.events import Decoded, Reading, Submission, Wait
from plugins.scanpay.building import build
from tests.unit.scanpay.till import NOW, Keyring, options, order, scan

PAYER, OTHER = 1, 2


def waiting(**changed: Any) -> Submission:
    data = {**order("D1", PAYER), **changed}
    return Submission(
        "scanpay", "ST007", "D1", data, occurred_at=NOW, wait=Wait("ecredential", "till-1", 60, ())
    )


def faults(submission: Submission) -> list[str]:
    adapter = build(options(decoder="simulated"), Keyring())
    try:
        adapter.plan(submission, NOW)
    except SubmissionInvalid as error:
        return [fault.pointer for fault in error.faults]
    return []


def stand_in(submission: Submission) -> Submission:
    return build(options(decoder="simulated"), Keyring()).awaited(submission, None)


def completed(submission: Submission, person: int) -> Submission:
    adapter = build(options(decoder="simulated"), Keyring())
    read = scan(person, datetime.now(BEIJING))
    whole = adapter.awaited(submission, Reading("ecredential", read["ecqrcode"]))
    return Submission(
        "scanpay", "ST007", "D1", whole.data, occurred_at=NOW, scanned_at=NOW, decoded=Decoded(read)
    )


def test_a_payment_that_names_its_payer_may_wait_for_the_scan() -> None:
    assert faults(stand_in(waiting())) == []


def test_what_is_wrong_with_a_waiting_payment_is_told_before_anybody_scans() -> None:
    assert faults(stand_in(waiting(orderamt="25.01"))) == ["/orderamt"]


@pytest.mark.parametrize(("person", "told"), [(PAYER, []), (OTHER, ["/pname", "/pidno"])])
def test_the_scan_decides_whether_the_payer_holds_the_code(person: int, told: list[str]) -> None:
    assert faults(completed(waiting(), person)) == told


def test_a_holder_whom_the_his_names_contradicts_no_code_before_the_scan() -> None:
    named = {field: text for field, text in scan(PAYER, NOW).items() if field in ("idno", "username")}
    told = replace(waiting(), transaction="ST022", data={"orderid": "D1", "ordervalidcode": "V1", **named})
    plan = build(options(decoder="simulated"), Keyring()).plan(stand_in(told), NOW)
    assert plan.drafts[0].memo["faults"] == []
