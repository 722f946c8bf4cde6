"""SM2 keys, and reading them in every form that people paste: PEM, bare Base64, hex.

A private key never shows its scalar in ``repr``. For people a key is named by its fingerprint.
"""

from __future__ import annotations

import re
from base64 import b64encode
from binascii import a2b_base64
from dataclasses import InitVar, dataclass, field
from typing import Final

from agent.crypto import backends, curve, key_der, sm3
from agent.errors import CryptoError, KeyRejected

_PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_HEX = re.compile(r"[0-9A-Fa-f]+")
_PRIVATE_LABELS: Final = ("PRIVATE KEY", "EC PRIVATE KEY")
_PUBLIC_LABELS: Final = ("PUBLIC KEY",)
_PRIVATE_HEX: Final = (64,)
_PUBLIC_HEX: Final = (66, 128, 130)
_LONGEST_MATERIAL = 65536
_DER_START = b"\x30"
_UTF16_MARKS: Final = {b"\xff\xfe", b"\xfe\xff"}
_FINGERPRINT_DIGITS = 16


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A point of the curve. Raises ``KeyRejected`` when (x, y) is none."""

    x: int
    y: int

    def __post_init__(self) -> None:
        if not curve.contains(self.x, self.y):
            raise _refused("公钥不在 SM2 曲线上", "请重新索取公钥，确认复制时没有遗漏或改动", "off the curve")

    @property
    def point(self) -> bytes:
        """``x ‖ y``, 64 bytes."""
        return curve.point_bytes(self.x, self.y)

    def fingerprint(self) -> str:
        """The first 16 hex digits of SM3(04 ‖ x ‖ y) in groups of four, to be read out on the telephone."""
        digits = sm3.digest(b"\x04", self.point).hex()[:_FINGERPRINT_DIGITS]
        return " ".join(digits[start : start + 4] for start in range(0, _FINGERPRINT_DIGITS, 4))

    def to_pem(self) -> str:
        """X.509 SubjectPublicKeyInfo."""
        return _to_pem("PUBLIC KEY", key_der.write_public(self.point))

    def __repr__(self) -> str:
        return f"PublicKey({self.fingerprint()})"


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A 32-byte scalar within 1 … N-2 and the public key that belongs to it.

    ``claimed`` is the public part that came along, if any. Raises ``KeyRejected`` when the scalar is out
    of range or the claimed part is not the scalar's own.
    """

    scalar: bytes = field(repr=False)
    claimed: InitVar[PublicKey | None] = None
    public: PublicKey = field(init=False, compare=False)

    def __post_init__(self, claimed: PublicKey | None) -> None:
        in_range = 0 < int.from_bytes(self.scalar, "big") < curve.N - 1
        if len(self.scalar) != curve.COORDINATE_BYTES or not in_range:
            raise _refused("私钥数值超出 SM2 允许的范围", "请重新生成或索取私钥", "scalar out of range")
        point = backends.choose().derive_point(self.scalar)
        if claimed is not None and claimed.point != point:
            raise _refused(
                "私钥与其附带的公钥不配对", "请重新导出密钥对，不要手工拼接", "public part mismatch"
            )
        object.__setattr__(self, "public", PublicKey(*curve.point_coordinates(point)))

    def to_pem(self) -> str:
        """Unencrypted PKCS#8: for the keyring and for tests, never for a file that stays."""
        return _to_pem("PRIVATE KEY", key_der.write_private(self.scalar, self.public.point))


def generate() -> PrivateKey:
    """A new key pair."""
    import secrets

    scalar = secrets.randbelow(curve.N - 2) + 1
    return PrivateKey(scalar.to_bytes(curve.COORDINATE_BYTES, "big"))


def load_private(material: str | bytes) -> PrivateKey:
    """Reads PEM (PKCS#8 or SEC 1, unencrypted), its DER, the DER in bare Base64, or 64 hex digits.

    Line ends, line lengths and a byte order mark do not matter. Raises ``KeyRejected``.
    """
    try:
        text = _text_or_der(material)
        raw = _raw_hex(text, _PRIVATE_HEX)
        if raw is not None:
            return PrivateKey(raw)
        scalar, public = key_der.read_private(_as_der(text, _PRIVATE_LABELS))
    except KeyRejected:
        raise
    except CryptoError as error:
        raise _unreadable("私钥", error) from error
    return PrivateKey(scalar, PublicKey(*public) if public else None)


