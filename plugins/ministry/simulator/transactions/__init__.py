"""What the rehearsed platform does for each transaction.

A transaction is a function of a :class:`~.base.Context` and the business DATA that answers a
:class:`~.base.Reply`. Adding one is a module with such a function and a line in ``TRANSACTIONS``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from plugins.ministry.simulator.transactions import (
    admission,
    aids,
    attachments,
    cards,
    connectivity,
    deductions,
    downloads,
    feedback,
    fees,
    filings,
    history,
    institutions,
    revocations,
    settlement,
    statements,
    verification,
)
from plugins.ministry.simulator.transactions.base import Transaction
from plugins.ministry.simulator.transactions.feeds import FEEDS

TRANSACTIONS: Final[Mapping[str, Transaction]] = {
    "GYU000": connectivity.answer,
    "GYU009": institutions.answer,
    "GYU006": filings.upload,
    "GYU001": filings.review,
    "GYU007": filings.change,
    "GYD051": verification.answer,
    "GYU101": admission.answer,
    "GYU102": fees.answer,
    "GYU103": settlement.answer,
    "GYU303": aids.answer,
    "GYU004": deductions.upload,
    "GYR001": revocations.fees,
    "GYR002": revocations.admission,
    "GYR003": revocations.settlement,
    "GYR004": deductions.withdraw,
    "GYU003": statements.answer,
    "GYU002": attachments.upload,
    "GYD054": attachments.download,
    "GYU010": cards.scan,
    "GYD052": cards.authenticate,
    "GYD055": cards.authenticate_internally,
    "GYU008": feedback.confirm,
    "GYD008": feedback.unconfirmed,
    "GYR005": feedback.offer_again,
    "GYD053": history.answer,
    "GYD104": downloads.by_person,
    **{busitype: downloads.download(busitype) for busitype in FEEDS},
}
