"""A vendor's card library in its helper process: a real shared library, compiled here."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.backoff import Backoff
from agent.clock import SystemClock
from agent.devices.cards.driver import DriverBackend
from agent.devices.cards.model import CardRefused, Conclusion, Finding, Proofs, from_payload
from agent.devices.cards.source import Want
from agent.devices.model import DeviceGone
from agent.helpers.client import HelperProcess
from agent.helpers.process import HelperSettings
from tests.unit.devices.card_rig import CardStation

COMPILER = shutil.which("cc") or shutil.which("gcc")
pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler to build the stand-in library")

RIGHT = Proofs("F4A0CF965BDCEA30DBF7A936D0D18C9E", "774A08ED00000000E603E2CAADAF02B6")
MODULE = "agent.devices.cards.driver_helper"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("driver") / "libSSCardDriver.so"
    source = Path(__file__).with_name("sscard.c")
    subprocess.run([str(COMPILER), "-shared", "-fPIC", "-w", "-o", str(built), str(source)], check=True)
    return built


@pytest.fixture
def put(library: Path) -> Iterator[Callable[[str], None]]:
    """What lies in the reader: b(asic), h(sm), x (crashes), 0 (nothing)."""
    card = library.with_name("card")
    card.write_text("0")
    yield card.write_text  # type: ignore[misc]
    card.write_text("0")


def helper_for(library: Path) -> HelperProcess:
    command = (sys.executable, "-m", MODULE, str(library))
    settings = HelperSettings("sscard", command, start_within_s=20)
    return HelperProcess(settings, SystemClock(), Backoff(first_s=0.001, cap_s=0.001))


@pytest.fixture
def helper(library: Path) -> Iterator[HelperProcess]:
    helper = helper_for(library)
    yield helper
    helper.close()


@pytest.fixture
def backend(helper: HelperProcess) -> DriverBackend:
    return DriverBackend(helper, SystemClock())


@pytest.fixture
def station(backend: DriverBackend) -> Iterator[CardStation]:
    station = CardStation(Want.READ, backend=backend)
    yield station
    station.stop()


def test_a_card_that_the_driver_reads_becomes_one_event(
    station: CardStation, put: Callable[[str], None]
) -> None:
    assert "-1" in station.until("card_silent").sentence
    put("b")
    found = station.next()
    assert (found["name"], found["card_number"], found["version"]) == ("测试姓名", "A12345678", "2.0")
    assert found["reset_info"] == "00814A444686605199000001AC"
    station.until("card_again")
    assert station.events.empty()
    put("0")
    station.until("card_silent")
    put("b")
    assert station.next()["card_number"] == "A12345678"


def conclusion_of(backend: DriverBackend, proofs: Proofs) -> tuple[dict[str, str], Conclusion]:
    station = CardStation(Want.AUTHENTICATE, backend=backend)
    event = station.events.get(timeout=20)
    station.source.settle(event.id, proofs)
    conclusion = station.conclusions.get(timeout=20)
    station.stop()
    return from_payload(event.payload), conclusion


def test_without_its_own_module_the_driver_reads_in_two_steps_with_the_platforms(
    backend: DriverBackend, put: Callable[[str], None]
) -> None:
    put("h")
    found, conclusion = conclusion_of(backend, RIGHT)
    assert (found["algorithm"], found["factor"], found["original"]) == (
        "03", "32D9E876ADB31BBF", "DBF7A936D0D18C9E",
    )  # fmt: skip
    assert (found["external_factor"], found["external_original"]) == ("98B4D293D091C331", "E603E2CAADAF02B6")
    assert "name" not in found
    assert conclusion.finding is Finding.GENUINE
    assert conclusion.card is not None
    assert conclusion.card.person is not None
    assert conclusion.card.person.name == "测试姓名"


def test_a_proof_that_the_driver_does_not_take_is_refused(
    backend: DriverBackend, put: Callable[[str], None]
) -> None:
    put("h")
    _, conclusion = conclusion_of(backend, Proofs("00" * 16))
    assert (conclusion.finding, conclusion.card) == (Finding.REFUSED, None)


def test_a_card_that_the_driver_reads_alone_is_authenticated_with_the_algorithm_of_step_one(
    backend: DriverBackend, put: Callable[[str], None]
) -> None:
    put("b")
    found, conclusion = conclusion_of(backend, RIGHT)
    assert (found["algorithm"], found["name"]) == ("03", "测试姓名")
    assert conclusion.finding is Finding.GENUINE


def test_a_driver_that_crashes_costs_a_pause_and_no_more(
    station: CardStation, put: Callable[[str], None]
) -> None:
    station.until("card_silent")
    put("x")
    assert "意外退出" in station.until("device_gone").sentence
    put("b")
    assert station.next()["card_number"] == "A12345678"


def test_a_library_that_cannot_be_loaded_is_said(tmp_path: Path) -> None:
    helper = helper_for(tmp_path / "missing.so")
    with pytest.raises(DeviceGone, match="装不上厂商的库"):
        DriverBackend(helper, SystemClock()).next_card()
    helper.close()


def test_a_library_without_the_functions_is_said(tmp_path: Path) -> None:
    (tmp_path / "other.c").write_text("int other(void) { return 0; }")
    other = tmp_path / "other.so"
    subprocess.run(
        [str(COMPILER), "-shared", "-fPIC", "-o", str(other), str(tmp_path / "other.c")], check=True
    )
    helper = helper_for(other)
    with pytest.raises(Exception, match="function_missing"):
        DriverBackend(helper, SystemClock()).next_card()
    helper.close()


def test_an_answer_without_the_cards_identification_is_refused(
    helper: HelperProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HelperProcess, "call", lambda *_args: {"fields": ["519900"] * 11})
    with pytest.raises(CardRefused):
        DriverBackend(helper, SystemClock()).next_card()
