"""The listener thread: one per process, alive while there are listeners."""

from __future__ import annotations

import os
import select
import threading
from functools import partial
from typing import Callable, Optional

from ._wait import until_polled
from ._watch import Watch, is_over


def watch_on_thread(watch: Watch) -> Callable[[], None]:
    """Serves `watch` on the listener thread; returns a function that ends the service."""
    _notifier.add(watch)
    return partial(_notifier.discard, watch)


class _Notifier:
    """All watches of this process."""

    def __init__(self) -> None:
        self._pipe: Optional[tuple[int, int]] = None
        self.begin()
        os.register_at_fork(after_in_child=self.begin)

    def begin(self) -> None:
        """Starts empty; again in a forked child, which lacks the thread of its parent."""
        self._changing = threading.RLock()
        self._watches: dict[Watch, None] = {}
        self._thread: Optional[threading.Thread] = None
        pipe, self._pipe = self._pipe, None
        for fd in pipe or ():
            os.close(fd)

    def add(self, watch: Watch) -> None:
        with self._changing:
            if self._pipe is None:
                self._pipe = os.pipe()
                os.set_blocking(self._pipe[0], False)
                os.set_blocking(self._pipe[1], False)
            watch.wake = self._wake
            self._watches[watch] = None
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="tenure-listeners", daemon=True)
                try:
                    thread.start()
                except BaseException:
                    del self._watches[watch]
                    raise
                self._thread = thread
        self._wake()

    def discard(self, watch: Watch) -> None:
        with self._changing:
            is_known = watch in self._watches
            self._watches.pop(watch, None)
        if is_known:
            watch.close()
            self._wake()

    def _wake(self) -> None:
        # Also called from a garbage collection, anywhere: so takes no lock, and does not wait.
        pipe = self._pipe
        if pipe is not None:
            try:
                os.write(pipe[1], b"\0")
            except BlockingIOError:
                # The pipe is full: the thread is awake already.
                pass

    def _run(self) -> None:
        while True:
            with self._changing:
                watches = list(self._watches)
                pipe = self._pipe
                if not watches or pipe is None:
                    self._thread = None
                    return
            for watch in watches:
                if is_over(watch):
                    self.discard(watch)
            # The removal of a watch since then has written to the pipe.
            self._wait(pipe[0], [watch for watch in watches if watch in self._watches])

    def _wait(self, wakes: int, watches: list[Watch]) -> None:
        news = select.poll()
        news.register(wakes, select.POLLIN)
        longest: Optional[float] = None
        for watch in watches:
            fd, seconds = watch.fileno(), watch.longest()
            if fd >= 0:
                news.register(fd, select.POLLIN)
            if seconds is not None:
                longest = seconds if longest is None else min(longest, seconds)
        until_polled(news, longest)
        try:
            os.read(wakes, 4096)
        except BlockingIOError:
            pass


_notifier = _Notifier()
