"""The key verbs: keys are checked, stored in the keyring of this account, and never given back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from agent.errors import AgentError, ControlError
from agent.key_material import fingerprint, key_uses
from agent.keys import DATA_KEY, KeyRing, decode_data_key

if TYPE_CHECKING:
    from agent.events import JsonObject
    from agent.hookspecs import KeyUse

__all__ = ["KeyHandlers", "key_uses"]


class KeyHandlers:
    """``uses`` are the keys that the configured systems need; ``changed`` is called with a key's name
    after it was imported or removed: a lane that stopped for want of it may go on."""

    def __init__(self, ring: KeyRing, uses: Iterable[KeyUse], changed: Callable[[str], None]) -> None:
        self._ring = ring
        self._uses: dict[str, list[KeyUse]] = {}
        for use in uses:
            self._uses.setdefault(use.name, []).append(use)
        self._changed = changed

    def handlers(self) -> Mapping[str, Callable[[JsonObject], JsonObject]]:
        return {
            "keys.import": self.import_key,
            "keys.list": self.list,
            "keys.remove": self.remove,
        }

    def import_key(self, args: JsonObject) -> JsonObject:
        name, value = args["name"], args["value"]
        if name == DATA_KEY:
            self._judge_data_key(value)
        digests = [fingerprint(use.kind, value) for use in self._uses.get(name, ())]
        self._ring.set(name, value)
        self._changed(name)
        return {"name": name, "fingerprint": digests[0] if digests else "", "needed": bool(digests)}

    def list(self, args: JsonObject) -> JsonObject:
        keyring = self._ring.describe()
        names = sorted({*self._uses, *self._ring.names()})
        return {"keyring": asdict(keyring), "keys": [self._entry(name) for name in names]}

    def remove(self, args: JsonObject) -> JsonObject:
        name = args["name"]
        if name == DATA_KEY:
            raise ControlError(
                "数据密钥不能删除：没有它，数据库里的内容就再也打不开",
                hint="确实要销毁数据时，请先停止代理程序并移走数据库",
                details={"code": "not_possible"},
            )
        self._ring.remove(name)
        self._changed(name)
        return {"name": name, "removed": True}

    def _entry(self, name: str) -> JsonObject:
        uses = self._uses.get(name, [])
        entry = {
            "name": name,
            "about": "；".join(use.about for use in uses),
            "kind": uses[0].kind if uses else "",
            "needed": bool(uses),
            "present": self._ring.has(name),
            "fingerprint": "",
            "problem": "",
        }
        if uses and entry["present"]:
            try:
                entry["fingerprint"] = fingerprint(uses[0].kind, self._ring.get(name))
            except AgentError as error:
                entry["problem"] = error.message
        return entry

    def _judge_data_key(self, value: str) -> None:
        """A lost data key may be brought back from a backup; one in use is never replaced."""
        decode_data_key(value)
        if self._ring.has(DATA_KEY):
            raise ControlError(
                "已经有数据密钥，不能替换：旧数据会打不开",
                hint="恢复备份时，请先移走现有的数据库和密钥",
                details={"code": "not_possible"},
            )
