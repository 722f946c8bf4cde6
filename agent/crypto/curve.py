"""The SM2 curve (GB/T 32918.5): its numbers, membership, and the forms a point takes as bytes.

No scalar multiplication here: that is the backends' work. A *point* elsewhere in this package is
64 bytes, ``x ‖ y``, big-endian, each padded to 32: the one form in which no leading zero and no
``04`` can be mistaken for something else.
"""

from __future__ import annotations

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
GENERATOR_X = 0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7
GENERATOR_Y = 0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0

COORDINATE_BYTES = 32
POINT_BYTES = 64

SIGNER_ID = b"1234567812345678"
"""The signer id of the ministry's demo (and of GM/T 0009): enters every signature's hash."""


def contains(x: int, y: int) -> bool:
    """Whether (x, y) is a point of the curve with both coordinates reduced. The cofactor is 1, so
    that every such point has order N."""
    return 0 <= x < P and 0 <= y < P and (y * y - (x * x + A) * x - B) % P == 0


def point_bytes(x: int, y: int) -> bytes:
    return x.to_bytes(COORDINATE_BYTES, "big") + y.to_bytes(COORDINATE_BYTES, "big")


def point_coordinates(point: bytes) -> tuple[int, int]:
    return int.from_bytes(point[:COORDINATE_BYTES], "big"), int.from_bytes(point[COORDINATE_BYTES:], "big")


GENERATOR = point_bytes(GENERATOR_X, GENERATOR_Y)


def decompress(x: int, y_is_odd: bool) -> tuple[int, int] | None:
    """The point with this x and this parity of y, or None when x belongs to no point."""
    square = ((x * x + A) * x + B) % P
    y = pow(square, (P + 1) // 4, P)  # a square root, because P is 3 modulo 4
    if y & 1 != y_is_odd:
        y = P - y
    return (x, y) if contains(x, y) else None


def decode_octets(octets: bytes) -> tuple[int, int] | None:
    """A point as SEC 1 writes it: ``04 ‖ x ‖ y`` or ``02/03 ‖ x``; None for anything else.

    The hybrid forms 06 and 07 are refused: nobody sends them, and they only blur identity.
    """
    if len(octets) == 1 + POINT_BYTES and octets[0] == 4:
        x, y = point_coordinates(octets[1:])
        return (x, y) if contains(x, y) else None
    if len(octets) == 1 + COORDINATE_BYTES and octets[0] in {2, 3}:
        return decompress(int.from_bytes(octets[1:], "big"), octets[0] == 3)
    return None
