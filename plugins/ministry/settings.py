"""The settings of the ministry's platform: what they are, and reading them into one value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from agent.crypto import Layout
from agent.errors import ConfigurationError
from agent.hookspecs import KeyUse, Option
from plugins.ministry.rules import RULES

_ACCESS_KEY: Final = r"\d{9}"
_PROVINCE: Final = r"\d{6}"
_LAYOUTS: Final = tuple(layout.value for layout in Layout)

OPTIONS: Final = (
    Option(
        name="url",
        kind="url",
        about="部级工伤保险异地就医系统的统一接口地址（文档“接口调用地址”，测试与生产不同）",
        required=True,
        example="http://10.0.0.1:7009/engine/transport/server/001",
    ),
    Option(
        name="access_key",
        kind="text",
        about="系统接入标识符 ACCESS_KEY：部级分配的 9 位数字（行政区划 + 3 位序列号）",
        required=True,
        pattern=_ACCESS_KEY,
        example="510000001",
    ),
    Option(
        name="province",
        kind="text",
        about="省级行政区划代码 AAB301，6 位数字，也是交易流水号的前 6 位；不填则取 access_key 的前 6 位",
        default="",
        pattern=_PROVINCE,
        example="510000",
    ),
    Option(
        name="own_key",
        kind="text",
        about="钥匙串中本方 SM2 私钥的名称，用于签名和解密",
        default="ministry/own-private",
    ),
    Option(
        name="peer_key",
        kind="text",
        about="钥匙串中平台 SM2 公钥的名称，用于验签和加密；平台只下发一对密钥时，可与 own_key 同名",
        default="ministry/peer-public",
    ),
    Option(
        name="sm2_layout",
        kind="choice",
        about="SM2 密文的排列：平台示例代码为 C1C2C3；平台若改用国标顺序则填 C1C3C2",
        default=Layout.C1C2C3.value,
        choices=_LAYOUTS,
    ),
    Option(
        name="hisdata_absent",
        kind="list",
        about="通用交易查询（GYD053）返回哪些 BUSI_CODE 表示平台没有收到过该笔交易",
        default=["RE1106"],
    ),
    Option(
        name="skip_rules",
        kind="list",
        about="不在本地检查的跨字段规则名（目录文件 rules 中的名称）：平台实际放行而文档规定不符时使用",
        default=[],
        example='["gyu006_attachments"]',
    ),
)

KEY_USES: Final = (
    KeyUse(name="ministry/own-private", about="本方 SM2 私钥：请求签名、响应解密", kind="sm2-private"),
    KeyUse(name="ministry/peer-public", about="平台 SM2 公钥：请求加密、响应验签", kind="sm2-public"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked settings; the fields are those of :data:`OPTIONS`, ``province`` filled in."""

    url: str
    access_key: str
    province: str
    own_key: str
    peer_key: str
    sm2_layout: Layout
    hisdata_absent: frozenset[str]
    skip_rules: frozenset[str]


def read_settings(options: Mapping[str, Any]) -> Settings:
    """Raises ConfigurationError naming the setting."""
    chosen = {option.name: options.get(option.name, option.default) for option in OPTIONS}
    access_key = _matching(chosen, "access_key", _ACCESS_KEY, "应为 9 位数字")
    chosen["province"] = chosen["province"] or access_key[:6]
    return Settings(
        url=_url(chosen["url"]),
        access_key=access_key,
        province=_matching(chosen, "province", _PROVINCE, "应为 6 位数字"),
        own_key=_matching(chosen, "own_key", r"\S+", "不能为空"),
        peer_key=_matching(chosen, "peer_key", r"\S+", "不能为空"),
        sm2_layout=Layout(_matching(chosen, "sm2_layout", "|".join(_LAYOUTS), "应为 C1C2C3 或 C1C3C2")),
        hisdata_absent=_absent_codes(chosen["hisdata_absent"]),
        skip_rules=_rules(chosen["skip_rules"]),
    )


def _matching(chosen: Mapping[str, Any], name: str, pattern: str, demand: str) -> str:
    value = chosen[name]
    if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
        raise _wrong(name, demand)
    return value


def _url(value: object) -> str:
    parts = urlsplit(value) if isinstance(value, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise _wrong("url", "应为 http:// 或 https:// 开头的完整地址")
    return parts.geturl()


def _absent_codes(value: object) -> frozenset[str]:
    codes = _texts("hisdata_absent", value)
    if not codes:
        raise _wrong("hisdata_absent", "至少应有一个业务处理结果代码")
    if "RE0000" in codes:
        raise _wrong("hisdata_absent", "不能包含 RE0000：它表示查询成功")
    return codes


def _rules(value: object) -> frozenset[str]:
    names = _texts("skip_rules", value)
    unknown = sorted(names - RULES.keys())
    if unknown:
        raise _wrong("skip_rules", f"没有规则 {'、'.join(unknown)}")
    return names


def _texts(name: str, value: object) -> frozenset[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(text, str) and text for text in value):
        raise _wrong(name, "应为字符串数组")
    return frozenset(value)


def _wrong(name: str, demand: str) -> ConfigurationError:
    return ConfigurationError(
        f"部级平台配置项 {name} 有误：{demand}",
        hint=f"请在配置文件中修改该系统的 {name} 后重新启动",
        details={"system": "ministry", "setting": name},
    )
