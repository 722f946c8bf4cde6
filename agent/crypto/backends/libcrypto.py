"""Finding OpenSSL's libcrypto 3 and declaring the functions that `openssl.py` calls.

Python itself brings one along: on Windows ``libcrypto-3.dll`` lies beside the extension modules (or in the
frozen program's folder), on Linux ``_hashlib`` is linked against ``libcrypto.so.3``, which the loader then
hands out again without a search. A full path is used on Windows, so that no DLL planted elsewhere is taken.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_uint, c_ulong, c_void_p
from pathlib import Path
from typing import Any

from agent.errors import CryptoError

_OLDEST = 0x30000000


class Parameter(ctypes.Structure):
    """OSSL_PARAM."""

    _fields_ = (
        ("key", c_char_p),
        ("data_type", c_uint),
        ("data", c_void_p),
        ("data_size", c_size_t),
        ("return_size", c_size_t),
    )


_PROTOTYPES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "OpenSSL_version": (c_char_p, (c_int,)),
    "ERR_clear_error": (None, ()),
    "ERR_peek_last_error": (c_ulong, ()),
    "EVP_sm3": (c_void_p, ()),
    "OBJ_sn2nid": (c_int, (c_char_p,)),
    "BN_bin2bn": (c_void_p, (c_char_p, c_int, c_void_p)),
    "BN_clear_free": (None, (c_void_p,)),
    "EC_GROUP_new_by_curve_name": (c_void_p, (c_int,)),
    "EC_GROUP_free": (None, (c_void_p,)),
    "EC_POINT_new": (c_void_p, (c_void_p,)),
    "EC_POINT_clear_free": (None, (c_void_p,)),
    "EC_POINT_mul": (c_int, (c_void_p,) * 6),
    "EC_POINT_point2oct": (c_size_t, (c_void_p, c_void_p, c_int, c_char_p, c_size_t, c_void_p)),
    "EVP_PKEY_free": (None, (c_void_p,)),
    "EVP_PKEY_CTX_new_from_name": (c_void_p, (c_void_p, c_char_p, c_char_p)),
    "EVP_PKEY_CTX_new_from_pkey": (c_void_p, (c_void_p, c_void_p, c_char_p)),
    "EVP_PKEY_CTX_free": (None, (c_void_p,)),
    "EVP_PKEY_CTX_set1_id": (c_int, (c_void_p, c_char_p, c_int)),
    "EVP_PKEY_fromdata_init": (c_int, (c_void_p,)),
    "EVP_PKEY_fromdata": (c_int, (c_void_p, POINTER(c_void_p), c_int, POINTER(Parameter))),
    "EVP_PKEY_encrypt_init": (c_int, (c_void_p,)),
    "EVP_PKEY_encrypt": (c_int, (c_void_p, c_char_p, POINTER(c_size_t), c_char_p, c_size_t)),
    "EVP_PKEY_decrypt_init": (c_int, (c_void_p,)),
    "EVP_PKEY_decrypt": (c_int, (c_void_p, c_char_p, POINTER(c_size_t), c_char_p, c_size_t)),
    "EVP_MD_CTX_new": (c_void_p, ()),
    "EVP_MD_CTX_free": (None, (c_void_p,)),
    "EVP_DigestSignInit": (c_int, (c_void_p, POINTER(c_void_p), c_void_p, c_void_p, c_void_p)),
    "EVP_DigestSign": (c_int, (c_void_p, c_char_p, POINTER(c_size_t), c_char_p, c_size_t)),
    "EVP_DigestVerifyInit": (c_int, (c_void_p, POINTER(c_void_p), c_void_p, c_void_p, c_void_p)),
    "EVP_DigestVerify": (c_int, (c_void_p, c_char_p, c_size_t, c_char_p, c_size_t)),
}


def load() -> ctypes.CDLL:
    """The first libcrypto 3 that can be loaded, prototypes set. Raises ``CryptoError``."""
    failures = []
    for candidate in _candidates():
        try:
            library = ctypes.CDLL(candidate)
            return _declared(library)
        except (OSError, AttributeError) as error:
            failures.append(f"{Path(candidate).name}: {error}")
    raise unavailable("; ".join(failures) or "no libcrypto 3 beside Python")


def unavailable(reason: str) -> CryptoError:
    return CryptoError(
        "OpenSSL 的国密功能不可用",
        hint="无需处理，程序会改用较慢的 gmssl",
        details={"backend": "openssl", "reason": reason},
    )


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    """Sets the prototypes. AttributeError when one is missing: then it is no OpenSSL 3."""
    version = library.OpenSSL_version_num
    version.restype = c_ulong
    if version() < _OLDEST:
        raise AttributeError("older than OpenSSL 3")
    for name, (result, arguments) in _PROTOTYPES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def _candidates() -> Iterator[str]:
    if sys.platform == "win32":
        yield from (
            str(path) for folder in _windows_folders() for path in sorted(folder.glob("libcrypto-3*.dll"))
        )
    elif sys.platform == "linux":
        yield "libcrypto.so.3"


def _windows_folders() -> list[Path]:
    """Where a CPython installation, a virtual environment's base, Conda or a frozen program keeps DLLs."""
    import _hashlib

    base = Path(sys.base_prefix)
    folders = [Path(_hashlib.__file__).parent, base, base / "DLLs", base / "Library" / "bin"]
    frozen = getattr(sys, "_MEIPASS", None)
    return [Path(frozen), *folders] if frozen else folders
