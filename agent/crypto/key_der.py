"""SM2 keys in DER: PKCS#8 and SEC 1 private keys, X.509 SubjectPublicKeyInfo.

Seen in the field and read here: a curve named by its OID or written out with all its parameters, a private
key without its public part, a scalar whose leading zero bytes were dropped. Refused: any other curve,
encrypted keys, anything that is not strict DER. Every refusal is a ``CryptoError``.
"""

from __future__ import annotations

from typing import NamedTuple

from agent.crypto import curve, der
from agent.errors import CryptoError, KeyRejected

_EC_PUBLIC_KEY = bytes.fromhex("2a8648ce3d0201")  # 1.2.840.10045.2.1
_SM2_CURVE = bytes.fromhex("2a811ccf5501822d")  # 1.2.156.10197.1.301
_PRIME_FIELD = bytes.fromhex("2a8648ce3d0101")  # 1.2.840.10045.1.1

_CURVE_NAME = der.element(der.OBJECT_IDENTIFIER, _SM2_CURVE)
_ALGORITHM = der.element(der.SEQUENCE, der.element(der.OBJECT_IDENTIFIER, _EC_PUBLIC_KEY), _CURVE_NAME)

Coordinates = tuple[int, int]


class PrivateParts(NamedTuple):
    """The 32-byte scalar and, where the file has it, the public point."""

    scalar: bytes
    public: Coordinates | None


def read_private(encoded: bytes) -> PrivateParts:
    """A PKCS#8 PrivateKeyInfo or a SEC 1 ECPrivateKey."""
    outer = der.Reader(encoded)
    body = outer.enter(der.SEQUENCE)
    outer.finish()
    version = body.read_integer()
    if body.next_tag() == der.OCTET_STRING:
        return _read_sec1(encoded, curve_is_known=False)
    if version not in {0, 1}:
        raise _refused("PKCS#8 version")
    _check_algorithm(body)
    return _read_sec1(body.read(der.OCTET_STRING), curve_is_known=True)


def read_public(encoded: bytes) -> Coordinates:
    """An X.509 SubjectPublicKeyInfo."""
    outer = der.Reader(encoded)
    body = outer.enter(der.SEQUENCE)
    outer.finish()
    _check_algorithm(body)
    octets = body.read_bit_string()
    body.finish()
    return _read_point(octets)


def write_private(scalar: bytes, point: bytes) -> bytes:
    """PKCS#8 with the curve's name and the public part, as BouncyCastle writes it."""
    sec1 = der.element(
        der.SEQUENCE,
        der.integer(1),
        der.element(der.OCTET_STRING, scalar),
        der.element(der.TAGGED_0, _CURVE_NAME),
        der.element(der.TAGGED_1, der.bit_string(b"\x04" + point)),
    )
    return der.element(der.SEQUENCE, der.integer(0), _ALGORITHM, der.element(der.OCTET_STRING, sec1))


def write_public(point: bytes) -> bytes:
    return der.element(der.SEQUENCE, _ALGORITHM, der.bit_string(b"\x04" + point))


def _read_sec1(encoded: bytes, *, curve_is_known: bool) -> PrivateParts:
    outer = der.Reader(encoded)
    body = outer.enter(der.SEQUENCE)
    outer.finish()
    if body.read_integer() != 1:
        raise _refused("SEC 1 version")
    scalar = _pad_scalar(body.read(der.OCTET_STRING))
    if body.next_tag() == der.TAGGED_0:
        _check_curve(body.enter(der.TAGGED_0))
    elif not curve_is_known:
        raise _wrong_curve("no curve named")
    public = None
    if body.next_tag() == der.TAGGED_1:
        tagged = body.enter(der.TAGGED_1)
        public = _read_point(tagged.read_bit_string())
        tagged.finish()
    body.finish()
    return PrivateParts(scalar, public)


def _pad_scalar(octets: bytes) -> bytes:
    significant = octets.lstrip(b"\0")
    if len(significant) > curve.COORDINATE_BYTES:
        raise _refused("scalar longer than 32 bytes")
    return significant.rjust(curve.COORDINATE_BYTES, b"\0")


def _read_point(octets: bytes) -> Coordinates:
    coordinates = curve.decode_octets(octets)
    if coordinates is None:
        raise KeyRejected(
            "公钥不在 SM2 曲线上",
            hint="请重新索取公钥，确认复制时没有遗漏或改动",
            details={"reason": "point"},
        )
    return coordinates


def _check_algorithm(body: der.Reader) -> None:
    algorithm = body.enter(der.SEQUENCE)
    if algorithm.read(der.OBJECT_IDENTIFIER) != _EC_PUBLIC_KEY:
        raise _wrong_curve("not an elliptic-curve key")
    _check_curve(algorithm)


def _check_curve(parameters: der.Reader) -> None:
    if parameters.next_tag() == der.OBJECT_IDENTIFIER:
        if parameters.read(der.OBJECT_IDENTIFIER) != _SM2_CURVE:
            raise _wrong_curve("another curve")
    else:
        _check_explicit_curve(parameters.enter(der.SEQUENCE))
    parameters.finish()


def _check_explicit_curve(parameters: der.Reader) -> None:
    """X9.62 ECParameters: version, field, coefficients (and seed), base point, order (and cofactor)."""
    parameters.read_integer()
    field = parameters.enter(der.SEQUENCE)
    if field.read(der.OBJECT_IDENTIFIER) != _PRIME_FIELD:
        raise _wrong_curve("not a prime field")
    prime = field.read_integer()
    field.finish()
    coefficients = parameters.enter(der.SEQUENCE)
    a, b = (int.from_bytes(coefficients.read(der.OCTET_STRING), "big") for _ in range(2))
    generator = curve.decode_octets(parameters.read(der.OCTET_STRING))
    order = parameters.read_integer()
    cofactor = 1 if parameters.next_tag() is None else parameters.read_integer()
    parameters.finish()
    expected = (curve.P, curve.A, curve.B, (curve.GENERATOR_X, curve.GENERATOR_Y), curve.N, 1)
    if (prime, a, b, generator, order, cofactor) != expected:
        raise _wrong_curve("other curve parameters")


def _wrong_curve(reason: str) -> KeyRejected:
    return KeyRejected(
        "这不是 SM2 曲线的密钥",
        hint="请确认索取的是国密 SM2 密钥，而不是 RSA 或其他椭圆曲线",
        details={"reason": reason},
    )


def _refused(reason: str) -> CryptoError:
    return CryptoError("密钥编码不正确", hint="请重新导出密钥", details={"reason": reason})
