"""``his-agent init``: a commented configuration and the folders, without touching what is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from agent.cli.base import command as make_command
from agent.cli.base import pass_session
from agent.cli.output import write_json, write_line
from agent.cli.session import Session
from agent.disk import reason
from agent.errors import ConfigurationError

if TYPE_CHECKING:
    from agent.config import AgentConfig

_REACHED: Final = 0o750
"""The data root: the HIS's account reaches its folders below it by its group."""


@make_command("init", help="写出带注释的配置样例，并建立数据目录和收发文件夹。已有的文件不会被改动。")
@click.option(
    "--data", type=click.Path(path_type=Path), metavar="目录", help="数据根目录；默认与配置文件同目录"
)
@pass_session
def command(session: Session, data: Path | None) -> None:
    from agent.registry import Registry

    path = session.path().absolute()
    registry = Registry()
    try:
        written = not path.exists() and _write_sample(path, data, registry)
        config = session.load(registry)
        made = [str(folder) for folder in _make_folders(config)]
    except OSError as error:
        raise ConfigurationError(
            f"无法写入 {error.filename}：{reason(error)}", hint="请换一个目录，或用有权限的账户执行"
        ) from None
    if session.json:
        write_json({"config": str(path), "written": written, "folders": made})
        return
    write_line(f"已写出配置样例：{path}" if written else f"配置文件已存在，未改动：{path}")
    for folder in made:
        write_line(f"已建立文件夹：{folder}")
    again = "" if config.systems else "，再运行一次 his-agent init 建立收发文件夹"
    write_line(f"接下来：编辑配置{again}；用 his-agent keys import 导入密钥；运行 his-agent check")


def _write_sample(path: Path, data: Path | None, registry: object) -> bool:
    from agent.config.sample import render_sample
    from agent.disk import PRIVATE, make_folder, replace_durably
    from agent.registry import Registry

    assert isinstance(registry, Registry)
    make_folder(path.parent, PRIVATE)
    root = data.absolute() if data else None
    sample = render_sample(root, list(registry.protocols().values()))
    replace_durably(path, sample.encode("utf-8"), 0o640)
    return True


def _make_folders(config: AgentConfig) -> Iterator[Path]:
    """Make what is missing; yields what was made."""
    from agent.disk import PRIVATE, SHARED, make_folder

    private = [config.log.file.parent, config.control.path.parent]
    for folder in config.folders:
        private += [folder.archive, folder.rejected, folder.taking]
    shared = [path for folder in config.folders for path in (folder.inbox, folder.results)]
    shared += [config.downloads, config.scans]
    for paths, mode in (([config.data], _REACHED), (shared, SHARED), (private, PRIVATE)):
        for path in paths:
            if not path.exists():
                make_folder(path, mode)
                yield path
