"""The reason of a lease's end, as a word and as a sentence."""

from __future__ import annotations

import enum


class Worded(enum.IntEnum):
    """A number of the library, shown as a word. (IntEnum shows the number.)"""

    def __str__(self) -> str:
        return self.name.lower().replace("_", " ")

    def __format__(self, spec: str) -> str:
        return format(int(self) if spec[-1:] in _AS_NUMBER else str(self), spec)


# The types of format() that only numbers have.
_AS_NUMBER = tuple("bcdoxXneEfFgG%")


class Reason(Worded):
    """Why a lease ended."""

    NONE = 0
    RELEASED = 1
    EXPIRED = 2
    SESSION_CLOSED = 3
    BROKEN = 4
    TRANSFERRED = 5
    STALLED = 6
    FORKED = 7


# Sentences about a lost lease; the name of the lock precedes them.
SENTENCES = {
    Reason.NONE: "was lost",
    Reason.RELEASED: "was released before",
    Reason.EXPIRED: "expired: its session could not be renewed within its ttl",
    Reason.SESSION_CLOSED: "ended with its client, which was closed",
    Reason.BROKEN: "was broken: an operator, or another program, took it",
    Reason.TRANSFERRED: "was handed over to another client",
    Reason.STALLED: "ended since the program did not call Client.progress() in time",
    Reason.FORKED: "belongs to the parent of this process: here it has ended with the fork",
}
