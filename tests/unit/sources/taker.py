"""A process of its own that takes every file of a folder; the tests let it die on the way.

``python taker.py <root> <ledger>``: what it has made durable is in the ledger, one event id and name a line.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from agent.clock import SystemClock
from agent.sources import FolderSettings, FolderSource


def main(root: Path, ledger: Path) -> None:
    clock = SystemClock()
    settings = FolderSettings(
        "till", "ministry", root / "in", root / "archive", root / "rejected", renames=True
    )
    source = FolderSource(settings, clock)
    source.start()
    known = ledger.read_text().splitlines() if ledger.exists() else []
    with ledger.open("a") as lines:
        while any(path.is_file() for path in settings.inbox.iterdir()) or any(settings.claims.iterdir()):
            clock.wait(source.wakeup, source.due_in())
            for claimed in source.take(3):
                source.read(claimed)
                line = f"{claimed.event_id} {claimed.name}"
                if line not in known:
                    lines.write(f"{line}\n")
                    lines.flush()
                    os.fsync(lines.fileno())
                source.acknowledge(claimed, True, clock.now())
    source.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
