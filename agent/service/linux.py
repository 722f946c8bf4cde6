"""The agent as a systemd service: its unit and companions are rendered, put in place and announced.

With a root other than ``/`` the files are written there and nothing is called: an image is being
built, or a test looks on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.disk import reason, replace_durably
from agent.errors import ConfigurationError
from agent.service.host import NAME, Installation, ServiceFailed, ServiceState

UNIT: Final = f"{NAME}.service"
SHIPPED_PROGRAM: Final = "/opt/his-agent/bin/his-agent"
SHIPPED_CONFIG: Final = "/etc/his-agent/his-agent.toml"
_PLACES: Final = {
    UNIT: f"etc/systemd/system/{UNIT}",
    f"{NAME}.sysusers": f"etc/sysusers.d/{NAME}.conf",
    f"{NAME}.tmpfiles": f"etc/tmpfiles.d/{NAME}.conf",
}
_DROP_INS: Final = f"etc/systemd/system/{UNIT}.d"
_MODE: Final = 0o644
_PATIENCE_S: Final = 180.0
_STATES: Final = {
    "active": "running",
    "reloading": "running",
    "activating": "starting",
    "deactivating": "stopping",
    "failed": "failed",
    "inactive": "stopped",
}

Run = Callable[[Sequence[str]], str]
"""Runs a command and returns its standard output. Raises ServiceFailed when it fails."""


def run_command(command: Sequence[str]) -> str:
    program = shutil.which(command[0], path="/usr/bin:/usr/sbin:/bin:/sbin")
    if program is None:
        raise ServiceFailed(
            f"这台机器没有 {command[0]}",
            hint="需要 systemd；没有时请用 his-agent run",
            details={"command": command[0]},
        )
    try:
        done = subprocess.run(  # noqa: S603 - no shell, a program of the system's own folders
            [program, *command[1:]], capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise _failed(command, "timeout") from None
    if done.returncode != 0:
        raise _failed(command, (done.stderr or done.stdout).strip().splitlines()[-1:])
    return done.stdout


def _failed(command: Sequence[str], answer: object) -> ServiceFailed:
    return ServiceFailed(
        f"{' '.join(command[:2])} 失败",
        hint="请以 root 执行；原因见 journalctl -u his-agent",
        details={"command": list(command), "answer": answer},
    )


@dataclass(frozen=True, slots=True)
class LinuxHost:
    """``root`` is ``/`` on a machine; ``run`` calls systemd's programs."""

    root: Path
    run: Run
    shipped: Path | None = None
    program: Path | None = None

    def install(self, wanted: Installation) -> list[str]:
        done = self._write(wanted)
        if not self._live:
            return done
        self.run(["systemd-sysusers", f"{NAME}.conf"])
        self.run(["systemd-tmpfiles", "--create", f"{NAME}.conf"])
        self.run(["systemctl", "daemon-reload"])
        self.run(["systemctl", "enable", UNIT])
        return [*done, "已建立账户和目录，已设为开机启动", "接下来：his-agent service start"]

    def update(self, wanted: Installation) -> list[str]:
        if not (self.root / _PLACES[UNIT]).exists():
            raise _not_installed()
        done = self.install(wanted)[:-1] if self._live else self.install(wanted)
        if self._live:
            self.run(["systemctl", "try-restart", UNIT])
            done.append("服务若在运行，已用新的程序重新启动")
        return done

    def remove(self) -> list[str]:
        present = [path for path in self._written() if path.exists()]
        if not present:
            raise _not_installed()
        if self._live:
            self.run(["systemctl", "disable", "--now", UNIT])
        for path in present:
            path.unlink()
        drop_ins = self.root / _DROP_INS
        if drop_ins.is_dir() and not any(drop_ins.iterdir()):
            drop_ins.rmdir()
        if self._live:
            self.run(["systemctl", "daemon-reload"])
        return [*(f"已删除 {path}" for path in present), "配置、数据、密钥和账户未动"]

    def start(self) -> list[str]:
        self.run(["systemctl", "start", UNIT])
        return ["服务已启动"]

    def stop(self) -> list[str]:
        self.run(["systemctl", "stop", UNIT])
        return ["服务已停止"]

    def status(self) -> ServiceState:
        if not (self.root / _PLACES[UNIT]).exists():
            return ServiceState("absent")
        if not self._live:
            return ServiceState("stopped")
        names = "ActiveState,SubState,MainPID,NRestarts,ExecMainStatus"
        shown = self.run(["systemctl", "show", UNIT, f"--property={names}"])
        values = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
        return ServiceState(_STATES.get(values.pop("ActiveState", ""), "stopped"), values)

    @property
    def _live(self) -> bool:
        return self.root == Path("/")

    def _write(self, wanted: Installation) -> list[str]:
        shipped = self.shipped or shipped_folder()
        files = {self.root / place: shipped / name for name, place in _PLACES.items()}
        files |= {self.root / _DROP_INS / path.name: path for path in _drop_ins(shipped, wanted)}
        done = []
        for target, source in files.items():
            text = source.read_text("utf-8")
            if target.name == UNIT:
                text = render_unit(text, self.program or own_program(), wanted.config)
            try:
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
                replace_durably(target, text.encode("utf-8"), _MODE)
            except OSError as error:
                raise ServiceFailed(
                    f"无法写入 {target}：{reason(error)}",
                    hint="请以 root 执行",
                    details={"errno": error.errno},
                ) from None
            done.append(f"已写入 {target}")
        return done

    def _written(self) -> Iterator[Path]:
        """What ``install`` may have put in place; an administrator's own drop-ins are not among it."""
        for place in _PLACES.values():
            yield self.root / place
        for name in ("scanners.conf", "cards.conf"):
            yield self.root / _DROP_INS / name


def render_unit(text: str, program: Path, config: Path) -> str:
    """The shipped unit with another program and configuration. Raises ConfigurationError for a path that
    a unit cannot name."""
    for shipped, wanted in ((SHIPPED_PROGRAM, program), (SHIPPED_CONFIG, config)):
        text = text.replace(shipped, _word(wanted))
    return text


def shipped_folder() -> Path:
    """Where the unit lies: beside an installed program, else in the source tree."""
    installed = Path(sys.prefix, "share", NAME, "systemd")
    source = Path(__file__).resolve().parents[2] / "systemd"
    for folder in (installed, source):
        if (folder / UNIT).is_file():
            return folder
    raise ConfigurationError(
        "安装的程序里没有 systemd 单元文件", hint="请重新安装 his-agent", details={"looked": str(installed)}
    )


def own_program() -> Path:
    """The ``his-agent`` of this installation."""
    return Path(sys.prefix, "bin", NAME)


def _drop_ins(shipped: Path, wanted: Installation) -> Iterator[Path]:
    for name, chosen in (("scanners.conf", wanted.scanners), ("cards.conf", wanted.cards)):
        if chosen:
            yield shipped / "drop-ins" / name


def _word(path: Path) -> str:
    """A path as one word of ``ExecStart`` (systemd.service(5)): quoted, ``%`` and ``$`` doubled."""
    text = os.fspath(path)
    if not path.is_absolute() or any(ord(character) < 32 or character in '"\\' for character in text):
        raise ConfigurationError(
            f"systemd 单元里不能用这个路径：{text!r}", hint="请用不含引号、反斜杠和控制字符的绝对路径"
        )
    text = text.replace("%", "%%").replace("$", "$$")
    return f'"{text}"' if any(character.isspace() or character in "';" for character in text) else text


def _not_installed() -> ServiceFailed:
    return ServiceFailed("服务没有安装", hint="请先执行 his-agent service install")
