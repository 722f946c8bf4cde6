"""The settings of scanners, card readers and codes (docs/devices.md)."""

from __future__ import annotations

from typing import Final

from agent.config.setting import Section, Setting

_OPEN: Final = Setting(
    "open",
    "choice",
    "while_waiting",
    "while_waiting：只在有业务等待时打开，平时让给 HIS；always：一直打开",
    "while_waiting: opened only while something waits, left to the HIS otherwise; always: kept open",
    example='"always"',
    choices=("while_waiting", "always"),
)
_STATION: Final = Setting(
    "station",
    "text",
    None,
    "属于哪个窗口；HIS 提交的 await.station 与它对应",
    "The station it belongs to, as submissions name it in await.station",
    example='"till-1"',
    shown="<name>",
    pattern=r"[^\s\x00-\x1f\x7f]{1,64}",
)
_USB_ID: Final = r"[0-9A-Fa-f]{4}(:[0-9A-Fa-f]{4})?"
_HEX: Final = r"([0-9A-Fa-f]{2})*"


def _reply(verdict: str, zh: str) -> Setting:
    return Setting(
        f"reply_{verdict}",
        "text",
        "",
        f"{zh}时发给扫码枪的字节（十六进制，按其说明书，如蜂鸣 07）；不填就不发",
        f"Bytes in hexadecimal sent to the scanner for the verdict {verdict}, as its manual says",
        example='"07"',
        pattern=_HEX,
    )


SCANNER: Final = Section(
    "scanners.<name>",
    "一把扫码枪；<name> 由您命名",
    "One scanner; <name> is yours",
    (
        Setting(
            "kind",
            "choice",
            "serial",
            "serial：串口或 USB 虚拟串口；hid-pos：USB HID-POS；keyboard：键盘模式（仅 Linux）",
            "serial: RS-232 or USB-CDC; hid-pos; keyboard: keyboard wedge, Linux only",
            example='"hid-pos"',
            choices=("serial", "hid-pos", "keyboard"),
        ),
        _STATION,
        _OPEN,
        Setting(
            "port",
            "text",
            "",
            "串口名（键盘模式为 /dev/input/by-id/ 下的设备）；不填就按 usb 或自带的设备表查找",
            "Port name, or for keyboards a device below /dev/input/by-id; else found by usb or the table",
            example='"COM3"',
        ),
        Setting(
            "usb",
            "text",
            "",
            "USB 标识 VID 或 VID:PID",
            "USB identity: VID or VID:PID",
            example='"05E0:1701"',
            pattern=f"({_USB_ID})?",
        ),
        Setting(
            "serial_number",
            "text",
            "",
            "USB 序列号：有几把同型号扫码枪时用它区分",
            "USB serial number, to tell scanners of one model apart",
            example='"S18095"',
        ),
        Setting(
            "interface",
            "integer",
            -1,
            "USB 接口号：一个设备有几个串口时用它区分；-1 表示不限",
            "USB interface number of a device that offers several ports; -1: any",
            example="2",
            minimum=-1,
            maximum=31,
        ),
        Setting(
            "baud",
            "integer",
            9600,
            "波特率；USB 虚拟串口不看这一项",
            "Baud rate; USB-CDC ignores it",
            example="115200",
            minimum=300,
            maximum=921600,
        ),
        Setting("data_bits", "integer", 8, "数据位", "Data bits", example="7", minimum=7, maximum=8),
        Setting("parity", "choice", "N", "校验位", "Parity", example='"E"', choices=("N", "E", "O")),
        Setting("stop_bits", "integer", 1, "停止位", "Stop bits", example="2", minimum=1, maximum=2),
        Setting(
            "flow",
            "choice",
            "none",
            "流控",
            "Flow control",
            example='"rtscts"',
            choices=("none", "rtscts", "xonxoff"),
        ),
        Setting(
            "gap_ms",
            "integer",
            0,
            "扫码枪不发结束符时，静默多少毫秒算一个码结束；0 表示必须有结束符（CR、LF 或 ETX）",
            "Milliseconds of silence that end a code of a scanner without terminator; 0: one is required",
            example="200",
            minimum=0,
            maximum=2000,
        ),
        Setting(
            "prefixes",
            "list",
            (),
            "扫码枪加在码前面、要去掉的字符",
            "What the scanner adds before codes, taken off",
            example='["P00"]',
        ),
        Setting(
            "suffixes",
            "list",
            (),
            "扫码枪加在码后面、要去掉的字符",
            "What the scanner adds behind codes, taken off",
            example='["#"]',
        ),
        Setting(
            "gs_key",
            "text",
            "",
            "键盘模式下代表 GS 分隔符的功能键",
            "Function key that stands for the group separator of a keyboard wedge",
            example='"F8"',
            pattern=r"(F([1-9]|1[0-2]))?",
        ),
        _reply("taken", "码被采用"),
        _reply("duplicate", "重复扫码"),
        _reply("wrong_kind", "码型不对"),
        _reply("nobody_waits", "没有业务等待"),
    ),
)

