"""New key pairs. The private part goes to the keyring at once; only the public part is shown."""

from __future__ import annotations

from typing import Final

from agent.errors import KeyRejected
from agent.key_material import rsa_keys
from agent.key_material.pairs import public_part
from agent.key_material.text import pem

RSA_BITS: Final = 2048
_RSA_EXPONENT: Final = 65537


def generate(kind: str) -> str:
    """A new private key, ``sm2-private`` or ``rsa-private``, as PKCS#8 PEM. Raises KeyRejected for a kind
    that cannot be made here."""
    if kind == "sm2-private":
        from agent.crypto import keys

        return keys.generate().to_pem()
    if kind == "rsa-private":
        from cryptography.hazmat.primitives.asymmetric import rsa

        return rsa_keys.private_pem(rsa.generate_private_key(_RSA_EXPONENT, RSA_BITS))
    raise KeyRejected(
        f"不能生成种类为 {kind} 的密钥" if kind else "不知道要生成哪一种密钥：没有系统使用这个名称",
        hint="请核对名称（his-agent keys list），或用 --kind 指明 sm2-private 或 rsa-private",
    )


def public_pem(text: str) -> str:
    """The public part of any key or certificate, as X.509 PEM. Raises KeyRejected."""
    return pem("PUBLIC KEY", public_part(text))
