"""``his-agent service``: the agent as a service of the operating system."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli import exits
from agent.cli.base import Group, pass_session
from agent.cli.output import write_json, write_line
from agent.cli.session import Session
from agent.errors import ConfigurationError

if TYPE_CHECKING:
    from agent.service.host import Installation, ServiceHost

_STATES = {
    "absent": "没有安装",
    "stopped": "已停止",
    "starting": "正在启动",
    "running": "正在运行",
    "stopping": "正在停止",
    "failed": "已失败",
}
_LONGEST_PASSWORD = 256

command = Group(
    "service", help="把代理程序安装成系统服务（Linux 是 systemd，Windows 是服务管理器）并管理它。"
)

_ROOT = click.option(
    "--root", type=click.Path(path_type=Path), metavar="目录", help="代替 / 的目录，只写文件（仅 Linux）"
)
_WANTED = (
    click.option("--scanners", is_flag=True, help="允许使用串口和 HID 扫码枪"),
    click.option("--cards", is_flag=True, help="使用读卡器：随智能卡服务启动"),
    click.option(
        "--account",
        metavar="账户",
        default="",
        help=r"运行服务的账户，如 .\his-svc、域\账户；不给时用服务自己的虚拟账户（仅 Windows）",
    ),
    click.option("--password-stdin", is_flag=True, help="从标准输入读一行，作为账户的密码（仅 Windows）"),
    click.option("--his-group", metavar="组", default="", help="HIS 账户所在的本机组（仅 Windows）"),
)


def _with_wanted(function: Any) -> Any:
    for option in reversed((*_WANTED, _ROOT)):
        function = option(function)
    return function


@command.command("install", help="安装服务：写入服务定义，建立账户、组和目录权限，设为开机启动。")
@_with_wanted
@pass_session
def install(session: Session, /, root: Path | None, **given: Any) -> None:
    _tell(session, _host(root).install(_wanted(session, given)))


@command.command("update", help="程序或选项变了：更新服务定义；服务若在运行则重新启动。")
@_with_wanted
@pass_session
def update(session: Session, /, root: Path | None, **given: Any) -> None:
    _tell(session, _host(root).update(_wanted(session, given)))


@command.command("remove", help="停止并删除服务。配置、数据、密钥和账户都保留。")
@_ROOT
@pass_session
def remove(session: Session, root: Path | None) -> None:
    _tell(session, _host(root).remove())


@command.command("start", help="启动服务。")
@pass_session
def start(session: Session) -> None:
    _tell(session, _host(None).start())


@command.command("stop", help="停止服务：正在发送的等它结束（至多 20 秒），其余留在磁盘上。")
@pass_session
def stop(session: Session) -> None:
    _tell(session, _host(None).stop())


@command.command("status", help="服务的状态。没有运行时退出码是 4。")
@_ROOT
@pass_session
def status(session: Session, root: Path | None) -> int:
    state = _host(root).status()
    if session.json:
        write_json({"state": state.state, "details": dict(state.details)})
    else:
        write_line(_STATES[state.state])
        for name, value in state.details.items():
            write_line(f"  {name}: {value}")
    return exits.OK if state.state == "running" else exits.NOT_RUNNING


def _host(root: Path | None) -> ServiceHost:
    from agent.service.this_host import this_host

    return this_host(root)


def _wanted(session: Session, given: dict[str, Any]) -> Installation:
    from agent.service.host import Installation

    settings = {"his_group": given["his_group"]} if given["his_group"] else {}
    return Installation(
        config=session.path().absolute(),
        scanners=given["scanners"],
        cards=given["cards"],
        account=given["account"],
        password=_password() if given["password_stdin"] else "",
        **settings,
    )


def _password() -> str:
    line = sys.stdin.readline(_LONGEST_PASSWORD).rstrip("\r\n")
    if not line:
        raise ConfigurationError("标准输入里没有密码", hint="把密码作为一行写到标准输入；不要写在命令行上")
    return line


def _tell(session: Session, done: list[str]) -> None:
    if session.json:
        write_json({"done": list(done)})
        return
    for line in done:
        write_line(line)
