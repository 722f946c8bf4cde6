"""The real Secret Service: gnome-keyring under a private D-Bus session, each step a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

TOOLS = ("dbus-run-session", "dbus-send", "gnome-keyring-daemon")
pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in TOOLS),
    reason="needs dbus-run-session and gnome-keyring-daemon (apt install dbus gnome-keyring)",
)

UNLOCK = (
    'printf "%s" session | gnome-keyring-daemon --unlock --components=secrets --daemonize >/dev/null\n'
    "secrets=$(dbus-send --session --print-reply=literal --dest=org.freedesktop.DBus / "
    "org.freedesktop.DBus.GetConnectionUnixProcessID string:org.freedesktop.secrets)\n"
    'trap "kill ${secrets##* }" EXIT\n'  # this session's own: another test's may run beside it
)
LONG = "MIIEowIBAAKCAQEA" * 110
Session = Callable[..., list[str]]


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """Runs Python snippets one after another, each in a new process, in one new D-Bus session whose
    keyring lives in ``tmp_path``; returns what they printed."""
    home = tmp_path / "home"
    runtime = tmp_path / "runtime"
    for folder in (home, runtime):
        folder.mkdir(mode=0o700)
    kept = {key: value for key, value in os.environ.items() if key in {"PATH", "LANG", "VIRTUAL_ENV"}}
    environment = kept | {
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(runtime),
        "XDG_DATA_HOME": str(home / "share"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }

    def run(*snippets: str) -> list[str]:
        files = []
        for number, snippet in enumerate(snippets):
            files.append(tmp_path / f"step-{number}.py")
            files[-1].write_text(f"from agent.keys import KeyRing\n{snippet}\n")
        steps = "\n".join(f"'{sys.executable}' '{file}' || exit 1" for file in files)
        done = subprocess.run(
            ["dbus-run-session", "--", "sh", "-c", UNLOCK + steps],
            capture_output=True,
            text=True,
            env=environment,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


def test_keys_of_any_length_reach_another_process_through_the_secret_service(session: Session) -> None:
    printed = session(
        f"ring = KeyRing()\nring.set('ministry/own-private', {LONG!r})\n"
        "ring.set('ministry/peer-public', 'P')",
        "ring = KeyRing(); print(ring.describe().backend)\n"
        "print(ring.names()); print(ring.get('ministry/own-private'))",
        "ring = KeyRing(); ring.remove('ministry/own-private'); print(ring.names())",
        "ring = KeyRing(); print(ring.has('ministry/own-private'), ring.has('ministry/peer-public'))",
    )
    assert printed == [
        "keyring.backends.SecretService.Keyring",
        "('ministry/own-private', 'ministry/peer-public')",
        LONG,
        "('ministry/peer-public',)",
        "False True",
    ]


def test_the_data_key_made_by_one_process_opens_the_database_of_the_next(session: Session) -> None:
    made, found = session(
        "print(KeyRing().data_key(create=True).hex())", "print(KeyRing().data_key(create=False).hex())"
    )
    assert made == found
    assert len(made) == 64


def test_nothing_of_a_key_lies_in_the_clear_on_disk(session: Session, tmp_path: Path) -> None:
    session("KeyRing().set('ministry/own-private', 'CLEARTEXT' * 200)")
    for script in tmp_path.glob("step-*.py"):
        script.unlink()
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert any(file.suffix == ".keyring" for file in written), "the keyring was stored nowhere"
    assert not any(b"CLEARTEXT" in file.read_bytes() for file in written)
