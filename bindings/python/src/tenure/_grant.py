"""What a blocking and an asyncio lease have in common: all that is known here, without asking a server."""

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
# What the header says that a reason takes at most.
_REASON_SIZE = 256


@dataclass(frozen=True)
class Order:
    """What the holder of a lease was asked: to end within `grace` seconds from when it heard of it, and why."""

    grace: float
    reason: str


class LeaseHandle(Handle):
    """The place for a lease. Its client lives at least as long: a client that is collected ends its leases."""

    __slots__ = ("_listeners", "client", "name", "releases")

    def __init__(self, client: ClientHandle, name: str) -> None:
        super().__init__(library.tenure_lease_free)
        self.client = client
        self.name = name
        # One for each time that its program gave it back, the one that is under way included.
        self.releases: list[None] = []
        self._listeners: Optional[Listeners] = None

    @property
    def listeners(self) -> Listeners:
        """For its loss. Few leases have any."""
        if self._listeners is None:
            self._listeners = Listeners()
        return self._listeners

    def reason(self) -> Reason:
        """Why it ended; NONE before."""
        return Reason(_state(self.pointer)[1])


class Grant(Local):
    """A lock that was granted."""

    __slots__ = ("_handle",)

    def __init__(self, handle: LeaseHandle) -> None:
        self._handle = handle

    @property
    def name(self) -> str:
        """What is held; of several the first."""
        return self._handle.name

    @property
    def token(self) -> int:
        """The fencing token: send it with every write, and with the read before it, to a resource that refuses smaller
        ones (examples/fence.py). It stays readable."""
        token: int = library.tenure_lease_token(self._handle.pointer)
        return token

    def remaining(self) -> float:
        """For how many seconds it may still be believed in; 0.0 means never again. Local, and cheap."""
        return remaining(self._handle)

    @property
    def asked(self) -> bool:
        """Whether somebody wants it back: remaining() says how soon it ends. Finish, then release it."""
        return is_asked(self._handle)

    @property
    def order(self) -> Optional[Order]:
        """What it was asked, also after its end; None if it was not asked, or was taken while nothing could be told.

        Of several orders it is the one that leaves the least time; with a grace of 0.0 it was taken at once."""
        return _order(self._handle.pointer)

    @property
    def reason(self) -> Reason:
        """Why it ended; NONE before."""
        return self._handle.reason()

    def fileno(self) -> int:
        """Readable once it is lost, or asked to end, for select and poll. Borrowed: never read or close it."""
        return descriptor(library.tenure_lease_fd(self._handle.pointer))

    def __repr__(self) -> str:
        left = self.remaining()
        state = f"{left:.1f} s left" if left else f"lost: {self.reason}"
        return f"<{type(self).__module__}.Lease {self.name!r} token {self.token}, {state}>"


def remaining(lease: Handle) -> float:
    """Seconds that a lease may still be believed in."""
    nanoseconds: int = library.tenure_lease_remaining_ns(lease.pointer)
    return nanoseconds / 1e9


def is_asked(lease: Handle) -> bool:
    """Whether a lease was asked to end, and has not."""
    return _state(lease.pointer)[0] == _ASKED


def loss(lease: LeaseHandle) -> Lost:
    """How a lease was lost, that is no more."""
    reason = lease.reason()
    order = _order(lease.pointer) if reason == Reason.BROKEN else None
    return loss_of(lease.name, reason, repr(order.reason) if order and order.reason else "")


def unheard_loss(lease: LeaseHandle) -> Lost:
    """How a lease was lost of which the server said, when it was given back, that it had been taken before."""
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
        # It belongs to the parent; here it is as good as ended.
        return _ENDED, Reason.FORKED
    return state.value, reason.value
