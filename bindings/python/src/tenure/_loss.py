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
    """Whether a lease has ended, for whatever reason: true once it has, for good.

    As threading.Event, of which nobody but Tenure sets it. While this object lives, the lease is not collected."""

    __slots__ = ("_lease",)

    def __init__(self, lease: LeaseHandle) -> None:
        self._lease = lease

    def is_set(self) -> bool:
        """Whether it has ended."""
        return remaining(self._lease) == 0.0

    def __bool__(self) -> bool:
        return self.is_set()

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Waits for the end, at most `timeout` seconds; whether it came. Ctrl-C works."""
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
        """Readable once it has ended, and from when the lease is asked to end. Borrowed: never read or close it."""
        return descriptor(library.tenure_lease_fd(self._lease.pointer))

    def __repr__(self) -> str:
        return f"<tenure.Loss, {'set' if self.is_set() else 'not set'}>"


@contextmanager
def news_of(lease: LeaseHandle) -> Iterator[Optional[select.epoll]]:
    """Is readable once for each thing that happens to a lease; None if the process has no descriptor left.

    The lease's own stays readable from when it is asked to end, which is not yet the end. Nor is it asked here what was
    the matter: that would take the news from others who look for it."""
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
    """After how many seconds to look whether a lease has ended, though there was no news: it is the kernel's timer that
    tells, but not of a lease that was asked before."""
    return LOOK_EVERY if news is None else min(remaining(lease), _LONGEST)
