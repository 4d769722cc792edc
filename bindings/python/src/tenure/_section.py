"""Sections under a lock object: each has a lease of its own, and its end releases this lease and no other.

`with` ends a block by the `__exit__` that it looked up at the beginning. So each look-up makes an Exit, and the entry that
follows puts its lease there: the end of a block has that lease, whatever else enters or leaves meanwhile, in any order,
thread or task. `with` has the only reference to the Exit, which therefore goes with the block, also where the exception of
a signal's handler keeps the end from being called; the turn of the entry is then over."""

from __future__ import annotations

import threading
import weakref
from functools import partial
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Callable, Generic, Optional, TypeVar

from ._ending import BLOCK, Call, Finish, Raised, c_first, failure_in_section, loss_in_block
from ._errors import Deadlock, Held, Timeout, named
from ._grant import Grant, LeaseHandle
from ._native import ClientHandle, Local
from ._options import Options
from ._session import session_of

AnyLease = TypeVar("AnyLease", bound=Grant)


class Exit(partial[Any]):
    """Ends one entry: releases the lease, before any Python, and then ends the turn."""

    entry: Entry
    lease: Any
    # The scope that cancels the block at a loss; None without one.
    scope: Any = None

    @classmethod
    def of(cls, end: Call, wait: object, entry: Entry, lease: Grant) -> Exit:
        """The Exit of `entry`, with the lease that the entry is to acquire."""
        place = lease._handle
        exit = cls(end, place.pointer, wait, place.releases, entry)
        exit.entry, exit.lease = entry, lease
        return exit


class Entry:
    """One entry into a lock object, in line with the others. Its Exit has the lease."""

    __slots__ = ("_exit", "is_inside", "is_over", "kept", "over", "sections", "wake", "who")

    def __init__(self, sections: Sections[Any]) -> None:
        # Set until the entry stands in line. (Later a reference cycle, and those are collected late.)
        self.sections: Optional[Sections[Any]] = sections
        self._exit: Callable[[], Optional[Exit]] = lambda: None
        # The thread or task of the entry.
        self.who: object = None
        # The Kept that holds the entry, if no block does.
        self.kept: Callable[[], Optional[Kept]] = lambda: None
        self.is_inside = False
        self.is_over = False
        # What the next in line waits for, and the function that ends that wait.
        self.over: Any = None
        self.wake: Callable[[object], object] = lambda _: None

    def stand(self, who: object, exit: Exit, over: Any, wake: Callable[[object], object]) -> None:
        """Puts the entry in line: its turn is over when it is left, at the latest when its Exit is collected."""
        self.sections, self.who, self.over, self.wake = None, who, over, wake
        self._exit = weakref.ref(exit, wake)

    def exit(self) -> Optional[Exit]:
        """The Exit; None once the entry has ended."""
        return None if self.is_over else self._exit()

    def ended_by(self) -> Optional[Exit]:
        """The Exit, also after the end; None once collected."""
        return self._exit()


