"""Waiting on the library's descriptors: in Python's own poll, so that signal handlers run at once."""

from __future__ import annotations

import math
import select
import time
from typing import Callable, Optional, TypeVar

from ._errors import Again

Answer = TypeVar("Answer")

# Where the process has no descriptor left: how often to ask, in seconds.
_ASK_EVERY = 0.02


def until_decided(fd: int, ask: Callable[[], Answer], timeout: Optional[float] = None) -> Answer:
    """What `ask` answers once it no longer raises Again; that is raised if `timeout` seconds pass before."""
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        try:
            return ask()
        except Again:
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                raise
        _until_readable(fd, left)


def _until_readable(fd: int, seconds: Optional[float]) -> None:
    if fd < 0:
        time.sleep(_ASK_EVERY if seconds is None else min(seconds, _ASK_EVERY))
        return
    ready = select.poll()
    ready.register(fd, select.POLLIN)
    # poll(2) counts in 31 bits of milliseconds; a longer wait asks again in between.
    ready.poll(None if seconds is None else min(math.ceil(seconds * 1000), 2**31 - 1))
