"""A lock object in the manner of threading.Lock."""

from __future__ import annotations

import threading
from functools import partial
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Optional

from ._convert import acquire_timeout
from ._errors import Held, Timeout
from ._grant import LeaseHandle
from ._lease import Lease
from ._native import ClientHandle, Handle, raise_it
from ._options import Options
from ._requests import acquire, start_acquire
from ._section import Entry, Exit, Leaving, Sections, end_of_section, timeout_of
from ._wait import Deadline

# What each `with` looks up.
_leaving = Leaving()


class Lock(Sections[Lease]):
    """The lock of one name; made by Client.lock().

    Threads that share a Lock exclude each other, also while one of them still works under a lost lease. With an owner
    any thread may enter again, as with threading.RLock. Each entry has a lease of its own, released at its end. A block
    under `with` does not notice a loss by itself: look at lease.lost between steps, and send lease.token with every read
    and write; leaving the block after a loss raises Lost."""

    def __init__(
        self, client: ClientHandle, name: str, timeout: Optional[float], options: Options
    ) -> None:
        super().__init__(client, name, timeout, options, partial(getattr, _thread, "me"))

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Acquires the lock; False if not granted within `timeout` seconds, -1: the timeout of the lock object.

        Ctrl-C works at once, and withdraws the request."""
        wait = acquire_timeout(blocking, timeout, self._timeout)
        try:
            self._enter(self.new_exit(), wait, is_kept=True)
        except (Timeout, Held):
            return False
        return True

    def __enter__(self) -> Lease:
        paired = _leaving.of_block(self)
        try:
            return self._enter(
                paired or self.new_exit(), self._timeout, is_block=True, is_kept=paired is None
            )
        except Held as held:
            raise timeout_of(held) from None

    if TYPE_CHECKING:

        def release(self) -> None:
            """Releases the newest lease of this thread, else one of another thread. Raises Lost if the lease had ended
            before, RuntimeError if the lock is not acquired."""

        def __exit__(
            self,
            kind: Optional[type[BaseException]],
            error: Optional[BaseException],
            trace: Optional[TracebackType],
        ) -> None: ...

    else:
        __exit__ = _leaving

    def new_exit(self) -> Exit:
        """The Exit of a coming entry."""
        lease = Lease(LeaseHandle(self._client, self._name))
        return Exit.of(_end, self._client.patience, Entry(self), lease)

    def _enter(
        self, exit: Exit, timeout: Optional[float], *, is_block: bool = False, is_kept: bool = False
    ) -> Lease:
        entry = exit.entry
        lease: Lease = exit.lease
        try:
            deadline = Deadline(timeout)
            over: SimpleQueue[object] = SimpleQueue()
            entry.stand(self._me(), exit, over, over.put)
            self._line.join(entry)
            if not self._options.owner:
                self._wait_for_turn(entry, deadline, timeout, is_block)
            acquire(lease._handle, lambda: self._start(deadline), timeout)
            entry.is_inside = True
            if is_kept:
                self._kept.keep(exit)
        except BaseException:
            entry.is_over = True
            entry.wake(None)
            lease._handle.free()
            self._kept.forget(exit)
            raise
        return lease

    def _start(self, deadline: Deadline) -> Handle:
        return start_acquire(self._client, self._name, deadline.left(), self._options)

    def _wait_for_turn(
        self, entry: Entry, deadline: Deadline, timeout: Optional[float], is_block: bool
    ) -> None:
        ahead = self._line.ahead(entry)
        self.check_wait(entry, ahead, timeout, is_block)
        while ahead:
            left = deadline.left()
            if left == 0.0:
                raise self.local_timeout(timeout)
            try:
                ahead[-1].over.get(timeout=left if left is None else min(left, threading.TIMEOUT_MAX))
            except Empty:
                pass
            ahead = self._line.ahead(entry)


class _Thread(threading.local):
    """An identity per thread, never reused, unlike thread ids."""

    def __init__(self) -> None:
        self.me = object()


_thread = _Thread()
_end = end_of_section(raise_it)
