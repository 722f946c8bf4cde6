"""Who may enter which folder on Windows, as commands of its own ``icacls``.

Everything below the data root, the logs, the control endpoint and the configuration is for the service's
account, the system and administrators. The group of the HIS gets its inboxes, results, downloads and
scans, the operators the file of the control endpoint. Well-known accounts go by their SIDs: their names are
translated.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Final

from agent.errors import ConfigurationError

if TYPE_CHECKING:
    from agent.config.model import AgentConfig

SYSTEM: Final = "*S-1-5-18"
ADMINISTRATORS: Final = "*S-1-5-32-544"
_INHERITED: Final = "(OI)(CI)"

Command = tuple[str, list[str]]


def access_commands(config: AgentConfig, account: str, his_group: str) -> Iterator[Command]:
    """(what it is about, command). What is closed inherits nothing, so that the taking folder stays closed
    inside an inbox that is opened."""
    private = {
        config.data: "数据根目录",
        config.log.file.parent: "日志",
        config.control.path.parent: "控制端口",
        **{folder.taking: f"{folder.name} 的处理中文件" for folder in config.folders},
        **{folder.archive: f"{folder.name} 的归档" for folder in config.folders},
        **{folder.rejected: f"{folder.name} 的退回文件" for folder in config.folders},
    }
    for path, about in private.items():
        if on_server(path):
            continue
        yield about, closed(path, account, "M")
    if config.path.parent not in private:
        yield "配置", closed(config.path.parent, account, "RX")
    for folder in config.folders:
        for path, about in ((folder.inbox, "收件"), (folder.results, "结果")):
            if not on_server(path):
                yield f"{folder.name} 的{about}文件夹给 {his_group}", opened(path, his_group, "M")
    for path, about in ((config.downloads, "下载"), (config.scans, "扫码")):
        if not on_server(path):
            yield f"{about}文件夹给 {his_group}", opened(path, his_group, "M")
    if config.control.operators:
        yield (
            f"控制端口给 {config.control.operators}",
            opened(config.control.path.parent, config.control.operators, "RX"),
        )


def demand_own_folder(config: AgentConfig) -> None:
    """What the operators may read must hold the control endpoint alone. Raises ConfigurationError."""
    if not config.control.operators:
        return
    opened_to_them = Path(os.path.normpath(config.control.path.parent))
    others = [config.data, config.log.file.parent, config.path.parent, config.downloads, config.scans]
    for folder in config.folders:
        others += [folder.inbox, folder.results, folder.taking, folder.archive, folder.rejected]
    if any(Path(os.path.normpath(other)).is_relative_to(opened_to_them) for other in others):
        raise ConfigurationError(
            f"control.path 所在的文件夹 {opened_to_them} 里还有别的东西，不能给操作员组",
            hint="请去掉 control.path，或让它单独在一个文件夹里，例如 control/endpoint",
        )


def closed(path: Path, account: str, right: str) -> list[str]:
    """Nothing is inherited; the system and administrators have all, ``account`` has ``right``."""
    rights = [f"{who}:{_INHERITED}{what}" for who, what in _holders(account, right)]
    return [icacls(), str(path), "/inheritance:r", "/grant:r", *rights]


def opened(path: Path, group: str, right: str) -> list[str]:
    return [icacls(), str(path), "/grant:r", f"{group}:{_INHERITED}{right}"]


def icacls() -> str:
    """The system's own, whatever ``PATH`` says."""
    return str(PureWindowsPath(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "icacls.exe"))


def on_server(path: Path) -> bool:
    """A share's rights are its server's to give."""
    return str(path).startswith(("\\\\", "//")) and not str(path).startswith("\\\\?\\")


def _holders(account: str, right: str) -> Iterator[tuple[str, str]]:
    yield SYSTEM, "F"
    yield ADMINISTRATORS, "F"
    yield account.removeprefix(".\\"), right  # the service manager's word for this machine is its own
