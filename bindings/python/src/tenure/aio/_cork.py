"""Corks: what the tasks of a loop ask for leaves together."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Optional

from .._library import library
from .._native import ClientHandle, Local, check, failure_of


class Cork(Local):
    """What tasks ask for in one pass of the loop leaves together; made by Client.cork(), for `with`."""

    def __init__(self, client: ClientHandle) -> None:
        self._client = client

    def flush(self) -> None:
        """Sends now what has come together, and goes on."""
        check(library.tenure_client_flush, self._client.pointer)

    def __enter__(self) -> Cork:
        check(library.tenure_client_cork, self._client.pointer)
        self._client.corks += 1
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._client.corks -= 1
        check(library.tenure_client_uncork, self._client.pointer)


def flush_soon(client: ClientHandle) -> None:
    """A task is about to wait for what it has just asked for: that leaves once all tasks that are ready have had their turn."""
    if client.corks and not client.is_flushing:
        client.is_flushing = True
        asyncio.get_running_loop().call_soon(_flush, client)


def _flush(client: ClientHandle) -> None:
    client.is_flushing = False
    # Whoever waits is told of a failure himself.
    failure_of(library.tenure_client_flush, client.pointer)
