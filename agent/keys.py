"""Key material by name, from the keyring of the account that the agent runs as.

Names are paths (``ministry/own-private``); the service name in the keyring is ``his-agent``. A key is
read once and then kept in memory, so that a keyring that locks itself later stops nothing. Keys given
at start (``run --keys-from-stdin``) stay in memory and are never written.
"""

from __future__ import annotations

import re
import secrets
import threading
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Final

from agent import jsontext, keys_backend
from agent.errors import ConfigurationError, KeyMissing, KeyRejected
from agent.faults import crash_point
from agent.keys_backend import KeyringDescription
from agent.keys_entries import DAMAGED, Entries, is_damage

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

    from agent.hookspecs import HardwareKey

    OpenDevice = Callable[[str], HardwareKey]

SERVICE: Final = "his-agent"
DATA_KEY: Final = "agent/data-key"
NEXT_DATA_KEY: Final = "agent/data-key.next"
AUDIT_KEY: Final = "agent/audit-key"
OWN_NAMES: Final = frozenset({DATA_KEY, NEXT_DATA_KEY, AUDIT_KEY})
"""Keys of the agent itself: nobody else makes, rotates or shows them."""
_DATA_KEY_BYTES: Final = 32
_INDEX: Final = "index"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)+")
_REFERENCE = re.compile(r"[a-z][a-z0-9+.-]*:[^\s]+\s*\Z")
_LONGEST_NAME: Final = 100
_LONGEST_KEY: Final = 65536


