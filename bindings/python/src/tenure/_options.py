"""How a lock is acquired."""

from __future__ import annotations

from ctypes import c_char_p, c_void_p, cast, sizeof
from typing import Union

from . import _native
from ._convert import number, option_ms, unsigned

Value = Union[bytes, bytearray]


class Options:
    """What Client.acquire() takes, checked once."""

    __slots__ = ("_delay_ms", "_limit", "_owner", "_permits", "_shared", "_value")

    def __init__(
        self,
        value: Value = b"",
        owner: int = 0,
        shared: bool = False,
        limit: int = 0,
        permits: int = 1,
        lock_delay: float = 0.0,
    ) -> None:
        self._value = bytes(value)
        self._owner = unsigned(owner, "owner")
        self._shared = bool(shared)
        self._limit = number(limit, "limit")
        self._permits = number(permits, "permits")
        self._delay_ms = 0 if lock_delay == 0 else option_ms(lock_delay, "lock_delay")

    def to_c(self) -> _native.AcquireOptions:
        """The C options; they point to this object's value."""
        return _native.AcquireOptions(
            struct_size=sizeof(_native.AcquireOptions),
            mode=1 if self._shared else 0,
            permits=self._permits,
            limit=self._limit,
            value=cast(c_char_p(self._value), c_void_p),
            value_len=len(self._value),
            owner=self._owner,
            lock_delay_ms=self._delay_ms,
        )
