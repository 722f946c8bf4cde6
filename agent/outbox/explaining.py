"""What a result says in words: why it stands as it does, and what each choice does. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.events import JsonObject
from agent.outbox import states
from agent.outbox.model import State


@dataclass(frozen=True, slots=True)
class Blocker:
    """A failed submission that another one waits for."""

    id: str = field(repr=False)
    transaction: str
    state: str

    def as_json(self) -> JsonObject:
        return {"id": self.id, "transaction": self.transaction, "state": self.state}


_STATES = {
    State.REJECTED: "被拒绝",
    State.PARTIAL: "部分被拒绝",
    State.UNKNOWN: "结果不明",
    State.PARKED: "多次发送失败",
    State.EXPIRED: "已过期",
    State.INVALID: "内容有误",
}


_NOT_SENT_AGAIN = {
    State.INVALID: "再次发送前发现错误（见 errors）",
    State.EXPIRED: "已超过有效期",
    State.CANCELLED: "已取消",
}
_DOUBTED = "此前发送过，当时没有收到平台的应答；请先向平台核实是否已受理，再决定是否重新办理"


def sentence(
    state: str,
    replaced_by: str,
    faults: Sequence[JsonObject],
    blockers: Sequence[Blocker],
    expired_says: str,
    *,
    doubted: bool = False,
) -> str:
    """The sentence for states that no system's answer explains; "" for the others. ``doubted``: an attempt of
    what ended so may have arrived."""
    if doubted and state in _NOT_SENT_AGAIN:
        return f"{_NOT_SENT_AGAIN[State(state)]}，没有再次发送。{_DOUBTED}"
    match state:
        case State.INVALID if any(str(fault["rule"]).startswith("control") for fault in faults):
            return "控制文件没有执行，原提交保持不变；原因见 errors"
        case State.INVALID:
            return f"提交内容有 {len(faults)} 处错误，未发送；请按 errors 逐条修改后重新提交"
        case State.EXPIRED:
            return expired_says or "已超过有效期，未发送，也不会再发送"
        case State.CANCELLED if replaced_by:
            return f"已由 {replaced_by} 替换，未发送，也不会再发送"
        case State.CANCELLED:
            return "已取消，未发送，也不会再发送"
        case State.UNKNOWN:
            return "是否已被平台受理不明，查询也无法确定；请人工核实后判定"
        case State.PARKED:
            return "多次发送失败而平台可用，已搁置；请检查该业务后决定"
        case State.BLOCKED:
            return f"等待前序业务处理：{'；'.join(_names(blockers)) or '未知'}"
        case _:
            return ""


def meanwhile(state: str, *, in_flight: bool) -> str:
    """The sentence for what goes on by itself; "" for the other states."""
    match state:
        case states.QUEUED:
            return "正在发送，等待平台应答" if in_flight else "排队中，轮到后自动发送"
        case states.QUERYING:
            return "没有收到平台的应答，正在向平台查询结果；请勿重复提交"
        case _:
            return ""


def _names(blockers: Sequence[Blocker]) -> list[str]:
    return [f"{b.transaction} {b.id}（{_STATES.get(State(b.state), b.state)}）" for b in blockers]


def _resolve(verdict: str, effect: str) -> JsonObject:
    return {"file": "<id>.resolve.json", "content": {"as": verdict}, "effect": effect}


_ACCEPTED = _resolve("accepted", "判定平台已受理：可在 data 中填写平台返回的编号；后续业务随即继续")
_REJECTED = _resolve("rejected", "判定平台未受理：该业务以被拒绝结束；其后续业务仍等待更正或放行")
_ONCE = [_ACCEPTED, _REJECTED]
_BARE = [_resolve("accepted", "判定平台已受理，没有应答内容"), _REJECTED]
_CANCEL: JsonObject = {"file": "<id>.cancel", "effect": "取消该业务：不再发送，并放行因它而等待的业务"}

_CHOICES: dict[str, list[JsonObject]] = {
    State.UNKNOWN: [
        _ACCEPTED,
        _REJECTED,
        _resolve("resend", "重新发送：仅在确认平台没有收到时使用，否则可能重复"),
    ],
    State.PARKED: [
        _resolve("resend", "在原来的位置上重新发送"),
        _CANCEL,
        _ACCEPTED,
        _REJECTED,
        {"field": "replaces", "effect": "提交更正后的业务并以 replaces 指明本业务：在原来的位置上发送新业务"},
    ],
    State.BLOCKED: [
        {
            "field": "replaces",
            "effect": "更正 blocked_by 中的业务，重新提交并以 replaces 指明它：受理后本业务自动继续",
        },
        {"command": "his-agent outbox skip", "effect": "放行：不等前序业务，直接发送本业务，由平台判断"},
        {"file": "<id>.cancel", "effect": "取消本业务：不再发送"},
    ],
}


def choices(state: str, *, bare: bool = False, once: bool = False) -> list[JsonObject]:
    """What may be done about a submission that waits for a decision; [] for the others. ``bare``: nothing
    but its id is known. ``once``: what may have arrived is not sent again."""
    if state != State.UNKNOWN:
        return _CHOICES.get(state, [])
    if bare:
        return _BARE
    return _ONCE if once else _CHOICES[State.UNKNOWN]
