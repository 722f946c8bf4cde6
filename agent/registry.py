"""Finds plugins, keeps what they register, and tells observers what happened.

Plugins are entry points of the group ``his_agent.plugins``; ours are found as a stranger's are. An
entry point is loaded when a configured system has its name; all of them are loaded only when some
configured system is not found that way, or when somebody asks for everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, Final

import pluggy

from agent.catalog import sensitive_codes
from agent.config.schema import RESERVED_OPTIONS
from agent.errors import ConfigurationError
from agent.hookspecs import GROUP, HardwareKey, Hooks, Option, ProtocolSpec
from agent.logs import get_logger

PROJECT: Final = "his_agent"
_MARK: Final = f"{PROJECT}_impl"
_log = get_logger(__name__)


class Registry:
    """Protocols by name. ``points`` are the entry points to look at: the installed ones by default."""

    def __init__(self, points: Iterable[EntryPoint] | None = None) -> None:
        found = entry_points(group=GROUP) if points is None else points
        self._waiting: dict[str, EntryPoint] = {}
        for point in found:
            if point.name in self._waiting:
                raise _broken(point.name, "名称重复", "请卸载其中一个", reason="duplicate plugin")
            self._waiting[point.name] = point
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Hooks)
        self._protocols: dict[str, ProtocolSpec] = {}
        self._owners: dict[str, str] = {}

    def protocols(self) -> Mapping[str, ProtocolSpec]:
        """Every protocol of every installed plugin, by name. Raises ConfigurationError."""
        self._load(list(self._waiting))
        return dict(sorted(self._protocols.items()))

    def require(self, systems: Iterable[str]) -> Mapping[str, ProtocolSpec]:
        """The protocols of these systems, those that exist; loads no more plugins than that needs.
        Raises ConfigurationError for a broken plugin."""
        wanted = list(systems)
        self._load([name for name in wanted if name in self._waiting])
        if not all(name in self._protocols for name in wanted):
            self._load(list(self._waiting))
        return {name: self._protocols[name] for name in wanted if name in self._protocols}

    def options(self, systems: Iterable[str]) -> Mapping[str, Sequence[Option]]:
        """What :func:`agent.config.load` wants to know of the configured systems."""
        return {name: protocol.options for name, protocol in self.require(systems).items()}

    def protocol(self, name: str) -> ProtocolSpec:
        """Raises ConfigurationError when no plugin speaks it."""
        protocol = self.require([name]).get(name)
        if protocol is None:
            raise ConfigurationError(
                f"没有插件支持系统 {name}",
                hint="请检查名称；第三方系统请先安装它的插件",
                details={"system": name},
            )
        return protocol

    def sensitive_codes(self, name: str) -> frozenset[str]:
        """Field codes of a protocol whose values are personal data. Reads its whole catalog."""
        return frozenset(sensitive_codes(self.protocol(name).load_catalog()))

    def register(self, plugin: ModuleType | object, name: str) -> None:
        """Take a plugin that has no entry point. Raises ConfigurationError when it breaks a rule."""
        _refuse_misspelt(plugin, name)
        try:
            self._manager.register(plugin, name)
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            raise _broken(name, "钩子的参数与规定不符", _REPORT, reason=type(error).__name__) from error
        self._collect(plugin, name)

    # -- keys in devices --------------------------------------------------------------------------
    def open_hardware_key(self, reference: str) -> HardwareKey:
        """Raises ConfigurationError when no plugin knows its kind, or the plugin's own."""
        scheme = reference.partition(":")[0]
        self._load([scheme] if scheme in self._waiting else list(self._waiting))
        key: HardwareKey | None = self._manager.hook.open_hardware_key(reference=reference)
        if key is None:
            raise ConfigurationError(
                f"没有插件支持 {scheme}: 开头的密钥",
                hint="请安装密码设备（UKey、SDF、PKCS#11）的插件",
                details={"scheme": scheme},
            )
        return key

    # -- observers --------------------------------------------------------------------------------
    def request_stored(self, system: str, transaction: str, messages: int) -> None:
        self._observe("request_stored", system=system, transaction=transaction, messages=messages)

    def outcome_recorded(self, system: str, transaction: str, state: str, code: str) -> None:
        self._observe("outcome_recorded", system=system, transaction=transaction, state=state, code=code)

    def _observe(self, hook: str, **facts: object) -> None:
        """Each observer alone: pluggy stops at the first that raises."""
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            arguments = [facts[name] for name in implementation.argnames]
            try:
                implementation.function(*arguments)
            except Exception:  # noqa: BLE001 - a stranger's observer stops nothing
                _log.exception("observer failed", hook=hook, plugin=implementation.plugin_name)

    # -- loading ----------------------------------------------------------------------------------
    def _load(self, names: Iterable[str]) -> None:
        for name in names:
            point = self._waiting.pop(name, None)
            if point is not None:
                self.register(_import(point), name)

    def _collect(self, plugin: ModuleType | object, name: str) -> None:
        for implementation in self._manager.hook.register_protocols.get_hookimpls():
            if implementation.plugin is plugin:
                _run(name, implementation.function, lambda protocol: self._add(protocol, name))

    def _add(self, protocol: ProtocolSpec, plugin: str) -> None:
        if not isinstance(protocol, ProtocolSpec):
            raise _broken(plugin, "登记的不是 ProtocolSpec", _REPORT, reason="not a ProtocolSpec")
        if protocol.name in self._protocols:
            other = self._owners[protocol.name]
            raise _broken(
                plugin,
                f"系统 {protocol.name} 已由插件 {other} 登记",
                "请卸载其中一个",
                reason="duplicate protocol",
            )
        reserved = sorted(RESERVED_OPTIONS & {option.name for option in protocol.options})
        if reserved:
            raise _broken(plugin, f"选项 {reserved[0]} 是保留名称", _REPORT, reason="reserved option")
        self._protocols[protocol.name] = protocol
        self._owners[protocol.name] = plugin


_REPORT: Final = "请联系插件的作者"


def _import(point: EntryPoint) -> object:
    try:
        return point.load()
    except Exception as error:
        raise _broken(
            point.name, "无法加载", "请重新安装这个插件或联系它的作者", reason=type(error).__name__
        ) from error


def _run(plugin: str, hook: Callable[..., Any], register: Callable[[ProtocolSpec], None]) -> None:
    try:
        hook(register)
    except ConfigurationError:
        raise
    except Exception as error:
        raise _broken(plugin, "登记协议时出错", _REPORT, reason=type(error).__name__) from error


def _refuse_misspelt(plugin: object, name: str) -> None:
    """A marked function without a specification would never be called: pluggy overlooks it when the
    marker says ``optionalhook``, and so does this check."""
    known = {hook for hook in vars(Hooks) if not hook.startswith("_")}
    for attribute in dir(plugin):
        marked = getattr(getattr(plugin, attribute, None), _MARK, None)
        if not isinstance(marked, dict) or marked.get("optionalhook"):
            continue
        hook = marked.get("specname") or attribute
        if hook not in known:
            raise _broken(name, f"没有钩子 {hook}", f"可用的钩子：{'、'.join(sorted(known))}", reason=hook)


def _broken(plugin: str, what: str, hint: str, *, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"插件 {plugin} 有误：{what}", hint=hint, details={"plugin": plugin, "reason": reason}
    )
