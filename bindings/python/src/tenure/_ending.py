"""Releasing leases and closing clients so that no signal's handler comes in between.

Python runs the handler of a signal between two bytecodes, and an exception of the handler ends the running function: a
method written in Python may be over before its first line. So every release is C to the interpreter: the library's
function first, then, as ctypes' `errcheck`, the Python that reports the outcome. By the calling conventions of Linux the
library does not see the arguments behind its own; these are for the Python part."""

from __future__ import annotations

from collections import defaultdict
from ctypes import CFUNCTYPE, c_int32, c_int64, c_void_p, py_object
from functools import partial
from operator import methodcaller
from typing import Any, Callable, Optional

from ._convert import wait_ms
from ._errors import Closed, Error, Invalid, Lost, Timeout, Unknown, error_of, named
from ._grant import LeaseHandle, loss, unheard_loss
from ._library import library
from ._native import PATIENCE_MS, ClientHandle, raise_it, status_text
from ._reason import Reason

# A function that is C to the interpreter.
Call = Callable[..., Any]
# Ends a call with its exception or None: raise_it or await_it.
Finish = Callable[[Optional[BaseException]], Any]
Raised = Optional[BaseException]


class Looked(property):
    """A property for `__enter__` and `__exit__`; also callable in the class, where ExitStack looks them up."""

    def __call__(self, instance: object, *arguments: object) -> Any:
        assert self.fget is not None, "a property without a getter"
        return self.fget(instance)(*arguments)


# An `__enter__` in C that returns its object: next() of an empty iterator returns its default, the object.
itself = Looked(partial(partial, next, iter(())))


async def await_it(failed: Optional[BaseException]) -> None:
    """Raises `failed` when awaited, unless None."""
    try:
        raise_it(failed)
    finally:
        del failed


def c_first(
    function: str, after: Call, kinds: tuple[Any, ...], flags: Optional[tuple[Any, ...]] = None
) -> Call:
    """Calls `function` of the library with arguments of these kinds, then `after` with the status and the arguments; the
    result of `after` is that of the call."""
    prototype = CFUNCTYPE(c_int32, *kinds)
    made = prototype((function, library), flags) if flags else prototype((function, library))
    made.errcheck = lambda status, _function, arguments: after(status, *arguments)
    return made


class Counted:
    """A list as an argument of c_first(): grows by one entry before each call."""

    from_param = staticmethod(methodcaller("append", None))


class Seconds:
    """A wait in seconds as an argument of c_first(): looked up in a table, since a conversion would be Python.

    For an unknown wait the table gives one that the library refuses before it does anything; then the wait is
    converted, and the library called again."""

    _NEW = -2
    # Bounds the table for a program that computes its waits.
    _KNOWN_AT_MOST = 1000
    known: defaultdict[Optional[float], c_int64] = defaultdict(partial(c_int64, _NEW))
    from_param = staticmethod(known.__getitem__)

    @classmethod
    def is_new(cls, status: int, timeout: Optional[float]) -> bool:
        """Whether a call was refused because `timeout` was unknown; adds `timeout` to the table then."""
        if status != Invalid.status or cls.known[timeout].value != cls._NEW:
            return False
        cls.learn(timeout)
        return True

    @classmethod
    def learn(cls, timeout: Optional[float]) -> None:
        """Adds `timeout` to the table; raises Invalid if it is no wait."""
        if len(cls.known) > cls._KNOWN_AT_MOST:
            for old in list(cls.known)[len(_USUAL) :]:
                cls.known.pop(old, None)
        try:
            cls.known[timeout] = c_int64(wait_ms(timeout))
        except BaseException:
            cls.known.pop(timeout, None)
            raise


def failure_in_section(status: int, lease: LeaseHandle) -> Optional[Error]:
    """The exception at the end of a section, whose lease may have been released in its middle; None: all went well."""
    return failure(status, lease) if len(lease.releases) == 1 else loss(lease)


def failure(status: int, lease: LeaseHandle) -> Optional[Error]:
    """The exception of a first release with this status; None: all went well."""
    if not status:
        return None
    if status == Lost.status:
        return unheard_loss(lease)
    if lease.reason() not in (Reason.NONE, Reason.RELEASED):
        return loss(lease)
    said = _LATE if status in _LATE_FOR else status_text(status)
    return named(lease.name, error_of(status, f"{lease.name!r}: {said}"))


