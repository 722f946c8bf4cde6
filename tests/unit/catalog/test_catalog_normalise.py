"""A normalised message has the document's codes, order and spelling, and nothing left out."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agent.catalog import TransactionSpec, normalise, open_catalog
from agent.errors import SubmissionInvalid
from tests.unit.catalog.small_catalog import BEHAVIOUR, write_catalog

FIELDS = """
request = [
  {code="name", name="姓名", type="C", length="4", required=true, aliases=["xm"]},
  {code="fee", name="金额", type="N", length="16,2", required=true},
  {code="share", name="比例", type="N", length="5,4", required=false},
  {code="state",name="状", type="C", length="1", required=true, absent_as={field="name",value="0",in=["无"]}},
  {code="rows", name="明细", type="List", length="", required=false, children=[
    {code="nr", name="号", type="C", length="3", required=true},
    {code="tags", name="标签", type="List", length="", required=false},
  ]},
  {code="more", name="其他", type="Object", length="-", required=false},
  {code="part", name="部分", type="Object", length="-", required=false, children=[
    {code="nr", name="号", type="C", length="3", required=true},
  ]},
]
"""


@pytest.fixture
def spec(tmp_path: Path) -> TransactionSpec:
    return open_catalog(write_catalog(tmp_path, t1=BEHAVIOUR + FIELDS)).transaction("T1")


def test_an_empty_message_says_empty_everywhere(spec: TransactionSpec) -> None:
    assert normalise(spec, {}) == {
        "name": "", "fee": "", "share": "", "state": "", "rows": [], "more": {}, "part": {},
    }  # fmt: skip


def test_values_take_the_wire_form_in_document_order(spec: TransactionSpec) -> None:
    wire = normalise(
        spec,
        {
            "Rows": [{"NR ": 7, "tags": [" a", 2], "odd": 1}],
            "SHARE": Decimal("0.8500"),
            "fee": Decimal("7E+3"),
            "XM": " 赵 ",
            "state": 1,
            "more": '{"any": 1}',
            "part": {"NR": "1"},
            "unknown": "x",
        },
    )
    assert list(wire) == ["name", "fee", "share", "state", "rows", "more", "part"]
    assert wire == {
        "name": "赵",
        "fee": "7000.00",
        "share": "0.85",
        "state": "1",
        "rows": [{"nr": "7", "tags": ["a", "2"]}],
        "more": {"any": 1},
        "part": {"nr": "1"},
    }


def test_an_absent_field_that_stands_for_a_value_is_sent_as_it(spec: TransactionSpec) -> None:
    assert normalise(spec, {"name": "无"})["state"] == "0"
    assert normalise(spec, {"name": "无", "state": "1"})["state"] == "1"
    assert normalise(spec, {"name": "有"})["state"] == ""


def test_slots_stay(spec: TransactionSpec) -> None:
    slot = {"$slot": "later"}
    wire = normalise(spec, {"name": slot, "rows": [{"nr": slot}], "more": slot})
    assert (wire["name"], wire["rows"], wire["more"]) == (slot, [{"nr": slot, "tags": []}], slot)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"fee": "x"}, "fee"),
        ({"name": True}, "name"),
        ({"rows": "x"}, "rows"),
        ({"rows": ["x"]}, "rows"),
        ({"more": "x"}, "more"),
    ],
)
def test_what_cannot_be_read_is_refused_without_its_value(
    spec: TransactionSpec, data: dict[str, Any], field: str
) -> None:
    with pytest.raises(SubmissionInvalid) as caught:
        normalise(spec, data)
    (fault,) = caught.value.faults
    assert fault.field == field
