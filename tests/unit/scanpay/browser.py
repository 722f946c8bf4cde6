"""A real browser that opens a page from a file: what it made of the page, and how it prints it."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_PROGRAM: Final = next((found for found in map(shutil.which, _NAMES) if found), None)
_QUIET: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

WHY_SKIPPED: Final = "no Chromium on this machine (Debian: chromium)"
MISSING: Final = _PROGRAM is None


@dataclass(frozen=True, slots=True)
class Printed:
    """``sheets``: width and height of each printed page in points."""

    sheets: tuple[tuple[float, float], ...]


def shown(page: Path, profile: Path) -> str:
    """The document as it stands after the browser read it and ran whatever ran."""
    return _run(profile, "--dump-dom", page.as_uri()).decode("utf-8")


def printed(page: Path, profile: Path) -> Printed:
    target = profile.with_suffix(".pdf")
    _run(profile, f"--print-to-pdf={target}", "--no-pdf-header-footer", page.as_uri())
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", target.read_bytes())
    return Printed(tuple((float(width), float(height)) for width, height in boxes))


def _run(profile: Path, *arguments: str) -> bytes:
    command = [str(_PROGRAM), *_QUIET, f"--user-data-dir={profile}", *arguments]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
