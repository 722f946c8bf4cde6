"""The adapter and the rehearsal platform, which share only the catalog, understand each other."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from agent.clock import ManualClock
from agent.crypto import PrivateKey
from agent.crypto.keys import generate
from agent.events import Conclusion, Draft, Finding, JsonObject, Outcome, Response, Submission, Verdict
from agent.rehearsal.exchange import Rehearsal
from agent.rehearsal.server import Call
from plugins.ministry.adapter import MinistryAdapter, build
from plugins.ministry.simulator.serve import build as build_platform

ACCESS_KEY = "510000001"
PERSON = {"aac002": "519900198408230014", "aac003": "演练甲"}
STAY = {"akb020": "51010000001", "akc190": "ZY1", "alc002": "1", "aka130": "72"}


class Keyring:
    def __init__(self, own: PrivateKey, peer: PrivateKey) -> None:
        self._texts = {
            "ministry/own-private": own.to_pem(),
            "ministry/peer-public": peer.public.to_pem(),
        }

    def get(self, name: str) -> str:
        return self._texts[name]


@dataclass
class Line:
    """An adapter, the platform, and the numbers between them."""

    adapter: MinistryAdapter
    platform: Rehearsal
    clock: ManualClock
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def plan(self, transaction: str, data: JsonObject) -> tuple[Draft, ...]:
        submission = Submission("ministry", transaction, "HIS-1", data)
        return self.adapter.plan(submission, self.clock.now()).drafts

    def send(self, draft: Draft) -> tuple[Mapping[str, str], Outcome]:
        serials = {series.name: next(self.numbers) for series in self.adapter.series(draft)}
        ids = self.adapter.stamp(draft, serials, self.clock.now())
        request = self.adapter.encode(draft, ids, self.clock.now())
        headers = {name.lower(): value for name, value in request.headers}
        path = "/" + request.url.split("/", 3)[3]
        answer = self.platform(Call(request.method, path, "", headers, request.body))
        return ids, self.adapter.interpret(draft, ids, Response(answer.status, {}, answer.body))

    def ask_about(self, draft: Draft, ids: Mapping[str, str]) -> Conclusion:
        question = self.adapter.inquire(draft, ids)
        assert question is not None
        return self.adapter.conclude(draft, ids, self.send(question)[1])


def line(**platform_options: str) -> Line:
    own, peer = generate(), generate()
    clock = ManualClock()
    options = {"own_private": peer.to_pem(), "peer_public": own.public.to_pem(), **platform_options}
    adapter = build(
        {
            "url": "http://127.0.0.1:7015/engine/transport/server/001",
            "access_key": ACCESS_KEY,
            "sm2_layout": platform_options.get("layout", "C1C2C3"),
        },
        Keyring(own, peer),
    )
    return Line(adapter, build_platform(options, clock).rehearsal, clock)


def admission() -> JsonObject:
    return {"datalist": [{**PERSON, **STAY, "aab360": "510104", "aae030": "20260101"}]}


def fees(count: int) -> JsonObject:
    row = {
        "ala012": "02",
        "ala002": "YP1",
        "ala020": "药品",
        "aka068": "10",
        "aae185": "0.8",
        "akc226": "1",
        "akc225": "12.5",
        "aae058": "12.5",
        "aae020": "8",
        "aae022": "4.5",
        "aae229": "20260101",
    }
    rows = [{**row, "aaz213_s": f"MX{number:06d}"} for number in range(count)]
    return {**PERSON, **STAY, "datalist": rows}


def settlement(count: int) -> JsonObject:
    amounts = {"aae058": f"{12.5 * count}", "aae020": f"{8 * count}", "aae022": f"{4.5 * count}"}
    return {"datalist": [{**PERSON, **STAY, **amounts, "aae031": "20260101", "akc195": "好转"}]}


def test_a_stay_goes_through_from_admission_to_settlement() -> None:
    this = line()
    probe = this.adapter.probe(ACCESS_KEY)
    assert probe is not None
    assert this.send(probe)[1].verdict is Verdict.ACCEPTED
    admitted = this.send(this.plan("GYU101", admission())[0])[1]
    charged = [this.send(draft)[1] for draft in this.plan("GYU102", fees(1200))]
    settled = this.send(this.plan("GYU103", settlement(1200))[0])[1]
    assert [outcome.verdict for outcome in (admitted, *charged, settled)] == [Verdict.ACCEPTED] * 5
    assert [[row.index for row in outcome.rows] for outcome in charged] == [
        list(range(500)),
        list(range(500)),
        list(range(200)),
    ]
    numbers = {outcome.identifiers[0] for outcome in (admitted, *charged, settled)}
    assert len(numbers) == 1, "one settlement number for the whole stay (M76)"


@pytest.mark.parametrize("options", [{}, {"hisdata": "text"}, {"layout": "C1C3C2"}], ids=str)
def test_an_answer_that_was_lost_is_found_as_it_was(options: dict[str, str]) -> None:
    this = line(**options)
    draft = this.plan("GYU101", admission())[0]
    ids, lost = this.send(draft)
    again = this.send(draft)[1]
    assert (again.verdict, again.already_there) == (Verdict.REJECTED, True)
    conclusion = this.ask_about(draft, ids)
    assert conclusion.finding is Finding.FOUND
    assert conclusion.outcome is not None
    assert conclusion.outcome.settled_by == "inquiry"
    assert (conclusion.outcome.rows, conclusion.outcome.identifiers) == (lost.rows, lost.identifiers)


@pytest.mark.parametrize("absent", ["RE1106", "empty"])
def test_an_attempt_that_never_arrived_is_absent(absent: str) -> None:
    this = line(absent=absent)
    draft = this.plan("GYU101", admission())[0]
    unsent = {"wire_id": "51000020260101999999", "request_id": "510000001999999999"}
    assert this.ask_about(draft, unsent).finding is Finding.ABSENT


def test_one_fee_again_beside_a_new_one_is_a_partial_refusal_of_the_visit() -> None:
    this = line()
    this.send(this.plan("GYU101", admission())[0])
    this.send(this.plan("GYU102", fees(1))[0])
    draft = this.plan("GYU102", fees(2))[0]
    outcome = this.send(draft)[1]
    assert (outcome.verdict, outcome.already_there) == (Verdict.PARTIAL, True)
    assert [row.accepted for row in outcome.rows] == [False, True]
    assert [scope.kind for scope in outcome.refused] == ["visit"]


def test_local_arithmetic_accepts_what_the_platform_accepts() -> None:
    this = line()
    this.send(this.plan("GYU101", admission())[0])
    data = fees(1)
    data["datalist"][0].update(
        akc226="-3", akc225="12.345678", aae058="-37.04", aae020="-24", aae022="-13.04"
    )
    assert this.send(this.plan("GYU102", data)[0])[1].verdict is Verdict.ACCEPTED


def test_another_pair_of_keys_stops_the_lane() -> None:
    this = line()
    stranger = build(
        {"url": this.adapter.settings.url, "access_key": ACCESS_KEY}, Keyring(generate(), generate())
    )
    this.adapter = stranger
    draft = this.plan("GYU101", admission())[0]
    outcome = this.send(draft)[1]
    assert (outcome.verdict, outcome.code) == (Verdict.HALT, "PE2001")
