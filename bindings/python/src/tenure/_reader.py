"""One reader at a time, where two would take each other's changes."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Callable, TypeVar

from ._errors import Invalid

Read = TypeVar("Read")


class Readers:
    """The readers in order of arrival; the first one reads."""

    def __init__(self, of: str) -> None:
        self._of = of
        self._readers: list[object] = []

    def begin(self) -> object:
        """Begins to read, until end(); raises Invalid while another thread or task reads."""
        me = object()
        try:
            self._enter(me)
        except BaseException:
            self.end(me)
            raise
        return me

    def end(self, me: object) -> None:
        """Ends the reading of `me`. Idempotent."""
        if me in self._readers:
            self._readers.remove(me)

    def alone(self, read: Callable[[], Read]) -> Read:
        """The result of `read`; raises Invalid while another thread reads."""
        me = object()
        try:
            self._enter(me)
            return read()
        finally:
            self.end(me)

    async def alone_here(self, read: Callable[[], Awaitable[Read]]) -> Read:
        """The awaited result of `read`; raises Invalid while another task reads."""
        me = object()
        try:
            self._enter(me)
            return await read()
        finally:
            self.end(me)

    def _enter(self, me: object) -> None:
        self._readers.append(me)
        if self._readers[0] is not me:
            raise Invalid(f"another thread or task, or a listener, is reading {self._of}: there is one reader at a time")
