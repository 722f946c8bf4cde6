"""The service as the service control manager sees it: pywin32's class, its reports and its notices.

``SvcStop`` only says that a stop is pending and sets an event: the manager cuts a handler off after some
30 s. While the daemon drains, each of its check-points is reported, so that nobody gives up on it. An
exception of ``SvcRun`` goes through to pywin32: recovery actions fire only for a service that ended with
an error. A shutdown may come without any notice (fast start-up, power): nothing depends on one.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import threading
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any, ClassVar, Final

    import pywintypes
    import servicemanager
    import win32netcon
    import win32service
    import win32serviceutil
    import win32wnet

    from agent.service.host import NAME
    from winservice.event_log import EventLogHandler
    from winservice.running import run

    START_WITHIN_MS: Final = 120_000
    STEP_WITHIN_MS: Final = 10_000
    _PRESHUTDOWN: Final = 0x0000000F
    _ACCEPT_PRESHUTDOWN: Final = 0x00000100

    class Reports:
        """A ``ServiceManager`` that reports to Windows'."""

        def __init__(self, service: win32serviceutil.ServiceFramework) -> None:
            self._service = service

        def ready(self) -> None:
            self._service.ReportServiceStatus(win32service.SERVICE_RUNNING)

        def alive(self) -> None:
            """Windows watches no heartbeat; the log tells of workers that give no sign of life."""

        def stopping(self) -> None:
            self._service.ReportServiceStatus(win32service.SERVICE_STOP_PENDING, waitHint=STEP_WITHIN_MS)

    class Service(win32serviceutil.ServiceFramework):
        """One service in this process. ``configuration`` is set before Windows makes an instance."""

        _svc_name_ = NAME
        _svc_display_name_ = NAME
        configuration: ClassVar[Path]

        def __init__(self, args: Sequence[str]) -> None:
            super().__init__(args)
            self.asked_to_stop = threading.Event()

        def GetAcceptedControls(self) -> int:  # noqa: N802 - pywin32's name
            accepted: int = super().GetAcceptedControls()  # type: ignore[no-untyped-call]  # pywin32's stub
            return accepted | _ACCEPT_PRESHUTDOWN

        def SvcStop(self) -> None:  # noqa: N802 - pywin32's name
            self.ReportServiceStatus(win32service.SERVICE_STOP_PENDING, waitHint=STEP_WITHIN_MS)
            self.asked_to_stop.set()

        def SvcShutdown(self) -> None:  # noqa: N802 - pywin32's name
            self.SvcStop()

        def SvcOtherEx(self, control: int, _event_type: int, _data: Any) -> None:  # noqa: N802 - pywin32's name
            if control == _PRESHUTDOWN:
                self.SvcStop()

        def SvcRun(self) -> None:  # noqa: N802 - pywin32's name
            self.ReportServiceStatus(win32service.SERVICE_START_PENDING, waitHint=START_WITHIN_MS)
            run(
                self.configuration,
                Reports(self),
                self.asked_to_stop,
                handlers=[EventLogHandler()],
                connect=connect_share,
            )

    def host(configuration: Path) -> None:
        """Be the service. Raises pywintypes.error 1063 when it was not Windows that started this."""
        Service.configuration = configuration
        servicemanager.Initialize()
        servicemanager.PrepareToHostSingle(Service)
        servicemanager.StartServiceCtrlDispatcher()  # type: ignore[no-untyped-call]  # pywin32's stub

    def connect_share(root: str, user: str, password: str) -> int:
        """For this service's logon session only; nothing is remembered. See ``agent.service.shares``."""
        resource = win32wnet.NETRESOURCE()
        resource.dwType = win32netcon.RESOURCETYPE_DISK
        resource.lpRemoteName = root
        try:
            win32wnet.WNetAddConnection2(resource, password, user, 0)
        except pywintypes.error as error:
            return int(error.winerror)
        return 0
