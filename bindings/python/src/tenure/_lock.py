"""A lock with the habits of threading.Lock."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Optional

from ._errors import Error, Held, Invalid, Lost, Timeout
from ._lease import Lease
from ._options import Options

if TYPE_CHECKING:
    from ._client import Client


class Lock:
    """The lock of one name; made by Client.lock().

    Threads that share it exclude each other, also when the lease is lost while one of them still works
    under it. A block under `with` does not notice a loss by itself: look at lease.lost between steps, and send
    lease.token with every write; leaving the block after a loss raises Lost."""

    def __init__(
        self,
        client: Client,
        name: str,
        timeout: Optional[float],
        options: Options,
    ) -> None:
        self._client = client
        self._name = name
        self._timeout = timeout
        self._options = options
        self._local = threading.Lock()
        self._lease: Optional[Lease] = None

    @property
    def name(self) -> str:
        """What it locks."""
        return self._name

    @property
    def lease(self) -> Optional[Lease]:
        """The lease, while this object holds it."""
        return self._lease

    def locked(self) -> bool:
        """Whether this object has acquired it, and not released it. The lease may be lost all the same."""
        return self._lease is not None

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Acquires it; False if somebody else has it for longer than `timeout` seconds.

        -1: as long as the lock was made for. Ctrl-C works at once, and withdraws the request."""
        if not blocking:
            if timeout != -1:
                raise Invalid("a timeout has no meaning for an acquire that does not block")
            return self._try_for(0.0)
        if timeout == -1:
            return self._try_for(self._timeout)
        if not timeout >= 0:
            raise Invalid(f"a timeout is 0 or more seconds, or -1; not {timeout}")
        return self._try_for(timeout)

    def release(self) -> None:
        """Gives it back. Raises Lost if the lease had ended before, RuntimeError if it was not acquired."""
        lease, self._lease = self._lease, None
        if lease is None:
            raise RuntimeError("release of a tenure.Lock that is not acquired")
        try:
            lease.release()
        finally:
            self._local.release()

    def __enter__(self) -> Lease:
        if not self._try_for(self._timeout):
            raise Timeout(f"{self._name!r} was not granted in {self._timeout} s")
        lease = self._lease
        assert lease is not None, "granted without a lease"
        return lease

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

    def _try_for(self, timeout: Optional[float]) -> bool:
        end = None if timeout is None else time.monotonic() + timeout
        if not self._local.acquire(timeout=_local_timeout(timeout)):
            return False
        try:
            left = None if end is None else max(0.0, end - time.monotonic())
            self._lease = self._client._acquire(self._name, left, self._options)
            return True
        except (Timeout, Held):
            return False
        finally:
            if self._lease is None:
                self._local.release()

    def __repr__(self) -> str:
        return f"<tenure.Lock {self._name!r}, {self._lease or 'not acquired'}>"


def _local_timeout(timeout: Optional[float]) -> float:
    """As threading.Lock has it: -1 is for ever, and so is more than it can count."""
    if timeout is None or timeout > threading.TIMEOUT_MAX:
        return -1
    return timeout
