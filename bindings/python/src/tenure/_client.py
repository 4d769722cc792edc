"""A connection to a cluster, and the session in it."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from ctypes import byref, c_char_p, c_void_p, cast, sizeof
from dataclasses import dataclass
from types import TracebackType
from typing import Optional

from . import _native
from ._convert import grace_ms, option_ms, optional_text, text, token as checked_token, wait_ms
from ._election import Election
from ._errors import Closed, Lost, NotFound
from ._holder import Holder, Observer, holder_of
from ._lease import Lease
from ._lock import Lock
from ._options import Options, Value
from ._native import Handle, check, library, opened
from ._wait import until_decided

class SessionState(enum.IntEnum):
    """Where a session stands."""

    VALID = 1
    JEOPARDY = 2
    ENDED = 3


@dataclass(frozen=True)
class Session:
    """A client's session as known here."""

    state: SessionState
    id: int
    remaining: float
    ttl: float
    leases: int


def connect(
    endpoints: Optional[str] = None,
    *,
    ttl: Optional[float] = None,
    name: Optional[str] = None,
    connect_timeout: Optional[float] = None,
    request_timeout: Optional[float] = None,
    progress: Optional[float] = None,
    background: bool = False,
) -> Client:
    """Connects to the cluster of which `endpoints` ("host:port,host:port") are nodes.

    Without endpoints: TENURE_ENDPOINTS, else 127.0.0.1:7401, 7402 and 7403. `ttl` (10 s) is how long the
    leases outlive this process. With `progress` the session is renewed only while Client.progress() is called at
    least once in so many seconds. Raises Unavailable, which says which nodes were tried and why each failed."""
    options = client_options(ttl, name, connect_timeout, request_timeout, background)
    options.progress_ms = option_ms(progress, "progress")
    encoded = optional_text(endpoints, "list of endpoints")
    return Client(opened(library.tenure_client_open, encoded, byref(options)))


def client_options(
    ttl: Optional[float],
    name: Optional[str],
    connect_timeout: Optional[float],
    request_timeout: Optional[float],
    background: bool,
) -> _native.ClientOptions:
    """The C options of these."""
    return _native.ClientOptions(
        struct_size=sizeof(_native.ClientOptions),
        ttl_ms=option_ms(ttl, "ttl"),
        name=optional_text(name, "client's name"),
        connect_timeout_ms=option_ms(connect_timeout, "connect_timeout"),
        request_timeout_ms=option_ms(request_timeout, "request_timeout"),
        flags=1 if background else 0,
    )


