"""Folders on a server's share (``\\\\server\\share\\…``), opened with an account of that server.

A service has no user's mapped drives, and its own account is often unknown to the server. The account
comes from the keyring, entry ``share/server/share`` in lower case: a JSON object with ``user`` and
``password``. Shares without an entry are left to the service's own account.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from agent import jsontext, pulse
from agent.clock import Clock
from agent.errors import AgentError, KeyMissing
from agent.logs import get_logger

if TYPE_CHECKING:
    from agent.config.model import AgentConfig

LOOK_EVERY_S: Final = 60.0
_SHARE = re.compile(r"[\\/]{2}(?:[?.][\\/]UNC[\\/])?([^\\/?.][^\\/]*)[\\/]([^\\/]+)", re.IGNORECASE)
log = get_logger("agent.service")

Connect = Callable[[str, str, str], int]
"""Open ``\\\\server\\share`` for a user with a password: 0, or Windows' error number."""


class Keys(Protocol):
    def get(self, name: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Share:
    """``root`` is ``\\\\server\\share``; ``key`` names the entry with its account."""

    root: str
    key: str


@dataclass(slots=True)
class ShareKeeper:
    """Opens the shares, and again after they were lost: a connection does not outlive its server's
    restart in every version of Windows, and opening an open one does no harm."""

    shares: tuple[Share, ...]
    keys: Keys = field(repr=False)
    connect: Connect
    clock: Clock
    stopping: threading.Event
    wakeup: threading.Event = field(default_factory=threading.Event)
    _told: dict[str, int] = field(default_factory=dict, init=False)

    @classmethod
    def of(
        cls,
        config: AgentConfig,
        keys: Keys,
        clock: Clock,
        stopping: threading.Event,
        connect: Connect | None,
    ) -> ShareKeeper | None:
        """None where no folder is on a share."""
        shares = shares_of(config)
        return cls(shares, keys, connect, clock, stopping) if shares and connect is not None else None

    def run(self) -> None:
        while not self.stopping.is_set():
            pulse.promise(pulse.FOREIGN_STEP_S)
            self.connect_all()
            self.clock.wait(self.wakeup, LOOK_EVERY_S)
            self.wakeup.clear()

    def connect_all(self) -> None:
        """Open every share that has an account; each change of its state is logged once."""
        for share in self.shares:
            pulse.beat()
            try:
                user, password = self._account(share)
            except KeyMissing:
                continue
            except AgentError as error:
                self._tell(share, -1, error.code)
                continue
            self._tell(share, self.connect(share.root, user, password), "")

    def _account(self, share: Share) -> tuple[str, str]:
        try:
            entry = jsontext.read_object(self.keys.get(share.key))
            return str(entry["user"]), str(entry["password"])
        except (jsontext.JsonTextError, KeyError):
            raise AgentError("共享账户的格式不对", details={"key": share.key}) from None

    def _tell(self, share: Share, number: int, code: str) -> None:
        if self._told.get(share.root) == number:
            return
        self._told[share.root] = number
        if number == 0:
            log.info("share opened", share=share.root)
        else:
            log.error("share not opened", share=share.root, number=number, code=code)


def shares_of(config: AgentConfig) -> tuple[Share, ...]:
    """The shares that configured folders lie on, each once."""
    found = {share.root.lower(): share for path in _folders(config) if (share := share_of(path))}
    return tuple(found.values())


def share_of(path: Path | str) -> Share | None:
    """None for a path that is on no share."""
    match = _SHARE.match(str(path))
    if match is None:
        return None
    server, share = match.groups()
    key = re.sub(r"[^a-z0-9._/-]", "-", f"share/{server}/{share}".lower())
    return Share(rf"\\{server}\{share}", key)


def _folders(config: AgentConfig) -> Iterator[Path]:
    yield config.downloads
    yield config.scans
    for folder in config.folders:
        yield from (folder.inbox, folder.results, folder.taking, folder.archive, folder.rejected)
