"""``his-agent simulate scanpay``: builds the rehearsal server from its options and serves.

================= =============================================================================
``keys``          folder with the rehearsal keys; what is missing in it is made (key_files). Needed
``hospcode``      定点医药机构代码, default ``04010089``
``merchantcode``  商户代码, default ``DD04010089``
``infosyscode``   接入信息系统代码, default ``SYS100361``
``hash``          ``sha1-hex`` (default), ``sha1``, ``sha256``, ``md5``, ``sm3``
``envelope``      ``plain`` (default) or ``des``
``guards``        ``on`` (default) or ``off``: a known orderid is paid again
``second_check``  ``on`` (default) or ``off``: ectoken and holder may be left out (S12)
``absent``        ST009 about an unknown order: ``code`` (default, aprcode 10) or ``empty``
``cancelled``     ST009 after ST100: ``status`` (default, 4) or ``absent`` (S15)
``callbacks``     ``off`` (default) or ``on``: results are sent to backurl
``callback_s``    seconds before a result is sent there, default 0
``separator``     of ST099's columns: ``|`` (default) or ``tab``
``charset``       of ST099's file: ``utf-8`` (default) or ``gbk``
``refunds``       amounts of refunds in it: ``negative`` (default) or ``positive``
================= =============================================================================

Beside the options common to all rehearsal servers (``agent.rehearsal.serving``). ``POST /decode`` is a
decoder for the codes of a rehearsal (``codes``).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agent.catalog.loader import load_catalog
from agent.clock import Clock, SystemClock
from agent.errors import ConfigurationError
from agent.rehearsal.admin import PREFIX
from agent.rehearsal.exchange import Rehearsal
from agent.rehearsal.ledger import Ledger
from agent.rehearsal.serving import (
    Common,
    path_option,
    read_common,
    serve_until_interrupted,
    whole_option,
)
from plugins.scanpay.simulator.callbacks import Callbacks
from plugins.scanpay.simulator.handler import DECODE_PATH, House, ScanpayPlatform
from plugins.scanpay.simulator.key_files import read_sealing
from plugins.scanpay.simulator.sealing import Hash
from plugins.scanpay.simulator.statements import Style
from plugins.scanpay.simulator.transactions import Manners

CATALOG: Final = "plugins.scanpay.catalog"
DEFAULT_PORT: Final = 7017

OPTIONS: Final = (
    "keys",
    "hospcode",
    "merchantcode",
    "infosyscode",
    "hash",
    "envelope",
    "guards",
    "second_check",
    "absent",
    "cancelled",
    "callbacks",
    "callback_s",
    "separator",
    "charset",
    "refunds",
)


@dataclass(frozen=True, slots=True)
class Built:
    """A rehearsal that is ready to be served, and what its announcement needs."""

    rehearsal: Rehearsal
    platform: ScanpayPlatform
    common: Common
    keys: Path
    callbacks: Callbacks


def serve(options: Mapping[str, Any]) -> None:
    """Serve until interrupted. Raises ConfigurationError before the port is opened."""
    clock = SystemClock()
    built = build(options, clock)
    try:
        serve_until_interrupted(built.rehearsal, built.common, clock, lambda url: _announce(url, built.keys))
    finally:
        built.callbacks.stop()


def build(options: Mapping[str, Any], clock: Clock) -> Built:
    """Everything but the HTTP server. Raises ConfigurationError."""
    common = read_common(options, OPTIONS, DEFAULT_PORT)
    keys = path_option(options, "keys")
    if keys is None:
        raise ConfigurationError(
            "演练服务器需要 keys：存放演练密钥的目录", hint="如 his-agent simulate scanpay keys=演练密钥"
        )
    sealing = read_sealing(keys, Hash(_choice(options, "hash", tuple(Hash))), clock.now())
    house = _house(options)
    ledger = Ledger(clock, common.ledger, identity=f"scanpay/{house.hospcode}/{house.manners.guarded}")
    callbacks = Callbacks(clock, whole_option(options, "callback_s", 0))
    platform = ScanpayPlatform(load_catalog(CATALOG), house, sealing, ledger, clock, callbacks)
    rehearsal = Rehearsal(platform, ledger, clock, switches=common.faults, seed=common.seed)
    return Built(rehearsal, platform, common, keys, callbacks)


def _house(options: Mapping[str, Any]) -> House:
    manners = Manners(
        guarded=_choice(options, "guards", ("on", "off")) == "on",
        second_check=_choice(options, "second_check", ("on", "off")) == "on",
        cancelled_shown=_choice(options, "cancelled", ("status", "absent")) == "status",
        statement=Style(
            separator="\t" if _choice(options, "separator", ("|", "tab")) == "tab" else "|",
            charset=_choice(options, "charset", ("utf-8", "gbk")),
            negative_refunds=_choice(options, "refunds", ("negative", "positive")) == "negative",
        ),
    )
    return House(
        hospcode=_text(options, "hospcode") or "04010089",
        merchantcode=_text(options, "merchantcode") or "DD04010089",
        infosyscode=_text(options, "infosyscode") or "SYS100361",
        encrypted=_choice(options, "envelope", ("plain", "des")) == "des",
        absent_empty=_choice(options, "absent", ("code", "empty")) == "empty",
        callbacks=_choice(options, "callbacks", ("off", "on")) == "on",
        manners=manners,
    )


def _announce(url: str, keys: Path) -> None:
    lines = [
        f"医保电子凭证扫码支付演练服务器已启动：{url}/",
        f"管理入口：{url}{PREFIX}",
        f"解码服务：{url}{DECODE_PATH}",
        f"演练密钥：{keys}（merchant、infosys 的私钥和 platform 的证书供代理程序导入）",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _text(options: Mapping[str, Any], name: str) -> str:
    return str(options.get(name) or "")


def _choice(options: Mapping[str, Any], name: str, among: tuple[str, ...]) -> str:
    value = _text(options, name) or among[0]
    if value not in among:
        raise ConfigurationError(f"选项 {name} 不能是 {value}", hint=f"可选：{'、'.join(among)}")
    return value
