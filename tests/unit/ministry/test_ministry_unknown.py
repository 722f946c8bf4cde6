"""Unknown outcomes of every upload and revocation: GYD053 settles them, and each takes effect once.

Three ways to lose an answer: it was processed and the answer never came (``drop_after``); it never arrived
(``drop_before``); it is committed only after the first negative inquiry (``park``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.events import JsonObject
from plugins.ministry.adapter import ministry_catalog
from tests.unit.ministry.ministry_house import House, house
from tests.unit.ministry.simulator.forms import HOSPITAL, PERSON

CATALOG = ministry_catalog()
CHANGING = [
    spec.code for spec in CATALOG if spec.kind in ("upload", "revoke", "attachment", "monthly", "feedback")
]
VISIT = {"akb020": "51010000001", "akc190": "ZY0001"}
DEDUCTION = {**PERSON, **VISIT, "aaz516_s": "KK1", "aae013": "演练", "aae019": "5.00"}


def stay(bench: House) -> None:
    bench.done("GYU101")


def charged_stay(bench: House) -> None:
    stay(bench)
    bench.done("GYU102")


def settled_stay(bench: House) -> None:
    charged_stay(bench)
    bench.done("GYU103")


def deducted_stay(bench: House) -> None:
    settled_stay(bench)
    bench.told(bench.submit("GYU004", {"datalist": [DEDUCTION]}))


def verified_aid(bench: House) -> None:
    bench.done("GYD051")


def applied(bench: House) -> None:
    """The province has fetched the application that it reviews, and said so."""
    page = bench.done("GYD001")["data"]["datalist"]
    rows = [{"busitype": "GYD001", "downno": row["downno"]} for row in page]
    bench.told(bench.submit("GYU008", {"datalist": rows}))


def filed(bench: House) -> None:
    bench.done("GYU006")


def changed_filing(bench: House) -> JsonObject:
    row = bench.sample("GYU007")["datalist"][0]
    return {"datalist": [{**row, "aaz341": "", "aaz341_s": "BA000001", "aab360": "360100"}]}


def nothing(_bench: House) -> None: ...


@dataclass(frozen=True)
class Kind:
    """A transaction: what must be there before, and its data where that is not the platform's sample."""

    before: Callable[[House], None] = nothing
    data: Callable[[House], JsonObject] | None = None


def page_confirmed(bench: House) -> JsonObject:
    """GYU008 of what a download handed out."""
    bench.done("GYU009")
    page = bench.done("GYD009")["data"]["datalist"]
    return {"datalist": [{"busitype": "GYD009", "downno": row["downno"]} for row in page[:2]]}


def aid(bench: House) -> JsonObject:
    data = bench.sample("GYU303")
    del data["prerefid"]
    return data


KINDS: dict[str, Kind] = {
    "GYU001": Kind(applied),
    "GYU002": Kind(),
    "GYU003": Kind(
        settled_stay,
        lambda bench: bench.sample("GYU003", {"aaz515": bench.fact("settled", *VISIT.values())}),
    ),
    "GYU004": Kind(settled_stay, lambda _: {"datalist": [DEDUCTION]}),
    "GYU006": Kind(),
    "GYU007": Kind(filed, changed_filing),
    "GYU008": Kind(nothing, page_confirmed),
    "GYU009": Kind(),
    "GYU101": Kind(),
    "GYU102": Kind(stay),
    "GYU103": Kind(charged_stay),
    "GYU303": Kind(verified_aid, aid),
    "GYR001": Kind(charged_stay),
    "GYR002": Kind(stay),
    "GYR003": Kind(settled_stay, lambda _: {**PERSON, **VISIT, "alc002": HOSPITAL["alc002"]}),
    "GYR004": Kind(deducted_stay, lambda _: {"datalist": [VISIT]}),
    "GYR005": Kind(),
}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[House]:
    built = house(tmp_path)
    yield built
    built.close()


def begun(bench: House, transaction: str, fault: str, **more: Any) -> int:
    """The transaction with all that it needs, when its first call is about to be lost."""
    kind = KINDS[transaction]
    kind.before(bench)
    data = kind.data(bench) if kind.data else bench.sample(transaction)
    bench.fault(fault, transaction, **more)
    return bench.submit(transaction, data)


def once(bench: House, transaction: str) -> None:
    """Nothing that it changed was changed twice."""
    ledger = bench.rehearsal.ledger
    assert ledger.duplicates() == {}
    assert ledger.reused_wire_ids() == []
    changed = bench.effects(transaction)
    assert len(changed) == len(set(changed))


def test_every_upload_and_revocation_is_among_these_kinds() -> None:
    assert sorted(KINDS) == sorted(CHANGING)


