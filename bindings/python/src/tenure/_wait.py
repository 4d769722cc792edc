"""Waiting on the library's descriptors: in Python's own poll, so that signal handlers run at once."""

from __future__ import annotations

import math
import select
import time
from typing import Callable, Optional, TypeVar

from ._errors import Again

Answer = TypeVar("Answer")

# Where there is no descriptor to wait on: how often to look, in seconds.
LOOK_EVERY = 0.02


class Deadline:
    """When a wait is over; None is never."""

    __slots__ = ("_end",)

    def __init__(self, timeout: Optional[float]) -> None:
        self._end = None if timeout is None else time.monotonic() + timeout

    def left(self) -> Optional[float]:
        """How many seconds are left, 0.0 once it is over; None for ever."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())


def until_decided(
    descriptor: Callable[[], int], ask: Callable[[], Answer], timeout: Optional[float] = None
) -> Answer:
    """What `ask` answers once it no longer raises Again; that is raised if `timeout` seconds pass before.

    `descriptor` is looked up only once there is something to wait for: the library makes it then."""
    deadline = Deadline(timeout)
    while True:
        try:
            return ask()
        except Again:
            left = deadline.left()
            if left == 0.0:
                raise
        until_readable(descriptor(), left)


def until_readable(fd: int, seconds: Optional[float]) -> None:
    """Waits until `fd` is readable or `seconds` are over, or for less; without a descriptor for a moment."""
    if fd < 0:
        time.sleep(LOOK_EVERY if seconds is None else min(seconds, LOOK_EVERY))
        return
    ready = select.poll()
    ready.register(fd, select.POLLIN)
    until_polled(ready, seconds)


def until_polled(ready: select.poll, seconds: Optional[float]) -> None:
    """Waits until something of `ready` is, or `seconds` are over, or for less."""
    # poll(2) counts in 31 bits of milliseconds; a longer wait asks again in between.
    ready.poll(None if seconds is None else min(math.ceil(seconds * 1000), 2**31 - 1))
