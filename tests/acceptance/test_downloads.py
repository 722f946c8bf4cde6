"""A province downloads everything: pages as files, confirmed only when they are on disk, nothing twice."""

from __future__ import annotations

import json
import signal
import sys
from collections import Counter
from datetime import datetime, timedelta

import pytest

from agent.clock import BEIJING
from agent.crypto import load_private, load_public
from agent.demo.stage import Stage, eventually
from agent.errors import ControlError
from tests.acceptance.conftest import QUICK
from tests.acceptance.province import NEIGHBOUR, PLAN, Neighbour, person, stay
from tests.unit.ministry.simulator.forms import SAMPLES

OWNER = {
    **QUICK,
    "download_roles": ["insured", "treating"],
    "download_sole_owner": True,
    "download_attachments": True,
}
CROWD = 260
"""Invented people with two filings each: 520 records of GYD006 beside the sample's."""
MANY = 501
FIRST_PAGE = 13
"""Exchanges of a province of treatment up to the first page: 12 ask at the start what is unconfirmed."""

pytestmark = pytest.mark.kill


@pytest.fixture
def stage(tmp_path):
    stage = Stage(tmp_path / "stage", settings=OWNER)
    yield stage
    stage.close()


def neighbour(stage, access_key=NEIGHBOUR):
    texts = stage.key_texts()
    own = load_private(texts["ministry/own-private"])
    return Neighbour(stage.url, own, load_public(texts["ministry/peer-public"]), access_key)


def files(stage, transaction="*"):
    """Every page, in the order of their calls."""
    found = sorted((stage.data / "downloads").glob(f"{transaction}/*.json"), key=lambda path: path.name)
    return [json.loads(path.read_text("utf-8")) for path in found]


def records(stage, transaction):
    return [row for file in files(stage, transaction) for row in file["data"]["datalist"]]


def sizes(stage, transaction):
    return [file["records"] for file in files(stage, transaction)]


def on_disk(stage):
    """The records that want a confirmation: all but those of GYD104."""
    pages = [file for file in files(stage) if file["transaction"] != "GYD104"]
    return Counter((page["transaction"], row["downno"]) for page in pages for row in page["data"]["datalist"])


def confirmed(stage):
    """What the platform was told that it may forget."""
    entries = stage.admin("ledger?limit=9000")["entries"]
    keys = [entry["key"].removeprefix("confirmed:") for entry in entries if entry["transaction"] == "GYU008"]
    return Counter(tuple(key.split("/")[1:]) for key in keys)


def idle(stage):
    """Whether nothing is on its way: no message open, no file waiting to be written."""
    status = stage.call("status")
    open_states = {"ready", "in_flight", "inquiring", "blocked"}
    busy = any(one["count"] for one in status["messages"] if one["state"] in open_states)
    return not busy and not any(one["waiting"] for one in status["downloads"]["files"])


def start(stage, *options: str) -> None:
    """Platform and agent, which has asked what is unconfirmed."""
    stage.start_platform("guards=off", *options)
    stage.start_agent()
    eventually(lambda: asked_at_start(stage) and idle(stage), "the questions of the start are answered")


def asked_at_start(stage) -> bool:
    counts = stage.call("status")["messages"]
    return sum(one["count"] for one in counts if one["state"] == "accepted") >= FIRST_PAGE - 1


def run(stage, name, **fields):
    stage.call("download.run", name=name, fields=fields, who="测试员")
    eventually(lambda: idle(stage), f"{name} is done", 60)


