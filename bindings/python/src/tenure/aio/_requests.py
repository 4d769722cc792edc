"""Requests for a lock, awaited in the running loop."""

from __future__ import annotations

import asyncio
from typing import Callable, Optional, TypeVar

from .._grant import LeaseHandle
from .._library import library
from .._native import Handle
from .._requests import give_up, take
from ._cork import flush_soon
from ._wait import until_decided

Result = TypeVar("Result")


async def acquire(
    lease: LeaseHandle, start: Callable[[], Handle], timeout: Optional[float]
) -> None:
    """Starts a request, and waits for its lease, which `lease` then refers to. A wait that ends otherwise, by a cancelled
    task too, leaves neither a request behind nor a lease without a holder."""
    pending: Optional[Handle] = None
    try:
        pending = start()
        flush_soon(lease.client)
        await _wait(lease, pending)
        pending.free()
    except BaseException as error:
        give_up(lease, pending, error, timeout)
        raise


async def in_executor(call: Callable[[], Result]) -> Result:
    """Runs a blocking call in the loop's executor."""
    return await asyncio.get_running_loop().run_in_executor(None, call)


async def _wait(lease: LeaseHandle, pending: Handle) -> None:
    descriptor = library.tenure_pending_fd
    await until_decided(lambda: int(descriptor(pending.pointer)), lambda: take(lease, pending))
