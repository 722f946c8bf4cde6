"""The folder of a demo: empty, and only ever emptied of an earlier demo."""

from __future__ import annotations

import shutil
from pathlib import Path

from agent.demo.processes import StageError


def fresh(root: Path) -> Path:
    """An empty folder at ``root``; only what an earlier demo left there is removed. Raises StageError for
    a folder that holds something else."""
    if (root / "stations").is_dir() or (root / "platforms").is_dir() or (root / "his-agent.toml").exists():
        shutil.rmtree(root)
    if root.is_dir() and any(root.iterdir()):
        raise StageError(f"{root} 里有别的文件", hint="请换一个目录运行 his-agent demo，或先移走这些文件")
    root.mkdir(parents=True, exist_ok=True)
    return root