class KeyRing:
    """A :class:`agent.hookspecs.KeySource` that can also be written. Safe for several threads.

    Without ``backend`` keyring's own choice is taken at first use, if it can be trusted or is in
    ``allow``. ``held`` keys come first and stay in memory. ``devices`` opens keys in hardware, whose text
    only says where they are.
    """

    def __init__(
        self,
        service: str = SERVICE,
        *,
        backend: KeyringBackend | None = None,
        allow: Collection[str] = (),
        held: Mapping[str, str] | None = None,
        devices: OpenDevice | None = None,
    ) -> None:
        self._devices = devices
        self._opened: dict[str, HardwareKey] = {}
        self._service = service
        self._backend = backend
        self._allow = allow
        self._held = {checked_name(name): value for name, value in (held or {}).items()}
        self._cache: dict[str, str] = dict(self._held)
        self._guard = threading.RLock()

    def get(self, name: str) -> str:
        """The key's text. Raises KeyMissing, or ConfigurationError when the keyring cannot be read."""
        with self._guard:
            value = self._cache.get(name)
            if value is None:
                value = self._entries().read(checked_name(name))
            if value is None:
                raise KeyMissing(
                    f"缺少密钥 {name}",
                    hint=f"请导入：his-agent keys import {name} 文件",
                    details={"key": name},
                )
            self._cache[name] = value
            return value

    def hardware(self, name: str) -> HardwareKey | None:
        """The key in a device that the text of this name refers to; None for a text that is the key itself.
        Raises KeyMissing, ConfigurationError."""
        text = self.get(name)
        return self.open_reference(text) if is_reference(text) else None

    def open_reference(self, text: str) -> HardwareKey:
        """The key that a reference names; a line end after it is the editor's. Raises ConfigurationError."""
        text = text.strip()
        with self._guard:
            if self._devices is None:
                raise ConfigurationError(
                    "这里不能使用密码设备中的密钥", hint="请在代理程序运行时执行，由它访问设备"
                )
            if text not in self._opened:
                self._opened[text] = self._devices(text)
            return self._opened[text]

    def has(self, name: str) -> bool:
        """Raises ConfigurationError when the keyring cannot be read."""
        try:
            self.get(name)
        except KeyMissing:
            return False
        return True

    def set(self, name: str, value: str) -> None:
        """Keep a key, and read it back. Raises ConfigurationError when the keyring does not take it."""
        if not value or len(value) > _LONGEST_KEY:
            raise KeyRejected(f"密钥 {name} 为空或过长", hint="请检查导入的文件", details={"key": name})
        with self._guard:
            self._demand_writable(name)
            entries = self._entries()
            entries.write(checked_name(name), value)
            if not _reads_back(entries, name, value):
                raise ConfigurationError(
                    f"钥匙串没有原样保存 {name}", hint="请换用系统自带的钥匙串", details={"key": name}
                )
            self._write_index({*self._names_left(), name})
            self._held.pop(name, None)
            self._cache[name] = value

    def rotate(self, name: str, value: str) -> None:
        """Let ``value`` be the key and the present one its former generation. May be repeated after a crash.
        Raises KeyMissing when there is none yet, KeyRejected while an older generation is still kept."""
        from agent.hookspecs import FORMER

        with self._guard:
            present, former = self.get(name), name + FORMER
            if self.has(former) and self.get(former) != present:
                raise KeyRejected(
                    f"{name} 还保留着上一代密钥，不能再次轮换",
                    hint=f"确认对方不再使用上一代后，先执行：his-agent keys retire {name}",
                    details={"key": name},
                )
            self.set(former, present)
            crash_point("keys.rotating")
            self.set(name, value)

    def remove(self, name: str) -> None:
        """Forget a key everywhere. Raises KeyMissing when there is none."""
        with self._guard:
            if checked_name(name) not in self._held:
                self._demand_writable(name)
            held = self._held.pop(name, None) is not None
            self._cache.pop(name, None)
            stored = self._entries().delete(name) if not held or self._usable() else False
            if not held and not stored:
                raise KeyMissing(
                    f"钥匙串里没有 {name}",
                    hint="用 his-agent keys list 查看已有的密钥",
                    details={"key": name},
                )
            if stored:
                self._write_index(self._names_left() - {name})

    def held(self) -> frozenset[str]:
        """The names of the keys that were given at start and are only in memory."""
        with self._guard:
            return frozenset(self._held)

    def names(self) -> tuple[str, ...]:
        """The names of all keys, sorted. Raises ConfigurationError when the keyring cannot be read."""
        with self._guard:
            if self._held and not self._usable():
                return tuple(sorted(self._held))
            return tuple(sorted({*self._listed(), *self._held}))

    def data_key(self, *, create: bool) -> bytes:
        """The 32 bytes that seal the database. ``create`` only for an empty database: makes the key if
        there is none. Raises KeyMissing, or KeyRejected for an entry that is no such key."""
        with self._guard:
            if create and not self.has(DATA_KEY):
                self.set(DATA_KEY, b64encode(secrets.token_bytes(_DATA_KEY_BYTES)).decode("ascii"))
            return decode_data_key(self.get(DATA_KEY))

    def next_data_key(self, *, create: bool) -> bytes | None:
        """The key that a change of the data key leads to, until :meth:`promote_data_key`."""
        with self._guard:
            if create and not self.has(NEXT_DATA_KEY):
                self.set(NEXT_DATA_KEY, b64encode(secrets.token_bytes(_DATA_KEY_BYTES)).decode("ascii"))
            return decode_data_key(self.get(NEXT_DATA_KEY)) if self.has(NEXT_DATA_KEY) else None

    def promote_data_key(self) -> None:
        """Nothing is sealed with the former data key any more: forget it. May be repeated after a crash."""
        with self._guard:
            if self.has(NEXT_DATA_KEY):
                self.set(DATA_KEY, self.get(NEXT_DATA_KEY))
                crash_point("keys.promoting")
                self.remove(NEXT_DATA_KEY)

    def audit_key(self, *, create: bool = False) -> str:
        """The SM2 key that signs the audit trail's heads; made once when ``create`` says so.
        Raises KeyMissing, or ConfigurationError when the keyring cannot be read or written."""
        with self._guard:
            if create and not self.has(AUDIT_KEY):
                from agent.crypto.keys import generate

                self.set(AUDIT_KEY, generate().to_pem())
            return self.get(AUDIT_KEY)

    def describe(self) -> KeyringDescription:
        """Where keys are kept. Raises ConfigurationError when there is no backend to be trusted."""
        with self._guard:
            self._entries()
            assert self._backend is not None
            return keys_backend.describe(self._backend)

    def _entries(self) -> Entries:
        if self._backend is None:
            self._backend = keys_backend.choose(self._allow)
        return Entries(self._backend, self._service)

    def _demand_writable(self, name: str) -> None:
        if self.describe().read_only:
            raise ConfigurationError(
                f"密钥由 systemd 凭据提供，只能读取，不能写入 {name}",
                hint="请用 systemd-creds 加密新的密钥，更换凭据文件后重启服务；见 docs/service.md",
                details={"key": name, "reason": "read_only"},
            )

    def _usable(self) -> bool:
        try:
            self._entries()
        except ConfigurationError:
            return False
        return True

    def _listed(self) -> list[str]:
        """Raises ConfigurationError."""
        try:
            index = self._entries().read(_INDEX)
            return [str(name) for name in jsontext.read(index)] if index else []
        except (ConfigurationError, jsontext.JsonTextError) as error:
            if isinstance(error, ConfigurationError) and not is_damage(error):
                raise
            raise ConfigurationError(
                "钥匙串里的密钥名录已损坏",
                hint="密钥本身不受影响；重新导入或生成任何一个密钥，会重建名录",
                details={"entry": _INDEX, "reason": DAMAGED},
            ) from None

    def _names_left(self) -> frozenset[str]:
        """What a new index is made of: a damaged one lists nothing, and the keys are there all the same."""
        try:
            return frozenset(self.names())
        except ConfigurationError as error:
            if not is_damage(error):
                raise
            return frozenset()

    def _write_index(self, names: Collection[str]) -> None:
        self._entries().write(_INDEX, jsontext.write(sorted(names)))


def _reads_back(entries: Entries, name: str, value: str) -> bool:
    try:
        return entries.read(name) == value
    except ConfigurationError as error:
        if is_damage(error):
            return False
        raise


def is_reference(text: str) -> bool:
    """Whether a text says where a key is (``pkcs11:token=…``) instead of being one."""
    return _REFERENCE.match(text) is not None


def decode_data_key(text: str) -> bytes:
    """The 32 bytes of a data key. Raises KeyRejected."""
    try:
        key = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        key = b""
    if len(key) != _DATA_KEY_BYTES:
        raise KeyRejected(
            "这不是有效的数据密钥",
            hint=f"请从备份恢复密钥 {DATA_KEY}；不要删除数据库",
            details={"key": DATA_KEY},
        )
    return key


def checked_name(name: str) -> str:
    """``name`` if it may name a key. Raises ConfigurationError."""
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise ConfigurationError(
            "密钥名称应像 ministry/own-private：小写字母、数字、. _ -，以 / 分段",
            hint="用 his-agent keys list 查看需要哪些密钥",
        )
    return name
