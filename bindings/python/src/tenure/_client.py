"""A connection to a cluster, and its session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ctypes import byref
from functools import partial
from operator import attrgetter
from types import TracebackType
from typing import TYPE_CHECKING, Callable, Literal, Optional, TypeVar, Union, overload

from . import _operate, _orders
from ._abi import ClientOptions
from ._access import Access
from ._convert import Value, optional_text, text, wait_ms
from ._cork import Cork
from ._described import (
    AccessDescription,
    ClientDescription,
    ClusterDescription,
    ConditionDescription,
    Description,
    LocksDescription,
    MembersDescription,
    SessionDescription,
)
from ._election import Election
from ._ending import Looked, closing, itself, leaving_client
from ._errors import Again, Closed
from ._grant import LeaseHandle
from ._holder import Holder, Observer, observe
from ._lease import Lease
from ._library import library
from ._lock import Lock
from ._members import Members
from ._native import ClientHandle, Local, check, descriptor, fill
from ._notifier import watch_on_thread
from ._options import Options
from ._reader import Readers
from ._requests import acquire, first_of, start_acquire, start_acquire_all
from ._session import Session, client_options, next_change, session_of
from ._tls import TLS, Path
from ._wait import until_decided
from ._watch import SessionWatch

SessionListener = TypeVar("SessionListener", bound=Callable[[Session], object])


def connect(
    endpoints: Optional[str] = None,
    *,
    ttl: Optional[float] = None,
    name: Optional[str] = None,
    connect_timeout: Optional[float] = None,
    request_timeout: Optional[float] = None,
    progress: Optional[float] = None,
    background: bool = False,
    cluster_id: Optional[str] = None,
    tls: Union[TLS, Literal[False], None] = None,
    credential: Optional[Path] = None,
) -> Client:
    """Connects to the cluster of which `endpoints` ("host:port,host:port") are nodes.

    Without endpoints: TENURE_ENDPOINTS, else 127.0.0.1:7401, 7402 and 7403. `ttl` (10 s) is how long the
    leases outlive this process, `name` (host:pid) is shown to others. With `progress` the session is renewed only while
    Client.progress() is called at least once in so many seconds. `background`: return at once, and connect meanwhile.
    `cluster_id` pins the expected cluster: its id as `tenure status` shows it, or at least the first eight hex
    digits; nodes of other clusters are passed over. None: the environment's TENURE_CLUSTER_ID, else no pin; "": no pin.
    With `tls` nodes are reached over TLS alone. None: the environment's TENURE_CA, TENURE_CERT, TENURE_KEY and TENURE_VERIFY
    count, else nothing is encrypted; False: nothing is encrypted, whatever the environment says. `credential`: a file with a
    credential (`tenure access credential create`), for a client without certificate; `tls` then has the authority alone.
    Raises Unavailable after `connect_timeout` (5 s), with the nodes that were tried and why each failed; at once if the
    nodes are of several clusters, with the id that each node gave."""
    options = client_options(ttl, name, connect_timeout, request_timeout, progress, background, cluster_id, tls, credential)
    client = Client(ClientHandle())
    open_client(client._handle, endpoints, options)
    return client


def open_client(place: ClientHandle, endpoints: Optional[str], options: ClientOptions) -> None:
    """Opens a client of `endpoints` into `place`."""
    encoded = optional_text(endpoints, "list of endpoints")
    fill(place, library.tenure_client_open, (encoded, byref(options)))


class Client(Local):
    """A session in a cluster; made by connect(). Thread-safe."""

    def __init__(self, handle: ClientHandle) -> None:
        self._handle = handle
        self._readers = Readers("the changes of this client's session")
        # Not methods, since methods run Python bytecode first: see _ending.
        self._leave = leaving_client(handle)
        if not TYPE_CHECKING:
            self.close = closing(handle)

    def lock(
        self,
        name: str,
        timeout: Optional[float] = None,
        *,
        shared: bool = False,
        limit: int = 0,
        permits: int = 1,
        owner: int = 0,
        delay: float = 0.0,
        value: Value = b"",
    ) -> Lock:
        """The lock `name`, not yet acquired: for `with`, or as a threading.Lock.

        `timeout` is how long `with` and acquire() wait, in seconds; None: for ever. `shared`: as one of many readers.
        `limit`: a semaphore of that size, of which `permits` are taken. Acquires of one `owner` other than 0 are reentrant
        in this client. `delay`: how many seconds the lock stays taken after an expiry of the lease. `value` (at most
        4 KiB) is shown to observers of the lock."""
        text(name, "name")
        wait_ms(timeout)
        options = Options(shared, limit, permits, owner, delay, value)
        return Lock(self._handle, name, timeout, options)

    def acquire(
        self,
        name: str,
        timeout: Optional[float] = None,
        *,
        shared: bool = False,
        limit: int = 0,
        permits: int = 1,
        owner: int = 0,
        delay: float = 0.0,
        value: Value = b"",
    ) -> Lease:
        """Acquires the lock `name`; for the options see lock(). Ctrl-C works at once, and withdraws the request.

        Raises Timeout; Held if `timeout` is 0 and the lock is taken; Deadlock, which says who waits for whom."""
        options = Options(shared, limit, permits, owner, delay, value)
        lease = Lease(LeaseHandle(self._handle, name))
        acquire(lease._handle, partial(start_acquire, self._handle, name, timeout, options), timeout)
        return lease

    def acquire_all(
        self,
        names: Sequence[str],
        timeout: Optional[float] = None,
        *,
        shared: bool = False,
        limit: int = 0,
        permits: int = 1,
        owner: int = 0,
        delay: float = 0.0,
        value: Value = b"",
    ) -> Lease:
        """Acquires all of `names` (1 to 32) in one step, under one lease and token: all or nothing, queued as one.

        The options hold for each of them; see lock()."""
        options = Options(shared, limit, permits, owner, delay, value)
        lease = Lease(LeaseHandle(self._handle, first_of(names)))
        start = partial(start_acquire_all, self._handle, names, timeout, options)
        acquire(lease._handle, start, timeout)
        return lease

    def election(self, name: str) -> Election:
        """The election `name`, not yet campaigned for."""
        text(name, "name")
        return Election(self._handle, name)

    def observe(self, name: str) -> Observer:
        """Follows the holder of `name`, any lock or election."""
        return Observer(observe(self._handle, name))

    def holder_of(self, name: str) -> Optional[Holder]:
        """The holder of `name` at some instant during the call; None if there is none."""
        return _orders.holder_of(self._handle, name)

    def validate(self, name: str, token: int) -> bool:
        """Asks the server whether `token` holds `name` now."""
        return _orders.validate(self._handle, name, token)

    def break_(
        self, name: str, grace: Optional[float] = None, *, token: int = 0, reason: str = ""
    ) -> None:
        """Takes `name` from the holder with this `token` (0: from all holders).

        A holder is asked to end and may go on for `grace` seconds (None: for its session's ttl); with 0 the lock is free
        at once, and only tokens protect. Raises NotFound if there is no such holder."""
        _orders.break_(self._handle, name, grace, token, reason)

    def handover(
        self, name: str, to: Optional[str] = None, *, grace: Optional[float] = None, reason: str = ""
    ) -> None:
        """Asks the holder of `name` to end, and hands the lock to the first waiter whose client is called `to`; None: to the
        next in the queue. Nobody else gets the lock between. Returns once it has passed, at once if `to` holds it already.

        The holder may go on for `grace` seconds (None: for its session's ttl). Raises NotFound if there is no holder or no
        such waiter: the holder was not asked; Timeout if the holder was asked, and has not ended yet. Ctrl-C works at
        once, and withdraws nothing."""
        _operate.interruptible(lambda: _operate.handover(self._handle, name, to, grace, reason))

    @property
    def members(self) -> Members:
        """The members of the cluster: add, promote, demote, remove and move nodes."""
        return Members(self._handle)

    @property
    def access(self) -> Access:
        """The rules and credentials of the cluster."""
        return Access(self._handle)

    def move_leader(self, to: int = 0, timeout: Optional[float] = None) -> None:
        """Moves leadership to the voter `to`, or, if that is 0, to the one with the longest log. No session is lost. Idempotent.

        Once leadership is given up, waits at most `timeout` seconds for the next leader: Timeout if there is none yet.
        Unavailable: nothing was done, or another node than `to` leads. Invalid: `to` has no vote, or no other node has."""
        wait_ms(timeout)
        _operate.interruptible(lambda: _operate.move_leader(self._handle, to, timeout))

    def save_snapshot(self, path: _operate.Path) -> None:
        """Writes the state of the cluster, with every earlier grant, to the file `path`: whole and durable, or not at all.

        The file has the names and values of all locks, and is readable by its owner alone. restore_snapshot() begins a new
        cluster with the file. Raises Io if it cannot be written."""
        _operate.interruptible(lambda: _operate.save_snapshot(self._handle, path))

    @overload
    def describe(
        self, what: Literal["locks", "lock"] = "locks", name: Optional[str] = None
    ) -> LocksDescription: ...

    @overload
    def describe(self, what: Literal["session"], name: Optional[str] = None) -> SessionDescription: ...

    @overload
    def describe(self, what: Literal["cluster"], name: Optional[str] = None) -> ClusterDescription: ...

    @overload
    def describe(self, what: Literal["members"], name: Optional[str] = None) -> MembersDescription: ...

    @overload
    def describe(self, what: Literal["access"], name: Optional[str] = None) -> AccessDescription: ...

    @overload
    def describe(self, what: Literal["condition"], name: Optional[str] = None) -> ConditionDescription: ...

    @overload
    def describe(self, what: Literal["client"], name: Optional[str] = None) -> ClientDescription: ...

    @overload
    def describe(self, what: str, name: Optional[str] = None) -> Description: ...

    def describe(self, what: str = "locks", name: Optional[str] = None) -> Description:
        """The state as `tenure … --json` prints it: dicts and lists, typed by `what`.

        `what` is "locks" (all whose names begin with `name`), "lock" (the one called `name`, in a list that is empty if
        it has no holder and no waiter), "session" (the one whose id is `name` in digits; None: this client's), "cluster",
        "members", "access" (rules and credentials), "condition" (why this client has no session, and what keeps its
        cluster from granting), or "client" (this client's counters)."""
        return _orders.describe(self._handle, what, name)

    def session(self) -> Session:
        """The session as known here; no server is asked."""
        return session_of(self._handle)

    def next(self, timeout: Optional[float] = None) -> Optional[Session]:
        """The session at its next change of state; None if `timeout` seconds pass before. One reader at a time.

        Raises Closed once the client is closed and all is read, Invalid while another thread reads."""
        wait_ms(timeout)
        try:
            return self._readers.alone(
                lambda: until_decided(self._fd, lambda: next_change(self._handle), timeout)
            )
        except Again:
            return None

    def events(self) -> Iterator[Session]:
        """The session at each change of its state, until the client is closed. One reader at a time."""
        while True:
            try:
                session = self.next()
            except Closed:
                return
            assert session is not None, "an end of a wait that has none"
            yield session

    def add_listener(self, listener: SessionListener) -> SessionListener:
        """Calls `listener(session)` at each change of the session's state, unread earlier changes included, on the one listener
        thread of the process. Exceptions of a listener are logged.

        Listeners are the one reader: next() and events() raise Invalid while there are listeners, and add_listener() while
        another thread is in these. session() has the present state."""
        session_of(self._handle)
        watch = partial(SessionWatch, self._handle, self._readers)
        return self._handle.listeners.add(listener, lambda: watch_on_thread(watch()))

    def remove_listener(self, listener: Callable[[Session], object]) -> None:
        """Removes a listener; a call in progress goes on. An unknown listener is harmless."""
        self._handle.listeners.remove(listener)

    def fileno(self) -> int:
        """Readable while next() has something. Borrowed: never read or close it."""
        return descriptor(self._fd())

    def cork(self) -> Cork:
        """For `with`: collects this thread's releases with a timeout of 0 and sends them together, in fewer packets and system
        calls: at the end of the block, or earlier once 64 calls are collected, 5 ms have passed, or any thread waits for
        anything of this client. A release still ends the lease at once. (For many acquires at once use tenure.aio,
        whose cork collects these, too.)"""
        return Cork(self._handle)

    def progress(self) -> None:
        """A sign of life, for `progress` of connect()."""
        check(library.tenure_client_progress, self._handle.pointer)

    if TYPE_CHECKING:

        def close(self, timeout: Optional[float] = 5.0) -> None:
            """Ends the session and all its leases; waiting calls raise Closed. Idempotent.

            Raises Timeout if no server answered within `timeout` seconds; the ttl then frees the locks."""

        def __enter__(self) -> Client: ...

        def __exit__(
            self,
            kind: Optional[type[BaseException]],
            error: Optional[BaseException],
            trace: Optional[TracebackType],
        ) -> None: ...

    else:
        __enter__ = itself
        __exit__ = Looked(attrgetter("_leave"))

    def _fd(self) -> int:
        fd: int = library.tenure_client_fd(self._handle.pointer)
        return fd
