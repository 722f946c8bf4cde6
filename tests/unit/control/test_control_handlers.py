"""The verbs of outbox and keys, on a real database and a keyring in memory."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.clock import ManualClock
from agent.control.key_handlers import KeyHandlers
from agent.control.outbox_handlers import OutboxHandlers
from agent.control.resolving import resolved_by
from agent.control.verbs import VERBS, complete
from agent.crypto import keys as sm2_keys
from agent.errors import ConfigurationError, ControlError, KeyMissing, KeyRejected
from agent.events import Draft, Identifier, JsonObject, Outcome, Scope, Verdict
from agent.hookspecs import KeyUse
from agent.jsontext import write
from agent.keys import AUDIT_KEY, DATA_KEY, KeyRing
from agent.keys_memory import MemoryKeyring
from agent.opening import open_outbox
from agent.outbox.base import Outbox
from agent.outbox.model import LaneKey, NewSubmission, ReplyAddress
from agent.protocol.completing import Unaided

LANE = LaneKey("alpha", "L1")
SECRET_BODY = {"aac003": "payload of a patient"}


class Desk:
    """An outbox with handlers; ``call`` goes through the verb's schema as the server does."""

    def __init__(self, path: Path) -> None:
        self.clock = ManualClock()
        ring = KeyRing(backend=MemoryKeyring())
        self.outbox: Outbox = open_outbox(path, keys=ring, clock=self.clock, answer_within_s=20)
        self.decided = 0
        self.reads: Any = None
        resolved = resolved_by(lambda _system: self.reads)
        self._handlers = OutboxHandlers(self.outbox, self.clock, self._decide, resolved).handlers()

    def _decide(self) -> None:
        self.decided += 1

    def call(self, verb: str, **args: object) -> JsonObject:
        return self._handlers[verb](complete(verb, args))

    def act(self, verb: str, message: int, **args: object) -> JsonObject:
        return self.call(verb, message=message, who="tester", why="test", **args)

    def submit(self, his_id: str, visit: str = "V1") -> int:
        draft = Draft("A1", "L1", SECRET_BODY, (Scope("visit", (visit,)),))
        now = self.clock.now()
        new = NewSubmission(
            event_id=f"event {his_id}",
            system="alpha",
            transaction="A1",
            id=his_id,
            digest=his_id.encode(),
            body=SECRET_BODY,
            reply=ReplyAddress("alpha", f"{his_id}.json"),
            received_at=now,
            occurred_at=now,
            drafts=(draft,),
        )
        with self.outbox.write() as act:
            submission = act.accept(new).submission
        return next(m.message for m in self.outbox.messages() if m.submission == submission)

    def leave_unknown(self, message: int) -> None:
        with self.outbox.write(urgent=True) as act:
            attempt = act.begin(message, {"wire_id": "W1"}, self.clock.now())
            act.doubt(message, attempt.number, "no answer", self.clock.now())
            act.leave_unknown(message, "no inquiry", self.clock.now())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "outbox.db")
    yield made
    made.outbox.close()


def states(desk: Desk) -> dict[int, str]:
    return {m["message"]: m["state"] for m in desk.call("outbox.list")["messages"]}


def code_of(error: pytest.ExceptionInfo[ControlError]) -> object:
    return error.value.details["code"]


def test_the_list_can_be_narrowed_to_a_state_a_system_and_a_number(desk: Desk) -> None:
    first, second = desk.submit("S1"), desk.submit("S2", "V2")
    desk.leave_unknown(first)
    assert states(desk) == {first: "unknown", second: "ready"}
    assert [m["message"] for m in desk.call("outbox.list", state="unknown")["messages"]] == [first]
    assert desk.call("outbox.list", system="beta")["messages"] == []
    assert len(desk.call("outbox.list", limit=1)["messages"]) == 1


def test_a_message_is_shown_with_its_history_and_without_its_payload_as_json(desk: Desk) -> None:
    message = desk.submit("S1")
    desk.leave_unknown(message)
    shown = desk.call("outbox.show", message=message)
    assert (shown["message"]["his_id"], shown["message"]["wire_id"]) == ("S1", "W1")
    assert shown["message"]["received_at"] == "2026-01-01T09:00:00+08:00"
    assert shown["history"]
    assert "payload of a patient" not in write(shown)


