"""The settings of scan-to-pay: what they are, and reading them into one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any, Final

from agent.hookspecs import KeyUse, Option
from agent.protocol.settings import Chosen
from plugins.scanpay.profiles import Envelope, Form, Hash, Order, Profile
from plugins.scanpay.rules import RULES

SYSTEM: Final = "scanpay"
TITLE: Final = "扫码支付"
_CODE: Final = r"[0-9A-Za-z_-]{1,32}"
_HOSPCODE: Final = r"[0-9A-Za-z_-]{1,64}"
_CHARSETS: Final = ("utf-8", "gbk")
_SIGNERS: Final = ("keys", "package")
_SIGN_INS: Final = ("need", "start", "off")
_DECODERS: Final = ("none", "library", "http", "simulated")

OPTIONS: Final = (
    Option(
        "url",
        "url",
        "医保业务系统的服务地址（测试与生产不同）",
        required=True,
        example="http://10.0.0.1:7017/",
    ),
    Option(
        "hospcode",
        "text",
        "定点医药机构代码 hospcode",
        required=True,
        pattern=_HOSPCODE,
        example="04010089",
    ),
    Option(
        "merchantcode",
        "text",
        "商户代码 merchantcode",
        required=True,
        pattern=_CODE,
        example="DD04010089",
    ),
    Option(
        "infosyscode",
        "text",
        "接入信息系统代码 infosyscode",
        required=True,
        pattern=_CODE,
        example="SYS100361",
    ),
    Option("hospname", "text", "定点名称：订单明细中未填 hospname 时使用", default="", example="测试医院"),
    Option("version", "text", "版本号 version", default="1.0", pattern=r"[0-9A-Za-z.]{1,10}"),
    Option(
        "operators",
        "list",
        "收款窗口的操作员 ID；每个操作员一条独立的通道，提交内容未写 operatorid 时用第一个",
        default=[],
        example='["0401008999"]',
    ),
    Option(
        "backurl",
        "url",
        "交易结果通知地址 backurl：接口规定必填，不接收通知时也要填",
        required=True,
        example="http://10.0.0.2:8080/callback",
        inbound=True,
    ),
    Option("orderovertime", "integer", "订单超时时间（分钟）：提交内容未填时使用", default=5),
    Option(
        "order_absent",
        "list",
        "查询支付状态（ST009）返回哪些 aprcode 表示没有这笔订单；其他失败不作结论",
        default=["10"],
    ),
    Option(
        "sign_in",
        "choice",
        "自动签到（ST001）：need 在第一笔业务需要时，start 在启动时，off 由 HIS 签到",
        default="need",
        choices=_SIGN_INS,
    ),
    Option(
        "sign_out_at",
        "text",
        "每天几点（HH:MM）以后自动对账（ST099）并签退（ST002）：订单都有结果、都已确认记账，对平或差异都已确认后才签退；"
        "空表示由 HIS 签退",
        default="",
        example="23:30",
    ),
    Option(
        "ack_within_s",
        "integer",
        "支付成功后 HIS 应在多少秒内用 ack 文件确认记账，否则自动取消（ST100）；0 表示不要求",
        default=0,
    ),
    Option(
        "query_margin_s",
        "integer",
        "订单超时后再过多少秒，查询不到订单才能算没有支付",
        default=60,
    ),
    Option(
        "late_look_after_s",
        "integer",
        "因查询不到而定为未支付的订单，多少秒后再查询一次",
        default=900,
    ),
    Option(
        "answer_patience_s",
        "integer",
        "窗口业务最多等平台应答多少秒，之后改为查询（ST009）；应小于 answer_within_s（20 秒），"
        "这样 HIS 的中间结果就是“查询中”",
        default=15,
    ),
    Option("code_lives_s", "integer", "二维码自扫码起多少秒内有效（文档：60 秒）", default=60),
    Option("token_lives_s", "integer", "ecToken 自扫码起多少秒内有效（文档：不超过 5 分钟）", default=300),
    Option("merchant_key", "text", "钥匙串中商户私钥的名称", default="scanpay/merchant-private"),
    Option("infosys_key", "text", "钥匙串中接入系统私钥的名称", default="scanpay/infosys-private"),
    Option(
        "platform_key",
        "text",
        "钥匙串中医保业务系统证书（.cer）或公钥的名称",
        default="scanpay/platform-public",
    ),
    Option(
        "signature_hash",
        "choice",
        "签名方式：sha1-hex 为对 SHA1 的十六进制再做 SHA1withRSA，sm3 为 SM2withSM3；"
        "可用 his-agent scanpay probe-signature 试出",
        default=Hash.SHA1_HEX.value,
        choices=tuple(Hash),
    ),
    Option(
        "signature_order",
        "choice",
        "待签名串中元素的次序：ascii 按名称排序，received 按报文次序，listed 按 signature_fields",
        default=Order.ASCII.value,
        choices=tuple(Order),
    ),
    Option("signature_fields", "list", "参与签名的元素名（小写）；空表示除签名外的全部", default=[]),
    Option("signature_empty", "boolean", "空值的元素是否参与签名", default=True),
    Option("signature_form", "choice", "签名值的写法", default=Form.BASE64.value, choices=tuple(Form)),
    Option("signature_charset", "choice", "待签名串的字符编码", default="utf-8", choices=_CHARSETS),
    Option(
        "infosys_signature_name",
        "text",
        "接入系统签名的元素名：文档表格与样例不一致，按平台要求填写",
        default="infosyssignature",
        pattern=r"[A-Za-z]{1,40}",
    ),
    Option(
        "envelope",
        "choice",
        "报文是否加密：plain 不加密，des 用 encryptkey/encrpteddata",
        default=Envelope.PLAIN.value,
        choices=tuple(Envelope),
    ),
    Option(
        "signer",
        "choice",
        "由谁签名验签：keys 用钥匙串中的密钥，package 用厂商辅助包（signer_command）",
        default="keys",
        choices=_SIGNERS,
    ),
    Option(
        "signer_command",
        "list",
        "厂商签名助手的启动命令（逐个参数），协议见 plugins/scanpay/vendor/PROTOCOL.md",
        default=[],
        example='["C:\\\\Python311-32\\\\python.exe", "signer.py"]',
    ),
    Option("signer_timeout_s", "integer", "签名助手一次应答最多等多少秒", default=5),
    Option(
        "decoder",
        "choice",
        "二维码由谁解码：none 由 HIS 解码，library 用 NationECCode 动态库，http 用解码服务，"
        "simulated 只用于演练",
        default="none",
        choices=_DECODERS,
    ),
    Option(
        "decoder_library",
        "text",
        "NationECCode 动态库的完整路径",
        default="",
        example="C:\\NationECCode\\NationECCode.dll",
    ),
    Option(
        "decoder_command",
        "list",
        "运行解码助手的 Python（动态库为 32 位时填 32 位 Python）；空表示本程序所用的，安装包版必须填写",
        default=[],
        example='["C:\\\\Python311-32\\\\python.exe"]',
    ),
    Option("decoder_url", "text", "解码服务地址：动态库向它查询，或 http 解码器直接调用", default=""),
    Option("decoder_timeout_s", "integer", "一次解码最多等多少秒", default=8),
    Option(
        "decoder_acquire",
        "boolean",
        "提交内容没有二维码时，由解码器自己驱动扫码设备取码；此时每个收款窗口应使用各自的收件文件夹",
        default=False,
    ),
    Option(
        "decoder_business",
        "text",
        "解码的业务类型 businessType（01301 结算）",
        default="01301",
        pattern=r"\d{5}",
    ),
    Option("skip_rules", "list", "不在本地检查的跨字段规则名：平台实际放行而文档规定不符时使用", default=[]),
)

KEY_USES: Final = (
    KeyUse("scanpay/merchant-private", "商户（定点医药机构）私钥：请求签名", "private"),
    KeyUse("scanpay/infosys-private", "接入信息系统私钥：请求签名", "private"),
    KeyUse("scanpay/platform-public", "医保业务系统的证书或公钥：应答验签", "public"),
)


@dataclass(frozen=True, slots=True)
class DecoderSettings:
    """How QR codes are decoded."""

    kind: str
    library: str
    command: tuple[str, ...]
    url: str
    timeout_s: int
    business: str
    acquire: bool


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked settings; the names are those of :data:`OPTIONS`."""

    url: str
    hospcode: str
    merchantcode: str
    infosyscode: str
    hospname: str
    version: str
    operators: tuple[str, ...]
    backurl: str
    orderovertime: int
    order_absent: frozenset[str]
    sign_in: str
    sign_out_at: time | None
    ack_within: timedelta
    query_margin: timedelta
    late_look_after: timedelta
    answer_patience: timedelta
    code_lives: timedelta
    token_lives: timedelta
    merchant_key: str
    infosys_key: str
    platform_key: str
    infosys_signature_name: str
    profile: Profile
    signer: str
    signer_command: tuple[str, ...]
    signer_timeout_s: int
    decoder: DecoderSettings
    skip_rules: frozenset[str]


