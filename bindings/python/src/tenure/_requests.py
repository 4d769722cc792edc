"""Requests for a lock: starting one, and taking its lease."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import byref, c_char_p, c_void_p, cast
from typing import Callable, Optional

from ._convert import Value, octets, text, wait_ms
from ._errors import Again, Error, Held, Timeout
from ._grant import LeaseHandle
from ._library import library
from ._native import PATIENCE_MS, Handle, fill, opened
from ._options import Options
from ._wait import until_decided

# How long the first look at a request waits in C, where no signal ends the wait. A free lock is granted within this
# time, without a descriptor; Ctrl-C is late by no more.
_FIRST_LOOK_MS = 10


def start_acquire(client: Handle, name: str, timeout: Optional[float], options: Options) -> Handle:
    """Begins to acquire `name`."""
    arguments = (client.pointer, text(name, "name"), wait_ms(timeout), byref(options.to_c()))
    return opened(library.tenure_pending_free, library.tenure_acquire_start, *arguments)


def start_acquire_all(
    client: Handle, names: Sequence[str], timeout: Optional[float], options: Options
) -> Handle:
    """Begins to acquire all of `names`."""
    if isinstance(names, str):
        raise TypeError("names is a sequence of names, not one")
    encoded = [text(name, "name") for name in names]
    array = (c_char_p * max(1, len(encoded)))(*encoded)
    arguments = (client.pointer, array, len(encoded), wait_ms(timeout), byref(options.to_c()))
    return opened(library.tenure_pending_free, library.tenure_acquire_all_start, *arguments)


def start_campaign(client: Handle, name: str, value: Value, timeout: Optional[float]) -> Handle:
    """Begins to campaign in the election `name`."""
    copy = octets(value, "value")
    pointer = cast(c_char_p(copy), c_void_p)
    arguments = (client.pointer, text(name, "name"), wait_ms(timeout), pointer, len(copy))
    return opened(library.tenure_pending_free, library.tenure_campaign_start, *arguments)


def first_of(names: Sequence[str]) -> str:
    """The name of a lease of all `names`: the first."""
    return str(names[0]) if names else ""


def take(lease: LeaseHandle, pending: Handle, look_ms: int = 0) -> None:
    """Puts the lease of a request into its place; raises Again while it is undecided."""
    fill(lease, library.tenure_pending_take, (pending.pointer, look_ms))


def acquire(lease: LeaseHandle, start: Callable[[], Handle], timeout: Optional[float]) -> None:
    """Starts a request, and waits for its lease, which goes to the place `lease`. Any exception, Ctrl-C included, leaves
    neither a request nor a lease behind."""
    pending = None
    try:
        pending = start()
        if not _is_taken(lease, pending):
            _wait(lease, pending)
        pending.free()
        lease.client.patience.value = PATIENCE_MS
    except BaseException as error:
        give_up(lease, pending, error, timeout)
        raise


def give_up(
    lease: LeaseHandle, pending: Optional[Handle], error: BaseException, timeout: Optional[float]
) -> None:
    """Withdraws a request, or releases a lease granted meanwhile; names the lock in `error`."""
    if pending is not None:
        pending.free()
    lease.free()
    if isinstance(error, Error):
        say_which(error, lease.name, timeout)


def say_which(error: Error, name: str, timeout: Optional[float]) -> None:
    """Puts the name of the lock into the error of a request, and into its text."""
    error.name = name
    said = str(error)
    if isinstance(error, Held):
        _, found, by = said.rpartition("held by ")
        error.by = by if found else None
        said = f"{name!r} is held by {by}" if found else f"{name!r}: {said}"
    elif isinstance(error, Timeout):
        # After the sentence of the status comes the obstacle, if it was anything but another holder.
        _, separator, why = said.partition("; ")
        said = f"{name!r} was not granted within {timeout} s, and the request is withdrawn{separator}{why}"
    error.args = (said,)


def _is_taken(lease: LeaseHandle, pending: Handle) -> bool:
    try:
        take(lease, pending, _FIRST_LOOK_MS)
    except Again:
        return False
    return True


def _wait(lease: LeaseHandle, pending: Handle) -> None:
    descriptor = library.tenure_pending_fd
    until_decided(lambda: int(descriptor(pending.pointer)), lambda: take(lease, pending))
