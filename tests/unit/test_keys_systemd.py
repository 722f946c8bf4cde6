from __future__ import annotations

import os
import subprocess
import sys
from base64 import b64encode
from importlib.metadata import EntryPoint
from pathlib import Path

import keyring
import keyring.backend
import pytest

from agent import keys_backend
from agent.control.key_handlers import KeyHandlers
from agent.control.verbs import complete
from agent.crypto import keys as sm2_keys
from agent.errors import ConfigurationError, KeyMissing
from agent.keys import AUDIT_KEY, DATA_KEY, KeyRing
from agent.keys_systemd import CredentialsKeyring

PAIR = sm2_keys.generate()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    given = tmp_path / "credentials"
    given.mkdir(mode=0o700)
    give(given, "ministry__own-private", PAIR.to_pem())
    give(given, "agent__data-key", b64encode(bytes(32)).decode() + "\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given))
    return given


def give(folder: Path, name: str, content: str, mode: int = 0o400) -> None:
    path = folder / name
    path.write_text(content)
    path.chmod(mode)


@pytest.fixture
def ring(folder: Path) -> KeyRing:
    return KeyRing(backend=CredentialsKeyring())  # type: ignore[no-untyped-call]


def test_credentials_are_the_keys_of_their_names(ring: KeyRing) -> None:
    assert sm2_keys.load_private(ring.get("ministry/own-private")) == PAIR
    assert ring.data_key(create=True) == bytes(32)
    assert ring.names() == (DATA_KEY, "ministry/own-private")
    with pytest.raises(KeyMissing):
        ring.get("ministry/peer-public")


@pytest.mark.parametrize("name", ["../secret", "a/../../secret", "agent"])
def test_no_name_leads_out_of_the_folder(folder: Path, name: str) -> None:
    (folder.parent / "secret").write_text("CONFIDENTIAL")
    backend = CredentialsKeyring()  # type: ignore[no-untyped-call]
    assert backend.get_password("his-agent", name) is None


def test_nothing_is_written_and_the_refusal_says_what_to_do_instead(ring: KeyRing, folder: Path) -> None:
    for act in (
        lambda: ring.set("ministry/own-private", "x"),
        lambda: ring.remove("ministry/own-private"),
        lambda: ring.audit_key(create=True),
    ):
        with pytest.raises(ConfigurationError, match="systemd-creds"):
            act()
    assert sm2_keys.load_private(KeyRing(backend=CredentialsKeyring()).get("ministry/own-private")) == PAIR  # type: ignore[no-untyped-call]
    assert AUDIT_KEY not in ring.names()
    handlers = KeyHandlers(ring, [], lambda _name: None).handlers()
    with pytest.raises(ConfigurationError, match="systemd"):
        handlers["keys.import"](complete("keys.import", {"name": "a/b", "value": "x"}))


@pytest.mark.parametrize("mode", [0o420, 0o402, 0o666])
def test_a_credential_that_others_may_write_is_not_taken(ring: KeyRing, folder: Path, mode: int) -> None:
    give(folder, "alpha__own", "x", mode)
    with pytest.raises(ConfigurationError):
        ring.get("alpha/own")


def test_a_credential_that_is_no_key_is_not_taken(ring: KeyRing, folder: Path) -> None:
    give(folder, "alpha__own", "x" * 70_000)
    with pytest.raises(ConfigurationError):
        ring.get("alpha/own")


def test_without_the_folder_it_is_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert not CredentialsKeyring.viable


def test_a_service_with_credentials_chooses_it_by_itself_and_trusts_it(folder: Path) -> None:
    code = (
        "import keyring.backend, agent.keys_systemd\n"
        "from agent.keys import KeyRing\n"
        "ring = KeyRing(); print(ring.describe().backend, ring.describe().read_only, *ring.names())"
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHON_KEYRING_BACKEND"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"CREDENTIALS_DIRECTORY": str(folder), "HOME": str(folder.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [keys_backend.READ_ONLY, "True", DATA_KEY, "ministry/own-private"]


def test_the_package_registers_it_with_keyring() -> None:
    page = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert '[project.entry-points."keyring.backends"]\nsystemd = "agent.keys_systemd"\n' in page
    EntryPoint("systemd", "agent.keys_systemd", "keyring.backends").load()
    assert CredentialsKeyring in keyring.backend.KeyringBackend._classes
