"""What an endpoint says when there is nobody, or somebody already."""

from __future__ import annotations

from pathlib import Path

from agent.errors import ControlError


def not_running() -> ControlError:
    return ControlError(
        "代理程序没有运行",
        hint="请先启动：his-agent run，或启动系统服务 his-agent",
        details={"code": "not_running"},
    )


def already_running(path: Path) -> ControlError:
    return ControlError(
        f"已有代理程序在使用 {path}",
        hint="同一份配置只能运行一个代理程序；请先停止另一个",
        details={"code": "already_running"},
    )
