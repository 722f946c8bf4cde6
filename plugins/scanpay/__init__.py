"""Scan-to-pay with the medical insurance e-credential at designated institutions: hooks, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.hookspecs import ProtocolCommand, ProtocolSpec, Rehearsal, Report, hookimpl
from plugins.scanpay.building import build, prepare, scanpay_catalog
from plugins.scanpay.hearing import hear
from plugins.scanpay.listing import ORDERS
from plugins.scanpay.reconciling.asking import ACTS
from plugins.scanpay.settings import KEY_USES, OPTIONS


@hookimpl
def register_protocols(register: Callable[[ProtocolSpec], None]) -> None:
    register(
        ProtocolSpec(
            name="scanpay",
            title="医保电子凭证扫码支付",
            options=OPTIONS,
            keys=KEY_USES,
            load_catalog=scanpay_catalog,
            build=build,
            simulate=_simulate,
            prepare=prepare,
            commands=(
                ProtocolCommand(
                    name="probe-signature",
                    about="用一份录下的真实应答和平台证书，试出平台的签名方式",
                    arguments=("应答文件", "证书文件"),
                    run=_probe_signature,
                ),
            ),
            acts=(*ACTS, ORDERS),
            hear=hear,
            rehearse=_rehearse,
        )
    )


def _simulate(options: Mapping[str, Any]) -> None:
    """Loads the rehearsal server only when it is asked for."""
    from plugins.scanpay.simulator.serve import serve

    serve(options)


def _rehearse(folder: Path) -> Rehearsal:
    """Loads the demo only when it is asked for."""
    from plugins.scanpay.demo.rehearsing import rehearse

    return rehearse(folder)


def _probe_signature(arguments: Sequence[str]) -> Report:
    from plugins.scanpay.probing import probe_signature

    return probe_signature(*arguments)
