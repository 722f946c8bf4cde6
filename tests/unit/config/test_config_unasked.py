"""What becomes of scans that nobody asked for, as the configuration says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import load
from agent.config.device_model import UnaskedConfig
from agent.config.devices import KINDS
from agent.devices.classify import DEFAULT_RULES, UNKNOWN
from agent.errors import ConfigurationError
from agent.waiting.room import CARD

HOUSE = """
[systems.ministry]
[scanners.gun]
station = "till-1"
[readers.desk]
station = "till-2"
[codes.invoice]
pattern = "FP[0-9]{12}"
"""


def unasked(tmp_path: Path, text: str) -> tuple[UnaskedConfig, ...]:
    path = tmp_path / "his-agent.toml"
    path.write_text(HOUSE + text, encoding="utf-8")
    return load(path).devices.unasked


def section(name: str = "a", **others: str) -> str:
    told = {"kind": "esscard", "system": "ministry", "transaction": "GYU010", **others}
    return f"[unasked.{name}]\n" + "".join(f'{key} = "{value}"\n' for key, value in told.items() if value)


def test_a_kind_goes_to_its_transaction_with_its_fixed_fields(tmp_path: Path) -> None:
    told = section(station="till-1") + 'data = ["akb020=51010000001", "operatorname=a=b"]\n'
    assert unasked(tmp_path, told) == (
        UnaskedConfig(
            "a",
            "esscard",
            "ministry",
            "GYU010",
            "till-1",
            (("akb020", "51010000001"), ("operatorname", "a=b")),
        ),
    )


@pytest.mark.parametrize("kind", [*sorted(KINDS), "invoice"])
def test_every_kind_that_can_come_may_be_sent_on(tmp_path: Path, kind: str) -> None:
    assert [one.kind for one in unasked(tmp_path, section(kind=kind))] == [kind]


def test_the_kinds_are_those_of_the_classification() -> None:
    assert {rule.kind for rule in DEFAULT_RULES} | {UNKNOWN, CARD} == KINDS


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (section(kind=""), ["unasked.a.kind"]),
        (section(system=""), ["unasked.a.system"]),
        (section(transaction=""), ["unasked.a.transaction"]),
        (section(system="jiangxi"), ["unasked.a.system"]),
        (section(kind="ecredentail"), ["unasked.a.kind"]),
        (section(station="till-9"), ["unasked.a.station"]),
        (section() + 'data = ["akb020"]', ["unasked.a.data"]),
        (section() + 'data = ["=x"]', ["unasked.a.data"]),
        (section() + section("b"), ["unasked.b"]),
        (section() + 'verdict = "x"', ["unasked.a.verdict"]),
    ],
)
def test_what_could_never_come_or_never_go_is_refused_at_its_place(
    tmp_path: Path, text: str, places: list[str]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        unasked(tmp_path, text)
    problems = caught.value.details["problems"]
    assert [key for key, _ in problems] == places  # type: ignore[attr-defined]


def test_one_kind_may_go_elsewhere_at_another_station(tmp_path: Path) -> None:
    told = section(station="till-1") + section("b", station="till-2", transaction="GYU011") + section("c")
    assert [one.station for one in unasked(tmp_path, told)] == ["till-1", "till-2", ""]
