"""Reading social-security cards, on the applet itself: every version, every way of naming records."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.devices.cards.apdu import exchange
from agent.devices.cards.atr import parse_atr, reset_info
from agent.devices.cards.authentication import Authentication
from agent.devices.cards.model import (
    AUTHENTICATE_FIELDS,
    INTERNAL_FIELDS,
    CardData,
    CardError,
    CardForeign,
    CardLocked,
    CardRefused,
    Challenge,
    Finding,
    Proofs,
    filled,
    from_payload,
    payload,
    reading,
)
from agent.devices.cards.ssse import NAME, algorithm_of, read_card, read_person, select, version_of
from agent.rehearsal.virtual_card import SAMPLE, Applet, Naming, platform_proof, profile

ATR = bytes.fromhex("3B6D000000814A444686605199000001AC")
RESET_INFO = "00814A444686605199000001AC"


def read(applet: Applet) -> CardData:
    return read_card(applet.answer, select(applet.answer), RESET_INFO)


# -- the answer to reset ---------------------------------------------------------------------------
def test_the_reset_information_is_the_historical_bytes_of_the_specifications_example() -> None:
    assert reset_info(ATR) == RESET_INFO
    assert len(reset_info(ATR)) == 26


@pytest.mark.parametrize(
    ("atr", "historical", "protocols"),
    [
        ("3B00", "", (0,)),
        ("3B0241 42", "4142", (0,)),
        ("3F6D0000" + "00" * 13, "00" * 13, (0,)),
        ("3B8D01" + "11" * 13 + "8C", "11" * 13 + "", (1,)),
        ("3BDF18FF8131FE58" + "22" * 15 + "00", None, None),  # its check byte is wrong
        ("3BFD1800008131FE4500814A444686605199000001AC", None, None),
    ],
)
def test_interface_bytes_are_counted_and_never_taken_for_history(
    atr: str, historical: str | None, protocols: tuple[int, ...] | None
) -> None:
    raw = bytes.fromhex(atr)
    if historical is None:
        with pytest.raises(CardRefused):
            parse_atr(raw)
        return
    if protocols == (1,):
        raw = raw[:-1] + bytes([_checksum(raw[1:-1])])
    found = parse_atr(raw)
    assert (found.historical.hex().upper(), found.protocols) == (historical, protocols)


def _checksum(raw: bytes) -> int:
    result = 0
    for byte in raw:
        result ^= byte
    return result


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 15), st.binary(min_size=3, max_size=3)), max_size=4),
    st.binary(max_size=15),
    st.integers(0, 7),
    st.binary(min_size=3, max_size=3),
)
def test_any_answer_to_reset_gives_its_history_whatever_precedes_it(
    groups: list[tuple[int, int, bytes]], historical: bytes, first: int, interface: bytes
) -> None:
    """Built forwards: T0, then groups of TA, TB, TC and TD."""
    announced = [first, *(group[0] for group in groups)]
    contents = [interface, *(group[2] for group in groups)]
    body = b""
    for number, (bits, content) in enumerate(zip(announced, contents, strict=True)):
        more = 0x80 if number < len(groups) else 0
        low = len(historical) if number == 0 else groups[number - 1][1]
        body += bytes([more | bits << 4 | low]) + content[: bits.bit_count()]
    raw = b"\x3b" + body + historical
    if any(group[1] for group in groups):
        raw += bytes([_checksum(raw[1:])])
    found = parse_atr(raw)
    assert found.historical == historical
    assert found.protocols == (tuple(group[1] for group in groups) or (0,))
    with pytest.raises(CardRefused):
        parse_atr(raw + b"\x00")


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_no_bytes_break_the_parsing_of_an_answer_to_reset(raw: bytes) -> None:
    try:
        parsed = parse_atr(raw)
    except CardRefused:
        return
    assert parsed == parse_atr(raw)


# -- the card ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("naming", list(Naming))
@pytest.mark.parametrize(("version", "algorithm"), [("1.0", "01"), ("2.0", "01"), ("3.0", "03")])
def test_every_version_is_read_by_tag_however_its_records_are_named(
    version: str, algorithm: str, naming: Naming
) -> None:
    card = read(Applet(profile(version, naming=naming)))
    assert card.card_id == "519900D15600000510000B26FFFFFFFF"
    assert (card.card_number, card.version, card.algorithm) == ("A12345678", version, algorithm)
    assert (card.area, card.issuer, card.valid_until) == ("519900", "519900", "20300101")
    if version == "3.0":
        assert card.person is None
        return
    assert card.person is not None
    assert card.person.social_number == "110101190001010010"
    assert (card.person.name, card.person.sex, card.person.birth_date) == ("测试姓名", "1", "19000101")


def test_a_name_that_is_cut_within_a_character_is_put_together() -> None:
    name = "买买提·𠮷·吐尔逊·阿卜杜热西提"  # 𠮷 has four bytes in GB18030
    raw = name.encode("gb18030")
    assert len(raw) > 30
    for shift in ("", "a", "ab", "abc"):  # the cut falls on every byte of a character
        card = read(Applet(profile("2.0", replace(SAMPLE, name=shift + name))))
        assert card.person is not None
        assert card.person.name == shift + name


def test_a_record_of_another_tag_is_not_taken_for_the_wanted_one() -> None:
    """A card that takes the tag for a number gives some record: the tag in the answer decides."""
    plain = profile("1.0", naming=Naming.NUMBER)
    others = dict.fromkeys(range(32, 48), b"another record")
    applet = Applet(replace(plain, person={**others, **plain.person}))

    def confused(command: bytes) -> bytes:
        if command[1] == 0xB2 and command[3] in {0x00, 0x28, 0x30}:
            command = command[:3] + b"\x04" + command[4:]
        return applet.answer(command)

    card = read_card(confused, select(confused), RESET_INFO)
    assert card.person is not None
    assert (card.person.sex, card.person.name) == ("1", "测试姓名")


def test_a_card_that_answers_without_61xx_is_read_too() -> None:
    assert read(Applet(replace(profile("3.0"), t0=False))).algorithm == "03"


def test_cards_of_the_capital_use_ssf33_where_they_name_no_algorithm() -> None:
    plain = profile("1.0")
    assert read(Applet(plain)).algorithm == "01"
    beijing = {**plain.basic, 0x01: bytes.fromhex("110000D15600000510000B26FFFFFFFF")}
    assert read(Applet(replace(plain, basic=beijing))).algorithm == "02"


def test_the_algorithm_is_found_in_the_specifications_example() -> None:
    control = bytes.fromhex("6F1C840F") + NAME + bytes.fromhex("A50988011E9F0C03860103")
    assert algorithm_of(control) == "03"
    assert algorithm_of(control[:-5]) == ""
    assert algorithm_of(b"") == ""


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_no_control_information_breaks_the_reading(control: bytes) -> None:
    assert algorithm_of(control) in {"", "01", "02", "03"}


def test_three_characters_of_the_version_count_and_none_is_the_oldest() -> None:
    assert [version_of(raw) for raw in (b"1.00", b"2.00", b"3.00", b"3.0", b"", b"\x00" * 4, None)] == [
        "1.0", "2.0", "3.0", "3.0", "1.0", "1.0", "1.0",
    ]  # fmt: skip


def test_a_card_without_the_application_is_foreign() -> None:
    with pytest.raises(CardForeign):
        select(lambda _command: b"\x6a\x82")


def test_a_card_without_identification_is_refused() -> None:
    plain = profile("2.0")
    with pytest.raises(CardRefused, match="卡识别码"):
        read(Applet(replace(plain, basic={0x02: b"1"})))


@settings(deadline=None)
@given(st.lists(st.binary(max_size=12), min_size=1))
def test_a_card_that_answers_anything_at_all_raises_nothing_but_card_errors(answers: list[bytes]) -> None:
    given_back = iter(answers * 200)

    def told() -> object:
        try:
            return read_card(
                lambda _command: next(given_back), select(lambda _command: next(given_back)), RESET_INFO
            )
        except CardError as refused:
            return refused.message

    assert told()


def test_other_lengths_and_further_data_are_fetched() -> None:
    answers = iter([b"\x6c\x03", b"ab\x61\x02", b"cd\x90\x00"])
    sent: list[bytes] = []

    def transmit(command: bytes) -> bytes:
        sent.append(command)
        return next(answers)

    answer = exchange(transmit, bytes.fromhex("00B2080000"))
    assert (answer.data, answer.ok) == (b"abcd", True)
    assert [command.hex() for command in sent] == ["00b2080000", "00b2080003", "00c0000002"]


def test_a_card_that_never_comes_to_an_end_is_given_up() -> None:
    with pytest.raises(CardRefused):
        exchange(lambda _command: b"\x61\x08", bytes.fromhex("0084000008"))


# -- authentication ------------------------------------------------------------------------------------
def begun(applet: Applet) -> tuple[Authentication, CardData, Challenge]:
    card = read(applet)
    authentication = Authentication(applet.answer)
    return authentication, card, authentication.challenge(card)


def proofs_of(card: CardData, challenge: Challenge) -> Proofs:
    told = reading(card, None)
    return Proofs(
        platform_proof(told, challenge.factor, challenge.original),
        platform_proof(told, challenge.external_factor, challenge.external_original),
    )


def test_a_card_that_gives_its_person_asks_for_no_external_authentication() -> None:
    authentication, card, challenge = begun(Applet(profile("2.0")))
    assert (challenge.external_factor, challenge.external_original) == ("", "")
    assert authentication.conclude(challenge, proofs_of(card, challenge)) is Finding.GENUINE


def test_a_card_of_3_0_gives_its_person_after_the_platforms_proof() -> None:
    applet = Applet(profile("3.0"))
    authentication, card, challenge = begun(applet)
    assert len(challenge.external_factor) == len(challenge.external_original) == 16
    assert read_person(applet.answer) is None
    assert authentication.conclude(challenge, proofs_of(card, challenge)) is Finding.GENUINE
    person = read_person(applet.answer)
    assert person is not None
    assert person.name == "测试姓名"


def test_a_card_with_another_key_is_false() -> None:
    authentication, card, challenge = begun(Applet(profile("2.0", key=b"forged")))
    assert authentication.conclude(challenge, proofs_of(card, challenge)) is Finding.FALSE


def test_a_proof_of_another_challenge_is_false() -> None:
    authentication, card, challenge = begun(Applet(profile("2.0")))
    other = replace(challenge, original="00" * 8)
    assert authentication.conclude(challenge, proofs_of(card, other)) is Finding.FALSE
    assert authentication.conclude(challenge, Proofs("no hex at all")) is Finding.FALSE
    right = proofs_of(card, challenge).internal
    assert authentication.conclude(challenge, Proofs(right[:16] + "00" * 8)) is Finding.FALSE
    assert authentication.conclude(challenge, Proofs(right.lower())) is Finding.GENUINE


def test_a_platform_whose_external_proof_is_wrong_is_refused_and_learns_nothing() -> None:
    applet = Applet(profile("3.0"))
    authentication, card, challenge = begun(applet)
    right = proofs_of(card, challenge)
    wrong = replace(right, external="00" * 8 + challenge.external_original)
    assert authentication.conclude(challenge, wrong) is Finding.REFUSED
    assert authentication.conclude(challenge, replace(right, external="")) is Finding.REFUSED
    assert read_person(applet.answer) is None


def test_a_challenge_dies_with_the_power() -> None:
    applet = Applet(profile("3.0"))
    authentication, card, challenge = begun(applet)
    applet.reset()
    select(applet.answer)
    assert authentication.conclude(challenge, proofs_of(card, challenge)) is not Finding.GENUINE


# -- what a card fills ---------------------------------------------------------------------------------
def test_the_fields_of_both_transactions_come_from_the_card() -> None:
    _, card, challenge = begun(Applet(profile("2.0")))
    card = replace(card, reset_info=RESET_INFO)
    assert filled(card, None, AUTHENTICATE_FIELDS) == {
        "aaz500": "A12345678",
        "aaz501": "519900D15600000510000B26FFFFFFFF",
        "aac002": "110101190001010010",
        "aac003": "测试姓名",
    }
    internal = filled(card, challenge, INTERNAL_FIELDS)
    assert (internal["aaz502"], internal["aaz503"]) == (RESET_INFO, "01")
    assert (internal["aaz504"], internal["aaz505"]) == (challenge.factor, challenge.original)
    assert (internal["aaz506"], internal["aaz507"]) == ("", "")


def test_a_person_that_cannot_be_read_is_not_filled_with_nothing() -> None:
    with pytest.raises(CardLocked):
        filled(read(Applet(profile("3.0"))), None, AUTHENTICATE_FIELDS)


def test_the_payload_of_a_card_event_holds_all_that_was_read() -> None:
    _, card, challenge = begun(Applet(profile("3.0")))
    found = from_payload(payload(card, challenge))
    assert found["external_factor"] == challenge.external_factor
    assert "name" not in found
    assert json.loads(payload(read(Applet(profile("1.0")))))["name"] == "测试姓名"


def test_a_card_keeps_itself_to_itself() -> None:
    card = read(Applet(profile("1.0")))
    shown = f"{card!r} {proofs_of(card, Challenge('00' * 8, '11' * 8))!r}"
    for secret in ("测试姓名", "110101190001010010", "A12345678", card.card_id, "1111111111111111"):
        assert secret not in shown
