"""A lease for programs that block."""

from __future__ import annotations

from types import TracebackType
from typing import Optional

from . import _orders
from ._convert import Value, wait_ms
from ._errors import Error, Lost
from ._grant import Grant
from ._library import library
from ._loss import Loss
from ._native import check


class Lease(Grant):
    """A lock that was granted. Thread-safe; released in the background when it is collected.

    A block under `with` releases it; leaving the block after a loss raises Lost."""

    __slots__ = ()

    @property
    def lost(self) -> Loss:
        """Whether it has ended, for whatever reason: true once it has; wait() waits for that."""
        return Loss(self._handle)

    def release(self, timeout: Optional[float] = 5.0) -> None:
        """Gives the lock back; waits at most `timeout` seconds for the server to know.

        Raises Lost if it had ended before; Timeout or Unknown if the server did not answer in time (it goes
        on in the background)."""
        check(library.tenure_release(self._handle.pointer, wait_ms(timeout)))

    def proclaim(self, value: Value) -> None:
        """Replaces the value that others see. Raises Lost if it had ended."""
        _orders.proclaim(self._handle, value)

    def transfer(self, to_client: Optional[str] = None) -> None:
        """Ends it, and hands what it held to the first waiter of that client name; None: to the next.

        Raises NotFound if nobody (of that name) waits: then it goes on; Lost if it had ended."""
        _orders.transfer(self._handle, to_client)

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        try:
            self.release()
        except Lost:
            # An exception in flight says more than that the lease went with it.
            if error is None:
                raise
        except Error:
            # Belief has ended; the release goes on in the background.
            pass