@pytest.mark.parametrize("verb", ["outbox.show", "outbox.retry", "outbox.skip", "outbox.cancel"])
def test_a_number_that_no_message_has_is_told(desk: Desk, verb: str) -> None:
    who = {} if verb == "outbox.show" else {"who": "tester"}
    with pytest.raises(ControlError) as caught:
        desk.call(verb, message=99, **who)
    assert code_of(caught) == "not_found"
    assert desk.decided == 0


def test_retrying_an_unknown_message_makes_it_ready_and_wakes_the_lanes(desk: Desk) -> None:
    message = desk.submit("S1")
    desk.leave_unknown(message)
    assert desk.act("outbox.retry", message)["state"] == "ready"
    assert states(desk) == {message: "ready"}
    assert desk.decided == 1


@pytest.mark.parametrize("verdict", ["accepted", "rejected"])
def test_a_person_decides_an_unknown_message(desk: Desk, verdict: str) -> None:
    message = desk.submit("S1")
    desk.leave_unknown(message)
    answer = desk.act("outbox.resolve", message, **{"as": verdict, "data": {"akc190": "N1"}})
    assert answer["state"] == verdict
    assert states(desk)[message] == verdict


def test_a_message_that_needs_no_decision_gets_none(desk: Desk) -> None:
    message = desk.submit("S1")
    with pytest.raises(ControlError):
        desk.act("outbox.retry", message)
    assert states(desk) == {message: "ready"}
    assert desk.decided == 0


def test_skipping_a_failed_message_releases_what_it_blocked(desk: Desk) -> None:
    first, follower = desk.submit("S1"), desk.submit("S2")
    desk.leave_unknown(first)
    assert states(desk)[follower] == "blocked"
    assert desk.act("outbox.skip", first)["released"] == 1
    assert states(desk)[follower] == "ready"


def test_cancelling_ends_what_was_not_sent_and_refuses_what_may_have_been(desk: Desk) -> None:
    waiting, sent = desk.submit("S1"), desk.submit("S2", "V2")
    answer = desk.act("outbox.cancel", waiting)
    assert (answer["cancelled"], answer["whole"]) == (True, True)
    with desk.outbox.write(urgent=True) as act:
        act.begin(sent, {"wire_id": "W1"}, desk.clock.now())
    with pytest.raises(ControlError) as caught:
        desk.act("outbox.cancel", sent)
    assert code_of(caught) == "not_possible"
    assert states(desk) == {waiting: "cancelled", sent: "in_flight"}


def test_who_decided_and_why_is_in_the_history(desk: Desk) -> None:
    message = desk.submit("S1")
    desk.leave_unknown(message)
    desk.act("outbox.retry", message)
    history = write(desk.call("outbox.show", message=message)["history"])
    assert "tester" in history
    assert "test" in history


# -- keys -------------------------------------------------------------------------------------------

PAIR = sm2_keys.generate()
OWN = KeyUse("alpha/own", "本方私钥", "sm2-private")
PEER = KeyUse("alpha/peer", "平台公钥", "sm2-public")


class Cabinet:
    def __init__(self, *uses: KeyUse) -> None:
        self.ring = KeyRing(backend=MemoryKeyring())
        self.changed: list[str] = []
        self._handlers = KeyHandlers(self.ring, uses, self.changed.append).handlers()

    def call(self, verb: str, **args: object) -> JsonObject:
        return self._handlers[verb](complete(verb, args))


@pytest.fixture
def cabinet() -> Cabinet:
    return Cabinet(OWN, PEER)


def test_an_imported_key_is_kept_told_by_its_fingerprint_and_wakes_who_lacked_it(cabinet: Cabinet) -> None:
    answer = cabinet.call("keys.import", name="alpha/own", value=PAIR.to_pem())
    assert answer == {"name": "alpha/own", "fingerprint": PAIR.public.fingerprint(), "needed": True}
    assert cabinet.ring.get("alpha/own") == PAIR.to_pem()
    assert cabinet.changed == ["alpha/own"]


