"""The end of a lease, to be awaited."""

from __future__ import annotations

import asyncio

from .._grant import LeaseHandle, remaining
from .._loss import longest_wait, news_of
from .._native import Local
from ._wait import until_readable


class Loss(Local):
    """The end of a lease, for whatever reason: false before the end, true after it, for good.

    The interface is that of asyncio.Event, without set() and clear(). A Loss keeps its lease from being collected."""

    __slots__ = ("_lease",)

    def __init__(self, lease: LeaseHandle) -> None:
        self._lease = lease

    def is_set(self) -> bool:
        """Whether the lease has ended."""
        return remaining(self._lease) == 0.0

    def __bool__(self) -> bool:
        return self.is_set()

    async def wait(self) -> bool:
        """Waits for the end, and returns True. Any number of tasks may wait."""
        # A loop has one reader for each descriptor: so each wait has its own.
        with news_of(self._lease) as news:
            while not self.is_set():
                longest = longest_wait(self._lease, news)
                if news is None:
                    await asyncio.sleep(longest)
                else:
                    await until_readable(news.fileno(), longest)
                    news.poll(0)
        return True

    def __repr__(self) -> str:
        return f"<tenure.aio.Loss, {'set' if self.is_set() else 'not set'}>"
