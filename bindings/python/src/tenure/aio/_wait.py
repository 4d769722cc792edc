"""Waiting on the library's descriptors in the running loop."""

from __future__ import annotations

import asyncio
from typing import Callable, Optional, TypeVar

from .._errors import Again
from .._wait import LOOK_EVERY, Deadline

Answer = TypeVar("Answer")


async def until_decided(
    descriptor: Callable[[], int], ask: Callable[[], Answer], timeout: Optional[float] = None
) -> Answer:
    """The result of `ask` once it no longer raises Again; Again is raised after `timeout` seconds.

    The descriptor must have no other waiter in this loop."""
    deadline = Deadline(timeout)
    while True:
        try:
            return ask()
        except Again:
            left = deadline.left()
            if left == 0.0:
                raise
        await until_readable(descriptor(), left)


async def until_readable(fd: int, seconds: Optional[float]) -> None:
    """Waits until `fd` is readable or `seconds` are over; for a moment if there is no descriptor."""
    if fd < 0:
        await asyncio.sleep(LOOK_EVERY if seconds is None else min(seconds, LOOK_EVERY))
        return
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    timer = None
    try:
        loop.add_reader(fd, _resolve, ready)
        timer = None if seconds is None else loop.call_later(seconds, _resolve, ready)
        await ready
    finally:
        if timer is not None:
            timer.cancel()
        try:
            loop.remove_reader(fd)
        except BaseException:
            # What a signal's handler raised may have come before it. A loop that goes on to watch a descriptor which is
            # closed then does not see the next one of that number.
            loop.remove_reader(fd)
            raise


def _resolve(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
