"""A grant, as long as it may be believed in."""

from __future__ import annotations

import enum
from ctypes import byref, c_char_p, c_int32, c_void_p, cast
from types import TracebackType
from typing import Optional, Union

from . import _native
from ._convert import optional_text, wait_ms
from ._errors import Error, Lost
from ._native import Handle, check, library


class Reason(enum.IntEnum):
    """Why a lease ended."""

    NONE = 0
    RELEASED = 1
    EXPIRED = 2
    SESSION_CLOSED = 3
    BROKEN = 4
    TRANSFERRED = 5
    STALLED = 6
    FORKED = 7


class Lease:
    """A lock that was granted. Thread-safe; released in the background when it is collected.

    A block under `with` releases it; leaving the block after a loss raises Lost."""

    __slots__ = ("_handle",)

    def __init__(self, pointer: int) -> None:
        self._handle = Handle(pointer, library.tenure_lease_free)

    @property
    def name(self) -> str:
        """What is held."""
        return (library.tenure_lease_name(self._handle.pointer) or b"").decode("utf-8", "replace")

    @property
    def token(self) -> int:
        """The fencing token: send it with every write, to a resource that refuses smaller ones."""
        return library.tenure_lease_token(self._handle.pointer)

    def remaining(self) -> float:
        """For how many seconds it may still be believed in; 0.0 means never again. Local."""
        return library.tenure_lease_remaining_ns(self._handle.pointer) / 1e9

    @property
    def lost(self) -> bool:
        """Whether it has ended, for whatever reason. Final."""
        return library.tenure_lease_remaining_ns(self._handle.pointer) == 0

    @property
    def asked(self) -> bool:
        """Whether somebody wants it back: remaining() says how soon it ends. Finish, then release it."""
        return self._state()[0] == _ASKED

    @property
    def reason(self) -> Reason:
        """Why it ended; NONE before."""
        return Reason(self._state()[1])

    def fileno(self) -> int:
        """Readable once lost, or asked to end, for select and asyncio. Borrowed: never read or close it."""
        fd = library.tenure_lease_fd(self._handle.pointer)
        if fd < 0:
            raise _native.error_of(42, _native.last_error())
        return fd

    def release(self, timeout: float = 5.0) -> None:
        """Gives the lock back; waits at most `timeout` seconds for the server to know.

        Raises Lost if it had ended before; Timeout or Unknown if the server did not answer in time (it goes
        on in the background)."""
        check(library.tenure_release(self._handle.pointer, wait_ms(timeout)))

    def proclaim(self, value: Union[bytes, bytearray]) -> None:
        """Replaces the value that others see. Raises Lost if it had ended."""
        copy = bytes(value)
        proclaim = library.tenure_proclaim
        check(proclaim(self._handle.pointer, cast(c_char_p(copy), c_void_p), len(copy)))

    def transfer(self, to_client: Optional[str] = None) -> None:
        """Ends it, and hands what it held to the first waiter of that client name; None: to the next.

        Raises NotFound if nobody (of that name) waits: then it goes on; Lost if it had ended."""
        check(library.tenure_transfer(self._handle.pointer, optional_text(to_client, "client's name")))

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

    def _state(self) -> tuple[int, int]:
        state, reason = c_int32(), c_int32()
        check(library.tenure_lease_state(self._handle.pointer, byref(state), byref(reason)))
        return state.value, reason.value

    def __repr__(self) -> str:
        state = "lost" if self.lost else f"{self.remaining():.1f} s left"
        return f"<tenure.Lease {self.name!r} token {self.token}, {state}>"


_ASKED = 2
