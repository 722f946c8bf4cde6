"""What the rehearsed platform does for each transaction.

A transaction is a function of a :class:`~.base.Context` and the business DATA that answers a
:class:`~.base.Reply`. Adding one is a module with such a function and a line in ``TRANSACTIONS``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from plugins.ministry.simulator.transactions import admission, connectivity, fees, history, settlement
from plugins.ministry.simulator.transactions.base import Transaction

TRANSACTIONS: Final[Mapping[str, Transaction]] = {
    "GYU000": connectivity.answer,
    "GYU101": admission.answer,
    "GYU102": fees.answer,
    "GYU103": settlement.answer,
    "GYD053": history.answer,
}
