"""Observers of the holder of a lock, on asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Optional

from .._convert import wait_ms
from .._errors import Again, Closed
from .._holder import Holder, Observed, told
from .._library import library
from .._native import Handle, Local
from .._reader import Readers
from ._wait import until_decided


class Observer(Local):
    """The holders of one lock, or the leaders of one election; made by Client.observe(). One reader at a time.

    An iteration gives the present holder, then each change, None while there is no holder, until the client is closed."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._readers = Readers("this observer")

    async def next(self, timeout: Optional[float] = None) -> Optional[Observed]:
        """The next change; None if there is none within `timeout` seconds. Raises Closed at the end,
        Invalid while another task reads."""
        wait_ms(timeout)
        pointer, descriptor_of = self._handle.pointer, library.tenure_observer_fd
        try:
            return await self._readers.alone_here(
                lambda: until_decided(
                    lambda: int(descriptor_of(pointer)), lambda: told(self._handle), timeout
                )
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
