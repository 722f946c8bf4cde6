"""The seal on stored values: bound to key and row, refused at the slightest change."""

from __future__ import annotations

import hashlib
import hmac
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent.crypto import at_rest
from agent.crypto.at_rest import DataKey, generate, key_id_of
from agent.errors import CiphertextRejected, CryptoError, KeyRejected

KEY = DataKey(7, bytes(range(32)))
ROW = b"outbox|payload|42"
PLAINTEXT = "测试甲 测试乙".encode()
STORED_BY_THE_FIRST_RELEASE = (
    "0100000007cffd444f939547c322aa2a82c5c7942cc57e4d63a6791966311d59b46440a7eaba2721be39b9d3581dfdeca74e1afb"
)


def test_sealed_value_opens_in_its_own_row_only() -> None:
    blob = KEY.seal(PLAINTEXT, ROW)
    assert KEY.open(blob, ROW) == PLAINTEXT
    for other in (b"outbox|payload|43", b"outbox|answer|42", b"", ROW + b"\0", ROW[:-1]):
        with pytest.raises(CiphertextRejected):
            KEY.open(blob, other)


def test_every_single_flipped_bit_is_refused() -> None:
    blob = KEY.seal(PLAINTEXT, ROW)
    for bit in range(len(blob) * 8):
        changed = bytearray(blob)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CiphertextRejected):
            KEY.open(bytes(changed), ROW)


def test_every_shortened_or_lengthened_value_is_refused() -> None:
    blob = KEY.seal(PLAINTEXT, ROW)
    for wrong in [*(blob[:size] for size in range(len(blob))), blob + b"\0"]:
        with pytest.raises(CiphertextRejected):
            KEY.open(wrong, ROW)


def test_header_and_context_cannot_trade_bytes() -> None:
    """The id belongs to what is authenticated: another key with the same secret does not open."""
    blob = KEY.seal(PLAINTEXT, ROW)
    twin = DataKey(8, KEY.secret)
    with pytest.raises(CiphertextRejected):
        twin.open(blob, ROW)
    with pytest.raises(CiphertextRejected):
        twin.open(blob[:1] + (8).to_bytes(4, "big") + blob[5:], ROW)


def test_value_of_another_key_is_refused_and_names_the_key_it_needs() -> None:
    blob = KEY.seal(PLAINTEXT, ROW)
    assert key_id_of(blob) == 7
    with pytest.raises(CiphertextRejected) as refusal:
        generate(9).open(blob, ROW)
    assert refusal.value.details["key_id"] == 7
    with pytest.raises(CiphertextRejected):
        generate(7).open(blob, ROW)


def test_same_value_never_looks_the_same_twice() -> None:
    blobs = {KEY.seal(PLAINTEXT, ROW) for _ in range(1000)}
    assert len({blob[5:17] for blob in blobs}) == 1000
    assert all(PLAINTEXT not in blob for blob in blobs)


@pytest.mark.parametrize("size", [0, 1, 1024, 1_000_000])
def test_overhead_is_33_bytes_whatever_the_size(size: int) -> None:
    plaintext = bytes(size)
    blob = KEY.seal(plaintext, ROW)
    assert len(blob) == size + at_rest.OVERHEAD_BYTES == size + 33
    assert KEY.open(blob, ROW) == plaintext


def test_format_of_stored_values_stays_readable() -> None:
    """A value written by the first release; changing the format needs a new version byte."""
    blob = bytes.fromhex(STORED_BY_THE_FIRST_RELEASE)
    assert KEY.open(blob, ROW) == PLAINTEXT


def test_keyed_hash_stays_the_same_across_releases() -> None:
    """Derived here by hand after RFC 5869: the columns to search by hold these bytes."""
    root = _hkdf(KEY.secret, b"his-agent at rest: index")
    subkey = _hkdf(root, b"his-agent at rest: keyed hash: scope")
    expected = hmac.new(subkey, "测试".encode(), hashlib.sha256).digest()
    assert KEY.keyed_hash("测试", "scope") == expected[:16]
    assert KEY.keyed_hash("测试".encode(), "scope", 32) == expected


