"""What an HTTP status means where the body is not a platform's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agent.events import Outcome, Verdict

_ADDRESS: Final = "请核对 url 是否为平台的统一接口地址，以及中间的代理设置"
_RIGHTS: Final = "请联系网络管理员：到平台的网关或代理拒绝了访问"
_LIMITS: Final = "请联系网络管理员：放宽到平台的网关或代理对请求大小、格式的限制"
_FORBIDDEN: Final = 403
_STATUS: Final[Mapping[int, tuple[Verdict, str]]] = {
    301: (Verdict.HALT, _ADDRESS),
    302: (Verdict.HALT, _ADDRESS),
    307: (Verdict.HALT, _ADDRESS),
    308: (Verdict.HALT, _ADDRESS),
    404: (Verdict.HALT, _ADDRESS),
    405: (Verdict.HALT, _ADDRESS),
    401: (Verdict.HALT, _RIGHTS),
    407: (Verdict.HALT, _RIGHTS),
    413: (Verdict.RETRY, _LIMITS),
    415: (Verdict.RETRY, _LIMITS),
    431: (Verdict.RETRY, _LIMITS),
    429: (Verdict.RETRY, "网关限制了请求频率，稍后自动重试"),
}
"""Statuses by which a gateway says that it did not pass the request on. Any other leaves it open, 403
too: some firewalls answer so when it is the platform's answer that they hold back."""


def by_status(status: int, *, harmless: bool) -> Outcome:
    """``harmless``: the request could change nothing."""
    verdict, mend = _STATUS.get(status, (Verdict.UNKNOWN, "没有收到平台的答复，处理结果待查询"))
    if status == _FORBIDDEN and harmless:
        verdict, mend = Verdict.HALT, _RIGHTS
    own = mend is _LIMITS
    return Outcome(verdict, code=f"HTTP{status}", message=f"HTTP 状态 {status}：{mend}", own_fault=own)
