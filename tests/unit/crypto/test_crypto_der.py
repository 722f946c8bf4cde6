"""The strict DER reader: one encoding per value."""

from __future__ import annotations

import pytest

from agent.crypto import der
from agent.errors import CryptoError


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0, "020100"),
        (127, "02017f"),
        (128, "02020080"),
        (255, "020200ff"),
        (256, "02020100"),
        (2**64, "0209010000000000000000"),
    ],
)
def test_integer_is_written_and_read_in_its_shortest_form(value: int, encoded: str) -> None:
    assert der.integer(value).hex() == encoded
    assert der.Reader(bytes.fromhex(encoded)).read_integer() == value


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        ("0200", "empty integer"),
        ("020180", "negative integer"),
        ("02020001", "padded integer"),
        ("02020000", "padded integer"),
        ("0202 01", "content runs past the end"),
        ("02", "cut short"),
        ("", "unexpected tag"),
        ("040101", "unexpected tag"),
        ("028001000000", "indefinite or oversized length"),
        ("02850000000001 01", "indefinite or oversized length"),
        ("02810101", "padded length"),
        ("0282008001", "padded length"),
        ("0282", "cut short"),
    ],
)
def test_second_encodings_and_broken_ones_are_refused(encoded: str, reason: str) -> None:
    with pytest.raises(CryptoError) as refusal:
        der.Reader(bytes.fromhex(encoded)).read_integer()
    assert refusal.value.details["reason"] == reason


@pytest.mark.parametrize("size", [0, 127, 128, 255, 256, 70_000])
def test_long_content_is_written_and_read(size: int) -> None:
    content = b"\x07" * size
    reader = der.Reader(der.element(der.OCTET_STRING, content))
    assert reader.read(der.OCTET_STRING) == content
    reader.finish()


def test_bytes_after_the_last_element_are_refused() -> None:
    reader = der.Reader(der.integer(1) + b"\0")
    reader.read_integer()
    with pytest.raises(CryptoError):
        reader.finish()


def test_bit_string_with_unused_bits_is_refused() -> None:
    assert der.Reader(der.bit_string(b"ab")).read_bit_string() == b"ab"
    with pytest.raises(CryptoError):
        der.Reader(bytes.fromhex("03020180")).read_bit_string()
    with pytest.raises(CryptoError):
        der.Reader(bytes.fromhex("0300")).read_bit_string()
