"""make service-check: the agent as its systemd unit wants it, from a wheel, on a machine without its source.

Builds the wheel, installs it into a fresh prefix, installs and verifies the unit, prints how exposed it
is, and then does for the unit what systemd would: makes the account's folders and credentials, starts
the program of ``ExecStart`` as that account with the unit's environment, limits and privileges, hears
what it reports, and lets a HIS's account drop a submission, which the rehearsed platform must have taken
exactly once; then another one, with which in flight the agent is stopped and started again. Standard
library only; the part between ``--drive`` and the end runs on the prefix's own Python. What only a running
systemd can show (namespaces, the system call filter, the device policy) is verified, not tried.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path

TREE = Path(__file__).resolve().parents[1]
THRESHOLD = 20
PATIENCE_S = 60.0
STOP_WITHIN_S = 20.0
TOOLS = {
    "systemd-analyze": "systemd",
    "systemd-sysusers": "systemd",
    "systemd-tmpfiles": "systemd",
    "setpriv": "util-linux",
}
STRANGER, HIS = 64999, 64998
"""An account that has no business with the agent, and the one of the HIS."""


class Failed(Exception):
    """A step did not do what it must."""


def step(text: str) -> None:
    print(f"== {text}", flush=True)


def demand(holds: bool, text: str) -> None:
    if not holds:
        raise Failed(text)
    print(f"   ok: {text}", flush=True)


def run(*command: object, **options: object) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode:
        raise Failed(
            f"{command[0]} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
    return done.stdout


def eventually(holds, what: str, patience_s: float = PATIENCE_S):
    deadline = time.monotonic() + patience_s
    while not (found := holds()):
        if time.monotonic() > deadline:
            raise Failed(f"not within {patience_s:.0f} s: {what}")
        time.sleep(0.05)
    return found


# -- building and installing ---------------------------------------------------------------------------
def find_tools() -> None:
    lacking = {package for tool, package in TOOLS.items() if shutil.which(tool) is None}
    if lacking and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "update", "-qq", env=environment)
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *sorted(lacking), env=environment)
        lacking = {package for tool, package in TOOLS.items() if shutil.which(tool) is None}
    if lacking:
        raise Failed(f"missing on this machine: apt-get install {' '.join(sorted(lacking))}")


def build_wheel(room: Path) -> Path:
    """From a copy: a build leaves things behind."""
    source = room / "source"
    left_out = shutil.ignore_patterns(
        ".git",
        ".venv",
        "*.egg-info",
        "build",
        "dist",
        "__pycache__",
        ".*_cache",
        ".hypothesis",
        "demo-data",
        "bench-data",
    )
    shutil.copytree(TREE, source, ignore=left_out)
    run(sys.executable, "-m", "venv", room / "builder")
    python = room / "builder/bin/python"
    run(
        python,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--disable-pip-version-check",
        "--no-deps",
        "-w",
        room / "wheel",
        source,
    )
    (wheel,) = (room / "wheel").glob("his_agent-*.whl")
    shutil.rmtree(source)
    return wheel


def install_wheel(wheel: Path, prefix: Path) -> None:
    venv.create(prefix, with_pip=True)
    constraints = TREE / "constraints.txt"
    run(
        prefix / "bin/python",
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        "-c",
        constraints,
        wheel,
    )
    place = run(prefix / "bin/python", "-I", "-c", "import agent; print(agent.__file__)", cwd="/").strip()
    demand(
        Path(place).is_relative_to(prefix), "the installed program has its own code, not the source tree's"
    )


def install_unit(image: Path, prefix: Path, config: Path) -> Path:
    run(prefix / "bin/his-agent", "service", "install", "--root", image, "--config", config, cwd="/")
    unit = image / "etc/systemd/system/his-agent.service"
    told = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True)
    demand(told.returncode == 0 and not told.stderr.strip(), f"systemd-analyze verify {told.stderr.strip()}")
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={THRESHOLD}", "--no-pager", unit],
        capture_output=True,
        text=True,
    )
    level = re.search(r"exposure level for \S+ (\d+\.\d+)", judged.stdout)
    if level is None:
        raise Failed(f"systemd-analyze security: {judged.stderr.strip()}")
    print(f"   exposure level: {level[1]}")
    demand(judged.returncode == 0 and float(level[1]) <= THRESHOLD / 10, "exposure level of at most 2.0")
    return unit


# -- what systemd does for a unit ----------------------------------------------------------------------
class Unit:
    """The unit's settings, and its folders below an image."""

    def __init__(self, unit: Path, image: Path) -> None:
        self.image = image
        self.settings: dict[str, list[str]] = {}
        for line in unit.read_text("utf-8").splitlines():
            name, separator, value = line.partition("=")
            if separator and not line.startswith(("#", "[")):
                self.settings.setdefault(name, []).append(value)
        self.state = image / "var/lib" / self.only("StateDirectory")
        self.logs = image / "var/log" / self.only("LogsDirectory")
        self.runtime = image / "run" / self.only("RuntimeDirectory")
        self.configuration = image / "etc" / self.only("ConfigurationDirectory")
        self.exchange = image / "srv/his-agent"
        self.credentials = image / "run/credentials/his-agent.service"
        self.uid, self.gid, self.drop = os.geteuid(), os.getegid(), os.getegid()

    def only(self, name: str) -> str:
        (value,) = self.settings[name]
        return value

    def make_accounts(self) -> None:
        (self.image / "etc").mkdir(exist_ok=True)
        run("systemd-sysusers", f"--root={self.image}", self.image / "etc/sysusers.d/his-agent.conf")
        accounts = (self.image / "etc/passwd").read_text().splitlines()
        groups = (self.image / "etc/group").read_text().splitlines()
        self.uid, self.gid = map(int, _fields(accounts, self.only("User"))[2:4])
        self.drop = int(_fields(groups, self.only("SupplementaryGroups"))[2])
        demand(
            0 not in (self.uid, self.gid, self.drop), "an unprivileged account of its own and the HIS's group"
        )
        run(
            "systemd-tmpfiles",
            f"--root={self.image}",
            "--create",
            self.image / "etc/tmpfiles.d/his-agent.conf",
        )

    def make_folders(self) -> None:
        for folder, mode in (
            (self.state, "StateDirectoryMode"),
            (self.logs, "LogsDirectoryMode"),
            (self.runtime, "RuntimeDirectoryMode"),
            (self.configuration, "ConfigurationDirectoryMode"),
        ):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(int(self.only(mode), 8))
            if folder != self.configuration and os.geteuid() == 0:
                os.chown(folder, self.uid, self.gid)
        if os.geteuid() == 0:
            os.chown(self.configuration, 0, self.gid)
        for folder in (self.exchange / "inbox", self.exchange / "results"):
            folder.mkdir(parents=True, exist_ok=True)

    def give_credentials(self, keys: dict[str, str]) -> None:
        """As systemd hands them out: a folder 0500 and files 0400 of the account."""
        self.credentials.mkdir(parents=True)
        for name, value in keys.items():
            path = self.credentials / name.replace("/", "__")
            path.write_text(value, "utf-8")
            path.chmod(0o400)
        for path in (*self.credentials.iterdir(), self.credentials):
            if os.geteuid() == 0:
                os.chown(path, self.uid, self.gid)
        self.credentials.chmod(0o500)

    def environment(self, notify: Path, journal: Path) -> dict[str, str]:
        status = journal.stat()
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
            "LANG": "C.UTF-8",
            "USER": self.only("User"),
            "LOGNAME": self.only("User"),
            "HOME": "/var/lib/his-agent",
            "INVOCATION_ID": "0" * 32,
            "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}",
            "NOTIFY_SOCKET": str(notify),
            "WATCHDOG_USEC": str(int(self.only("WatchdogSec")) * 1_000_000),
            "STATE_DIRECTORY": str(self.state),
            "LOGS_DIRECTORY": str(self.logs),
            "RUNTIME_DIRECTORY": str(self.runtime),
            "CONFIGURATION_DIRECTORY": str(self.configuration),
            "CREDENTIALS_DIRECTORY": str(self.credentials),
        }

    def command(self) -> list[str]:
        words = self.only("ExecStart").split()
        return [*self.as_account(self.uid, self.gid, self.drop), *words]

    def as_account(self, uid: int, gid: int, *groups: int) -> list[str]:
        """Without privileges, and without a way to gain any; as root also as another account."""
        command = ["setpriv", "--no-new-privs"]
        if os.geteuid() == 0:
            listed = ",".join(map(str, groups))
            command += [
                f"--reuid={uid}",
                f"--regid={gid}",
                f"--groups={listed}" if listed else "--clear-groups",
            ]
            command += ["--bounding-set=-all", "--inh-caps=-all"]
        return command

    def limits(self) -> None:
        """In the new process, before it becomes the agent."""
        import resource

        os.umask(int(self.only("UMask"), 8))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if self.only("MemoryDenyWriteExecute") == "yes":
            ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)  # PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN (Linux 6.3)


