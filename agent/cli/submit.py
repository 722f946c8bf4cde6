"""``his-agent submit FILE``: what a HIS does, done properly: written aside, flushed, renamed."""

from __future__ import annotations

import getpass
import os
import re
import secrets
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from agent.cli import exits
from agent.cli.base import command as make_command
from agent.cli.base import pass_session
from agent.cli.output import write_json, write_line
from agent.cli.session import Session
from agent.disk import reason
from agent.errors import ConfigurationError, ControlError

if TYPE_CHECKING:
    from agent.clock import Clock
    from agent.config import AgentConfig, FolderConfig

_REST_S: Final = 0.1
_FIELDS: Final = {
    "json": r'^  "{}": "?([^",\r\n]*)',
    "xml": r"<{0}>(.*?)</{0}>",
    "csv": r"^#{}=(.*?)\r?$",
    "ini": r"^{}=(.*?)\r?$",
}


@make_command("submit", help="把文件放进收件文件夹，如同 HIS 所做。加 --wait 等到最终结果并显示。")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="文件")
@click.option("--folder", default="", metavar="名称", help="收件文件夹的名称；只有一个时可不填")
@click.option(
    "--attach",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="文件",
    help="文件里用 @ 引用的附件，可多次使用",
)
@click.option("--wait", "patience", type=float, metavar="秒", help="最多等这么多秒，直到最终结果")
@pass_session
def command(
    session: Session, file: Path, folder: str, attach: tuple[Path, ...], patience: float | None
) -> int:
    from agent.clock import SystemClock

    config = session.load()
    target = choose_folder(config, folder)
    before = result_marks(target, file.name)
    for each in (*attach, file):
        place(each, target)
    nudged = _nudge(session, config, target, file.name)
    if patience is None:
        _tell_placed(session, target, file.name, nudged=nudged)
        return exits.OK
    result = wait_for_result(target, file.name, before, patience, SystemClock())
    return _tell_result(session, target, result)


def choose_folder(config: AgentConfig, name: str) -> FolderConfig:
    """The folder of that name. Raises ConfigurationError naming those there are."""
    known = {folder.name: folder for folder in config.folders}
    if name in known:
        return known[name]
    if not name and len(known) == 1:
        return next(iter(known.values()))
    if not known:
        raise ConfigurationError("没有收件文件夹", hint="请先在配置文件里启用一个系统")
    raise ConfigurationError(
        f"没有收件文件夹 {name}" if name else f"有 {len(known)} 个收件文件夹，请指明放进哪一个",
        hint=f"用 --folder 指明：{'、'.join(known)}",
    )


def place(file: Path, folder: FolderConfig) -> None:
    """Copy ``file`` into the inbox so that it is never seen half-written. Raises ConfigurationError."""
    from agent.disk import flush_folder, write_flushed

    target = folder.inbox / file.name
    aside = folder.inbox / f"{file.name}.{secrets.token_hex(4)}.tmp"
    try:
        write_flushed(aside, file.read_bytes())
        _rename_without_replacing(aside, target)
        if folder.marker:
            write_flushed(target.with_name(target.name + folder.marker), b"")
        flush_folder(folder.inbox)
    except FileExistsError:
        raise ConfigurationError(
            f"收件文件夹里已有同名文件 {file.name}", hint="请等它被取走，或改名后再提交"
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"无法放入 {folder.inbox}：{reason(error)}", hint="请检查该目录是否存在、当前账户能否写入"
        ) from None
    finally:
        aside.unlink(missing_ok=True)


def _rename_without_replacing(aside: Path, target: Path) -> None:
    """A rename replaces silently on Unix, a link never does; shares may have no links."""
    try:
        os.link(aside, target)
    except FileExistsError:
        raise
    except OSError:
        if target.exists():
            raise FileExistsError from None
        aside.rename(target)


def result_marks(folder: FolderConfig, file_name: str) -> dict[Path, tuple[int, int]]:
    """The results that an input of this name has, each with what tells a new one from an old one."""
    pattern = re.compile(rf"{re.escape(file_name)}\.(?:.+\.)?result\.{folder.result_format}")
    marks = {}
    for path in folder.results.glob("*.result.*"):
        if pattern.fullmatch(path.name):
            status = path.stat()
            marks[path] = (status.st_mtime_ns, status.st_ino)
    return marks


def wait_for_result(
    folder: FolderConfig,
    file_name: str,
    before: dict[Path, tuple[int, int]],
    patience_s: float,
    clock: Clock,
) -> tuple[str, str]:
    """The final result's state and text. Raises ControlError (``timeout``) after ``patience_s``."""
    deadline = clock.monotonic() + patience_s
    never = threading.Event()
    while True:
        for path, mark in result_marks(folder, file_name).items():
            text = path.read_text(folder.result_encoding) if mark != before.get(path) else ""
            if read_field(folder.result_format, text, "final") == "true":
                return read_field(folder.result_format, text, "state"), text
        rest = deadline - clock.monotonic()
        if rest <= 0:
            raise ControlError(
                "等待的时间内还没有最终结果",
                hint="文件已交给代理程序，不要重复提交；稍后看结果文件夹或 his-agent outbox list",
                details={"code": "timeout"},
            )
        clock.wait(never, min(_REST_S, rest))


def read_field(form: str, text: str, name: str) -> str:
    """One scalar of a result in any of its forms, "" when it is not there."""
    found = re.search(_FIELDS[form].format(name), text, re.MULTILINE)
    return found[1].strip().lower() if found else ""


def _nudge(session: Session, config: AgentConfig, folder: FolderConfig, name: str) -> bool:
    """Tell the daemon to look now; without one the file waits in the inbox."""
    from agent.control.client import error_code

    try:
        session.client(config).call("submit", {"folder": folder.name, "file": name, "who": getpass.getuser()})
    except ControlError as error:
        if error_code(error) != "not_running":
            raise
        return False
    return True


def _tell_placed(session: Session, folder: FolderConfig, name: str, *, nudged: bool) -> None:
    if session.json:
        write_json({"folder": folder.name, "file": str(folder.inbox / name), "running": nudged})
        return
    write_line(f"已放入 {folder.inbox / name}")
    if not nudged:
        write_line("注意：代理程序没有运行，文件会在它启动后处理")


def _tell_result(session: Session, folder: FolderConfig, result: tuple[str, str]) -> int:
    from agent import jsontext

    state, text = result
    if session.json and folder.result_format == "json":
        write_json(jsontext.read(text))
    elif session.json:
        write_json({"state": state, "result": text})
    else:
        write_line(text.rstrip())
    return exits.OK if state == "accepted" else exits.FAILURE
