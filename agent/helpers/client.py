"""The agent's end of a helper process: calls with a time limit, restarts with growing pauses."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from agent import courtesy
from agent.backoff import Backoff
from agent.clock import Clock
from agent.errors import HelperDied, HelperError, HelperRefused, HelperUnavailable
from agent.events import Json
from agent.helpers.process import HelperRun, HelperSettings
from agent.helpers.serving import PROTOCOL
from agent.logs import get_logger

log = get_logger("agent.helpers")


class HelperProcess:
    """A helper that is started by its first call. Several threads may call; calls take turns."""

    def __init__(self, settings: HelperSettings, clock: Clock, backoff: Backoff | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._backoff = backoff or Backoff(first_s=0.5, cap_s=60.0)
        self._lock = threading.Lock()
        self._run: HelperRun | None = None
        self._not_before = 0.0
        self._calls = 0
        self._closed = False

    @property
    def name(self) -> str:
        return self._settings.name

    @property
    def process_id(self) -> int | None:
        """Of the process that runs now, if any."""
        run = self._run
        return run.process_id if run is not None and run.alive else None

    def call(self, call: str, arguments: Mapping[str, Json], within_s: float | None = None) -> Json:
        """The value that the helper answers with; ``arguments`` hold no Decimals and no bytes.

        Raises HelperUnavailable before the call was made, HelperTimedOut or HelperDied when its
        effect is not known, HelperRefused when the helper answered with an error.
        """
        with courtesy.waiting(), self._lock:
            run = self._running()
            self._calls += 1
            try:
                run.write({"id": self._calls, "call": call, "arguments": dict(arguments)})
                answer = run.read(self._settings.answer_within_s if within_s is None else within_s)
                value = self._value(answer)
            except HelperRefused:
                self._backoff.reset()
                raise
            except HelperError as error:
                self._give_up(error)
                raise
            self._backoff.reset()
            return value

    def close(self) -> None:
        """End the process. A call under way in another thread ends at once, as if the helper had died."""
        self._closed = True
        run = self._run
        if run is not None:
            run.kill()
        with self._lock:
            self._end()

    # -- starting and ending ------------------------------------------------------------------------
    def _running(self) -> HelperRun:
        self._demand_open()
        if self._run is not None and not self._run.alive:
            log.warning("helper ended between calls", helper=self.name)
            self._end()
        return self._run or self._start()

    def _demand_open(self) -> None:
        if self._closed:
            raise self._unavailable("已停用", "程序正在退出", "closed")

    def _start(self) -> HelperRun:
        if self._clock.monotonic() < self._not_before:
            raise self._unavailable("刚刚出错，稍后自动重新启动", "请稍后再试", "pausing")
        try:
            run = HelperRun(self._settings, self._clock)
        except OSError as error:
            self._pause()
            raise self._unavailable(
                "无法启动", "请检查配置中的命令和文件权限", f"errno {error.errno}"
            ) from None
        self._run = run  # from here on ``close`` finds it
        try:
            self._demand_open()
            self._greet(run.read(self._settings.start_within_s))
        except HelperError:
            self._end()
            self._pause()
            raise
        log.info("helper started", helper=self.name, process=run.process_id)
        return run

    def _greet(self, hello: dict[str, Any]) -> None:
        if "failed" in hello:
            reason, detail = str(hello["failed"]), hello.get("detail")
            log.warning("helper cannot serve", helper=self.name, reason=reason, detail=detail)
            raise self._unavailable(
                "装不上厂商的库", "请检查厂商驱动是否装全、位数（32/64 位）是否一致", reason
            )
        if hello.get("ready") != PROTOCOL:
            raise self._unavailable("的协议版本不符", "请换用与本程序配套的版本", "protocol")

    def _give_up(self, error: HelperError) -> None:
        log.warning("helper given up", helper=self.name, reason=error.code)
        self._end()
        self._pause()

    def _end(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.end()

    def _pause(self) -> None:
        self._not_before = self._clock.monotonic() + self._backoff.next_wait()

    # -- answers ------------------------------------------------------------------------------------
    def _value(self, answer: dict[str, Any]) -> Json:
        if answer.get("id") != self._calls or ("value" in answer) == ("error" in answer):
            raise HelperDied(
                f"助手程序 {self.name} 的应答与所问不符",
                hint="请核对助手程序的版本",
                details={"helper": self.name},
            )
        if "value" in answer:
            return answer["value"]
        raise self._refused(answer)

    def _refused(self, answer: dict[str, Any]) -> HelperRefused:
        number = answer.get("number")
        reason = str(answer["error"])
        shown = f"{reason} {number}" if number is not None else reason
        log.debug(
            "helper refused", helper=self.name, reason=reason, number=number, detail=answer.get("detail")
        )
        return HelperRefused(
            f"助手程序 {self.name} 报告错误：{shown}",
            hint="请按厂商手册查对错误码",
            reason=reason,
            number=number if isinstance(number, int) else None,
            details={"helper": self.name, "reason": reason, "number": number},
        )

    def _unavailable(self, what: str, hint: str, reason: str) -> HelperUnavailable:
        return HelperUnavailable(
            f"助手程序 {self.name} {what}", hint=hint, details={"helper": self.name, "reason": reason}
        )
