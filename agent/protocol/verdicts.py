"""Codes into verdicts, and the fates of rows into the fate of their message."""

from __future__ import annotations

from collections.abc import Sequence

from agent.catalog.model import TransactionSpec
from agent.events import RowOutcome, Verdict


def refusal(spec: TransactionSpec, code: str) -> Verdict:
    """What a code other than success means: not processed at all, or refused."""
    return Verdict.RETRY if code in spec.not_processed else Verdict.REJECTED


def of_rows(spec: TransactionSpec, rows: Sequence[RowOutcome]) -> Verdict:
    """Accepted or rejected when all rows are, partial between. Only when the system processed no row
    at all is the message to be sent again."""
    if all(row.accepted for row in rows):
        return Verdict.ACCEPTED
    if any(row.accepted for row in rows):
        return Verdict.PARTIAL
    if all(row.code in spec.not_processed for row in rows):
        return Verdict.RETRY
    return Verdict.REJECTED


def says_already_there(spec: TransactionSpec, code: str, rows: Sequence[RowOutcome] = ()) -> bool:
    """Whether a refusal, of the message or of any row, says that the thing is there."""
    return code in spec.already_there or any(
        not row.accepted and row.code in spec.already_there for row in rows
    )
