from __future__ import annotations

import contextlib
import gc
import os
import subprocess
import sys
from base64 import b64decode, b64encode
from typing import ClassVar

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from agent import keys_backend
from agent.checks.keys import check_audit_key, check_keys
from agent.control.key_handlers import KeyHandlers
from agent.control.verbs import complete
from agent.crypto.keys import load_private
from agent.errors import ConfigurationError, ControlError, KeyMissing, KeyRejected
from agent.hookspecs import KeyUse
from agent.key_material.making import generate
from agent.keys import AUDIT_KEY, DATA_KEY, KeyRing
from agent.keys_entries import Entries

CREDENTIAL_MANAGER_BYTES = 2560
LONG = "-----BEGIN RSA PRIVATE KEY-----\r\n" + "MIIEowIBAAKCAQEA" * 110


class Shelf(KeyringBackend):
    """An in-memory keyring with the Credential Manager's limit; counts reads, can be locked or die."""

    priority: ClassVar[float] = -1.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.entries: dict[tuple[str, str], str] = {}
        self.reads = 0
        self.locked = False
        self.writes_left: int | None = None

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked("the secret is hunter2")
        self.reads += 1
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        assert len(password.encode("utf-16-le")) <= CREDENTIAL_MANAGER_BYTES, "too big for Windows"
        if self.writes_left is not None:
            if self.writes_left == 0:
                raise KeyboardInterrupt
            self.writes_left -= 1
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.entries.pop((service, username), None) is None:
            raise PasswordDeleteError


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def ring(shelf: Shelf) -> KeyRing:
    return KeyRing(backend=shelf)


def test_a_key_is_kept_under_the_service_name_and_comes_back_after_a_restart(
    ring: KeyRing, shelf: Shelf
) -> None:
    ring.set("alpha/own-private", "KEY")
    assert shelf.entries["his-agent", "alpha/own-private"].endswith(":KEY")
    assert KeyRing(backend=shelf).get("alpha/own-private") == "KEY"


def test_a_key_is_read_from_the_keyring_once_and_survives_its_locking(ring: KeyRing, shelf: Shelf) -> None:
    ring.set("alpha/own", "KEY")
    fresh = KeyRing(backend=shelf)
    fresh.get("alpha/own")
    reads = shelf.reads
    shelf.locked = True
    assert fresh.get("alpha/own") == "KEY"
    assert shelf.reads == reads


def test_a_missing_key_says_how_to_import_it_and_is_found_once_it_is_there(
    ring: KeyRing, shelf: Shelf
) -> None:
    with pytest.raises(KeyMissing, match="keys import alpha/own"):
        ring.get("alpha/own")
    KeyRing(backend=shelf).set("alpha/own", "KEY")
    assert ring.get("alpha/own") == "KEY"


def test_the_names_are_listed_sorted_although_keyrings_cannot_list(ring: KeyRing, shelf: Shelf) -> None:
    ring.set("beta/x", "1")
    ring.set("alpha/x", "2")
    ring.set("beta/x", "3")
    assert KeyRing(backend=shelf).names() == ("alpha/x", "beta/x")


def test_a_removed_key_is_gone_from_memory_keyring_and_list(ring: KeyRing, shelf: Shelf) -> None:
    ring.set("alpha/own", LONG)
    ring.remove("alpha/own")
    assert ring.names() == ()
    assert set(shelf.entries) == {("his-agent", "index")}
    with pytest.raises(KeyMissing):
        ring.get("alpha/own")
    with pytest.raises(KeyMissing):
        ring.remove("alpha/own")


@pytest.mark.parametrize("length", [1, 599, 600, 601, 1200, 1201, 20000])
@pytest.mark.parametrize("character", ["x", "钥", "\N{KEY}"])
def test_a_text_of_any_length_fits_the_windows_limit_and_comes_back_whole(
    shelf: Shelf, length: int, character: str
) -> None:
    KeyRing(backend=shelf).set("alpha/own", character * length)
    assert KeyRing(backend=shelf).get("alpha/own") == character * length


def test_a_text_that_looks_like_a_header_of_parts_is_kept_as_it_is(shelf: Shelf) -> None:
    odd = 'his-agent-parts:1:{"count": 1}'
    KeyRing(backend=shelf).set("alpha/own", odd)
    assert KeyRing(backend=shelf).get("alpha/own") == odd


