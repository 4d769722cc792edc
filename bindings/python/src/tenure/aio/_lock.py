"""A lock with the habits of asyncio.Lock."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Optional

from .._convert import acquire_timeout
from .._errors import Held, Timeout
from .._native import Handle
from .._options import Options
from .._requests import start_acquire
from .._wait import Deadline
from ._lease import Lease
from ._requests import granted


class Lock:
    """The lock of one name; made by Client.lock().

    Tasks that share it exclude each other, also when the lease is lost while one of them still works under
    it; but with an owner it is entered again. A block under `async with` does not notice a loss by itself: look at
    lease.lost between steps, and send lease.token with every write; leaving the block after a loss raises Lost."""

    def __init__(
        self, client: Handle, name: str, timeout: Optional[float], options: Options
    ) -> None:
        self._client = client
        self._name = name
        self._timeout = timeout
        self._options = options
        self._local = asyncio.Lock()
        # More than one only with an owner.
        self._leases: list[Lease] = []

    @property
    def name(self) -> str:
        """What it locks."""
        return self._name

    @property
    def lease(self) -> Optional[Lease]:
        """The lease, while this object holds it."""
        return self._leases[-1] if self._leases else None

    def locked(self) -> bool:
        """Whether this object has acquired it, and not released it. The lease may be lost all the same."""
        return bool(self._leases)

    async def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Acquires it; False if somebody else has it for longer than `timeout` seconds.

        -1: as long as the lock was made for. Cancelling the task withdraws the request."""
        return await self._try_for(acquire_timeout(blocking, timeout, self._timeout)) is not None

    async def release(self) -> None:
        """Gives it back. Raises Lost if the lease had ended before, RuntimeError if it was not acquired."""
        lease = self._pop()
        try:
            await lease.release()
        finally:
            self._leave()

    async def __aenter__(self) -> Lease:
        lease = await self._try_for(self._timeout)
        if lease is None:
            raise Timeout(f"{self._name!r} was not granted in {self._timeout} s")
        return lease

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        lease = self._pop()
        try:
            await lease.__aexit__(kind, error, trace)
        finally:
            self._leave()

    async def _try_for(self, timeout: Optional[float]) -> Optional[Lease]:
        deadline = Deadline(timeout)
        if not self._options.owner and not await _entered(self._local, timeout):
            return None
        lease = None
        try:
            pending = start_acquire(self._client, self._name, deadline.left(), self._options)
            lease = Lease(await granted(pending))
            self._leases.append(lease)
            return lease
        except (Timeout, Held):
            return None
        finally:
            if lease is None:
                self._leave()

    def _pop(self) -> Lease:
        if not self._leases:
            raise RuntimeError("release of a tenure.aio.Lock that is not acquired")
        return self._leases.pop()

    def _leave(self) -> None:
        if not self._options.owner:
            self._local.release()

    def __repr__(self) -> str:
        return f"<tenure.aio.Lock {self._name!r}, {self.lease or 'not acquired'}>"


async def _entered(lock: asyncio.Lock, timeout: Optional[float]) -> bool:
    """Acquires it if that succeeds within `timeout` seconds.

    Not asyncio.wait_for: before Python 3.12 a cancellation that meets the end of the wait can get lost there."""
    if timeout is None:
        return await lock.acquire()
    entering = asyncio.ensure_future(lock.acquire())
    try:
        await asyncio.wait({entering}, timeout=timeout)
    except asyncio.CancelledError:
        if entering.done():
            lock.release()
        raise
    finally:
        entering.cancel()
    return entering.done()
