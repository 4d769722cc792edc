"""A lock with the habits of threading.Lock."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Optional

from ._convert import acquire_timeout
from ._errors import Held, Timeout
from ._lease import Lease
from ._native import Handle
from ._options import Options
from ._requests import granted, start_acquire
from ._wait import Deadline


class Lock:
    """The lock of one name; made by Client.lock().

    Threads that share it exclude each other, also when the lease is lost while one of them still works
    under it; but with an owner it is entered again, like threading.RLock, by any thread. A block under `with` does not
    notice a loss by itself: look at lease.lost between steps, and send lease.token with every write; leaving the
    block after a loss raises Lost."""

    def __init__(
        self, client: Handle, name: str, timeout: Optional[float], options: Options
    ) -> None:
        self._client = client
        self._name = name
        self._timeout = timeout
        self._options = options
        self._local = threading.Lock()
        # More than one only with an owner.
        self._leases: list[Lease] = []

    @property
    def name(self) -> str:
        """What it locks."""
        return self._name

    @property
    def lease(self) -> Optional[Lease]:
        """The lease, while this object holds it."""
        leases = self._leases[-1:]
        return leases[0] if leases else None

    def locked(self) -> bool:
        """Whether this object has acquired it, and not released it. The lease may be lost all the same."""
        return bool(self._leases)

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Acquires it; False if somebody else has it for longer than `timeout` seconds.

        -1: as long as the lock was made for. Ctrl-C works at once, and withdraws the request."""
        return self._try_for(acquire_timeout(blocking, timeout, self._timeout)) is not None

    def release(self) -> None:
        """Gives it back. Raises Lost if the lease had ended before, RuntimeError if it was not acquired."""
        lease = self._pop()
        try:
            lease.release()
        finally:
            self._leave()

    def __enter__(self) -> Lease:
        lease = self._try_for(self._timeout)
        if lease is None:
            raise Timeout(f"{self._name!r} was not granted in {self._timeout} s")
        return lease

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        lease = self._pop()
        try:
            lease.__exit__(kind, error, trace)
        finally:
            self._leave()

    def _try_for(self, timeout: Optional[float]) -> Optional[Lease]:
        deadline = Deadline(timeout)
        if not self._enter(timeout):
            return None
        lease = None
        try:
            pending = start_acquire(self._client, self._name, deadline.left(), self._options)
            lease = Lease(granted(pending))
            self._leases.append(lease)
            return lease
        except (Timeout, Held):
            return None
        finally:
            if lease is None:
                self._leave()

    def _pop(self) -> Lease:
        try:
            return self._leases.pop()
        except IndexError:
            raise RuntimeError("release of a tenure.Lock that is not acquired") from None

    def _enter(self, timeout: Optional[float]) -> bool:
        if self._options.owner:
            return True
        # As threading.Lock has it: -1 is for ever, and so is more than it can count.
        bounded = timeout is not None and timeout <= threading.TIMEOUT_MAX
        return self._local.acquire(timeout=timeout if bounded and timeout is not None else -1)

    def _leave(self) -> None:
        if not self._options.owner:
            self._local.release()

    def __repr__(self) -> str:
        return f"<tenure.Lock {self._name!r}, {self.lease or 'not acquired'}>"
