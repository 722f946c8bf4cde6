"""What people may ask of the running agent about reconciliation (``ProtocolSpec.acts``)."""

from __future__ import annotations

from typing import Final

from agent.errors import ControlError
from agent.events import History, Submission
from agent.hookspecs import Act, Acted, Asked, ProtocolAdapter
from plugins.scanpay.adapter import ScanpayAdapter
from plugins.scanpay.orders import cycle_of
from plugins.scanpay.reconciling import deciding
from plugins.scanpay.settings import SYSTEM


def reconcile(adapter: ProtocolAdapter, history: History, asked: Asked) -> Acted:
    """ST099 for a cycle, in the name of its operator."""
    cycle = asked.words[0]
    operator = asked.words[1] if len(asked.words) > 1 else ""
    data = {"busicycleno": cycle, "operatorid": operator or _operator(adapter, history, cycle)}
    submission = Submission(SYSTEM, deciding.STATEMENT, "", data, occurred_at=asked.now, internal=True)
    line = f"业务周期 {cycle} 已开始对账，完成后用 his-agent scanpay differences {cycle} 查看"
    return Acted((line,), {"busicycleno": cycle}, submissions=(submission,))


def differences(adapter: ProtocolAdapter, history: History, asked: Asked) -> Acted:
    return deciding.differences(history, _own(adapter).settings.hospcode, asked)


def accept(adapter: ProtocolAdapter, history: History, asked: Asked) -> Acted:
    return deciding.accept(history, _own(adapter).settings.hospcode, asked)


def _operator(adapter: ProtocolAdapter, history: History, cycle: str) -> str:
    """Who opened a cycle, as far as this agent knows, else the first configured."""
    settings = _own(adapter).settings
    known = cycle_of(history, settings.hospcode, cycle)
    found = known.operatorid if known else next(iter(settings.operators), "")
    if not found:
        raise ControlError(
            f"不知道业务周期 {cycle} 是哪个操作员的",
            hint="请写明操作员：reconcile 业务周期号 操作员",
            details={"code": "bad_arguments"},
        )
    return found


def _own(adapter: ProtocolAdapter) -> ScanpayAdapter:
    if not isinstance(adapter, ScanpayAdapter):
        raise TypeError("acts of scan-to-pay are asked of its own adapter")
    return adapter


ACTS: Final = (
    Act("reconcile", "向平台取对账文件并与本机核对（ST099）", ("业务周期号", "[操作员]"), reconcile),
    Act("differences", "查看一个业务周期最近一次对账的差异", ("业务周期号",), differences),
    Act(
        "accept",
        "确认对账差异：按订单号、差异编号，或 all；全部确认后才能签退",
        ("业务周期号", "订单号|差异编号|all"),
        accept,
        decides=True,
    ),
)
