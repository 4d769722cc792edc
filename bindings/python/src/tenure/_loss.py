"""The end of a lease, as something to wait for."""

from __future__ import annotations

from typing import Optional

from ._convert import wait_ms
from ._grant import is_asked, remaining
from ._library import library
from ._native import Handle, descriptor
from ._wait import Deadline, until_readable


class Loss:
    """Whether a lease has ended, for whatever reason: true once it has, for good.

    As threading.Event, of which nobody but Tenure sets it. While this object lives, the lease is not collected."""

    __slots__ = ("_lease",)

    def __init__(self, lease: Handle) -> None:
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
        while not self.is_set():
            left = deadline.left()
            if left == 0.0:
                return False
            until_readable(waitable(self._lease), left)
        return True

    def fileno(self) -> int:
        """Readable once it has ended, and from when the lease is asked to end. Borrowed: never read or close it."""
        return descriptor(library.tenure_lease_fd(self._lease.pointer))

    def __repr__(self) -> str:
        return f"<tenure.Loss, {'set' if self.is_set() else 'not set'}>"


def waitable(lease: Handle) -> int:
    """The descriptor to wait on for the end of a lease; -1: look again in a moment.

    Once a lease is asked to end its descriptor stays readable, and says no more."""
    fd: int = -1 if is_asked(lease) else library.tenure_lease_fd(lease.pointer)
    return fd
