"""A connection to a cluster, and the session in it."""

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
    leases outlive this process, `name` (host:pid) is what people see. With `progress` the session is renewed only while
    Client.progress() is called at least once in so many seconds. `background`: return at once, and connect meanwhile.
    `cluster_id` pins the expected cluster: its id as `tenure status` shows it, or at least the first eight hex
    digits; nodes of any other are passed over. None: the environment's TENURE_CLUSTER_ID, else no pin; "": no pin.
    With `tls` nodes are reached over TLS alone. None: the environment's TENURE_CA, TENURE_CERT, TENURE_KEY and TENURE_VERIFY
    count, else nothing is encrypted; False: nothing is encrypted, whatever they say. `credential`: a file with a credential
    (`tenure access credential create`), for a client without certificate; `tls` then has the authority of the nodes alone.
    Raises Unavailable after `connect_timeout` (5 s); it says which nodes were tried and why each failed, and at once if
    they are of several clusters: with their ids, and who said which."""
    options = client_options(ttl, name, connect_timeout, request_timeout, progress, background, cluster_id, tls, credential)
    client = Client(ClientHandle())
    open_client(client._handle, endpoints, options)
    return client


def open_client(place: ClientHandle, endpoints: Optional[str], options: ClientOptions) -> None:
    """Opens a client of these endpoints, in this place."""
    encoded = optional_text(endpoints, "list of endpoints")
    fill(place, library.tenure_client_open, (encoded, byref(options)))


class Client(Local):
    """A session in a cluster; made by connect(). Thread-safe."""

    def __init__(self, handle: ClientHandle) -> None:
        self._handle = handle
        self._readers = Readers("the changes of this client's session")
        # Not methods, since those are Python: see _ending.
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
        """The lock `name`, not yet acquired: for `with`, or with the habits of threading.Lock.

        `timeout` is how long `with` and acquire() wait, in seconds; None: for ever. `shared`: as one of many readers.
        `limit`: a semaphore of that size, of which `permits` are taken. Acquires of one `owner` other than 0 are reentrant
        in this client. `delay`: after an expiry of the lease the lock stays taken for so many seconds. `value`
        (at most 4 KiB) is what readers and observers of the lock see."""
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

        Raises Timeout; Held if `timeout` is 0 and somebody has it; Deadlock, which says who waits for whom."""
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
        """The election `name`."""
        text(name, "name")
        return Election(self._handle, name)

    def observe(self, name: str) -> Observer:
        """Follows who holds `name`, any lock or election."""
        return Observer(observe(self._handle, name))

    def holder_of(self, name: str) -> Optional[Holder]:
        """Who holds `name` at some instant during the call; None if nobody does."""
        return _orders.holder_of(self._handle, name)

    def validate(self, name: str, token: int) -> bool:
        """Whether `token` holds `name` now, at the server."""
        return _orders.validate(self._handle, name, token)

    def break_(
        self, name: str, grace: Optional[float] = None, *, token: int = 0, reason: str = ""
    ) -> None:
        """Takes `name` from the holder with this `token` (0: from all holders).

        A holder may go on for `grace` seconds (None: for its session's ttl) and sees that it is asked; with 0 the lock
        is free at once, and only tokens protect. Raises NotFound if nobody holds it, or not under that token."""
        _orders.break_(self._handle, name, grace, token, reason)

    def handover(
        self, name: str, to: Optional[str] = None, *, grace: Optional[float] = None, reason: str = ""
    ) -> None:
        """Asks the holder of `name` to end, and hands the lock to the first waiter whose client is called `to`; None: to the
        next in the queue. Nobody else gets it between. Returns once it has happened, or at once if `to` has it.

        The holder may go on for `grace` seconds (None: for its session's ttl) and sees that it is asked. Raises NotFound if
        nobody holds it, or nobody of that name waits: the holder was not asked; Timeout if it was asked, and has not ended
        yet. Ctrl-C works at once, and withdraws nothing."""
        _operate.interruptible(lambda: _operate.handover(self._handle, name, to, grace, reason))

    @property
    def members(self) -> Members:
        """The members of the cluster: add, promote, demote, remove and move nodes."""
        return Members(self._handle)

    @property
    def access(self) -> Access:
        """Who may what: rules and credentials."""
        return Access(self._handle)

    def move_leader(self, to: int = 0, timeout: Optional[float] = None) -> None:
        """Has the node `to` lead, or the one with most of the log (0). No session is lost; if `to` leads already it is done.

        Once leadership is given up it waits at most `timeout` seconds for the next leader: Timeout if there is none yet.
        Unavailable if nothing was done, or another node leads than `to`; Invalid if `to` has no vote, or nobody else has."""
        wait_ms(timeout)
        _operate.interruptible(lambda: _operate.move_leader(self._handle, to, timeout))

    def save_snapshot(self, path: _operate.Path) -> None:
        """Writes the state of all that was granted before to the file `path`, which appears whole, and durable, or not at all.

        It holds the names and values of all locks: only its owner can read it. restore_snapshot() begins a new cluster with
        it. Raises Io if it cannot be written."""
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
        """What there is, as `tenure … --json` has it: dicts and lists, which are typed by what was asked.

        `what` is "locks" (all whose names begin with `name`), "lock" (the one called `name`, in a list that is empty if
        nobody holds it or waits for it), "session" (the one whose id is `name` in digits; None: this client's),
        "cluster", "members", "access": who may what, "condition": why this client has no session, and what keeps its cluster from granting, or
        "client": what this client has counted of itself."""
        return _orders.describe(self._handle, what, name)

    def session(self) -> Session:
        """The session as known here: nothing is asked of a server."""
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
        """Calls `listener(session)` at each change of the session's state, those included that nobody has read yet; on a
        thread for all listeners of the process, which begins with the first. What it raises is logged.

        While there are listeners they are the one reader: next() and events() raise Invalid; so does this while another
        thread is in them. What the state is now session() says."""
        session_of(self._handle)
        watch = partial(SessionWatch, self._handle, self._readers)
        return self._handle.listeners.add(listener, lambda: watch_on_thread(watch()))

    def remove_listener(self, listener: Callable[[Session], object]) -> None:
        """It is not called any more, though it may be running. Who is none is harmless."""
        self._handle.listeners.remove(listener)

    def fileno(self) -> int:
        """Readable while next() has something. Borrowed: never read or close it."""
        return descriptor(self._fd())

    def cork(self) -> Cork:
        """For `with`: what this thread releases in the block with a timeout of 0 leaves together, in fewer packets and system
        calls. All of it has left at the end of the block, and before that as soon as 64 calls have come together, 5 ms have
        passed, or any thread waits for anything of this client, which every call that waits does. A release ends
        the lease at once, as ever. (To have many acquires under way use tenure.aio, whose cork is for them, too.)"""
        return Cork(self._handle)

    def progress(self) -> None:
        """Says that the program still moves: see `progress` of connect()."""
        check(library.tenure_client_progress, self._handle.pointer)

    if TYPE_CHECKING:

        def close(self, timeout: Optional[float] = 5.0) -> None:
            """Ends the session and all its leases; calls that wait in it raise Closed. Again is harmless.

            Raises Timeout if the server does not know after `timeout` seconds; the ttl frees the locks then."""

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
