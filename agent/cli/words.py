"""Chinese words for the states that commands show."""

from __future__ import annotations

from typing import Final

MESSAGE_STATES: Final = {
    "staging": "接收中",
    "ready": "待发",
    "in_flight": "发送中",
    "inquiring": "查询中",
    "accepted": "已受理",
    "partial": "部分受理",
    "rejected": "被拒绝",
    "unknown": "结果不明",
    "blocked": "被前面的失败挡住",
    "held": "等待前序结果",
    "parked": "暂停待处理",
    "expired": "已过期",
    "cancelled": "已取消",
    "invalid": "内容有误",
}
CONDITIONS: Final = {"running": "正常", "waiting": "等待恢复", "failed": "需要处理"}
WORKERS: Final = {"running": "运行中", "restarting": "正在重启", "ended": "已结束"}
TROUBLES: Final = {
    "not_sent": "连不上对方",
    "maybe_sent": "没有收到应答",
    "answer_rejected": "应答不可信",
    "probe_failed": "对方没有正常应答",
    "store_full": "磁盘已满",
}
"""What holds a lane up for the moment, by the error's code."""


ATTEMPT_STATES: Final = {
    "started": "发送中",
    "withdrawn": "没有发出",
    "answered": "有应答",
    "unknown": "结果不明",
    "absent": "对方没有收到",
}
ACTS: Final = {
    "acknowledge": "确认已读",
    "cancel": "取消",
    "skip": "放行后续",
    "resolve:accepted": "裁定为已受理",
    "resolve:rejected": "裁定为已拒绝",
    "resolve:resend": "裁定为重新发送",
}


def moment(value: object) -> str:
    """An ISO 8601 time as people read it; nothing for what is not there."""
    return str(value or "")[:19].replace("T", " ")


def cell(value: object) -> str:
    """A value in a table; nothing for what is not there."""
    return "" if value is None else str(value)
