"""Reading keys as people hand them over, and refusing what is no SM2 key."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from gmssl import sm3 as gmssl_sm3

from agent.crypto import curve, der, key_der
from agent.crypto.keys import PrivateKey, PublicKey, generate, load_private, load_public
from agent.errors import KeyRejected

PAIR = generate()
OTHER = generate()
POINT = PAIR.public.point

_EC = bytes.fromhex("06072a8648ce3d0201")
_SM2 = bytes.fromhex("06082a811ccf5501822d")
_PRIME_FIELD = bytes.fromhex("06072a8648ce3d0101")


def pem(label: str, encoded: bytes, *, newline: str = "\n", width: int = 64) -> str:
    body = base64.b64encode(encoded).decode()
    lines = [body[i : i + width] for i in range(0, len(body), width)]
    return newline.join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def explicit_curve(*, b: int = curve.B, order: int = curve.N, generator: bytes | None = None) -> bytes:
    base = generator or b"\x04" + curve.GENERATOR
    return der.element(
        der.SEQUENCE,
        der.integer(1),
        der.element(der.SEQUENCE, _PRIME_FIELD, der.integer(curve.P)),
        der.element(
            der.SEQUENCE,
            der.element(der.OCTET_STRING, curve.A.to_bytes(32, "big")),
            der.element(der.OCTET_STRING, b.to_bytes(32, "big")),
        ),
        der.element(der.OCTET_STRING, base),
        der.integer(order),
        der.integer(1),
    )


def sec1(scalar: bytes, *, named: bytes | None = _SM2, public: bytes | None = None) -> bytes:
    parts = [der.integer(1), der.element(der.OCTET_STRING, scalar)]
    if named is not None:
        parts.append(der.element(der.TAGGED_0, named))
    if public is not None:
        parts.append(der.element(der.TAGGED_1, der.bit_string(public)))
    return der.element(der.SEQUENCE, *parts)


def pkcs8(inner: bytes, *, named: bytes = _SM2, version: int = 0) -> bytes:
    algorithm = der.element(der.SEQUENCE, _EC, named)
    return der.element(der.SEQUENCE, der.integer(version), algorithm, der.element(der.OCTET_STRING, inner))


def spki(octets: bytes, named: bytes = _SM2) -> bytes:
    return der.element(der.SEQUENCE, der.element(der.SEQUENCE, _EC, named), der.bit_string(octets))


COMPRESSED = bytes([2 + (PAIR.public.y & 1)]) + POINT[:32]
BARE = pkcs8(sec1(PAIR.scalar, named=None))
PKCS8 = key_der.write_private(PAIR.scalar, POINT)
SEC1 = sec1(PAIR.scalar, public=b"\x04" + POINT)
EC_PARAMETERS = pem("EC PARAMETERS", _SM2)

PRIVATE_FORMS: dict[str, str | bytes] = {
    "PEM": PAIR.to_pem(),
    "PEM as bytes": PAIR.to_pem().encode(),
    "CRLF": pem("PRIVATE KEY", PKCS8, newline="\r\n"),
    "one long line": pem("PRIVATE KEY", PKCS8, width=1000),
    "text around it": "Bag Attributes\n" + PAIR.to_pem() + "\nend",
    "byte order mark of UTF-8": b"\xef\xbb\xbf" + PAIR.to_pem().encode(),
    "byte order mark of UTF-16": PAIR.to_pem().encode("utf-16"),
    "without public part": pem("PRIVATE KEY", BARE),
    "explicit curve": pem("PRIVATE KEY", pkcs8(sec1(PAIR.scalar, named=None), named=explicit_curve())),
    "explicit curve, compressed base point": pem(
        "PRIVATE KEY",
        pkcs8(sec1(PAIR.scalar), named=explicit_curve(generator=b"\x02" + curve.GENERATOR[:32])),
    ),
    "SEC 1": pem("EC PRIVATE KEY", SEC1),
    "SEC 1 after its parameters": EC_PARAMETERS + pem("EC PRIVATE KEY", SEC1),
    "SEC 1 with explicit curve": pem("EC PRIVATE KEY", sec1(PAIR.scalar, named=explicit_curve())),
    "DER": PKCS8,
    "DER of SEC 1": SEC1,
    "bare Base64": base64.b64encode(PKCS8).decode(),
    "bare Base64 in CRLF lines": "\r\n".join(pem("X", PKCS8).splitlines()[1:-1]),
    "hex": PAIR.scalar.hex(),
    "hex in capitals with spaces": " " + PAIR.scalar.hex(" ", 4).upper() + "\n",
}

PUBLIC_FORMS: dict[str, str | bytes] = {
    "PEM": PAIR.public.to_pem(),
    "CRLF": pem("PUBLIC KEY", spki(b"\x04" + POINT), newline="\r\n"),
    "one long line": pem("PUBLIC KEY", spki(b"\x04" + POINT), width=1000),
    "explicit curve": pem("PUBLIC KEY", spki(b"\x04" + POINT, explicit_curve())),
    "compressed in PEM": pem("PUBLIC KEY", spki(COMPRESSED)),
    "DER": spki(b"\x04" + POINT),
    "bare Base64": base64.b64encode(spki(b"\x04" + POINT)),
    "128 hex": POINT.hex(),
    "130 hex": "04" + POINT.hex().upper(),
    "66 hex": COMPRESSED.hex(),
}


@pytest.mark.parametrize("form", PRIVATE_FORMS)
def test_private_key_is_read_in_every_form_seen_in_the_field(form: str) -> None:
    assert load_private(PRIVATE_FORMS[form]) == PAIR


@pytest.mark.parametrize("form", PUBLIC_FORMS)
def test_public_key_is_read_in_every_form_seen_in_the_field(form: str) -> None:
    assert load_public(PUBLIC_FORMS[form]) == PAIR.public


@pytest.mark.parametrize("dropped", [1, 2])
@pytest.mark.parametrize("first", [b"\x04", b"\x7f"])
def test_scalar_without_its_leading_zeros_is_read(dropped: int, first: bytes) -> None:
    scalar = bytes(dropped) + first * (32 - dropped)
    assert load_private(pem("EC PRIVATE KEY", sec1(scalar[dropped:]))).scalar == scalar
    assert load_private(pem("EC PRIVATE KEY", sec1(b"\0" + scalar))).scalar == scalar


def p256_private() -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(0x1234567, ec.SECP256R1())


def der_of(private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


_ENCRYPTED = p256_private().private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
)
_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)

BAD_PRIVATE: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "不完整"),
    "nonsense": ("这不是密钥", "无法识别"),
    "binary nonsense": (b"\x80\x81\x82", "不是文本"),
    "far too long": ("A" * 100_000, "过长"),
    "public key instead": (PAIR.public.to_pem(), "PEM"),
    "password-protected": (_ENCRYPTED, "口令"),
    "end line missing": (PAIR.to_pem()[:-10], "首尾"),
    "scalar 0": ("00" * 32, "范围"),
    "scalar N-1": (f"{curve.N - 1:064x}", "范围"),
    "scalar N": (f"{curve.N:064x}", "范围"),
    "scalar 0 in DER": (pem("PRIVATE KEY", pkcs8(sec1(bytes(32)))), "范围"),
    "scalar of 33 bytes": (pem("PRIVATE KEY", pkcs8(sec1(b"\x01" * 33))), "格式不对"),
    "NIST curve": (der_of(p256_private()), "不是 SM2 曲线"),
    "RSA": (der_of(_RSA), "不是 SM2 曲线"),
    "explicit curve with another b": (
        pkcs8(sec1(PAIR.scalar, named=None), named=explicit_curve(b=7)),
        "不是 SM2",
    ),
    "explicit curve with another order": (
        pkcs8(sec1(PAIR.scalar), named=explicit_curve(order=11)),
        "不是 SM2",
    ),
    "SEC 1 naming another curve": (
        sec1(PAIR.scalar, named=bytes.fromhex("06082a8648ce3d030107")),
        "不是 SM2",
    ),
    "SEC 1 naming no curve": (sec1(PAIR.scalar, named=None), "不是 SM2"),
    "another pair's public part": (pkcs8(sec1(PAIR.scalar, public=b"\x04" + OTHER.public.point)), "不配对"),
    "public part off the curve": (pkcs8(sec1(PAIR.scalar, public=b"\x04" + bytes(64))), "曲线"),
    "trailing bytes": (PKCS8 + b"\0", "格式不对"),
    "cut short": (PKCS8[:-1], "格式不对"),
    "Base64 cut to 32 bytes": (base64.b64encode(PKCS8[:32]), "格式不对"),
    "unknown version": (pkcs8(sec1(PAIR.scalar), version=2), "格式不对"),
    "63 hex digits": (PAIR.scalar.hex()[:-1], ""),
}

OFF_CURVE = PAIR.public.point[:-1] + bytes([PAIR.public.point[-1] ^ 1])

SMALL_X, SMALL_Y = next(point for x in range(100) if (point := curve.decompress(x, y_is_odd=False)))

BAD_PUBLIC: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "不完整"),
    "private key instead": (PAIR.to_pem(), "PEM"),
    "off the curve in hex": (OFF_CURVE.hex(), "曲线"),
    "off the curve in PEM": (pem("PUBLIC KEY", spki(b"\x04" + OFF_CURVE)), "曲线"),
    "hybrid form": ("06" + POINT.hex(), "曲线"),
    "point at infinity": (pem("PUBLIC KEY", spki(b"\0")), "曲线"),
    "x not reduced": (f"{SMALL_X + curve.P:064x}{SMALL_Y:064x}", "曲线"),
    "compressed x not reduced": (f"02{SMALL_X + curve.P:064x}", "曲线"),
    "compressed x of no point": ("02" + f"{5:064x}", "曲线"),
    "NIST curve": (
        p256_private().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "不是 SM2",
    ),
    "RSA": (_RSA.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), "不是 SM2"),
    "trailing bytes": (spki(b"\x04" + POINT) + b"\0", "格式不对"),
    "unused bits": (spki(b"\x04" + POINT).replace(b"\x03\x42\x00\x04", b"\x03\x42\x01\x04"), "格式不对"),
}


@pytest.mark.parametrize("case", BAD_PRIVATE)
def test_bad_private_key_is_refused_with_a_reason_and_a_way_out(case: str) -> None:
    material, expected = BAD_PRIVATE[case]
    with pytest.raises(KeyRejected) as refusal:
        load_private(material)
    assert expected in str(refusal.value)
    assert refusal.value.hint


@pytest.mark.parametrize("case", BAD_PUBLIC)
def test_bad_public_key_is_refused_with_a_reason_and_a_way_out(case: str) -> None:
    material, expected = BAD_PUBLIC[case]
    with pytest.raises(KeyRejected) as refusal:
        load_public(material)
    assert expected in str(refusal.value)
    assert refusal.value.hint


def test_compressed_x_that_is_refused_really_belongs_to_no_point() -> None:
    square = (5**3 + curve.A * 5 + curve.B) % curve.P
    assert pow(square, (curve.P - 1) // 2, curve.P) == curve.P - 1


def test_private_key_never_shows_its_scalar() -> None:
    shown = f"{PAIR!r} {PAIR} {[PAIR]}"
    number = int.from_bytes(PAIR.scalar, "big")
    assert PAIR.scalar.hex() not in shown
    assert str(number) not in shown
    assert repr(PAIR.scalar) not in shown
    assert PAIR.public.fingerprint() in shown


def test_refusal_never_shows_the_key() -> None:
    with pytest.raises(KeyRejected) as refusal:
        load_private(pkcs8(sec1(PAIR.scalar, public=b"\x04" + OTHER.public.point)))
    assert PAIR.scalar.hex() not in f"{refusal.value!r}{refusal.value}{refusal.value.details}"


def test_fingerprint_is_the_beginning_of_sm3_over_the_point() -> None:
    independent = gmssl_sm3.sm3_hash(list(b"\x04" + POINT))
    shown = PAIR.public.fingerprint()
    assert [len(group) for group in shown.split(" ")] == [4, 4, 4, 4]
    assert independent.startswith(shown.replace(" ", ""))
    assert len({key.public.fingerprint() for key in (PAIR, OTHER)}) == 2


def test_generated_keys_differ_and_survive_pem() -> None:
    assert PAIR.scalar != OTHER.scalar
    assert load_private(PAIR.to_pem()) == PAIR
    assert load_public(PAIR.public.to_pem()) == PAIR.public


def test_largest_and_smallest_scalar_are_keys() -> None:
    assert PrivateKey((1).to_bytes(32, "big")).public == PublicKey(curve.GENERATOR_X, curve.GENERATOR_Y)
    opposite = PrivateKey((curve.N - 2).to_bytes(32, "big")).public
    double = PrivateKey((2).to_bytes(32, "big")).public
    assert (opposite.x, opposite.y) == (double.x, curve.P - double.y)


def test_scalar_of_wrong_length_is_refused() -> None:
    with pytest.raises(KeyRejected):
        PrivateKey(b"\x01" * 31)
