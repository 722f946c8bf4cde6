"""The keys of a rehearsal, in a folder: what is missing in it is made.

========================= ======================================================================
``platform-private.pem``  the platform's key; its ``platform.cer`` (``-public.pem``) is for the agent
``merchant-private.pem``  the institution's key, for the agent's keyring
``infosys-private.pem``   the information system's key, for the agent's keyring
========================= ======================================================================

They are rehearsal keys; real private keys belong into the keyring of the agent's account and never into a
file. RSA keys come with self-signed certificates, SM2 keys with bare public keys.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from agent.crypto.keys import generate
from agent.errors import AgentError, ConfigurationError
from plugins.scanpay.simulator.sealing import Hash, Sealing, load_private, public_of

PLATFORM: Final = "platform"
MERCHANT: Final = "merchant"
INFOSYS: Final = "infosys"
PAIRS: Final = (PLATFORM, MERCHANT, INFOSYS)
_BITS: Final = 2048


def read_sealing(folder: Path, hash_: Hash, now: datetime) -> Sealing:
    """The platform's end, from the keys in a folder. Raises ConfigurationError."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        keys = {name: _pair(folder, name, hash_, now) for name in PAIRS}
    except (OSError, ValueError, AgentError) as error:
        raise ConfigurationError(
            "演练密钥无法读取",
            hint="请换一个目录，或删除其中的密钥后重新开始",
            details={"folder": str(folder)},
        ) from error
    return Sealing(
        hash=hash_,
        own=keys[PLATFORM],
        merchant=public_of(keys[MERCHANT]),
        infosys=public_of(keys[INFOSYS]),
        stranger=load_private(make_private(hash_), hash_),
    )


def make_private(hash_: Hash) -> str:
    """A new private key as PEM: RSA, for SM3 of the SM2 curve."""
    if hash_ is Hash.SM3:
        return generate().to_pem()
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(65537, _BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


def public_text(name: str, private: Any, hash_: Hash, now: datetime) -> str:
    """What the other side is given: a certificate as PEM, for SM3 a public key."""
    return str(private.public.to_pem()) if hash_ is Hash.SM3 else certificate(name, private, now)


def certificate(name: str, private: Any, now: datetime) -> str:
    """A self-signed certificate for ten years, as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"rehearsal {name}")])
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .sign(private, hashes.SHA256())
    )
    return built.public_bytes(Encoding.PEM).decode("ascii")


def _pair(folder: Path, name: str, hash_: Hash, now: datetime) -> Any:
    file = folder / f"{name}-private.pem"
    if not file.exists():
        _write_private(file, make_private(hash_))
    private = load_private(file.read_text("ascii"), hash_)
    public = folder / (f"{name}-public.pem" if hash_ is Hash.SM3 else f"{name}.cer")
    if not public.exists():
        public.write_text(public_text(name, private, hash_, now), encoding="ascii", newline="\n")
    return private


def _write_private(path: Path, pem: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii", newline="\n") as file:
        file.write(pem)