def test_replacing_a_long_key_leaves_no_part_of_the_former_one(ring: KeyRing, shelf: Shelf) -> None:
    ring.set("alpha/own", LONG)
    ring.set("alpha/own", "SHORT")
    assert {name for _, name in shelf.entries} == {"alpha/own", "index"}


@pytest.mark.parametrize("damage", ["cut", "gone", "changed"])
def test_parts_that_do_not_make_the_whole_are_refused(ring: KeyRing, shelf: Shelf, damage: str) -> None:
    ring.set("alpha/own", LONG)
    part = next(key for key in shelf.entries if "#" in key[1])
    if damage == "gone":
        del shelf.entries[part]
    else:
        text = shelf.entries[part]
        shelf.entries[part] = text[:-1] if damage == "cut" else f"{text[:-1]}!"
    with pytest.raises(ConfigurationError, match="已损坏"):
        KeyRing(backend=shelf).get("alpha/own")


PAIR = generate("sm2-private")
RAW = load_private(PAIR).scalar.hex()


@pytest.mark.parametrize("text", [PAIR, RAW, LONG, "skf:container=1"], ids=["pem", "hex", "long", "device"])
def test_any_flipped_bit_of_a_kept_key_is_found_and_named(ring: KeyRing, shelf: Shelf, text: str) -> None:
    """Raw hex most of all: whatever the bit makes of it is another private key."""
    ring.set("alpha/own", text)
    for entry, whole in [item for item in shelf.entries.items() if item[0][1] != "index"]:
        step = max(1, len(whole) // 200)
        for place in {*range(0, len(whole), step), *range(min(len(whole), 40)), len(whole) - 1}:
            for bit in range(7):
                changed = whole[:place] + chr(ord(whole[place]) ^ 1 << bit) + whole[place + 1 :]
                shelf.entries[entry] = changed
                with pytest.raises(ConfigurationError, match="alpha/own 已损坏"):
                    KeyRing(backend=shelf).get("alpha/own")
        shelf.entries[entry] = whole
    assert KeyRing(backend=shelf).get("alpha/own") == text


def test_a_damaged_key_is_told_by_name_replaced_and_removed(ring: KeyRing, shelf: Shelf) -> None:
    ring.set("alpha/own", RAW)
    ring.set("alpha/peer", PAIR)
    entry = ("his-agent", "alpha/own")
    shelf.entries[entry] = shelf.entries[entry][:-1] + "?"
    uses = [KeyUse(name, "x", "sm2-private") for name in ("alpha/own", "alpha/peer")]
    fresh = KeyRing(backend=shelf)
    assert [(f.subject, f.level) for f in check_keys(fresh, uses)][1:] == [
        ("alpha/own", "error"),
        ("alpha/peer", "ok"),
    ]
    handlers = KeyHandlers(fresh, uses, lambda _name: None).handlers()
    listed = handlers["keys.list"](complete("keys.list", {}))["keys"]
    assert [(key["name"], bool(key["problem"])) for key in listed] == [
        ("alpha/own", True),
        ("alpha/peer", False),
    ]
    handlers["keys.import"](complete("keys.import", {"name": "alpha/own", "value": PAIR}))
    assert KeyRing(backend=shelf).get("alpha/own") == PAIR
    shelf.entries[entry] = "his-agent-chicked:1:0"
    KeyRing(backend=shelf).remove("alpha/own")
    assert entry not in shelf.entries


def test_a_damaged_list_of_names_hides_no_key_and_is_made_anew(ring: KeyRing, shelf: Shelf) -> None:
    ring.set("alpha/own", PAIR)
    shelf.entries["his-agent", "index"] = "[broken"
    fresh = KeyRing(backend=shelf)
    assert fresh.get("alpha/own") == PAIR
    with pytest.raises(ConfigurationError, match="名录"):
        fresh.names()
    uses = [KeyUse("alpha/own", "x", "sm2-private")]
    assert [finding.level for finding in check_keys(fresh, uses)] == ["warning", "ok"]
    fresh.set("alpha/own", PAIR)
    assert fresh.names() == ("alpha/own",)


def test_a_damaged_data_key_is_brought_back_from_a_backup_and_a_sound_one_is_not_replaced(
    ring: KeyRing, shelf: Shelf
) -> None:
    kept = b64encode(ring.data_key(create=True)).decode()
    args = complete("keys.import", {"name": DATA_KEY, "value": kept})
    with pytest.raises(ControlError):
        KeyHandlers(KeyRing(backend=shelf), [], lambda _name: None).import_key(args)
    entry = ("his-agent", DATA_KEY)
    stored = shelf.entries[entry]
    shelf.entries[entry] = stored[:-8] + ("B" if stored[-8] == "A" else "A") + stored[-7:]
    with pytest.raises(ConfigurationError, match="损坏"):
        KeyRing(backend=shelf).data_key(create=True)
    KeyHandlers(KeyRing(backend=shelf), [], lambda _name: None).import_key(args)
    assert KeyRing(backend=shelf).data_key(create=False) == b64decode(kept)


def test_a_damaged_audit_key_is_told_and_may_be_removed_a_sound_one_not(ring: KeyRing, shelf: Shelf) -> None:
    ring.audit_key(create=True)
    args = complete("keys.remove", {"name": AUDIT_KEY})
    with pytest.raises(ControlError):
        KeyHandlers(KeyRing(backend=shelf), [], lambda _name: None).remove(args)
    shelf.entries["his-agent", AUDIT_KEY] += "x"
    (finding,) = check_audit_key(KeyRing(backend=shelf))
    assert (finding.level, "损坏" in finding.message) == ("error", True)
    KeyHandlers(KeyRing(backend=shelf), [], lambda _name: None).remove(args)
    assert KeyRing(backend=shelf).audit_key(create=True)


def test_what_somebody_else_put_into_the_keyring_is_taken_as_it_is(shelf: Shelf) -> None:
    shelf.entries["his-agent", "alpha/own"] = PAIR
    assert KeyRing(backend=shelf).get("alpha/own") == PAIR


def test_a_crash_at_any_write_leaves_the_old_or_the_new_key_never_a_mixture(shelf: Shelf) -> None:
    seen = set()
    for writes in range(6):
        shelf.writes_left = None
        entries = Entries(shelf, "his-agent")
        entries.write("alpha/own", LONG)
        shelf.writes_left = writes
        with contextlib.suppress(KeyboardInterrupt):
            entries.write("alpha/own", LONG[::-1])
        seen.add(entries.read("alpha/own"))
    assert seen == {LONG, LONG[::-1]}


def test_a_backend_that_alters_what_it_is_given_is_noticed_at_import(shelf: Shelf) -> None:
    class Stripping(Shelf):
        def set_password(self, service: str, username: str, password: str) -> None:
            super().set_password(service, username, password.strip())

    with pytest.raises(ConfigurationError, match="没有原样保存"):
        KeyRing(backend=Stripping()).set("alpha/own", "KEY\n")


def test_a_locked_keyring_is_reported_without_what_the_backend_said(ring: KeyRing, shelf: Shelf) -> None:
    shelf.locked = True
    with pytest.raises(ConfigurationError, match="解锁") as caught:
        ring.get("alpha/own")
    assert not isinstance(caught.value, KeyMissing)
    assert caught.value.details["cause"] == "KeyringLocked"
    assert "hunter2" not in f"{caught.value}{caught.value.details}"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "name", ["", "alpha", "Alpha/own", "alpha/", "/own", "a/b#1", "a/" + "b" * 100, "a b/c"]
)
def test_names_that_are_no_key_names_are_refused(ring: KeyRing, name: str) -> None:
    with pytest.raises(ConfigurationError, match="密钥名称"):
        ring.set(name, "KEY")


