"""Numbers of a series as the texts that a document makes of them."""

from __future__ import annotations

from agent.errors import SerialsExhausted


def write_serial(number: int, digits: int) -> str:
    """With leading zeros. Raises SerialsExhausted for a number that needs more digits."""
    text = str(number).zfill(digits)
    if len(text) > digits:
        raise SerialsExhausted(
            f"流水号超过 {digits} 位",
            hint="请联系技术支持：为本工作站分配新的流水号区段",
            details={"digits": digits},
        )
    return text
