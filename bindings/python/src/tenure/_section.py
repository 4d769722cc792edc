"""Sections under a lock object: each with a lease of its own, which its end gives back, and no other.

A block is ended by what `with` looked up as `__exit__` when it began. So each look-up makes an Exit, and the entry that
follows puts its lease there: the end of a block has that lease, whoever else entered or left meanwhile, in whatever
order, thread or task. `with` has the only reference to it: so the Exit goes when the block does, also where the
exception of a signal's handler keeps its end from being called, and the turn of its entry is over."""

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
    """What ends one entry: the lease is given back, before any Python, and then its turn."""

    entry: Entry
    lease: Any
    # What cancels its block at a loss, if anything does.
    scope: Any = None

    @classmethod
    def of(cls, end: Call, wait: object, entry: Entry, lease: Grant) -> Exit:
        """That of an entry, which gets this lease if all goes well."""
        place = lease._handle
        exit = cls(end, place.pointer, wait, place.releases, entry)
        exit.entry, exit.lease = entry, lease
        return exit


class Entry:
    """One entry into a lock object, in line with the others. The lease is its Exit's."""

    __slots__ = ("_exit", "is_inside", "is_over", "kept", "over", "sections", "wake", "who")

    def __init__(self, sections: Sections[Any]) -> None:
        # Until it stands in line. (Later it would be a circle, and those are collected late.)
        self.sections: Optional[Sections[Any]] = sections
        self._exit: Callable[[], Optional[Exit]] = lambda: None
        # Whose it is: a thread or a task.
        self.who: object = None
        # By whom it is kept, if that is not a block.
        self.kept: Callable[[], Optional[Kept]] = lambda: None
        self.is_inside = False
        self.is_over = False
        # What the next in line waits for, and what ends that wait.
        self.over: Any = None
        self.wake: Callable[[object], object] = lambda _: None

    def stand(self, who: object, exit: Exit, over: Any, wake: Callable[[object], object]) -> None:
        """It stands in line: its turn is over when it is left, at the latest when its Exit goes."""
        self.sections, self.who, self.over, self.wake = None, who, over, wake
        self._exit = weakref.ref(exit, wake)

    def exit(self) -> Optional[Exit]:
        """What ends it; None once it has ended."""
        return None if self.is_over else self._exit()

    def ended_by(self) -> Optional[Exit]:
        """What ends or ended it; None once that is gone."""
        return self._exit()


class Line:
    """The entries into one lock object that have not ended, in the order in which they came."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def join(self, entry: Entry) -> None:
        """It is the last."""
        for other in self._entries[:]:
            if other.exit() is None:
                self._discard(other)
        self._entries.append(entry)

    def ahead(self, entry: Entry) -> list[Entry]:
        """Those before it which have not ended, the first one first."""
        entries = self._entries[:]
        ahead = entries[: entries.index(entry)]
        for other in ahead:
            if other.exit() is None:
                self._discard(other)
        return [other for other in ahead if other.exit() is not None]

    def inside(self) -> list[Exit]:
        """Those that have a lease, the newest first."""
        exits = [entry.exit() for entry in reversed(self._entries[:]) if entry.is_inside]
        return [exit for exit in exits if exit is not None]

    def _discard(self, entry: Entry) -> None:
        try:
            self._entries.remove(entry)
        except ValueError:
            # Another thread was first.
            pass


class Kept(dict[object, list[Call]]):
    """The entries without a block, by whose they are: what release() ends, the last of each list first.

    At the bottom is what is called if there is nothing else."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def __missing__(self, who: object) -> list[Call]:
        return [partial(self._end_another, who)]

    def keep(self, exit: Exit) -> None:
        """Until release() takes it."""
        exit.entry.kept = weakref.ref(self)
        who = exit.entry.who
        if who not in self:
            self[who] = [partial(_end_another, weakref.ref(self), who)]
        own = self[who]
        # Who does not say which it ends, ends those first that were lost: so none is given back that is in use.
        lost = [at for at, other in enumerate(own) if isinstance(other, Exit) and not other.lease.remaining()]
        own.insert(lost[0] if lost else len(own), exit)

    def forget(self, exit: Exit) -> None:
        """It was ended, or never begun."""
        who = exit.entry.who
        own = self.get(who, [])
        if exit in own:
            own.remove(exit)
        if len(own) == 1:
            del self[who]

    def newest(self, who: object) -> Call:
        """Takes what this one kept last."""
        return self[who].pop()

    def releasing(self, me: Callable[[], object]) -> Call:
        """What ends the newest entry of whoever calls it. Its steps are C, so that nothing comes between taking it from
        here and its end: they are iterators without an end, and one step of the last is one of each."""
        mine = map(self.__getitem__, iter(me, self))
        newest = map(list.pop, mine)
        ends = map(methodcaller("__call__", RELEASE, None, None), newest)
        return partial(next, ends)

    def _end_another(self, who: object, *raised: Any) -> Any:
        """Whoever has nothing of its own ends its block, or what another thread or task keeps: one that was lost if
        there is one, so that no lease that is in use is given back in its place."""
        inside = self._line.inside()
        blocks = [exit for exit in inside if exit.entry.who is who]
        others = [exit for exit in inside if exit.entry.kept() is self]
        lost = [exit for exit in others if not exit.lease.remaining()]
        candidates = blocks + lost + others
        if not candidates:
            raise RuntimeError(NOT_ACQUIRED)
        return candidates[0](*raised)


