"""Corks: the requests of a loop's tasks leave together."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Optional

from .._library import library
from .._native import ClientHandle, Local, check, failure_of


class Cork(Local):
    """A block for `with` in which the requests of one pass of the loop leave together; made by Client.cork()."""

    def __init__(self, client: ClientHandle) -> None:
        self._client = client

    def flush(self) -> None:
        """Sends the collected requests now, and collects on."""
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
    """Sends the request of a task that is about to wait, once all tasks that are ready have had their turn."""
    if client.corks and not client.is_flushing:
        client.is_flushing = True
        asyncio.get_running_loop().call_soon(_flush, client)


def _flush(client: ClientHandle) -> None:
    client.is_flushing = False
    # A failure reaches each waiting task by its own request.
    failure_of(library.tenure_client_flush, client.pointer)
