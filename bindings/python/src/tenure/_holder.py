"""Who holds a lock, and following it."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from ctypes import byref, c_size_t
from dataclasses import dataclass
from typing import Optional

from . import _native
from ._convert import wait_ms
from ._errors import Again, Closed
from ._native import Handle, library, opened
from ._wait import until_decided


@dataclass(frozen=True)
class Holder:
    """Who holds a lock; `since` is the wall clock of the server that led then, in seconds since 1970."""

    token: int
    client: str
    value: bytes
    since: float


@dataclass(frozen=True)
class Observed:
    """What an observer is told: the holder, None if nobody holds it; and how many changes before were not told."""

    holder: Optional[Holder]
    missed: int


def holder_of(pointer: int) -> Holder:
    """A copy of the holder that C has there."""
    length = c_size_t()
    value = library.tenure_holder_value(pointer, byref(length))
    return Holder(
        token=library.tenure_holder_token(pointer),
        client=library.tenure_holder_client(pointer).decode("utf-8", "replace"),
        value=ctypes.string_at(value, length.value) if length.value else b"",
        since=library.tenure_holder_since_unix_ms(pointer) / 1000,
    )


class Observer:
    """Follows who holds one lock or leads one election; made by Client.observe(). One reader.

    Iterated it gives the holder as it is, then each change, None while nobody holds it, until the client is closed."""

    def __init__(self, pointer: int) -> None:
        self._handle = Handle(pointer, library.tenure_observer_free)

    def next(self, timeout: Optional[float] = None) -> Optional[Observed]:
        """The next change; None if there is none within `timeout` seconds. Raises Closed at the end."""
        wait_ms(timeout)
        fd = library.tenure_observer_fd(self._handle.pointer)
        try:
            return until_decided(fd, self._next, timeout)
        except Again:
            return None

    def fileno(self) -> int:
        """Readable while next() has something. Borrowed: never read or close it."""
        fd = library.tenure_observer_fd(self._handle.pointer)
        if fd < 0:
            raise _native.error_of(42, _native.last_error())
        return fd

    def __iter__(self) -> Iterator[Optional[Holder]]:
        while True:
            try:
                told = self.next()
            except Closed:
                return
            assert told is not None, "an end of a wait that has none"
            yield told.holder

    def _next(self) -> Observed:
        pointer = opened(library.tenure_observer_next, self._handle.pointer, 0)
        handle = Handle(pointer, library.tenure_holder_free)
        found = holder_of(handle.pointer)
        missed = library.tenure_holder_missed(handle.pointer)
        return Observed(holder=found if found.token else None, missed=missed)
