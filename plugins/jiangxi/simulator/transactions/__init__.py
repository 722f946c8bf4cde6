"""All 20 transactions by their code."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from plugins.jiangxi.simulator.transactions import fees, people, relapses, settlements, traces, visits
from plugins.jiangxi.simulator.transactions.base import Transaction

TRANSACTIONS: Final[Mapping[str, Transaction]] = MappingProxyType(
    {
        "GS001": people.injured,
        "GS002": people.bank_account,
        "FY001": fees.upload,
        "FY004": fees.trial,
        "FY005": settlements.settle,
        "KF001": fees.calculate,
        "KF002": settlements.settle_rehabilitation,
        "MZ002": visits.register_clinic,
        "ZY001": visits.admit,
        "ZY002": visits.change_bank,
        "ZY004": visits.discharge,
        "JY001": fees.delete,
        "JY002": settlements.refund,
        "JY003": visits.revoke,
        "CX001": settlements.settled,
        "CX002": fees.details,
        "CX003": people.by_code,
        "CX004": relapses.relapses,
        "SQ001": relapses.apply,
        "SQ002": traces.upload,
    }
)
