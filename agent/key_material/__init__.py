"""Key material as people hand it over: read, checked, named by a fingerprint, never shown.

=============== ==============================================================
containers      files: PEM, DER, PKCS#8 with a password, PKCS#12, .cer, hex
fingerprints    the short digest by which people compare keys
certificates    their public key and their validity
pairs           whether a private key and a public one belong together
uses            which keys the configured systems need
=============== ==============================================================
"""

from agent.key_material.fingerprints import fingerprint
from agent.key_material.uses import key_uses

__all__ = ["fingerprint", "key_uses"]
