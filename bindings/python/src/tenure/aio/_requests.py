"""Requests for a lock, waited for in the running loop."""

from __future__ import annotations

import asyncio
from typing import Callable, TypeVar

from .._library import library
from .._native import Handle
from .._requests import take
from ._wait import until_decided

Result = TypeVar("Result")


async def granted(pending: Handle) -> Handle:
    """Waits for the lease of a request. Whatever ends the wait, also a cancelled task, leaves no request behind."""
    descriptor = library.tenure_pending_fd
    try:
        return await until_decided(lambda: int(descriptor(pending.pointer)), lambda: take(pending))
    finally:
        # Withdraws it, or releases what was granted meanwhile.
        pending.free()


async def in_executor(call: Callable[[], Result]) -> Result:
    """Runs a call that blocks for one answer."""
    return await asyncio.get_running_loop().run_in_executor(None, call)
