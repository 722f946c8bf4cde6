"""The command line: one module per command, imported when it is run."""

from __future__ import annotations

import sys
from typing import Final

import click

from agent.cli import exits
from agent.cli.base import LazyGroup, version_option
from agent.cli.session import Session
from agent.errors import AgentError

MODULES: Final = {
    "init": ("agent.cli.init", "写出配置样例，建立各文件夹"),
    "check": ("agent.cli.check", "检查配置、密钥、文件夹、时钟和连通情况"),
    "run": ("agent.cli.run", "运行代理程序，直到被停止"),
    "stop": ("agent.cli.stop", "停止运行中的代理程序"),
    "status": ("agent.cli.status", "显示运行状态"),
    "submit": ("agent.cli.submit", "把文件放进收件文件夹，可等待结果"),
    "outbox": ("agent.cli.outbox", "查看和处置待发消息"),
    "download": ("agent.cli.download", "查看下载，立即下载，申请重新下载"),
    "audit": ("agent.cli.audit", "核对和导出审计记录"),
    "retention": ("agent.cli.retention", "清理超过保留期的文件、业务内容和审计记录"),
    "backup": ("agent.cli.backup", "运行中备份数据库"),
    "restore": ("agent.cli.restore", "从备份恢复数据库"),
    "rekey": ("agent.cli.rekey", "更换数据密钥，把数据库重新加密"),
    "keys": ("agent.cli.keys", "导入、列出、删除密钥"),
    "service": ("agent.cli.service", "安装、更新、删除、启动、停止系统服务"),
    "catalog": ("agent.cli.catalog", "查看和导出接口目录"),
    "simulate": ("agent.cli.simulate", "启动某个系统的演练服务器"),
    "station": ("agent.cli.station", "查看扫码枪、读卡器和正在等待它们的业务"),
    "trace": ("agent.cli.trace", "查看还没有上传的药品追溯码"),
    "identifiers": ("agent.cli.identifiers", "查找平台返回的编号"),
    "demo": ("agent.cli.demo", "在本机完整演示一遍"),
    "read-file": ("agent.cli.read_file", "读取一个大文件"),
}
HIDDEN: Final = frozenset({"read-file"})


def _of_protocol(name: str) -> click.Command | None:
    """Plugins are looked at only for a name that no command of ours has."""
    from agent.cli.protocol_commands import commands_of

    return commands_of(name)


root = LazyGroup(
    "his-agent",
    modules=MODULES,
    hidden=HIDDEN,
    others=_of_protocol,
    params=[version_option()],
    epilog="各系统自带的工具：his-agent 系统 --help，如 his-agent scanpay --help",
    help="医院工作站边缘代理：把 HIS 放下的文件可靠、按序地送到各平台。",
)


def main(arguments: list[str] | None = None) -> None:
    """The entry point. Ends the process with one of :mod:`agent.cli.exits`."""
    raise SystemExit(execute(arguments))


def execute(arguments: list[str] | None = None) -> int:
    """Run one command line; returns its exit code."""
    from agent.cli import output, usage

    output.tolerate_narrow_consoles()
    session = Session()
    try:
        code = root.main(arguments, prog_name="his-agent", standalone_mode=False, obj=session)
    except click.UsageError as error:
        given = sys.argv[1:] if arguments is None else arguments
        usage.write(error, as_json=session.json or "--json" in given)
        return exits.USAGE
    except AgentError as error:
        output.write_error(error, as_json=session.json)
        return exits.exit_code(error)
    except (click.Abort, KeyboardInterrupt):
        return exits.INTERRUPTED
    except BrokenPipeError:
        return exits.FAILURE
    except Exception as error:  # noqa: BLE001 - a traceback would show what the program was holding
        output.write_bug(error, as_json=session.json)
        return exits.FAILURE
    return code if isinstance(code, int) else exits.OK
