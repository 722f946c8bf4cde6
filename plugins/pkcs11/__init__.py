"""Private keys that stay in a PKCS#11 device: a smart-card token, a UKey with a PKCS#11 driver, SoftHSM2.

The text that is kept under the key's name is a PKCS#11 URI (RFC 7512), PIN included, so that the PIN lies in
the keyring like any key::

    pkcs11:token=hospital;object=merchant?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-value=…

RSA alone: PKCS#11 has no SM2 mechanisms; devices that do SM2 speak SKF or SDF and have a plugin of their own
behind the same hook. Needs the extra ``hardware`` (python-pkcs11).
"""

from __future__ import annotations

from agent.hookspecs import HardwareKey, hookimpl

SCHEME = "pkcs11"


@hookimpl
def open_hardware_key(reference: str) -> HardwareKey | None:
    """Raises ConfigurationError when the device, the token, the PIN or the key is not there."""
    if reference.partition(":")[0] != SCHEME:
        return None
    from plugins.pkcs11.token import open_key  # its library is an extra

    return open_key(reference)
