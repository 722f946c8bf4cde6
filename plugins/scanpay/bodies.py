"""What a message of ours carries beside the document's fields, in its draft's memo: whose till it is from,
and what was wrong with its scanned code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from agent.errors import Fault
from agent.events import Draft, JsonObject

LOCAL: Final = "0"
OTHER_REGION: Final = "1"
"""aae139 异地标志."""


@dataclass(frozen=True, slots=True)
class Till:
    """Institution, operator, and whether the person is insured elsewhere: whose cycle a message is in."""

    hospcode: str
    operatorid: str
    region: str = LOCAL

    @property
    def lane(self) -> str:
        """Lanes are per institution and operator; both regions share one."""
        return f"{self.hospcode}/{self.operatorid}" if self.operatorid else self.hospcode

    @property
    def cycle_key(self) -> tuple[str, str, str]:
        """The key of the fact ``cycle``, which ST001's answer gives."""
        return (self.hospcode, self.operatorid, self.region)


@dataclass(frozen=True, slots=True)
class About:
    """``faults`` were found when the scanned code was decoded; they refuse the message at its claim, where
    it is known not to be a repetition of one that was sent."""

    till: Till
    faults: tuple[Fault, ...] = field(default=())
    owner: str = field(default="", repr=False)
    """The submission, by transaction and the HIS's id."""
    internal: bool = False
    """Made by the agent itself."""
    look: str = ""
    """Why the agent asks for an order's state by itself: ``cancel`` before ST100, ``late`` afterwards."""

    def as_memo(self) -> JsonObject:
        till = self.till
        return {
            "hospcode": till.hospcode,
            "operatorid": till.operatorid,
            "region": till.region,
            "faults": [fault.as_json() for fault in self.faults],
            "owner": self.owner,
            "internal": self.internal,
            "look": self.look,
        }


def about(draft: Draft) -> About:
    """What a draft's memo says; an inquiry and a probe have none."""
    memo = draft.memo
    till = Till(memo.get("hospcode", ""), memo.get("operatorid", ""), memo.get("region", LOCAL))
    return About(
        till,
        tuple(_fault(one) for one in memo.get("faults", ())),
        owner=memo.get("owner", ""),
        internal=memo.get("internal", False),
        look=memo.get("look", ""),
    )


def without(body: JsonObject, codes: list[str]) -> JsonObject:
    return {code: value for code, value in body.items() if code not in codes}


def _fault(held: JsonObject) -> Fault:
    return Fault(held["pointer"], held["rule"], held["message"], held["field"], held["name"], held["code"])
