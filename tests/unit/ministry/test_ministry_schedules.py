"""What the agent downloads by itself, in which role, how often, and with which data."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

import pytest

from agent.clock import BEIJING
from agent.errors import ConfigurationError, SubmissionInvalid
from agent.events import Schedule, Submission
from plugins.ministry.adapter import MinistryAdapter
from plugins.ministry.pages import attachment_file
from plugins.ministry.settings import read_settings
from tests.unit.ministry.ministry_desk import NOW, adapter, options

INCREMENTS = [
    *("GYD001", "GYD006", "GYD101", "GYD102", "GYD103", "GYD004", "GYD403", "GYD401", "GYD402", "GYD404"),
    *("GYD003", "GYD005", "GYD009"),
]


def owner(*roles: str, **others: Any) -> MinistryAdapter:
    return adapter(download_roles=list(roles or ("insured",)), download_sole_owner=True, **others)


def named(of: MinistryAdapter, name: str) -> Schedule:
    (found,) = [schedule for schedule in of.schedules() if schedule.name == name]
    return found


def run(of: MinistryAdapter, name: str, *, now: datetime = NOW, **given: str) -> Submission:
    return of.scheduled(named(of, name), dict(given), now)


# -- off, and whose increments -------------------------------------------------------------------------
def test_nothing_is_downloaded_without_a_role() -> None:
    assert adapter().schedules() == ()


def test_a_role_without_the_word_that_nobody_else_confirms_is_refused_and_says_why() -> None:
    with pytest.raises(ConfigurationError) as caught:
        adapter(download_roles=["insured"])
    assert caught.value.details["setting"] == "download_sole_owner"
    assert "其他机器" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("download_roles", ["both"]),
        ("download_roles", "insured"),
        ("download_sole_owner", "yes"),
        ("download_attachments", 1),
        ("download_every", ["GYD101"]),
        ("download_every", ["GYD101=4"]),
        ("download_every", ["GYD101=99999"]),
        ("download_every", ["GYD102=60"]),
    ],
)
def test_a_wrong_setting_of_downloads_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(options(**{name: value}))
    assert caught.value.details["setting"] == name


@pytest.mark.parametrize(("role", "strange"), [("insured", "GYD053"), ("treating", "GYD001")])
def test_a_time_for_what_the_role_cannot_download_is_refused(role: str, strange: str) -> None:
    with pytest.raises(ConfigurationError, match=strange):
        owner(role, download_every=[f"{strange}=60"])


# -- how often -----------------------------------------------------------------------------------------
def test_the_documents_thirty_minutes_hold_where_it_says_so_and_nowhere_else() -> None:
    periodic = {schedule.name: schedule.every_s for schedule in owner().schedules() if schedule.every_s}
    assert periodic == {"GYD001": 1800, "GYD006": 1800}


def test_the_settings_say_how_often_the_others_run_and_whether_the_first_do() -> None:
    own = owner(download_every=["GYD101=60", "GYD006=0"])
    assert named(own, "GYD101").every_s == 3600
    assert named(own, "GYD006").every_s == 0


def test_a_run_may_be_a_tenth_of_its_period_late() -> None:
    assert named(owner(), "GYD001").jitter_s == 180


def test_each_start_asks_what_of_every_download_is_unconfirmed() -> None:
    at_start = [schedule for schedule in owner().schedules() if schedule.at_start]
    assert [run(owner(), schedule.name).data["hisbusitype"] for schedule in at_start] == INCREMENTS
    assert {schedule.transaction for schedule in at_start} == {"GYD008"}


def test_the_insured_province_alone_downloads_applications() -> None:
    assert "GYD001" not in {schedule.transaction for schedule in owner("treating").schedules()}


# -- with which data -----------------------------------------------------------------------------------
@pytest.mark.parametrize(("role", "mode"), [("insured", "1"), ("treating", "2")])
def test_the_role_is_the_mode_of_the_calls(role: str, mode: str) -> None:
    assert run(owner(role), "GYD101").data == {"dlmode": mode}


def test_a_province_of_both_roles_calls_in_both() -> None:
    own = owner("insured", "treating")
    assert run(own, "GYD101-insured").data == {"dlmode": "1"}
    assert run(own, "GYD101-treating").data == {"dlmode": "2"}
    assert run(own, "GYD009").data == {}


@pytest.mark.parametrize(
    ("today", "month", "quarter"),
    [
        ((2026, 1, 1), "202512", ("2025", "4")),
        ((2026, 3, 31), "202602", ("2025", "4")),
        ((2026, 4, 1), "202603", ("2026", "1")),
        ((2026, 12, 31), "202611", ("2026", "3")),
    ],
)
def test_months_and_quarters_are_the_last_ones_that_are_over(
    today: tuple[int, int, int], month: str, quarter: tuple[str, str]
) -> None:
    now = datetime(*today, tzinfo=BEIJING)
    assert run(owner(), "GYD003", now=now).data == {"dlmode": "1", "aae002": month}
    clearing = run(owner(), "GYD005", now=now).data
    assert (clearing["aae001"], clearing["jdnum"]) == quarter


def test_given_fields_go_before_all_others() -> None:
    assert run(owner(), "GYD003", aae002="202401").data == {"dlmode": "1", "aae002": "202401"}


def test_a_run_without_the_stay_that_it_wants_is_refused_when_it_is_planned() -> None:
    own = owner()
    with pytest.raises(SubmissionInvalid) as caught:
        own.plan(run(own, "GYD102"), NOW)
    assert {fault.field for fault in caught.value.faults} == {"akb020", "akc190"}


@pytest.mark.parametrize(
    ("name", "step"), [("GYD104", "file"), ("GYD054", "file"), ("GYD008-GYD101", "open"), ("GYD009", "page")]
)
def test_what_the_agent_asks_by_itself_becomes_a_file(name: str, step: str) -> None:
    own = owner()
    given = {"GYD104": {"aac002": "519900199901011234", "aac003": "测试甲"}, "GYD054": {"aaa726": "9"}}
    asked = own.scheduled(named(own, name), dict(given.get(name, {})), NOW)
    (draft,) = own.plan(asked, NOW).drafts
    assert draft.memo["step"] == step
    assert not draft.blocks


# -- once more -----------------------------------------------------------------------------------------
SINCE, UNTIL = datetime(2026, 1, 1, 8, tzinfo=BEIJING), datetime(2026, 1, 2, 8, 30, tzinfo=BEIJING)


@pytest.mark.parametrize(
    ("which", "data"),
    [
        ({"wire_id": "51990020260101000007"}, ("51990020260101000007", "", "")),
        ({"since": SINCE, "until": UNTIL}, ("", "20260101080000", "20260102083000")),
        ({}, ("", "", "")),
    ],
)
def test_what_was_handed_out_is_asked_for_again_in_three_forms(
    which: dict[str, Any], data: tuple[str, str, str]
) -> None:
    own = owner()
    again = own.again("GYD101", **{"wire_id": "", "since": None, "until": None, **which})
    (draft,) = own.plan(again, NOW).drafts
    fields = dict(zip(("refidhis", "aae030", "aae031"), data, strict=True))
    assert (draft.transaction, draft.body) == ("GYR005", {"txno": "GYD101", **fields})


def test_two_forms_at_once_are_refused() -> None:
    with pytest.raises(SubmissionInvalid):
        owner().again("GYD101", wire_id="51990020260101000007", since=SINCE, until=UNTIL)


# -- attachments ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (b"%PDF-1.7", ".pdf"),
        (b"\x89PNG\r\n", ".png"),
        (b"\xff\xd8\xff\xe0", ".jpg"),
        (b"BM", ".bmp"),
        (b"?", ".bin"),
    ],
)
def test_an_attachment_is_named_by_its_number_and_its_content(content: bytes, suffix: str) -> None:
    data = {"filecont": base64.b64encode(content).decode(), "filename": "../../x.exe"}
    file = attachment_file("GYD054", "900", "W1", data)
    assert file.name == f"GYD054-900{suffix}"
    assert base64.b64decode(file.attachment) == content


def test_a_number_that_is_no_name_gives_way_to_that_of_the_call() -> None:
    assert attachment_file("GYD054", "../900", "W1", {"filecont": "AA=="}).name == "GYD054-W1.bin"


@pytest.mark.parametrize("text", ["@@@", "AA", ""])
def test_what_is_no_file_is_kept_as_it_came(text: str) -> None:
    file = attachment_file("GYD054", "900", "W1", {"filecont": text})
    assert (file.name, file.attachment) == ("GYD054-900.json", "")
    assert file.content["data"] == {"filecont": text}