def read_settings(options: Mapping[str, Any]) -> Settings:
    """Raises ConfigurationError naming the setting."""
    values = {option.name: options.get(option.name, option.default) for option in OPTIONS}
    chosen = Chosen(SYSTEM, TITLE, values)
    return Settings(
        url=chosen.url("url"),
        hospcode=chosen.matching("hospcode", _HOSPCODE, "应为机构代码"),
        merchantcode=chosen.matching("merchantcode", _CODE, "应为商户代码"),
        infosyscode=chosen.matching("infosyscode", _CODE, "应为接入信息系统代码"),
        hospname=str(values["hospname"]),
        version=chosen.matching("version", r"[0-9A-Za-z.]{1,10}", "应为版本号，如 1.0"),
        operators=chosen.texts("operators"),
        backurl=_backurl(chosen),
        orderovertime=_positive(chosen, "orderovertime"),
        order_absent=_absent(chosen),
        sign_in=_among(chosen, "sign_in", _SIGN_INS),
        sign_out_at=_time_of_day(chosen, "sign_out_at"),
        ack_within=timedelta(seconds=chosen.whole("ack_within_s")),
        query_margin=timedelta(seconds=_positive(chosen, "query_margin_s")),
        late_look_after=timedelta(seconds=_positive(chosen, "late_look_after_s")),
        answer_patience=timedelta(seconds=_positive(chosen, "answer_patience_s")),
        code_lives=timedelta(seconds=_positive(chosen, "code_lives_s")),
        token_lives=_token_lives(chosen),
        merchant_key=chosen.matching("merchant_key", r"\S+", "不能为空"),
        infosys_key=chosen.matching("infosys_key", r"\S+", "不能为空"),
        platform_key=chosen.matching("platform_key", r"\S+", "不能为空"),
        infosys_signature_name=chosen.matching("infosys_signature_name", r"[A-Za-z]{1,40}", "应为元素名"),
        profile=_profile(chosen),
        signer=_among(chosen, "signer", _SIGNERS),
        signer_command=_command(chosen),
        signer_timeout_s=_positive(chosen, "signer_timeout_s"),
        decoder=_decoder(chosen),
        skip_rules=chosen.rules("skip_rules", RULES.keys()),
    )