def _fields(lines: list[str], name: str) -> list[str]:
    return next(line.split(":") for line in lines if line.startswith(f"{name}:"))


def write_config(unit: Unit, url: str) -> None:
    path = unit.configuration / "his-agent.toml"
    path.write_text(
        f"""[agent]
data = "{unit.state}"
[log]
file = "{unit.logs}/his-agent.jsonl"
[control]
path = "{unit.runtime}/control"
[systems.ministry]
url = "{url}/engine/transport/server/001"
access_key = "510000001"
[folders.ministry]
system = "ministry"
inbox = "{unit.exchange}/inbox/ministry"
results = "{unit.exchange}/results/ministry"
""",
        "utf-8",
    )
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 0, unit.gid)


class Manager:
    """The other end of the notification socket."""

    def __init__(self, path: Path, unit: Unit) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)
        path.chmod(0o666)
        self.heard: list[str] = []

    def hears(self, word: str) -> bool:
        while True:
            try:
                self.heard += self.socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return word in self.heard


# -- the run -------------------------------------------------------------------------------------------
def drive(unit: Unit, prefix: Path, room: Path) -> None:
    step("a rehearsed platform, and keys as credentials")
    python = prefix / "bin/python"
    keys = json.loads(run(python, "-I", Path(__file__), "--drive", "keys", room, cwd="/"))
    ready = room / "platform.ready"
    platform = subprocess.Popen(
        [
            prefix / "bin/his-agent",
            "simulate",
            "ministry",
            "port=0",
            f"ready_file={ready}",
            f"own_private={room / 'platform-private.pem'}",
            f"peer_public={room / 'province-public.pem'}",
        ],
        stdin=subprocess.DEVNULL,
        stdout=(room / "platform.log").open("wb"),
        stderr=subprocess.STDOUT,
        cwd="/",
    )
    try:
        eventually(lambda: ready.exists() or platform.poll() is not None, "the platform")
        if not ready.exists():
            raise Failed(f"the rehearsed platform did not start:\n{tail(room / 'platform.log')}")
        url = json.loads(ready.read_text())["url"]
        write_config(unit, url)
        unit.give_credentials(keys)
        agent_run(unit, prefix, room, url)
    finally:
        platform.kill()
        platform.wait()