class Client:
    """A session in a cluster; made by connect(). Thread-safe."""

    def __init__(self, pointer: int) -> None:
        self._handle = Handle(pointer, library.tenure_client_free)

    def lock(
        self,
        name: str,
        timeout: Optional[float] = None,
        *,
        value: Value = b"",
        owner: int = 0,
        shared: bool = False,
        limit: int = 0,
        permits: int = 1,
        lock_delay: float = 0.0,
    ) -> Lock:
        """The lock `name`, not yet acquired: for `with`, or with the habits of threading.Lock.

        `timeout` is how long `with` and acquire() wait, in seconds; None: for ever. For all else see acquire()."""
        text(name, "name")
        wait_ms(timeout)
        options = Options(value, owner, shared, limit, permits, lock_delay)
        return Lock(self, name, timeout, options)

    def acquire(
        self,
        name: str,
        timeout: Optional[float] = None,
        *,
        value: Value = b"",
        owner: int = 0,
        shared: bool = False,
        limit: int = 0,
        permits: int = 1,
        lock_delay: float = 0.0,
    ) -> Lease:
        """Acquires the lock `name`. Ctrl-C works at once, and withdraws the request.

        `value` (at most 4 KiB) is shown to whoever asks who holds it. An `owner` that is not 0 enters again what it
        holds in this client. `shared`: as one of many readers. `limit`: a semaphore of that size, of which `permits`
        are taken. `lock_delay`: after an expiry of the lease the lock stays taken for so many seconds. Raises Timeout;
        Held if `timeout` is 0 and somebody has it; Deadlock, which says who waits for whom."""
        options = Options(value, owner, shared, limit, permits, lock_delay)
        return self._acquire(name, timeout, options)

    def acquire_all(
        self, names: Sequence[str], timeout: Optional[float] = None, *, value: Value = b""
    ) -> Lease:
        """Acquires all of `names` in one step, under one lease and token: all or nothing, and queued as one."""
        encoded = [text(name, "name") for name in names]
        array = (c_char_p * max(1, len(encoded)))(*encoded)
        options = Options(value).to_c()
        start = library.tenure_acquire_all_start
        arguments = (self._handle.pointer, array, len(encoded), wait_ms(timeout), byref(options))
        return _taken(opened(start, *arguments))

    def election(self, name: str) -> Election:
        """The election `name`."""
        text(name, "name")
        return Election(self, name)

    def observe(self, name: str) -> Observer:
        """Follows who holds `name`, any lock or election."""
        return Observer(opened(library.tenure_observe, self._handle.pointer, text(name, "name")))

    def break_lock(
        self, name: str, grace: Optional[float] = None, *, token: int = 0, reason: str = ""
    ) -> None:
        """Takes `name` from whoever holds it under `token` (0: from all who hold it).

        A holder may go on for `grace` seconds (None: for its session's ttl) and sees that it is asked; with 0 the lock
        is free at once, and only tokens protect. Raises NotFound if nobody holds it so."""
        encoded = text(name, "name")
        named = 0 if token == 0 else checked_token(token)
        why = text(reason, "reason")
        check(library.tenure_break(self._handle.pointer, encoded, named, grace_ms(grace), why))

    def progress(self) -> None:
        """Says that the program still moves: see `progress` of connect()."""
        check(library.tenure_client_progress(self._handle.pointer))

    def holder_of(self, name: str) -> Optional[Holder]:
        """Who holds `name` at some instant during the call; None if nobody does."""
        try:
            pointer = opened(library.tenure_holder_of, self._handle.pointer, text(name, "name"))
        except NotFound:
            return None
        handle = Handle(pointer, library.tenure_holder_free)
        return holder_of(handle.pointer)

    def validate(self, name: str, token: int) -> bool:
        """Whether `token` holds `name` now, at the server."""
        validate = library.tenure_validate
        try:
            check(validate(self._handle.pointer, text(name, "name"), checked_token(token)))
        except Lost:
            return False
        return True

    def session(self) -> Session:
        """The session as known here: nothing is asked of a server."""
        info = _native.SessionInfo(struct_size=sizeof(_native.SessionInfo))
        check(library.tenure_client_session(self._handle.pointer, byref(info)))
        return Session(
            state=SessionState(info.state),
            id=info.id,
            remaining=info.remaining_ns / 1e9,
            ttl=info.ttl_ms / 1000,
            leases=info.leases,
        )

    def _acquire(self, name: str, timeout: Optional[float], options: Options) -> Lease:
        given = options.to_c()
        encoded = text(name, "name")
        start = library.tenure_acquire_start
        arguments = (self._handle.pointer, encoded, wait_ms(timeout), byref(given))
        return _taken(opened(start, *arguments))

    def _campaign(self, name: str, value: bytes, timeout: Optional[float]) -> Lease:
        encoded = text(name, "name")
        start = library.tenure_campaign_start
        copy = cast(c_char_p(value), c_void_p)
        arguments = (self._handle.pointer, encoded, wait_ms(timeout), copy, len(value))
        return _taken(opened(start, *arguments))

    def close(self, timeout: float = 5.0) -> None:
        """Ends the session and all its leases; calls that wait in it raise Closed. Again is harmless."""
        try:
            check(library.tenure_client_close(self._handle.pointer, wait_ms(timeout)))
        except Closed:
            pass

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()


def _taken(pointer: int) -> Lease:
    """The lease of a pending, waited for in Python's own poll."""
    pending = Handle(pointer, library.tenure_pending_free)
    try:
        fd = library.tenure_pending_fd(pointer)
        take = library.tenure_pending_take
        return Lease(until_decided(fd, lambda: opened(take, pointer, 0)))
    finally:
        # Withdraws it if a signal's exception cut the wait short.
        pending.free()
