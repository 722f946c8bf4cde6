"""SM2 keys that stay in a device (UKey with SKF, SDF card): it signs and unwraps, all else is done here.

What a device gives is checked as what a platform sends is: devices of the field answer in wrong encodings,
under another signer id, or for the key of another container, and a platform would tell so much later.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Protocol

from agent.crypto.keys import PublicKey, load_public
from agent.crypto.wire import Layout
from agent.errors import ConfigurationError, KeyRejected

SIGNING: Final = "sm2-sm3"
UNWRAPPING: Final = {Layout.C1C2C3: "sm2-c1c2c3", Layout.C1C3C2: "sm2-c1c3c2"}


class Device(Protocol):
    """What is asked of a device: see :class:`agent.hookspecs.HardwareKey`."""

    def public_pem(self) -> str: ...

    def sign(self, data: bytes, scheme: str) -> bytes: ...

    def decrypt(self, data: bytes, scheme: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """In the place of a :class:`agent.crypto.keys.PrivateKey`."""

    device: Device = field(repr=False)
    public: PublicKey

    def sign(self, message: bytes) -> bytes:
        """DER, not verified yet. Raises ConfigurationError."""
        return self.device.sign(message, SIGNING)

    def unwrap(self, ciphertext: bytes, layout: Layout) -> bytes:
        """Raises ConfigurationError, CiphertextRejected."""
        return self.device.decrypt(ciphertext, UNWRAPPING[layout])


def device_key(device: Device) -> DeviceKey:
    """Raises ConfigurationError when the device cannot be used now or its key is none of SM2."""
    try:
        return DeviceKey(device, load_public(device.public_pem()))
    except KeyRejected as error:
        raise ConfigurationError(
            "密码设备中的密钥不是 SM2 密钥", hint="请核对容器名称和密钥用途", details=error.details
        ) from error


def useless(reason: str) -> ConfigurationError:
    """The device answered, but with what nobody can use."""
    return ConfigurationError(
        "密码设备给出的签名与它的公钥不符",
        hint="请核对容器、签名者标识和签名编码（DER）；更换设备后请重新导入，或重启代理程序",
        details={"reason": reason},
    )
