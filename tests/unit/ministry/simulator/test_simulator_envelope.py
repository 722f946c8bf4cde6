"""The ministry's envelope: what opens, what does not, and which PE code says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from agent.crypto import load_private
from agent.crypto.keys import generate
from agent.errors import CiphertextRejected, SignatureRejected
from tests.unit.ministry.simulator.rehearsed import (
    Province,
    Rehearsed,
    private_pem,
    public_pem,
    rehearsed,
    vectors,
)


@pytest.fixture(scope="module")
def rehearsal() -> Iterator[Rehearsed]:
    with rehearsed() as running:
        yield running


@pytest.fixture
def province(rehearsal: Rehearsed) -> Province:
    return Province(rehearsal.server.port)


def test_a_sound_request_is_answered_sealed_and_its_request_id_echoed(province: Province) -> None:
    told = province.send("GYU000", {})
    assert (told.status, told.code, told.message) == (200, "PE0000", "")
    assert told.data == {"busi_code": "RE0000", "busi_msg": ""}
    assert told.headers["request_id"] == "510000001000000001"
    assert (told.headers["access_key"], told.headers["timestamp"]) == ("510000001", "20260315100000000")


def test_an_answer_opens_only_with_the_right_keys(province: Province) -> None:
    headers, body = province.request("GYU000", {})
    answer = province.post(headers, json.dumps(body).encode())
    with pytest.raises(SignatureRejected):
        Province(province.port, platform=generate().public).told(*answer)
    with pytest.raises(CiphertextRejected):
        Province(province.port, own=generate()).told(*answer)


@pytest.mark.parametrize("name", ["access_key", "request_id", "timestamp"])
def test_a_missing_header_is_pe0001(province: Province, name: str) -> None:
    told = province.send("GYU000", {}, **{name: None})
    assert (told.code, told.data) == ("PE0001", {})
    assert name in told.message


@pytest.mark.parametrize("name", ["refid", "busitype", "symmetric_key", "aab301", "sign", "data"])
@pytest.mark.parametrize("value", [None, "", 7])
def test_a_missing_node_is_pe0001(province: Province, name: str, value: Any) -> None:
    told = province.send("GYU000", {}, **{name: value})
    assert (told.code, told.data) == ("PE0001", {})
    assert name in told.message


@pytest.mark.parametrize("content", [b"", b"no json", b"[]", b'{"refid":"1","refid":"2"}', b"\xff"])
def test_a_body_that_is_no_object_has_no_nodes(province: Province, content: bytes) -> None:
    headers, _ = province.request("GYU000", {})
    assert province.told(*province.post(headers, content)).code == "PE0001"


def test_an_unknown_access_key_is_pe0002(province: Province) -> None:
    stranger = Province(province.port, access_key="510000099")
    assert stranger.send("GYU000", {}).code == "PE0002"


def test_a_request_of_another_signer_is_pe2001(province: Province) -> None:
    assert Province(province.port, own=generate()).send("GYU000", {}).code == "PE2001"


def test_a_request_wrapped_for_another_platform_is_pe1001(province: Province) -> None:
    stranger = Province(province.port, platform=generate().public)
    headers, body = stranger.request("GYU000", {})
    assert province.told(*province.post(headers, json.dumps(body).encode())).code == "PE1001"


def test_data_changed_on_the_way_is_pe2001(province: Province) -> None:
    _, other = province.request("GYU000", {"x": 1})
    assert province.send("GYU000", {}, data=other["data"]).code == "PE2001"


def test_another_method_than_post_is_refused(province: Province) -> None:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", province.port, timeout=30)
    connection.request("GET", "/engine/transport/server/001")
    assert connection.getresponse().status == 405
    connection.close()


def test_another_path_than_the_document_s_is_not_found_and_does_nothing(province: Province) -> None:
    import http.client

    headers, body = province.request("GYU000", {})
    connection = http.client.HTTPConnection("127.0.0.1", province.port, timeout=30)
    for path in ("/", "/engine/transport/server/002", "/engine/transport/server/001/"):
        connection.request("POST", path, json.dumps(body).encode(), headers)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (404, b"")
    connection.close()
    assert province.told(*province.post(headers, json.dumps(body).encode())).busi == "RE0000"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"refid": "51000020260315000001"}, "RE0000", id="refid of 20 digits"),
        pytest.param({"refid": "510000202603150000001"}, "RE0000", id="refid of 21 digits (M01)"),
        pytest.param({"refid": "5100002026031500001"}, "RE1107", id="refid of 19 digits"),
        pytest.param({"refid": "5100002026031500000001"}, "RE1107", id="refid of 22 digits"),
        pytest.param({"refid": "51000020261315000001"}, "RE1107", id="refid of month 13"),
        pytest.param({"refid": "36000020260315000001"}, "RE1107", id="refid of another province"),
        pytest.param({"request_id": "51000000100000001"}, "RE1107", id="request_id of 17 digits"),
        pytest.param({"request_id": "510000002000000001"}, "RE1107", id="request_id of another key"),
        pytest.param({"timestamp": "2026-03-15 10:00:00"}, "RE1107", id="timestamp with dashes"),
        pytest.param({"aab301": "360000"}, "RE1070", id="another province's aab301"),
        pytest.param({"busitype": "GYU999"}, "RE1003", id="no transaction of the document"),
    ],
)
def test_the_shape_of_the_envelope_is_judged_after_opening(
    province: Province, changes: dict[str, str], code: str
) -> None:
    told = province.send("GYU000", {}, **changes)
    assert (told.code, told.busi) == ("PE0000", code)
    assert bool(told.data["busi_msg"]) is (code != "RE0000")


@pytest.mark.parametrize("plaintext", [b"", b"[]", b"{", b'{"a":NaN}', b"\xff"])
def test_data_that_is_no_json_object_is_re1107(province: Province, plaintext: bytes) -> None:
    assert province.send("GYU000", plaintext).busi == "RE1107"


@pytest.mark.parametrize("data", [{"DATALIST": []}, {"datalist": [{"Akb020": "1"}]}])
def test_a_key_in_upper_case_is_re1144(province: Province, data: dict[str, Any]) -> None:
    assert province.send("GYU101", data).busi == "RE1144"


VECTORS = vectors()["envelopes"]
DEMO_RESULTS = {
    "GYU000": "RE0000",
    "GYD053": "RE1106",
    "GYU001": "RE0000",  # its row is refused
    "GYU101": "RE0000",  # its row is refused
    "GYU102": "RE0021",  # no 社会保障号码
}


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_requests_made_by_the_documents_own_demo_open(vector: dict[str, Any]) -> None:
    own, peer = ("platform", "province") if vector["mode"] == "A" else ("shared", "shared")
    with rehearsed(own_private=private_pem(own), peer_public=public_pem(peer)) as rehearsal:
        answered = rehearsal.province.post(vector["headers"], json.dumps(vector["body"]).encode())
        reader = Province(
            rehearsal.server.port,
            own=load_private(private_pem(vector["signed_by"])),
            platform=rehearsal.built.keys.own.public,
        )
        told = reader.told(*answered)
    assert (told.code, told.busi) == ("PE0000", DEMO_RESULTS[vector["body"]["busitype"]])


NEGATIVES = [vector for vector in vectors()["negative"] if vector["op"] == "open_envelope"]


@pytest.mark.parametrize("vector", NEGATIVES, ids=[vector["name"] for vector in NEGATIVES])
def test_the_demos_negative_vectors_are_refused(rehearsal: Rehearsed, vector: dict[str, Any]) -> None:
    headers = {
        "access_key": "510000001",
        "request_id": "510000001000000001",
        "timestamp": "20260315100000123",
    }
    answered = rehearsal.province.post(headers, json.dumps(vector["body"]).encode())
    expected = "PE1001" if "wrapped" in vector["name"] else "PE2001"
    assert rehearsal.province.told(*answered).code == expected


def test_the_other_layout_is_understood_when_configured() -> None:
    from agent.crypto import Layout, seal

    with rehearsed(layout="C1C3C2") as rehearsal:
        province = rehearsal.province
        assert province.send("GYU000", {}).code == "PE1001"
        headers, body = province.request("GYU000", {})
        sealed = seal(b"{}", province.own, province.platform, layout=Layout.C1C3C2)
        body |= {"symmetric_key": sealed.symmetric_key, "sign": sealed.sign, "data": sealed.data}
        _, _, content = province.post(headers, json.dumps(body).encode())
    assert json.loads(content)["code"] == "PE0000"


def test_an_access_key_may_have_a_public_key_of_its_own(tmp_path: Any) -> None:
    own = generate()
    seed = tmp_path / "seed.toml"
    seed.write_text(
        '[[access]]\nkey = "510000001"\nprovince = "510000"\n'
        f'[[access]]\nkey = "360000001"\nprovince = "360000"\npublic_key = """{own.public.to_pem()}"""\n'
    )
    with rehearsed(data=seed) as rehearsal:
        port = rehearsal.server.port
        assert Province(port).send("GYU000", {}).busi == "RE0000"
        assert Province(port, "360000001", "360000").send("GYU000", {}).code == "PE2001"
        assert Province(port, "360000001", "360000", own=own).send("GYU000", {}).busi == "RE0000"
