"""Reads a configuration file. Every problem of the file is reported at once."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from agent.config.devices import build_devices
from agent.config.folders import build_folders
from agent.config.listener import listener_of
from agent.config.model import (
    AgentConfig,
    ControlConfig,
    KeysConfig,
    LogConfig,
    RetentionConfig,
    SystemConfig,
    TransportConfig,
)
from agent.config.options import complete_options
from agent.config.schema import AGENT, CONTROL, KEYS, LOG, RETENTION
from agent.config.tables import Tables
from agent.config.toml_faults import not_toml
from agent.config.values import Problem
from agent.disk import reason
from agent.errors import ConfigurationError

if TYPE_CHECKING:
    from agent.hookspecs import Option

ENVIRONMENT = "HIS_AGENT_CONFIG"
_LARGEST = 1024 * 1024

Protocols: TypeAlias = Callable[[Iterable[str]], Mapping[str, "Sequence[Option]"]]
"""Given the names of configured systems, the declared options of those that some plugin speaks."""


def default_path() -> Path:
    """Where the file is when neither an option nor ``HIS_AGENT_CONFIG`` says so."""
    if sys.platform == "win32":
        folder = Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData"), "his-agent")
    else:
        folder = Path("/etc/his-agent")
    return folder / "his-agent.toml"


def load(path: Path, protocols: Protocols | None = None) -> AgentConfig:
    """Read ``path``. With ``protocols`` the systems' own options are checked and completed as well.

    Raises ConfigurationError; its ``details["problems"]`` are (key path, expectation) pairs.
    """
    path = path.absolute()
    tables = Tables(_parse(path))
    config = _build(path, tables)
    if protocols is not None:
        config = _complete(config, protocols, tables.problems)
    if tables.problems:
        raise _faulty(path, tables.problems)
    return config


def _parse(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except FileNotFoundError:
        raise ConfigurationError(
            f"找不到配置文件 {path}", hint="请先运行 his-agent init，或用 --config 指明位置"
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"无法读取配置文件 {path}：{reason(error)}", hint="请检查文件权限和运行账户"
        ) from None
    if len(content) > _LARGEST:
        raise ConfigurationError(f"配置文件 {path} 超过 1 MB", hint="请确认 --config 指向的是配置文件")
    return _parse_text(path, content)


def _parse_text(path: Path, content: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"配置文件 {path} 不是 UTF-8 编码", hint="请用记事本另存为 UTF-8 编码"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise not_toml(path, str(error)) from None


def _build(path: Path, tables: Tables) -> AgentConfig:
    agent, log, control, keys = (tables.single(section) for section in (AGENT, LOG, CONTROL, KEYS))
    data = path.parent / (agent.pop("data") or "")
    downloads = data / (agent.pop("downloads") or Path("downloads"))
    scans = data / (agent.pop("scans") or Path("scans"))
    log_file = data / (log.pop("file") or Path("logs", "his-agent.jsonl"))
    endpoint = data / (control.pop("path") or Path("control", "endpoint"))
    if agent["node"] >= agent["nodes"]:
        tables.problems.append(Problem("agent.node", "应小于 agent.nodes（编号从 0 起）"))
    systems = {name: _system(path.parent, name, raw, tables) for name, raw in tables.named("systems").items()}
    return AgentConfig(
        path=path,
        data=data,
        downloads=downloads,
        scans=scans,
        control=ControlConfig(endpoint, **control),
        log=LogConfig(log_file, **log),
        keys=KeysConfig(**keys),
        retention=RetentionConfig(**tables.single(RETENTION)),
        devices=build_devices(tables),
        systems=systems,
        folders=build_folders(data, tables, tuple(systems)),
        **agent,
    )


def _system(base: Path, name: str, raw: Mapping[str, Any], tables: Tables) -> SystemConfig:
    settings, transport, listener, options = tables.system(name, raw)
    if transport["ca_file"]:
        transport["ca_file"] = str(base / transport["ca_file"])
    heard = listener_of(f"systems.{name}.listener", listener, tables.problems)
    return SystemConfig(name, options, TransportConfig(**transport), heard, **settings)


def _complete(config: AgentConfig, protocols: Protocols, problems: list[Problem]) -> AgentConfig:
    declared = protocols(config.systems)
    systems = {}
    for name, system in config.systems.items():
        if name not in declared:
            problems.append(Problem(f"systems.{name}", "没有插件支持这个系统；请检查名称，或先安装插件"))
            continue
        options, found = complete_options(f"systems.{name}", system.options, declared[name])
        problems.extend(found)
        systems[name] = replace(system, options=options)
    return replace(config, systems=systems)


def _faulty(path: Path, problems: Sequence[Problem]) -> ConfigurationError:
    listed = "\n".join(f"  {problem}" for problem in problems)
    return ConfigurationError(
        f"配置文件 {path} 有 {len(problems)} 处错误：\n{listed}",
        hint="请逐条修改；每一项的说明见 docs/configuration.md",
        details={"problems": tuple((problem.key, problem.expected) for problem in problems)},
    )
