"""``his-agent audit …``: the audit trail, verified and exported."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from agent.cli import exits
from agent.cli.base import Group, pass_session
from agent.cli.direct import call
from agent.cli.output import write_json, write_line
from agent.cli.session import Session
from agent.disk import reason
from agent.errors import ConfigurationError

if TYPE_CHECKING:
    from agent.events import JsonObject

command = Group("audit", help="核对和导出审计记录：每条消息的每一步、每个人的每次处置，环环相扣。")

_PAGE: Final = 1000
_readable = click.Path(path_type=Path, allow_dash=True)


@command.command(
    "verify",
    help="沿着审计记录逐条核对，指出被改动、调换、删除或截断的记录。有问题时退出码为 1。",
)
@click.option("--contents", is_flag=True, help="同时试着解开数据库里的每一处加密内容，指出被改动的")
@click.option(
    "--log", type=_readable, metavar="文件", help="系统日志的导出，从中找出当时的链头；- 表示标准输入"
)
@click.option(
    "--database", type=click.Path(path_type=Path), metavar="文件", help="核对一份拷贝，不经过代理程序"
)
@click.option("--key", type=_readable, metavar="文件", help="可信的审计公钥（PEM），与 --database 同用")
@pass_session
def verify(
    session: Session, contents: bool, log: Path | None, database: Path | None, key: Path | None
) -> int:
    if contents and database:
        raise click.UsageError("--contents 需要数据密钥，不能与 --database 同用")
    heads = _heads(_text(log)) if log else ""
    args: JsonObject = {"heads": heads, "contents": contents}
    report = _of_copy(database, heads, key) if database else call(session, "audit.verify", args)
    if session.json:
        write_json(report)
    else:
        _draw(report)
    return exits.OK if report["ok"] else exits.FAILURE


@command.command("export", help="导出审计记录，每行一个 JSON 对象，含处置人和原因。")
@click.option("--after", type=click.IntRange(min=0), default=0, metavar="编号", help="从这一条之后开始")
@click.option("--output", type=click.Path(path_type=Path), metavar="文件", help="写入文件；不写时到标准输出")
@pass_session
def export(session: Session, after: int, output: Path | None) -> None:
    lines = _lines(session, after)
    if output is None:
        for line in lines:
            sys.stdout.buffer.write(line)
        return
    try:
        with output.open("xb") as file:
            file.writelines(lines)
    except OSError as error:
        raise ConfigurationError(
            f"无法写入 {output}：{reason(error)}", hint="请换一个还不存在的文件名"
        ) from None


def _lines(session: Session, after: int) -> Iterator[bytes]:
    from agent import jsontext

    while True:
        records = call(session, "audit.export", {"after": after, "limit": _PAGE})["records"]
        yield from (f"{jsontext.write(record)}\n".encode() for record in records)
        if len(records) < _PAGE:
            return
        after = records[-1]["number"]


def _of_copy(database: Path, heads: str, key: Path | None) -> JsonObject:
    from agent.audit.heads import read_heads
    from agent.crypto.keys import load_public
    from agent.records import report_json, verify_file

    trusted = (load_public(_text(key)).point,) if key else ()
    return report_json(verify_file(database, trusted, read_heads(heads.splitlines())))


def _heads(log: str) -> str:
    """Only what is needed of a log, which may be long and tell of much else."""
    from agent.audit.heads import read_heads

    return "\n".join(head.line() for head in read_heads(log.splitlines()))


def _text(file: Path) -> str:
    """A key, or the lines of a log, in any encoding: what is looked for is ASCII."""
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"无法读取 {file}：{reason(error)}", hint="请检查路径和权限") from None
    return data.decode("utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8", "replace")


def _draw(report: JsonObject) -> None:
    span = f"{report['first']} 至 {report['last']}，" if report["records"] else ""
    write_line(f"审计记录 {span}共 {report['records']} 条，链头 {report['checkpoints']} 个")
    write_line(f"现在的链头：{report['head']}")
    for problem in report["problems"]:
        write_line(f"问题：{problem['message']}")
    if report["ok"]:
        write_line("没有发现改动")
    else:
        write_line("请保留数据库原样和系统日志，并通知信息安全负责人")
