"""Cards in a virtual reader of the real PC/SC stack: pcscd, vpcd, pyscard, and an applet of our own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent.demo.processes import eventually
from agent.devices.cards.model import Finding, Proofs, from_payload
from agent.devices.cards.pcsc import PcscBackend
from agent.devices.cards.source import Want
from agent.devices.model import DeviceCondition, DeviceUnsupported, ScanVerdict
from agent.events import Event, EventKind
from agent.rehearsal.card_service import CardService
from agent.rehearsal.virtual_card import SAMPLE, Applet, Naming, platform_proof, profile
from agent.rehearsal.virtual_reader import VirtualReader
from tests.unit.devices.card_rig import READER, CardStation

pytestmark = [pytest.mark.xdist_group("pcsc"), pytest.mark.timeout(300)]  # there is one pcscd on a machine


@pytest.fixture
def reader(pcscd: CardService) -> Iterator[VirtualReader]:
    reader = VirtualReader()
    yield reader
    reader.pull()


@pytest.fixture
def station(reader: VirtualReader) -> Iterator[CardStation]:
    station = CardStation()
    yield station
    station.stop()


@pytest.fixture
def desk(reader: VirtualReader) -> Iterator[CardStation]:
    """A station that authenticates."""
    station = CardStation(Want.AUTHENTICATE)
    yield station
    station.stop()


def proofs(found: dict[str, str]) -> Proofs:
    return Proofs(
        platform_proof(found, found["factor"], found["original"]),
        platform_proof(found, found["external_factor"], found["external_original"]),
    )


@pytest.mark.parametrize(
    ("version", "naming"), [("1.0", Naming.TAG), ("2.0", Naming.SHORT), ("3.0", Naming.NUMBER)]
)
def test_an_inserted_card_becomes_one_event(
    station: CardStation, reader: VirtualReader, version: str, naming: Naming
) -> None:
    reader.insert(Applet(profile(version, naming=naming)))
    event = station.events.get(timeout=20)
    found = from_payload(event.payload)
    assert (event.kind, event.source, event.name) == (EventKind.CARD, "reader", "till-1")
    assert (found["card_id"], found["version"]) == (SAMPLE.card_id, version)
    assert found["reset_info"] == SAMPLE.reset
    assert found.get("name") == (None if version == "3.0" else "测试姓名")
    station.until("card_read")
    assert station.events.empty()


def test_the_same_card_is_given_again_only_after_it_was_taken_out(
    station: CardStation, reader: VirtualReader
) -> None:
    reader.insert(Applet(profile("1.0")))
    station.next()
    station.until("card_read")
    station.source.want(Want.READ)  # the next patient's submission waits, the card still lies there
    assert "请拔出后重新插入" in station.until("card_again").sentence
    assert station.events.empty()
    reader.pull()
    reader.insert(Applet(profile("2.0")))
    assert station.next()["version"] == "2.0"


def test_a_card_that_lay_there_before_it_was_wanted_is_read(reader: VirtualReader) -> None:
    station = CardStation(Want.NOTHING)
    reader.insert(Applet(profile("1.0")))
    station.source.want(Want.READ)
    assert station.next()["card_id"] == SAMPLE.card_id
    station.source.want(Want.NOTHING)
    station.until("idle")
    station.stop()


def test_a_card_that_is_no_social_security_card_is_said_and_the_next_one_read(
    station: CardStation, reader: VirtualReader
) -> None:
    reader.insert(None)
    assert "不是社会保障卡" in station.until("card_foreign").sentence
    reader.pull()
    reader.insert(Applet(profile("1.0")))
    assert station.next()["version"] == "1.0"


def test_a_card_pulled_out_at_any_command_costs_only_itself(pcscd: CardService) -> None:
    """From the first command of the reading to the last one after the platform's proof, on a card of
    3.0, which goes through all of them; two readers share the commands."""
    with ThreadPoolExecutor(2) as pool:
        even, odd = pool.map(pull_at_every_second, (0, 1))
    assert len(even) + len(odd) > 25
    assert set(even[:-1]) | set(odd[:-1]) <= {Finding.REMOVED, Finding.REFUSED}
    assert even[-1] is odd[-1] is Finding.GENUINE


BROKEN_OFF = ("card_removed", "card_refused", "card_silent")
"""pcscd now and then answers nothing for a card that left, and goes on calling its reader full."""


def pull_at_every_second(number: int) -> list[Finding]:
    """Until a card gets through whole."""
    reader = VirtualReader(number)
    till = CardStation(
        Want.AUTHENTICATE, reader=reader.name, deliver=lambda event: answered_at_once(till, event)
    )
    findings: list[Finding] = []
    while Finding.GENUINE not in findings:
        reader.insert(Applet(profile("3.0")), pull_at=2 * len(findings) + 1 + number)
        cut_short = till.until(*BROKEN_OFF, "card_read").reason in BROKEN_OFF
        findings.append(Finding.REMOVED if cut_short else till.conclusions.get(timeout=20).finding)
        reader.pull()
        till.forget()
    till.stop()
    return findings


def answered_at_once(desk: CardStation, event: Event) -> ScanVerdict:
    """By a platform that is never slow."""
    desk.source.settle(event.id, proofs(from_payload(event.payload)))
    return ScanVerdict.TAKEN


@pytest.mark.parametrize("version", ["2.0", "3.0"])
def test_an_authenticated_card_is_genuine_and_gives_its_person(
    desk: CardStation, reader: VirtualReader, version: str
) -> None:
    reader.insert(Applet(profile(version)))
    event = desk.events.get(timeout=20)
    found = from_payload(event.payload)
    assert bool(found["external_factor"]) is (version == "3.0")
    assert "请不要拔卡" in desk.until("card_held").sentence
    desk.source.settle(event.id, proofs(found))
    conclusion = desk.conclusions.get(timeout=20)
    assert (conclusion.event_id, conclusion.finding) == (event.id, Finding.GENUINE)
    assert conclusion.card is not None
    assert conclusion.card.person is not None
    assert conclusion.card.person.social_number == "110101190001010010"
    desk.until("card_read")


def test_a_card_whose_key_is_not_the_platforms_is_false(desk: CardStation, reader: VirtualReader) -> None:
    reader.insert(Applet(profile("3.0", key=b"forged")))
    event = desk.events.get(timeout=20)
    desk.source.settle(event.id, proofs(from_payload(event.payload)))
    conclusion = desk.conclusions.get(timeout=20)
    assert (conclusion.finding, conclusion.card) == (Finding.FALSE, None)


def test_a_card_taken_out_while_the_platform_is_asked_ends_the_authentication(
    desk: CardStation, reader: VirtualReader
) -> None:
    reader.insert(Applet(profile("2.0")))
    desk.events.get(timeout=20)
    desk.until("card_held")
    reader.pull()
    assert desk.conclusions.get(timeout=20).finding is Finding.REMOVED


def test_a_card_is_released_when_the_platform_will_not_answer(
    desk: CardStation, reader: VirtualReader
) -> None:
    reader.insert(Applet(profile("2.0")))
    event = desk.events.get(timeout=20)
    desk.source.settle("another event", Proofs("00" * 16))
    desk.until("card_held")
    desk.source.release(event.id)
    assert desk.conclusions.get(timeout=20).finding is Finding.RELEASED


def test_no_other_program_gets_at_a_card_that_is_held_or_finds_it_opened_afterwards(
    desk: CardStation, reader: VirtualReader
) -> None:
    from smartcard import scard

    applet = Applet(profile("3.0"))
    reader.insert(applet)
    event = desk.events.get(timeout=20)
    desk.until("card_held")
    _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    status, *_ = scard.SCardConnect(context, READER, scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_T0)
    assert status & 0xFFFFFFFF == 0x8010000B
    desk.source.settle(event.id, proofs(from_payload(event.payload)))
    assert desk.conclusions.get(timeout=20).finding is Finding.GENUINE
    desk.until("card_read")
    desk.stop()
    status, card, protocol = scard.SCardConnect(
        context, READER, scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_T0
    )
    assert status == 0
    _, answer = scard.SCardTransmit(card, protocol, [0x00, 0xB2, 0x08, 0x00, 0x14])
    assert bytes(answer) == b"\x69\x86"  # nothing selected: it was reset
    scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)
    scard.SCardReleaseContext(context)


def test_a_reader_that_another_program_holds_is_said_and_the_card_read_afterwards(
    reader: VirtualReader,
) -> None:
    from smartcard import scard

    reader.insert(Applet(profile("1.0")))
    _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    backend = PcscBackend(READER)
    status, card = -1, None
    while status != 0:  # until the daemon has seen the card
        status, card, _ = scard.SCardConnect(
            context, READER, scard.SCARD_SHARE_EXCLUSIVE, scard.SCARD_PROTOCOL_T0
        )
    station = CardStation(backend=backend)
    assert station.until("device_busy").condition is DeviceCondition.WAITING
    scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)
    scard.SCardReleaseContext(context)
    assert station.next()["version"] == "1.0"
    station.stop()


def test_an_event_that_is_not_stored_is_handed_over_again(reader: VirtualReader) -> None:
    handed: list[str] = []

    def deliver(event: Event) -> ScanVerdict:
        handed.append(event.id)
        if len(handed) < 2:
            raise OSError("no room")
        return ScanVerdict.TAKEN

    station = CardStation(deliver=deliver)
    reader.insert(Applet(profile("1.0")))
    station.until("card_read")
    station.stop()
    assert len(handed) == 2
    assert len(set(handed)) == 1


def card_service_answers() -> bool:
    from smartcard import scard

    status, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    if status:
        return False
    status, _ = scard.SCardGetStatusChange(context, 0, [(READER, 0)])
    scard.SCardReleaseContext(context)
    return bool(status == 0)


def restarted(pcscd: CardService) -> None:
    if not pcscd.ours:
        pytest.skip("pcscd was running before the tests and is not theirs to stop")
    pcscd.restart()


def test_the_service_may_stop_and_come_back(
    pcscd: CardService, station: CardStation, reader: VirtualReader
) -> None:
    reader.insert(Applet(profile("1.0")))
    station.next()
    station.until("card_read")
    restarted(pcscd)
    assert station.until("card_service").condition is DeviceCondition.WAITING
    station.until("ready")
    reader.insert(Applet(profile("2.0")))
    assert station.next()["version"] == "2.0"


def test_a_card_that_stayed_in_while_the_service_was_restarted_is_not_given_twice(
    pcscd: CardService, reader: VirtualReader
) -> None:
    station = CardStation(Want.NOTHING)
    station.source.want(Want.READ)
    reader.insert(Applet(profile("1.0")))
    station.next()
    station.source.want(Want.NOTHING)
    station.until("idle")
    restarted(pcscd)
    reader.insert(Applet(profile("1.0")))
    reader.until_present()
    station.source.want(Want.READ)
    assert "刚才那张卡" in station.until("card_again").sentence
    assert station.events.empty()
    reader.pull()
    reader.insert(Applet(profile("1.0")))  # now it was seen to leave
    assert station.next()["version"] == "1.0"
    station.stop()


def test_a_reader_that_is_not_there_is_waited_for(pcscd: CardService) -> None:
    station = CardStation(backend=PcscBackend("No Such VirtualReader"))
    assert station.until("device_missing").condition is DeviceCondition.WAITING
    station.stop()


def test_without_the_library_the_state_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smartcard", None)
    with pytest.raises(DeviceUnsupported, match="pyscard"):
        PcscBackend().next_card()


def test_a_service_that_runs_already_is_used_and_left_alone(pcscd: CardService) -> None:
    if not pcscd.ours:
        pytest.skip("pcscd was running before the tests, and is used by all of them")
    pcscd.stop()
    started = subprocess.Popen(["pcscd", "--foreground"], stdout=subprocess.DEVNULL)
    guest = VirtualReader()
    try:
        eventually(card_service_answers, "pcscd answers")
        second = CardService()
        second.start()
        guest.insert(Applet(profile("1.0")))
        guest.until_present()
        guest.pull()
        assert not second.ours
        second.stop()
        assert started.poll() is None
        third = CardService()
        third.start()
        third.stop()
    finally:
        guest.slot.pull()
        started.terminate()
        started.wait(20)


def test_what_was_started_here_ends_with_its_rehearsal(pcscd: CardService) -> None:
    ours = pcscd.ours
    pcscd.stop()
    pcscd.stop()
    assert not pcscd.ours
    assert card_service_answers() is not ours