def _profile(chosen: Chosen) -> Profile:
    fields = tuple(name.lower() for name in chosen.texts("signature_fields"))
    order = Order(_among(chosen, "signature_order", tuple(Order)))
    if order is Order.LISTED and not fields:
        raise chosen.wrong("signature_fields", "signature_order 为 listed 时不能为空")
    return Profile(
        hash=Hash(_among(chosen, "signature_hash", tuple(Hash))),
        order=order,
        fields=fields,
        empty=_flag(chosen, "signature_empty"),
        form=Form(_among(chosen, "signature_form", tuple(Form))),
        charset=_among(chosen, "signature_charset", _CHARSETS),
        envelope=Envelope(_among(chosen, "envelope", tuple(Envelope))),
    )


def _decoder(chosen: Chosen) -> DecoderSettings:
    kind = _among(chosen, "decoder", _DECODERS)
    library, url = str(chosen.values["decoder_library"]), str(chosen.values["decoder_url"])
    if kind == "library" and not library:
        raise chosen.wrong("decoder_library", "decoder 为 library 时不能为空")
    if kind == "http" or (kind == "library" and url):
        url = chosen.url("decoder_url")
    return DecoderSettings(
        kind=kind,
        library=library,
        command=chosen.texts("decoder_command"),
        url=url,
        timeout_s=_positive(chosen, "decoder_timeout_s"),
        business=chosen.matching("decoder_business", r"\d{5}", "应为 5 位数字"),
        acquire=_flag(chosen, "decoder_acquire"),
    )


def _command(chosen: Chosen) -> tuple[str, ...]:
    command = chosen.texts("signer_command")
    if chosen.values["signer"] == "package" and not command:
        raise chosen.wrong("signer_command", "signer 为 package 时不能为空")
    return command


def _backurl(chosen: Chosen) -> str:
    url = chosen.url("backurl")
    if len(url) > 200:
        raise chosen.wrong("backurl", "最多 200 个字符")
    return url


def _absent(chosen: Chosen) -> frozenset[str]:
    codes = frozenset(chosen.texts("order_absent"))
    if "00" in codes or "-1" in codes:
        raise chosen.wrong("order_absent", "不能包含 00（成功）和 -1（异常）")
    return codes


def _token_lives(chosen: Chosen) -> timedelta:
    seconds = _positive(chosen, "token_lives_s")
    if seconds > 300:
        raise chosen.wrong("token_lives_s", "不能超过 300 秒")
    return timedelta(seconds=seconds)


def _time_of_day(chosen: Chosen, name: str) -> time | None:
    text = str(chosen.values[name])
    if not text:
        return None
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise chosen.wrong(name, "应为 HH:MM，如 23:30") from None


def _positive(chosen: Chosen, name: str) -> int:
    number = chosen.whole(name)
    if number == 0:
        raise chosen.wrong(name, "应为正整数")
    return number


def _among(chosen: Chosen, name: str, choices: tuple[str, ...]) -> str:
    value = chosen.values[name]
    if value not in choices:
        raise chosen.wrong(name, f"应为 {'、'.join(choices)} 之一")
    return str(value)


def _flag(chosen: Chosen, name: str) -> bool:
    value = chosen.values[name]
    if not isinstance(value, bool):
        raise chosen.wrong(name, "应为 true 或 false")
    return value
