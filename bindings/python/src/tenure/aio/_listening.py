"""Watches on the running loop: for listeners, and for blocks that end with their lease."""

from __future__ import annotations

import asyncio
from typing import Callable, Optional

from .._watch import Watch, is_over


def watch_on_loop(watch: Watch) -> Callable[[], None]:
    """Serves `watch` on the running loop; returns the function that ends that."""
    return _Watching(watch).end


class _Watching:
    """One watch, bound to the loop on which it was begun."""

    def __init__(self, watch: Watch) -> None:
        self._loop = asyncio.get_running_loop()
        self._watch: Optional[Watch] = watch
        self._timer: Optional[asyncio.Handle] = None
        self._fd = watch.fileno()
        watch.wake = self._wake
        try:
            if self._fd >= 0:
                self._loop.add_reader(self._fd, self._look)
            # Not at once: the caller needs the watch first.
            self._timer = self._loop.call_soon(self._look)
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """Ends the watch; a second call does nothing."""
        watch, self._watch = self._watch, None
        if watch is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        if self._fd >= 0 and not self._loop.is_closed():
            self._loop.remove_reader(self._fd)
        watch.close()

    def _look(self) -> None:
        watch = self._watch
        if watch is None:
            return
        over = is_over(watch)
        if over:
            self.end()
            return
        # A listener may have ended the watch.
        longest = watch.longest() if self._watch is watch else None
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if longest is None else self._loop.call_later(longest, self._look)

    def _wake(self) -> None:
        # From a collection, on any thread.
        try:
            self._loop.call_soon_threadsafe(self._look)
        except RuntimeError:
            # The loop is closed.
            pass
