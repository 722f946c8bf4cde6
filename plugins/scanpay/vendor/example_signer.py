"""A signer helper that works, for the keys of a rehearsal: ``python -m plugins.scanpay.vendor.example_signer
FOLDER``.

It signs with SHA1withRSA over hex(SHA1), as the vendor's package probably does. Put the calls of the real
package (ctypes for a DLL) in the place of ``seal`` and ``open_``; the protocol stays the same.
"""

from __future__ import annotations

import hashlib
import sys
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from agent.helpers.serving import Function, Refusal, serve

PLATFORM_SIGNATURES = ("pltfirmsignature", "pltfmsignature")


def functions(folder: Path) -> dict[str, Function]:
    """The two calls, with the keys loaded. Raises Refusal when they cannot be."""
    try:
        merchant: Any = load_pem_private_key((folder / "merchant-private.pem").read_bytes(), None)
        infosys: Any = load_pem_private_key((folder / "infosys-private.pem").read_bytes(), None)
        platform: Any = load_pem_x509_certificate((folder / "platform.cer").read_bytes()).public_key()
    except (OSError, ValueError) as error:
        raise Refusal("keys_missing", detail=type(error).__name__) from None

    def seal(arguments: dict[str, Any]) -> dict[str, Any]:
        pairs = arguments["pairs"]
        signed = source(pairs)
        merchant_signature = merchant.sign(signed, PKCS1v15(), SHA1())  # noqa: S303
        infosys_signature = infosys.sign(signed, PKCS1v15(), SHA1())  # noqa: S303
        return {
            "pairs": [
                *pairs,
                ["merchantsignature", b64encode(merchant_signature).decode("ascii")],
                ["infosyssignature", b64encode(infosys_signature).decode("ascii")],
            ]
        }

    def open_(arguments: dict[str, Any]) -> dict[str, Any]:
        pairs = arguments["pairs"]
        given = next((value for name, value in pairs if name.lower() in PLATFORM_SIGNATURES), "")
        try:
            platform.verify(b64decode(given), source(pairs), PKCS1v15(), SHA1())  # noqa: S303
        except (InvalidSignature, ValueError):
            raise Refusal("signature") from None
        return {}

    return {"seal": seal, "open": open_}


def source(pairs: list[list[str]]) -> bytes:
    """What is signed: the hexadecimal SHA-1 of ``name=value`` sorted by name, signatures left out."""
    chosen = sorted(f"{name}={value}" for name, value in pairs if not name.lower().endswith("signature"))
    return hashlib.sha1("&".join(chosen).encode("utf-8")).hexdigest().encode("ascii")  # noqa: S324


if __name__ == "__main__":
    serve("scanpay-signer", lambda: functions(Path(sys.argv[1])))