READER: Final = Section(
    "readers.<name>",
    "一台社会保障卡读卡器",
    "One reader of social-security cards",
    (
        Setting(
            "kind",
            "choice",
            "pcsc",
            "pcsc：标准 PC/SC 读卡器；driver：厂商的 SSCardDriver 动态库",
            "pcsc: any PC/SC reader; driver: the vendor's SSCardDriver library",
            example='"driver"',
            choices=("pcsc", "driver"),
        ),
        _STATION,
        _OPEN,
        Setting(
            "reader",
            "text",
            "",
            "读卡器名称的一部分；不填就用所有读卡器",
            "Part of the reader's name; all readers without it",
            example='"ACR39"',
        ),
        Setting(
            "driver",
            "list",
            (),
            "厂商库的助手程序：与库同位数的 Python 加上模块名和库的路径",
            "The helper of the vendor's library: a Python of the library's width, the module, the path",
            example="['C:\\his-agent\\python32\\python.exe', '-m', 'agent.devices.cards.driver_helper', "
            "'C:\\SSCard\\SSCardDriver.dll']",
        ),
        Setting(
            "card_type",
            "integer",
            1,
            "厂商库的卡类型：1 接触、2 非接、3 和 4 自动",
            "Card type for the vendor's library: 1 contact, 2 contactless, 3 and 4 automatic",
            example="3",
            minimum=1,
            maximum=4,
        ),
        Setting(
            "hold_s",
            "number",
            60,
            "内部认证时，卡最多等平台应答多少秒",
            "Seconds that a card is held for the platform's answer",
            example="60",
            minimum=5,
            maximum=600,
        ),
    ),
)

CODE: Final = Section(
    "codes.<name>",
    "医院自己的一种码；<name> 是码型名称，按文件中的顺序排在自带规则之前",
    "A kind of code of the site's own, before the built-in ones, in the order of the file",
    (
        Setting(
            "pattern",
            "text",
            "",
            "整个码要匹配的正则表达式",
            "Regular expression that the whole code must match",
            example="'FP\\d{12}'",
        ),
        Setting(
            "form",
            "choice",
            "none",
            "用现成的形式代替 pattern",
            "A built-in form in place of a pattern",
            example='"gs1"',
            choices=("none", "gs1", "ean13"),
        ),
        Setting(
            "symbologies",
            "list",
            (),
            "只认扫码枪报告为这些 AIM 标识的码",
            "Only codes that the scanner marks with one of these AIM identifiers",
            example='["Q1", "C0"]',
        ),
    ),
)

USB: Final = Section(
    "usb.<name>",
    "补充自带设备表的一个 USB 设备",
    "A USB device added to the shipped table",
    (
        Setting(
            "id",
            "text",
            "",
            "VID 或 VID:PID（必填）",
            "VID or VID:PID (required)",
            example='"1A86:7523"',
            pattern=_USB_ID,
        ),
        Setting(
            "mode",
            "choice",
            "serial",
            "它工作在哪种模式",
            "How it works",
            example='"keyboard"',
            choices=("serial", "keyboard", "hid-pos", "other"),
        ),
    ),
)

UNASKED: Final = Section(
    "unasked.<name>",
    "没有业务等待时扫到的码或读到的卡，作为哪个交易提交；没有写的另存到 scans 文件夹",
    "What a scan or card becomes that nobody waits for; a file in the scans folder without this",
    (
        Setting(
            "kind",
            "text",
            "",
            "码型：ecredential、esscard、card，或医院自己的码型（必填）",
            "Kind: ecredential, esscard, card, or one of the site's own (required)",
            example='"esscard"',
            pattern="[a-z][a-z0-9_]{0,31}",
        ),
        Setting(
            "system",
            "text",
            "",
            "提交给哪个系统（必填）",
            "The system that it goes to (required)",
            example='"ministry"',
        ),
        Setting(
            "transaction",
            "text",
            "",
            "交易编号，例如 GYU010、CX003、ST020（必填）",
            "Its transaction, such as GYU010, CX003, ST020 (required)",
            example='"GYU010"',
        ),
        Setting(
            "station",
            "text",
            "",
            "只用于这个窗口；不填则用于所有窗口",
            "Only at this station; at all without it",
            example='"till-1"',
        ),
        Setting(
            "data",
            "list",
            (),
            "该交易另外需要的固定字段，写成 字段=值",
            "Fixed fields that the transaction needs besides, as field=value",
            example='["akb020=51010000001"]',
        ),
    ),
)