class Line:
    """The entries into one lock object that have not ended, in order of arrival."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def join(self, entry: Entry) -> None:
        """Appends an entry; drops ended ones."""
        for other in self._entries[:]:
            if other.exit() is None:
                self._discard(other)
        self._entries.append(entry)

    def ahead(self, entry: Entry) -> list[Entry]:
        """The entries before `entry` that have not ended, the first one first."""
        entries = self._entries[:]
        ahead = entries[: entries.index(entry)]
        for other in ahead:
            if other.exit() is None:
                self._discard(other)
        return [other for other in ahead if other.exit() is not None]

    def inside(self) -> list[Exit]:
        """The Exits of the entries with a lease, the newest first."""
        exits = [entry.exit() for entry in reversed(self._entries[:]) if entry.is_inside]
        return [exit for exit in exits if exit is not None]

    def _discard(self, entry: Entry) -> None:
        try:
            self._entries.remove(entry)
        except ValueError:
            # Another thread has removed the entry.
            pass


class Kept(dict[object, list[Call]]):
    """The entries without a block, by thread or task: release() ends them, the last of each list first.

    The bottom of each list is a function for a release() without an entry of its own."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def __missing__(self, who: object) -> list[Call]:
        return [partial(self._end_another, who)]

    def keep(self, exit: Exit) -> None:
        """Keeps an Exit until release() takes it."""
        exit.entry.kept = weakref.ref(self)
        who = exit.entry.who
        if who not in self:
            self[who] = [partial(_end_another, weakref.ref(self), who)]
        own = self[who]
        # Lost entries go on top, so that release() ends them first, and no lease that is in use.
        lost = [at for at, other in enumerate(own) if isinstance(other, Exit) and not other.lease.remaining()]
        own.insert(lost[0] if lost else len(own), exit)

    def forget(self, exit: Exit) -> None:
        """Drops an Exit that has ended, or never began."""
        who = exit.entry.who
        own = self.get(who, [])
        if exit in own:
            own.remove(exit)
        if len(own) == 1:
            del self[who]

    def newest(self, who: object) -> Call:
        """Takes the newest Exit of `who`, else the bottom function."""
        return self[who].pop()

    def releasing(self, me: Callable[[], object]) -> Call:
        """A function that ends the newest entry of its caller. Its steps are C, so that no signal's handler comes between
        taking an Exit and calling it: endless iterators, where one step of the last is one step of each."""
        mine = map(self.__getitem__, iter(me, self))
        newest = map(list.pop, mine)
        ends = map(methodcaller("__call__", RELEASE, None, None), newest)
        return partial(next, ends)

    def _end_another(self, who: object, *raised: Any) -> Any:
        """Without a kept entry `who` ends a block of its own, else an entry that another thread or task keeps: a lost one if
        there is one, so that no lease in use is released."""
        inside = self._line.inside()
        blocks = [exit for exit in inside if exit.entry.who is who]
        others = [exit for exit in inside if exit.entry.kept() is self]
        lost = [exit for exit in others if not exit.lease.remaining()]
        candidates = blocks + lost + others
        if not candidates:
            raise RuntimeError(NOT_ACQUIRED)
        return candidates[0](*raised)


def _end_another(kept: Callable[[], Optional[Kept]], who: object, *raised: Any) -> Any:
    """The bottom of a list; drops the list, now empty."""
    self = kept()
    assert self is not None, "called by what is gone"
    if not self.get(who):
        self.pop(who, None)
    return self._end_another(who, *raised)


class Late:
    """The `__exit__` of a look-up in the class; the entry that follows sets the Exit of its object."""

    __slots__ = ("__weakref__", "exit")

    def __init__(self) -> None:
        self.exit: Optional[Exit] = None

    def __call__(self, sections: Sections[Any], *raised: Any) -> Any:
        return (self.exit or sections.newest())(*raised)


class Leaving:
    """The descriptor behind `__exit__`: each look-up makes an Exit, for the entry that follows in this thread."""

    def __init__(self) -> None:
        self._looked_up = _LookedUp()

    def __get__(self, sections: Optional[Sections[Any]], kind: object = None) -> Call:
        made = Late() if sections is None else sections.new_exit()
        exits = self._looked_up.exits
        while exits and exits[-1]() is None:
            del exits[-1]
        exits.append(weakref.ref(made))
        return made

    def of_block(self, sections: Sections[Any]) -> Optional[Exit]:
        """The Exit that was looked up for the block that begins here; None without a look-up."""
        exits = self._looked_up.exits
        for at in range(len(exits) - 1, -1, -1):
            made = exits[at]()
            if made is None:
                del exits[at]
            elif isinstance(made, Late) and made.exit is None:
                del exits[at]
                made.exit = sections.new_exit()
                return made.exit
            elif isinstance(made, Exit) and made.entry.sections is sections:
                del exits[at]
                return made
        return None


class _LookedUp(threading.local):
    """The looked-up Exits of this thread, the newest last."""

    def __init__(self) -> None:
        self.exits: list[Callable[[], Any]] = []


