"""Whatever lies in the inbox: each file gets a clear answer, the daemon lives, and good files go on."""

from tests.acceptance.workload import Visit

HEAD = b'{"transaction": "GYU101", "id": "%s", "data": '
BAD = {
    "truncated.json": HEAD % b"B1" + b'{"datalist": [{"akb020": "5101',
    "deep.json": HEAD % b"B2" + b"[" * 5000 + b"]" * 5000 + b"}",
    "twice.json": b'{"transaction": "GYU101", "id": "B3", "id": "B3", "data": {}}',
    "nan.json": HEAD % b"B4" + b'{"aae058": NaN}}',
    "bytes.json": b"\xff\xfe\xfd\x80\x81 not any encoding \xff",
    "empty.json": b"",
    "large.json": b"x" * (51 * 1024 * 1024),
}


def test_every_bad_file_is_answered_and_none_stops_the_good_ones(stage):
    stage.start_platform()
    stage.start_agent()
    (stage.inbox / "folder.json").mkdir(parents=True)
    for name, content in BAD.items():
        stage.drop(name, content)
    good = Visit("GOOD", 3).files()
    for name, content in good:
        stage.drop(name, content)
    results = stage.wait_for_results(len(BAD) + len(good), 60)
    for name in BAD:
        (result,) = [result for file, result in results.items() if file.startswith(name)]
        assert result["state"] == "invalid"
        assert all(error["message"] for error in result["errors"])
        assert result["errors"]
    states = {result["id"]: result["state"] for result in results.values() if result["id"].startswith("GOOD")}
    assert states == {"GOOD-1": "accepted", "GOOD-2": "accepted", "GOOD-3": "accepted"}
    assert (stage.inbox / "folder.json").is_dir()
    assert stage.answers()
    assert stage.stop_agent() == 0
