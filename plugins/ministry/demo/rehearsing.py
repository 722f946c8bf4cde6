"""Both sides of the ministry's demo: the platform, a hospital's station in the province of treatment, and
the station of the province that insures the patients. Each has keys of its own, made for this demo."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

from agent.crypto import PrivateKey
from agent.crypto.keys import generate
from agent.hookspecs import Cast, Rehearsal

_STORY: Final = "plugins.ministry.demo"
_PATH: Final = "{url}/engine/transport/server/001"
_CROWD: Final = 1100
"""Invented people beside the main ones, whose stays fill a monthly statement."""


def rehearse(folder: Path) -> Rehearsal:
    """Write the platform's seed and key pair to ``folder``; the stations' keys stay in memory."""
    platform, hospital, insured = generate(), generate(), generate()
    private, public = folder / "platform-private.pem", folder / "stations-public.pem"
    private.write_text(platform.to_pem(), "ascii")
    public.write_text(hospital.public.to_pem(), "ascii")
    seed = (files(_STORY) / "platform.toml").read_text(encoding="utf-8")
    data = folder / "platform.toml"
    data.write_text(seed.replace("{{insured_key}}", insured.public.to_pem()), "utf-8")
    return Rehearsal(
        options=(
            f"own_private={private}",
            f"peer_public={public}",
            f"data={data}",
            f"crowd={_CROWD}",
            f"ledger={folder / 'ledger.jsonl'}",
        ),
        stations={
            "hospital": _cast("510000001", hospital, platform),
            "insured": _cast(
                "360000001", insured, platform, download_roles=["insured"], download_sole_owner=True
            ),
        },
        story=_STORY,
    )


def _cast(access_key: str, own: PrivateKey, platform: PrivateKey, **settings: object) -> Cast:
    return Cast(
        {"url": _PATH, "access_key": access_key, **settings},
        {"ministry/own-private": own.to_pem(), "ministry/peer-public": platform.public.to_pem()},
    )
