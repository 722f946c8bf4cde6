"""Both sides of Jiangxi's demo: the province, and one workstation that serves a hospital and a rehabilitation
clinic, each with a queue of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from agent.hookspecs import Cast, Rehearsal

_STORY: Final = "plugins.jiangxi.demo"
_PATH: Final = "{url}/gsyl/rest/service"


def rehearse(folder: Path) -> Rehearsal:
    """The province starts from its own sample data; nothing but its ledger is in ``folder``."""
    settings = {"url": _PATH, "institutions": ["Y0400=Y6XL0", "Y0401"], "rows_per_message": 120}
    return Rehearsal(
        options=(f"ledger={folder / 'ledger.jsonl'}",),
        stations={"hospital": Cast(settings)},
        story=_STORY,
    )
