"""A connection to a cluster, and the session in it."""

from __future__ import annotations

import ctypes
import enum
from ctypes import byref, c_char_p, c_size_t, c_void_p, cast, sizeof
from dataclasses import dataclass
from types import TracebackType
from typing import Optional, Union

from . import _native
from ._convert import option_ms, optional_text, text, token as checked_token, unsigned, wait_ms
from ._errors import Closed, Lost, NotFound
from ._lease import Lease
from ._lock import Lock
from ._native import Handle, check, library, opened
from ._wait import until_decided

Value = Union[bytes, bytearray]


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


@dataclass(frozen=True)
class Holder:
    """Who holds a lock; `since` is the wall clock of the server that led then, in seconds since 1970."""

    token: int
    client: str
    value: bytes
    since: float


def connect(
    endpoints: Optional[str] = None,
    *,
    ttl: Optional[float] = None,
    name: Optional[str] = None,
    connect_timeout: Optional[float] = None,
    request_timeout: Optional[float] = None,
    background: bool = False,
) -> Client:
    """Connects to the cluster of which `endpoints` ("host:port,host:port") are nodes.

    Without endpoints: TENURE_ENDPOINTS, else 127.0.0.1:7401, 7402 and 7403. `ttl` (10 s) is how long the
    leases outlive this process. Raises Unavailable, which says which nodes were tried and why each failed."""
    options = client_options(ttl, name, connect_timeout, request_timeout, background)
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
    ) -> Lock:
        """The lock `name`, not yet acquired: for `with`, or with the habits of threading.Lock.

        `timeout` is how long `with` and acquire() wait, in seconds; None: for ever."""
        text(name, "name")
        wait_ms(timeout)
        return Lock(self, name, timeout, value=value, owner=owner)

    def acquire(
        self,
        name: str,
        timeout: Optional[float] = None,
        *,
        value: Value = b"",
        owner: int = 0,
    ) -> Lease:
        """Acquires the lock `name`. Ctrl-C works at once, and withdraws the request.

        `value` (at most 4 KiB) is shown to whoever asks who holds it. Raises Timeout; Held if `timeout` is 0
        and somebody has it."""
        copy = bytes(value)
        options = _native.AcquireOptions(
            struct_size=sizeof(_native.AcquireOptions),
            value=cast(c_char_p(copy), c_void_p),
            value_len=len(copy),
            owner=unsigned(owner, "owner"),
        )
        encoded = text(name, "name")
        start = library.tenure_acquire_start
        pointer = opened(start, self._handle.pointer, encoded, wait_ms(timeout), byref(options))
        pending = Handle(pointer, library.tenure_pending_free)
        try:
            fd = library.tenure_pending_fd(pointer)
            take = library.tenure_pending_take
            return Lease(until_decided(fd, lambda: opened(take, pointer, 0)))
        finally:
            # Withdraws it if a signal's exception cut the wait short.
            pending.free()

    def holder_of(self, name: str) -> Optional[Holder]:
        """Who holds `name` at some instant during the call; None if nobody does."""
        try:
            pointer = opened(library.tenure_holder_of, self._handle.pointer, text(name, "name"))
        except NotFound:
            return None
        handle = Handle(pointer, library.tenure_holder_free)
        length = c_size_t()
        value = library.tenure_holder_value(handle.pointer, byref(length))
        return Holder(
            token=library.tenure_holder_token(handle.pointer),
            client=library.tenure_holder_client(handle.pointer).decode("utf-8", "replace"),
            value=ctypes.string_at(value, length.value) if length.value else b"",
            since=library.tenure_holder_since_unix_ms(handle.pointer) / 1000,
        )

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
