"""The ministry's envelope with a key that stays in a device: a process of its own that made it and never
hands it out, behind the hook that a plugin for a UKey (SKF) or a card (SDF) implements."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.control.key_handlers import KeyHandlers
from agent.control.verbs import complete
from agent.crypto import Layout, load_public, open_envelope, seal
from agent.errors import ConfigurationError, CryptoError, KeyRejected
from agent.events import JsonObject, Request, Response
from agent.hookspecs import HardwareKey, KeyUse, hookimpl
from agent.key_material import fingerprint
from agent.keys import KeyRing
from agent.keys_memory import MemoryKeyring
from agent.registry import Registry
from plugins.ministry.adapter import MinistryAdapter, build
from plugins.scanpay.forms import Received
from plugins.scanpay.profiles import Hash, Profile
from plugins.scanpay.sealing import PLATFORM_SIGNATURE, KeySealing
from plugins.scanpay.signatures import sign
from tests.unit.ministry.ministry_desk import NOW, admission, key, options, submission

OWN, PEER = "ministry/own-private", "ministry/peer-public"
USE = KeyUse(OWN, "本方私钥", "sm2-private")
IDS = {"wire_id": "51990020260102000042", "request_id": "519900001000000007"}
PLAIN = json.dumps({"busi_code": "RE0022", "busi_msg": "没有该人员"}).encode()
CONTAINER = """
import json, sys
from agent.crypto import Layout, keys, sm2
from agent.errors import CryptoError

key = keys.generate()
LAYOUTS = {"sm2-c1c2c3": Layout.C1C2C3, "sm2-c1c3c2": Layout.C1C3C2}

def answer(asked):
    data = bytes.fromhex(asked.get("data", ""))
    match asked["do"], asked.get("scheme"):
        case "public", _:
            return key.public.to_pem()
        case "sign", "sm2-sm3":
            return sm2.sign(key, data).hex()
        case "decrypt", scheme if scheme in LAYOUTS:
            return sm2.decrypt(key, data, layout=LAYOUTS[scheme]).hex()

for line in sys.stdin:
    try:
        told = answer(json.loads(line))
    except CryptoError as error:
        told = None
    print(json.dumps(told), flush=True)
