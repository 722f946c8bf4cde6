"""``his-agent run``: the daemon in the foreground, as a service manager wants it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Final

import click

from agent.cli.base import command as make_command
from agent.cli.base import pass_session
from agent.cli.session import Session
from agent.errors import ConfigurationError

_LARGEST: Final = 1024 * 1024


@make_command("run", help="在前台运行代理程序，直到收到停止信号、Ctrl-C 或 his-agent stop。")
@click.option(
    "--keys-from-stdin",
    is_flag=True,
    help='从标准输入读一个 JSON 对象 {"名称": "密钥", …}；只留在内存里，不写入钥匙串',
)
@pass_session
def command(session: Session, keys_from_stdin: bool) -> None:
    from agent import logs
    from agent.clock import SystemClock
    from agent.glances import glance_at
    from agent.keys import KeyRing
    from agent.registry import Registry

    registry = Registry()
    config = session.load(registry)
    clock = SystemClock()
    glances = glance_at((folder.inbox for folder in config.folders), clock)
    ring = KeyRing(
        allow=config.keys.allow_backends,
        held=_keys() if keys_from_stdin else None,
        devices=registry.open_hardware_key,
    )
    logs.configure(config.log)

    from agent.daemon import run  # after logs: what it imports logs by structlog, without rich by then
    from agent.service.systemd import manager_of

    try:
        with logs.strays_caught():
            run(config, registry, ring, manager_of(os.environ, clock), glances)
    except Exception:
        logs.get_logger(__name__).exception("agent ended by an error")
        raise


def _keys() -> Mapping[str, str]:
    from agent import jsontext

    try:
        given = jsontext.read_object(sys.stdin.buffer.read(_LARGEST).decode("utf-8"))
    except (UnicodeDecodeError, jsontext.JsonTextError):
        given = {}
    if not given or not all(isinstance(value, str) and value for value in given.values()):
        raise ConfigurationError(
            "标准输入里没有可用的密钥", hint='应为 JSON 对象：{"ministry/own-private": "-----BEGIN …", …}'
        )
    return given
