"""A lock with the interface of asyncio.Lock."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional

from .._convert import acquire_timeout
from .._ending import await_it
from .._errors import Held, Timeout
from .._grant import LeaseHandle
from .._native import ClientHandle, Handle
from .._options import Options
from .._requests import start_acquire
from .._section import Entry, Exit, Leaving, Sections, end_of_scope, end_of_section, timeout_of
from .._wait import Deadline
from ._lease import Lease
from ._requests import acquire
from ._scope import LossScope

# What each `async with` looks up.
_leaving = Leaving()


class Lock(Sections[Lease]):
    """The lock of one name; made by Client.lock().

    Tasks that share it exclude each other, also when the lease is lost while one of them still works under
    it; but with an owner it is entered again. Each entry has a lease of its own, which its end gives back. A block
    under `async with` does not notice a loss by itself, unless it was made with `cancel_on_loss`: look at lease.lost
    between steps, and send lease.token with every read and write; leaving the block after a loss raises Lost."""

    def __init__(
        self,
        client: ClientHandle,
        name: str,
        timeout: Optional[float],
        options: Options,
        cancel_on_loss: bool = False,
    ) -> None:
        super().__init__(client, name, timeout, options, asyncio.current_task)
        self._cancel_on_loss = cancel_on_loss

    async def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Acquires the lock; False if another holder keeps it for longer than `timeout` seconds.

        -1: the timeout of Client.lock(). Cancelling the task withdraws the request."""
        wait = acquire_timeout(blocking, timeout, self._timeout)
        try:
            await self._enter(self.new_exit(), wait, is_kept=True)
        except (Timeout, Held):
            return False
        return True

    def __aenter__(self) -> Coroutine[Any, Any, Lease]:
        # Here, and not when it is awaited: other tasks may begin a block in between.
        paired = _leaving.of_block(self)
        return self._enter_block(paired or self.new_exit(), is_kept=paired is None)

    if TYPE_CHECKING:

        async def release(self) -> None:
            """Gives the lock back at the call: the newest lease of this task, else that of another task. Raises Lost
            if the lease had ended before, RuntimeError if there is none."""

        async def __aexit__(
            self,
            kind: Optional[type[BaseException]],
            error: Optional[BaseException],
            trace: Optional[TracebackType],
        ) -> None: ...

    else:
        __aexit__ = _leaving

    def new_exit(self) -> Exit:
        """The exit of an entry that is about to be made."""
        lease = Lease(LeaseHandle(self._client, self._name))
        end = _end_of_scope if self._cancel_on_loss else _end
        return Exit.of(end, 0, Entry(self), lease)

    async def _enter_block(self, exit: Exit, is_kept: bool) -> Lease:
        try:
            return await self._enter(exit, self._timeout, is_block=True, is_kept=is_kept)
        except Held as held:
            raise timeout_of(held) from None

    async def _enter(
        self, exit: Exit, timeout: Optional[float], *, is_block: bool = False, is_kept: bool = False
    ) -> Lease:
        entry = exit.entry
        lease: Lease = exit.lease
        try:
            deadline = Deadline(timeout)
            over = asyncio.get_running_loop().create_future()
            entry.stand(self._me(), exit, over, over.cancel)
            self._line.join(entry)
            if not self._options.owner:
                await self._wait_for_turn(entry, deadline, timeout, is_block)
            await acquire(lease._handle, lambda: self._start(deadline), timeout)
            entry.is_inside = True
            if is_block and self._cancel_on_loss:
                exit.scope = LossScope(lease._handle)
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

    async def _wait_for_turn(
        self, entry: Entry, deadline: Deadline, timeout: Optional[float], is_block: bool
    ) -> None:
        ahead = self._line.ahead(entry)
        self.check_wait(entry, ahead, timeout, is_block)
        while ahead:
            left = deadline.left()
            if left == 0.0:
                raise self.local_timeout(timeout)
            # Not the future itself: it is cancelled when that turn is over, and this task is not.
            await asyncio.wait({ahead[-1].over}, timeout=left)
            ahead = self._line.ahead(entry)


_end = end_of_section(await_it)
_end_of_scope = end_of_scope(await_it)
