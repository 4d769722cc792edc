"""A lease for programs that block."""

from __future__ import annotations

from operator import attrgetter
from types import TracebackType
from typing import TYPE_CHECKING, Optional

from . import _orders
from ._convert import Value
from ._ending import Call, Looked, itself, leaving, releasing
from ._grant import Grant, LeaseHandle
from ._loss import Loss


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
