"""The common part of a blocking and an asyncio lease: local knowledge, without asking a server."""

from __future__ import annotations

from ctypes import byref, c_int32, c_int64, c_size_t, c_void_p, create_string_buffer
from dataclasses import dataclass
from typing import Optional

from ._errors import Forked, Lost, NotFound, loss_of
from ._library import library
from ._listeners import Listeners
from ._native import ClientHandle, Handle, Local, check, descriptor
from ._reason import Reason

_ASKED = 2
_ENDED = 3
# The largest reason, as the header says.
_REASON_SIZE = 256


@dataclass(frozen=True)
class Order:
    """An order to end a lease within `grace` seconds after the holder heard of the order; `reason` is for people."""

    grace: float
    reason: str


class LeaseHandle(Handle):
    """The place for a lease. Keeps the client alive: collecting a client ends its leases."""

    __slots__ = ("_listeners", "client", "name", "releases")

    def __init__(self, client: ClientHandle, name: str) -> None:
        super().__init__(library.tenure_lease_free)
        self.client = client
        self.name = name
        # One entry per release by the program, a release in progress included.
        self.releases: list[None] = []
        self._listeners: Optional[Listeners] = None

    @property
    def listeners(self) -> Listeners:
        """Listeners of the loss, made on first use."""
        if self._listeners is None:
            self._listeners = Listeners()
        return self._listeners

    def reason(self) -> Reason:
        """Why the lease ended; NONE before its end."""
        return Reason(_state(self.pointer)[1])


class Grant(Local):
    """The local state of a granted lock."""

    __slots__ = ("_handle",)

    def __init__(self, handle: LeaseHandle) -> None:
        self._handle = handle

    @property
    def name(self) -> str:
        """The name of the lock; of several the first."""
        return self._handle.name

    @property
    def token(self) -> int:
        """The fencing token, also after the end: send the token with every write, and with the read before, to a resource that
        refuses smaller ones (examples/fence.py)."""
        token: int = library.tenure_lease_token(self._handle.pointer)
        return token

    def remaining(self) -> float:
        """How many seconds the lease may still be believed in; 0.0 is final. Local and cheap."""
        return remaining(self._handle)

    @property
    def asked(self) -> bool:
        """Held, and asked to end: remaining() is the time left. Finish, then release."""
        return is_asked(self._handle)

    @property
    def order(self) -> Optional[Order]:
        """The order to end, also after the end; of several the one that leaves the least time. None: no order, or the lock was
        taken while this client could not be reached. A grace of 0.0: the lock was taken at once."""
        return _order(self._handle.pointer)

    @property
    def reason(self) -> Reason:
        """Why the lease ended; NONE before its end."""
        return self._handle.reason()

    def fileno(self) -> int:
        """Readable once the lease is lost or asked to end, for select and poll. Borrowed: never read or close it."""
        return descriptor(library.tenure_lease_fd(self._handle.pointer))

    def __repr__(self) -> str:
        left = self.remaining()
        state = f"{left:.1f} s left" if left else f"lost: {self.reason}"
        return f"<{type(self).__module__}.Lease {self.name!r} token {self.token}, {state}>"


def remaining(lease: Handle) -> float:
    """How many seconds a lease may still be believed in."""
    nanoseconds: int = library.tenure_lease_remaining_ns(lease.pointer)
    return nanoseconds / 1e9


def is_asked(lease: Handle) -> bool:
    """Whether a lease is held and asked to end."""
    return _state(lease.pointer)[0] == _ASKED


def loss(lease: LeaseHandle) -> Lost:
    """The exception for the loss of an ended lease."""
    reason = lease.reason()
    order = _order(lease.pointer) if reason == Reason.BROKEN else None
    return loss_of(lease.name, reason, repr(order.reason) if order and order.reason else "")


def unheard_loss(lease: LeaseHandle) -> Lost:
    """As loss(), for a release that found the lease ended at the server: BROKEN, unless another end is known here."""
    return loss(lease) if lease.reason() != Reason.RELEASED else loss_of(lease.name, Reason.BROKEN)


def _order(lease: c_void_p) -> Optional[Order]:
    grace, reason, size = c_int64(), create_string_buffer(_REASON_SIZE), c_size_t(_REASON_SIZE)
    try:
        check(library.tenure_lease_asked, lease, byref(grace), reason, byref(size))
    except (NotFound, Forked):
        return None
    return Order(grace=grace.value / 1000, reason=reason.value.decode("utf-8", "replace"))


def _state(lease: c_void_p) -> tuple[int, int]:
    state, reason = c_int32(), c_int32()
    try:
        check(library.tenure_lease_state, lease, byref(state), byref(reason))
    except Forked:
        # The handle belongs to the parent process; here the lease counts as ended.
        return _ENDED, Reason.FORKED
    return state.value, reason.value
