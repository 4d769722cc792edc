"""Calls into libtenure: statuses become exceptions, handles become owned objects."""

from __future__ import annotations

import threading
from ctypes import byref, c_int64, c_size_t, c_void_p, create_string_buffer
from functools import partial
from operator import attrgetter
from typing import Any, Callable, NoReturn, Optional, SupportsIndex

from ._errors import Error, Limit, TooSmall, error_of
from ._library import library
from ._listeners import Listeners


class Local:
    """An object of this process: pickle and copy raise TypeError, with a sentence that says what to do."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        kind = type(self)
        package = "tenure.aio" if ".aio." in kind.__module__ else "tenure"
        raise TypeError(
            f"a {package}.{kind.__name__} belongs to the process that made it, and is not pickled or copied: "
            "open a client in each process (after the fork, in the worker), and pass names and tokens between them"
        )


class Handle(Local):
    """Owns a handle of the library, or the place for one, into which the library writes.

    Freeing is C alone, no bytecode of Python's: a signal's handler can neither run in it nor be lost in it. The
    library answers a foreign handle with an error, and freeing nothing is harmless, so any order of collection is safe,
    also in a forked child."""

    __slots__ = ("__weakref__", "_free", "keeps", "pointer")

    def __init__(self, free: Callable[[c_void_p], None], keeps: object = None) -> None:
        """`keeps`: an object that must not be collected before the handle."""
        self.keeps = keeps
        self.pointer = c_void_p()
        self._free = partial(free, self.pointer)

    # Looked up and called without a bytecode: attrgetter, partial and the library are C.
    __del__ = property(attrgetter("_free"))

    def free(self) -> None:
        """Frees the handle now. Idempotent."""
        self._free()
        # A second free would set this thread's last error.
        self.pointer.value = None


class ClientHandle(Handle):
    """A client. Keeps its node, if any, alive."""

    __slots__ = ("corks", "is_flushing", "listeners", "patience")

    def __init__(self, keeps: object = None) -> None:
        super().__init__(library.tenure_client_free, keeps)
        # Listeners of the changes of the session.
        self.listeners = Listeners()
        # How many milliseconds the end of a block waits for the server's answer.
        self.patience = c_int64(PATIENCE_MS)
        # The corks of a loop on this client, and whether a flush is scheduled.
        self.corks = 0
        self.is_flushing = False


PATIENCE_MS = 5000


class _Failures(threading.local):
    """How many calls of this thread have failed."""

    count = 0


_failures = _Failures()


def check(function: Callable[..., int], *arguments: Any) -> None:
    """Calls `function`, and raises the exception of a status that is not TENURE_OK."""
    raise_it(failure_of(function, *arguments))


def raise_it(failed: Optional[BaseException]) -> None:
    """Raises `failed`, unless None."""
    if failed is None:
        return
    try:
        raise failed
    finally:
        # Breaks the reference cycle of exception, trace and frame, which would be collected late, with the locals of all
        # calling frames.
        del failed


def failure_of(function: Callable[..., int], *arguments: Any) -> Optional[Error]:
    """Calls `function`; the exception of its status, None for TENURE_OK."""
    before = _failures.count
    status = function(*arguments)
    if not status:
        return None
    said: bytes = library.tenure_last_error()
    reason: int = library.tenure_last_reason()
    # A collection or a signal's handler may have called the library in between; the last error is then of that call.
    is_of_this_call = _failures.count == before
    _failures.count += 1
    if not is_of_this_call:
        return error_of(status, status_text(status))
    return error_of(status, said.decode("utf-8", "replace"), reason)


def status_text(status: int) -> str:
    """One sentence about a status."""
    text: bytes = library.tenure_status_text(status)
    return text.decode()


def opened(
    free: Callable[[c_void_p], None], function: Callable[..., int], *arguments: Any, keeps: object = None
) -> Handle:
    """Calls a constructor; its last argument, the place for the handle, is added here."""
    handle = Handle(free, keeps)
    fill(handle, function, arguments)
    return handle


def fill(handle: Handle, function: Callable[..., int], arguments: tuple[Any, ...]) -> None:
    """Calls a constructor, which writes the new handle into its owner, so that the handle is never without one. Any
    exception, of a signal's handler too, leaves the place empty."""
    try:
        check(function, *arguments, byref(handle.pointer))
    except BaseException:
        handle.free()
        raise


def descriptor(fd: int) -> int:
    """Returns `fd`; raises Limit for -1, the library's answer if no descriptor is left."""
    if fd < 0:
        said: bytes = library.tenure_last_error()
        raise Limit(said.decode("utf-8", "replace"))
    return fd


def sized_text(call: Callable[..., None]) -> bytes:
    """The text that `call` writes to a buffer, which grows until it fits."""
    size = 4096
    while True:
        buffer, length = create_string_buffer(size), c_size_t(size)
        try:
            call(buffer, byref(length))
        except TooSmall:
            # Room for a text that grows until the next call.
            size = length.value + length.value // 8
            continue
        return buffer.value


def version() -> str:
    """The version of the library."""
    text: bytes = library.tenure_version()
    return text.decode()
