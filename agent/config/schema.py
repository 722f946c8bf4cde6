"""Every setting of the agent, declared once: from here come validation, the sample and the documentation.

A protocol's own options are declared by its plugin (``ProtocolSpec.options``) and stand beside the
settings of ``[systems.<name>]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from agent.config.values import Kind, Limits


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. ``shown`` describes a default that depends on others; ``example`` is TOML."""

    name: str
    kind: Kind
    default: Any
    zh: str
    en: str
    example: str = ""
    shown: str = ""
    choices: tuple[str, ...] = ()
    pattern: str = ""
    minimum: float | None = None
    maximum: float | None = None

    @property
    def limits(self) -> Limits:
        return Limits(self.choices, self.pattern, self.minimum, self.maximum)


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the file; ``<name>`` in its path stands for a name that the user chooses."""

    path: str
    zh: str
    en: str
    settings: tuple[Setting, ...]

    def find(self, name: str) -> Setting | None:
        return next((setting for setting in self.settings if setting.name == name), None)


AGENT: Final = Section(
    "agent",
    "代理程序本身",
    "The agent itself",
    (
        Setting(
            "data",
            "path",
            None,
            "数据根目录：数据库、各收发文件夹和日志都在其下；相对路径从配置文件所在目录算起",
            "Data root: database, folders and logs live below it; relative paths start at this file's folder",
            example="'D:\\his-agent'",
            shown="配置文件所在目录",
        ),
        Setting(
            "node",
            "integer",
            0,
            "本机编号，从 0 起。同一接入标识符（机构）下有多台机器时，每台用不同的编号，流水号互不重叠",
            "Number of this workstation, from 0. Workstations that share an access key or institution take "
            "different numbers, so that their serial numbers never meet",
            example="1",
            minimum=0,
            maximum=99,
        ),
        Setting(
            "nodes",
            "integer",
            1,
            "同一接入标识符（机构）下的机器总数；各台必须相同，且大于 node；投入使用后不要改小",
            "How many workstations share the access key or institution; equal on all of them",
            example="4",
            minimum=1,
            maximum=100,
        ),
        Setting(
            "answer_within_s",
            "number",
            20,
            "超过这么多秒还没有最终结果，就先写出一份中间结果",
            "Seconds after which an interim result is written when there is no final one yet",
            example="20",
            minimum=1,
            maximum=3600,
        ),
        Setting(
            "downloads",
            "path",
            None,
            "下载的文件写到哪里，每个交易一个子文件夹；HIS 读完后删除。相对路径从数据根目录算起",
            "Where downloads are written, a folder for each transaction; the HIS deletes what it has read",
            example="'\\\\his-server\\downloads'",
            shown="downloads",
        ),
        Setting(
            "unread_after_h",
            "number",
            24,
            "下载的文件超过多少小时没有被 HIS 取走，就在状态和日志中警告",
            "Hours after which status and log warn of a download that the HIS has not taken",
            example="8",
            minimum=0.01,
            maximum=8760,
        ),
    ),
)

LOG: Final = Section(
    "log",
    "日志：JSON 行，不含姓名、证件号、卡号、账号和密钥",
    "Logs: JSON lines without names, id, card or account numbers or key material",
    (
        Setting(
            "level",
            "choice",
            "info",
            "记录的最低级别",
            "Lowest level that is recorded",
            example='"debug"',
            choices=("debug", "info", "warning", "error"),
        ),
        Setting(
            "file",
            "path",
            None,
            "日志文件；相对路径从数据根目录算起",
            "Log file; relative paths start at the data root",
            example="'logs/his-agent.jsonl'",
            shown="logs/his-agent.jsonl",
        ),
        Setting(
            "max_mb",
            "integer",
            20,
            "单个日志文件的上限（MB），满了换新文件",
            "Size in MB at which a new file is begun",
            example="20",
            minimum=1,
            maximum=1024,
        ),
        Setting(
            "keep",
            "integer",
            10,
            "保留多少个旧日志文件",
            "How many former files are kept",
            example="10",
            minimum=1,
            maximum=1000,
        ),
        Setting(
            "console",
            "choice",
            "auto",
            "是否同时输出到终端：auto 表示有终端时才输出",
            "Whether to write to the terminal too; auto: when there is one",
            example='"never"',
            choices=("auto", "always", "never"),
        ),
    ),
)

CONTROL: Final = Section(
    "control",
    "本机控制端口：命令行与运行中的代理程序之间的通道，不对网络开放",
    "Local control endpoint between command line and daemon; never reachable from the network",
    (
        Setting(
            "path",
            "path",
            None,
            "Linux 上是套接字，Windows 上是保存端口和口令的文件；相对路径从数据根目录算起",
            "A socket on Linux, on Windows the file that holds port and token; relative to the data root",
            example="'control/endpoint'",
            shown="control/endpoint",
        ),
        Setting(
            "timeout_s",
            "number",
            10,
            "一次命令最多等多少秒",
            "Seconds that one command may take",
            example="10",
            minimum=1,
            maximum=600,
        ),
        Setting(
            "operators",
            "text",
            "",
            "可以使用控制端口的本机组，由 his-agent service install 建立；只用于 Windows，Linux 上请用 sudo",
            "Local group that may use the endpoint, made by service install; Windows only",
            example="'his-agent-operators'",
            pattern=r"[^\x00-\x1f\"/\\\[\]:|<>+=;,?*@]{1,256}",
        ),
    ),
)

KEYS: Final = Section(
    "keys",
    "密钥保存在操作系统的钥匙串里，服务名 his-agent；本文件里不写任何密钥",
    "Keys live in the operating system's keyring under the service his-agent, never in this file",
    (
        Setting(
            "allow_backends",
            "list",
            (),
            "除系统自带的以外，还信任哪些 keyring 后端（完整类名）；明文后端写在这里才会被接受，后果自负",
            "Keyring backends (full class names) trusted beside those of the operating systems",
            example='["keyrings.cryptfile.cryptfile.CryptFileKeyring"]',
        ),
    ),
)

RETENTION: Final = Section(
    "retention",
    "保留期（天），0 表示一直保留；到期的由代理程序每天清理，没有读过的结果和下载从不清理",
    "How many days things are kept, 0 for ever; purged daily; unread results and downloads never are",
    (
        Setting(
            "archive_days",
            "integer",
            90,
            "已受理的原始文件（archive），内容是明文",
            "Accepted files as the HIS wrote them (archive), in the clear",
            example="90",
            minimum=0,
            maximum=36500,
        ),
        Setting(
            "rejected_days",
            "integer",
            90,
            "退回的文件（rejected），内容是明文",
            "Rejected files as the HIS wrote them, in the clear",
            example="90",
            minimum=0,
            maximum=36500,
        ),
        Setting(
            "results_days",
            "integer",
            7,
            "已用 .ack 确认、但当时没能删除的结果文件",
            "Results that were acknowledged but could not be removed then",
            example="7",
            minimum=0,
            maximum=36500,
        ),
        Setting(
            "downloads_days",
            "integer",
            30,
            "已读的下载文件：旁边有同名加 .ack 的文件",
            "Downloads that were read: a file of the same name and .ack stands beside them",
            example="30",
            minimum=0,
            maximum=36500,
        ),
        Setting(
            "messages_days",
            "integer",
            180,
            "已结束业务的内容和应答；编号、摘要和最终结果一直保留",
            "Contents and answers of finished submissions; ids, digests and final results stay for ever",
            example="180",
            minimum=0,
            maximum=36500,
        ),
        Setting(
            "logs_days",
            "integer",
            180,
            "旧的日志文件",
            "Former log files",
            example="180",
            minimum=0,
            maximum=36500,
        ),
        Setting(
            "audit_days",
            "integer",
            1095,
            "审计记录；至少 183 天，按整段清理，签过名的链头一直保留",
            "Audit records, at least 183 days; they go in whole segments, signed heads stay for ever",
            example="1095",
            minimum=183,
            maximum=36500,
        ),
    ),
)

SYSTEM: Final = Section(
    "systems.<name>",
    "一个对接的系统；<name> 是插件登记的名称：ministry、jiangxi、scanpay……",
    "One system; <name> is what its plugin registers: ministry, jiangxi, scanpay …",
    (
        Setting(
            "order",
            "choice",
            "interactive",
            "interactive：窗口业务可以越过夜间批量；strict：完全按提交先后",
            "interactive: till traffic passes bulk traffic; strict: commit order and nothing else",
            example='"strict"',
            choices=("interactive", "strict"),
        ),
        Setting(
            "parallel",
            "integer",
            1,
            "查询类交易同时进行的个数",
            "Queries that run beside a lane at the same time",
            example="2",
            minimum=1,
            maximum=16,
        ),
        Setting(
            "negatives",
            "integer",
            2,
            "结果不明时，连续多少次查询都说“没有”才认定对方没有收到",
            "Negative inquiries in a row that prove an attempt never arrived",
            example="2",
            minimum=1,
            maximum=20,
        ),
        Setting(
            "negative_quiet_s",
            "number",
            60,
            "两次这样的查询之间至少隔多少秒：对方可能还在处理",
            "Seconds between them: the platform may still be working",
            example="60",
            minimum=0,
            maximum=86400,
        ),
        Setting(
            "probe_after",
            "integer",
            8,
            "同一条连续发送失败多少次后，用无害交易探测对方是否正常",
            "Failed tries of one message after which the endpoint is probed",
            example="8",
            minimum=1,
            maximum=1000,
        ),
        Setting(
            "resend_unguarded",
            "list",
            (),
            "对方不防重复、但允许自动重发的交易；不懂后果不要填",
            "Transactions resent automatically although the system does not guard against repetition",
            example='["GYU004"]',
        ),
        Setting(
            "backoff_cap_s",
            "number",
            60,
            "连接失败后重试间隔的上限（秒）",
            "Upper bound in seconds of the pause between tries",
            example="60",
            minimum=1,
            maximum=3600,
        ),
    ),
)

TRANSPORT: Final = Section(
    "systems.<name>.transport",
    "怎样连接这个系统",
    "How the system is reached",
    (
        Setting(
            "connect_timeout_s",
            "number",
            5,
            "建立连接最多等多少秒",
            "Seconds to wait for a connection",
            example="5",
            minimum=0.1,
            maximum=300,
        ),
        Setting(
            "answer_timeout_s",
            "number",
            30,
            "发送完后最多等多少秒的应答",
            "Seconds to wait for an answer",
            example="30",
            minimum=0.1,
            maximum=600,
        ),
        Setting(
            "proxy",
            "url",
            "",
            "代理服务器；不填就直连，环境变量里的代理一律不用",
            "Proxy; direct when empty, proxies of the environment are never used",
            example='"http://10.0.0.8:3128"',
        ),
        Setting(
            "ca_file",
            "path",
            "",
            "自签证书的 CA 文件（PEM）",
            "CA bundle (PEM) for private certificates",
            example="'C:\\ProgramData\\his-agent\\ca.pem'",
        ),
        Setting(
            "verify",
            "boolean",
            True,
            "是否校验 https 证书；只有联调时才可以关",
            "Whether https certificates are verified; off only for trials",
            example="false",
        ),
    ),
)

_ENCODINGS: Final = ("utf-8", "utf-8-sig", "utf-16", "gb18030")

FOLDER: Final = Section(
    "folders.<name>",
    "一个收件文件夹；不写时，每个系统各有一个默认的 inbox/<系统名>",
    "One inbox; without any, each system has its own inbox/<system>",
    (
        Setting(
            "system",
            "text",
            None,
            "送往哪个系统；不填时与 <name> 相同",
            "The system that its files go to",
            example='"ministry"',
            shown="<name>",
        ),
        Setting(
            "inbox",
            "path",
            None,
            "HIS 放文件的地方，可以是共享 \\\\服务器\\目录；相对路径从数据根目录算起",
            "Where the HIS drops files; may be a share; relative to the data root",
            example="'\\\\his-server\\out'",
            shown="inbox/<name>",
        ),
        Setting(
            "results",
            "path",
            None,
            "结果写到哪里",
            "Where results are written",
            example="'\\\\his-server\\in'",
            shown="results/<name>",
        ),
        Setting(
            "archive",
            "path",
            None,
            "已受理的文件移到哪里（按年/月/日）",
            "Where accepted files go (by year/month/day)",
            example="'archive'",
            shown="archive",
        ),
        Setting(
            "rejected",
            "path",
            None,
            "读不懂或校验不过的文件移到哪里",
            "Where unreadable and invalid files go",
            example="'rejected'",
            shown="rejected",
        ),
        Setting(
            "taking",
            "path",
            None,
            "正在处理的文件暂放处，必须与 inbox 在同一个盘（卷）上",
            "Where files are claimed; must be on the inbox's volume",
            example="'\\\\his-server\\out\\.taking'",
            shown="<inbox>/.taking",
        ),
        Setting(
            "encoding",
            "choice",
            "auto",
            "文件的编码；auto 表示自动判断，分不清的文件会退回",
            "Encoding of its files; auto detects, and refuses what is ambiguous",
            example='"gb18030"',
            choices=("auto", *_ENCODINGS),
        ),
        Setting(
            "settle_ms",
            "integer",
            500,
            "文件大小和时间多少毫秒不变才算写完",
            "Milliseconds without a change after which a file counts as complete",
            example="500",
            minimum=0,
            maximum=600000,
        ),
        Setting(
            "marker",
            "text",
            "",
            "完成标记的扩展名：填 .ok 时，a.json 要等 a.json.ok 出现才处理",
            "Extension of a marker file that completes a file",
            example='".ok"',
            pattern=r"(\.[A-Za-z0-9_-]{1,16})?",
        ),
        Setting(
            "max_file_mb",
            "integer",
            50,
            "单个文件的上限（MB）",
            "Largest file in MB",
            example="50",
            minimum=1,
            maximum=1024,
        ),
        Setting(
            "incomplete_after_s",
            "number",
            60,
            "迟迟没有写完的文件最多挡住后面的文件多少秒",
            "Seconds for which an incomplete file holds later ones back",
            example="60",
            minimum=1,
            maximum=86400,
        ),
        Setting(
            "result_format",
            "choice",
            "json",
            "结果文件的格式",
            "Format of result files",
            example='"ini"',
            choices=("json", "xml", "csv", "ini"),
        ),
        Setting(
            "result_encoding",
            "choice",
            "utf-8",
            "结果文件的编码",
            "Encoding of result files",
            example='"gb18030"',
            choices=_ENCODINGS,
        ),
    ),
)

SECTIONS: Final = (AGENT, LOG, CONTROL, KEYS, RETENTION, SYSTEM, TRANSPORT, FOLDER)

RESERVED_OPTIONS: Final = frozenset({setting.name for setting in SYSTEM.settings} | {"transport"})
"""Names under ``[systems.<name>]`` that no protocol may declare as its own option."""
