"""``his-agent simulate ministry``: builds the rehearsal server from its options and serves.

======================= =========================================================================
``keys``                folder with rehearsal keys; what is missing in it is made (key_files)
``own_private``         the platform's private key: PEM text or file; made for this run if absent
``peer_public``         the provinces' public key: PEM text or file
``layout``              ``C1C2C3`` (default) or ``C1C3C2`` (M08)
``data``                seed file (seed); default: the sample data of this package
``crowd``               how many invented people with filings to add, default 0
``requests_per_second`` RE1173 above it, per access key and transaction; default 0, no limit
``absent``              GYD053 about an unknown call: ``RE1106`` (default) or ``empty``
``hisdata``             ``object`` (default) or ``text`` (M11)
``guards``              ``on`` (default) or ``off``: leave out the rules against doing things twice
``papers``              ``on`` (default) or ``off``: GYU006 needs no 工伤认定书 and 核付通知单 (M49)
======================= =========================================================================

Beside the options common to all rehearsal servers (``agent.rehearsal.serving``).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent.catalog.loader import load_catalog
from agent.clock import Clock, SystemClock
from agent.rehearsal.admin import PREFIX
from agent.rehearsal.exchange import Rehearsal
from agent.rehearsal.ledger import Ledger
from agent.rehearsal.serving import (
    Common,
    choice_option,
    path_option,
    read_common,
    serve_until_interrupted,
    whole_option,
)
from plugins.ministry.simulator.handler import PATH, MinistryPlatform
from plugins.ministry.simulator.key_files import PLATFORM, PROVINCE, Keys, read_keys
from plugins.ministry.simulator.sealing import Layout, Sealing, load_public
from plugins.ministry.simulator.seed import Seed, read_seed
from plugins.ministry.simulator.throttle import Throttle
from plugins.ministry.simulator.transactions.base import Manners

CATALOG: Final = "plugins.ministry.catalog"
DEFAULT_PORT: Final = 7015
"""The port of the document's test environment."""

OPTIONS: Final = (
    "keys",
    "own_private",
    "peer_public",
    "layout",
    "data",
    "crowd",
    "requests_per_second",
    "absent",
    "hisdata",
    "guards",
    "papers",
)


@dataclass(frozen=True, slots=True)
class Built:
    """A rehearsal that is ready to be served, and what its announcement needs."""

    rehearsal: Rehearsal
    platform: MinistryPlatform
    common: Common
    keys: Keys


def serve(options: Mapping[str, Any]) -> None:
    """Serve until interrupted. Raises ConfigurationError or KeyRejected before the port is opened."""
    clock = SystemClock()
    built = build(options, clock)
    serve_until_interrupted(built.rehearsal, built.common, clock, lambda url: _announce(url, built.keys))


def build(options: Mapping[str, Any], clock: Clock) -> Built:
    """Everything but the HTTP server. Raises ConfigurationError or KeyRejected."""
    common = read_common(options, OPTIONS, DEFAULT_PORT)
    keys = read_keys(
        _text(options, "own_private"), _text(options, "peer_public"), path_option(options, "keys")
    )
    seed = read_seed(path_option(options, "data"), whole_option(options, "crowd", 0))
    manners = _manners(options)
    ledger = Ledger(
        clock, common.ledger, identity=f"ministry/{seed.digest}/{manners.guarded}/{manners.papers}"
    )
    platform = MinistryPlatform(
        load_catalog(CATALOG),
        seed,
        ledger,
        clock,
        Sealing(keys.own, _peers(seed, keys), Layout(choice_option(options, "layout", tuple(Layout)))),
        manners,
        Throttle(clock, whole_option(options, "requests_per_second", 0)),
    )
    rehearsal = Rehearsal(platform, ledger, clock, switches=common.faults, seed=common.seed)
    return Built(rehearsal, platform, common, keys)


def _manners(options: Mapping[str, Any]) -> Manners:
    return Manners(
        guarded=choice_option(options, "guards", ("on", "off")) == "on",
        absent=choice_option(options, "absent", ("RE1106", "empty")),
        papers=choice_option(options, "papers", ("on", "off")) == "on",
        hisdata_as_text=choice_option(options, "hisdata", ("object", "text")) == "text",
    )


def _peers(seed: Seed, keys: Keys) -> dict[str, Any]:
    own_keys = {access.key: load_public(access.public_key) for access in seed.accesses if access.public_key}
    return {"": keys.peer, **own_keys}


def _announce(url: str, keys: Keys) -> None:
    lines = [
        f"工伤保险异地就医系统演练服务器已启动：{url}{PATH}",
        f"管理入口：{url}{PREFIX}",
        f"平台公钥指纹：{keys.own.public.fingerprint()}",
    ]
    if keys.folder is None:
        lines.append(keys.own.public.to_pem().strip())
    else:
        lines.append(f"平台公钥：{keys.folder / PLATFORM}-public.pem")
        lines.append(f"省端演练私钥：{keys.folder / PROVINCE}-private.pem")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _text(options: Mapping[str, Any], name: str) -> str:
    return str(options.get(name) or "")
