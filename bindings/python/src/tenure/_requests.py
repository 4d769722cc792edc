"""Requests for a lock: starting one, and taking what it gave."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import byref, c_char_p, c_void_p, cast
from typing import Optional

from ._convert import Value, octets, text, wait_ms
from ._errors import Again
from ._library import library
from ._native import Handle, opened
from ._options import Options
from ._wait import until_decided

# How long the first look at a request waits in C, where no signal ends it. A lock that is free is granted in this
# time, and costs no descriptor; Ctrl-C is late by no more than it.
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


def take(pending: Handle, look_ms: int = 0) -> Handle:
    """The lease of a request; raises Again while it is undecided."""
    return opened(
        library.tenure_lease_free, library.tenure_pending_take, pending.pointer, look_ms
    )


def granted(pending: Handle) -> Handle:
    """Waits for the lease of a request. Whatever ends the wait, also Ctrl-C, leaves no request behind."""
    try:
        try:
            return take(pending, _FIRST_LOOK_MS)
        except Again:
            pass
        descriptor = library.tenure_pending_fd
        return until_decided(lambda: descriptor(pending.pointer), lambda: take(pending))
    finally:
        # Withdraws it, or releases what was granted meanwhile.
        pending.free()
