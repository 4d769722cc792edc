"""Work under a lease, until it is over."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from .._grant import loss
from ._lease import Lease

Result = TypeVar("Result")


async def until_over(lease: Lease, working: asyncio.Future[Result]) -> Result:
    """The result of `working`, which a loss of the lease cancels (Lost is raised then), and a cancellation of this call.

    Returns only when `working` has ended, for whatever reason, and its cleanup is over."""
    losing = asyncio.ensure_future(lease.lost.wait())
    is_lost = False
    is_cancelled = False
    try:
        while not working.done():
            waits: set[asyncio.Future[Any]] = {working} if is_lost else {working, losing}
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                # A second cancellation interrupts the cleanup, so it is passed on only if the caller repeats it.
                if is_cancelled or not (is_lost or _was_cancelled(working)):
                    working.cancel()
                is_cancelled = True
                if working.done() and not working.cancelled() and working.exception() is None:
                    # The cancellation came too late for `working`.
                    raise
                continue
            if losing.done() and not lease.lost:
                # `losing` was cancelled, as asyncio.run() cancels all tasks at its end: that is no loss.
                losing = asyncio.ensure_future(lease.lost.wait())
            elif losing.done() and not working.done():
                is_lost = working.cancel()
    finally:
        losing.cancel()
    if is_lost and working.cancelled() and not is_cancelled:
        raise loss(lease._handle)
    try:
        return working.result()
    finally:
        # A future keeps its exception, and that this frame: a cycle.
        del working


def _was_cancelled(working: asyncio.Future[Any]) -> bool:
    """Whether `working` was cancelled by others, as asyncio.run() cancels all tasks. Unknown before Python 3.11."""
    requests: int = getattr(working, "cancelling", int)()
    return requests > 0
