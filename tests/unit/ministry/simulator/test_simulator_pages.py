"""What comes in pages: downloads of 500 records, statements of 500 details, files of 500 KB."""

from __future__ import annotations

import base64
from datetime import date
from decimal import Decimal
from typing import Any

from agent.rehearsal.people import invented_identity
from plugins.ministry.simulator.entities import Amounts, Claim, Settlement, Stay
from tests.unit.ministry.simulator.forms import SAMPLES, attachment
from tests.unit.ministry.simulator.rehearsed import Rehearsed, rehearsed

SETTLED = date(2026, 3, 10)
KILOBYTES_500 = 500 * 1024


def settle(rehearsal: Rehearsed, many: int) -> list[dict[str, Any]]:
    """So many settled stays, put there without their calls; the details of a statement of them."""
    details = []
    for serial in range(many):
        person = invented_identity(serial)
        amounts = Amounts(Decimal("20.00"), Decimal("18.00"), Decimal("2.00"))
        stay = Stay(
            aaz515=f"9{serial:017d}",
            akb020="51010000001",
            akc190=f"ZY{serial:06d}",
            aac002=person.aac002,
            aac003=person.aac003,
            aka130="72",
            admitted=SETTLED,
            aaz341="SAMPLE000000000101",
            home="360100",
            place="510104",
            settlement=Settlement(amounts, SETTLED, Claim(amounts.fund)),
        )
        rehearsal.built.platform.world.admit(stay)
        details.append({**person._asdict(), "aaz515": stay.aaz515})
    return details


def month(**changes: Any) -> dict[str, Any]:
    return {"aae020": "19800.00", "akb079": "1100", "isdone": "0", **changes}


def test_a_statement_of_1100_details_comes_in_three_calls() -> None:
    with rehearsed() as rehearsal:
        details, send = settle(rehearsal, 1100), rehearsal.province.send
        sample = SAMPLES["GYU003"]
        assert send("GYU003", sample.data(details, month(isdone="1"))).busi == "RE0054"
        first = send("GYU003", sample.data(details[:500], month())).data
        second = send("GYU003", sample.data(details[500:1000], month(pch=first["pch"]))).data
        last = send("GYU003", sample.data(details[1000:], month(pch=first["pch"], isdone="1"))).data
        effects = rehearsal.effects()
        state = rehearsal.admin("GET", "state")
    assert [first["aaz215"], second["aaz215"], bool(last["aaz215"])] == ["", "", True]
    assert first["pch"] == second["pch"] == last["pch"] != ""
    assert {row["ret_code"] for row in first["datalist"] + last["datalist"]} == {"RE0000"}
    assert len(effects) == len(set(effects)) == 1101
    assert state["statements"] == 1


def test_a_download_comes_in_pages_of_500_each_after_the_confirmation_of_the_one_before() -> None:
    with rehearsed() as rehearsal:
        settle(rehearsal, 1001)
        send, seen, sizes = rehearsal.province.send, set(), []
        for _ in range(4):
            rows = send("GYD103", {"dlmode": "2"}).data["datalist"]
            sizes.append(len(rows))
            seen |= {row["aaz515"] for row in rows}
            if rows:
                assert send("GYD103", {"dlmode": "2"}).busi == "RE1135"
                confirmed = [{"busitype": "GYD103", "downno": row["downno"]} for row in rows]
                assert set(send("GYU008", {"datalist": confirmed}).rows) == {"RE0000"}
    assert sizes == [500, 500, 1, 0]
    assert len(seen) == 1001


def test_a_file_of_500_kb_passes_and_a_byte_more_does_not() -> None:
    with rehearsed() as rehearsal:
        files = [
            attachment(size, filecont=base64.b64encode(bytes(size)).decode())
            for size in (KILOBYTES_500, KILOBYTES_500 + 1)
        ]
        told = rehearsal.province.send("GYU002", SAMPLES["GYU002"].data(files, {}))
    assert [row["ret_code"] for row in told.data["filelist"]] == ["RE0000", "RE1151"]
