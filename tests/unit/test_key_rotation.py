"""Two generations of a key: the new one signs, either opens what comes back, until the old one is retired."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from agent.checks.keys import check_audit_key, check_certificates
from agent.clock import BEIJING
from agent.crypto import seal
from agent.errors import CryptoError, SignatureRejected
from agent.events import Response
from agent.hookspecs import KeyUse, generations
from agent.key_material.making import generate, public_pem
from agent.keys import KeyRing
from agent.keys_memory import MemoryKeyring
from plugins.scanpay import envelopes
from plugins.scanpay.forms import Received
from plugins.scanpay.keys import read_private, read_public
from plugins.scanpay.profiles import Envelope, Hash, Profile
from plugins.scanpay.sealing import PLATFORM_SIGNATURE, KeySealing
from plugins.scanpay.signatures import sign
from tests.unit.ministry.ministry_desk import NOW, Keyring, adapter, admission, key, submission
from tests.unit.test_key_containers import certificate

OWN, PEER = "ministry/own-private", "ministry/peer-public"
IDS = {"wire_id": "51990020260102000042", "request_id": "519900001000000007"}
PLAIN = json.dumps({"busi_code": "RE0022", "busi_msg": "没有该人员"}).encode()


def answer(signer: str, reader: str) -> Response:
    sealed = seal(PLAIN, key(signer), key(reader).public)
    data = {"symmetric_key": sealed.symmetric_key, "sign": sealed.sign, "data": sealed.data}
    return Response(200, {}, json.dumps({"code": "PE0000", "msg": "", "biz_data": data}).encode())


def rotated() -> Keyring:
    return Keyring(
        **{
            OWN: key("new own").to_pem(),
            f"{OWN}.former": key("old own").to_pem(),
            PEER: key("new peer").public.to_pem(),
            f"{PEER}.former": key("old peer").public.to_pem(),
        }
    )


@pytest.mark.parametrize("signer", ["new peer", "old peer"])
@pytest.mark.parametrize("reader", ["new own", "old own"])
def test_an_answer_of_any_pair_of_generations_opens(signer: str, reader: str) -> None:
    alpha = adapter(rotated())
    draft = alpha.plan(submission("GYU101", admission()), NOW).drafts[0]
    outcome = alpha.interpret(draft, IDS, answer(signer, reader))
    assert outcome.code == "RE0022"


def test_a_strangers_answer_and_one_for_a_retired_key_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = rotated()
    alpha = adapter(keyring)
    draft = alpha.plan(submission("GYU101", admission()), NOW).drafts[0]
    with pytest.raises(SignatureRejected):
        alpha.interpret(draft, IDS, answer("stranger", "new own"))
    for name in (f"{OWN}.former", f"{PEER}.former"):
        del keyring.texts[name]
    with pytest.raises(CryptoError):
        alpha.interpret(draft, IDS, answer("new peer", "old own"))
    with pytest.raises(CryptoError):
        alpha.interpret(draft, IDS, answer("old peer", "new own"))


def test_the_new_key_alone_signs() -> None:
    assert list(generations(rotated(), OWN)) == [OWN, f"{OWN}.former"]
    assert adapter(rotated()).keys.own() == key("new own")


def test_scan_to_pay_believes_the_platforms_certificate_before_last_while_it_is_kept() -> None:
    old, new, stranger = (generate("rsa-private") for _ in range(3))
    ring = KeyRing(backend=MemoryKeyring())
    ring.set("scanpay/platform", public_pem(old))
    ring.set("scanpay/merchant", generate("rsa-private"))
    ring.rotate("scanpay/platform", public_pem(new))
    profile = Profile(Hash.SHA256)
    sealing = KeySealing(ring, profile, "scanpay/merchant", "scanpay/merchant", "scanpay/platform")

    def received(text: str) -> Received:
        pairs = (("respcode", "00"), ("respmsg", "ok"))
        signature = sign(profile, pairs, read_private(text))
        signed = (*pairs, (PLATFORM_SIGNATURE, signature))
        return Received(signed, dict(signed))

    for text in (new, old):
        assert sealing.open(received(text), "12345678").value("respcode") == "00"
    with pytest.raises(SignatureRejected):
        sealing.open(received(stranger), "12345678")
    ring.remove("scanpay/platform.former")
    with pytest.raises(SignatureRejected):
        sealing.open(received(old), "12345678")


def test_an_encrypted_answer_for_the_merchants_key_before_last_opens_while_that_is_kept() -> None:
    old, new, platform = (generate("rsa-private") for _ in range(3))
    ring = KeyRing(backend=MemoryKeyring())
    ring.set("scanpay/platform", public_pem(platform))
    ring.set("scanpay/merchant", old)
    ring.rotate("scanpay/merchant", new)
    profile = Profile(Hash.SHA256, envelope=Envelope.DES)
    sealing = KeySealing(ring, profile, "scanpay/merchant", "scanpay/merchant", "scanpay/platform")
    pairs = {"transtype": "T1", "respcode": "00"}
    signature = sign(profile, pairs.items(), read_private(platform))

    def received(reader: str) -> Received:
        """With a session key of the platform's own, which only the reader's key opens."""
        told = envelopes.close(
            {**pairs, PLATFORM_SIGNATURE: signature}, "87654321", read_public(public_pem(reader))
        )
        return Received(tuple(told.items()), told)

    for text in (new, old):
        assert sealing.open(received(text), "12345678").value("respcode") == "00"
    with pytest.raises(CryptoError):
        sealing.open(received(generate("rsa-private")), "12345678")
    ring.remove("scanpay/merchant.former")
    with pytest.raises(CryptoError):
        sealing.open(received(old), "12345678")


# -- what check says ----------------------------------------------------------------------------------

ENDS = datetime(2036, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before_end", "level", "words"),
    [
        (timedelta(days=31), None, ""),
        (timedelta(days=29), "warning", "29 天"),
        (timedelta(seconds=1), "warning", "0 天"),
        (timedelta(seconds=-1), "error", "到期"),
        (timedelta(days=5000), "error", "还没有生效"),
    ],
)
@pytest.mark.parametrize("name", ["scanpay/platform", "scanpay/merchant.certificate"])
def test_a_certificate_that_ends_soon_or_does_not_count_is_told(
    before_end: timedelta, level: str | None, words: str, name: str
) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding

    ring = KeyRing(backend=MemoryKeyring())
    ring.set(name, certificate().public_bytes(Encoding.PEM).decode())
    use = KeyUse("scanpay/platform", "平台证书", "certificate")
    findings = list(check_certificates(ring, [use], (ENDS - before_end).astimezone(BEIJING)))
    assert [finding.level for finding in findings] == ([level] if level else [])
    assert all(words in finding.message and finding.subject == name for finding in findings)


def test_a_missing_audit_key_is_told() -> None:
    ring = KeyRing(backend=MemoryKeyring())
    assert [finding.check for finding in check_audit_key(ring)] == ["audit"]
    ring.audit_key(create=True)
    assert list(check_audit_key(ring)) == []
