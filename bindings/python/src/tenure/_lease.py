"""A grant, as long as it may be believed in."""

from __future__ import annotations

from . import _native
from ._convert import wait_ms
from ._native import Handle, check, library


class Lease:
    """A lock that was granted. Thread-safe; released in the background when it is collected."""

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

    def fileno(self) -> int:
        """Readable once lost, for select and asyncio. Borrowed: never read or close it."""
        fd = library.tenure_lease_fd(self._handle.pointer)
        if fd < 0:
            raise _native.error_of(42, _native.last_error())
        return fd

    def release(self, timeout: float = 5.0) -> None:
        """Gives the lock back; waits at most `timeout` seconds for the server to know.

        Raises Lost if it had ended before; Timeout or Unknown if the server did not answer in time (it goes
        on in the background)."""
        check(library.tenure_release(self._handle.pointer, wait_ms(timeout)))

    def __repr__(self) -> str:
        state = "lost" if self.lost else f"{self.remaining():.1f} s left"
        return f"<tenure.Lease {self.name!r} token {self.token}, {state}>"