def test_a_province_downloads_all_that_there_is_and_confirms_what_is_on_disk(stage):
    start(stage, f"crowd={CROWD}")
    other = neighbour(stage)
    plan = other.attach(1)
    settled = other.admit(1, fees=MANY, settled=True, plan=plan)
    other.upload("GYU004", [{**person(1), "aaz515": settled}])
    for number in (2, 3):
        other.admit(number, settled=number == 2)
    for name in ("GYD001", "GYD006", "GYD009", "GYD101", "GYD103", "GYD004"):
        run(stage, name)
    assert [page for page in sizes(stage, "GYD006") if page >= 500] == [500]
    assert sum(sizes(stage, "GYD006")) > 2 * CROWD
    assert len(records(stage, "GYD001")) == 3
    assert {row["akc190"] for row in records(stage, "GYD101")} == {stay(n)["akc190"] for n in (1, 2, 3)}
    assert sizes(stage, "GYD102") == [500, 1, 1, 1]
    assert [row["aae019"] for row in records(stage, "GYD004")] == ["5.00"]

    other.send("GYU003", SAMPLES["GYU003"].data([{**person(1), "aaz515": settled}], {"aae020": "9018.00"}))
    other.upload("GYR004", [{"aaz515": settled}])
    other.upload("GYU004", [{**person(1), "aaz515": settled, "aaz516_s": "KK9", "aae019": "7.00"}])
    other.revoke("GYR003", 2, alc002="1", aaz515=records(stage, "GYD103")[1]["aaz515"])
    other.revoke("GYR001", 3)
    other.revoke("GYR002", 3)
    for name in ("GYD401", "GYD402", "GYD403", "GYD404"):
        run(stage, name)
    assert [row["aae019"] for row in records(stage, "GYD004")] == ["5.00", "7.00"], "GYD404 asks for GYD004"
    run(stage, "GYD003", aae002="202603")
    run(stage, "GYD005", aae001="2026", jdnum="1")
    run(stage, "GYD104", **person(1))
    for name in ("GYD401", "GYD402", "GYD403", "GYD404", "GYD003", "GYD005", "GYD104"):
        assert len(records(stage, name)) == 1, name
    (file,) = (stage.data / "downloads" / "GYD054").iterdir()
    assert (file.name, file.read_bytes()) == (f"GYD054-{plan}.pdf", PLAN), "as the settlement names it"
    file.unlink()
    run(stage, "GYD054", aaa726=plan)
    assert file.read_bytes() == PLAN
    assert on_disk(stage) == confirmed(stage)
    assert max(on_disk(stage).values()) == 1
    assert stage.admin("ledger/summary")["duplicates"] == {}
    assert stage.stop_agent() == 0


def test_what_was_handed_out_and_never_confirmed_is_asked_for_stored_and_confirmed(stage):
    """Before the agent starts by the start's own question, later by RE1135."""
    stage.start_platform("guards=off", "crowd=9")
    lost = neighbour(stage, access_key=stage.access_key)
    lost.admit(1)
    lost.send("GYD009", {})
    stage.start_agent()
    eventually(lambda: records(stage, "GYD009") and idle(stage), "what was open is on disk")
    assert [page["recovered"] for page in files(stage, "GYD009")] == [True]
    lost.send("GYD101", {"dlmode": "2"})
    lost.admit(2)
    run(stage, "GYD101")
    assert [page["recovered"] for page in files(stage, "GYD101")] == [True, False]
    assert {row["akc190"] for row in records(stage, "GYD101")} == {stay(1)["akc190"], stay(2)["akc190"]}
    assert sizes(stage, "GYD102") == [1, 1], "recovered stays, too, have their fees downloaded"
    assert on_disk(stage) == confirmed(stage)
    assert max(on_disk(stage).values()) == 1


def test_a_download_that_the_his_drops_is_left_as_files_that_its_result_names(stage):
    start(stage, f"crowd={CROWD}")
    wanted = {"transaction": "GYD006", "id": "D-1", "data": {"dlmode": "2"}}
    stage.drop("D-1.json", json.dumps(wanted).encode())
    (result,) = stage.wait_for_results(1).values()
    eventually(lambda: idle(stage), "what it leads to is done")
    parts = [part for part in result["parts"] if part["transaction"] == "GYD006"]
    assert (result["state"], result["settled_by"]) == ("accepted", "answer")
    assert [part["data"]["records"] for part in parts] == sizes(stage, "GYD006")
    for part in parts:
        assert (stage.data / "downloads" / part["data"]["file"]).is_file()
    assert "aac003" not in json.dumps(result), "the result repeats no page"
    assert on_disk(stage) == confirmed(stage)


