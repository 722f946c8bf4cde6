"""Windows itself: each method is one call of pywin32. What they are called with is ``windows``' matter."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import subprocess
    import time
    from collections.abc import Iterator
    from contextlib import contextmanager
    from pathlib import Path
    from typing import Any, Final

    import pywintypes
    import win32evtlog
    import win32evtlogutil
    import win32net
    import win32security
    import win32service

    from agent.config import load
    from agent.service.host import NAME
    from agent.service.windows import DISPLAY_NAME, ServicePlan, WindowsHost, WindowsRefused

    _ALIAS_EXISTS: Final = 1379
    _GROUP_EXISTS: Final = 2223
    _PATIENCE_S: Final = 60
    _STATES: Final = {
        win32service.SERVICE_START_PENDING: "starting",
        win32service.SERVICE_RUNNING: "running",
        win32service.SERVICE_STOP_PENDING: "stopping",
        win32service.SERVICE_STOPPED: "stopped",
    }
    _SID_TYPE_UNRESTRICTED: Final = 1
    _SERVICE_SPECIFIC: Final = 1066
    _NEVER_STARTED: Final = 1077
    _START_NAME: Final = 7

    class Port:
        """See ``WindowsPort``."""

        def create(self, plan: ServicePlan) -> None:
            with _manager() as manager, _refusals("CreateService"):
                service = win32service.CreateService(
                    manager,
                    NAME,
                    DISPLAY_NAME,
                    win32service.SERVICE_ALL_ACCESS,
                    win32service.SERVICE_WIN32_OWN_PROCESS,
                    win32service.SERVICE_AUTO_START,
                    win32service.SERVICE_ERROR_NORMAL,
                    plan.command,
                    None,
                    False,
                    list(plan.dependencies) or None,
                    plan.account,
                    plan.password or None,
                )
                win32service.CloseServiceHandle(service)

        def change(self, plan: ServicePlan) -> None:
            with _service("ChangeServiceConfig") as service:
                win32service.ChangeServiceConfig(
                    service,
                    win32service.SERVICE_WIN32_OWN_PROCESS,
                    win32service.SERVICE_AUTO_START,
                    win32service.SERVICE_ERROR_NORMAL,
                    plan.command,
                    None,
                    False,
                    list(plan.dependencies) or None,
                    plan.account or None,
                    plan.password or None,
                    DISPLAY_NAME,
                )

        def account(self) -> str:
            with _service("QueryServiceConfig") as service:
                return str(win32service.QueryServiceConfig(service)[_START_NAME])

        def describe(self, text: str) -> None:
            _set(win32service.SERVICE_CONFIG_DESCRIPTION, text)

        def own_sid(self) -> None:
            _set(win32service.SERVICE_CONFIG_SERVICE_SID_INFO, _SID_TYPE_UNRESTRICTED)

        def delay_start(self) -> None:
            _set(win32service.SERVICE_CONFIG_DELAYED_AUTO_START_INFO, True)

        def recover(self, restart_after_s: tuple[int, ...], forgiven_after_s: int) -> None:
            actions = [(win32service.SC_ACTION_RESTART, after * 1000) for after in restart_after_s]
            wanted = {"ResetPeriod": forgiven_after_s, "RebootMsg": "", "Command": "", "Actions": actions}
            _set(win32service.SERVICE_CONFIG_FAILURE_ACTIONS, wanted)

        def recover_from_errors_too(self) -> None:
            _set(win32service.SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, True)

        def preshutdown(self, within_s: int) -> None:
            _set(win32service.SERVICE_CONFIG_PRESHUTDOWN_INFO, within_s * 1000)

        def delete(self) -> None:
            with _service("DeleteService") as service:
                win32service.DeleteService(service)

        def start(self) -> None:
            with _service("StartService") as service:
                win32service.StartService(service, None)

        def stop(self) -> None:
            with _service("ControlService") as service:
                win32service.ControlService(service, win32service.SERVICE_CONTROL_STOP)

        def state(self) -> tuple[str, dict[str, str]]:
            with _service("QueryServiceStatusEx") as service:
                status: Any = win32service.QueryServiceStatusEx(service)
            code, own = int(status["Win32ExitCode"]), int(status["ServiceSpecificExitCode"])
            exit_code = own if code == _SERVICE_SPECIFIC else code
            state = _STATES.get(status["CurrentState"], "running")
            if state == "stopped" and code not in (0, _NEVER_STARTED):
                state = "failed"
            return state, {"pid": str(status["ProcessId"]), "exit": str(exit_code)}

        def make_group(self, name: str, about: str) -> bool:
            try:
                win32net.NetLocalGroupAdd("", 1, {"name": name, "comment": about})
            except pywintypes.error as error:
                if error.winerror in (_ALIAS_EXISTS, _GROUP_EXISTS):
                    return False
                raise WindowsRefused("NetLocalGroupAdd", error.winerror) from error
            return True

        def allow_service_logon(self, account: str) -> None:
            with _refusals("LsaAddAccountRights"):
                sid = win32security.LookupAccountName(None, account.removeprefix(".\\"))[0]
                policy: Any = win32security.LsaOpenPolicy("", win32security.POLICY_ALL_ACCESS)
                try:
                    win32security.LsaAddAccountRights(policy, sid, ("SeServiceLogonRight",))
                finally:
                    win32security.LsaClose(policy)

        def register_event_source(self) -> None:
            with _refusals("RegCreateKey"):
                win32evtlogutil.AddSourceToRegistry(NAME, msgDLL=win32evtlog.__file__)

        def remove_event_source(self) -> None:
            with _refusals("RegDeleteKey"):
                win32evtlogutil.RemoveSourceFromRegistry(NAME)

        def run(self, command: list[str]) -> None:
            Path(command[1]).mkdir(parents=True, exist_ok=True)
            done = subprocess.run(  # noqa: S603 - Windows' own program, no shell
                command, capture_output=True, timeout=_PATIENCE_S, check=False
            )
            if done.returncode != 0:
                raise WindowsRefused(Path(command[0]).name, done.returncode)

    def host() -> WindowsHost:
        """This machine."""
        return WindowsHost(Port(), time.sleep, load)

    @contextmanager
    def _refusals(call: str) -> Iterator[None]:
        try:
            yield
        except pywintypes.error as error:
            raise WindowsRefused(call, error.winerror) from error

    @contextmanager
    def _manager() -> Iterator[Any]:
        with _refusals("OpenSCManager"):
            manager = win32service.OpenSCManager(None, None, win32service.SC_MANAGER_ALL_ACCESS)
        try:
            yield manager
        finally:
            win32service.CloseServiceHandle(manager)

    @contextmanager
    def _service(call: str) -> Iterator[Any]:
        with _manager() as manager:
            with _refusals("OpenService"):
                service = win32service.OpenService(manager, NAME, win32service.SERVICE_ALL_ACCESS)
            try:
                with _refusals(call):
                    yield service
            finally:
                win32service.CloseServiceHandle(service)

    def _set(setting: int, value: Any) -> None:
        with _service("ChangeServiceConfig2") as service:
            win32service.ChangeServiceConfig2(service, setting, value)
