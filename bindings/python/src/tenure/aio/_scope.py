"""A block that ends with its lease: a loss cancels its task, and the block raises Lost."""

from __future__ import annotations

import asyncio
import sys
import weakref
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Optional

from .._grant import LeaseHandle, loss
from .._native import raise_it
from .._watch import LeaseWatch
from ._listening import watch_on_loop

# Before, a task does not count who cancelled it.
_COUNTS = sys.version_info >= (3, 11)


class LossScope:
    """Cancels the running task when a lease is lost, until the block is left. Like asyncio.timeout() it takes back its
    own cancellation and no other: a task that others cancelled, too, stays cancelled.

    Before Python 3.11 a task does not count its cancellations, and ours is known by the message of the exception. A
    cancellation by others during the cleanup after a loss goes unseen there: the block raises Lost."""

    def __init__(self, lease: LeaseHandle) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("what is cancelled when a lease is lost is a task, and none is running")
        self._task: asyncio.Task[Any] = task
        self._lease = lease
        self._cancelled_before = self._count()
        self._has_cancelled = False
        # An object of its own, whatever others say.
        self._message = "".join(["the lease of ", repr(lease.name), " was lost"])
        # A block that a signal's handler has ended has nothing to be cancelled any more.
        cancel = weakref.WeakMethod(self._cancel)

        def tell(_: LeaseHandle) -> None:
            tells = cancel()
            if tells is not None:
                tells()

        self._stop = watch_on_loop(LeaseWatch(lease, tell))

    def left(self, failed: Optional[BaseException], raised: Optional[BaseException]) -> Coroutine[Any, Any, None]:
        """Ends the watch at the end of the block. The awaitable raises in the place of `raised`: Lost for our own
        cancellation, else `failed`, if there is one."""
        self._stop()
        if not self._has_cancelled:
            return _raise(failed)
        is_own = self._take_back(raised)
        if isinstance(raised, asyncio.CancelledError):
            return _raise(loss(self._lease) if is_own else None)
        if raised is None and failed is None:
            failed = loss(self._lease)
        return self._raise_later(failed) if is_own else _raise(failed)

    def _cancel(self) -> None:
        if not _COUNTS and _is_being_cancelled(self._task):
            # It ends anyway, and is not to be taken for lost.
            return
        self._has_cancelled = True
        self._task.cancel(self._message)

    def _count(self) -> int:
        count: int = getattr(self._task, "cancelling", int)()
        return count

    def _take_back(self, raised: Optional[BaseException]) -> bool:
        """Whether all cancellations of the task are ours."""
        if not _COUNTS:
            return not isinstance(raised, asyncio.CancelledError) or self._is_ours(raised)
        left: int = getattr(self._task, "uncancel")()
        return left <= self._cancelled_before

    def _is_ours(self, raised: Optional[BaseException]) -> bool:
        """Whether the exception has our message; one that passed another task, as by wait_for(), has it in its cause."""
        while isinstance(raised, asyncio.CancelledError) and not raised.args:
            raised = raised.__context__
        return isinstance(raised, asyncio.CancelledError) and raised.args[0] is self._message

    async def _raise_later(self, failed: Optional[BaseException]) -> None:
        """Raises a cancellation that is still pending, because the block awaited nothing after the loss or swallowed it:
        here, and not at the next await of the task."""
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError as cancelled:
            if not (self._count() <= self._cancelled_before if _COUNTS else self._is_ours(cancelled)):
                raise
        try:
            raise_it(failed)
        finally:
            del failed


class CancelOnLoss:
    """A block that a loss of its lease cancels, and that raises Lost then; made by Lease.cancel_on_loss()."""

    def __init__(self, lease: LeaseHandle) -> None:
        self._lease = lease
        self._scope: Optional[LossScope] = None

    async def __aenter__(self) -> None:
        if self._scope is not None:
            raise RuntimeError("this block was entered already: ask for another by Lease.cancel_on_loss()")
        self._scope = LossScope(self._lease)

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        assert self._scope is not None, "a block that was not entered"
        try:
            await self._scope.left(None, error)
        finally:
            del error


async def _raise(failed: Optional[BaseException]) -> None:
    try:
        raise_it(failed)
    finally:
        del failed


def _is_being_cancelled(task: asyncio.Task[Any]) -> bool:
    waits = getattr(task, "_fut_waiter", None)
    return bool(getattr(task, "_must_cancel", False)) or (waits is not None and waits.cancelled())
