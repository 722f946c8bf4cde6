"""An adapter, the rehearsed province, and the facts between them: the lane's part played by hand."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agent.catalog import examine
from agent.clock import BEIJING, ManualClock
from agent.dispatch.filling import fill
from agent.events import (
    Completion,
    Conclusion,
    Draft,
    JsonObject,
    Outcome,
    Response,
    Submission,
    Verdict,
)
from agent.rehearsal.exchange import Rehearsal
from agent.rehearsal.faults import parse_switch
from agent.rehearsal.messages import Call, Delivery
from plugins.jiangxi.adapter import JiangxiAdapter, build
from plugins.jiangxi.simulator.serve import build as build_province

URL = "http://127.0.0.1:7016/gsyl/rest/service"
HOSPITAL, SAFE = "Y0400", "Y6XL0"
PERSON = {"aac147": "369900198408230014", "aac003": "演练赣甲"}
ACCIDENT = "360100202503010001"
TODAY = "20260101"
TRACE = "81234567890123456789"


class Facts:
    """A History in memory, fed by outcomes as the outbox feeds its own."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, tuple[str, ...]], dict[str, str]] = {}

    def value(self, kind: str, key: tuple[str, ...], member: str = "") -> str | None:
        return self._groups.get((kind, key), {}).get(member)

    def giver(self, kind: str, key: tuple[str, ...], member: str = "") -> str:
        return ""

    def values(self, kind: str, key: tuple[str, ...]) -> Mapping[str, str]:
        return dict(self._groups.get((kind, key), {}))

    def take(self, outcome: Outcome) -> None:
        for gone in outcome.forgotten:
            group = self._groups.get((gone.kind, gone.key), {})
            if gone.member is None:
                self._groups.pop((gone.kind, gone.key), None)
            else:
                group.pop(gone.member, None)
        for fact in outcome.identifiers:
            self._groups.setdefault((fact.kind, fact.key), {})[fact.member] = fact.value


@dataclass
class Line:
    """One workstation. ``facts`` is what it knows; replace it to forget everything."""

    adapter: JiangxiAdapter
    province: Rehearsal
    clock: ManualClock
    facts: Facts = field(default_factory=Facts)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def plan(self, transaction: str, data: JsonObject) -> tuple[Draft, ...]:
        return self.adapter.plan(Submission("jiangxi", transaction, "HIS-1", data), self.clock.now()).drafts

    def ready(self, draft: Draft, *, forced: bool = False) -> Completion:
        """Numbers and earlier values filled in, then held against what is known."""
        day = self.clock.now().astimezone(BEIJING).date()
        values = {}
        for need in draft.needs:
            known = self.facts.value(need.identifier, need.key) if need.identifier else None
            if known is None and need.draw:
                known = need.draw.form.format(day=day, serial=next(self.numbers))
            values[need.slot] = known or ""
        return self.adapter.complete(fill(draft, values), self.facts, forced=forced)

    def exchange(self, draft: Draft) -> tuple[Mapping[str, str], Response | None]:
        """Send a complete draft; None when no answer came."""
        serials = {series.name: next(self.numbers) for series in self.adapter.series(draft)}
        ids = self.adapter.stamp(draft, serials, self.clock.now())
        request = self.adapter.encode(draft, ids, self.clock.now())
        answer = self.province(Call(request.method, "/gsyl/rest/service", "", {}, request.body))
        lost = answer.delivery in (Delivery.NOTHING, Delivery.RESET)
        return ids, None if lost else Response(answer.status, {}, answer.body)

    def send(self, draft: Draft) -> Outcome:
        """The outcome of a complete draft, its facts kept."""
        ids, response = self.exchange(draft)
        assert response is not None, "the answer was lost"
        outcome = self.adapter.interpret(draft, ids, response)
        if outcome.verdict is Verdict.ACCEPTED:
            spec = self.adapter.catalog.transaction(draft.transaction)
            answered = examine(spec, outcome.data, side="response")
            assert (answered.faults, answered.warnings) == ((), ()), "the province answers as documented"
            self.facts.take(outcome)
        return outcome

    def do(self, transaction: str, data: JsonObject) -> Outcome:
        """Plan, complete and send; the last outcome. What is refused locally fails the test."""
        for draft in self.plan(transaction, data):
            completion = self.ready(draft)
            assert not completion.refused, completion.refused
            assert not completion.awaits
            outcome = self.send(completion.draft)
        return outcome

    def lose(
        self, transaction: str, data: JsonObject, fault: str = "drop_after"
    ) -> tuple[Draft, Mapping[str, str]]:
        """Send once with the answer lost; the draft that went out and its ids."""
        draft = self.ready(self.plan(transaction, data)[0]).draft
        self.province.board.replace([parse_switch(f"{fault}=on:{transaction}")])
        ids, response = self.exchange(draft)
        self.province.board.replace([])
        assert response is None
        return draft, ids

    def ask_about(self, draft: Draft, ids: Mapping[str, str]) -> Conclusion:
        question = self.adapter.inquire(draft, ids)
        assert question is not None
        asked, response = self.exchange(question)
        assert response is not None
        return self.adapter.conclude(draft, ids, self.adapter.interpret(question, asked, response))


