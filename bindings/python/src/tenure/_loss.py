"""The end of a lease, as something to wait for."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Optional

from ._convert import wait_ms
from ._grant import LeaseHandle, remaining
from ._library import library
from ._native import Local, descriptor
from ._wait import LOOK_EVERY, Deadline

# epoll counts in 31 bits of milliseconds.
_LONGEST = 2**31 / 1000 - 1


class Loss(Local):
    """True once a lease has ended, for whatever reason, and from then on.

    As a threading.Event that Tenure alone sets. Keeps the lease from being collected."""

    __slots__ = ("_lease",)

    def __init__(self, lease: LeaseHandle) -> None:
        self._lease = lease

    def is_set(self) -> bool:
        """Whether the lease has ended."""
        return remaining(self._lease) == 0.0

    def __bool__(self) -> bool:
        return self.is_set()

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Waits for the end, at most `timeout` seconds; False if the lease has not ended. Ctrl-C works."""
        wait_ms(timeout)
        deadline = Deadline(timeout)
        with news_of(self._lease) as news:
            while not self.is_set():
                left = deadline.left()
                if left == 0.0:
                    return False
                longest = longest_wait(self._lease, news)
                if news is None:
                    time.sleep(longest if left is None else min(left, longest))
                else:
                    news.poll(longest if left is None else min(left, longest))
        return True

    def fileno(self) -> int:
        """Readable once the lease has ended, and from when it is asked to end. Borrowed: never read or close it."""
        return descriptor(library.tenure_lease_fd(self._lease.pointer))

    def __repr__(self) -> str:
        return f"<tenure.Loss, {'set' if self.is_set() else 'not set'}>"


@contextmanager
def news_of(lease: LeaseHandle) -> Iterator[Optional[select.epoll]]:
    """An edge-triggered epoll, readable once per event of a lease; None if the process has no descriptor left.

    The lease's own descriptor stays readable from when the lease is asked to end. The state is not read here, since that
    would clear the descriptor for other readers."""
    fd = library.tenure_lease_fd(lease.pointer)
    try:
        news = select.epoll() if fd >= 0 else None
    except OSError:
        news = None
    if news is None:
        yield None
        return
    with news:
        news.register(fd, select.EPOLLIN | select.EPOLLET)
        yield news


def longest_wait(lease: LeaseHandle, news: Optional[select.epoll]) -> float:
    """The seconds until the next look at a lease without news: the descriptor of a lease that was asked before does not
    signal the end."""
    return LOOK_EVERY if news is None else min(remaining(lease), _LONGEST)
