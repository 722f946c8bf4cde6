"""Which keyring backend holds the keys, and whether it may be trusted with them.

Only backends that are known to keep secrets sealed are accepted. Everything else, plaintext files
and keyring's own dummies included, has to be allowed by name in ``keys.allow_backends``.
"""

from __future__ import annotations

import getpass
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agent.errors import ConfigurationError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

VOLATILE: Final = "agent.keys_memory.MemoryKeyring"
READ_ONLY: Final = "agent.keys_systemd.CredentialsKeyring"
_CHAIN: Final = "keyring.backends.chainer.ChainerBackend"
_TRUSTED: Final = frozenset(
    {
        "keyring.backends.Windows.WinVaultKeyring",
        "keyring.backends.SecretService.Keyring",
        "keyring.backends.libsecret.Keyring",
        "keyring.backends.kwallet.DBusKeyring",
        "keyring.backends.kwallet.DBusKeyringKWallet4",
        "keyring.backends.macOS.Keyring",
        VOLATILE,
        READ_ONLY,
    }
)
_NONE_FOUND: Final = frozenset({"keyring.backends.fail.Keyring", "keyring.backends.null.Keyring"})


@dataclass(frozen=True, slots=True)
class KeyringDescription:
    """Where keys are kept: the backend's class, the account whose keyring it is, whether they are
    forgotten when the process ends, and whether they can only be read."""

    backend: str
    account: str
    volatile: bool
    read_only: bool = False


def choose(allow: Collection[str]) -> KeyringBackend:
    """The backend that keyring finds, or that ``PYTHON_KEYRING_BACKEND`` names.

    Raises ConfigurationError when there is none, or none to be trusted.
    """
    import keyring

    try:
        found = keyring.get_keyring()
    except Exception as error:  # noqa: BLE001 - a backend named by the environment may fail in any way
        raise ConfigurationError(
            "指定的 keyring 后端无法加载",
            hint="请检查环境变量 PYTHON_KEYRING_BACKEND",
            details={"cause": type(error).__name__},
        ) from None
    for candidate in _members(found):
        if class_name(candidate) in _TRUSTED or class_name(candidate) in allow:
            return candidate
    raise _refused(class_name(found))


def describe(backend: KeyringBackend) -> KeyringDescription:
    name = class_name(backend)
    return KeyringDescription(name, account(), name == VOLATILE, name == READ_ONLY)


def class_name(backend: KeyringBackend) -> str:
    return f"{type(backend).__module__}.{type(backend).__qualname__}"


def account() -> str:
    """The account that this process runs as."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "?"


def _members(backend: KeyringBackend) -> list[KeyringBackend]:
    """A chain's members, best first: the chain itself would fall back to whichever accepts a key."""
    return list(backend.backends) if class_name(backend) == _CHAIN else [backend]  # type: ignore[attr-defined]


def _refused(name: str) -> ConfigurationError:
    if name in _NONE_FOUND:
        return ConfigurationError(
            "这个账户没有可用的系统钥匙串",
            hint="Windows 用凭据管理器；Linux 请安装 gnome-keyring 并在会话中解锁，"
            "或改用 run --keys-from-stdin 在启动时传入密钥",
            details={"backend": name},
        )
    return ConfigurationError(
        f"keyring 后端 {name} 不在信任之列，密钥可能被明文保存",
        hint="请改用系统钥匙串；确知其加密保存时，把类名写进配置 keys.allow_backends",
        details={"backend": name},
    )