def agent_run(unit: Unit, prefix: Path, room: Path, url: str) -> None:
    step(f"the agent under the unit's environment, as account {unit.uid}")
    manager, journal = Manager(room / "notify", unit), room / "journal"
    with started(unit, manager, journal) as agent:
        eventually(lambda: manager.hears("WATCHDOG=1"), "WATCHDOG=1")
        demand(manager.hears("WATCHDOG=1"), "the watchdog is fed")
        one_submission(unit, prefix, url)
        judge_privacy(unit)
        stopped_in_flight(unit, prefix, url, agent)
        demand(manager.hears("STOPPING=1"), "STOPPING=1 was told")
    manager.heard.clear()
    step("started again")
    with started(unit, manager, journal) as agent:
        answered_once(unit, prefix, url)
        stop(agent, 5.0)
    lines = journal.read_text("utf-8").splitlines()
    demand(bool(lines) and all(re.match(r"<[2-7]>", line) for line in lines), "journal lines have priorities")


@contextlib.contextmanager
def started(unit: Unit, manager: Manager, journal: Path) -> Iterator[subprocess.Popen]:
    with journal.open("ab") as stream:
        agent = subprocess.Popen(
            unit.command(),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env=unit.environment(manager.path, journal),
            preexec_fn=unit.limits,  # noqa: PLW1509 - this process has one thread
            cwd="/",
        )
    try:
        eventually(lambda: manager.hears("READY=1") or agent.poll() is not None, "READY=1")
        demand(manager.hears("READY=1"), f"READY=1 {tail(journal) if agent.poll() is not None else ''}")
        yield agent
    finally:
        if agent.poll() is None:
            agent.kill()
            agent.wait()


