"""agent.service.windows: the calls that are made, in their order, and what refusals become. What they do
on a real machine: docs/windows-acceptance.md."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.config import load
from agent.errors import ConfigurationError
from agent.service import windows
from agent.service.host import Installation, ServiceFailed
from agent.service.windows import VIRTUAL_ACCOUNT, WindowsHost, WindowsRefused
from agent.service.windows_access import access_commands, on_server

CONFIG = """
[agent]
data = "data"
[control]
operators = "his-agent-operators"
[systems.ministry]
url = "https://platform.example/"
access_key = "510000001"
"""


class Machine:
    """Stands for Windows: keeps every call, refuses those that a test names, and has one service."""

    def __init__(self, states=(), refuse=()):
        self.calls = []
        self.states = list(states) or ["stopped"]
        self.refuse = dict(refuse)
        self.runs_as = VIRTUAL_ACCOUNT

    def __getattr__(self, name):
        def call(*arguments):
            self.calls.append((name, *arguments))
            if name in self.refuse:
                raise WindowsRefused(name, self.refuse[name])
            return name == "make_group"

        return call

    def state(self):
        if "state" in self.refuse:
            raise WindowsRefused("state", self.refuse["state"])
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return state, {"pid": "7", "exit": "0"}

    def account(self):
        return self.plan().account or self.runs_as

    def names(self):
        return [call[0] for call in self.calls]

    def plan(self):
        return next(call[1] for call in self.calls if call[0] in ("create", "change"))


@pytest.fixture
def wanted(tmp_path):
    path = tmp_path / "his-agent.toml"
    path.write_text(CONFIG, "utf-8")
    return Installation(config=path)


def host(machine, pauses=None):
    waited = pauses if pauses is not None else []
    return WindowsHost(machine, waited.append, load, (r"C:\Program Files\his-agent\his-agent.exe",))


def test_an_installation_makes_groups_then_the_service_then_its_settings_then_access(wanted):
    machine = Machine()
    host(machine).install(wanted)
    names = machine.names()
    assert names[:3] == ["make_group", "make_group", "create"]
    assert names[3:10] == [
        "describe",
        "own_sid",
        "delay_start",
        "recover",
        "recover_from_errors_too",
        "preshutdown",
        "register_event_source",
    ]
    assert set(names[10:]) == {"run"}
    assert [call[1] for call in machine.calls[:2]] == ["his-agent-his", "his-agent-operators"]


def test_the_service_runs_the_frozen_program_with_its_configuration_whatever_the_paths_hold(wanted):
    machine = Machine()
    spaced = wanted.config.with_name("my config.toml")
    spaced.write_text(CONFIG, "utf-8")
    host(machine).install(replace(wanted, config=spaced))
    expected = rf'"C:\Program Files\his-agent\his-agent.exe" service-host "{spaced}"'
    assert machine.plan().command == expected


def test_it_waits_for_the_smart_card_service_only_when_cards_are_used(wanted):
    without, with_cards = Machine(), Machine()
    host(without).install(wanted)
    host(with_cards).install(replace(wanted, cards=True))
    assert (without.plan().dependencies, with_cards.plan().dependencies) == ((), ("SCardSvr",))


def test_without_an_account_it_gets_one_of_its_own_that_needs_no_password(wanted):
    machine = Machine()
    host(machine).install(wanted)
    assert (machine.plan().account, machine.plan().password) == (VIRTUAL_ACCOUNT, "")
    assert "allow_service_logon" not in machine.names()


def test_an_account_is_allowed_to_log_on_before_the_service_is_made_and_its_password_is_shown_nowhere(wanted):
    machine = Machine()
    done = host(machine).install(replace(wanted, account=r".\his-svc", password="p4ss-w0rd"))
    names = machine.names()
    assert names.index("allow_service_logon") < names.index("create")
    assert machine.plan().password == "p4ss-w0rd"
    assert "p4ss-w0rd" not in repr(machine.plan()) + repr(wanted) + str(done)


def test_recovery_restarts_three_times_ever_later_and_errors_count_as_failures(wanted):
    machine = Machine()
    host(machine).install(wanted)
    (recover,) = [call for call in machine.calls if call[0] == "recover"]
    assert recover[1:] == ((5, 30, 60), 86_400)
    assert machine.names().index("recover_from_errors_too") > machine.names().index("recover")


def test_the_notice_before_a_shutdown_is_longer_than_a_stop_takes(wanted):
    from agent.daemon import STOP_WITHIN_S

    assert STOP_WITHIN_S + 5 <= windows.PRESHUTDOWN_S
    assert STOP_WITHIN_S + 5 <= windows.STOP_WITHIN_S


def test_a_setting_that_this_windows_does_not_know_is_named_and_passed_over(wanted):
    machine = Machine(refuse={"delay_start": windows.UNKNOWN_SETTING})
    done = host(machine).install(wanted)
    assert "这个系统不支持，已跳过：延迟自动启动" in done
    assert "recover" in machine.names()


@pytest.mark.parametrize(
    ("call", "number", "says"),
    [
        ("create", 1073, "已经安装"),
        ("create", 1072, "等待删除"),
        ("create", 5, "权限不够"),
        ("create", 1057, "账户不存在"),
        ("recover", 5, "权限不够"),
        ("run", 1332, "Windows 拒绝了 run"),
    ],
)
def test_each_refusal_says_in_chinese_what_to_do(wanted, call, number, says):
    with pytest.raises(ServiceFailed, match=says) as refusal:
        host(Machine(refuse={call: number})).install(wanted)
    assert refusal.value.hint
    assert refusal.value.details["number"] == number


def test_a_broken_configuration_is_found_before_anything_is_changed(wanted):
    wanted.config.write_text("[agent\n", "utf-8")
    machine = Machine()
    with pytest.raises(ConfigurationError):
        host(machine).install(wanted)
    assert machine.calls == []


# -- start, stop, update, remove, status ----------------------------------------------------------------
def test_a_start_waits_until_the_service_runs(wanted):
    pauses = []
    machine = Machine(["starting", "starting", "running"])
    assert host(machine, pauses).start() == ["服务已启动"]
    assert len(pauses) == 2


def test_a_start_that_ends_in_failure_says_where_to_look(wanted):
    with pytest.raises(ServiceFailed, match="没有启动起来") as failure:
        host(Machine(["starting", "failed"])).start()
    assert "事件查看器" in failure.value.hint


def test_a_start_that_takes_for_ever_is_given_up_after_two_minutes():
    pauses = []
    with pytest.raises(ServiceFailed):
        host(Machine(["starting"]), pauses).start()
    assert sum(pauses) == pytest.approx(windows.START_WITHIN_S)


def test_a_stop_waits_while_the_service_drains_even_before_it_says_so():
    pauses = []
    assert host(Machine(["running", "stopping", "stopping", "stopped"]), pauses).stop() == ["服务已停止"]
    assert len(pauses) == 3


def test_a_stop_that_takes_for_ever_is_given_up_and_says_that_data_is_safe():
    with pytest.raises(ServiceFailed, match="没有在时限内停止") as failure:
        host(Machine(["stopping"])).stop()
    assert "安全" in failure.value.hint


def test_starting_what_runs_and_stopping_what_does_not_are_no_errors():
    assert host(Machine(refuse={"start": 1056})).start() == ["服务已在运行"]
    assert host(Machine(refuse={"stop": 1062})).stop() == ["服务没有在运行"]


def test_an_update_of_a_running_service_stops_changes_and_starts_it(wanted):
    machine = Machine(["running", "stopped", "running"])
    host(machine).update(wanted)
    names = [name for name in machine.names() if name in ("stop", "change", "start")]
    assert names == ["stop", "change", "start"]


def test_an_update_of_a_stopped_service_leaves_it_stopped(wanted):
    machine = Machine(["stopped"])
    host(machine).update(wanted)
    assert not {"stop", "start", "create"} & set(machine.names())


def test_an_update_keeps_account_password_and_dependencies_where_nothing_else_is_wanted(wanted):
    machine = Machine(["stopped"])
    machine.runs_as = r".\his-svc"
    done = host(machine).update(wanted)
    assert (machine.plan().account, machine.plan().password, machine.plan().dependencies) == ("", "", ())
    assert r"已更新服务，账户 .\his-svc" in done
    granted = [call[1] for call in machine.calls if call[0] == "run"]
    assert any("his-svc:(OI)(CI)M" in command for command in granted), "icacls knows no .\\"
    assert VIRTUAL_ACCOUNT not in str(granted)


def test_an_update_to_another_account_lets_it_log_on_first(wanted):
    machine = Machine(["stopped"])
    host(machine).update(replace(wanted, account=r".\his-svc", password="p4ss-w0rd"))
    names = machine.names()
    assert names.index("allow_service_logon") < names.index("change")
    assert (machine.plan().account, machine.plan().password) == (r".\his-svc", "p4ss-w0rd")


def test_a_removal_stops_deletes_and_forgets_the_event_source_but_touches_no_folder():
    machine = Machine(["running", "stopped"])
    done = host(machine).remove()
    assert machine.names() == ["stop", "delete", "remove_event_source"]
    assert "配置、数据、密钥、组和文件夹权限未动" in done


def test_the_status_of_a_service_that_is_not_there_is_absent():
    assert host(Machine(refuse={"state": 1060})).status().state == "absent"
    assert host(Machine(["running"])).status().details["pid"] == "7"


def test_a_virtual_environment_cannot_be_a_service(monkeypatch):
    monkeypatch.setattr(windows.sys, "prefix", "/venv")
    monkeypatch.setattr(windows.sys, "base_prefix", "/usr")
    with pytest.raises(ConfigurationError, match="虚拟环境"):
        windows.own_program()
    monkeypatch.setattr(windows.sys, "frozen", True, raising=False)
    assert windows.own_program() == (windows.sys.executable,)


# -- access ---------------------------------------------------------------------------------------------
def commands(path, account=VIRTUAL_ACCOUNT):
    return [command for _, command in access_commands(load(path), account, "his-agent-his")]


def rights(path, folder):
    """What the last command about ``folder`` grants, and whether it cut the inheritance."""
    last = {}
    for command in commands(path):
        if Path(command[1]) == folder:
            last = {
                grant.rpartition(":")[0]: grant.rpartition(")")[2] for grant in command if ":(OI)" in grant
            }
            last["cut"] = "/inheritance:r" in command
    return last


PRIVATE = {"*S-1-5-18": "F", "*S-1-5-32-544": "F", VIRTUAL_ACCOUNT: "M", "cut": True}


def test_what_is_the_agents_own_is_closed_to_all_but_it_the_system_and_administrators(wanted):
    config = load(wanted.config)
    folder = config.folders[0]
    for path in (config.data, config.log.file.parent, folder.archive, folder.rejected):
        assert rights(wanted.config, path) == PRIVATE, path


def test_the_group_of_the_his_gets_inbox_and_results_and_not_what_is_being_taken(wanted):
    config = load(wanted.config)
    folder = config.folders[0]
    for path in (folder.inbox, folder.results, config.downloads, config.scans):
        assert rights(wanted.config, path) == {"his-agent-his": "M", "cut": False}
    assert folder.taking.is_relative_to(folder.inbox)
    assert rights(wanted.config, folder.taking) == PRIVATE


def test_operators_may_read_the_control_endpoint_and_only_when_a_group_is_named(wanted):
    config = load(wanted.config)
    granted = [command for command in commands(wanted.config) if "his-agent-operators" in str(command)]
    assert [Path(command[1]) for command in granted] == [config.control.path.parent]
    assert granted[0][-1].endswith("RX")
    wanted.config.write_text(CONFIG.replace("operators", "#operators"), "utf-8")
    assert "his-agent-operators" not in str(commands(wanted.config))


@pytest.mark.parametrize("verb", ["install", "update"])
def test_operators_are_given_no_folder_that_holds_more_than_the_endpoint(wanted, verb):
    machine = Machine()
    for path in ("endpoint", "../endpoint"):
        wanted.config.write_text(CONFIG.replace("[control]", f'[control]\npath = "{path}"'), "utf-8")
        with pytest.raises(ConfigurationError, match=r"control\.path"):
            getattr(host(machine), verb)(wanted)
    assert machine.calls == []
    wanted.config.write_text(wanted.config.read_text("utf-8").replace("operators", "#operators"), "utf-8")
    host(machine).install(wanted)


def test_the_service_may_read_its_configuration_and_not_write_it(wanted):
    (command,) = [one for one in commands(wanted.config) if Path(one[1]) == wanted.config.parent]
    assert f"{VIRTUAL_ACCOUNT}:(OI)(CI)RX" in command


def test_windows_own_icacls_is_called_by_its_whole_path(wanted, monkeypatch):
    monkeypatch.setenv("SYSTEMROOT", r"D:\Win")
    assert {command[0] for command in commands(wanted.config)} == {r"D:\Win\System32\icacls.exe"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [(r"\\server\share\in", True), ("//server/share/in", True), (r"C:\in", False), (r"\\?\C:\in", False)],
)
def test_rights_on_a_servers_share_are_left_to_the_server(path, expected):
    assert on_server(path) is expected
