"""What planning begins with in every protocol: the transaction's specification, and what a submission
with faults was about."""

from __future__ import annotations

from agent.catalog import Catalog, TransactionSpec, examine
from agent.errors import Fault, SubmissionInvalid
from agent.events import Scope, Submission
from agent.protocol.judging import readable_part
from agent.protocol.scopes import scopes_of


def specification(catalog: Catalog, submission: Submission) -> TransactionSpec:
    """Raises SubmissionInvalid for a transaction that the catalog does not have."""
    if submission.transaction not in catalog:
        raise SubmissionInvalid(
            [Fault("/transaction", "unknown_transaction", "本系统没有这个交易编号，请核对 transaction")]
        )
    return catalog.transaction(submission.transaction)


def readable_scopes(catalog: Catalog, submission: Submission) -> tuple[Scope, ...]:
    """The scopes of a submission with faults, as far as it can be read."""
    if submission.transaction not in catalog:
        return ()
    spec = catalog.transaction(submission.transaction)
    readable = readable_part(spec, submission.data, examine(spec, submission.data).faults)
    return scopes_of(spec, readable) if readable is not None else ()
