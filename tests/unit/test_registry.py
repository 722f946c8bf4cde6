from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest

from agent import logs
from agent.errors import ConfigurationError
from agent.hookspecs import GROUP, Option, ProtocolSpec, hookimpl
from agent.registry import Registry

MakePlugin = Callable[[str, str], EntryPoint]


def never(*_arguments: object) -> None:
    raise AssertionError("registration builds nothing")


def protocol(name: str, *options: Option) -> ProtocolSpec:
    return ProtocolSpec(name, name.title(), options, (), never, never)  # type: ignore[arg-type]


def plugin(*protocols: ProtocolSpec, **hooks: Callable[..., None]) -> ModuleType:
    """A module with a ``register_protocols`` and further implementations."""
    module = ModuleType("some_plugin")

    @hookimpl
    def register_protocols(register: Callable[[ProtocolSpec], None]) -> None:
        for one in protocols:
            register(one)

    for name, function in {"register_protocols": register_protocols, **hooks}.items():
        setattr(module, name, function)
    return module


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakePlugin]:
    """Writes a plugin module and gives its entry point."""
    monkeypatch.syspath_prepend(tmp_path)
    written: list[str] = []

    def write(name: str, source: str) -> EntryPoint:
        (tmp_path / f"{name}_module.py").write_text(source, encoding="utf-8")
        written.append(f"{name}_module")
        return EntryPoint(name, f"{name}_module", GROUP)

    yield write
    for name in written:
        sys.modules.pop(name, None)


SPEAKS = """
from agent.hookspecs import Option, ProtocolSpec, hookimpl
@hookimpl
def register_protocols(register):
    options = (Option("url", "url", "about"),)
    register(ProtocolSpec("{name}", "", options, (), lambda: None, lambda options, keys: None))
"""


def test_a_registered_protocol_is_found_by_name() -> None:
    registry = Registry([])
    alpha = protocol("alpha")
    registry.register(plugin(alpha), "some")
    assert registry.protocol("alpha") is alpha
    assert registry.protocols() == {"alpha": alpha}


def test_an_unknown_protocol_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="没有插件支持系统 alpha"):
        Registry([]).protocol("alpha")


def test_plugins_are_imported_only_when_a_system_needs_them(
    modules: MakePlugin,
) -> None:
    points = [modules("alpha", SPEAKS.format(name="alpha")), modules("beta", SPEAKS.format(name="beta"))]
    registry = Registry(points)
    assert not {"alpha_module", "beta_module"} & set(sys.modules)
    assert list(registry.options(["alpha"])) == ["alpha"]
    assert "alpha_module" in sys.modules
    assert "beta_module" not in sys.modules
    assert list(registry.protocols()) == ["alpha", "beta"]


def test_a_protocol_whose_plugin_has_another_name_is_found_all_the_same(
    modules: MakePlugin,
) -> None:
    registry = Registry([modules("vendor", SPEAKS.format(name="gamma"))])
    assert list(registry.require(["gamma", "delta"])) == ["gamma"]


def test_a_plugin_that_cannot_be_imported_is_named(modules: MakePlugin) -> None:
    registry = Registry([modules("alpha", "import no_such_module_here")])
    with pytest.raises(ConfigurationError, match=r"插件 alpha .*无法加载") as caught:
        registry.require(["alpha"])
    assert caught.value.details["reason"] == "ModuleNotFoundError"


def test_a_broken_plugin_of_a_system_that_is_not_configured_hinders_nothing(
    modules: MakePlugin,
) -> None:
    points = [modules("alpha", SPEAKS.format(name="alpha")), modules("broken", "1 / 0")]
    assert list(Registry(points).require(["alpha"])) == ["alpha"]


def test_two_plugins_of_one_name_are_refused(modules: MakePlugin) -> None:
    point = modules("alpha", SPEAKS.format(name="alpha"))
    with pytest.raises(ConfigurationError, match="名称重复"):
        Registry([point, point])


