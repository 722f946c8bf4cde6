"""Jiangxi's real-time settlement of work-injury treatment: hook implementation, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agent.hookspecs import ProtocolSpec, Rehearsal, hookimpl
from plugins.jiangxi.adapter import build, jiangxi_catalog
from plugins.jiangxi.settings import OPTIONS


@hookimpl
def register_protocols(register: Callable[[ProtocolSpec], None]) -> None:
    register(
        ProtocolSpec(
            name="jiangxi",
            title="江西省医药机构工伤实时结算",
            options=OPTIONS,
            keys=(),
            load_catalog=jiangxi_catalog,
            build=build,
            simulate=_simulate,
            rehearse=_rehearse,
        )
    )


def _simulate(options: Mapping[str, Any]) -> None:
    """Loads the rehearsal server only when it is asked for."""
    from plugins.jiangxi.simulator.serve import serve

    serve(options)


def _rehearse(folder: Path) -> Rehearsal:
    """Loads the demo only when it is asked for."""
    from plugins.jiangxi.demo.rehearsing import rehearse

    return rehearse(folder)
