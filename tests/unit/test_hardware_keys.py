"""Keys in devices: the hook, and the PKCS#11 example on a token of SoftHSM2."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from agent.control.key_handlers import KeyHandlers
from agent.control.verbs import complete
from agent.errors import ConfigurationError, KeyRejected
from agent.hookspecs import HardwareKey, KeyUse, hardware_key, hookimpl
from agent.key_material import fingerprint, rsa_keys
from agent.key_material.making import generate, public_pem
from agent.keys import KeyRing
from agent.keys_memory import MemoryKeyring
from agent.registry import Registry
from plugins import pkcs11
from plugins.pkcs11.uri import read_uri
from plugins.scanpay.keys import read_public
from plugins.scanpay.profiles import Hash, Profile
from plugins.scanpay.sealing import KeySealing
from plugins.scanpay.signatures import verify

PIN = "482913"
USE = KeyUse("scanpay/merchant", "商户私钥", "rsa-private")
MODULE = next((path for path in Path("/usr/lib").glob("**/softhsm/libsofthsm2.so") if path.is_file()), None)
softhsm = pytest.mark.skipif(
    MODULE is None or shutil.which("softhsm2-util") is None or importlib.util.find_spec("pkcs11") is None,
    reason="needs Debian's softhsm2 and the extra 'hardware' (python-pkcs11)",
)


class Vault:
    """A device that signs with a key of its own: what a plugin for a UKey hands out."""

    def __init__(self) -> None:
        self.text = generate("rsa-private")

    def public_pem(self) -> str:
        return public_pem(self.text)

    def sign(self, data: bytes, scheme: str) -> bytes:
        algorithm = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256()}[scheme.rpartition("-")[2]]
        return rsa_keys.load_private(self.text).sign(data, PKCS1v15(), algorithm)

    def decrypt(self, data: bytes, scheme: str) -> bytes:
        return rsa_keys.load_private(self.text).decrypt(data, PKCS1v15())


class Plugin:
    def __init__(self) -> None:
        self.vault = Vault()
        self.asked: list[str] = []

    @hookimpl
    def open_hardware_key(self, reference: str) -> HardwareKey | None:
        self.asked.append(reference)
        return self.vault if reference.startswith("vault:") else None


@pytest.fixture
def plugin() -> Plugin:
    return Plugin()


@pytest.fixture
def ring(plugin: Plugin) -> KeyRing:
    registry = Registry(points=())
    registry.register(plugin, "vault")
    return KeyRing(backend=MemoryKeyring(), devices=registry.open_hardware_key)


def seal(ring: KeyRing, hash_: Hash = Hash.SHA256) -> dict[str, str]:
    ring.set("scanpay/platform", public_pem(generate("rsa-private")))
    sealing = KeySealing(ring, Profile(hash_), USE.name, USE.name, "scanpay/platform")
    return dict(sealing.seal({"orderid": "D1", "amount": "1.00"}, "12345678"))


def test_a_plugins_device_signs_for_scan_to_pay_and_is_opened_once(ring: KeyRing, plugin: Plugin) -> None:
    ring.set(USE.name, "vault:slot=7")
    signed = seal(ring)
    pairs = [(name, value) for name, value in signed.items() if not name.endswith("signature")]
    verify(Profile(Hash.SHA256), pairs, signed["merchantsignature"], read_public(plugin.vault.public_pem()))
    seal(ring)
    assert plugin.asked == ["vault:slot=7"]


def test_a_device_key_is_imported_by_its_reference_and_shown_by_its_fingerprint(
    ring: KeyRing, plugin: Plugin
) -> None:
    handlers = KeyHandlers(ring, [USE], lambda _name: None).handlers()
    answer = handlers["keys.import"](complete("keys.import", {"name": USE.name, "value": "vault:slot=7"}))
    assert answer["fingerprint"] == fingerprint("rsa-private", plugin.vault.text)
    (listed,) = handlers["keys.list"](complete("keys.list", {}))["keys"]
    assert (listed["fingerprint"], listed["problem"]) == (answer["fingerprint"], "")


def test_a_reference_that_no_plugin_knows_is_refused_by_its_kind(ring: KeyRing) -> None:
    handlers = KeyHandlers(ring, [USE], lambda _name: None).handlers()
    with pytest.raises(ConfigurationError, match="skf"):
        handlers["keys.import"](complete("keys.import", {"name": USE.name, "value": "skf:container=1"}))
    assert not ring.has(USE.name)


def test_a_key_that_is_a_text_is_in_no_device(ring: KeyRing, plugin: Plugin) -> None:
    for text in (generate("rsa-private"), generate("sm2-private"), "ab" * 32):
        ring.set(USE.name, text)
        assert hardware_key(ring, USE.name) is None
    assert plugin.asked == []


def test_a_source_without_devices_has_none_and_a_command_without_plugins_says_so() -> None:
    class Texts:
        def get(self, name: str) -> str:
            return "vault:slot=7"

    assert hardware_key(Texts(), USE.name) is None
    bare = KeyRing(backend=MemoryKeyring())
    bare.set(USE.name, "vault:slot=7")
    with pytest.raises(ConfigurationError, match="设备"):
        bare.hardware(USE.name)


# -- PKCS#11 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["pkcs11:", "pkcs11:token=t;object=o", f"pkcs11:token=t?module-path=/x&pin-value={PIN}"]
)
def test_half_a_reference_is_refused_without_its_pin(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_uri(text)
    assert PIN not in str(caught.value) + repr(caught.value.details)


def test_a_reference_is_read_with_its_escapes_and_does_not_show_its_pin() -> None:
    uri = read_uri(f"pkcs11:token=ward%203;object=merchant?module-path=/lib/x.so&pin-value={PIN}")
    assert (uri.token, uri.label, uri.module, uri.pin) == ("ward 3", "merchant", "/lib/x.so", PIN)
    assert PIN not in repr(uri)


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A token with one RSA key in it; its reference and the key's public part."""
    (tmp_path / "tokens").mkdir()
    conf = tmp_path / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {tmp_path / 'tokens'}\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(conf))
    label, text = f"ward-{os.getpid()}", generate("rsa-private")
    file = tmp_path / "key.pem"
    file.write_text(text)
    util = ("softhsm2-util", "--module", str(MODULE))
    subprocess.run(
        [*util, "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "987654"],
        check=True,
        capture_output=True,
    )
    subprocess.run(
        [*util, "--import", str(file), "--token", label, "--label", "merchant", "--id", "01", "--pin", PIN],
        check=True,
        capture_output=True,
    )
    return f"pkcs11:token={label};object=merchant?module-path={MODULE}&pin-value={PIN}", text


@softhsm
def test_a_key_in_a_token_signs_decrypts_and_never_leaves_it(token: Any) -> None:
    reference, text = token
    registry = Registry(points=())
    registry.register(pkcs11, "pkcs11")
    ring = KeyRing(backend=MemoryKeyring(), devices=registry.open_hardware_key)
    ring.set(USE.name, reference)
    device = ring.hardware(USE.name)
    assert device is not None
    public = rsa_keys.load_public(device.public_pem())
    assert public.public_numbers() == rsa_keys.load_private(text).public_key().public_numbers()
    assert device.decrypt(public.encrypt(b"session!", PKCS1v15()), "rsa-pkcs1v15") == b"session!"
    for hash_ in (Hash.SHA1, Hash.SHA256, Hash.MD5, Hash.SHA1_HEX):
        signed = seal(ring, hash_)
        pairs = [(name, value) for name, value in signed.items() if not name.endswith("signature")]
        verify(Profile(hash_), pairs, signed["merchantsignature"], public)
    with pytest.raises(ConfigurationError, match="sm2-sm3"):
        device.sign(b"x", "sm2-sm3")
    assert PIN not in repr(device)
    _refused(registry, reference.replace(PIN, "000000"))
    _refused(registry, reference.replace("object=merchant", "object=nobody"))
    _refused(registry, reference.replace("token=ward", "token=drawer"))


def _refused(registry: Registry, reference: str) -> None:
    """One process has one PKCS#11 module, so these are tried in the test that opened it."""
    with pytest.raises(ConfigurationError) as caught:
        registry.open_hardware_key(reference).sign(b"x", "rsa-pkcs1v15-sha1")
    assert PIN not in str(caught.value) + repr(caught.value.details)


def test_a_text_that_is_neither_key_nor_reference_stays_refused(ring: KeyRing) -> None:
    handlers = KeyHandlers(ring, [USE], lambda _name: None).handlers()
    with pytest.raises(KeyRejected):
        handlers["keys.import"](complete("keys.import", {"name": USE.name, "value": "hello: world"}))