def _hkdf(secret: bytes, purpose: bytes) -> bytes:
    extracted = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(extracted, purpose + b"\x01", "sha256")


def test_a_hash_that_was_taken_on_is_found_by_what_it_stands_for() -> None:
    second = DataKey(8, b"2" * 32, (KEY.index_root,))
    third = DataKey(9, b"3" * 32, (*second.former, second.index_root))
    for size in at_rest.HASH_SIZES:
        old = KEY.keyed_hash("a", "scope", size)
        assert second.rehash(old) == second.keyed_hash("a", "scope", size) != old
        assert third.rehash(second.rehash(old)) == third.keyed_hash("a", "scope", size)
    near = KEY.near_hash("F-0001", "F-", "fact")
    assert second.rehash(near) == second.near_hash("F-0001", "F-", "fact") != near
    assert third.rehash(second.rehash(near)) == third.near_hash("F-0001", "F-", "fact")
    assert third.rehash(None) is None
    assert third.rehash(b"") == b""


def test_who_has_a_former_key_or_what_hashing_keeps_of_it_can_compute_no_present_hash() -> None:
    second = DataKey(8, b"2" * 32, (KEY.index_root,))
    known = {KEY.keyed_hash("a", "scope"), DataKey(8, KEY.secret, (KEY.index_root,)).keyed_hash("a", "scope")}
    assert second.keyed_hash("a", "scope") not in known
    with pytest.raises(CiphertextRejected):
        DataKey(7, KEY.index_root).open(KEY.seal(PLAINTEXT, ROW), ROW)


def test_keyed_hash_depends_on_value_domain_and_key() -> None:
    hashes = {
        KEY.keyed_hash("a", "scope"),
        KEY.keyed_hash("b", "scope"),
        KEY.keyed_hash("a", "person"),
        generate(7).keyed_hash("a", "scope"),
    }
    assert len(hashes) == 4
    assert DataKey(8, KEY.secret).keyed_hash("a", "scope") in hashes


def test_near_hashes_begin_alike_with_one_beginning_and_are_told_apart() -> None:
    one, next_one = KEY.near_hash("F-0001", "F-", "fact"), KEY.near_hash("F-0002", "F-", "fact")
    other = KEY.near_hash("G-0001", "G-", "fact")
    assert {len(one), len(next_one), len(other)} == {24}
    assert one[:8] == next_one[:8] != other[:8]
    assert len({one[8:], next_one[8:], other[8:]}) == 3
    assert one[8:] == KEY.keyed_hash("F-0001", "fact")
    assert one[:8] not in KEY.keyed_hash("F-", "fact", 32)


def test_keyed_hash_of_another_size_is_refused() -> None:
    with pytest.raises(CryptoError):
        KEY.keyed_hash("a", "scope", 8)


@pytest.mark.parametrize(("key_id", "size"), [(0, 32), (-1, 32), (2**32, 32), (1, 31), (1, 33), (1, 0)])
def test_impossible_keys_are_refused(key_id: int, size: int) -> None:
    with pytest.raises(KeyRejected):
        DataKey(key_id, bytes(size))


def test_repr_and_refusals_show_no_secret_and_no_plaintext() -> None:
    assert repr(KEY) == "DataKey(key_id=7)"
    blob = KEY.seal(PLAINTEXT, ROW)
    with pytest.raises(CiphertextRejected) as refusal:
        KEY.open(blob[:-1] + bytes([blob[-1] ^ 1]), ROW)
    assert "测试乙" not in f"{refusal.value!r}{refusal.value.details}"
    assert refusal.value.hint


def test_one_key_serves_many_threads() -> None:
    def round_trip(number: int) -> bytes:
        context = str(number).encode()
        return KEY.open(KEY.seal(context * 50, context), context)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(round_trip, range(2000))) == [str(n).encode() * 50 for n in range(2000)]
