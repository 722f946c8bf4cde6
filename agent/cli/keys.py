"""``his-agent keys …``: keys go to the daemon, so that they land in its account's keyring."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from agent.cli.base import Group, pass_session
from agent.cli.output import write_json, write_line, write_table
from agent.cli.session import Session, key_ring
from agent.errors import KeyRejected
from agent.events import JsonObject

command = Group("keys", help="导入、列出、删除密钥。密钥只存放在运行代理程序的账户的系统钥匙串里。")

_LARGEST: Final = 65536
_here = click.option(
    "--here", is_flag=True, help="不经过代理程序，直接使用当前账户的钥匙串（代理程序须以同一账户运行）"
)


@command.command("import", help="导入密钥。文件写 - 表示从标准输入读取。文件不会被删除，导入后请自行销毁。")
@click.argument("name", metavar="名称")
@click.argument("file", metavar="文件", type=click.Path(path_type=Path, allow_dash=True))
@_here
@pass_session
def import_key(session: Session, name: str, file: Path, here: bool) -> None:
    answer = _call(session, "keys.import", {"name": name, "value": _read(file)}, here=here)
    if session.json:
        write_json(answer)
        return
    write_line(f"已导入 {name}" + (f"，指纹 {answer['fingerprint']}" if answer["fingerprint"] else ""))
    if not answer["needed"]:
        write_line("注意：配置里没有系统使用这个名称，请核对")


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


@command.command("remove", help="从钥匙串删除密钥。")
@click.argument("name", metavar="名称")
@click.confirmation_option("--yes", prompt="确定删除这个密钥？", help="不再询问")
@_here
@pass_session
def remove(session: Session, name: str, here: bool) -> None:
    answer = _call(session, "keys.remove", {"name": name}, here=here)
    if session.json:
        write_json(answer)
    else:
        write_line(f"已删除 {name}")


def _call(session: Session, verb: str, args: JsonObject, *, here: bool) -> JsonObject:
    if not here:
        return session.client().call(verb, args)
    from agent.control.key_handlers import KeyHandlers
    from agent.control.verbs import complete
    from agent.key_material import key_uses
    from agent.registry import Registry

    registry = Registry()
    config = session.load(registry)
    uses = [
        use
        for name, system in config.systems.items()
        for use in key_uses(registry.protocol(name), system.options)
    ]
    handlers = KeyHandlers(key_ring(config), uses, lambda _name: None).handlers()
    return handlers[verb](complete(verb, args))


def _read(file: Path) -> str:
    try:
        if str(file) == "-":
            data = sys.stdin.buffer.read(_LARGEST + 1)
        else:
            with file.open("rb") as stream:
                data = stream.read(_LARGEST + 1)
    except OSError as error:
        raise KeyRejected(f"无法读取 {file}：{error.strerror}", hint="请检查路径和权限") from None
    return _text(data)


def _text(data: bytes) -> str:
    """PEM and Base64 as they are; a binary DER file as Base64, which every reader of keys takes."""
    from base64 import b64encode

    if len(data) > _LARGEST:
        raise KeyRejected("文件过大，不像密钥", hint="请只提供一个密钥文件")
    if data[:1] == b"\x30" and not data[1:2].isalnum():
        return b64encode(data).decode("ascii")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return b64encode(data).decode("ascii")


def _state(key: JsonObject) -> str:
    if key["problem"]:
        return str(key["problem"])
    return "已有" if key["present"] else "缺少"
