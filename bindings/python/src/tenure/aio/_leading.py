"""Work under a lease, until it is over."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from .._grant import loss
from ._lease import Lease

Result = TypeVar("Result")


async def until_over(lease: Lease, working: asyncio.Future[Result]) -> Result:
    """What `working` gives. It is cancelled when the lease is lost, which raises Lost then, and when this is cancelled.

    Whatever ends it, and however long it takes to tidy up: this goes on until it is over."""
    losing = asyncio.ensure_future(lease.lost.wait())
    is_lost = False
    is_cancelled = False
    try:
        while not working.done():
            waits: set[asyncio.Future[Any]] = {working} if is_lost else {working, losing}
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                # Who was told to end, and tidies up, is told again only if it takes too long for who tells.
                if is_cancelled or not (is_lost or _was_cancelled(working)):
                    working.cancel()
                is_cancelled = True
                if working.done() and not working.cancelled() and working.exception() is None:
                    # It came too late for `working` to hear of it.
                    raise
                continue
            if losing.done() and not lease.lost:
                # It was ended, as asyncio.run() does with all tasks at its end: that is no loss.
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
        # It has what it raised, which has this frame.
        del working


def _was_cancelled(working: asyncio.Future[Any]) -> bool:
    """Whether somebody told it to end, as asyncio.run() tells all tasks. Before Python 3.11 that is not known."""
    requests: int = getattr(working, "cancelling", int)()
    return requests > 0