def stop(agent: subprocess.Popen, within_s: float) -> None:
    """As systemd stops it."""
    began = time.monotonic()
    agent.send_signal(signal.SIGTERM)
    code = agent.wait(STOP_WITHIN_S + 10)
    took = time.monotonic() - began
    demand(code == 0 and took < within_s, f"a stop ends well (exit {code}) after {took:.1f} s")


def stopped_in_flight(unit: Unit, prefix: Path, url: str, agent: subprocess.Popen) -> None:
    step("stopped with a message in flight")
    python = prefix / "bin/python"
    run(python, "-I", Path(__file__), "--drive", "delay", url, cwd="/")
    place = unit.exchange / "inbox/ministry/2-admission.json"
    run(
        *unit.as_account(HIS, HIS, unit.drop), python, "-I", Path(__file__), "--drive", "drop", place, cwd="/"
    )
    run(python, "-I", Path(__file__), "--drive", "struck", url, cwd="/")
    stop(agent, STOP_WITHIN_S)
    results = read_results(unit.exchange / "results/ministry")
    demand(sum(result["final"] for result in results) == 1, "the message in flight has no final result yet")


def answered_once(unit: Unit, prefix: Path, url: str) -> None:
    results = unit.exchange / "results/ministry"
    eventually(lambda: sum(one["final"] for one in read_results(results)) == 2, "two final results", 120.0)
    found = {one["id"]: one["state"] for one in read_results(results)}
    demand(found == {"CHECK-1": "accepted", "CHECK-2": "accepted"}, f"both are answered: {found}")
    python = prefix / "bin/python"
    entries = json.loads(run(python, "-I", Path(__file__), "--drive", "ledger", url, cwd="/"))
    keys = [entry["key"] for entry in entries]
    demand(len(keys) == len(set(keys)) == 2, "the platform has exactly one effect of each")


def one_submission(unit: Unit, prefix: Path, url: str) -> None:
    step("one submission, dropped by an account of the HIS's group")
    python = prefix / "bin/python"
    inbox, results = unit.exchange / "inbox/ministry", unit.exchange / "results/ministry"
    eventually(inbox.is_dir, "the inbox")
    his = unit.as_account(HIS, HIS, unit.drop)
    run(*his, python, "-I", Path(__file__), "--drive", "drop", inbox / "1-admission.json", cwd="/")
    found = eventually(
        lambda: [result for result in read_results(results) if result["final"]], "a final result"
    )
    demand([result["state"] for result in found] == ["accepted"], "one final result: accepted")
    told = run(*his, "cat", *results.glob("*.json"))
    demand('"accepted"' in told, "the HIS's account can read it")
    entries = json.loads(run(python, "-I", Path(__file__), "--drive", "ledger", url, cwd="/"))
    demand(len(entries) == 1, "the platform has exactly one effect")


def read_results(folder: Path) -> list[dict]:
    if not folder.is_dir():
        return []
    return [json.loads(path.read_text("utf-8")) for path in folder.glob("*.json") if path.name[0] != "."]


