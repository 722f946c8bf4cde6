"""The ministry's platform for work-injury treatment away from home: hook implementation, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agent.hookspecs import ProtocolSpec, Rehearsal, hookimpl
from plugins.ministry.adapter import build, ministry_catalog
from plugins.ministry.settings import KEY_USES, OPTIONS


@hookimpl
def register_protocols(register: Callable[[ProtocolSpec], None]) -> None:
    register(
        ProtocolSpec(
            name="ministry",
            title="工伤保险异地就医系统（部级）",
            options=OPTIONS,
            keys=KEY_USES,
            load_catalog=ministry_catalog,
            build=build,
            simulate=_simulate,
            rehearse=_rehearse,
        )
    )


def _simulate(options: Mapping[str, Any]) -> None:
    """Loads the rehearsal server only when it is asked for."""
    from plugins.ministry.simulator.serve import serve

    serve(options)


def _rehearse(folder: Path) -> Rehearsal:
    """Loads the demo only when it is asked for."""
    from plugins.ministry.demo.rehearsing import rehearse

    return rehearse(folder)
