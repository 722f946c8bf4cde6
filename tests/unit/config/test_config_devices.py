"""Scanners, readers and codes in the configuration file."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import load
from agent.config.device_model import DeviceConfig
from agent.errors import ConfigurationError


def devices(tmp_path: Path, text: str) -> DeviceConfig:
    path = tmp_path / "his-agent.toml"
    path.write_text(text, encoding="utf-8")
    return load(path).devices


def test_a_file_without_devices_has_none(tmp_path: Path) -> None:
    assert devices(tmp_path, "") == DeviceConfig()


def test_a_scanner_reader_code_and_device_are_read_with_their_defaults(tmp_path: Path) -> None:
    found = devices(
        tmp_path,
        """
        [scanners.gun]
        station = "till-1"
        usb = "05E0:1701"
        reply_taken = "07"
        [readers.desk]
        [codes.invoice]
        pattern = 'FP\\d{12}'
        [codes.wristband]
        pattern = ".+"
        symbologies = ["Q1"]
        [usb.bridge]
        id = "1A86:7523"
        """,
    )
    (scanner,) = found.scanners
    assert (scanner.name, scanner.station, scanner.kind, scanner.open) == (
        "gun", "till-1", "serial", "while_waiting",
    )  # fmt: skip
    assert scanner.replies == {"taken": b"\x07"}
    assert found.readers[0].station == "desk"
    assert [row["kind"] for row in found.codes] == ["invoice", "wristband"]
    assert found.usb[0] == {"vid": "1A86", "pid": "7523", "maker": "bridge", "mode": "serial"}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[scanners.gun]\nkind = "laser"', "scanners.gun.kind"),
        ('[scanners.gun]\nusb = "Zebra"', "scanners.gun.usb"),
        ('[scanners.gun]\nreply_taken = "beep"', "scanners.gun.reply_taken"),
        ('[scanners.gun]\ngs_key = "F13"', "scanners.gun.gs_key"),
        ('[scanners.gun]\nprot = "COM3"', "scanners.gun.prot"),
        ('[scanners.gun]\nstation = "till 1"', "scanners.gun.station"),
        ('[readers.desk]\nkind = "driver"', "readers.desk.driver"),
        ("[codes.invoice]", "codes.invoice"),
        ('[codes.invoice]\npattern = "("', "codes.invoice.pattern"),
        ('[codes.invoice]\npattern = "a*"', "codes.invoice.pattern"),
        ('[codes.invoice]\npattern = "(a+)+b"', "codes.invoice.pattern"),
        ('[codes.invoice]\npattern = "a"\nform = "gs1"', "codes.invoice"),
        ('[codes.Invoice]\npattern = "a"', "codes.Invoice"),
        ("[usb.bridge]", "usb.bridge.id"),
    ],
)
def test_a_wrong_setting_is_named_with_its_place(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        devices(tmp_path, text)
    problems = caught.value.details["problems"]
    assert [key for key, _ in problems] == [place]  # type: ignore[attr-defined]
