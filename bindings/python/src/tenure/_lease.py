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
    """A lock that was granted. Thread-safe; released in the background when it is collected.

    A block under `with` releases it; leaving the block after a loss raises Lost."""

    __slots__ = {
        "_leave": "What ends a block.",
        "release": """release(timeout=5.0) gives the lock back; waits at most `timeout` seconds for the server to know.

        Raises Lost if it had ended before; Timeout or Unknown if the server did not answer in time (it goes on in the
        background). Again is harmless.""",
    }
    _leave: Call

    def __init__(self, handle: LeaseHandle) -> None:
        super().__init__(handle)
        # Not methods, since those are Python: see _ending.
        self._leave = leaving(handle)
        if not TYPE_CHECKING:
            self.release = releasing(handle)

    @property
    def lost(self) -> Loss:
        """Whether it has ended, for whatever reason: true once it has; wait() waits for that."""
        return Loss(self._handle)

    def add_listener(self, listener: LossListener) -> LossListener:
        """Calls `listener(lease)` once, when it is lost: where leaving its block would raise Lost, and not when its
        program gives it back. At once if it is lost already; on a thread for all listeners of the process, which begins with the first.
        What it raises is logged. A lease that nobody else has is given back all the same, and not lost."""
        watch = partial(LeaseWatch, self._handle, partial(lost_to_listeners, Lease))
        return self._handle.listeners.add(listener, lambda: watch_on_thread(watch()))

    def remove_listener(self, listener: Callable[[Lease], object]) -> None:
        """It is not called any more, though it may be running. Who is none is harmless."""
        self._handle.listeners.remove(listener)

    def proclaim(self, value: Value) -> None:
        """Replaces the value that others see. Raises Lost if it had ended."""
        _orders.proclaim(self._handle, value)

    def transfer(self, to_client: Optional[str] = None) -> None:
        """Ends it, and hands what it held to the first waiter of that client name; None: to the next.

        Raises NotFound if nobody (of that name) waits: then it goes on; Lost if it had ended."""
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
