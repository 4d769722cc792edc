"""The library's log as records of Python's logging.

The library's threads never run Python: they would wait for the interpreter, and an object that is collected in a callback
could not be freed, since the library takes no calls from there. So the lines wait in a queue of the library, which a
thread of Python's or the program reads."""

from __future__ import annotations

import atexit
import logging
import os
import select
import sys
import threading
import traceback
from ctypes import byref, c_size_t, create_string_buffer
from types import TracebackType
from typing import Optional, Union

from ._abi import LogFunction
from ._errors import Again, Closed, Error
from ._library import library
from ._log import Said, level_number
from ._native import Local, check, descriptor

# By the library's numbers. There is no name for less than DEBUG in logging.
LEVELS = {1: logging.ERROR, 2: logging.WARNING, 3: logging.INFO, 4: logging.DEBUG, 5: 5}
# The largest line, as the header says.
_LINE_BYTES = 9216
# Lines of one drain(), so that a fast-growing log does not keep a loop busy.
_DRAINED_AT_MOST = 1000
# How many seconds an end waits for a handler that does not return.
_PATIENCE = 5.0


def logging_bridge(level: Union[str, int, None] = None, *, thread: bool = True) -> LoggingBridge:
    """Sends the library's log to logging instead of stderr, for the life of the program or of a `with`. The loggers have the
    names of the parts of Tenure: tenure.client, tenure.node, tenure.raft.

    `level` is "error" to "trace", or a level of logging; None: the present level of the logger "tenure". A thread passes
    the lines to logging; with `thread=False` the program does, by drain() whenever fileno() is readable. Tenure never
    waits for that. Raises Limit if no descriptor is left."""
    return LoggingBridge(level, thread)


class LoggingBridge(Local):
    """Passes the library's log to logging; made by logging_bridge(). With several bridges each line still comes once."""

    def __init__(self, level: Union[str, int, None], thread: bool) -> None:
        self._level = _number(level)
        self._has_thread = thread
        _log.open(self)

    def fileno(self) -> int:
        """Readable while drain() has something. Borrowed: never read or close it. After a fork ask again."""
        return descriptor(library.tenure_log_fd()) if _log.has(self) else _closed()

    def drain(self) -> int:
        """Passes queued lines to logging, and returns their number, at most a thousand. Waits for handlers alone."""
        return _log.drain()

    def close(self) -> None:
        """Passes the queued lines to logging and ends the bridge. Without a bridge the log goes to stderr, at the level of
        log_level(). Idempotent."""
        _log.close(self)

    def __enter__(self) -> LoggingBridge:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()


class _Log:
    """The log of this process, and its bridges."""

    def __init__(self) -> None:
        self.bridges: list[LoggingBridge] = []
        self.reader: Optional[_Reader] = None
        self.is_watched = False
        self.begin()

    def begin(self) -> None:
        """Makes the locks; again in a forked child, where a thread of the parent may have held the former ones."""
        self.changing = threading.RLock()
        # One drain at a time, so that lines stay in order; reentrant, for a handler that calls drain() or close().
        self.draining = threading.RLock()

    def has(self, bridge: LoggingBridge) -> bool:
        return bridge in self.bridges

    def open(self, bridge: LoggingBridge) -> None:
        with self.changing:
            self.bridges.append(bridge)
            try:
                self._read_queue()
            except BaseException:
                self.bridges.remove(bridge)
                raise
            if not self.is_watched:
                self.is_watched = True
                atexit.register(self.end)
                os.register_at_fork(after_in_child=self.go_on_in_child)

    def close(self, bridge: LoggingBridge) -> None:
        with self.changing:
            if bridge not in self.bridges:
                return
            self.bridges.remove(bridge)
            reader = None if any(each._has_thread for each in self.bridges) else self.reader
            if reader:
                self.reader = None
            if self.bridges:
                self._set_level()
            else:
                check(library.tenure_log_to, LogFunction(), None, Said.level)
        # Unlocked, since a handler may be about to open or close a bridge.
        if reader is None or reader.end():
            while self.drain():
                pass

    def end(self) -> None:
        """Closes all bridges before the interpreter ends; later lines go to stderr."""
        for bridge in self.bridges[:]:
            self.close(bridge)

    def go_on_in_child(self) -> None:
        """Starts over in a forked child, which has neither the threads nor the queue of its parent."""
        self.begin()
        if self.reader:
            self.reader.forget()
            self.reader = None
        if self.bridges:
            try:
                self._read_queue()
            except (Error, RuntimeError):
                # No descriptor or no thread is left: the log goes to stderr.
                check(library.tenure_log_to, LogFunction(), None, Said.level)

    def _read_queue(self) -> None:
        fd = descriptor(library.tenure_log_fd())
        self._set_level()
        if self.reader is None and any(bridge._has_thread for bridge in self.bridges):
            self.reader = _Reader(fd)

    def _set_level(self) -> None:
        check(library.tenure_log_level, max(bridge._level for bridge in self.bridges))

    def drain(self) -> int:
        with self.draining:
            for count in range(_DRAINED_AT_MOST):
                line = _next_line()
                if line is None:
                    return count
                _give(line)
        return _DRAINED_AT_MOST