def _end_another(kept: Callable[[], Optional[Kept]], who: object, *raised: Any) -> Any:
    """The bottom of a list, which is empty then."""
    self = kept()
    assert self is not None, "called by what is gone"
    if not self.get(who):
        self.pop(who, None)
    return self._end_another(who, *raised)


class Late:
    """An Exit for what was looked up in the class: the entry that follows says of which object."""

    __slots__ = ("__weakref__", "exit")

    def __init__(self) -> None:
        self.exit: Optional[Exit] = None

    def __call__(self, sections: Sections[Any], *raised: Any) -> Any:
        return (self.exit or sections.newest())(*raised)


class Leaving:
    """What `with` looks up to end a block: each time an Exit of its own, for the entry that follows in this thread."""

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
        """That which was looked up for the block that begins here; None if it was none."""
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
    """In this thread, the newest last."""

    def __init__(self) -> None:
        self.exits: list[Callable[[], Any]] = []


class Sections(Local, Generic[AnyLease]):
    """What a blocking and an asyncio lock object have in common."""

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
        # Who is calling: a thread or a task.
        self._me = me
        self._line = Line()
        self._kept = Kept(self._line)
        if not TYPE_CHECKING:
            self.release = self._kept.releasing(me)

    @property
    def name(self) -> str:
        """What it locks."""
        return self._name

    @property
    def lease(self) -> Optional[AnyLease]:
        """The lease of whoever asks, the newest of several: what is lost stays so to a section that others follow. To
        who has none it is the newest of all; None while nobody holds it."""
        inside = self._line.inside()
        try:
            me = self._me()
        except RuntimeError:
            # No loop is running.
            me = None
        own = [exit for exit in inside if exit.entry.who is me]
        return (own or inside)[0].lease if inside else None

    def locked(self) -> bool:
        """Whether this object has acquired it, and not released it. The lease may be lost all the same."""
        return bool(self._line.inside())

    def new_exit(self) -> Exit:
        """What will end an entry."""
        raise NotImplementedError

    def newest(self) -> Call:
        """What ends the newest entry of whoever calls it, where that was not said."""
        return self._kept.newest(self._me())

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.Lock {self._name!r}, {self.lease or 'not acquired'}>"

    def check_wait(
        self, entry: Entry, ahead: list[Entry], timeout: Optional[float], is_block: bool
    ) -> None:
        """Refuses a wait that would be for ever. (What acquire() took another thread may release.)"""
        if not ahead or timeout == 0:
            return
        # In a forked child those who are ahead need not exist.
        session_of(self._client)
        own = [other for other in ahead if other.who is entry.who]
        if (is_block and own) or (timeout is None and any(other.kept() is None for other in own)):
            raise named(self._name, Deadlock(f"{self._name!r} {_OWN_WAIT}"))

    def local_timeout(self, timeout: Optional[float]) -> Timeout:
        """Others who share this object were inside all the while."""
        said = f"{self._name!r} was not granted within {timeout} s: it is in use through this lock object"
        return named(self._name, Timeout(said))


def timeout_of(held: Held) -> Timeout:
    """What a block that is entered at once or not at all raises."""
    return named(held.name, Timeout(str(held)))


def end_of_section(finish: Finish) -> Call:
    """What an Exit calls with the lease, the wait, its entry, and what `with` says."""

    def after(status: int, *arguments: Any) -> Any:
        _pointer, _wait, _releases, entry, kind, raised, trace = arguments
        if entry.sections is not None:
            # Looked up when nothing was entered: it ends what was entered otherwise.
            return entry.sections.newest()(kind, raised, trace)
        return finish(_end(status, entry, kind, raised))

    return c_first("tenure_release", after, BLOCK)


def end_of_scope(finish: Finish) -> Call:
    """As end_of_section(), for what may be cancelled at a loss: its scope says what comes out, if it has begun."""

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
    """Ends the turn of an entry whose lease was just given back, and answers what there is to be told."""
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
        # Not in a function: its first line would not be sure to be reached.
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
# What release() calls an Exit with, where `with` says what was raised.
RELEASE = object()
