"""Following who holds a lock, on asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Optional

from .._convert import wait_ms
from .._errors import Again, Closed
from .._holder import Holder, Observed, observe, told
from .._library import library
from .._native import Handle
from ._wait import until_decided


class Observer:
    """Follows who holds one lock or leads one election; made by Client.observe(). One reader.

    Iterated it gives the holder as it is, then each change, None while nobody holds it, until the client is closed."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    async def next(self, timeout: Optional[float] = None) -> Optional[Observed]:
        """The next change; None if there is none within `timeout` seconds. Raises Closed at the end."""
        wait_ms(timeout)
        pointer = self._handle.pointer
        try:
            return await until_decided(
                lambda: int(library.tenure_observer_fd(pointer)), lambda: told(self._handle), timeout
            )
        except Again:
            return None

    async def __aiter__(self) -> AsyncIterator[Optional[Holder]]:
        while True:
            try:
                observed = await self.next()
            except Closed:
                return
            assert observed is not None, "an end of a wait that has none"
            yield observed.holder


async def holder_now(client: Handle, name: str) -> Optional[Holder]:
    """Who holds `name` at some instant during the call: the first thing that an observer is told."""
    observer = observe(client, name)
    try:
        observed = await Observer(observer).next()
    finally:
        observer.free()
    assert observed is not None, "an end of a wait that has none"
    return observed.holder