def test_lost_answers_lose_no_page(stage):
    """Every second answer to a page and to a feedback is lost after it took effect."""
    start(stage, f"crowd={CROWD}", "fault=drop_after=every:2,on:GYD006+GYU008")
    for _ in range(2):
        run(stage, "GYD006")
    assert len(records(stage, "GYD006")) > 2 * CROWD
    assert on_disk(stage) == confirmed(stage)
    assert max(on_disk(stage).values()) == 1
    assert not [one for one in stage.call("outbox.list", limit=500)["messages"] if one["state"] == "unknown"]


def test_a_page_whose_feedback_was_refused_is_confirmed_later_and_stored_once(stage):
    start(stage, "fault=RE1136=times:1,on:GYU008")
    run(stage, "GYD009")
    assert not confirmed(stage)
    run(stage, "GYD009")
    assert len(files(stage, "GYD009")) == 1
    assert on_disk(stage) == confirmed(stage)


def test_what_was_downloaded_is_downloaded_again_when_a_person_asks_for_it(stage):
    start(stage)
    run(stage, "GYD009")
    run(stage, "GYD009")
    (first,) = files(stage, "GYD009")
    now = datetime.now(BEIJING)
    forms = (
        {"wire_id": first["wire_id"]},
        {"since": f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}", "until": f"{now:%Y-%m-%dT%H:%M:59}"},
        {},
    )
    for count, form in enumerate(forms, start=2):
        stage.call("download.again", name="GYD009", who="测试员", **form)
        eventually(lambda: idle(stage), "GYR005 is done")
        run(stage, "GYD009")
        assert len(files(stage, "GYD009")) == count, form
    assert on_disk(stage) == confirmed(stage)


# -- kills ------------------------------------------------------------------------------------------
TREATING = {**QUICK, "download_roles": ["treating"], "download_sole_owner": True}
KILLS = [
    "schedules.after_commit:2",
    f"transport.after_send:{FIRST_PAGE}",
    f"dispatch.before_commit:{FIRST_PAGE}",
    f"dispatch.after_commit:{FIRST_PAGE}",
    "downloads.before_rename",
    "downloads.after_rename",
    "downloads.before_mark",
    "downloads.after_mark",
    f"dispatch.before_send:{FIRST_PAGE + 1}",
    f"transport.after_send:{FIRST_PAGE + 1}",
]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is of Unix")
@pytest.mark.parametrize("point", KILLS)
def test_after_a_kill_every_record_is_on_disk_once_and_none_was_confirmed_before(tmp_path, point):
    stage = Stage(tmp_path / "stage", settings=TREATING)
    try:
        stage.start_platform("guards=off", f"crowd={CROWD}")
        stage.start_agent(environment={"HIS_AGENT_CRASH_AT": point}, wait=False)
        eventually(lambda: ended(stage) or asked(stage, "GYD006"), "the agent has been asked, or has died")
        assert stage.agent.wait(30) == -signal.SIGKILL, "the point was not reached"
        assert confirmed(stage) <= on_disk(stage), "confirmed before it was on disk"
        stage.start_agent()
        eventually(lambda: idle(stage), "what was under way is done", 60)
        run(stage, "GYD006")
        assert on_disk(stage) == confirmed(stage)
        assert max(on_disk(stage).values()) == 1
        assert len(records(stage, "GYD006")) > 2 * CROWD
        assert stage.stop_agent() == 0
    finally:
        stage.close()


def ended(stage) -> bool:
    return stage.agent.poll() is not None


def asked(stage, name) -> bool:
    """Whether the running agent has been asked for a download, after it has asked what is unconfirmed."""
    try:
        if not asked_at_start(stage):
            return False
        stage.call("download.run", name=name, who="测试员")
    except ControlError:
        return False
    return True
