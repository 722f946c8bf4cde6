"""A protocol plugin as a stranger would write it: unencrypted JSON notes of 1 KB, one lane.

It registers by an entry point of its own distribution, which ``bench.agent_run`` makes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agent import jsontext
from agent.catalog import Catalog, load_catalog
from agent.errors import AnswerRejected
from agent.events import (
    Conclusion,
    Draft,
    Outcome,
    Plan,
    Request,
    Response,
    Scope,
    Series,
    Submission,
    Verdict,
)
from agent.hookspecs import KeySource, Option, ProtocolSpec, hookimpl
from agent.protocol.completing import Unaided
from agent.protocol.drafts import drafts_of
from agent.protocol.judging import judge

SYSTEM = "plain"
LANE = "notes"
HEADERS = (("Content-Type", "application/json;charset=UTF-8"), ("access_key", "bench"))


def notes_catalog() -> Catalog:
    return load_catalog("bench.plain.catalog")


@hookimpl
def register_protocols(register: Callable[[ProtocolSpec], None]) -> None:
    register(
        ProtocolSpec(
            name=SYSTEM,
            title="性能测试",
            options=(Option(name="url", kind="url", about="接口地址", required=True),),
            keys=(),
            load_catalog=notes_catalog,
            build=build,
        )
    )


def build(options: Mapping[str, Any], source: KeySource) -> PlainAdapter:
    del source
    return PlainAdapter(notes_catalog(), str(options["url"]))


@dataclass(frozen=True, slots=True)
class PlainAdapter(Unaided):
    catalog: Catalog
    url: str

    def plan(self, submission: Submission, today: datetime) -> Plan:
        spec = self.catalog.transaction(submission.transaction)
        normal = judge(spec, submission.data, today.date(), {})
        return Plan(drafts_of(spec, normal.data, LANE), normal.data, normal.warnings)

    def scopes(self, submission: Submission) -> tuple[Scope, ...]:
        return ()

    def lanes(self) -> tuple[str, ...]:
        return (LANE,)

    def series(self, draft: Draft) -> tuple[Series, ...]:
        return (Series("note", 12, daily=False),)

    def stamp(self, draft: Draft, serials: Mapping[str, int], now: datetime) -> Mapping[str, str]:
        return {"wire_id": f"{serials['note']:012d}"}

    def encode(self, draft: Draft, ids: Mapping[str, str], now: datetime) -> Request:
        return Request(self.url, HEADERS, write_body(draft.body))

    def interpret(self, draft: Draft, ids: Mapping[str, str], response: Response) -> Outcome:
        try:
            answer = jsontext.read_object(response.body.decode("utf-8"))
        except ValueError as error:
            raise AnswerRejected("返回内容不是有效的 JSON") from error
        if response.status != 200 or answer.get("code") != "0":
            return Outcome(Verdict.REJECTED, code=str(answer.get("code", response.status)))
        return Outcome(Verdict.ACCEPTED, code="0", data=answer)

    def inquire(self, draft: Draft, ids: Mapping[str, str]) -> Draft | None:
        return None

    def conclude(self, draft: Draft, ids: Mapping[str, str], answer: Outcome) -> Conclusion:
        raise NotImplementedError("inquire never asks anything")

    def probe(self, lane: str) -> Draft | None:
        return None


def write_body(data: Mapping[str, Any]) -> bytes:
    return jsontext.write(dict(data)).encode("utf-8")
