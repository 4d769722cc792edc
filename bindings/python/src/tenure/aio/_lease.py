"""A lease for programs on asyncio."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable
from types import TracebackType
from typing import Optional, TypeVar

from .. import _orders
from .._convert import Value, octets
from .._errors import Lost
from .._grant import Grant, remaining
from .._library import library
from .._loss import waitable
from .._native import Handle, check
from .._wait import LOOK_EVERY
from ._requests import in_executor
from ._wait import until_readable

Result = TypeVar("Result")


class Loss:
    """Whether a lease has ended, for whatever reason: true once it has, for good.

    As asyncio.Event, of which nobody but Tenure sets it. While this object lives, the lease is not collected."""

    __slots__ = ("_lease",)

    def __init__(self, lease: Handle) -> None:
        self._lease = lease

    def is_set(self) -> bool:
        """Whether it has ended."""
        return remaining(self._lease) == 0.0

    def __bool__(self) -> bool:
        return self.is_set()

    async def wait(self) -> bool:
        """Waits for the end; True. Any number of tasks."""
        while not self.is_set():
            fd = waitable(self._lease)
            if fd < 0:
                await asyncio.sleep(LOOK_EVERY)
                continue
            # A loop has one reader for each descriptor.
            own = os.dup(fd)
            try:
                await until_readable(own, None)
            finally:
                os.close(own)
        return True


class Lease(Grant):
    """A lock that was granted; released in the background when it is collected.

    A block under `async with` releases it; leaving the block after a loss raises Lost."""

    __slots__ = ()

    @property
    def lost(self) -> Loss:
        """Whether it has ended, for whatever reason: true once it has; `await lost.wait()` waits for that."""
        return Loss(self._handle)

    async def release(self) -> None:
        """Gives the lock back. Belief ends at once; the server hears of it in the background, before anything that this
        client reads or acquires later, and at the latest when it is closed. Raises Lost if it had ended before."""
        check(library.tenure_release(self._handle.pointer, 0))

    async def proclaim(self, value: Value) -> None:
        """Replaces the value that others see. Raises Lost if it had ended."""
        copy = octets(value, "value")
        await in_executor(lambda: _orders.proclaim(self._handle, copy))

    async def transfer(self, to_client: Optional[str] = None) -> None:
        """Ends it, and hands what it held to the first waiter of that client name; None: to the next.

        Raises NotFound if nobody (of that name) waits: then it goes on; Lost if it had ended."""
        await in_executor(lambda: _orders.transfer(self._handle, to_client))

    async def __aenter__(self) -> Lease:
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        try:
            await self.release()
        except Lost:
            # An exception in flight says more than that the lease went with it.
            if error is None:
                raise


async def until_lost(lease: Lease, work: Awaitable[Result]) -> Result:
    """Awaits `work`; cancels it, and raises Lost, when the lease is lost before."""
    working = asyncio.ensure_future(work)
    losing = asyncio.ensure_future(lease.lost.wait())
    try:
        await asyncio.wait({working, losing}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            working.cancel()
            await asyncio.wait({working})
            raise Lost(f"{lease.name!r} was lost while work was done under it")
        return working.result()
    finally:
        working.cancel()
        losing.cancel()
