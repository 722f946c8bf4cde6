from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest

from agent.config import AgentConfig, default_path, load
from agent.errors import ConfigurationError
from agent.hookspecs import Option

URL = Option("url", "url", "接口地址", required=True)
REGION = Option("region", "text", "行政区划", required=True, pattern=r"\d{6}")
LAYOUT = Option("layout", "choice", "密文布局", default="C1C2C3", choices=("C1C2C3", "C1C3C2"))
ORDERS = Option("orders", "list", "订单类型", default=[])


def options_of_alpha(names: Iterable[str]) -> Mapping[str, Sequence[Option]]:
    return {"alpha": (URL, REGION, LAYOUT, ORDERS)} if "alpha" in names else {}


def write(folder: Path, text: str) -> Path:
    path = folder / "his-agent.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems_of(path: Path) -> dict[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        load(path, options_of_alpha)
    problems = caught.value.details["problems"]
    assert isinstance(problems, tuple)
    for key, expected in problems:
        assert f"{key}：{expected}" in caught.value.message
    return dict(problems)


def test_an_empty_file_gives_the_documented_defaults(tmp_path: Path) -> None:
    config = load(write(tmp_path, ""))
    assert config.data == tmp_path
    assert (config.node, config.nodes, config.answer_within_s) == (0, 1, 20)
    assert config.log.file == tmp_path / "logs" / "his-agent.jsonl"
    assert config.control.path == tmp_path / "control" / "endpoint"
    assert (config.systems, config.folders) == ({}, ())


def test_every_setting_reaches_its_field(tmp_path: Path) -> None:
    config = load(write(tmp_path, FULL), options_of_alpha)
    alpha = config.systems["alpha"]
    assert (config.data, config.node, config.nodes) == (tmp_path / "root", 2, 3)
    assert (alpha.order, alpha.parallel, alpha.negatives, alpha.negative_quiet_s) == ("strict", 2, 3, 5.5)
    assert (alpha.probe_after, alpha.resend_unguarded, alpha.backoff_cap_s) == (4, ("A1", "A2"), 9)
    assert alpha.transport.proxy == "http://proxy.example:3128"
    assert alpha.transport.ca_file == str(tmp_path / "ca.pem")
    assert (alpha.transport.connect_timeout_s, alpha.transport.answer_timeout_s) == (1.5, 2)
    assert alpha.transport.verify is False
    (folder,) = config.folders
    assert (folder.name, folder.system, folder.inbox) == ("ward", "alpha", tmp_path / "/his/out")
    assert (folder.results, folder.taking) == (tmp_path / "root/answers", tmp_path / "/his/out/.taking")
    assert (folder.encoding, folder.settle_ms, folder.marker) == ("gb18030", 50, ".ok")
    assert (folder.result_format, folder.result_encoding) == ("ini", "gb18030")
    assert (config.log.level, config.log.keep, config.keys.allow_backends) == ("debug", 3, ("a.B",))


FULL = """
[agent]
data = 'root'
node = 2
nodes = 3
[log]
level = "debug"
keep = 3
[keys]
allow_backends = ["a.B"]
[systems.alpha]
url = "http://127.0.0.1:7015/engine"
region = "510000"
order = "strict"
parallel = 2
negatives = 3
negative_quiet_s = 5.5
probe_after = 4
resend_unguarded = ["A1", "A2"]
backoff_cap_s = 9
[systems.alpha.transport]
connect_timeout_s = 1.5
answer_timeout_s = 2
proxy = "http://proxy.example:3128"
ca_file = "ca.pem"
verify = false
[folders.ward]
system = "alpha"
inbox = '/his/out'
results = 'answers'
encoding = "gb18030"
settle_ms = 50
marker = ".ok"
result_format = "ini"
result_encoding = "gb18030"
"""


def test_options_are_completed_with_the_defaults_their_protocol_declares(tmp_path: Path) -> None:
    config = load(write(tmp_path, FULL), options_of_alpha)
    assert config.systems["alpha"].options == {
        "url": "http://127.0.0.1:7015/engine",
        "region": "510000",
        "layout": "C1C2C3",
        "orders": [],
    }


def test_without_protocols_options_stay_as_written(tmp_path: Path) -> None:
    config = load(write(tmp_path, "[systems.alpha]\nanything = 1"))
    assert config.systems["alpha"].options == {"anything": 1}


