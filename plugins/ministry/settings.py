"""The settings of the ministry's platform: what they are, and reading them into one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent.crypto import Layout
from agent.hookspecs import KeyUse, Option
from agent.protocol.settings import Chosen
from plugins.ministry.owning import OWNING_OPTIONS, Owning, read_owning
from plugins.ministry.rules import RULES

TITLE: Final = "部级平台"
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
    *OWNING_OPTIONS,
)

KEY_USES: Final = (
    KeyUse(name="ministry/own-private", about="本方 SM2 私钥：请求签名、响应解密", kind="sm2-private"),
    KeyUse(name="ministry/peer-public", about="平台 SM2 公钥：请求加密、响应验签", kind="sm2-public"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked settings; the fields are those of :data:`OPTIONS`, ``province`` filled in,
    those of downloads together."""

    url: str
    access_key: str
    province: str
    own_key: str
    peer_key: str
    sm2_layout: Layout
    hisdata_absent: frozenset[str]
    skip_rules: frozenset[str]
    owning: Owning


def read_settings(options: Mapping[str, Any]) -> Settings:
    """Raises ConfigurationError naming the setting."""
    given = {option.name: options.get(option.name, option.default) for option in OPTIONS}
    access_key = Chosen("ministry", TITLE, given).matching("access_key", _ACCESS_KEY, "应为 9 位数字")
    chosen = Chosen("ministry", TITLE, {**given, "province": given["province"] or access_key[:6]})
    return Settings(
        url=chosen.url("url"),
        access_key=access_key,
        province=chosen.matching("province", _PROVINCE, "应为 6 位数字"),
        own_key=chosen.matching("own_key", r"\S+", "不能为空"),
        peer_key=chosen.matching("peer_key", r"\S+", "不能为空"),
        sm2_layout=Layout(chosen.matching("sm2_layout", "|".join(_LAYOUTS), "应为 C1C2C3 或 C1C3C2")),
        hisdata_absent=_absent_codes(chosen),
        skip_rules=chosen.rules("skip_rules", RULES.keys()),
        owning=read_owning(chosen),
    )


def _absent_codes(chosen: Chosen) -> frozenset[str]:
    codes = frozenset(chosen.texts("hisdata_absent"))
    if not codes:
        raise chosen.wrong("hisdata_absent", "至少应有一个业务处理结果代码")
    if "RE0000" in codes:
        raise chosen.wrong("hisdata_absent", "不能包含 RE0000：它表示查询成功")
    return codes