class _Reader:
    """A thread that passes lines to logging as they come."""

    def __init__(self, fd: int) -> None:
        self._is_over = self._is_alone = False
        self._news = select.poll()
        self._news.register(fd, select.POLLIN)
        self._wakes, self._wake = os.pipe()
        self._news.register(self._wakes, select.POLLIN)
        self._thread = threading.Thread(target=self._run, name="tenure-logging", daemon=True)
        try:
            self._thread.start()
        except BaseException:
            self.forget()
            raise

    def _run(self) -> None:
        while not self._is_over:
            self._news.poll()
            try:
                _log.drain()
            except BaseException:
                # Such as SystemExit, of a handler.
                _complain()
        if self._is_alone:
            self.forget()

    def end(self) -> bool:
        """Ends the thread; False if it hangs in a handler. Called by a handler, on the thread itself, does not wait."""
        if self._thread is threading.current_thread():
            self._is_over = self._is_alone = True
            return True
        self._is_over = True
        os.write(self._wake, b"\0")
        self._thread.join(_PATIENCE)
        if self._thread.is_alive():
            return False
        self.forget()
        return True

    def forget(self) -> None:
        """Closes the descriptors of the pipe."""
        os.close(self._wakes)
        os.close(self._wake)


def _next_line() -> Optional[str]:
    line, size = create_string_buffer(_LINE_BYTES), c_size_t(_LINE_BYTES)
    try:
        check(library.tenure_log_read, line, byref(size))
    except Again:
        return None
    return line.value.decode("utf-8", "replace")


def _give(line: str) -> None:
    number, unix_ms, part, text = line.split(" ", 3)
    logger = logging.getLogger(f"tenure.{part}")
    level = LEVELS.get(int(number), logging.DEBUG)
    if not logger.isEnabledFor(level):
        return
    record = logger.makeRecord(logger.name, level, "(tenure)", 0, text, (), None)
    said = int(unix_ms) / 1000
    # The time of logging, not of reading.
    record.relativeCreated -= (record.created - said) * 1000
    record.created, record.msecs = said, int(unix_ms) % 1000
    try:
        logger.handle(record)
    except Exception:
        # Raised by a filter; logging itself handles what handlers raise.
        _complain()


def _complain() -> None:
    """Prints the exception on stderr, as logging does for a failed handler."""
    if logging.raiseExceptions and sys.stderr:
        traceback.print_exc()


def _number(level: Union[str, int, None]) -> int:
    if isinstance(level, str):
        return level_number({"warning": "warn"}.get(level.lower(), level.lower()))
    least = logging.getLogger("tenure").getEffectiveLevel() if level is None else level
    return max((number for number, each in LEVELS.items() if each >= least), default=0)


def _closed() -> int:
    raise Closed("this bridge to logging was closed")


_log = _Log()
