"""Keys come from the keyring by name, are parsed once per text, and never show."""

from __future__ import annotations

import pytest

from agent.errors import ConfigurationError, CryptoError, KeyMissing, KeyRejected
from agent.events import Response
from plugins.ministry.keys import Keys
from tests.unit.ministry.ministry_desk import NOW, Keyring, adapter, admission, key, submission

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
IDS = {"wire_id": "51990020260102000042", "request_id": "519900001000000007"}
ANSWER = Response(200, {}, b'{"code":"PE0000","biz_data":{"symmetric_key":"a","sign":"b","data":"c"}}')


def keys(keyring: Keyring) -> Keys:
    return Keys(keyring, "ministry/own-private", "ministry/peer-public")


def test_a_key_is_parsed_once_and_again_when_its_text_changes() -> None:
    keyring = Keyring()
    these = keys(keyring)
    first = these.own(), these.peer()
    assert these.own() is first[0]
    assert these.peer() is first[1]
    keyring.texts["ministry/own-private"] = key("other").to_pem()
    keyring.texts["ministry/peer-public"] = key("other").public.to_pem()
    assert (these.own(), these.peer()) == (key("other"), key("other").public)


@pytest.mark.parametrize(
    "material", [key("platform").to_pem(), key("platform").scalar.hex()], ids=["pem", "hex"]
)
def test_one_pair_for_both_sides_is_possible(material: str) -> None:
    """M07: the platform's site hands out one pair, so the peer's name may hold the private key."""
    assert keys(Keyring(**{"ministry/peer-public": material})).peer() == key("platform").public


def test_one_name_for_both_sides_is_possible() -> None:
    these = Keys(Keyring(), "ministry/own-private", "ministry/own-private")
    assert these.peer() == these.own().public


def test_what_is_no_key_is_rejected_as_a_public_key() -> None:
    with pytest.raises(KeyRejected) as caught:
        keys(Keyring(**{"ministry/peer-public": CERTIFICATE})).peer()
    assert "PUBLIC KEY" in caught.value.hint


def test_keys_never_show() -> None:
    these = keys(Keyring())
    shown = f"{these!r} {these.own()!r} {adapter()!r}"
    assert key("agent").scalar.hex() not in shown
    assert "PRIVATE KEY" not in shown


def test_a_missing_key_stops_before_sending() -> None:
    keyring = Keyring()
    this = adapter(keyring)
    draft = this.plan(submission("GYU101", admission()), NOW).drafts[0]
    del keyring.texts["ministry/own-private"]
    with pytest.raises(KeyMissing):
        this.encode(draft, IDS, NOW)


def test_an_unusable_key_is_a_matter_of_configuration_before_sending() -> None:
    this = adapter(Keyring(**{"ministry/peer-public": "x"}))
    draft = this.plan(submission("GYU101", admission()), NOW).drafts[0]
    with pytest.raises(ConfigurationError):
        this.encode(draft, IDS, NOW)


def test_a_key_that_is_gone_leaves_an_answer_unopened_not_unsent() -> None:
    keyring = Keyring()
    this = adapter(keyring)
    draft = this.plan(submission("GYU101", admission()), NOW).drafts[0]
    del keyring.texts["ministry/peer-public"]
    with pytest.raises(CryptoError):
        this.interpret(draft, IDS, ANSWER)
