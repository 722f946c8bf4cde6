"""The agent as a Windows service: what is asked of the service manager, in which order, and what its
refusals mean. The calls themselves are ``windows_port``'s.

Facts behind the choices: recovery actions fire only for a service that ended with an error, hence the
flag for failures that are no crash; a virtual account (``NT SERVICE\\his-agent``) needs no password and
has a credential store of its own, which no user's session sees; ``SCardSvr`` is started on demand and
stopped with the last reader, so the service depends on it only when cards are used.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from agent.errors import ConfigurationError
from agent.service.host import NAME, Installation, ServiceFailed, ServiceState
from agent.service.windows_access import access_commands, demand_own_folder

if TYPE_CHECKING:
    from agent.config.model import AgentConfig

T = TypeVar("T")

DISPLAY_NAME: Final = "his-agent 医保前置代理"
DESCRIPTION: Final = "把 HIS 放下的文件可靠、按序地送到各平台。停止时等待正在发送的业务，至多 20 秒。"
VIRTUAL_ACCOUNT: Final = rf"NT SERVICE\{NAME}"
SMART_CARDS: Final = "SCardSvr"
RESTART_AFTER_S: Final = (5, 30, 60)
FORGIVEN_AFTER_S: Final = 86_400
PRESHUTDOWN_S: Final = 30
START_WITHIN_S: Final = 120.0
STOP_WITHIN_S: Final = 30.0
_POLL_S: Final = 0.25

UNKNOWN_SETTING: Final = 124
_ABSENT: Final = 1060
_RUNNING_ALREADY: Final = 1056
_NOT_RUNNING: Final = 1062
_MEANINGS: Final = {
    5: ("权限不够", "请在“以管理员身份运行”的命令行里执行"),
    1053: (
        "服务没有在时限内应答",
        "程序可能缺少 DLL，或被杀毒软件拦住；在命令行运行 his-agent.exe check 看能否启动",
    ),
    1057: ("账户不存在或密码不对", r"账户写成 .\名称 或 域\名称"),
    1060: ("服务没有安装", "请先执行 his-agent service install"),
    1069: ("服务账户登录失败", "请核对账户和密码；改过密码后执行 his-agent service update"),
    1072: ("服务正在等待删除", "请关闭“服务”和“事件查看器”窗口后重试；仍不行请重启计算机"),
    1073: ("服务已经安装", "要更新请执行 his-agent service update"),
    1075: ("所依赖的服务不存在", "没有智能卡服务的系统上不要用 --cards"),
}


class WindowsRefused(Exception):
    """A call that Windows refused: the call's name and Windows' error number."""

    def __init__(self, call: str, number: int) -> None:
        super().__init__(f"{call}: {number}")
        self.call = call
        self.number = number


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """What the service manager is told to keep. A change leaves as it is what is empty."""

    command: str
    account: str
    dependencies: tuple[str, ...]
    password: str = field(default="", repr=False)


class WindowsPort(Protocol):
    """Windows, a call each. All raise WindowsRefused."""

    def create(self, plan: ServicePlan) -> None: ...

    def change(self, plan: ServicePlan) -> None: ...

    def account(self) -> str:
        """Under which the service runs."""
        ...

    def describe(self, text: str) -> None: ...

    def own_sid(self) -> None:
        """The service's own identity, so that folders can be opened to it alone."""
        ...

    def delay_start(self) -> None: ...

    def recover(self, restart_after_s: tuple[int, ...], forgiven_after_s: int) -> None: ...

    def recover_from_errors_too(self) -> None: ...

    def preshutdown(self, within_s: int) -> None: ...

    def delete(self) -> None: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def state(self) -> tuple[str, dict[str, str]]:
        """One of ServiceState's words but ``absent``, and details; ``exit`` is 0 or why it ended."""
        ...

    def make_group(self, name: str, about: str) -> bool:
        """A local group; false when it was there."""
        ...

    def allow_service_logon(self, account: str) -> None: ...

    def register_event_source(self) -> None: ...

    def remove_event_source(self) -> None: ...

    def run(self, command: list[str]) -> None:
        """A program of Windows' own; its refusal is its exit code."""
        ...


