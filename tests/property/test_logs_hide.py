"""Whatever is logged by whatever way: no sensitive field's value and no secret is written."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent import logs
from agent.config.model import LogConfig
from agent.crypto.keys import generate
from agent.errors import AgentError, Fault, SubmissionInvalid
from agent.registry import Registry

SYSTEMS = ("ministry", "jiangxi", "scanpay")
CODES = sorted({code for name in SYSTEMS for code in Registry().sensitive_codes(name)})
RELAXED = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
log = logs.get_logger("agent.tested")

digits = st.text("0123456789", min_size=9, max_size=9)
secrets_like = st.one_of(
    st.builds(lambda tail: f"5101011990{tail[:7]}X", digits),
    st.builds(lambda tail: f"1{'3456789'[int(tail[0]) % 7]}{tail}", digits),
    st.builds(lambda tail: f"6222{tail}123", digits),
    st.builds(lambda tail: f"6222 0{tail[:3]} {tail[3:7]} 3456", digits),
    st.builds(lambda: generate().to_pem()),
    st.builds(lambda tail: f"{tail}{generate().scalar.hex()}"[-64:], digits),
)
"""Identity, telephone and card numbers that nobody has, and keys of nobody."""
names = st.builds(lambda text: f"秘{text}密", st.text("甲乙丙丁ABcd12 -", min_size=3, max_size=12))


class Odd:
    """A value that only its repr tells of."""

    def __init__(self, value: str) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Odd({self.value})"


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Callable[[], str]]:
    file = tmp_path / "agent.jsonl"
    logs.configure(LogConfig(file, level="debug", console="never"))
    logs.hide(CODES)
    yield lambda: file.read_text(encoding="utf-8")
    logs.close()


def _raise(error: BaseException) -> None:
    try:
        raise error
    except BaseException:
        log.exception("failed")


def _nested(code: str, value: Any) -> None:
    log.info("x", deep=[{"row": {code: value}}, ({code.upper(): [value]},)])


FIELDS: tuple[Callable[[str, Any], None], ...] = (
    lambda code, value: log.info("x", **{code: value}),
    lambda code, value: log.debug("x", **{code.upper(): {"inner": value}}),
    _nested,
    lambda code, value: log.error("x", details={code.lower(): value}),
    lambda code, value: _raise(AgentError("失败", details={"row": {code: value}})),
    lambda code, value: logging.getLogger("agent.other").warning("x", extra={code: value}),
    lambda code, value: logging.getLogger("requests").warning("sent %s", {"rows": [{code: value}]}),
    lambda code, value: logging.getLogger("requests").warning("sent %r", json.dumps({code: value})),
    lambda code, value: log.info(f"sent {json.dumps({'rows': [{code: value}]}, ensure_ascii=False)} at last"),
    lambda code, value: log.info("x", note=json.dumps(json.dumps({code: value}), ensure_ascii=True)),
    lambda code, value: log.info("x", form=f"a=1&{code}={value}&b=2"),
    lambda code, value: log.info("x", xml=f"<r><{code} n='1'>{value}</{code}></r>"),
    lambda code, value: log.info("x", odd=Odd(str({code.upper(): [value, value]}))),
    lambda code, value: _raise(AgentError(f"失败：{ {code: value} }")),
    lambda code, value: _raise(SubmissionInvalid([Fault("/data", "rule", f"{code}={value}")])),
)
TEXTS: tuple[Callable[[str], None], ...] = (
    lambda value: log.info(f"said {value} aloud"),
    lambda value: log.warning("x", note=f"patient {value}, ward 3"),
    lambda value: log.error("x", rows=[value, {value: 1}], path=Path(f"/in/{value.split()[0][:40]}")),
    lambda value: log.info("x", odd=Odd(value)),
    lambda value: logging.getLogger("requests").warning("sent %s to %s", value, "http://u:pw@host/"),
    lambda value: logging.getLogger("requests").error("broken", exc_info=ValueError(value)),
    lambda value: _raise(ValueError(value)),
    lambda value: _raise(KeyError(value)),
    lambda value: _raise(OSError(5, value, value)),
    lambda value: _raise(AgentError(f"失败 {value}", details={"what": value})),
    lambda value: _raise(SubmissionInvalid([Fault("/data", "rule", value)])),
    lambda value: logging.getLogger("py.warnings").warning("%s", value),
)


@RELAXED
@given(way=st.sampled_from(FIELDS), code=st.sampled_from(CODES), value=st.one_of(names, secrets_like))
def test_a_sensitive_fields_value_is_never_written(
    written: Callable[[], str], way: Callable[[str, Any], None], code: str, value: str
) -> None:
    way(code, value)
    assert not _told(value, written())


@RELAXED
@given(way=st.sampled_from(TEXTS), value=secrets_like)
def test_what_looks_like_a_secret_is_never_written_in_any_text(
    written: Callable[[], str], way: Callable[[str], None], value: str
) -> None:
    way(value)
    assert not _told(value, written())


def test_a_thread_that_dies_unwatched_tells_the_log_where_and_nobody_what(
    written: Callable[[], str], capfd: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ValueError("秘密病人 510101199001011234")

    class Closing:
        def __del__(self) -> None:
            fail()

    hooks = threading.excepthook, sys.unraisablehook
    with logs.strays_caught():
        thread = threading.Thread(target=fail, name="pump")
        thread.start()
        thread.join()
        Closing()
    assert (threading.excepthook, sys.unraisablehook) == hooks
    first, second = (json.loads(line) for line in written().splitlines())
    assert (first["event"], first["thread_name"]) == ("thread ended by an error", "pump")
    assert second["exception"][0]["type"] == "builtins.ValueError"
    assert "秘密病人" not in written() + "".join(capfd.readouterr())


def test_an_amount_of_a_sensitive_field_is_not_written_either(written: Callable[[], str]) -> None:
    log.info("x", **{CODES[0]: Decimal("12345.67")})
    assert "12345.67" not in written()
    assert json.loads(written().splitlines()[-1])["event"] == "x"


def test_there_are_fields_to_hide_and_lines_are_written(written: Callable[[], str]) -> None:
    assert len(CODES) > 100
    log.info("harmless", number=7)
    assert '"number": 7' in written() or '"number":7' in written()


def _told(value: str, text: str) -> bool:
    """Whether a value, or a part of a key that is enough to use it, stands in the lines."""
    parts = [line for line in value.splitlines() if len(line) > 30 and "-----" not in line] or [value]
    return any(part in text or json.dumps(part)[1:-1] in text for part in parts)
