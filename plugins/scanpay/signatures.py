"""Signing and verifying by a profile, with RSA or SM2 keys. Pure."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from binascii import unhexlify
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from agent.crypto import DeviceKey as Sm2Device
from agent.crypto import PrivateKey as Sm2Private
from agent.crypto import PublicKey as Sm2Public
from agent.crypto import sm2
from agent.errors import CryptoError, KeyRejected, SignatureRejected
from plugins.scanpay.profiles import Form, Hash, Profile

if TYPE_CHECKING:
    from plugins.scanpay.keys import Private, Public

Pairs: TypeAlias = Iterable[tuple[str, str]]


def sign(profile: Profile, pairs: Pairs, private: Private) -> str:
    """The signature over the pairs, as it is written. Raises KeyRejected for a key of the other kind."""
    source = profile.source(pairs)
    if isinstance(private, Sm2Private | Sm2Device):
        _demand(profile, Hash.SM3)
        raw = sm2.sign(private, source)
    else:
        _refuse(profile, Hash.SM3)
        raw = private.sign(_signed(profile.hash, source), _padding(), _algorithm(profile.hash))
    return b64encode(raw).decode("ascii") if profile.form is Form.BASE64 else raw.hex()


def verify(profile: Profile, pairs: Pairs, signature: str, public: Public) -> None:
    """Raises SignatureRejected, or KeyRejected for a key of the other kind."""
    from cryptography.exceptions import InvalidSignature

    raw, source = _raw(profile.form, signature), profile.source(pairs)
    try:
        if isinstance(public, Sm2Public):
            _demand(profile, Hash.SM3)
            sm2.verify(public, source, raw)
        else:
            _refuse(profile, Hash.SM3)
            public.verify(raw, _signed(profile.hash, source), _padding(), _algorithm(profile.hash))
    except KeyRejected:
        raise
    except (InvalidSignature, CryptoError):
        raise rejected("does not verify") from None


def rejected(reason: str) -> SignatureRejected:
    return SignatureRejected(
        "平台应答验签失败",
        hint="请核对 platform_key 的证书和 signature_ 各项配置；可用 his-agent scanpay probe-signature 试出",
        details={"reason": reason},
    )


def _raw(form: Form, signature: str) -> bytes:
    if not signature:
        raise rejected("no signature")
    try:
        return b64decode(signature, validate=True) if form is Form.BASE64 else unhexlify(signature)
    except (Base64Error, ValueError):
        raise rejected("signature not readable") from None


def _signed(hash_: Hash, source: bytes) -> bytes:
    """The vendor's predecessor signs the digest's hexadecimal letters."""
    return hashlib.sha1(source).hexdigest().encode("ascii") if hash_ is Hash.SHA1_HEX else source  # noqa: S324


def _padding() -> Any:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    return PKCS1v15()


def _algorithm(hash_: Hash) -> Any:
    from cryptography.hazmat.primitives import hashes

    return {Hash.SHA256: hashes.SHA256, Hash.MD5: hashes.MD5}.get(hash_, hashes.SHA1)()


def _demand(profile: Profile, hash_: Hash) -> None:
    if profile.hash is not hash_:
        raise _other_kind("SM2", profile)


def _refuse(profile: Profile, hash_: Hash) -> None:
    if profile.hash is hash_:
        raise _other_kind("RSA", profile)


def _other_kind(kind: str, profile: Profile) -> KeyRejected:
    return KeyRejected(
        f"{kind} 密钥不能用于签名方式 {profile.hash}", hint="请核对 signature_hash，或导入相应种类的密钥"
    )