def test_all_problems_of_all_sections_are_reported_at_once(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        agnet = 1
        [agent]
        node = 3
        answer_within_s = "soon"
        [log]
        levle = "info"
        level = "loud"
        [systems.alpha]
        region = "51"
        layout = "C3"
        colour = "red"
        parallel = 0
        [systems.alpha.transport]
        verify = 1
        [systems.beta]
        [folders.one]
        system = "gamma"
        marker = "ok"
        """,
    )
    problems = problems_of(path)
    assert set(problems) == {
        "agnet",
        "agent.node",
        "agent.answer_within_s",
        "log.levle",
        "log.level",
        "systems.alpha.url",
        "systems.alpha.region",
        "systems.alpha.layout",
        "systems.alpha.colour",
        "systems.alpha.parallel",
        "systems.alpha.transport.verify",
        "systems.beta",
        "folders.one.system",
        "folders.one.marker",
    }
    assert "level" in problems["log.levle"]
    assert "1 到 16" in problems["systems.alpha.parallel"]
    assert "debug" in problems["log.level"]


def test_a_problem_never_repeats_the_value(tmp_path: Path) -> None:
    secret = "Zm9vYmFyc2VjcmV0" * 10
    path = write(tmp_path, f'[systems.alpha]\nurl = "{secret}"\nregion = "{secret}"\nkey = "{secret}"')
    with pytest.raises(ConfigurationError) as caught:
        load(path, options_of_alpha)
    assert secret not in str(caught.value)
    assert secret not in repr(caught.value.details)


@pytest.mark.parametrize("value", ["-----BEGIN PRIVATE KEY-----\\nMIG", "MIGTAgEAMBMGByqGSM49" * 8])
def test_key_material_in_the_file_is_refused_with_the_way_to_import_it(tmp_path: Path, value: str) -> None:
    path = write(tmp_path, f'[systems.alpha]\nurl = "http://h/"\nregion = "510000"\nlayout = "{value}"')
    assert "keys import" in problems_of(path)["systems.alpha.layout"]


@pytest.mark.parametrize(
    "url", ["ftp://host/", "host:80/path", "http://", "http://host:99999/", "http://ho st/", "//host/"]
)
def test_an_address_without_scheme_host_or_possible_port_is_refused(tmp_path: Path, url: str) -> None:
    path = write(tmp_path, f'[systems.alpha]\nurl = "{url}"\nregion = "510000"')
    assert "systems.alpha.url" in problems_of(path)


def test_a_required_option_left_empty_is_refused(tmp_path: Path) -> None:
    assert (
        "不能为空"
        in problems_of(write(tmp_path, '[systems.alpha]\nurl = ""\nregion = "510000"'))["systems.alpha.url"]
    )


def test_each_system_without_a_folder_of_its_own_gets_the_default_one(tmp_path: Path) -> None:
    config = load(write(tmp_path, "[systems.alpha]\n[systems.beta]\n[folders.x]\nsystem = 'alpha'"))
    assert [(folder.name, folder.system) for folder in config.folders] == [("x", "alpha"), ("beta", "beta")]
    default = config.folders[1]
    assert default.inbox == tmp_path / "inbox" / "beta"
    assert default.results == tmp_path / "results" / "beta"
    assert (default.archive, default.rejected) == (tmp_path / "archive", tmp_path / "rejected")
    assert default.taking == default.inbox / ".taking"


def test_a_folder_that_takes_the_name_of_another_systems_default_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "[systems.alpha]\n[systems.beta]\n[folders.beta]\nsystem = 'alpha'")
    with pytest.raises(ConfigurationError, match="留给系统 beta"):
        load(path)


@pytest.mark.parametrize("kind", ["results", "archive", "rejected", "taking"])
def test_an_inbox_that_is_also_an_output_is_refused(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path, f"[systems.alpha]\n[folders.alpha]\ninbox = 'a/b'\n{kind} = 'a/./c/../b'")
    with pytest.raises(ConfigurationError, match=rf"folders\.alpha\.{kind}"):
        load(path)


def test_two_folders_with_one_inbox_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "[systems.a]\n[folders.a]\ninbox = 'in'\n[folders.b]\nsystem='a'\ninbox = 'in/'")
    with pytest.raises(ConfigurationError, match=r"folders\.b\.inbox"):
        load(path)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="init"):
        load(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[agent]\ndata = "D:\\his"', r"第 2 行.*反斜杠.*单引号"),
        ('[agent]\ndata = "D:\\xyz"', r"第 2 行.*反斜杠.*单引号"),
        ("[agent]\n[log]\n[agent]\n", r"第 3 行.*重复.*合并"),
        ("[agent]\nnode = 1\nnode = 2\n", r"第 3 行.*重复.*合并"),
        ("[agent]\ndata = D:/his\n", r"第 2 行.*语法错误.*引号"),
        ("[agent]\ndata = 'D:", r"末尾有语法错误.*引号"),
    ],
)
def test_broken_toml_names_file_and_line_and_what_to_do_in_chinese(
    tmp_path: Path, text: str, says: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigurationError, match=says) as caught:
        load(path)
    assert str(path) in caught.value.message
    assert "line" not in str(caught.value)


def test_a_file_saved_in_gbk_is_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "his-agent.toml"
    path.write_bytes("# 配置\n".encode("gb18030"))
    with pytest.raises(ConfigurationError, match="UTF-8"):
        load(path)


def test_a_byte_order_mark_of_notepad_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "his-agent.toml"
    path.write_bytes(b"\xef\xbb\xbf[agent]\nnodes = 2\n")
    assert load(path).nodes == 2


def test_a_table_that_is_a_value_is_refused(tmp_path: Path) -> None:
    problems = problems_of(write(tmp_path, "log = 1\nsystems = 2\n[folders]\nx = 3"))
    assert {"log", "systems", "folders.x"} <= set(problems)


def test_repr_of_a_configuration_shows_no_protocol_option_and_no_proxy_password(tmp_path: Path) -> None:
    text = '[systems.alpha]\nuser = "hidden-user"\n[systems.alpha.transport]\nproxy = "http://u:hidden@p/"'
    config: AgentConfig = load(write(tmp_path, text))
    assert "hidden" not in repr(config)


def test_the_default_place_is_absolute_and_named_after_the_agent() -> None:
    assert default_path().is_absolute()
    assert default_path().parts[-2:] == ("his-agent", "his-agent.toml")
