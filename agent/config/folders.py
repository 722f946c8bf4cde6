"""The watched folders: from the file, or one for each system that has none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from agent.config.model import FolderConfig
from agent.config.tables import Tables
from agent.config.values import Problem

_OTHERS = ("results", "archive", "rejected", "taking")


def build_folders(data: Path, tables: Tables, systems: tuple[str, ...]) -> tuple[FolderConfig, ...]:
    """Every inbox, in the order of the file, the defaults last. Problems go to ``tables``."""
    folders = []
    for name, raw in tables.named("folders").items():
        folder = _folder(data, name, tables.folder(name, raw))
        folders.append(folder)
        if folder.system not in systems:
            expected = f"系统 {folder.system} 没有配置，请加一节 [systems.{folder.system}]"
            tables.problems.append(Problem(f"folders.{name}.system", expected))
    served = {folder.system for folder in folders}
    named = {folder.name for folder in folders}
    for system in systems:
        if system in served:
            continue
        if system in named:
            tables.problems.append(Problem(f"folders.{system}", f"这个名称留给系统 {system}，请改名"))
        folders.append(_folder(data, system, tables.folder(system, {})))
    tables.problems.extend(_overlaps(folders))
    return tuple(folders)


def _folder(data: Path, name: str, settings: dict[str, object]) -> FolderConfig:
    system = settings.pop("system") or name
    inbox = data / _path(settings.pop("inbox"), Path("inbox", name))
    return FolderConfig(
        name=name,
        system=str(system),
        inbox=inbox,
        results=data / _path(settings.pop("results"), Path("results", name)),
        archive=data / _path(settings.pop("archive"), Path("archive")),
        rejected=data / _path(settings.pop("rejected"), Path("rejected")),
        taking=data / _path(settings.pop("taking"), inbox / ".taking"),
        **settings,  # type: ignore[arg-type]  # the schema has checked them
    )


def _path(given: object, default: Path) -> Path:
    return Path(str(given)) if given else default


def _overlaps(folders: list[FolderConfig]) -> Iterator[Problem]:
    """An inbox that is also an output would feed the agent with its own results."""
    for one, other in combinations(folders, 2):
        if _same(one.inbox, other.inbox):
            yield Problem(f"folders.{other.name}.inbox", f"与 folders.{one.name}.inbox 是同一个文件夹")
    for folder in folders:
        for other in folders:
            for kind in _OTHERS:
                if _same(folder.inbox, getattr(other, kind)):
                    yield Problem(
                        f"folders.{other.name}.{kind}", f"不能与 folders.{folder.name}.inbox 是同一个文件夹"
                    )


def _same(one: Path, other: Path) -> bool:
    return os.path.normcase(os.path.normpath(one)) == os.path.normcase(os.path.normpath(other))
