"""Waiting on the library's descriptors: in Python's own poll, so that signal handlers run at once."""

from __future__ import annotations

import math
import select
import time
from typing import Callable, Optional, TypeVar

from ._errors import Again

Answer = TypeVar("Answer")

# Seconds between two looks where there is no descriptor to wait on.
LOOK_EVERY = 0.02


class Deadline:
    """The end of a wait of `timeout` seconds; None: never."""

    __slots__ = ("_end",)

    def __init__(self, timeout: Optional[float]) -> None:
        self._end = None if timeout is None else time.monotonic() + timeout

    def left(self) -> Optional[float]:
        """The seconds left, 0.0 once over; None: for ever."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())


def until_decided(
    descriptor: Callable[[], int], ask: Callable[[], Answer], timeout: Optional[float] = None
) -> Answer:
    """The result of `ask` once it no longer raises Again; raises Again after `timeout` seconds.

    `descriptor` is called only before a wait, since the library makes the descriptor on its first use."""
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
    """Waits until `fd` is readable or `seconds` are over, or for less; without a descriptor at most LOOK_EVERY."""
    if fd < 0:
        time.sleep(LOOK_EVERY if seconds is None else min(seconds, LOOK_EVERY))
        return
    ready = select.poll()
    ready.register(fd, select.POLLIN)
    until_polled(ready, seconds)


def until_polled(ready: select.poll, seconds: Optional[float]) -> None:
    """Waits until a descriptor of `ready` is readable or `seconds` are over, or for less."""
    # poll(2) counts in 31 bits of milliseconds; a longer wait asks again in between.
    ready.poll(None if seconds is None else min(math.ceil(seconds * 1000), 2**31 - 1))
