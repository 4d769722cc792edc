"""The options of an acquire."""

from __future__ import annotations

from ctypes import c_char_p, c_void_p, cast, sizeof
from ._abi import AcquireOptions
from ._convert import Value, octets, option_ms, u32, u64

# Seconds; the servers' bound.
_LONGEST_DELAY = 3600.0


class Options:
    """The options of Client.acquire(), checked once; raises Invalid."""

    __slots__ = ("_native", "_value", "owner")

    def __init__(
        self,
        shared: bool = False,
        limit: int = 0,
        permits: int = 1,
        owner: int = 0,
        delay: float = 0.0,
        value: Value = b"",
    ) -> None:
        self.owner = u64(owner, "owner")
        # Kept, since the C options point to it.
        self._value = octets(value, "value")
        self._native = AcquireOptions(
            struct_size=sizeof(AcquireOptions),
            mode=1 if shared else 0,
            permits=u32(permits, "permits"),
            limit=u32(limit, "limit"),
            value=cast(c_char_p(self._value), c_void_p) if self._value else None,
            value_len=len(self._value),
            owner=owner,
            lock_delay_ms=0 if delay == 0 else option_ms(delay, "delay", _LONGEST_DELAY),
        )

    def to_c(self) -> AcquireOptions:
        """The C options; they live as long as this object."""
        return self._native
