"""Conversion of Python's values to C's; raises Invalid for values that C would cut: NULs, numbers out of range, NaN."""

from __future__ import annotations

import math
from typing import Optional, Union

from ._abi import FOREVER
from ._errors import Invalid

Value = Union[bytes, bytearray, memoryview]

_LONGEST_MS = 2**62
_U32_MAX = 2**32 - 1
_U64_MAX = 2**64 - 1
_TOKEN_MAX = 2**63 - 1


def text(value: str, what: str) -> bytes:
    """The UTF-8 of `value`. Raises Invalid for a NUL, at which C would cut the text."""
    if not isinstance(value, str):
        raise TypeError(f"the {what} must be a str, not {type(value).__name__}")
    if "\0" in value:
        raise Invalid(f"the {what} contains a NUL")
    return value.encode("utf-8")


def optional_text(value: Optional[str], what: str) -> Optional[bytes]:
    """None stays None."""
    return None if value is None else text(value, what)


def octets(value: Value, what: str) -> bytes:
    """A copy of a value. Raises TypeError for other types, since bytes() would make zeros of a number."""
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(f"the {what} must be bytes, not {type(value).__name__}")
    return bytes(value)


def wait_ms(timeout: Optional[float]) -> int:
    """Milliseconds of a wait in seconds, rounded up; None and infinity: for ever."""
    if timeout is None:
        return FOREVER
    if math.isnan(timeout) or timeout < 0:
        raise Invalid(f"a timeout is 0 or more seconds, or None for ever; not {timeout}")
    if math.isinf(timeout):
        return FOREVER
    return min(math.ceil(timeout * 1000), _LONGEST_MS)


def grace_ms(grace: Optional[float]) -> int:
    """Milliseconds of a grace in seconds; None: the ttl of the holder's session, -1 in C."""
    if grace is None:
        return -1
    if not 0 <= grace < math.inf:
        raise Invalid(f"a grace is 0 or more seconds, or None for the session's ttl; not {grace}")
    return min(math.ceil(grace * 1000), _LONGEST_MS)


def option_ms(seconds: Optional[float], what: str, most: float = _U32_MAX / 1000) -> int:
    """Milliseconds of an option in seconds; None: the default, 0 in C."""
    if seconds is None:
        return 0
    if not seconds > 0:
        raise Invalid(f"{what} must be a positive number of seconds, not {seconds}")
    if seconds > most:
        raise Invalid(f"{what} is at most {most:.0f} seconds, not {seconds}")
    return math.ceil(seconds * 1000)


def u64(value: int, what: str) -> int:
    """A number that 64 bits hold."""
    if not 0 <= value <= _U64_MAX:
        raise Invalid(f"{what} must be from 0 to 2**64 - 1, not {value}")
    return value


def u32(value: int, what: str) -> int:
    """A number that 32 bits hold."""
    if not 0 <= value <= _U32_MAX:
        raise Invalid(f"{what} must be from 0 to 2**32 - 1, not {value}")
    return value


def token(value: int) -> int:
    """A fencing token."""
    if not 1 <= value <= _TOKEN_MAX:
        raise Invalid(f"a token is from 1 to 2**63 - 1, not {value}")
    return value


def acquire_timeout(blocking: bool, timeout: float, default: Optional[float]) -> Optional[float]:
    """The wait of Lock.acquire(blocking, timeout), in the manner of threading.Lock: -1 is `default`."""
    if not blocking:
        if timeout != -1:
            raise Invalid("a timeout has no meaning for an acquire that does not block")
        return 0.0
    if timeout == -1:
        return default
    if not timeout >= 0:
        raise Invalid(f"a timeout is 0 or more seconds, or -1; not {timeout}")
    return None if math.isinf(timeout) else timeout
