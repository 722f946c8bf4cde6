"""Both sides of scan-to-pay's demo: the platform, and the hospital's till with a rehearsed decoder."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from agent.clock import BEIJING
from agent.hookspecs import Cast, Rehearsal
from plugins.scanpay.simulator.key_files import read_sealing
from plugins.scanpay.simulator.sealing import Hash

_STORY: Final = "plugins.scanpay.demo"
_HOSPITAL: Final = {
    "url": "{url}/",
    "hospcode": "04010089",
    "merchantcode": "DD04010089",
    "infosyscode": "SYS100361",
    "hospname": "演练医院",
    "operators": ["0401008999"],
    "backurl": "http://127.0.0.1:9/callback",
    "decoder": "simulated",
}
_KEYS: Final = {
    "scanpay/merchant-private": "merchant-private.pem",
    "scanpay/infosys-private": "infosys-private.pem",
    "scanpay/platform-public": "platform.cer",
}


def rehearse(folder: Path) -> Rehearsal:
    """Rehearsal keys are made in ``folder``; the platform reads them there, the agent gets its own."""
    read_sealing(folder, Hash.SHA1_HEX, datetime.now(BEIJING))
    keys = {name: (folder / file).read_text("ascii") for name, file in _KEYS.items()}
    return Rehearsal(
        options=(f"keys={folder}", f"ledger={folder / 'ledger.jsonl'}"),
        stations={"hospital": Cast(_HOSPITAL, keys)},
        story=_STORY,
    )
