"""``his-agent check``: findings, each with what to do. The daemon checks when it runs, since its
account's keyring and its lanes are what counts; else this process does what it can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.cli import exits
from agent.cli.base import command as make_command
from agent.cli.base import pass_session
from agent.cli.output import write_json, write_line, write_table
from agent.cli.session import Session, key_ring
from agent.errors import ConfigurationError, ControlError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from agent.checks import Finding
    from agent.config import AgentConfig
    from agent.registry import Registry

_MARKS = {"ok": "正常", "warning": "注意", "error": "错误"}


@make_command("check", help="检查配置、密钥、文件夹、时钟、磁盘、数据库和连通情况，并说明每个问题怎么处理。")
@pass_session
def command(session: Session) -> int:
    findings = _findings(session)
    levels = [finding["level"] for finding in findings]
    code = judged(levels)
    if session.json:
        write_json({"ok": code == exits.OK, "findings": findings})
    else:
        _draw(findings)
        write_line(summary(levels))
    return code


def judged(levels: list[str]) -> int:
    """The exit code: remarks alone are no failure."""
    return exits.FAILURE if "error" in levels else exits.OK


def summary(levels: list[str]) -> str:
    counted = ((levels.count("error"), "需要处理"), (levels.count("warning"), "请注意"))
    told = [f"{count} 项{word}" for count, word in counted if count] or ["全部正常"]
    return "，".join([f"共 {len(levels)} 项", *told])


def _findings(session: Session) -> list[Mapping[str, str]]:
    from agent.registry import Registry

    registry = Registry()
    try:
        config = session.load(registry)
    except ConfigurationError as error:
        return [finding.as_json() for finding in _of_configuration(error, session.path())]
    try:
        found = session.client(config).call("check")["findings"]
        return [dict(finding) for finding in found]
    except ControlError as error:
        unreachable = error
    return [finding.as_json() for finding in _own_findings(config, registry, unreachable)]


def _own_findings(config: AgentConfig, registry: Registry, unreachable: ControlError) -> list[Finding]:
    from agent.checks import Finding, Level, run_checks
    from agent.checks.database import check_database
    from agent.checks.reach import check_reach
    from agent.cli.direct import database
    from agent.clock import SystemClock
    from agent.system import transport_settings

    ring = key_ring(config)
    daemon = Finding(
        "daemon",
        Level.WARNING,
        "his-agent",
        f"{unreachable.message}；以下按当前账户检查，只测试网络可达，不测试交易连通",
        unreachable.hint,
    )
    findings = [daemon, *run_checks(config, registry, ring, SystemClock())]
    if exits.error_code(unreachable) == "not_running":
        findings.append(check_database(database(config), ring))
    for name, protocol in registry.require(config.systems).items():
        system = config.systems[name]
        findings += check_reach(system, protocol, transport_settings(system))
    return findings


def _of_configuration(error: ConfigurationError, path: Path) -> list[Finding]:
    from agent.checks import Finding, Level

    problems = error.details.get("problems")
    if not isinstance(problems, tuple):
        return [Finding("configuration", Level.ERROR, "", error.message, error.hint)]
    return [
        Finding("configuration", Level.ERROR, key, expected, f"请修改配置文件 {path}")
        for key, expected in problems
    ]


def _draw(findings: list[Mapping[str, str]]) -> None:
    rows = [
        (_MARKS[finding["level"]], finding["subject"], finding["message"], finding["hint"])
        for finding in findings
    ]
    write_table(("结果", "对象", "说明", "怎么处理"), rows, grades=[finding["level"] for finding in findings])
