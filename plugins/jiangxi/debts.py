"""Which settled visits still owe trace codes, by the facts that uploads, settlements and codes left."""

from __future__ import annotations

from collections.abc import Iterable

from agent.events import Debt, History, JsonObject
from plugins.jiangxi.facts import BY_US, DUE, FOUND, OWED, SETTLED, read_owed


def debts(institutions: Iterable[str], history: History) -> tuple[Debt, ...]:
    """A visit that is not settled owes nothing yet."""
    found: list[Debt] = []
    for akb020 in institutions:
        for visit, own in history.values(DUE, (akb020,)).items():
            ends = history.values(SETTLED, (visit,))
            settled = ends.get(BY_US) or ends.get(FOUND)
            items = _items(visit, history) if settled else ()
            if settled and items:
                found.append(Debt(akb020, visit, own, settled, items))
    return tuple(found)


def _items(visit: str, history: History) -> tuple[JsonObject, ...]:
    owed = {detail: read_owed(text) for detail, text in history.values(OWED, (visit,)).items()}
    return tuple(
        {"detail": detail, "name": each.ake002, "left": f"{each.left:f}"}
        for detail, each in sorted(owed.items())
        if each.left > 0
    )