class Sections(Local, Generic[AnyLease]):
    """The common part of a blocking and an asyncio lock object."""

    def __init__(
        self,
        client: ClientHandle,
        name: str,
        timeout: Optional[float],
        options: Options,
        me: Callable[[], object],
    ) -> None:
        self._client = client
        self._name = name
        self._timeout = timeout
        self._options = options
        # Returns the calling thread or task.
        self._me = me
        self._line = Line()
        self._kept = Kept(self._line)
        if not TYPE_CHECKING:
            self.release = self._kept.releasing(me)

    @property
    def name(self) -> str:
        """The name of the lock."""
        return self._name

    @property
    def lease(self) -> Optional[AnyLease]:
        """The newest lease of the calling thread or task: a lost one stays visible to its section, whatever follows. Without
        one the newest lease of all; None while this object is not acquired."""
        inside = self._line.inside()
        try:
            me = self._me()
        except RuntimeError:
            # No loop is running.
            me = None
        own = [exit for exit in inside if exit.entry.who is me]
        return (own or inside)[0].lease if inside else None

    def locked(self) -> bool:
        """Whether this object is acquired and not released. The lease may be lost all the same."""
        return bool(self._line.inside())

    def new_exit(self) -> Exit:
        """The Exit of a coming entry."""
        raise NotImplementedError

    def newest(self) -> Call:
        """Takes the newest kept Exit of the calling thread or task, else the bottom function."""
        return self._kept.newest(self._me())

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.Lock {self._name!r}, {self.lease or 'not acquired'}>"

    def check_wait(
        self, entry: Entry, ahead: list[Entry], timeout: Optional[float], is_block: bool
    ) -> None:
        """Raises Deadlock for a wait that would be for ever. (Another thread may release an entry of acquire().)"""
        if not ahead or timeout == 0:
            return
        # In a forked child the threads ahead need not exist.
        session_of(self._client)
        own = [other for other in ahead if other.who is entry.who]
        if (is_block and own) or (timeout is None and any(other.kept() is None for other in own)):
            raise named(self._name, Deadlock(f"{self._name!r} {_OWN_WAIT}"))

    def local_timeout(self, timeout: Optional[float]) -> Timeout:
        """The Timeout of a wait for other entries of this object."""
        said = f"{self._name!r} was not granted within {timeout} s: it is in use through this lock object"
        return named(self._name, Timeout(said))


def timeout_of(held: Held) -> Timeout:
    """The Timeout of a block with a timeout of 0, for a Held."""
    return named(held.name, Timeout(str(held)))


def end_of_section(finish: Finish) -> Call:
    """The C function of an Exit, called with the lease, the wait, the releases, the entry and the arguments of `__exit__`."""

    def after(status: int, *arguments: Any) -> Any:
        _pointer, _wait, _releases, entry, kind, raised, trace = arguments
        if entry.sections is not None:
            # No entry followed the look-up: ends the newest kept entry.
            return entry.sections.newest()(kind, raised, trace)
        return finish(_end(status, entry, kind, raised))

    return c_first("tenure_release", after, BLOCK)


def end_of_scope(finish: Finish) -> Call:
    """As end_of_section(), for a block that a loss may cancel: its scope, if begun, decides on the exception."""

    def after(status: int, *arguments: Any) -> Any:
        _pointer, _wait, _releases, entry, kind, raised, trace = arguments
        if entry.sections is not None:
            return entry.sections.newest()(kind, raised, trace)
        failed = _end(status, entry, kind, raised)
        exit = entry.ended_by()
        scope = None if exit is None else exit.scope
        return finish(failed) if scope is None else scope.left(failed, raised)

    return c_first("tenure_release", after, BLOCK)


def _end(status: int, entry: Entry, kind: object, raised: Raised) -> Optional[BaseException]:
    """Ends the turn of an entry whose lease was just released; returns the exception, None if all went well."""
    exit = None
    try:
        exit = entry.exit()
        if exit is None:
            return None if raised else RuntimeError(NOT_ACQUIRED)
        lease: LeaseHandle = exit.lease._handle
        if kind is not RELEASE:
            return loss_in_block(status, lease, raised)
        return failure_in_section(status, lease)
    finally:
        # Inline: the first line of a function might not be reached.
        entry.is_over = True
        entry.wake(None)
        kept = entry.kept()
        if kept is not None and exit is not None:
            kept.forget(exit)


_OWN_WAIT = (
    "is held already by the thread or task that waits for it here, through this very lock object: it would wait for "
    "itself. With an owner (client.lock(..., owner=7)) it is entered again"
)
NOT_ACQUIRED = "release of a tenure lock that is not acquired"
# The first argument of an Exit called by release(), in place of an exception type.
RELEASE = object()
