"""RSA operations on a token, one session per operation: tokens are pulled out and put back."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from agent.errors import ConfigurationError
from plugins.pkcs11.uri import KeyUri, read_uri

_SIGNING: Final = {
    "rsa-pkcs1v15-sha1": "SHA1_RSA_PKCS",
    "rsa-pkcs1v15-sha256": "SHA256_RSA_PKCS",
    "rsa-pkcs1v15-md5": "MD5_RSA_PKCS",
}
_DECRYPTING: Final = {"rsa-pkcs1v15": "RSA_PKCS"}
_one_at_a_time = threading.Lock()
"""A PKCS#11 module is one per process, and few of them like threads."""


class TokenKey:
    """See :class:`agent.hookspecs.HardwareKey`."""

    def __init__(self, uri: KeyUri) -> None:
        self._uri = uri

    def __repr__(self) -> str:
        return f"TokenKey({self._uri.token!r}, {self._uri.label!r})"

    def public_pem(self) -> str:
        from pkcs11 import Attribute, ObjectClass
        from pkcs11.util.rsa import encode_rsa_public_key

        with self._session() as session:
            key = session.get_key(object_class=ObjectClass.PUBLIC_KEY, label=self._uri.label)
            assert key[Attribute.MODULUS]
            return _pem(encode_rsa_public_key(key))

    def sign(self, data: bytes, scheme: str) -> bytes:
        return self._operate("sign", data, _SIGNING.get(scheme), scheme)

    def decrypt(self, data: bytes, scheme: str) -> bytes:
        return self._operate("decrypt", data, _DECRYPTING.get(scheme), scheme)

    def _operate(self, name: str, data: bytes, mechanism: str | None, scheme: str) -> bytes:
        from pkcs11 import Mechanism, ObjectClass

        if mechanism is None:
            raise ConfigurationError(
                f"PKCS#11 设备上的密钥不能用于 {scheme}", hint="请核对签名方式；SM2 请使用 SKF/SDF 设备的插件"
            )
        with self._session() as session:
            key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=self._uri.label)
            result: bytes = getattr(key, name)(data, mechanism=Mechanism[mechanism])
            return result

    @contextmanager
    def _session(self) -> Iterator[Any]:
        import pkcs11

        with _one_at_a_time:
            try:
                token = pkcs11.lib(self._uri.module).get_token(token_label=self._uri.token)
                with token.open(user_pin=self._uri.pin) as session:
                    yield session
            except (pkcs11.PKCS11Error, RuntimeError) as error:
                raise ConfigurationError(
                    "密码设备（PKCS#11）不能使用这个密钥",
                    hint="请检查设备是否插好、驱动路径、令牌名称、密钥名称和 PIN",
                    details={"cause": type(error).__name__},
                ) from None


def open_key(reference: str) -> TokenKey:
    """Raises ConfigurationError when the library is missing or the reference is not whole."""
    uri = read_uri(reference)
    try:
        import pkcs11  # noqa: F401 - whether it is there
    except ImportError:
        raise ConfigurationError(
            "没有安装 PKCS#11 的支持", hint="请安装：pip install 'his-agent[hardware]'"
        ) from None
    return TokenKey(uri)


def _pem(pkcs1: bytes) -> str:
    """X.509, from the PKCS#1 that the library gives."""
    from cryptography.hazmat.primitives import serialization

    body = b64encode(pkcs1).decode("ascii")
    key = serialization.load_pem_public_key(
        f"-----BEGIN RSA PUBLIC KEY-----\n{body}\n-----END RSA PUBLIC KEY-----\n".encode("ascii")
    )
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode("ascii")
