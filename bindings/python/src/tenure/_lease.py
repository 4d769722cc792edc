"""A lease for programs that block."""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from types import TracebackType
from typing import TYPE_CHECKING, Callable, Optional, TypeVar

from . import _orders
from ._convert import Value
from ._ending import Call, Looked, itself, leaving, releasing
from ._grant import Grant, LeaseHandle
from ._loss import Loss
from ._notifier import watch_on_thread
from ._watch import LeaseWatch, lost_to_listeners

LossListener = TypeVar("LossListener", bound="Callable[[Lease], object]")


class Lease(Grant):
    """A lease. Thread-safe; released in the background when collected.

    A block under `with` releases the lease at its end; leaving the block after a loss raises Lost."""

    __slots__ = {
        "_leave": "What ends a block.",
        "release": """release(timeout=5.0) gives the lock back; waits at most `timeout` seconds for the server's answer.

        Raises Lost if the lease had ended before; Timeout or Unknown if the server did not answer in time (the release goes
        on in the background). A second release is harmless.""",
    }
    _leave: Call

    def __init__(self, handle: LeaseHandle) -> None:
        super().__init__(handle)
        # Not methods, since methods run Python bytecode first: see _ending.
        self._leave = leaving(handle)
        if not TYPE_CHECKING:
            self.release = releasing(handle)

    @property
    def lost(self) -> Loss:
        """True once the lease has ended, for whatever reason; wait() waits for the end."""
        return Loss(self._handle)

    def add_listener(self, listener: LossListener) -> LossListener:
        """Calls `listener(lease)` once, when the lease is lost (where leaving its block would raise Lost), at once if lost
        already; not when the program releases the lease. Runs on the one listener thread of the process; exceptions are logged. A
        listener does not keep the lease from being collected, and so released."""
        watch = partial(LeaseWatch, self._handle, partial(lost_to_listeners, Lease))
        return self._handle.listeners.add(listener, lambda: watch_on_thread(watch()))

    def remove_listener(self, listener: Callable[[Lease], object]) -> None:
        """Removes a listener; a call in progress goes on. An unknown listener is harmless."""
        self._handle.listeners.remove(listener)

    def proclaim(self, value: Value) -> None:
        """Replaces the value that others see, at most 4 KiB. Raises Lost if the lease had ended."""
        _orders.proclaim(self._handle, value)

    def transfer(self, to_client: Optional[str] = None) -> None:
        """Ends the lease and hands the lock to the first waiter of the client `to_client`; None: to the next in the queue.

        Raises NotFound if nobody (of that name) waits; Lost if the lease had ended."""
        _orders.transfer(self._handle, to_client)

    if TYPE_CHECKING:

        def release(self, timeout: Optional[float] = 5.0) -> None: ...

        def __enter__(self) -> Lease: ...

        def __exit__(
            self,
            kind: Optional[type[BaseException]],
            error: Optional[BaseException],
            trace: Optional[TracebackType],
        ) -> None: ...

    else:
        __enter__ = itself
        __exit__ = Looked(attrgetter("_leave"))
