"""The keys of scan-to-pay in every form that the keyring holds: RSA or SM2, the platform's as certificate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from agent.crypto import DeviceKey as Sm2Device
from agent.crypto import PrivateKey as Sm2Private
from agent.crypto import PublicKey as Sm2Public
from agent.crypto import device_key, load_private, load_public
from agent.errors import KeyRejected
from agent.key_material import rsa_keys
from agent.key_material.certificates import public_key_pem

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

    from agent.hookspecs import HardwareKey

    Private: TypeAlias = "RSAPrivateKey | DeviceKey | Sm2Private | Sm2Device"
    Public: TypeAlias = RSAPublicKey | Sm2Public


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """A merchant's RSA key in a device, with the operations of an RSA key that signing and envelopes use."""

    device: HardwareKey

    def sign(self, data: bytes, _padding: Any, algorithm: HashAlgorithm) -> bytes:
        return self.device.sign(data, f"rsa-pkcs1v15-{algorithm.name}")

    def decrypt(self, data: bytes, _padding: Any) -> bytes:
        return self.device.decrypt(data, "rsa-pkcs1v15")


def read_device(device: HardwareKey) -> Private:
    """By the kind of its public part. Raises ConfigurationError."""
    try:
        rsa_keys.load_public(device.public_pem())
    except KeyRejected:
        return device_key(device)
    return DeviceKey(device)


def read_private(text: str) -> Private:
    """Raises KeyRejected."""
    try:
        return rsa_keys.load_private(text)
    except KeyRejected as as_rsa:
        try:
            return load_private(text)
        except KeyRejected:
            raise as_rsa from None


def read_public(text: str) -> Public:
    """A public key, or the one in a certificate. Raises KeyRejected."""
    pem = public_key_pem(text) if "CERTIFICATE" in text else text
    try:
        return rsa_keys.load_public(pem)
    except KeyRejected as as_rsa:
        try:
            return load_public(pem)
        except KeyRejected:
            raise as_rsa from None
