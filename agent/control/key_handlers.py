"""The key verbs: keys are checked, stored in the keyring of this account, and never given back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from agent.errors import AgentError, ConfigurationError, ControlError, KeyMissing
from agent.hookspecs import FORMER
from agent.key_material import fingerprint, key_uses
from agent.key_material.certificates import public_key_pem, validity
from agent.key_material.fingerprints import kept_fingerprint
from agent.key_material.making import generate, public_pem
from agent.key_material.pairs import demand_pair
from agent.key_material.uses import CERTIFICATE
from agent.keys import AUDIT_KEY, DATA_KEY, OWN_NAMES, KeyRing, decode_data_key, is_reference
from agent.keys_entries import is_damage

if TYPE_CHECKING:
    from agent.events import JsonObject
    from agent.hookspecs import KeyUse

__all__ = ["KeyHandlers", "key_uses"]

Record = Callable[[str, str, str, str], None]
"""What was done, to which key, by whom and why."""

_PUBLIC_KINDS = frozenset({"sm2-public", "rsa-public"})


class KeyHandlers:
    """``uses`` are the keys that the configured systems need; ``changed`` is called with a key's name
    after it was imported or removed: a lane that stopped for want of it may go on. ``record`` keeps
    what was done."""

    def __init__(
        self,
        ring: KeyRing,
        uses: Iterable[KeyUse],
        changed: Callable[[str], None],
        record: Record = lambda _what, _name, _who, _why: None,
    ) -> None:
        self._ring = ring
        self._uses: dict[str, list[KeyUse]] = {}
        for use in uses:
            self._uses.setdefault(use.name, []).append(use)
        self._changed = changed
        self._record = record

    def handlers(self) -> Mapping[str, Callable[[JsonObject], JsonObject]]:
        return {
            "keys.import": self.import_key,
            "keys.generate": self.generate,
            "keys.public": self.public,
            "keys.pair": self.pair,
            "keys.list": self.list,
            "keys.retire": self.retire,
            "keys.remove": self.remove,
        }

    def import_key(self, args: JsonObject) -> JsonObject:
        """Another key than the present one goes by rotation, or after that was removed; the same one may come
        again, with a new certificate."""
        name, value = args["name"], args["value"]
        if name == DATA_KEY:
            self._judge_data_key(value)
        elif name in OWN_NAMES:
            raise _untouchable(name)
        value = self._as_public_key(name, value)
        digests = [self._digest(use.kind, value) for use in self._uses.get(name, ())]
        if args["certificate"]:
            demand_pair(value, args["certificate"])
        if not args["rotate"] and self._would_replace(name, value):
            raise _present(name)
        self._keep(name, value, args["certificate"], rotate=args["rotate"])
        self._record("keys.rotate" if args["rotate"] else "keys.import", name, args["who"], args["why"])
        return {"name": name, "fingerprint": digests[0] if digests else "", "needed": bool(digests)}

    def generate(self, args: JsonObject) -> JsonObject:
        """An existing key is never overwritten: it goes by rotation, or is removed first."""
        name = args["name"]
        kind = args["kind"] or next((use.kind for use in self._uses.get(name, ())), "")
        if name in OWN_NAMES:
            raise _untouchable(name)
        if self._ring.has(name) and not args["rotate"]:
            raise _present(name)
        value = generate(kind)
        for use in self._uses.get(name, ()):
            fingerprint(use.kind, value)
        self._keep(name, value, "", rotate=args["rotate"])
        self._record("keys.generate", name, args["who"], args["why"])
        return {"name": name, "fingerprint": fingerprint(kind, value), "public": public_pem(value)}

    def public(self, args: JsonObject) -> JsonObject:
        name = args["name"]
        if name in OWN_NAMES:
            raise _untouchable(name)
        return {"name": name, "public": self._public(name)}

    def pair(self, args: JsonObject) -> JsonObject:
        demand_pair(self._public(args["name"]), args["public"])
        return {"name": args["name"], "pair": True}

    def list(self, args: JsonObject) -> JsonObject:
        keyring = self._ring.describe()
        names = sorted({*self._uses, *self._names()})
        return {"keyring": asdict(keyring), "keys": [self._entry(name) for name in names]}

    def retire(self, args: JsonObject) -> JsonObject:
        name = args["name"]
        self._ring.remove(name + FORMER)
        self._changed(name)
        self._record("keys.retire", name, args["who"], args["why"])
        return {"name": name, "retired": True}

    def remove(self, args: JsonObject) -> JsonObject:
        name = args["name"]
        if name == DATA_KEY:
            raise ControlError(
                "数据密钥不能删除：没有它，数据库里的内容就再也打不开",
                hint="确实要销毁数据时，请先停止代理程序并移走数据库",
                details={"code": "not_possible"},
            )
        if name in OWN_NAMES and not (name == AUDIT_KEY and self._is_damaged(name)):
            raise _untouchable(name)
        self._ring.remove(name)
        self._forget(name + CERTIFICATE)
        self._changed(name)
        self._record("keys.remove", name, args["who"], args["why"])
        return {"name": name, "removed": True}

    def _public(self, name: str) -> str:
        device = self._ring.hardware(name)
        return public_pem(self._ring.get(name)) if device is None else device.public_pem()

    def _digest(self, kind: str, value: str) -> str:
        """Of a key in a device: that the device has it."""
        if not is_reference(value):
            return fingerprint(kind, value)
        device = self._ring.open_reference(value)
        return fingerprint(kind.replace("private", "public"), device.public_pem())

    def _keep(self, name: str, value: str, certificate: str, *, rotate: bool) -> None:
        """The companion certificate first: a key is in use as soon as it is there."""
        if certificate:
            self._ring.set(name + CERTIFICATE, certificate)
        else:
            self._forget(name + CERTIFICATE)
        if rotate:
            self._ring.rotate(name, value)
        else:
            self._ring.set(name, value)
        self._changed(name)

    def _forget(self, name: str) -> None:
        try:
            self._ring.remove(name)
        except KeyMissing:
            return

    def _as_public_key(self, name: str, value: str) -> str:
        """Where a public key is needed and a certificate was given, the key in it."""
        kinds = {use.kind for use in self._uses.get(name, ())}
        return public_key_pem(value) if kinds and kinds <= _PUBLIC_KINDS and "CERTIFICATE" in value else value

    def _entry(self, name: str) -> JsonObject:
        uses = self._uses.get(name.removesuffix(FORMER), [])
        kind = "certificate" if name.endswith(CERTIFICATE) else uses[0].kind if uses else ""
        entry: JsonObject = {
            "name": name,
            "about": "；".join(use.about for use in uses),
            "kind": kind,
            "needed": name in self._uses,
            "present": False,
            "fingerprint": "",
            "valid_until": "",
            "problem": "",
        }
        try:
            text = self._ring.get(name)
            entry["present"] = True
            if kind:
                entry["fingerprint"] = kept_fingerprint(self._ring, kind, name)
                entry["valid_until"] = validity(text).until.isoformat() if "BEGIN CERT" in text else ""
        except KeyMissing:
            return entry
        except AgentError as error:
            entry["problem"] = error.message
        return entry

    def _names(self) -> tuple[str, ...]:
        """A damaged list of names, which ``check`` tells of, hides no key that is needed."""
        try:
            return self._ring.names()
        except ConfigurationError as error:
            if is_damage(error):
                return ()
            raise

    def _is_damaged(self, name: str) -> bool:
        try:
            self._ring.has(name)
        except ConfigurationError as error:
            if is_damage(error):
                return True
            raise
        return False

    def _would_replace(self, name: str, value: str) -> bool:
        """Whether a sound key of this name would be lost by it; a damaged one is lost already."""
        return not self._is_damaged(name) and self._ring.has(name) and self._ring.get(name) != value

    def _judge_data_key(self, value: str) -> None:
        """A lost or damaged data key may be brought back from a backup; one in use is never replaced."""
        decode_data_key(value)
        if not self._is_damaged(DATA_KEY) and self._ring.has(DATA_KEY):
            raise ControlError(
                "已经有数据密钥，不能替换：旧数据会打不开",
                hint="要换数据密钥请用 his-agent rekey；恢复备份时，请先移走现有的数据库和密钥",
                details={"code": "not_possible"},
            )


def _present(name: str) -> ControlError:
    return ControlError(
        f"已经有密钥 {name}",
        hint=f"要换新密钥请加 --rotate，旧的保留为上一代；旧的不要了，先执行 his-agent keys remove {name}",
        details={"code": "not_possible"},
    )


def _untouchable(name: str) -> ControlError:
    return ControlError(
        f"{name} 由代理程序自己管理",
        hint="数据密钥用 his-agent rekey 更换",
        details={"code": "not_possible"},
    )
