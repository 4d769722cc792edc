"""A lease for programs on asyncio."""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from types import TracebackType
from typing import TYPE_CHECKING, Callable, Optional, TypeVar

from .. import _orders
from .._convert import Value, octets
from .._ending import Call, Looked, leaving_soon, releasing_soon
from .._grant import Grant, LeaseHandle
from .._watch import LeaseWatch, lost_to_listeners
from ._listening import watch_on_loop
from ._loss import Loss
from ._requests import in_executor
from ._scope import CancelOnLoss

LossListener = TypeVar("LossListener", bound="Callable[[Lease], object]")


class Lease(Grant):
    """A lock that was granted; released in the background when it is collected.

    A block under `async with` releases it; leaving the block after a loss raises Lost."""

    __slots__ = {
        "_leave": "What ends a block.",
        "release": """Gives the lock back at the call, awaited or not. The lease ends at once; the request leaves in the
        background, before anything that this client reads or acquires later, and at the latest when the client is
        closed.

        The awaitable raises Lost if the lease had ended before. A second release does nothing.""",
    }
    _leave: Call

    def __init__(self, handle: LeaseHandle) -> None:
        super().__init__(handle)
        # Not methods, since those are Python: see _ending.
        self._leave = leaving_soon(handle)
        if not TYPE_CHECKING:
            self.release = releasing_soon(handle)

    @property
    def lost(self) -> Loss:
        """Whether the lease has ended, for whatever reason, as a truth value; `await lost.wait()` waits for the end."""
        return Loss(self._handle)

    def cancel_on_loss(self) -> CancelOnLoss:
        """A block for `async with` that a loss of the lease cancels, and that raises Lost then. Its end releases nothing:
        `async with await client.acquire_all(names) as lease, lease.cancel_on_loss(): ...`"""
        return CancelOnLoss(self._handle)

    def add_listener(self, listener: LossListener) -> LossListener:
        """Calls `listener(lease)` once, on the running loop, when the lease is lost: where leaving its block would raise
        Lost, and not at a release by the program. A lease that is lost already has its call soon. Exceptions of
        listeners are logged. A listener keeps no lease alive: one that is collected is released, and not lost."""
        watch = partial(LeaseWatch, self._handle, partial(lost_to_listeners, Lease))
        return self._handle.listeners.add(listener, lambda: watch_on_loop(watch()))

    def remove_listener(self, listener: Callable[[Lease], object]) -> None:
        """Ends the calls of `listener`; an unknown one is ignored."""
        self._handle.listeners.remove(listener)

    async def proclaim(self, value: Value) -> None:
        """Replaces the value that others see. Raises Lost if the lease had ended."""
        copy = octets(value, "value")
        await in_executor(lambda: _orders.proclaim(self._handle, copy))

    async def transfer(self, to_client: Optional[str] = None) -> None:
        """Ends the lease, and hands its locks to the first waiter of that client name; None: to the next.

        Raises NotFound if nobody (of that name) waits: the lease goes on; Lost if the lease had ended."""
        await in_executor(lambda: _orders.transfer(self._handle, to_client))

    async def __aenter__(self) -> Lease:
        return self

    if TYPE_CHECKING:

        async def release(self) -> None: ...

        async def __aexit__(
            self,
            kind: Optional[type[BaseException]],
            error: Optional[BaseException],
            trace: Optional[TracebackType],
        ) -> None: ...

    else:
        __aexit__ = Looked(attrgetter("_leave"))