def test_two_plugins_that_speak_one_protocol_are_refused_naming_both() -> None:
    registry = Registry([])
    registry.register(plugin(protocol("alpha")), "first")
    with pytest.raises(ConfigurationError, match=r"second .*alpha .*first"):
        registry.register(plugin(protocol("alpha")), "second")


@pytest.mark.parametrize("hook", ["register_protocol", "outcome_recored"])
def test_a_misspelt_hook_is_refused_naming_plugin_and_hook(hook: str) -> None:
    @hookimpl
    def misspelt(register: object) -> None:
        """Never called."""

    with pytest.raises(ConfigurationError, match=f"插件 vendor .*{hook}"):
        Registry([]).register(plugin(**{hook: misspelt}), "vendor")


def test_a_hook_misspelt_by_specname_is_refused_too() -> None:
    @hookimpl(specname="request_stord")
    def innocent(system: str) -> None:
        """Never called."""

    with pytest.raises(ConfigurationError, match="request_stord"):
        Registry([]).register(plugin(innocent=innocent), "vendor")


def test_a_hook_with_arguments_that_do_not_exist_is_refused_naming_the_plugin() -> None:
    @hookimpl
    def request_stored(colour: str) -> None:
        """Never called."""

    with pytest.raises(ConfigurationError, match="插件 vendor"):
        Registry([]).register(plugin(request_stored=request_stored), "vendor")


def test_a_plugin_that_fails_while_registering_or_registers_something_else_is_refused() -> None:
    @hookimpl
    def register_protocols(register: Callable[[object], None]) -> None:
        register("alpha")

    with pytest.raises(ConfigurationError, match="ProtocolSpec"):
        Registry([]).register(plugin(register_protocols=register_protocols), "vendor")

    @hookimpl(specname="register_protocols")
    def failing(register: Callable[[object], None]) -> None:
        raise KeyError("alpha")

    with pytest.raises(ConfigurationError, match="登记协议时出错"):
        Registry([]).register(plugin(register_protocols=failing), "vendor")


def test_an_option_of_a_name_that_the_agent_keeps_for_itself_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="parallel"):
        Registry([]).register(plugin(protocol("alpha", Option("parallel", "integer", ""))), "vendor")


def test_observers_hear_of_everything_each_with_the_arguments_it_asks_for() -> None:
    heard: list[object] = []

    @hookimpl
    def request_stored(messages: int) -> None:
        heard.append(messages)

    @hookimpl
    def outcome_recorded(system: str, transaction: str, state: str, code: str) -> None:
        heard.append((system, transaction, state, code))

    registry = Registry([])
    registry.register(plugin(request_stored=request_stored, outcome_recorded=outcome_recorded), "watcher")
    registry.request_stored("alpha", "A1", 3)
    registry.outcome_recorded("alpha", "A1", "accepted", "0000")
    assert heard == [3, ("alpha", "A1", "accepted", "0000")]


def test_an_observer_that_fails_is_logged_and_the_others_still_hear(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    logged: list[tuple[str, str, str]] = []

    @hookimpl
    def failing(system: str) -> None:
        raise RuntimeError

    @hookimpl
    def listening(system: str) -> None:
        heard.append(system)

    def note(logger: logs.Logger, event: str, *, hook: str, plugin: str) -> None:
        logged.append((event, hook, plugin))

    monkeypatch.setattr(logs.Logger, "exception", note)
    registry = Registry([])
    for name, observer in (("one", listening), ("two", failing), ("three", listening)):
        registry.register(plugin(request_stored=observer), name)
    registry.request_stored("alpha", "A1", 1)
    assert heard == ["alpha", "alpha"]
    assert logged == [("observer failed", "request_stored", "two")]


def test_importing_the_agent_imports_no_plugin() -> None:
    code = (
        "import sys, agent.registry, agent.config, agent.logs\n"
        "agent.registry.Registry()\n"
        "print([name for name in sys.modules if name.startswith('plugins')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_our_own_plugins_are_found_as_strangers_are() -> None:
    assert Registry().protocol("ministry").name == "ministry"
