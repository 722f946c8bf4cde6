"""``his-agent simulate jiangxi``: builds the rehearsal server from its options and serves.

=============== =====================================================================================
``data``        seed file (seed); default: the sample data of this package
``guards``      ``on`` (default) or ``off``: a second settlement, discharge or admission takes effect
``refusals``    ``both`` (default), ``flag`` or ``code``: where a refusal by business is told (J32)
``output``      ``object`` (default) or ``text``: output as JSON text
``spelling``    ``lower`` (default) or ``camel``: iReturn and msgReturn (J01)
``numbers``     ``text`` (default) or ``number``: amounts of answers
=============== =====================================================================================

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
from agent.rehearsal.serving import Common, choice_option, path_option, read_common, serve_until_interrupted
from plugins.jiangxi.simulator.handler import JiangxiPlatform, Style
from plugins.jiangxi.simulator.seed import read_seed
from plugins.jiangxi.simulator.transactions.base import Manners
from plugins.jiangxi.simulator.wire import Spelling

CATALOG: Final = "plugins.jiangxi.catalog"
DEFAULT_PORT: Final = 7016
PATH: Final = "/gsyl/rest/service"
"""The document names no address."""

OPTIONS: Final = ("data", "guards", "refusals", "output", "spelling", "numbers")


@dataclass(frozen=True, slots=True)
class Built:
    """A rehearsal that is ready to be served."""

    rehearsal: Rehearsal
    platform: JiangxiPlatform
    common: Common


def serve(options: Mapping[str, Any]) -> None:
    """Serve until interrupted. Raises ConfigurationError before the port is opened."""
    clock = SystemClock()
    built = build(options, clock)
    serve_until_interrupted(built.rehearsal, built.common, clock, _announce)


def build(options: Mapping[str, Any], clock: Clock) -> Built:
    """Everything but the HTTP server. Raises ConfigurationError."""
    common = read_common(options, OPTIONS, DEFAULT_PORT)
    seed = read_seed(path_option(options, "data"))
    manners = Manners(
        guarded=choice_option(options, "guards", ("on", "off")) == "on",
        numbers_as_text=choice_option(options, "numbers", ("text", "number")) == "text",
    )
    spelling = Spelling(
        camel=choice_option(options, "spelling", ("lower", "camel")) == "camel",
        text=choice_option(options, "output", ("object", "text")) == "text",
    )
    style = Style(spelling, choice_option(options, "refusals", ("both", "flag", "code")))
    ledger = Ledger(clock, common.ledger, identity=f"jiangxi/{seed.digest}/{manners.guarded}")
    platform = JiangxiPlatform(load_catalog(CATALOG), seed, ledger, clock, manners, style)
    rehearsal = Rehearsal(platform, ledger, clock, switches=common.faults, seed=common.seed)
    return Built(rehearsal, platform, common)


def _announce(url: str) -> None:
    sys.stdout.write(f"江西工伤实时结算演练服务器已启动：{url}{PATH}\n管理入口：{url}{PREFIX}\n")
    sys.stdout.flush()
