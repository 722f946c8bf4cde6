"""GYU009 协议机构信息上传: a new institution gets its akb020, a known one another version."""

from __future__ import annotations

from dataclasses import replace

from agent.events import JsonObject
from agent.rehearsal.ledger import Effect
from plugins.ministry.simulator.refusals import Refusal, first_refusal
from plugins.ministry.simulator.registry import Institution
from plugins.ministry.simulator.rules.institutions import RULES, InstitutionCase
from plugins.ministry.simulator.transactions.base import Context, Reply, RowDone, row_by_row

_MODIFIES = "2"


def answer(context: Context, data: JsonObject) -> Reply:
    keys = ("akb020", "ale017", "aab998", "aab078", "alc002")
    return row_by_row(context, data, keys, lambda row: _take(context, row))


def _take(context: Context, row: JsonObject) -> RowDone | Refusal:
    case = _case(context, row)
    refusal = first_refusal(RULES, case, context.manners.guarded)
    if refusal:
        return refusal
    institution, effects = (
        _change(context, case.registered, row) if case.registered else _register(context, row)
    )
    return RowDone({"akb020": institution.akb020}, effects)


def _register(context: Context, row: JsonObject) -> tuple[Institution, tuple[Effect, ...]]:
    serial = context.world.next_number("akb020")
    institution = Institution(
        akb020=f"{row['aab078']}9{serial:06d}",
        alc002=row["alc002"],
        region=row["aab078"],
        active=row["aaa120"] == "1",
        aab998=row["aab998"],
        details=row,
    )
    kept = context.world.change_institution(institution)
    return kept, (Effect(f"institution:{kept.aab998}/{kept.alc002}"),)


def _change(context: Context, known: Institution, row: JsonObject) -> tuple[Institution, tuple[Effect, ...]]:
    """Saying the same again changes nothing."""
    changed = replace(known, region=row["aab078"], active=row["aaa120"] == "1", details=row)
    if changed == known and known.details == row:
        return known, ()
    kept = context.world.change_institution(changed)
    return kept, (Effect(f"institution-change:{kept.akb020}/{kept.revision}"),)


def _case(context: Context, row: JsonObject) -> InstitutionCase:
    modifies = row["transtype"] == _MODIFIES
    return InstitutionCase(
        province=context.access.province,
        modifies=modifies,
        akb020=row["akb020"],
        alc002=row["alc002"],
        aab998=row["aab998"],
        region=row["aab078"],
        registered=context.world.institution(row["akb020"]) if modifies else None,
    )
