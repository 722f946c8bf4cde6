"""Splitting, scopes and classes of messages by what a catalog says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.catalog import Deadline, TransactionSpec, load_catalog
from agent.events import Hold, JsonObject, Scope
from agent.protocol.batches import split
from agent.protocol.deadlines import deadlines_of
from agent.protocol.drafts import drafts_of
from agent.protocol.scopes import refused_scopes, scopes_of
from tests.unit.protocol.moments import at

CATALOG = load_catalog("plugins.ministry.catalog")
GYU101 = CATALOG.transaction("GYU101")
GYU102 = CATALOG.transaction("GYU102")


def stay(akc190: str, akb020: str = "H1") -> JsonObject:
    return {"akb020": akb020, "akc190": akc190}


@pytest.mark.parametrize(
    ("count", "ranges"),
    [
        (1, [(0, 1)]),
        (500, [(0, 500)]),
        (501, [(0, 500), (500, 501)]),
        (1200, [(0, 500), (500, 1000), (1000, 1200)]),
    ],
)
def test_rows_beyond_the_limit_go_into_further_messages(count: int, ranges: list[tuple[int, int]]) -> None:
    rows = [{"aaz213_s": str(number)} for number in range(count)]
    batches = list(split(GYU102, {"akc190": "ZY1", "datalist": rows}))
    assert [batch.rows for batch in batches] == ranges
    assert [row for batch in batches for row in batch.body["datalist"]] == rows
    assert {batch.body["akc190"] for batch in batches} == {"ZY1"}


def test_a_list_without_limit_stays_one_message() -> None:
    spec = replace(GYU102, max_rows=None)
    batches = list(split(spec, {"datalist": [{}] * 1200}))
    assert [batch.rows for batch in batches] == [(0, 1200)]


@pytest.mark.parametrize("data", [{}, {"datalist": []}], ids=str)
def test_without_rows_there_is_one_message_without_range(data: JsonObject) -> None:
    assert [(batch.body, batch.rows) for batch in split(GYU102, data)] == [(data, None)]


def test_each_visit_is_held_alone_and_the_institution_shared_once() -> None:
    assert scopes_of(GYU101, {"datalist": [stay("A"), stay("B"), stay("A")]}) == (
        Scope("visit", ("H1", "A")),
        Scope("visit", ("H1", "B")),
        Scope("institution", ("H1",), Hold.SHARED, broad=True),
    )


def test_a_statement_holds_its_institution_whole() -> None:
    spec = CATALOG.transaction("GYU003")
    assert scopes_of(spec, {"akb020": "H1"}) == (Scope("institution", ("H1",), Hold.EXCLUSIVE, broad=True),)


def test_a_query_only_looks_on() -> None:
    spec = CATALOG.transaction("GYD104")
    assert scopes_of(spec, {"aac002": "P1"}) == (Scope("person", ("P1",), Hold.OBSERVER),)


def test_a_constant_scope_needs_no_data() -> None:
    assert scopes_of(CATALOG.transaction("GYD001"), {}) == (Scope("download", ("GYD001",)),)


def test_a_key_that_is_not_all_there_gives_no_scope() -> None:
    assert scopes_of(GYU101, {"datalist": [{"akb020": "H1", "akc190": ""}]}) == (
        Scope("institution", ("H1",), Hold.SHARED, broad=True),
    )


def test_refused_rows_block_their_visits_and_nothing_shared() -> None:
    body = {"datalist": [stay("A"), stay("B")]}
    assert refused_scopes(GYU101, body, [stay("B")]) == (Scope("visit", ("H1", "B")),)
    assert refused_scopes(GYU101, body, []) == ()


def flags(spec: TransactionSpec) -> dict[str, bool]:
    draft = drafts_of(spec, {}, "lane")[0]
    return {
        name: getattr(draft, name)
        for name in ("interactive", "parallel", "harmless", "blocks", "blockable", "expiry_blocks")
    }


def test_a_bulk_upload_waits_behind_interactive_ones_and_blocks_what_follows() -> None:
    assert flags(GYU102) == {
        "interactive": False,
        "parallel": False,
        "harmless": False,
        "blocks": True,
        "blockable": True,
        "expiry_blocks": True,
    }


def test_a_revocation_is_serial_but_never_blocked_and_never_blocks() -> None:
    found = flags(CATALOG.transaction("GYR001"))
    assert (found["parallel"], found["harmless"]) == (False, False)
    assert (found["blocks"], found["blockable"]) == (False, False)


@pytest.mark.parametrize("code", ["GYD051", "GYD053", "GYU000"])
def test_what_changes_nothing_runs_beside_the_lane(code: str) -> None:
    found = flags(CATALOG.transaction(code))
    assert (found["parallel"], found["harmless"]) == (True, True)
    assert (found["blocks"], found["blockable"]) == (False, False)


def test_a_download_is_not_harmless() -> None:
    assert not flags(CATALOG.transaction("GYD001"))["harmless"]


@pytest.mark.parametrize(
    ("deadlines", "seconds"),
    [
        ((), []),
        ((Deadline(minutes=30),), [1800]),
        ((Deadline(days=5),), [5 * 86400]),
        ((Deadline(days=5), Deadline(minutes=30)), [1800, 5 * 86400]),
        ((Deadline(midnight=True),), [2 * 3600]),
        ((Deadline(minutes=30), Deadline(midnight=True)), [1800, 2 * 3600]),
    ],
    ids=str,
)
def test_every_deadline_is_told_the_earliest_first(
    deadlines: tuple[Deadline, ...], seconds: list[int]
) -> None:
    found = deadlines_of(replace(GYU102, deadlines=deadlines), at(22))
    assert [deadline.after_s for deadline in found] == seconds


def test_midnight_is_beijings() -> None:
    spec = replace(GYU102, deadlines=(Deadline(midnight=True),))
    (deadline,) = deadlines_of(spec, at(22).astimezone(at(22, hours_east=-5).tzinfo))
    assert deadline.after_s == 2 * 3600


@pytest.mark.parametrize(("day", "hours"), [("20260102", 2), ("20260103", 26), ("", 2), ("soon", 2)], ids=str)
def test_midnight_may_be_that_of_a_day_in_the_data(day: str, hours: int) -> None:
    spec = replace(GYU102, deadlines=(Deadline(midnight=True, of="aae229"),))
    (deadline,) = deadlines_of(spec, at(22), {"aae229": day})
    assert deadline.after_s == hours * 3600


def test_what_may_simply_be_sent_again_is_repeatable_not_harmless_and_keeps_its_place() -> None:
    draft = drafts_of(replace(GYU102, repeatable=True, inquiry=""), {}, "lane")[0]
    assert (draft.repeatable, draft.harmless, draft.parallel, draft.blocks) == (True, False, False, True)


def test_a_partial_refusal_stops_its_submission_where_the_catalog_says_so() -> None:
    assert drafts_of(replace(GYU102, on_refusal="stop"), {}, "lane")[0].stop_on_refusal
    assert not drafts_of(GYU102, {}, "lane")[0].stop_on_refusal
