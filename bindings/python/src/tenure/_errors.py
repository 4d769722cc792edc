"""One exception per status of the C interface."""

from __future__ import annotations

from typing import ClassVar, Optional, TypeVar

from ._reason import SENTENCES, Reason
from ._rule import Rule

AnyError = TypeVar("AnyError", bound="Error")


class Error(Exception):
    """A failed call to Tenure; the text says what happened and what to do.

    `name` is the lock or election of the call, of several the first; None if the call was about none."""

    status: ClassVar[int] = 0
    name: Optional[str] = None


class Timeout(Error, TimeoutError):
    """The wait was over before the lock was granted; the request is withdrawn."""

    status = 1


class Held(Error):
    """A try found the lock taken; `by` is the client that holds it, None if unknown."""

    status = 2
    by: Optional[str] = None


class Lost(Error):
    """The lease had ended, for `reason`: the last work under it may not have been protected."""

    status = 3
    reason: Reason = Reason.NONE


class Cancelled(Error):
    """The wait was cancelled."""

    status = 4


class Deadlock(Error):
    """Waiting would close a cycle of waiters."""

    status = 5


class SessionExpired(Error):
    """The session ended while the call waited in it; the next call opens a new one."""

    status = 6


class NotFound(Error, LookupError):
    """No such name, holder, member or rule. `still`, of Access.deny() alone: another rule that allows some of the rights."""

    status = 7
    still: Optional[Rule] = None


class Again(Error):
    """Not decided yet."""

    status = 8


class Unavailable(Error, ConnectionError):
    """Surely not done, say because no leader could be reached; the text says why."""

    status = 20


class Busy(Error):
    """Refused for load."""

    status = 21


class Unknown(Error):
    """Sent and not answered: the request may have been done."""

    status = 22


class Invalid(Error, ValueError):
    """An argument is not valid."""

    status = 40


class Denied(Error, PermissionError):
    """Not allowed: the text says who lacks which right, and for which name. Waits and observers also fail so when their right is
    taken away; leases stay."""

    status = 41


class Limit(Error):
    """A limit was reached."""

    status = 42


class Closed(Error):
    """The client or node was closed."""

    status = 43


class Forked(Error):
    """The object belongs to the parent process: after fork open a new one."""

    status = 44


class Unsupported(Error, NotImplementedError):
    """This version does not support the call."""

    status = 45


class TooSmall(Error):
    """A buffer is too small."""

    status = 46


class Io(Error, OSError):
    """Reading or writing failed."""

    status = 60


class Corrupt(Error):
    """Stored data is damaged."""

    status = 61


class Internal(Error):
    """A bug in Tenure; please report it."""

    status = 62


BY_STATUS: dict[int, type[Error]] = {error.status: error for error in Error.__subclasses__()}


def error_of(status: int, text: str, reason: int = 0) -> Error:
    """The exception of a status; a plain Error for a status of a newer library. `reason`: why a lease was lost."""
    error = BY_STATUS.get(status, Error)(text)
    if isinstance(error, Lost) and reason in Reason.__members__.values():
        error.reason = Reason(reason)
    return error


def named(name: Optional[str], error: AnyError) -> AnyError:
    """Sets the name of the lock; returns the same error."""
    error.name = name
    return error


def loss_of(name: str, reason: Reason, why: str = "") -> Lost:
    """The loss of `name`; `why` is the reason given for taking the lock."""
    said = f" ({why})" if why else ""
    lost = Lost(f"{name!r} {SENTENCES[reason]}{said}; what was done last under it may not have been protected")
    lost.name, lost.reason = name, reason
    return lost
