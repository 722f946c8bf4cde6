"""Holds the rehearsed platforms against case files: ``simulator/ministry/<transaction>.toml``.

A file has ``[[case]]`` tables: ``id``, ``about``, ``now`` (2026-03-15T10:00:00), ``options`` of the
server, ``admitted`` (a stay comes first) or ``charged`` (a stay with one fee), and ``steps``:

    send      the transaction
    rows      its rows: changes to the sample row of tests.unit.ministry.simulator.forms
    times     so often the rows are repeated; fee rows get numbers of their own
    head      changes to the head of GYU102
    data      the whole business DATA instead
    refid     the call's number, access the access key
    busi      the expected busi_code, RE0000 if not given
    gives     the expected ret_code of each row; says their expected ret_msg
    effects   the keys that the ledger gained
    finds     of GYD053: the earlier call whose DATA is found, "" for an empty one

Texts are held against the catalog's unless ``says`` is given.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agent.catalog.loader import load_catalog
from agent.clock import BEIJING, ManualClock
from tests.unit.ministry.simulator import forms
from tests.unit.ministry.simulator.rehearsed import NOW, Province, Rehearsed, Told, rehearsed

CASES = Path(__file__).parent / "ministry"
SIMULATOR = Path(__file__).parents[3] / "plugins" / "ministry" / "simulator"
ERRORS = load_catalog("plugins.ministry.catalog").errors


@dataclass
class Runner:
    """Sends the steps of one case and remembers what each call was told."""

    rehearsal: Rehearsed
    told: dict[str, Told] = field(default_factory=dict)
    provinces: dict[str, Province] = field(default_factory=dict)

    def run(self, step: dict[str, Any]) -> None:
        access = step.get("access", "510000001")
        before = len(self.rehearsal.effects())
        province = self.provinces.setdefault(
            access, Province(self.rehearsal.server.port, access, access[:2] + "0000")
        )
        changes = {"refid": step["refid"]} if "refid" in step else {}
        told = province.send(step["send"], business_data(step), **changes)
        self.told[step.get("refid", province.refid(province.number))] = told
        assert told.code == "PE0000"
        assert told.busi == step.get("busi", "RE0000"), told.data
        assert_texts(told, step.get("says"))
        if "gives" in step:
            assert told.rows == step["gives"]
        if "effects" in step:
            assert self.rehearsal.effects()[before:] == step["effects"]
        if "finds" in step:
            found = self.told[step["finds"]].data if step["finds"] else {}
            assert told.data["hisdata"] == found


def business_data(step: dict[str, Any]) -> dict[str, Any]:
    if "data" in step:
        data: dict[str, Any] = step["data"]
        return data
    rows = step.get("rows", [{}]) * step.get("times", 1)
    if step["send"] == "GYU101":
        return forms.admissions(*(forms.admission(**row) for row in rows))
    if step["send"] == "GYU103":
        return forms.settlements(*(forms.settlement(**row) for row in rows))
    head = step.get("head", {})
    return {**forms.fees(*(forms.fee(number, **row) for number, row in enumerate(rows, 1))), **head}


def assert_texts(told: Told, says: list[str] | None) -> None:
    rows = told.data.get("datalist", [])
    expected = says or ["" if row["ret_code"] == "RE0000" else ERRORS[row["ret_code"]] for row in rows]
    assert [row["ret_msg"] for row in rows] == expected
    assert told.data["busi_msg"] == ("" if told.busi == "RE0000" else ERRORS[told.busi])


def all_cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{path.stem}-{case['id']}")
        for path in sorted(CASES.glob("*.toml"))
        for case in tomllib.loads(text_of(path))["case"]
    ]


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", all_cases())
def test_the_platform_judges_as_the_case_says(case: dict[str, Any]) -> None:
    now: datetime = case.get("now", NOW.replace(tzinfo=None)).replace(tzinfo=BEIJING)
    with rehearsed(ManualClock(now), **case.get("options", {})) as rehearsal:
        runner = Runner(rehearsal)
        if case.get("admitted") or case.get("charged"):
            runner.run({"send": "GYU101", "gives": ["RE0000"]})
        if case.get("charged"):
            runner.run({"send": "GYU102", "gives": ["RE0000"]})
        for step in case["steps"]:
            runner.run(step)


def test_every_rule_of_the_platform_is_reached_by_a_case() -> None:
    """Every code that a rule can answer stands in a case as an expected one."""
    sources = [*(SIMULATOR / "rules").glob("*.py"), *(SIMULATOR / "transactions").glob("*.py")]
    implemented = {code for path in sources for code in re.findall(r'Refusal\(\s*"(RE\d+)"', text_of(path))}
    expected = {code for path in CASES.glob("*.toml") for code in re.findall(r'"(RE\d+)"', text_of(path))}
    assert len(implemented) > 30
    assert implemented <= expected


def test_every_expected_code_is_one_of_the_documents() -> None:
    for path in CASES.glob("*.toml"):
        assert set(re.findall(r'"(RE\d+)"', text_of(path))) <= set(ERRORS), path.name
