"""Which submission a control file's name means.

An id is the HIS's own within a system and a transaction, so one name may mean several submissions:
then the one counts on which the act is possible. A name of the form ``<transaction>__<id>``, as files of
submissions have it, means one of them; it may be an id itself, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from agent.errors import Fault
from agent.outbox.base import Outbox, Transaction
from agent.outbox.model import State
from agent.submissions.names import carried

OPEN: Final = frozenset({State.UNKNOWN, State.PARKED})
UNSENT: Final = frozenset({State.STAGING, State.READY, State.BLOCKED, State.PARKED})

UNKNOWN_ID: Final = "control_unknown_id"
TOO_LATE: Final = Fault(
    "", "control_too_late", "该提交没有可以取消的部分：已经发送、结果未定或已有最终结果，不能取消"
)
NOTHING_TO_SEND: Final = Fault(
    "",
    "control_bare",
    "这笔业务只知道编号（数据库由备份恢复），只能裁定为 accepted 或 rejected，不能带 data；"
    "要办理请裁定为 rejected 后换一个编号重新提交",
)
NOTHING_OPEN: Final = Fault("", "control_nothing_open", "该提交没有等待人工决定的消息（unknown 或 parked）")


@dataclass(frozen=True, slots=True)
class Target:
    """A submission that is meant. ``states`` are those of its messages; its own, where nothing but its id is
    known since a backup was restored."""

    submission: int
    transaction: str
    id: str = field(repr=False)
    states: frozenset[State]

    def allows(self, act: str) -> bool:
        """Whether the act can change something; a result can be acknowledged at any time."""
        wanted = {"cancel": UNSENT, "resolve": OPEN}.get(act)
        return wanted is None or not wanted.isdisjoint(self.states)


def choose(tx: Transaction, outbox: Outbox, system: str, name: str, act: str) -> Target | Fault:
    """The one submission that the act is for, or why there is none."""
    found = list(_meant(tx, outbox, system, name))
    if not found:
        return Fault(
            "", UNKNOWN_ID, f"本系统没有 id 为 {name} 的提交，请核对 id，并确认放进了原提交的收件文件夹"
        )
    fitting = found if len(found) == 1 else [target for target in found if target.allows(act)]
    if not fitting:
        return TOO_LATE if act == "cancel" else NOTHING_OPEN
    return fitting[0] if len(fitting) == 1 else _ambiguous(fitting)


def _meant(tx: Transaction, outbox: Outbox, system: str, name: str) -> Iterator[Target]:
    """Of each transaction the latest submission with the id; who held it before has ended for good."""
    transaction, his_id = carried(name)
    numbers = [(number, name) for number in tx.find(system, name)]
    if his_id:
        numbers += [(number, his_id) for number in tx.find(system, his_id, transaction)]
    seen: set[tuple[str, str]] = set()
    for number, identifier in numbers:
        result = outbox.result(number) or {}
        key = (str(result.get("transaction", "")), identifier)
        if key not in seen:
            seen.add(key)
            states = frozenset(message.state for message in outbox.messages_of(number))
            bare = frozenset({State.UNKNOWN} if result.get("state") == State.UNKNOWN else ())
            yield Target(number, *key, states or bare)


def _ambiguous(fitting: Sequence[Target]) -> Fault:
    named = "、".join(sorted(f"{target.transaction}__{target.id}" for target in fitting))
    return Fault(
        "",
        "control_ambiguous",
        f"这个 id 在几个交易中都有可以办理的提交，请在文件名中写明交易编号；可用：{named}",
    )