def loss_in_block(status: int, lease: LeaseHandle, raised: Raised) -> Optional[Error]:
    """The exception at the end of a block: a Lost if the lease had ended before, unless an exception is in flight. A silent
    server is no error here, since the lease has ended locally."""
    failed = failure_in_section(status, lease)
    if status in _LATE_FOR:
        # While the servers are silent only the first block of a stack waits.
        lease.client.patience.value = 0
    return failed if raised is None and isinstance(failed, Lost) else None


def _after_close(
    status: int, pointer: c_void_p, timeout: Optional[float], client: ClientHandle
) -> None:
    if Seconds.is_new(status, timeout):
        _close(pointer, timeout, client)
    else:
        raise_it(_failure_to_close(status))


def _after_client(status: int, *arguments: Any) -> None:
    _pointer, _wait, _client, _kind, raised, _trace = arguments
    raise_it(None if raised else _failure_to_close(status))


def _failure_to_close(status: int) -> Optional[Error]:
    if status in (0, Closed.status):
        return None
    late = "no leader has answered that in time: the client is closed, and the ttl of its session frees its locks"
    return error_of(status, late if status in _LATE_FOR else status_text(status))


def _after_release(
    status: int, pointer: c_void_p, timeout: Optional[float], releases: list[None], lease: LeaseHandle
) -> None:
    if Seconds.is_new(status, timeout):
        releases.pop()
        _release(pointer, timeout, releases, lease)
    else:
        raise_it(_failure_to_release(status, lease))


def _failure_to_release(status: int, lease: LeaseHandle) -> Optional[Error]:
    is_second = len(lease.releases) > 1 and lease.reason() == Reason.RELEASED
    del lease.releases[2:]
    # A second release finds no lease, which is no loss.
    return None if is_second else failure(status, lease)


def _leave(finish: Finish) -> Call:
    def after(status: int, *arguments: Any) -> Any:
        _pointer, _wait, _releases, lease, _kind, raised, _trace = arguments
        return finish(loss_in_block(status, lease, raised))

    return c_first("tenure_release", after, BLOCK)


_LATE_FOR = (Timeout.status, Unknown.status)
_LATE = "it is given back here, and no server has said yet that it knows; that goes on in the background"
# The three arguments of `__exit__`.
_SAID = (py_object, py_object, py_object)
# At the end of a block: the lease, the wait, the releases, the argument of the Python part, those of `__exit__`.
BLOCK = (c_void_p, c_int64, Counted, py_object, *_SAID)

_release = c_first(
    "tenure_release",
    _after_release,
    (c_void_p, Seconds, Counted, py_object),
    ((1, "pointer"), (1, "timeout", 5.0), (1, "releases"), (1, "lease")),
)
_release_soon = c_first(
    "tenure_release",
    lambda status, _pointer, _wait, _, lease: await_it(_failure_to_release(status, lease)),
    (c_void_p, c_int64, Counted, py_object),
)
_leave_at_once, _leave_soon = _leave(raise_it), _leave(await_it)
_close = c_first(
    "tenure_client_close",
    _after_close,
    (c_void_p, Seconds, py_object),
    ((1, "pointer"), (1, "timeout", 5.0), (1, "client")),
)
_leave_client = c_first(
    "tenure_client_close", _after_client, (c_void_p, c_int64, py_object, *_SAID)
)

# In the table from the start, and never dropped.
_USUAL = (None, 0, 5.0)
for _each in _USUAL:
    Seconds.learn(_each)


def releasing(lease: LeaseHandle) -> Call:
    """The release() of a lease, with the seconds to wait for the server's answer."""
    return partial(_release, lease.pointer, releases=lease.releases, lease=lease)


def leaving(lease: LeaseHandle) -> Call:
    """The `__exit__` of a lease."""
    return partial(_leave_at_once, lease.pointer, lease.client.patience, lease.releases, lease)


def releasing_soon(lease: LeaseHandle) -> Call:
    """The release() of a lease on asyncio: does not wait for the server."""
    return partial(_release_soon, lease.pointer, 0, lease.releases, lease)


def leaving_soon(lease: LeaseHandle) -> Call:
    """The `__aexit__` of a lease."""
    return partial(_leave_soon, lease.pointer, 0, lease.releases, lease)


def closing(client: ClientHandle) -> Call:
    """The close() of a client, with the seconds to wait for the server's answer."""
    return partial(_close, client.pointer, client=client)


def leaving_client(client: ClientHandle) -> Call:
    """The `__exit__` of a client."""
    return partial(_leave_client, client.pointer, PATIENCE_MS, client)
