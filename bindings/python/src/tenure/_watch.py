"""Watches of the end of a lease, or of the changes of a session, for a thread or loop that waits.

A watch has only a weak reference to the lease or client: a collected one has no more to tell."""

from __future__ import annotations

import select
import weakref
from typing import Callable, Optional

from ._errors import Again, Closed, Error, Forked, Invalid
from ._grant import LeaseHandle, remaining
from ._library import library
from ._listeners import call_each, logger
from ._native import ClientHandle
from ._reader import Readers
from ._reason import Reason
from ._session import next_change
from ._wait import LOOK_EVERY

# epoll and poll count in 31 bits of milliseconds.
_LONGEST = 2**31 / 1000 - 1


class Watch:
    """A descriptor to wait for, and the work to do then. The descriptor is an epoll over one of the library."""

    def __init__(self, fd: int, how: int) -> None:
        # Wakes the waiting thread or loop when the watched lease or client is collected.
        self.wake: Callable[[], None] = lambda: None
        self._news: Optional[select.epoll] = None
        try:
            if fd >= 0:
                self._news = select.epoll()
                self._news.register(fd, how)
        except OSError:
            self.close()

    def fileno(self) -> int:
        """Readable when look() is due; -1 if the process has no descriptor left."""
        return -1 if self._news is None else self._news.fileno()

    def longest(self) -> Optional[float]:
        """The seconds until the next look() without news; None: never."""
        raise NotImplementedError

    def look(self) -> bool:
        """Calls the listeners if there is news; True if there will be no more."""
        raise NotImplementedError

    def close(self) -> None:
        """Closes the descriptor. Idempotent."""
        if self._news is not None:
            self._news.close()
            self._news = None

    def _gone(self, _: object) -> None:
        self.wake()


class LeaseWatch(Watch):
    """Reports once that a lease was lost, not that the program released it."""

    def __init__(self, lease: LeaseHandle, tell: Callable[[LeaseHandle], None]) -> None:
        # Edge-triggered, since the descriptor stays readable from when the lease is asked to end.
        super().__init__(library.tenure_lease_fd(lease.pointer), select.EPOLLIN | select.EPOLLET)
        self._lease = weakref.ref(lease, self._gone)
        self._tell = tell

    def longest(self) -> Optional[float]:
        lease = self._lease()
        if lease is None:
            return 0.0
        left = min(remaining(lease), _LONGEST)
        return left if self._news is not None else min(left, LOOK_EVERY)

    def look(self) -> bool:
        if self._news is not None:
            self._news.poll(0)
        lease = self._lease()
        if lease is None or not lease.pointer:
            return True
        # Not the state: reading that would clear the descriptor for other readers.
        if remaining(lease) > 0.0:
            return False
        if lease.reason() != Reason.RELEASED:
            self._tell(lease)
        return True


class SessionWatch(Watch):
    """Reports each change of a client's session, as its one reader."""

    def __init__(self, client: ClientHandle, readers: Readers) -> None:
        self._readers = readers
        self._reader = readers.begin()
        super().__init__(library.tenure_client_fd(client.pointer), select.EPOLLIN)
        self._client = weakref.ref(client, self._gone)

    def longest(self) -> Optional[float]:
        return None if self._news is not None else LOOK_EVERY

    def look(self) -> bool:
        while True:
            client = self._client()
            if client is None:
                return True
            try:
                session = next_change(client)
            except Again:
                return False
            client.listeners.call(session)

    def close(self) -> None:
        self._readers.end(self._reader)
        super().close()


def is_over(watch: Watch) -> bool:
    """Calls look(); True also for a lease or client that was freed or closed, or belongs to a parent process."""
    try:
        return watch.look()
    except (Closed, Forked, Invalid):
        # Invalid: a weak reference still leads to a handle that another thread is freeing.
        return True
    except Error:
        logger.exception("what was watched for listeners of tenure is watched no more")
        return True


def lost_to_listeners(kind: Callable[[LeaseHandle], object], lease: LeaseHandle) -> None:
    """Removes the listeners of a lost lease, and calls each."""
    call_each(lease.listeners.end(), kind(lease))