def line(settings: Mapping[str, Any] | None = None, **province: str) -> Line:
    clock = ManualClock()
    adapter = build(
        {"url": URL, "institutions": [f"{HOSPITAL}={SAFE}", "Y0401"], **(settings or {})}, NoKeys()
    )
    return Line(adapter, build_province(province, clock).rehearsal, clock)


class NoKeys:
    def get(self, name: str) -> str:
        raise AssertionError(f"the province has no keys, {name} was asked for")


# -- what a HIS drops -----------------------------------------------------------------------------------
def clinic(**more: Any) -> JsonObject:
    return {
        "akf001": "骨科", "bkc375": "BL0001", "bkc367": "YS001", "ake022": "演练医师", "aka120": "S61.001",
        "akc050": "手指开放性损伤", "ake024": "左手示指切割伤", "alc005": ACCIDENT, "akb020": HOSPITAL,
        "akb021": "演练工伤医院", **more,
    }  # fmt: skip


def stay(**more: Any) -> JsonObject:
    return {
        **clinic(), "aka130": "72", "ckc349": "ZY0001", "bka021": "01", "bka022": "一病区", "bka023": "12",
        "bkc378": "工伤", "bae118": "102100099996", "aae009": "演练赣甲", "aae010": "6200000000000000014",
        "aac067": "13900000000", "aae030": TODAY, **more,
    }  # fmt: skip


def discharge(**more: Any) -> JsonObject:
    return {
        "akb020": HOSPITAL, "akf002": "骨科", "bka651": "01", "bka652": "一病区", "bka653": "12",
        "bkc371": "YS001", "ake021": "演练医师", "akb063": "1", "bkc387": "好转", "ake027": "清创缝合",
        "aae031": TODAY,
        "kc53list": [{"akc201": "1", "akc202": "S61.001", "akc203": "手指开放性损伤", "akc204": TODAY}],
        **more,
    }  # fmt: skip


def fee(number: int = 1, **more: Any) -> JsonObject:
    """One box of a drug for 12.00, of which the fund pays 10.00."""
    return {
        "aka130": "71", "bke384": f"{HOSPITAL}{TODAY}{number:010d}", "bkc369": "13", "bkc370": "21",
        "ake001": "X-A01AD-K038-A001", "aka030": "1", "ake002": "糠甾醇片", "ake005": "YP0001",
        "ake006": "糠甾醇片10mg", "ake007": TODAY, "akc225": "12", "akc226": "1", "aae011": "GK001",
        "bae125": "演练收费员", **more,
    }  # fmt: skip


def fees(*rows: JsonObject, **head: Any) -> JsonObject:
    return {"akb020": HOSPITAL, "inputlist": list(rows or (fee(),)), **head}


def rehabilitation(*rows: JsonObject, **more: Any) -> JsonObject:
    row = fee(bkc369="20", bkc370="16", ake001="KF-0001", ake002="运动疗法", aka130="73", ckc349="KF0001")
    return {
        **clinic(ake025="无", ake026="X线"), "aka130": "73", "inputlist": list(rows or (row,)), **more,
    }  # fmt: skip


def settlement(**more: Any) -> JsonObject:
    return {
        "akb020": HOSPITAL,
        "aae011": "GK001",
        "bae125": "演练收费员",
        "bke107": "1",
        "aka130": "71",
        **more,
    }


def taking_back(**more: Any) -> JsonObject:
    return {"akb020": HOSPITAL, "aae186": "录入有误", **more}


def trace(number: int = 1, *codes: str, **more: Any) -> JsonObject:
    return {
        "ake001": "X-A01AD-K038-A001", "ake002": "糠甾醇片", "ake005": "YP0001", "ake006": "糠甾醇片10mg",
        "bke384": f"{HOSPITAL}{TODAY}{number:010d}", "bkc502": "演练医师", "bkc503": "LOT7",
        "bkc504": "20250101", "bkc506": "1", "bkc507": "0", "bkc511": "LS0001", "bkc516": "1",
        "bkc517": TODAY, "bkc518": "演练药师",
        "aka030": "1", "kc56list": list(codes or (TRACE,)), **more,
    }  # fmt: skip


def traces(*rows: JsonObject, **head: Any) -> JsonObject:
    return {"akb020": HOSPITAL, "kc25list": list(rows or (trace(),)), **head}


def without(data: JsonObject, *codes: str) -> JsonObject:
    return {code: value for code, value in data.items() if code not in codes}


def renamed(draft: Draft, **body: Any) -> Draft:
    return replace(draft, body={**draft.body, **body})
