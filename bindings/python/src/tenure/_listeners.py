"""Who is called when a lease is lost, or a session changes its state."""

from __future__ import annotations

import inspect
import logging
import os
import threading
from contextlib import AbstractContextManager
from typing import Any, Callable, Optional, TypeVar

Listener = TypeVar("Listener", bound=Callable[..., object])


class Listeners:
    """Those of one lease or client, in the order in which they came; what watches for them is there while they are."""

    __slots__ = ("_changing", "_listeners", "_process", "_stop")

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        """In a forked child again: its parent's listeners are called there."""
        self._changing = threading.RLock()
        self._listeners: list[Callable[..., object]] = []
        self._stop: Optional[Callable[[], None]] = None
        self._process = os.getpid()

    def _lock(self) -> AbstractContextManager[bool]:
        if self._process != os.getpid():
            self._begin()
        return self._changing

    def add(self, listener: Listener, watch: Callable[[], Callable[[], None]]) -> Listener:
        """`watch` begins to watch, and answers what ends that. Again is harmless."""
        if inspect.iscoroutinefunction(listener):
            raise TypeError("a listener is called, and not awaited: let it start a task, or set an event")
        if not callable(listener):
            raise TypeError(f"a listener is called, and a {type(listener).__name__} can not be")
        with self._lock():
            if listener in self._listeners:
                return listener
            self._listeners.append(listener)
            if self._stop is None:
                try:
                    self._stop = watch()
                except BaseException:
                    self._listeners.remove(listener)
                    raise
        return listener

    def remove(self, listener: Callable[..., object]) -> None:
        """It is not called any more, though it may be running. Who is none is harmless."""
        with self._lock():
            if listener in self._listeners:
                self._listeners.remove(listener)
            if not self._listeners:
                self.end()

    def end(self) -> list[Callable[..., object]]:
        """Ends the watch; answers who there was."""
        with self._lock():
            listeners, self._listeners = self._listeners, []
            stop, self._stop = self._stop, None
        if stop:
            stop()
        return listeners

    def call(self, told: Any) -> None:
        """Calls each."""
        call_each(self._listeners[:], told)


def call_each(listeners: list[Callable[..., object]], told: Any) -> None:
    """Calls each; what one raises is logged, and harms no other."""
    for listener in listeners:
        try:
            listener(told)
        except KeyboardInterrupt:
            # On the loop of the main thread it is nobody's but the program's.
            raise
        except BaseException:
            # SystemExit, too: it would end a thread or a loop that is not the listener's own.
            logger.exception("a listener of tenure failed, %r: %r", listener, told)


logger = logging.getLogger("tenure.listeners")
