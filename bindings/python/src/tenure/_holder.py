"""The holder of a lock, read once or followed."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from ctypes import byref, c_size_t
from dataclasses import dataclass
from typing import Optional

from ._convert import text, wait_ms
from ._errors import Again, Closed
from ._library import library
from ._native import Handle, Local, descriptor, opened
from ._reader import Readers
from ._wait import until_decided


@dataclass(frozen=True)
class Holder:
    """The holder of a lock; `since` is the time of the grant by the wall clock of the leader then, in seconds since 1970."""

    token: int
    client: str
    value: bytes
    since: float


@dataclass(frozen=True)
class Observed:
    """A change seen by an observer: the holder, None if there is none, and the least number of skipped changes before."""

    holder: Optional[Holder]
    missed: int


class Observer(Local):
    """Follows the holder of one lock or the leader of one election; made by Client.observe(). One reader at a time.

    Iteration gives the present holder, then each change, None while there is no holder, until the client is closed."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._readers = Readers("this observer")

    def next(self, timeout: Optional[float] = None) -> Optional[Observed]:
        """First the present holder, then each change; None if none comes within `timeout` seconds. Raises Closed once all is
        read and the client is closed, Invalid while another thread reads."""
        wait_ms(timeout)
        pointer, descriptor_of = self._handle.pointer, library.tenure_observer_fd
        try:
            return self._readers.alone(
                lambda: until_decided(
                    lambda: int(descriptor_of(pointer)), lambda: told(self._handle), timeout
                )
            )
        except Again:
            return None

    def fileno(self) -> int:
        """Readable while next() has something. Borrowed: never read or close it."""
        return descriptor(library.tenure_observer_fd(self._handle.pointer))

    def __iter__(self) -> Iterator[Optional[Holder]]:
        while True:
            try:
                observed = self.next()
            except Closed:
                return
            assert observed is not None, "an end of a wait that has none"
            yield observed.holder


def observe(client: Handle, name: str) -> Handle:
    """Begins to follow `name`."""
    encoded = text(name, "name")
    follow = library.tenure_observe
    return opened(library.tenure_observer_free, follow, client.pointer, encoded, keeps=client)


def told(observer: Handle) -> Observed:
    """The next change of an observer; raises Again if there is none yet."""
    read = library.tenure_observer_next
    holder = opened(library.tenure_holder_free, read, observer.pointer, 0)
    copied = copy_of(holder)
    missed = library.tenure_holder_missed(holder.pointer)
    return Observed(holder=copied if copied.token else None, missed=missed)


def copy_of(holder: Handle) -> Holder:
    """A copy of a holder of the library."""
    pointer = holder.pointer
    length = c_size_t()
    value = library.tenure_holder_value(pointer, byref(length))
    return Holder(
        token=library.tenure_holder_token(pointer),
        client=library.tenure_holder_client(pointer).decode("utf-8", "replace"),
        value=ctypes.string_at(value, length.value) if length.value else b"",
        since=library.tenure_holder_since_unix_ms(pointer) / 1000,
    )