@dataclass(frozen=True, slots=True)
class WindowsHost:
    """``pause`` waits so many seconds; ``load`` reads the configuration that the service will have."""

    port: WindowsPort
    pause: Callable[[float], None]
    load: Callable[[Path], AgentConfig]
    program: tuple[str, ...] = ()

    def install(self, wanted: Installation) -> list[str]:
        config = self.load(wanted.config)
        demand_own_folder(config)
        plan = self._plan(wanted)
        done = [*self._groups(wanted, config), *self._logon(wanted.account)]
        self._call(lambda: self.port.create(plan))
        done.append(f"已登记服务，账户 {plan.account}")
        done += self._settings()
        done += self._access(config, plan.account, wanted.his_group)
        return [*done, "接下来：his-agent service start，再用 his-agent keys import 导入密钥"]

    def update(self, wanted: Installation) -> list[str]:
        config = self.load(wanted.config)
        demand_own_folder(config)
        plan = replace(self._plan(wanted), account=wanted.account)
        running = self._call(self.port.state)[0] == "running"
        done = self.stop() if running else []
        done += [*self._groups(wanted, config), *self._logon(wanted.account)]
        self._call(lambda: self.port.change(plan))
        account = self._call(self.port.account)
        done.append(f"已更新服务，账户 {account}")
        done += self._settings()
        done += self._access(config, account, wanted.his_group)
        return done + (self.start() if running else [])

    def remove(self) -> list[str]:
        done = self.stop() if self._call(self.port.state)[0] != "stopped" else []
        self._call(self.port.delete)
        self._call(self.port.remove_event_source)
        return [*done, "已删除服务", "配置、数据、密钥、组和文件夹权限未动"]

    def start(self) -> list[str]:
        try:
            self._call(self.port.start)
        except ServiceFailed as error:
            if error.details.get("number") != _RUNNING_ALREADY:
                raise
            return ["服务已在运行"]
        state, details = self._wait("starting", START_WITHIN_S)
        if state != "running":
            raise ServiceFailed(
                "服务没有启动起来", hint="原因见日志和事件查看器（来源 his-agent）", details={**details}
            )
        return ["服务已启动"]

    def stop(self) -> list[str]:
        try:
            self._call(self.port.stop)
        except ServiceFailed as error:
            if error.details.get("number") != _NOT_RUNNING:
                raise
            return ["服务没有在运行"]
        state, details = self._wait("stopping", STOP_WITHIN_S)
        if state not in ("stopped", "failed"):
            raise ServiceFailed("服务没有在时限内停止", hint="请看日志；数据是安全的", details={**details})
        return ["服务已停止"]

    def status(self) -> ServiceState:
        try:
            return ServiceState(*self._call(self.port.state))
        except ServiceFailed as error:
            if error.details.get("number") == _ABSENT:
                return ServiceState("absent")
            raise

    # -- parts of an installation -------------------------------------------------------------------
    def _plan(self, wanted: Installation) -> ServicePlan:
        command = [*(self.program or own_program()), "service-host", str(wanted.config)]
        return ServicePlan(
            command=subprocess.list2cmdline(command),
            account=wanted.account or VIRTUAL_ACCOUNT,
            dependencies=(SMART_CARDS,) if wanted.cards else (),
            password=wanted.password,
        )

    def _logon(self, account: str) -> Iterator[str]:
        if account:
            self._call(lambda: self.port.allow_service_logon(account))
            yield f"已允许 {account} 作为服务登录"

    def _groups(self, wanted: Installation, config: AgentConfig) -> Iterator[str]:
        groups = {wanted.his_group: "HIS 的账户：向 his-agent 的收件文件夹写，读结果"}
        if config.control.operators:
            groups[config.control.operators] = "his-agent 的操作员：可用控制端口"
        for name, about in groups.items():
            made = self._call(partial(self.port.make_group, name, about))
            yield f"已建立本机组 {name}" if made else f"本机组 {name} 已存在"

    def _settings(self) -> Iterator[str]:
        port = self.port
        steps: list[tuple[str, Callable[[], None]]] = [
            ("说明", lambda: port.describe(DESCRIPTION)),
            ("服务自己的 SID", port.own_sid),
            ("延迟自动启动", port.delay_start),
            ("失败后重新启动", lambda: port.recover(RESTART_AFTER_S, FORGIVEN_AFTER_S)),
            ("出错退出也算失败", port.recover_from_errors_too),
            (f"关机前 {PRESHUTDOWN_S} 秒通知", lambda: port.preshutdown(PRESHUTDOWN_S)),
            ("事件日志来源", port.register_event_source),
        ]
        for about, step in steps:
            try:
                self._call(step)
            except ServiceFailed as error:
                if error.details.get("number") != UNKNOWN_SETTING:
                    raise
                yield f"这个系统不支持，已跳过：{about}"
            else:
                yield f"已设置：{about}"

    def _access(self, config: AgentConfig, account: str, his_group: str) -> Iterator[str]:
        for about, command in access_commands(config, account, his_group):
            self._call(partial(self.port.run, command))
            yield f"已设置权限：{about}"

    def _wait(self, passing: str, within_s: float) -> tuple[str, dict[str, str]]:
        left = within_s
        found = self._call(self.port.state)
        waiting = (passing, "running") if passing == "stopping" else (passing,)
        while found[0] in waiting and left > 0:
            self.pause(_POLL_S)
            left -= _POLL_S
            found = self._call(self.port.state)
        return found

    def _call(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except WindowsRefused as error:
            message, hint = _MEANINGS.get(
                error.number, (f"Windows 拒绝了 {error.call}", f"Windows 错误号 {error.number}")
            )
            raise ServiceFailed(
                message, hint=hint, details={"call": error.call, "number": error.number}
            ) from error


def own_program() -> tuple[str, ...]:
    """The frozen program, or the base interpreter with the service's module. Raises ConfigurationError
    in a virtual environment: its python.exe starts another one, whose process the service manager does
    not know."""
    if getattr(sys, "frozen", False):
        return (sys.executable,)
    if sys.prefix != sys.base_prefix:
        raise ConfigurationError(
            "虚拟环境里的 Python 不能作为服务运行",
            hint="请用安装程序装好的 his-agent.exe，或装进系统的 Python",
        )
    return (sys.executable, "-m", "winservice")
