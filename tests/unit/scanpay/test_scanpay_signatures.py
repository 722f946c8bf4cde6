"""Signature profiles, the encrypted envelope, probing one recorded answer, and the vendor's package."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.cli import execute
from agent.clock import BEIJING, SystemClock
from agent.errors import (
    AnswerRejected,
    CiphertextRejected,
    ConfigurationError,
    CryptoError,
    KeyRejected,
    NotSent,
    SignatureRejected,
)
from agent.events import Response, Submission
from plugins.scanpay import envelopes, signatures
from plugins.scanpay.building import build
from plugins.scanpay.forms import read_form, write_form
from plugins.scanpay.keys import read_private, read_public
from plugins.scanpay.probing import probe_signature
from plugins.scanpay.profiles import Form, Hash, Order, Profile, candidates
from plugins.scanpay.simulator.key_files import read_sealing
from plugins.scanpay.simulator.sealing import Hash as PlatformHash
from plugins.scanpay.vendor.package import PackageSealing
from tests.unit.scanpay import till

if TYPE_CHECKING:
    from plugins.scanpay.keys import Private, Public

PAIRS = {"respcode": "00", "aprcode": "00", "aprtmsg": "成功", "respmsg": "", "transdata": "<transdata/>"}
EXAMPLE = (sys.executable, "-m", "plugins.scanpay.vendor.example_signer")


def keys(hash_: Hash) -> tuple[Private, Public]:
    """The platform's pair, of the hash's kind."""
    kind = PlatformHash.SM3 if hash_ is Hash.SM3 else PlatformHash.SHA1_HEX
    folder = till.key_folder(kind)
    name = "platform-public.pem" if hash_ is Hash.SM3 else "platform.cer"
    private = read_private((folder / "platform-private.pem").read_text("ascii"))
    return private, read_public((folder / name).read_text("ascii"))


def platform(hash_: PlatformHash = PlatformHash.SHA1_HEX) -> Any:
    kind = hash_ if hash_ is PlatformHash.SM3 else PlatformHash.SHA1_HEX
    return read_sealing(till.key_folder(kind), hash_, till.NOW)


# -- profiles ---------------------------------------------------------------------------------------
def test_the_default_source_is_what_the_predecessor_published() -> None:
    pairs = [("b", "2"), ("a", ""), ("pltfmsignature", "x"), ("C", "3"), ("merchantSignature", "y")]
    assert Profile().source(pairs) == b"C=3&a=&b=2"


@pytest.mark.parametrize(
    ("profile", "source"),
    [
        (Profile(order=Order.RECEIVED), "b=2&a=&c=丙"),
        (Profile(empty=False), "b=2&c=丙"),
        (Profile(fields=("c", "b"), order=Order.LISTED), "c=丙&b=2"),
        (Profile(fields=("c",)), "c=丙"),
    ],
)
def test_a_profile_says_what_is_signed(profile: Profile, source: str) -> None:
    assert profile.source([("b", "2"), ("a", ""), ("c", "丙")]) == source.encode("utf-8")


def test_a_profile_says_in_which_characters() -> None:
    assert Profile(charset="gbk").source([("a", "甲")]) == "a=甲".encode("gbk")


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("hash_", Hash)
def test_a_signature_verifies_and_nothing_else_does(hash_: Hash, form: Form) -> None:
    profile = Profile(hash_, form=form)
    private, public = keys(hash_)
    signature = signatures.sign(profile, PAIRS.items(), private)
    signatures.verify(profile, PAIRS.items(), signature, public)
    for changed in ({**PAIRS, "aprcode": "10"}, {**PAIRS, "more": ""}):
        with pytest.raises(SignatureRejected):
            signatures.verify(profile, changed.items(), signature, public)
    for spoilt in ("", "§", signature[:-4], "AAAA"):
        with pytest.raises(SignatureRejected):
            signatures.verify(profile, PAIRS.items(), spoilt, public)


def test_keys_of_the_other_kind_are_refused_by_name() -> None:
    rsa, _ = keys(Hash.SHA1)
    sm2, _ = keys(Hash.SM3)
    for private, hash_ in ((rsa, Hash.SM3), (sm2, Hash.SHA256)):
        with pytest.raises(KeyRejected, match="不能用于签名方式"):
            signatures.sign(Profile(hash_), PAIRS.items(), private)


@pytest.mark.parametrize("hash_", PlatformHash)
def test_requests_of_every_hash_verify_at_the_platform_and_answers_here(hash_: PlatformHash) -> None:
    kind = hash_ if hash_ is PlatformHash.SM3 else PlatformHash.SHA1_HEX
    adapter = build(till.options(signature_hash=hash_.value), till.Keyring(till.key_texts(kind)))
    draft = adapter.probe(adapter.lanes()[0])
    assert draft is not None
    sent = dict(read_form(adapter.encode(draft, {}, till.NOW).body).pairs)
    platform(hash_).verify(sent)
    pairs = {"respcode": "00", "aprcode": "10", "aprtmsg": "未查询到订单"}
    answer = Response(200, {}, write_form(platform(hash_).signed(pairs)))
    assert adapter.interpret(draft, {}, answer).code == "10"
    forged = Response(200, {}, write_form(platform(hash_).signed(pairs, badly=True)))
    with pytest.raises(SignatureRejected):
        adapter.interpret(draft, {}, forged)
    with pytest.raises(SignatureRejected):
        adapter.interpret(draft, {}, Response(200, {}, write_form(pairs)))


def test_the_information_systems_signature_takes_the_name_that_is_configured() -> None:
    adapter = build(till.options(infosys_signature_name="infosysysignature"), till.Keyring())
    draft = adapter.probe("")
    assert draft is not None
    assert b"&infosysysignature=" in adapter.encode(draft, {}, till.NOW).body


# -- the encrypted envelope ---------------------------------------------------------------------------
def test_an_encrypted_request_opens_with_the_platforms_key_only() -> None:
    adapter = build(till.options(envelope="des"), till.Keyring())
    draft = adapter.plan(
        Submission("scanpay", "ST009", "H1", {"orderid": "ORDER-2026-0001"}), datetime.now(BEIJING)
    ).drafts[0]
    ids = adapter.stamp(draft, {"request/04010089": 1}, till.NOW)
    form = dict(read_form(adapter.encode(draft, ids, till.NOW).body).pairs)
    assert set(form) == {"transtype", "encryptkey", "encrpteddata"}
    session, inner = platform().open(form)
    assert session == ids["session"].encode("ascii")
    names = ["hospcode", "infosyscode", "infosyssignature", "merchantcode", "merchantsignature"]
    names += ["transdata", "transtype", "version"]
    assert re.findall(rb"(?:^|&)([a-z]+)=", inner) == [name.encode() for name in names]
    assert b"&transdata=<transdata><orderid>ORDER-2026-0001</orderid></transdata>&" in inner
    assert b"ORDER-2026" not in adapter.encode(draft, ids, till.NOW).body


def test_an_encrypted_answer_with_another_session_key_is_not_believed() -> None:
    private, public = keys(Hash.SHA1)
    closed = envelopes.close({"transtype": "ST009", "respcode": "00"}, "12345678", public)
    received = read_form(write_form(closed))
    assert envelopes.open_answer(received, "", private).value("respcode") == "00"
    without_key = read_form(write_form({"encrpteddata": closed["encrpteddata"]}))
    assert envelopes.open_answer(without_key, "12345678", private).value("respcode") == "00"
    for session in ("87654321", "", "short"):
        with pytest.raises((CiphertextRejected, AnswerRejected)):
            envelopes.open_answer(without_key, session, private)
    with pytest.raises(CiphertextRejected):
        envelopes.open_answer(read_form(b"encrpteddata=AAAA&encryptkey=AAAA"), "12345678", private)


def test_session_keys_are_new_for_each_attempt() -> None:
    assert len({envelopes.new_session() for _ in range(50)}) == 50


# -- probing ----------------------------------------------------------------------------------------
def certificate(folder: Path, hash_: Hash) -> Path:
    kind = PlatformHash.SM3 if hash_ is Hash.SM3 else PlatformHash.SHA1_HEX
    name = "platform-public.pem" if hash_ is Hash.SM3 else "platform.cer"
    path = folder / "platform.cer"
    path.write_bytes((till.key_folder(kind) / name).read_bytes())
    return path


@pytest.mark.parametrize(
    "profile",
    [
        Profile(),
        Profile(Hash.SHA256),
        Profile(Hash.MD5, Order.RECEIVED),
        Profile(Hash.SM3),
        Profile(Hash.SHA1, empty=False, form=Form.HEX),
        Profile(Hash.SHA256, fields=("transdata",)),
    ],
    ids=lambda profile: (
        f"{profile.hash}-{profile.order}-{profile.form}-{profile.empty}-{len(profile.fields)}"
    ),
)
def test_probing_names_the_profile_of_a_recorded_answer(tmp_path: Path, profile: Profile) -> None:
    private, _ = keys(profile.hash)
    signed = {**PAIRS, "pltfmsignature": signatures.sign(profile, PAIRS.items(), private)}
    answer = tmp_path / "answer.txt"
    answer.write_bytes(write_form(signed))
    report = probe_signature(str(answer), str(certificate(tmp_path, profile.hash)))
    assert report.data["found"] is True
    assert report.data["settings"] == profile.settings()


def test_every_candidate_is_tried_once_the_likely_one_first() -> None:
    tried = list(candidates())
    assert tried[0] == Profile()
    assert len(set(tried)) == len(tried)


def test_the_command_shows_what_was_found_and_what_was_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    private, _ = keys(Hash.SHA256)
    signed = {**PAIRS, "pltfirmsignature": signatures.sign(Profile(Hash.SHA256), PAIRS.items(), private)}
    answer = tmp_path / "answer.txt"
    answer.write_bytes(write_form(signed))
    cer = str(certificate(tmp_path, Hash.SHA256))
    assert execute(["scanpay", "probe-signature", str(answer), cer]) == 0
    assert 'signature_hash = "sha256"' in capsys.readouterr().out
    answer.write_bytes(write_form({**signed, "aprcode": "10"}))
    assert execute(["--json", "scanpay", "probe-signature", str(answer), cer]) == 0
    assert json.loads(capsys.readouterr().out)["found"] is False


def test_probing_says_which_file_is_no_answer_or_no_certificate(tmp_path: Path) -> None:
    cer, answer = certificate(tmp_path, Hash.SHA1), tmp_path / "answer.txt"
    answer.write_bytes(b"respcode=00")
    with pytest.raises(ConfigurationError):
        probe_signature(str(answer), str(cer))
    with pytest.raises(ConfigurationError):
        probe_signature(str(tmp_path / "none"), str(cer))
    answer.write_bytes(b"respcode=00&pltfirmsignature=AA==")
    cer.write_bytes(b"no certificate")
    with pytest.raises(KeyRejected):
        probe_signature(str(answer), str(cer))


# -- the vendor's package -----------------------------------------------------------------------------
@pytest.fixture
def package() -> Iterator[PackageSealing]:
    folder = str(till.key_folder(PlatformHash.SHA1_HEX))
    sealing = PackageSealing((*EXAMPLE, folder), 10.0, SystemClock())
    yield sealing
    sealing.close()


def test_the_shipped_example_signs_and_verifies_as_a_vendors_package_would(package: PackageSealing) -> None:
    sealed = package.seal({"version": "1.0", "transdata": "<transdata>甲</transdata>"}, "12345678")
    platform().verify(dict(sealed))
    answer = read_form(write_form(platform().signed(PAIRS)))
    assert package.open(answer, "12345678") == answer
    for badly in (platform().signed(PAIRS, badly=True), PAIRS):
        with pytest.raises(SignatureRejected):
            package.open(read_form(write_form(badly)), "12345678")


def test_a_package_that_cannot_start_sends_nothing_and_believes_nothing() -> None:
    missing = PackageSealing((*EXAMPLE, "/nowhere"), 10.0, SystemClock())
    with pytest.raises(NotSent):
        missing.seal({"a": "1"}, "")
    with pytest.raises(CryptoError) as refused:
        missing.open(read_form(write_form(platform().signed(PAIRS))), "")
    assert not isinstance(refused.value, SignatureRejected)
    missing.close()


ODD = """
import sys
sys.path.insert(0, sys.argv[1])
from agent.helpers.serving import serve
serve("odd", {"seal": lambda given: {"pairs": PAIRS}, "open": lambda given: {"pairs": "x"}})
"""


@pytest.mark.parametrize(
    "pairs", ['[["a"]]', '"a"', "[]", '[["签名", "1"]]', r'[["a", "\ud800"]]', '[["a&b", "1"]]']
)
def test_a_package_that_answers_nonsense_sends_nothing_and_believes_nothing(
    tmp_path: Path, pairs: str
) -> None:
    script = tmp_path / "odd.py"
    script.write_text(ODD.replace("PAIRS", pairs), encoding="utf-8")
    root = str(Path(__file__).parents[3])
    odd = PackageSealing((sys.executable, str(script), root), 10.0, SystemClock())
    with pytest.raises(NotSent):
        odd.seal({"a": "1"}, "")
    with pytest.raises(AnswerRejected):
        odd.open(read_form(b"respcode=00"), "")
    odd.close()