def test_what_is_no_key_of_the_needed_kind_is_not_kept(cabinet: Cabinet) -> None:
    with pytest.raises(KeyRejected):
        cabinet.call("keys.import", name="alpha/own", value=PAIR.public.to_pem())
    assert not cabinet.ring.has("alpha/own")
    assert cabinet.changed == []


def test_a_key_that_no_system_names_is_kept_and_called_unneeded(cabinet: Cabinet) -> None:
    answer = cabinet.call("keys.import", name="other/thing", value="anything")
    assert answer == {"name": "other/thing", "fingerprint": "", "needed": False}


def test_the_list_shows_needed_and_present_keys_and_never_a_key(cabinet: Cabinet) -> None:
    cabinet.call("keys.import", name="alpha/own", value=PAIR.to_pem())
    cabinet.ring.set("alpha/peer", "damaged")
    cabinet.ring.set("other/thing", "CONFIDENTIAL")
    listed = {key["name"]: key for key in cabinet.call("keys.list")["keys"]}
    assert list(listed) == ["alpha/own", "alpha/peer", "other/thing"]
    assert listed["alpha/own"]["fingerprint"] == PAIR.public.fingerprint()
    assert listed["alpha/peer"]["problem"]
    assert (listed["other/thing"]["needed"], listed["other/thing"]["present"]) == (False, True)
    assert "CONFIDENTIAL" not in write(listed)
    assert PAIR.to_pem() not in write(listed)


def test_a_missing_needed_key_is_listed_as_missing(cabinet: Cabinet) -> None:
    assert [key["present"] for key in cabinet.call("keys.list")["keys"]] == [False, False]


def test_one_shared_pair_may_stand_under_a_single_name() -> None:
    shared = Cabinet(
        KeyUse("alpha/pair", "本方私钥", "sm2-private"), KeyUse("alpha/pair", "平台公钥", "sm2-public")
    )
    assert shared.call("keys.import", name="alpha/pair", value=PAIR.to_pem())["needed"]
    (entry,) = shared.call("keys.list")["keys"]
    assert entry["about"] == "本方私钥；平台公钥"
    with pytest.raises(KeyRejected):
        shared.call("keys.import", name="alpha/pair", value=PAIR.public.to_pem())


def test_a_removed_key_is_gone_and_its_lane_hears_of_it(cabinet: Cabinet) -> None:
    cabinet.call("keys.import", name="alpha/own", value=PAIR.to_pem())
    cabinet.call("keys.remove", name="alpha/own")
    assert not cabinet.ring.has("alpha/own")
    assert cabinet.changed == ["alpha/own", "alpha/own"]
    with pytest.raises(KeyMissing):
        cabinet.call("keys.remove", name="alpha/own")


def test_a_rotated_key_signs_and_the_former_generation_stays_until_it_is_retired(cabinet: Cabinet) -> None:
    newer, newest = sm2_keys.generate().to_pem(), sm2_keys.generate().to_pem()
    cabinet.call("keys.import", name="alpha/own", value=PAIR.to_pem())
    cabinet.call("keys.import", name="alpha/own", value=newer, rotate=True)
    assert (cabinet.ring.get("alpha/own"), cabinet.ring.get("alpha/own.former")) == (newer, PAIR.to_pem())
    listed = {key["name"]: key["fingerprint"] for key in cabinet.call("keys.list")["keys"]}
    assert listed["alpha/own.former"] == PAIR.public.fingerprint()
    with pytest.raises(KeyRejected, match="retire"):
        cabinet.call("keys.import", name="alpha/own", value=newest, rotate=True)
    cabinet.call("keys.retire", name="alpha/own")
    assert not cabinet.ring.has("alpha/own.former")
    cabinet.call("keys.import", name="alpha/own", value=newest, rotate=True)
    assert cabinet.ring.get("alpha/own.former") == newer


def test_an_import_replaces_no_other_key_and_may_bring_the_same_one_again(cabinet: Cabinet) -> None:
    stranger = sm2_keys.generate().to_pem()
    cabinet.call("keys.import", name="alpha/own", value=PAIR.to_pem())
    with pytest.raises(ControlError, match="rotate"):
        cabinet.call("keys.import", name="alpha/own", value=stranger)
    assert cabinet.ring.get("alpha/own") == PAIR.to_pem()
    cabinet.call("keys.import", name="alpha/own", value=PAIR.to_pem())
    cabinet.call("keys.remove", name="alpha/own")
    cabinet.call("keys.import", name="alpha/own", value=stranger)
    assert cabinet.ring.get("alpha/own") == stranger


