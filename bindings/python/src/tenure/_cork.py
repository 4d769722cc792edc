"""Corks: sending many calls of one thread together."""

from __future__ import annotations

from types import TracebackType
from typing import Optional

from ._library import library
from ._native import ClientHandle, Local, check


class Cork(Local):
    """Sends this thread's releases without a wait together; made by Client.cork(), for `with`."""

    def __init__(self, client: ClientHandle) -> None:
        self._client = client

    def flush(self) -> None:
        """Sends the collected calls; the cork stays."""
        check(library.tenure_client_flush, self._client.pointer)

    def __enter__(self) -> Cork:
        check(library.tenure_client_cork, self._client.pointer)
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        check(library.tenure_client_uncork, self._client.pointer)
