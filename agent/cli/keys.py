"""``his-agent keys …``: keys go to the daemon, so that they land in its account's keyring."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

import click

from agent.cli.base import Group, pass_session
from agent.cli.output import write_json, write_line, write_table
from agent.cli.passwords import asker
from agent.cli.session import Session
from agent.disk import reason
from agent.errors import KeyRejected
from agent.events import JsonObject
from agent.key_material.containers import LARGEST, read_material

command = Group(
    "keys", help="导入、生成、轮换、列出、删除密钥。密钥只存放在运行代理程序的账户的系统钥匙串里。"
)

_here = click.option(
    "--here", is_flag=True, help="不经过代理程序，直接使用当前账户的钥匙串（代理程序须以同一账户运行）"
)


_why = click.option("--reason", metavar="说明", default="", help="原因，写入审计记录")
_rotate = click.option(
    "--rotate", is_flag=True, help="保留现有的为上一代：对方换用新密钥之前，仍能解开它的应答"
)


@command.command(
    "import",
    help="导入密钥：PEM、DER、带口令的 PKCS#8、PKCS#12（.pfx）、证书（.cer）、十六进制。"
    "文件写 - 表示从标准输入读取。文件不会被删除，导入后请自行销毁。",
)
@click.argument("name", metavar="名称")
@click.argument("file", metavar="文件", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--password-stdin", is_flag=True, help="从标准输入的第一行读文件的口令，不在终端询问")
@_rotate
@_why
@_here
@pass_session
def import_key(
    session: Session, name: str, file: Path, password_stdin: bool, rotate: bool, reason: str, here: bool
) -> None:
    if password_stdin and str(file) == "-":
        raise click.UsageError("标准输入不能同时给出密钥和口令")
    material = read_material(_read(file), asker(from_stdin=password_stdin))
    args: JsonObject = {
        "name": name,
        "value": material.text,
        "certificate": material.certificate,
        "rotate": rotate,
        **_by(reason),
    }
    answer = _call(session, "keys.import", args, here=here)
    if session.json:
        write_json(answer)
        return
    write_line(f"已导入 {name}" + (f"，指纹 {answer['fingerprint']}" if answer["fingerprint"] else ""))
    if not answer["needed"]:
        write_line("注意：配置里没有系统使用这个名称，请核对")


@command.command("generate", help="在钥匙串里生成密钥对，只给出公钥，用来交给平台。")
@click.argument("name", metavar="名称")
@click.option(
    "--kind",
    type=click.Choice(("sm2-private", "rsa-private")),
    help="密钥种类；配置里有系统使用这个名称时不必填",
)
@_rotate
@_why
@_here
@pass_session
def generate(session: Session, name: str, kind: str | None, rotate: bool, reason: str, here: bool) -> None:
    args: JsonObject = {"name": name, "kind": kind or "", "rotate": rotate, **_by(reason)}
    answer = _call(session, "keys.generate", args, here=here)
    if session.json:
        write_json(answer)
        return
    write_line(f"已生成 {name}，指纹 {answer['fingerprint']}，公钥如下：\n{answer['public']}")


@command.command("public", help="给出一个密钥的公钥部分（PEM），用来交给平台。")
@click.argument("name", metavar="名称")
@_here
@pass_session
def public(session: Session, name: str, here: bool) -> None:
    answer = _call(session, "keys.public", {"name": name}, here=here)
    if session.json:
        write_json(answer)
    else:
        write_line(answer["public"].rstrip())


@command.command("pair", help="核对一个公钥或证书文件与已有的私钥是不是一对。")
@click.argument("name", metavar="名称")
@click.argument("file", metavar="文件", type=click.Path(path_type=Path, allow_dash=True))
@_here
@pass_session
def pair(session: Session, name: str, file: Path, here: bool) -> None:
    public = read_material(_read(file), asker(from_stdin=False)).text
    answer = _call(session, "keys.pair", {"name": name, "public": public}, here=here)
    if session.json:
        write_json(answer)
    else:
        write_line(f"{name} 与 {file} 是一对")


@command.command("list", help="列出需要的和已有的密钥（只显示公钥部分的指纹）。")
@_here
@pass_session
def list_keys(session: Session, here: bool) -> None:
    answer = _call(session, "keys.list", {}, here=here)
    if session.json:
        write_json(answer)
        return
    columns = ("名称", "状态", "指纹", "用途")
    write_table(
        columns, [(key["name"], _state(key), key["fingerprint"], key["about"]) for key in answer["keys"]]
    )
    write_line(f"钥匙串：{answer['keyring']['backend']}，账户：{answer['keyring']['account']}")


@command.command("retire", help="轮换之后，对方不再使用上一代密钥时，删除上一代。")
@click.argument("name", metavar="名称")
@_why
@_here
@pass_session
def retire(session: Session, name: str, reason: str, here: bool) -> None:
    answer = _call(session, "keys.retire", {"name": name, **_by(reason)}, here=here)
    if session.json:
        write_json(answer)
    else:
        write_line(f"已删除 {name} 的上一代密钥")


@command.command("remove", help="从钥匙串删除密钥。")
@click.argument("name", metavar="名称")
@click.confirmation_option("--yes", prompt="确定删除这个密钥？", help="不再询问")
@_why
@_here
@pass_session
def remove(session: Session, name: str, reason: str, here: bool) -> None:
    answer = _call(session, "keys.remove", {"name": name, **_by(reason)}, here=here)
    if session.json:
        write_json(answer)
    else:
        write_line(f"已删除 {name}")


def _by(reason: str) -> JsonObject:
    return {"who": getpass.getuser(), "why": reason}


def _call(session: Session, verb: str, args: JsonObject, *, here: bool) -> JsonObject:
    if not here:
        return session.client().call(verb, args)
    from agent.cli.keys_here import call_here

    return call_here(session, verb, args)


def _read(file: Path) -> bytes:
    try:
        if str(file) == "-":
            return sys.stdin.buffer.read(LARGEST + 1)
        with file.open("rb") as stream:
            return stream.read(LARGEST + 1)
    except OSError as error:
        raise KeyRejected(f"无法读取 {file}：{reason(error)}", hint="请检查路径和权限") from None


def _state(key: JsonObject) -> str:
    if key["problem"]:
        return str(key["problem"])
    return "已有" if key["present"] else "缺少"
