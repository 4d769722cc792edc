"""Calls into libtenure: statuses become exceptions, handles become owned objects."""

from __future__ import annotations

from ctypes import byref, c_void_p
from typing import Any, Callable

from ._errors import Limit, error_of
from ._library import library


class Handle:
    """Owns a handle of the library, or the place for one.

    The library answers a freed or foreign handle with an error, and freeing it again is harmless, so any order
    of collection is safe, also in a forked child."""

    __slots__ = ("_free", "pointer")

    def __init__(self, free: Callable[[c_void_p], None]) -> None:
        self.pointer = c_void_p()
        self._free = free

    def free(self) -> None:
        """Frees it now; again is harmless."""
        self._free(self.pointer)

    def __del__(self) -> None:
        self._free(self.pointer)


def check(status: int) -> None:
    """Raises the exception of a status that is not TENURE_OK."""
    if status:
        raise error_of(status, last_error())


def last_error() -> str:
    """What this thread's last failed call said."""
    text: bytes = library.tenure_last_error()
    return text.decode("utf-8", "replace")


def opened(free: Callable[[c_void_p], None], function: Callable[..., int], *arguments: Any) -> Handle:
    """Calls a constructor; its last argument, the place for the handle, is added here.

    The library writes straight into the object that frees, so that no signal's exception can come between them."""
    handle = Handle(free)
    check(function(*arguments, byref(handle.pointer)))
    assert handle.pointer.value is not None, "success without a handle"
    return handle


def descriptor(fd: int) -> int:
    """A descriptor of the library, which is -1 if there is none."""
    if fd < 0:
        raise Limit(last_error())
    return fd


def version() -> str:
    """The version of the library."""
    text: bytes = library.tenure_version()
    return text.decode()