@pytest.mark.parametrize("value", ["", "x" * 65537])
def test_empty_and_endless_keys_are_refused(ring: KeyRing, value: str) -> None:
    with pytest.raises(KeyRejected):
        ring.set("alpha/own", value)


def test_held_keys_are_found_and_listed_and_never_written(shelf: Shelf) -> None:
    ring = KeyRing(backend=shelf, held={"alpha/own": "KEY"})
    assert (ring.get("alpha/own"), ring.names()) == ("KEY", ("alpha/own",))
    assert shelf.entries == {}
    ring.remove("alpha/own")
    with pytest.raises(KeyMissing):
        ring.get("alpha/own")


def test_neither_the_ring_nor_its_parts_show_a_key(ring: KeyRing) -> None:
    ring.set("alpha/own", "HIDDEN")
    assert "HIDDEN" not in repr(ring)


# -- the database's key ---------------------------------------------------------------------------


def test_the_data_key_is_made_once_for_an_empty_database(ring: KeyRing, shelf: Shelf) -> None:
    made = ring.data_key(create=True)
    assert len(made) == 32
    assert KeyRing(backend=shelf).data_key(create=True) == made
    assert KeyRing(backend=shelf).data_key(create=False) == made
    assert KeyRing(backend=Shelf()).data_key(create=True) != made


