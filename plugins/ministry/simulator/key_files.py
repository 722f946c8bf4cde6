"""The keys of a rehearsal: given as text or file, or made on the spot.

``keys`` names a folder. What is missing in it is made: a pair for the platform and one for the
province, so that a rehearsal can start before anybody has exchanged a key. They are rehearsal keys;
real private keys belong into the keyring of the agent's account and never into a file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from agent.errors import ConfigurationError
from plugins.ministry.simulator.sealing import PrivateKey, PublicKey, generate, load_private, load_public

PLATFORM = "platform"
PROVINCE = "province"


class Keys(NamedTuple):
    """The platform's own key; its peers' common public key; the folder they came from, if any."""

    own: PrivateKey
    peer: PublicKey
    folder: Path | None


def read_keys(own_private: str, peer_public: str, folder: Path | None) -> Keys:
    """Keys from texts or files; what is not given comes from ``folder``. Without any private key the
    platform makes one for this run. Raises ConfigurationError or KeyRejected."""
    if folder is not None:
        make_missing(folder)
    own = _material(own_private) or _from_folder(folder, f"{PLATFORM}-private.pem")
    peer = _material(peer_public) or _from_folder(folder, f"{PROVINCE}-public.pem")
    if not peer:
        raise ConfigurationError(
            "演练服务器需要省端公钥",
            hint="请用 peer_public 提供公钥，或用 keys 指定一个目录以自动生成两端的演练密钥",
        )
    return Keys(load_private(own) if own else generate(), load_public(peer), folder)


def make_missing(folder: Path) -> None:
    """Make the pairs that ``folder`` lacks: ``platform`` and ``province``, ``-private`` and ``-public``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (PLATFORM, PROVINCE):
        private_file = folder / f"{name}-private.pem"
        if private_file.exists():
            private = load_private(private_file.read_bytes())
        else:
            private = generate()
            _write_private(private_file, private.to_pem())
        (folder / f"{name}-public.pem").write_text(private.public.to_pem(), encoding="ascii", newline="\n")


def _material(given: str) -> str | bytes:
    """Key text as it is, or the content of the file it names."""
    if not given or "-----BEGIN" in given or "\n" in given:
        return given
    try:
        return Path(given).read_bytes() if Path(given).is_file() else given
    except OSError as error:
        raise ConfigurationError("密钥文件无法读取", hint="请检查文件路径和权限") from error


def _from_folder(folder: Path | None, name: str) -> bytes:
    return (folder / name).read_bytes() if folder is not None else b""


def _write_private(path: Path, pem: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii", newline="\n") as file:
        file.write(pem)