def test_a_rotation_that_a_crash_cut_in_half_can_be_repeated(cabinet: Cabinet) -> None:
    newer = sm2_keys.generate().to_pem()
    cabinet.ring.set("alpha/own", PAIR.to_pem())
    cabinet.ring.set("alpha/own.former", PAIR.to_pem())
    cabinet.call("keys.import", name="alpha/own", value=newer, rotate=True)
    assert (cabinet.ring.get("alpha/own"), cabinet.ring.get("alpha/own.former")) == (newer, PAIR.to_pem())


def test_a_generated_key_gives_out_its_public_part_alone_and_replaces_none(cabinet: Cabinet) -> None:
    answer = cabinet.call("keys.generate", name="alpha/own")
    kept = sm2_keys.load_private(cabinet.ring.get("alpha/own"))
    assert (answer["public"], answer["fingerprint"]) == (kept.public.to_pem(), kept.public.fingerprint())
    assert "PRIVATE" not in write(answer)
    assert cabinet.call("keys.public", name="alpha/own")["public"] == kept.public.to_pem()
    with pytest.raises(ControlError, match="rotate"):
        cabinet.call("keys.generate", name="alpha/own")
    assert cabinet.ring.get("alpha/own") == kept.to_pem()


def test_a_key_of_a_kind_that_the_name_does_not_hold_is_not_generated(cabinet: Cabinet) -> None:
    for name, kind in (("alpha/own", "rsa-private"), ("alpha/peer", ""), ("other/thing", "")):
        with pytest.raises(KeyRejected):
            cabinet.call("keys.generate", name=name, kind=kind)
        assert not cabinet.ring.has(name)


def test_a_public_key_is_compared_with_the_private_one_that_is_kept(cabinet: Cabinet) -> None:
    cabinet.call("keys.import", name="alpha/own", value=PAIR.to_pem())
    assert cabinet.call("keys.pair", name="alpha/own", public=PAIR.public.to_pem())["pair"]
    with pytest.raises(KeyRejected, match="不是一对"):
        cabinet.call("keys.pair", name="alpha/own", public=sm2_keys.generate().public.to_pem())


def test_the_agents_own_keys_are_neither_shown_made_nor_rotated_by_hand(cabinet: Cabinet) -> None:
    for name in (DATA_KEY, AUDIT_KEY):
        for verb, args in (
            ("keys.generate", {"kind": "sm2-private"}),
            ("keys.public", {}),
            ("keys.remove", {}),
        ):
            with pytest.raises(ControlError):
                cabinet.call(verb, name=name, **args)
    with pytest.raises(ControlError):
        cabinet.call("keys.import", name=AUDIT_KEY, value=PAIR.to_pem())


def test_what_was_done_to_keys_is_recorded_with_who_did_it() -> None:
    recorded: list[tuple[str, str, str, str]] = []
    ring = KeyRing(backend=MemoryKeyring())
    handlers = KeyHandlers(ring, [OWN], lambda _name: None, lambda *entry: recorded.append(entry)).handlers()
    for verb, args in (
        ("keys.generate", {}),
        ("keys.import", {"value": PAIR.to_pem(), "rotate": True}),
        ("keys.retire", {}),
        ("keys.remove", {}),
    ):
        handlers[verb](complete(verb, {"name": "alpha/own", "who": "officer", "why": "because", **args}))
    assert recorded == [
        (what, "alpha/own", "officer", "because")
        for what in ("keys.generate", "keys.rotate", "keys.retire", "keys.remove")
    ]


def test_the_data_key_can_be_restored_but_neither_replaced_nor_removed(cabinet: Cabinet) -> None:
    restored = b64encode(bytes(range(32))).decode()
    cabinet.call("keys.import", name=DATA_KEY, value=restored)
    for verb, args in (("keys.import", {"value": restored}), ("keys.remove", {})):
        with pytest.raises(ControlError) as caught:
            cabinet.call(verb, name=DATA_KEY, **args)
        assert code_of(caught) == "not_possible"
    assert cabinet.ring.data_key(create=False) == bytes(range(32))


