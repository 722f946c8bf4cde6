"""Holds the rehearsed platforms against case files: ``simulator/ministry/<transaction or theme>.toml``.

A file has ``[[case]]`` tables: ``id``, ``about``, ``now`` (2026-03-15T10:00:00), ``options`` of the
server, ``start`` (a scene of ``ministry_scenes.toml`` that comes first) and ``steps``:

    send      the transaction
    rows      its rows: changes to the sample row of tests.unit.ministry.simulator.forms
    times     so often the rows are repeated; numbered rows get numbers of their own
    head      changes to the fields beside the rows
    data      the whole business DATA instead
    refid     the call's number, access the access key, region the aab301
    at        the clock is moved to this moment first
    busi      the expected busi_code, RE0000 if not given; tells the expected busi_msg
    gives     the expected ret_code of each row; says their expected ret_msg
    effects   the keys that the ledger gained; a revoked one begins with "-"
    finds     of GYD053: the earlier call whose DATA is found, "" for an empty one
    shows     expected values of the answer by their path (datalist.0.aaz515)
    counts    expected lengths of lists by their path
    keep      names for values of the answer by their path; later steps write $name for them
    scene     instead of all that: the steps of this scene

Texts are held against the catalog's unless ``says`` or ``tells`` is given.
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
CATALOG = load_catalog("plugins.ministry.catalog")
ERRORS = CATALOG.errors


@dataclass
class Runner:
    """Sends the steps of one case and remembers what each call was told."""

    rehearsal: Rehearsed
    told: dict[str, Told] = field(default_factory=dict)
    provinces: dict[str, Province] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)

    def run(self, step: dict[str, Any]) -> None:
        if "scene" in step:
            for each in SCENES[step["scene"]]:
                self.run(each)
            return
        if "at" in step:
            self.wind_to(step["at"].replace(tzinfo=BEIJING))
        step = self.filled_in(step)
        before = len(self.effects())
        told = self.send(step)
        assert told.code == "PE0000"
        assert told.busi == step.get("busi", "RE0000"), told.data
        self.assert_texts(told, step)
        self.assert_answer(told, step)
        if "effects" in step:
            assert self.effects()[before:] == step["effects"]
        for name, path in step.get("keep", {}).items():
            self.kept[name] = at_path(told.data, path)

    def send(self, step: dict[str, Any]) -> Told:
        access = step.get("access", "510000001")
        new = Province(self.rehearsal.server.port, access, access[:2] + "0000")
        province = self.provinces.setdefault(access, new)
        changes = {"refid": step["refid"]} if "refid" in step else {}
        changes |= {"aab301": step["region"]} if "region" in step else {}
        told = province.send(step["send"], business_data(step), **changes)
        self.told[step.get("refid", province.refid(province.number))] = told
        return told

    def assert_texts(self, told: Told, step: dict[str, Any]) -> None:
        rows = answered_rows(step, told)
        expected = ["" if row["ret_code"] == "RE0000" else ERRORS[row["ret_code"]] for row in rows]
        assert [row["ret_msg"] for row in rows] == step.get("says", expected)
        text = "" if told.busi == "RE0000" else ERRORS[told.busi]
        assert told.data["busi_msg"] == step.get("tells", text)

    def assert_answer(self, told: Told, step: dict[str, Any]) -> None:
        if "gives" in step:
            assert [row["ret_code"] for row in answered_rows(step, told)] == step["gives"]
        if "finds" in step:
            found = self.told[step["finds"]].data if step["finds"] else {}
            assert told.data["hisdata"] == found
        for path, value in step.get("shows", {}).items():
            assert at_path(told.data, path) == value, path
        for path, count in step.get("counts", {}).items():
            assert len(at_path(told.data, path)) == count, path

    def effects(self) -> list[str]:
        entries = self.rehearsal.admin("GET", "ledger?limit=10000")["entries"]
        return [("-" if entry["change"] < 0 else "") + entry["key"] for entry in entries]

    def filled_in(self, value: Any) -> Any:
        """``value`` with what was kept in the places of ``$names``."""
        if isinstance(value, dict):
            return {key: self.filled_in(child) for key, child in value.items()}
        if isinstance(value, list):
            return [self.filled_in(child) for child in value]
        if isinstance(value, str) and "$" in value:
            return re.sub(r"\$(\w+)", lambda match: str(self.kept[match[1]]), value)
        return value

    def wind_to(self, moment: datetime) -> None:
        clock = self.rehearsal.clock
        assert isinstance(clock, ManualClock)
        clock.advance((moment - clock.now()).total_seconds())


def business_data(step: dict[str, Any]) -> dict[str, Any]:
    if "data" in step:
        data: dict[str, Any] = step["data"]
        return data
    rows = step.get("rows", [{}]) * step.get("times", 1)
    return forms.SAMPLES[step["send"]].data(rows, step.get("head", {}))


def answered_rows(step: dict[str, Any], told: Told) -> list[dict[str, Any]]:
    """The rows of an answer that say how they fared; those of a download do not."""
    rows = told.data.get(CATALOG.transaction(step["send"]).answer_list or "datalist", [])
    return [row for row in rows if "ret_code" in row]


def at_path(data: Any, path: str) -> Any:
    for part in path.split("."):
        data = data[int(part)] if isinstance(data, list) else data[part]
    return data


def all_cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{path.stem}-{case['id']}")
        for path in sorted(CASES.glob("*.toml"))
        for case in tomllib.loads(text_of(path))["case"]
    ]


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


SCENES: dict[str, list[dict[str, Any]]] = tomllib.loads(
    text_of(Path(__file__).parent / "ministry_scenes.toml")
)


@pytest.mark.parametrize("case", all_cases())
def test_the_platform_judges_as_the_case_says(case: dict[str, Any]) -> None:
    now: datetime = case.get("now", NOW.replace(tzinfo=None)).replace(tzinfo=BEIJING)
    with rehearsed(ManualClock(now), **case.get("options", {})) as rehearsal:
        runner = Runner(rehearsal)
        start = [{"scene": case["start"]}] if "start" in case else []
        for step in [*start, *case["steps"]]:
            runner.run(step)


def expected_codes() -> set[str]:
    return {code for path in CASES.glob("*.toml") for code in re.findall(r'"(RE\d+)"', text_of(path))}


def test_every_rule_of_the_platform_is_reached_by_a_case() -> None:
    """Every code that a rule can answer stands in a case as an expected one."""
    sources = [*(SIMULATOR / "rules").glob("*.py"), *(SIMULATOR / "transactions").glob("*.py")]
    implemented = {code for path in sources for code in re.findall(r'"(RE\d+)"', text_of(path))}
    assert len(implemented) >= 120
    assert implemented <= expected_codes()


def test_every_expected_code_is_one_of_the_documents() -> None:
    assert expected_codes() <= set(ERRORS)
