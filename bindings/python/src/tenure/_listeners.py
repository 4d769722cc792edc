"""Listeners of the loss of a lease, or of the changes of a session."""

from __future__ import annotations

import inspect
import logging
import os
import threading
from contextlib import AbstractContextManager
from typing import Any, Callable, Optional, TypeVar

Listener = TypeVar("Listener", bound=Callable[..., object])


class Listeners:
    """The listeners of one lease or client, in the order of their addition. The watch exists while there are listeners."""

    __slots__ = ("_changing", "_listeners", "_process", "_stop")

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        """Starts empty; again in a forked child, since the parent calls its own listeners."""
        self._changing = threading.RLock()
        self._listeners: list[Callable[..., object]] = []
        self._stop: Optional[Callable[[], None]] = None
        self._process = os.getpid()

    def _lock(self) -> AbstractContextManager[bool]:
        if self._process != os.getpid():
            self._begin()
        return self._changing

    def add(self, listener: Listener, watch: Callable[[], Callable[[], None]]) -> Listener:
        """Adds a listener, once. `watch` begins the watch for the first one, and returns a function that ends the watch."""
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
        """Removes a listener; a call in progress goes on. An unknown listener is harmless."""
        with self._lock():
            if listener in self._listeners:
                self._listeners.remove(listener)
            if not self._listeners:
                self.end()

    def end(self) -> list[Callable[..., object]]:
        """Ends the watch; removes and returns all listeners."""
        with self._lock():
            listeners, self._listeners = self._listeners, []
            stop, self._stop = self._stop, None
        if stop:
            stop()
        return listeners

    def call(self, told: Any) -> None:
        """Calls each listener with `told`."""
        call_each(self._listeners[:], told)


def call_each(listeners: list[Callable[..., object]], told: Any) -> None:
    """Calls each listener; the exception of one is logged, and the others are still called."""
    for listener in listeners:
        try:
            listener(told)
        except KeyboardInterrupt:
            # On the loop of the main thread Ctrl-C is meant for the program.
            raise
        except BaseException:
            # SystemExit, too, which would end a thread or loop that is not the listener's.
            logger.exception("a listener of tenure failed, %r: %r", listener, told)


logger = logging.getLogger("tenure.listeners")