def judge_privacy(unit: Unit) -> None:
    """Every file that the agent made, and who may reach it."""
    step("file modes")
    private = (unit.state, unit.logs, unit.runtime, unit.credentials)
    made = [path for folder in private for path in (folder, *folder.rglob("*"))]
    open_ones = [str(path) for path in private if stat.S_IMODE(path.stat().st_mode) & 0o077]
    demand(not open_ones, f"private folders are closed to all others {open_ones or ''}")
    world = [str(p) for p in (*made, *unit.exchange.rglob("*")) if stat.S_IMODE(p.lstat().st_mode) & 0o007]
    demand(not world, f"of {len(made)} files and folders none is open to everybody {world or ''}")
    if os.geteuid() == 0:
        foreign = [path for path in made if path.lstat().st_uid != unit.uid]
        kept = [path for path in foreign if path.is_file() and path.is_relative_to(unit.state / "archive")]
        demand(foreign == kept, "all of them are the account's own, but what the HIS wrote, in the archive")
        stranger = unit.as_account(STRANGER, STRANGER)
        for path in (unit.state, unit.logs, unit.runtime, unit.credentials, unit.exchange / "inbox"):
            refused = subprocess.run([*stranger, "ls", path], capture_output=True).returncode != 0
            demand(refused, f"a stranger's account cannot look into {path.relative_to(unit.image)}")


def tail(path: Path) -> str:
    return path.read_text("utf-8", errors="replace")[-3000:]


# -- with the installed program's own Python -------------------------------------------------------------
def driven(what: str, place: str) -> None:
    """``keys FOLDER``: the platform's key files, and ours as JSON; ``drop FILE``, a sample; of a platform
    ``ledger URL``, ``delay URL`` (its next answer) and ``struck URL`` (wait until it does)."""
    import base64
    import secrets

    from agent.crypto.keys import generate
    from agent.transport.base import TransportSettings
    from agent.transport.session import WebSession

    if what == "keys":
        own, platform = generate(), generate()
        Path(place, "platform-private.pem").write_text(platform.to_pem(), "ascii")
        Path(place, "province-public.pem").write_text(own.public.to_pem(), "ascii")
        made = {
            "ministry/own-private": own.to_pem(),
            "ministry/peer-public": platform.public.to_pem(),
            "agent/data-key": base64.b64encode(secrets.token_bytes(32)).decode("ascii"),
        }
        print(json.dumps(made))
    elif what == "drop":
        target = Path(place)
        aside = target.with_name(f"{target.name}.tmp")
        aside.write_bytes((Path(__file__).parent / "samples" / target.name).read_bytes())
        aside.chmod(0o640)
        aside.replace(target)
    else:
        with WebSession(TransportSettings()) as web:
            asked(web, what, place)


def asked(web, what: str, url: str) -> None:
    def tell(method: str, path: str, body: list[str] | None = None):
        return json.loads(web.request(method, f"{url}/_rehearsal/{path}", body).body)

    if what == "delay":
        tell("PUT", "faults", ["delay_after=times:1,seconds:40"])
    elif what == "struck":
        eventually(lambda: any(fault["fired"] for fault in tell("GET", "faults")["faults"]), "on the wire")
    else:
        print(json.dumps(tell("GET", "ledger?limit=100")["entries"]))


def check() -> None:
    step("tools")
    find_tools()
    with tempfile.TemporaryDirectory(prefix="his-agent-check-") as folder:
        room = Path(folder).resolve()
        room.chmod(0o755)
        image, prefix = room / "image", room / "image/opt/his-agent"
        image.mkdir()
        step("the wheel")
        wheel = build_wheel(room)
        step("a fresh prefix")
        install_wheel(wheel, prefix)
        bill = room / "his-agent.cdx.json"
        run(prefix / "bin/python", "-I", TREE / ".ci" / "sbom.py", bill, cwd="/")
        listed = json.loads(bill.read_text("utf-8"))["components"]
        demand(len(listed) > 10, f"its bill of materials lists {len(listed)} packages")
        step("the unit")
        config = image / "etc/his-agent/his-agent.toml"
        unit = Unit(install_unit(image, prefix, config), image)
        step("accounts and folders")
        if os.geteuid() == 0:
            unit.make_accounts()
        else:
            print("   not root: the agent runs as this account, and no other account tries its doors")
        unit.make_folders()
        drive(unit, prefix, room)
    print("service-check: everything holds")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drive", nargs=2, metavar=("WHAT", "PLACE"))
    arguments = parser.parse_args()
    try:
        driven(*arguments.drive) if arguments.drive else check()
    except Failed as failure:
        sys.exit(f"service-check FAILED: {failure}")
