"""Who holds a lock, and following it."""

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


class Observer(Local):
    """Follows who holds one lock or leads one election; made by Client.observe(). One reader at a time.

    Iterated it gives the holder as it is, then each change, None while nobody holds it, until the client is closed."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._readers = Readers("this observer")

    def next(self, timeout: Optional[float] = None) -> Optional[Observed]:
        """The next change; None if there is none within `timeout` seconds. Raises Closed at the end,
        Invalid while another thread reads."""
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
    """What an observer was told next; raises Again if there is nothing yet."""
    read = library.tenure_observer_next
    holder = opened(library.tenure_holder_free, read, observer.pointer, 0)
    copied = copy_of(holder)
    missed = library.tenure_holder_missed(holder.pointer)
    return Observed(holder=copied if copied.token else None, missed=missed)


def copy_of(holder: Handle) -> Holder:
    """A copy of the holder that C has there."""
    pointer = holder.pointer
    length = c_size_t()
    value = library.tenure_holder_value(pointer, byref(length))
    return Holder(
        token=library.tenure_holder_token(pointer),
        client=library.tenure_holder_client(pointer).decode("utf-8", "replace"),
        value=ctypes.string_at(value, length.value) if length.value else b"",
        since=library.tenure_holder_since_unix_ms(pointer) / 1000,
    )
