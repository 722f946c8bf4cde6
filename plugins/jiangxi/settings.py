"""The settings of Jiangxi's province: what they are, and reading them into one value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent.hookspecs import Option
from agent.protocol.settings import Chosen
from plugins.jiangxi.rules import RULES

TITLE: Final = "江西平台"
_INSTITUTION: Final = re.compile(r"([0-9A-Za-z]{5})(?:=([0-9A-Za-z]{1,50}))?")
_CODES: Final = re.compile(r"[0-9]{2}")

OPTIONS: Final = (
    Option(
        name="url",
        kind="url",
        about="江西省工伤实时结算接口地址（由省平台分配，测试与生产不同）",
        required=True,
        example="http://10.0.0.1:7016/gsyl/rest/service",
    ),
    Option(
        name="institutions",
        kind="list",
        about="本机服务的机构：5 位机构编码 akb020，认证信息 safeinfo 与它不同时写作 编码=认证信息；"
        "每个机构各自排队，提交内容没有写 akb020 时用第一个",
        required=True,
        example='["Y0400=Y6XL0"]',
    ),
    Option(
        name="flag_success",
        kind="list",
        about="output.flag 的哪些值表示成功（文档只在 GS001、GS002 中写明 success）",
        default=["success"],
    ),
    Option(
        name="flag_failure",
        kind="list",
        about="output.flag 的哪些值表示失败（文档只在 GS001、GS002 中写明 fail）",
        default=["fail"],
    ),
    Option(
        name="flag_may_be_missing",
        kind="boolean",
        about="ireturn 为 000000 而没有 flag 时视为成功；不填则视为结果不明",
        default=False,
    ),
    Option(
        name="rows_per_message",
        kind="integer",
        about="FY001、SQ002 每次最多发送多少条明细，超过则拆成几次；0 为不拆（文档没有规定上限）",
        default=0,
    ),
    Option(
        name="traced",
        kind="list",
        about="哪些单据类型（bkc369）的费用明细应上传追溯码",
        default=["13"],
    ),
    Option(
        name="partial_upload",
        kind="choice",
        about="查询发现 FY001 只有一部分明细到达时：finish 补传其余；undo 用 JY001 逐条删除已到达的"
        "（JY001 的 bke384 文档写明 20 位，实际编号 23 位，确认平台接受后再选）",
        default="finish",
        choices=("finish", "undo"),
    ),
    Option(
        name="skip_rules",
        kind="list",
        about="不在本地检查的跨字段规则名（目录文件 rules 中的名称）：平台实际放行而文档规定不符时使用",
        default=[],
        example='["fy001_total"]',
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked settings. ``institutions``: safeinfo by akb020, in the order of the configuration."""

    url: str
    institutions: Mapping[str, str]
    flag_success: frozenset[str]
    flag_failure: frozenset[str]
    flag_may_be_missing: bool
    rows_per_message: int
    traced: frozenset[str]
    undo_partial: bool
    skip_rules: frozenset[str]

    @property
    def first(self) -> str:
        return next(iter(self.institutions))


def read_settings(options: Mapping[str, Any]) -> Settings:
    """Raises ConfigurationError naming the setting."""
    given = {option.name: options.get(option.name, option.default) for option in OPTIONS}
    chosen = Chosen("jiangxi", TITLE, given)
    success, failure = _flags(chosen, "flag_success"), _flags(chosen, "flag_failure")
    if success & failure:
        raise chosen.wrong("flag_failure", "不能与 flag_success 有相同的值")
    return Settings(
        url=chosen.url("url"),
        institutions=_institutions(chosen),
        flag_success=success,
        flag_failure=failure,
        flag_may_be_missing=_boolean(chosen, "flag_may_be_missing"),
        rows_per_message=chosen.whole("rows_per_message"),
        traced=_kinds(chosen),
        undo_partial=chosen.matching("partial_upload", "finish|undo", "应为 finish 或 undo") == "undo",
        skip_rules=chosen.rules("skip_rules", RULES.keys()),
    )


def _institutions(chosen: Chosen) -> Mapping[str, str]:
    demand = "应为机构编码的数组，编码 5 位，如 Y0400 或 Y0400=Y6XL0，每个编码一次"
    found: dict[str, str] = {}
    if not isinstance(chosen.values["institutions"], list | tuple):
        raise chosen.wrong("institutions", demand)
    for text in chosen.texts("institutions"):
        match = _INSTITUTION.fullmatch(text)
        if match is None or match[1] in found:
            raise chosen.wrong("institutions", demand)
        found[match[1]] = match[2] or match[1]
    if not found:
        raise chosen.wrong("institutions", demand)
    return found


def _flags(chosen: Chosen, name: str) -> frozenset[str]:
    flags = frozenset(text.casefold() for text in chosen.texts(name))
    if not flags:
        raise chosen.wrong(name, "至少应有一个值")
    return flags


def _kinds(chosen: Chosen) -> frozenset[str]:
    kinds = frozenset(chosen.texts("traced"))
    if not all(_CODES.fullmatch(kind) for kind in kinds):
        raise chosen.wrong("traced", "应为单据类型 BKC369 的两位代码的数组")
    return kinds


def _boolean(chosen: Chosen, name: str) -> bool:
    value = chosen.values[name]
    if not isinstance(value, bool):
        raise chosen.wrong(name, "应为 true 或 false")
    return value
