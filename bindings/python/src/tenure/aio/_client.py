"""A client on the running loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from types import TracebackType
from typing import Callable, Literal, Optional, TypeVar, Union, cast, overload

from .. import _operate, _orders
from .._client import open_client
from .._convert import Value, text, wait_ms
from .._described import (
    AccessDescription,
    ClientDescription,
    ClusterDescription,
    ConditionDescription,
    Description,
    LocksDescription,
    MembersDescription,
    SessionDescription,
)
from .._errors import Again, Closed, Unavailable
from .._grant import LeaseHandle
from .._holder import Holder, observe
from .._library import library
from .._native import ClientHandle, Local, check
from .._options import Options
from .._reader import Readers
from .._requests import first_of, start_acquire, start_acquire_all
from .._session import Session, SessionState, client_options, next_change, session_of
from .._tls import TLS, Path
from .._wait import Deadline
from .._watch import SessionWatch
from ._access import Access
from ._cork import Cork
from ._election import Election
from ._lease import Lease
from ._listening import watch_on_loop
from ._lock import Lock
from ._members import Members
from ._observer import Observer
from ._requests import acquire, in_executor
from ._wait import until_decided

SessionListener = TypeVar("SessionListener", bound=Callable[[Session], object])

_CONNECT_TIMEOUT = 5.0


async def connect(
    endpoints: Optional[str] = None,
    *,
    ttl: Optional[float] = None,
    name: Optional[str] = None,
    connect_timeout: float = _CONNECT_TIMEOUT,
    request_timeout: Optional[float] = None,
    progress: Optional[float] = None,
    cluster_id: Optional[str] = None,
    tls: Union[TLS, Literal[False], None] = None,
    credential: Optional[Path] = None,
) -> Client:
    """Connects to a cluster; the options are those of tenure.connect().

    Raises Unavailable if there is no session after `connect_timeout` seconds. Cancelling the task leaves nothing
    behind."""
    options = client_options(ttl, name, connect_timeout, request_timeout, progress, True, cluster_id, tls, credential)
    client = Client(ClientHandle())
    open_client(client._handle, endpoints, options)
    deadline = Deadline(connect_timeout)
    try:
        while True:
            session = await client.next(deadline.left())
            condition = cast(ConditionDescription, _orders.describe(client._handle, "condition", None))
            if session is None:
                raise Unavailable(f"no session within {connect_timeout} s: {condition['state_text']}")
            if session.state == SessionState.VALID:
                return client
            if condition["state"] == "mixed_clusters":
                raise Unavailable(str(condition["state_text"]))
    except BaseException:
        client._handle.free()
        raise


class Client(Local):
    """A session in a cluster; made by connect()."""

    def __init__(self, handle: ClientHandle) -> None:
        self._handle = handle
        self._readers = Readers("the changes of this client's session")

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
        cancel_on_loss: bool = False,
    ) -> Lock:
        """The lock `name`, not yet acquired: for `async with`. The options are those of tenure.Client.lock().

        With `cancel_on_loss` a block is cancelled when its lease is lost, as by asyncio.timeout(): inside it gets
        CancelledError, and what comes out is Lost; but if others have cancelled its task as well, CancelledError."""
        text(name, "name")
        wait_ms(timeout)
        options = Options(shared, limit, permits, owner, delay, value)
        return Lock(self._handle, name, timeout, options, cancel_on_loss)

    async def acquire(
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
        """Acquires the lock `name`. Cancelling the task withdraws the request.

        Raises Timeout; Held if `timeout` is 0 and somebody has it; Deadlock, which says who waits for whom."""
        options = Options(shared, limit, permits, owner, delay, value)
        lease = Lease(LeaseHandle(self._handle, name))
        start = partial(start_acquire, self._handle, name, timeout, options)
        await acquire(lease._handle, start, timeout)
        return lease

    async def acquire_all(
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
        """Acquires all of `names` (1 to 32) in one step, under one lease and token: all or nothing, queued as one."""
        options = Options(shared, limit, permits, owner, delay, value)
        lease = Lease(LeaseHandle(self._handle, first_of(names)))
        start = partial(start_acquire_all, self._handle, names, timeout, options)
        await acquire(lease._handle, start, timeout)
        return lease

    def election(self, name: str) -> Election:
        """The election `name`."""
        text(name, "name")
        return Election(self._handle, name)

    def observe(self, name: str) -> Observer:
        """An observer of the holder of `name`, a lock or an election."""
        return Observer(observe(self._handle, name))

    async def holder_of(self, name: str) -> Optional[Holder]:
        """The holder of `name` at some instant during the call; None if there is none."""
        return await in_executor(lambda: _orders.holder_of(self._handle, name))

    async def validate(self, name: str, token: int) -> bool:
        """Whether `token` holds `name` now, at the server."""
        return await in_executor(lambda: _orders.validate(self._handle, name, token))

    async def break_(
        self, name: str, grace: Optional[float] = None, *, token: int = 0, reason: str = ""
    ) -> None:
        """Takes `name` from whoever holds it; see tenure.Client.break_()."""
        await in_executor(lambda: _orders.break_(self._handle, name, grace, token, reason))

    async def handover(
        self, name: str, to: Optional[str] = None, *, grace: Optional[float] = None, reason: str = ""
    ) -> None:
        """Hands `name` to one who waits for it; see tenure.Client.handover(). A cancelled task withdraws nothing."""
        await in_executor(lambda: _operate.handover(self._handle, name, to, grace, reason))

    @property
    def members(self) -> Members:
        """The members of the cluster: add, promote, demote, remove and move nodes."""
        return Members(self._handle)

    @property
    def access(self) -> Access:
        """The access rules and credentials of the cluster."""
        return Access(self._handle)

    async def move_leader(self, to: int = 0, timeout: Optional[float] = None) -> None:
        """Makes the node `to` the leader, or (0) the one with most of the log; see tenure.Client.move_leader()."""
        wait_ms(timeout)
        await in_executor(lambda: _operate.move_leader(self._handle, to, timeout))

    async def save_snapshot(self, path: _operate.Path) -> None:
        """Writes the state to the file `path`; see tenure.Client.save_snapshot()."""
        await in_executor(lambda: _operate.save_snapshot(self._handle, path))

    @overload
    async def describe(
        self, what: Literal["locks", "lock"] = "locks", name: Optional[str] = None
    ) -> LocksDescription: ...

    @overload
    async def describe(
        self, what: Literal["session"], name: Optional[str] = None
    ) -> SessionDescription: ...

    @overload
    async def describe(
        self, what: Literal["cluster"], name: Optional[str] = None
    ) -> ClusterDescription: ...

    @overload
    async def describe(
        self, what: Literal["members"], name: Optional[str] = None
    ) -> MembersDescription: ...

    @overload
    async def describe(
        self, what: Literal["access"], name: Optional[str] = None
    ) -> AccessDescription: ...

    @overload
    async def describe(
        self, what: Literal["condition"], name: Optional[str] = None
    ) -> ConditionDescription: ...

    @overload
    async def describe(
        self, what: Literal["client"], name: Optional[str] = None
    ) -> ClientDescription: ...

    @overload
    async def describe(self, what: str, name: Optional[str] = None) -> Description: ...

    async def describe(self, what: str = "locks", name: Optional[str] = None) -> Description:
        """The state of locks, sessions, members, rules or the client itself; see tenure.Client.describe()."""
        return await in_executor(lambda: _orders.describe(self._handle, what, name))

    def session(self) -> Session:
        """The session as this client knows it; no server is asked."""
        return session_of(self._handle)

    async def next(self, timeout: Optional[float] = None) -> Optional[Session]:
        """The session at its next change of state; None if `timeout` seconds pass before. One reader at a time.

        Raises Closed once the client is closed and all is read, Invalid while another task reads."""
        wait_ms(timeout)
        pointer, descriptor_of = self._handle.pointer, library.tenure_client_fd
        try:
            return await self._readers.alone_here(
                lambda: until_decided(
                    lambda: int(descriptor_of(pointer)), lambda: next_change(self._handle), timeout
                )
            )
        except Again:
            return None

    async def events(self) -> AsyncIterator[Session]:
        """The session at each change of its state, until the client is closed. One reader at a time."""
        while True:
            try:
                session = await self.next()
            except Closed:
                return
            assert session is not None, "an end of a wait that has none"
            yield session

    def add_listener(self, listener: SessionListener) -> SessionListener:
        """Calls `listener(session)` on the running loop at each change of the session's state, unread earlier changes
        included. Exceptions of listeners are logged.

        Listeners are the one reader while there are any: next() and events() raise Invalid; add_listener() raises Invalid
        while another task is in those. The present state is session()."""
        session_of(self._handle)
        watch = partial(SessionWatch, self._handle, self._readers)
        return self._handle.listeners.add(listener, lambda: watch_on_loop(watch()))

    def remove_listener(self, listener: Callable[[Session], object]) -> None:
        """Ends the calls of `listener`; an unknown one is ignored."""
        self._handle.listeners.remove(listener)

    def cork(self) -> Cork:
        """A block for `with` in which the acquires and releases of this loop's tasks leave together, in fewer packets and
        system calls: all those of one pass of the loop, 64 calls at most, and after 5 ms in any case.

            with client.cork():
                leases = await asyncio.gather(*(client.acquire(name) for name in names))

        At the end of the block all have left. A release ends the lease at once, corked or not."""
        return Cork(self._handle)

    def progress(self) -> None:
        """Reports that the program makes progress: see `progress` of tenure.connect()."""
        check(library.tenure_client_progress, self._handle.pointer)

    async def close(self, timeout: Optional[float] = 5.0) -> None:
        """Ends the session and all its leases; tasks that wait in it raise Closed. A second close does nothing."""
        await in_executor(lambda: _orders.close(self._handle, timeout))

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        await self.close()