def load_public(material: str | bytes) -> PublicKey:
    """Reads PEM (X.509), its DER, the DER in bare Base64, or 128, 130 or (compressed) 66 hex digits.

    Raises ``KeyRejected``.
    """
    try:
        text = _text_or_der(material)
        raw = _raw_hex(text, _PUBLIC_HEX)
        if raw is not None:
            return _public_from_octets(raw)
        return PublicKey(*key_der.read_public(_as_der(text, _PUBLIC_LABELS)))
    except KeyRejected:
        raise
    except CryptoError as error:
        raise _unreadable("公钥", error) from error


def _public_from_octets(octets: bytes) -> PublicKey:
    if len(octets) == curve.POINT_BYTES:
        octets = b"\x04" + octets
    coordinates = curve.decode_octets(octets)
    if coordinates is None:
        raise _refused("公钥不在 SM2 曲线上", "请重新索取公钥，确认复制时没有遗漏或改动", "no point")
    return PublicKey(*coordinates)


def _text_or_der(material: str | bytes) -> str | bytes:
    """The text of the material, or the material itself when it is binary DER."""
    if len(material) > _LONGEST_MATERIAL:
        raise _refused("密钥内容过长", "请只提供一个密钥", "too long")
    if isinstance(material, str):
        return material.lstrip("\ufeff")
    if material[:1] == _DER_START and not material.isascii():  # the DER of a key holds an OID, never ASCII
        return material
    encoding = "utf-16" if material[:2] in _UTF16_MARKS else "utf-8-sig"
    try:
        return material.decode(encoding)
    except UnicodeDecodeError:
        raise _refused("密钥不是文本", "请提供 PEM、Base64 或十六进制格式的密钥", "undecodable") from None


def _raw_hex(text: str | bytes, lengths: tuple[int, ...]) -> bytes | None:
    if isinstance(text, bytes):
        return None
    digits = "".join(text.split())
    return bytes.fromhex(digits) if len(digits) in lengths and _HEX.fullmatch(digits) else None


def _as_der(text: str | bytes, labels: tuple[str, ...]) -> bytes:
    if isinstance(text, bytes):
        return text
    body = _pem_body(text, labels) if "-----BEGIN" in text else text
    try:
        return a2b_base64("".join(body.split()), strict_mode=True)
    except ValueError:
        raise _refused(
            "密钥内容无法识别", "请提供 PEM、Base64 或十六进制格式的密钥，整段复制", "Base64"
        ) from None


def _pem_body(text: str, labels: tuple[str, ...]) -> str:
    blocks: dict[str, str] = dict(_PEM_BLOCK.findall(text))
    for label in labels:
        if label in blocks:
            return blocks[label]
    raise _refused("PEM 内容不是所需的密钥", _pem_hint(labels, bool(blocks), text), "PEM label")


def _pem_hint(labels: tuple[str, ...], any_found: bool, text: str) -> str:
    if "ENCRYPTED" in text:
        return "私钥带口令加密，请导出为不加密的 PKCS#8 后再导入"
    if not any_found:
        return "PEM 首尾标记不完整，请从 BEGIN 到 END 整段复制"
    return f"需要的是 {' 或 '.join(labels)}，请确认没有把公钥、私钥或证书弄混"


def _to_pem(label: str, encoded: bytes) -> str:
    body = b64encode(encoded).decode("ascii")
    lines = "\n".join(body[start : start + 64] for start in range(0, len(body), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"


def _unreadable(kind: str, error: CryptoError) -> KeyRejected:
    return _refused(
        f"{kind}内容不完整或格式不对", f"请重新导出{kind}并整段复制", str(error.details.get("reason", ""))
    )


def _refused(message: str, hint: str, reason: str) -> KeyRejected:
    return KeyRejected(message, hint=hint, details={"reason": reason})