@pytest.mark.parametrize("transaction", sorted(KINDS))
def test_an_answer_lost_after_processing_is_found_and_nothing_is_sent_again(
    bench: House, transaction: str
) -> None:
    result = bench.told(begun(bench, transaction, "drop_after"))
    assert (result["state"], result["settled_by"]) == ("accepted", "inquiry")
    assert len(bench.calls(transaction)) == 1
    once(bench, transaction)


@pytest.mark.parametrize("transaction", sorted(KINDS))
def test_what_is_committed_after_the_first_negative_inquiry_is_found_by_the_next(
    bench: House, transaction: str
) -> None:
    result = bench.told(begun(bench, transaction, "park", negatives=1))
    assert (result["state"], result["settled_by"]) == ("accepted", "inquiry")
    assert len(bench.calls(transaction)) == 1
    once(bench, transaction)


@pytest.mark.parametrize("transaction", sorted(code for code in KINDS if CATALOG.transaction(code).guarded))
def test_what_never_arrived_is_sent_again_where_a_repetition_does_no_harm(
    bench: House, transaction: str
) -> None:
    result = bench.told(begun(bench, transaction, "drop_before"))
    assert (result["state"], result["settled_by"]) == ("accepted", "answer")
    assert len(set(bench.calls(transaction))) == 2, "each attempt has a REFID of its own"
    once(bench, transaction)


@pytest.mark.parametrize(
    "transaction", sorted(code for code in KINDS if not CATALOG.transaction(code).guarded)
)
def test_what_never_arrived_is_left_to_a_person_where_a_repetition_would_count_twice(
    bench: House, transaction: str
) -> None:
    submission = begun(bench, transaction, "drop_before")
    result = bench.told(submission)
    assert (result["state"], result["final"]) == ("unknown", False)
    assert len(bench.calls(transaction)) == 1
    assert bench.effects(transaction) == []
    (message,) = bench.world.outbox.messages_of(submission)
    bench.world.resolve(message.message, "resend")
    assert bench.told(submission)["state"] == "accepted"
    once(bench, transaction)


@pytest.mark.parametrize("transaction", ["GYU101", "GYU102", "GYU103", "GYU006", "GYR003", "GYU303"])
def test_a_commit_later_than_all_inquiries_before_a_resend_ends_in_one_effect_all_the_same(
    bench: House, transaction: str
) -> None:
    """The repetition is refused as already there, and the first attempt's stored answer is the outcome."""
    result = bench.told(begun(bench, transaction, "park", negatives=3))
    assert (result["state"], result["settled_by"]) == ("accepted", "inquiry")
    assert len(bench.calls(transaction)) == 2
    once(bench, transaction)


@pytest.mark.parametrize("transaction", ["GYU101", "GYU102", "GYU103", "GYR003"])
def test_what_an_inquiry_found_leaves_the_same_facts_as_an_answer(tmp_path: Path, transaction: str) -> None:
    left = []
    for name, lost in (("answer", False), ("inquiry", True)):
        (tmp_path / name).mkdir()
        bench = house(tmp_path / name)
        begin = begun(bench, transaction, "drop_after" if lost else "delay", seconds=0)
        assert bench.told(begin)["state"] == "accepted"
        kinds = ("settlement", "admitted", "settled", "fees", "fee", "revoked")
        left.append({kind: sorted(bench.facts(kind, *VISIT.values()).values()) for kind in kinds})
        bench.close()
    assert left[0] == left[1]


def test_a_restart_in_the_middle_of_a_doubt_asks_about_what_was_really_sent(bench: House) -> None:
    """GYR003 was completed at its claim: the inquiry after a restart still speaks of that call."""
    submission = begun(bench, "GYR003", "drop_after")
    bench.go()
    bench.restart()
    result = bench.told(submission)
    assert (result["state"], result["settled_by"]) == ("accepted", "inquiry")
    assert bench.fact("settlement", *VISIT.values()) is None
    assert len(bench.calls("GYR003")) == 1


@pytest.mark.parametrize("transaction", ["GYD051", "GYU010", "GYD052"])
def test_a_query_whose_answer_was_lost_is_simply_asked_again(bench: House, transaction: str) -> None:
    bench.fault("drop_after", transaction)
    assert bench.told(bench.submit(transaction, bench.sample(transaction)))["state"] == "accepted"
    assert len(bench.calls(transaction)) == 2
    assert bench.calls("GYD053") == []


def test_too_frequent_is_not_processed_and_tried_again_at_its_place(bench: House) -> None:
    stay(bench)
    bench.fault("RE1173", "GYU102")
    assert bench.told(bench.submit("GYU102", bench.sample("GYU102")))["state"] == "accepted"
    assert (len(bench.calls("GYU102")), bench.calls("GYD053")) == (2, [])
    once(bench, "GYU102")
