import pytest

from agent.sources.file_names import natural_key, shortened


def test_natural_order_counts_numbers_as_numbers() -> None:
    names = ["a10.json", "a9.json", "A2.json", "b.json", "1.json", "a1b10", "a1b9"]
    assert sorted(names, key=natural_key) == [
        "1.json",
        "a1b9",
        "a1b10",
        "A2.json",
        "a9.json",
        "a10.json",
        "b.json",
    ]


@pytest.mark.parametrize("name", ["²a", "a" + "9" * 250, "", "7", "٣"])
def test_natural_order_takes_any_name(name: str) -> None:
    assert sorted([name, "b"], key=natural_key)


@pytest.mark.parametrize("name", ["病" * 85, "x" * 250 + ".json", "x." + "y" * 250, "\udcb2" * 200])
def test_shortened_name_leaves_room_for_an_event_id(name: str) -> None:
    assert len(shortened(name).encode("utf-8")) <= 120


def test_shortened_name_keeps_its_kind() -> None:
    assert shortened("x" * 250 + ".cancel").endswith("x.cancel")
