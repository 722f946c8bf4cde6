"""One visit's course as the agent's own history tells it, and one message held against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.errors import Fault
from agent.events import Awaited, Draft, History
from plugins.jiangxi.facts import BY_US, COURSE, FEES_FACT, FOUND, REGISTERED, REVOKED, SETTLED
from plugins.jiangxi.preparing import VISIT


@dataclass(frozen=True, slots=True)
class Course:
    """``facts`` are the members of ``course``, ``ends`` those of ``settled``, ``fees`` what stands."""

    number: str = field(repr=False)
    facts: Mapping[str, str] = field(repr=False)
    fees: Mapping[str, str] = field(repr=False)
    ends: Mapping[str, str] = field(repr=False)

    @property
    def known(self) -> bool:
        return bool(self.facts or self.fees or self.ends)

    @property
    def registered(self) -> str:
        """MZ002, ZY001 or KF001; "" when the agent did not register it."""
        return self.facts.get(REGISTERED, "")

    @property
    def settled(self) -> str:
        """The day on which this agent settled it; "" when it did not."""
        return self.ends.get(BY_US, "")


def course_of(number: str, history: History) -> Course:
    kinds = (COURSE, FEES_FACT, SETTLED)
    return Course(number, *(history.values(kind, (number,)) for kind in kinds))


@dataclass(slots=True)
class Step:
    """One message against the course of its visit."""

    draft: Draft
    course: Course
    history: History
    refused: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    awaits: list[Awaited] = field(default_factory=list)

    def refuse(self, rule: str, message: str) -> None:
        self.refused.append(visit_fault(rule, message))

    def warn(self, rule: str, message: str, pointer: str = f"/{VISIT}", code: str = VISIT) -> None:
        self.warnings.append(Fault(pointer, rule, message, code))

    def demand_standing(self) -> None:
        """Nothing is done to a revoked registration."""
        if self.course.facts.get(REVOKED):
            self.refuse(
                "revoked", "这次住院登记已用 JY003 撤销；请重新办理入院登记 ZY001，用新的业务流水号提交"
            )

    def demand_open(self, instead: str) -> None:
        """What another workstation settled may have been refunded there since."""
        if self.course.settled:
            self.refuse("settled", f"这次就诊已于 {self.course.settled} 结算；{instead}")
        elif FOUND in self.course.ends:
            self.warn("settled", f"查询（CX001）曾显示这次就诊已结算；{instead}")

    def demand_fees(self, instead: str) -> None:
        """Only who registered the visit knows all of its fees: others may have come from elsewhere."""
        if self.course.fees:
            return
        tell = self.refuse if self.course.registered else self.warn
        tell("no_fees", f"本机没有这次就诊的有效费用（没有上传，或已删除、退费）；{instead}")


def visit_fault(rule: str, message: str) -> Fault:
    return Fault(f"/{VISIT}", rule, message, VISIT, "业务流水号")