@pytest.mark.parametrize("value", ["short", b64encode(b"too short").decode(), "####"])
def test_what_is_no_data_key_is_not_taken_for_one(cabinet: Cabinet, value: str) -> None:
    with pytest.raises(KeyRejected):
        cabinet.call("keys.import", name=DATA_KEY, value=value)
    assert not cabinet.ring.has(DATA_KEY)


def test_a_name_that_is_none_is_refused(cabinet: Cabinet) -> None:
    with pytest.raises(ConfigurationError):
        cabinet.call("keys.import", name="../etc", value="x")


# -- the verbs themselves -----------------------------------------------------------------------------


def test_every_verb_is_described_and_its_arguments_have_a_known_kind() -> None:
    for verb in VERBS.values():
        assert verb.about
        assert {argument.kind for argument in verb.arguments} <= {
            "text",
            "integer",
            "boolean",
            "object",
            "list",
        }


def test_an_act_names_who_did_it() -> None:
    acts = {"outbox.retry", "outbox.skip", "outbox.cancel", "outbox.resolve"}
    for name in acts:
        assert any(argument.name == "who" and argument.required for argument in VERBS[name].arguments)


@pytest.mark.parametrize(
    "args",
    [
        {"name": "a/b"},
        {"name": "a/b", "value": 1},
        {"name": "a/b", "value": "x" * 65537},
        {"name": "a/b", "value": "x", "extra": 1},
    ],
)
def test_arguments_outside_the_schema_are_refused_without_being_repeated(args: dict[str, object]) -> None:
    with pytest.raises(ControlError) as caught:
        complete("keys.import", args)
    assert "xxx" not in str(caught.value)


# -- identifiers ------------------------------------------------------------------------------------------
def test_a_number_that_a_system_gave_is_found_by_the_hiss_key_and_by_itself(desk: Desk) -> None:
    message = desk.submit("S1")
    given = Outcome(
        Verdict.ACCEPTED, identifiers=(Identifier("settlement", ("H-0001", "ZY1"), "S-900", "part"),)
    )
    with desk.outbox.write(urgent=True) as act:
        act.begin(message, {"wire_id": "W1"}, desk.clock.now())
        act.settle(message, given, desk.clock.now())
    told = {
        "system": "alpha",
        "kind": "settlement",
        "key": ("H-0001", "ZY1"),
        "member": "part",
        "value": "S-900",
        "message": message,
    }
    for text in ("ZY1", "H-0001", "S-900", "part"):
        assert desk.call("identifiers.find", text=text) == {"identifiers": [told]}, text
    assert desk.call("identifiers.find", text="ZY") == {"identifiers": []}
    assert desk.call("identifiers.find", text="ZY1", system="beta") == {"identifiers": []}
    (found,) = desk.outbox.facts("ZY1")
    assert not any(word in repr(found) for word in ("ZY1", "S-900", "part"))


def test_a_decision_is_read_by_the_systems_own_protocol(desk: Desk) -> None:
    message = desk.submit("S1")
    desk.leave_unknown(message)
    desk.reads = Numbering()
    desk.call("outbox.resolve", message=message, **{"as": "accepted", "data": {"n": "S-900"}, "who": "甲"})
    assert [fact.value for fact in desk.outbox.facts("S-900")] == ["S-900"]


def test_a_protocol_that_fails_at_it_costs_its_facts_and_not_the_decision(desk: Desk) -> None:
    message = desk.submit("S1")
    desk.leave_unknown(message)
    desk.reads = Failing()
    desk.call("outbox.resolve", message=message, **{"as": "accepted", "data": {"n": "S-900"}, "who": "甲"})
    assert states(desk)[message] == "accepted"
    assert desk.outbox.facts("S-900") == []


class Numbering(Unaided):
    def resolved(self, draft: Draft, ids: Mapping[str, str], data: JsonObject) -> Outcome:
        assert ids["wire_id"] == "W1"
        return Outcome(Verdict.ACCEPTED, identifiers=(Identifier("number", ("k",), data["n"]),))


class Failing(Unaided):
    def resolved(self, draft: Draft, ids: Mapping[str, str], data: JsonObject) -> Outcome:
        raise RuntimeError("defect")
