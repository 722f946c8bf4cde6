from agent.submissions import in_sequence


def order(*items: str) -> str:
    """``a3``: item a with seq 3; ``a``: without; ``!``: a control file."""
    ordered = in_sequence(
        items,
        seq_of=lambda item: int(item[1:]) if item[1:] else None,
        stands=lambda item: item.startswith("!"),
    )
    return " ".join(ordered)


def test_numbered_files_are_sorted_by_their_number() -> None:
    assert order("a3", "b1", "c2") == "b1 c2 a3"


def test_equal_numbers_keep_their_order() -> None:
    assert order("a1", "b1", "c0") == "c0 a1 b1"


def test_files_without_a_number_keep_their_place() -> None:
    assert order("a3", "x", "b1", "y") == "b1 x a3 y"


def test_nothing_passes_a_control_file() -> None:
    assert order("a3", "b2", "!", "c1", "d0") == "b2 a3 ! d0 c1"


def test_nothing_is_nothing() -> None:
    assert order() == ""