def test_without_an_empty_database_a_missing_data_key_is_never_made_anew(ring: KeyRing, shelf: Shelf) -> None:
    with pytest.raises(KeyMissing):
        ring.data_key(create=False)
    assert shelf.entries == {}


@pytest.mark.parametrize("entry", ["not base64!", b64encode(b"short").decode()])
def test_a_data_key_that_is_none_is_refused_and_left_alone(ring: KeyRing, shelf: Shelf, entry: str) -> None:
    shelf.entries["his-agent", DATA_KEY] = entry
    with pytest.raises(KeyRejected, match="备份"):
        ring.data_key(create=True)
    assert shelf.entries["his-agent", DATA_KEY] == entry


# -- which backend --------------------------------------------------------------------------------


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> object:
    return lambda backend: monkeypatch.setattr(keyring.core, "_keyring_backend", backend)


def test_a_backend_that_nobody_vouches_for_is_refused_until_allowed_by_name(use: object) -> None:
    shelf = Shelf()
    use(shelf)  # type: ignore[operator]
    name = keys_backend.class_name(shelf)
    with pytest.raises(ConfigurationError, match="allow_backends"):
        KeyRing().get("alpha/own")
    ring = KeyRing(allow=[name])
    ring.set("alpha/own", "KEY")
    assert ring.describe().backend == name


@pytest.mark.parametrize("backend", ["fail", "null"])
def test_keyrings_dummies_count_as_no_keyring(use: object, backend: str) -> None:
    module = __import__(f"keyring.backends.{backend}", fromlist=["Keyring"])
    use(module.Keyring())  # type: ignore[operator]
    with pytest.raises(ConfigurationError, match="没有可用的系统钥匙串"):
        KeyRing().get("alpha/own")


def test_held_keys_work_where_there_is_no_keyring_at_all(use: object) -> None:
    module = __import__("keyring.backends.fail", fromlist=["Keyring"])
    use(module.Keyring())  # type: ignore[operator]
    ring = KeyRing(held={"alpha/own": "KEY"})
    assert (ring.get("alpha/own"), ring.names()) == ("KEY", ("alpha/own",))
    ring.remove("alpha/own")


def test_of_a_chain_the_best_trusted_member_is_taken(use: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from keyring.backends import chainer

    from agent.keys_memory import MemoryKeyring

    trusted = MemoryKeyring()
    monkeypatch.setattr(chainer.ChainerBackend, "backends", [Shelf(), trusted])
    use(chainer.ChainerBackend())  # type: ignore[no-untyped-call, operator]
    ring = KeyRing()
    ring.set("alpha/own", "KEY")
    assert (trusted.get_password("his-agent", "alpha/own") or "").endswith(":KEY")
    assert ring.describe().volatile


def test_the_forgetful_keyring_is_taken_when_named_and_never_by_itself() -> None:
    code = (
        "import agent.keys_memory\n"
        "from agent.keys import KeyRing\n"
        "from agent.errors import ConfigurationError\n"
        "ring = KeyRing()\n"
        "try:\n"
        "    ring.set('a/b', 'KEY'); print(ring.get('a/b'), ring.describe().volatile)\n"
        "except ConfigurationError as error:\n"
        "    print(error.details['backend'])\n"
    )
    bare = {
        key: value for key, value in os.environ.items() if not key.startswith(("DBUS_", "PYTHON_KEYRING"))
    }
    named = bare | {"PYTHON_KEYRING_BACKEND": "agent.keys_memory.MemoryKeyring"}
    assert run(code, named) == "KEY True\n"
    assert run(code, bare | {"DBUS_SESSION_BUS_ADDRESS": "disabled:"}) != "KEY True\n"


def run(code: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    return done.stdout


def test_an_unknown_backend_in_the_environment_is_a_configuration_error(
    use: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(None)  # type: ignore[operator]
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "no.such.Backend")
    with pytest.raises(ConfigurationError, match="PYTHON_KEYRING_BACKEND"):
        KeyRing().get("alpha/own")
    gc.collect()


def test_the_account_is_named() -> None:
    assert KeyRing(backend=Shelf()).describe().account == keys_backend.account() != ""
