"""SM2, SM3 and SM4 for every protocol, and the seal on everything written to disk.

========== =================================================================
sm2        sign, verify, encrypt, decrypt; whatever backend does it
sm3, sm4   the hash and the block cipher
envelope   the ministry's wire format, from plaintext to the three strings
keys       SM2 keys and every form in which people hand them over
device_key SM2 keys that stay in a device
at_rest    sealing values and hashing search terms for the database
backends   who computes SM2: chosen at first use by a self-test
========== =================================================================

Below these: ``curve`` (numbers), ``der`` and ``key_der`` (encodings), ``wire`` (SM2's byte forms). A start of
the program waits for this import, so it stays light: ``cryptography``, ``ctypes``, ``hashlib`` and ``gmssl``
are loaded by the first call that needs them.
"""

from agent.crypto.at_rest import DataKey
from agent.crypto.device_key import DeviceKey, device_key
from agent.crypto.envelope import SealedEnvelope, open_envelope, seal
from agent.crypto.keys import PrivateKey, PublicKey, load_private, load_public
from agent.crypto.sm2 import OwnKey
from agent.crypto.wire import Layout

__all__ = [
    "DataKey",
    "DeviceKey",
    "Layout",
    "OwnKey",
    "PrivateKey",
    "PublicKey",
    "SealedEnvelope",
    "device_key",
    "load_private",
    "load_public",
    "open_envelope",
    "seal",
]