"""


class Ukey:
    """A device: what it is told and what it answers goes through a pipe, and is kept to be looked at."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", CONTAINER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            text=True,
        )
        self.answers: list[str] = []
        self.asked: list[str] = []
        self.raw_signatures = False

    def public_pem(self) -> str:
        return self._ask(do="public")

    def sign(self, data: bytes, scheme: str) -> bytes:
        signature = bytes.fromhex(self._ask(do="sign", data=data.hex(), scheme=scheme))
        return bytes(64) if self.raw_signatures else signature

    def decrypt(self, data: bytes, scheme: str) -> bytes:
        return bytes.fromhex(self._ask(do="decrypt", data=data.hex(), scheme=scheme))

    def pull_out(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _ask(self, **what: str) -> str:
        if self._process.poll() is not None:
            raise ConfigurationError("UKey 不在", hint="请插好 UKey")
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.asked.append(what["do"])
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        self.answers.append(answer)
        told = json.loads(answer)
        if told is None:
            raise CryptoError("解不开")
        return str(told)


class Plugin:
    """What a maker of UKeys would ship."""

    def __init__(self) -> None:
        self.drawer: dict[str, Ukey] = {}

    @hookimpl
    def open_hardware_key(self, reference: str) -> HardwareKey | None:
        scheme, _, container = reference.partition(":")
        if scheme != "skf":
            return None
        return self.drawer.setdefault(container, Ukey())


@pytest.fixture
def plugin() -> Iterator[Plugin]:
    built = Plugin()
    yield built
    for ukey in built.drawer.values():
        ukey.pull_out()


@pytest.fixture
def ring(plugin: Plugin) -> KeyRing:
    registry = Registry(points=())
    registry.register(plugin, "skf")
    built = KeyRing(backend=MemoryKeyring(), devices=registry.open_hardware_key)
    built.set(OWN, "skf:container=hospital")
    built.set(PEER, key("platform").public.to_pem())
    return built


def ukey(plugin: Plugin) -> Ukey:
    return plugin.drawer["container=hospital"]


def encoded(alpha: MinistryAdapter) -> Request:
    draft = alpha.plan(submission("GYU101", admission()), NOW).drafts[0]
    return alpha.encode(draft, IDS, NOW)


def interpreted(alpha: MinistryAdapter, response: Response) -> str:
    draft = alpha.plan(submission("GYU101", admission()), NOW).drafts[0]
    return alpha.interpret(draft, IDS, response).code


def answer(public_pem: str, layout: Layout = Layout.C1C2C3) -> Response:
    sealed = seal(PLAIN, key("platform"), load_public(public_pem), layout=layout)
    data = {"symmetric_key": sealed.symmetric_key, "sign": sealed.sign, "data": sealed.data}
    return Response(200, {}, json.dumps({"code": "PE0000", "msg": "", "biz_data": data}).encode())


@pytest.mark.parametrize("layout", list(Layout))
def test_a_message_is_signed_and_its_answer_opened_by_a_key_that_stays_in_its_device(
    ring: KeyRing, plugin: Plugin, layout: Layout
) -> None:
    alpha = build(options(sm2_layout=str(layout)), ring)
    body: JsonObject = json.loads(encoded(alpha).body)
    public = load_public(ukey(plugin).public_pem())
    nodes = (body["symmetric_key"], body["sign"], body["data"])
    plain = json.loads(open_envelope(*nodes, key("platform"), public, layout=layout))
    assert plain["datalist"][0]["aac003"] == "测试甲"
    assert interpreted(alpha, answer(public.to_pem(), layout)) == "RE0022"
    assert {"sign", "decrypt"} <= set(ukey(plugin).asked)
    assert not any("PRIVATE" in told for told in ukey(plugin).answers)


def test_an_answer_that_is_sealed_for_somebody_else_is_not_opened(ring: KeyRing, plugin: Plugin) -> None:
    alpha = build(options(), ring)
    encoded(alpha)
    with pytest.raises(CryptoError):
        interpreted(alpha, answer(key("stranger").public.to_pem()))


def test_a_signature_in_another_encoding_stops_before_anything_is_sent(ring: KeyRing, plugin: Plugin) -> None:
    alpha = build(options(), ring)
    encoded(alpha)
    ukey(plugin).raw_signatures = True
    with pytest.raises(ConfigurationError, match="签名") as caught:
        encoded(alpha)
    assert caught.value.details["reason"] == "not strict DER"


def test_a_ukey_that_was_pulled_out_stops_sending_and_leaves_an_answer_in_doubt(
    ring: KeyRing, plugin: Plugin
) -> None:
    alpha = build(options(), ring)
    encoded(alpha)
    sealed = answer(ukey(plugin).public_pem())
    ukey(plugin).pull_out()
    with pytest.raises(ConfigurationError, match="UKey"):
        encoded(alpha)
    with pytest.raises(CryptoError, match="密钥已不可用"):
        interpreted(alpha, sealed)


def test_after_a_rotation_to_another_ukey_the_former_one_still_opens_and_the_new_one_signs(
    ring: KeyRing, plugin: Plugin
) -> None:
    alpha = build(options(), ring)
    encoded(alpha)
    former = ukey(plugin)
    ring.rotate(OWN, "skf:container=new")
    assert interpreted(alpha, answer(former.public_pem())) == "RE0022"
    signed = former.asked.count("sign")
    encoded(alpha)
    assert former.asked.count("sign") == signed
    assert "sign" in plugin.drawer["container=new"].asked
    ring.remove(f"{OWN}.former")
    with pytest.raises(CryptoError):
        interpreted(alpha, answer(former.public_pem()))


def test_from_a_key_of_the_keyring_to_a_ukey_and_both_open(ring: KeyRing, plugin: Plugin) -> None:
    ring.set(OWN, key("old own").to_pem())
    ring.rotate(OWN, "skf:container=hospital")
    alpha = build(options(), ring)
    encoded(alpha)
    assert interpreted(alpha, answer(key("old own").public.to_pem())) == "RE0022"
    assert interpreted(alpha, answer(ukey(plugin).public_pem())) == "RE0022"


def test_a_ukeys_key_is_imported_shown_given_out_and_paired_by_its_public_part(
    ring: KeyRing, plugin: Plugin
) -> None:
    handlers = KeyHandlers(ring, [USE], lambda _name: None).handlers()

    def call(verb: str, **args: object) -> Any:
        return handlers[verb](complete(verb, args))

    call("keys.remove", name=OWN)
    shown = call("keys.import", name=OWN, value="skf:container=hospital\n")
    public = ukey(plugin).public_pem()
    assert shown["fingerprint"] == fingerprint("sm2-public", public)
    assert call("keys.public", name=OWN)["public"] == public
    assert call("keys.pair", name=OWN, public=public)["pair"] is True
    with pytest.raises(KeyRejected):
        call("keys.pair", name=OWN, public=key("stranger").public.to_pem())


def test_a_ukey_signs_for_scan_to_pay_with_sm3_too(ring: KeyRing, plugin: Plugin) -> None:
    ring.set("scanpay/platform", key("platform").public.to_pem())
    profile = Profile(Hash.SM3)
    sealing = KeySealing(ring, profile, OWN, OWN, "scanpay/platform")
    signed = sealing.seal({"orderid": "D1", "amount": "1.00"}, "12345678")
    pairs = (("respcode", "00"),)
    told = (*pairs, (PLATFORM_SIGNATURE, sign(profile, pairs, key("platform"))))
    assert sealing.open(Received(told, dict(told)), "12345678").value("respcode") == "00"
    assert signed["merchantsignature"]
    assert ukey(plugin).asked.count("sign") == 2
