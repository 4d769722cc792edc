"""An election: the lock of its name, with a value that others see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, Union

from ._holder import Holder, Observer
from ._lease import Lease

if TYPE_CHECKING:
    from ._client import Client


class Election:
    """The election of one name; made by Client.election()."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name

    @property
    def name(self) -> str:
        """What it elects."""
        return self._name

    def campaign(
        self, value: Union[bytes, bytearray] = b"", timeout: Optional[float] = None
    ) -> Lease:
        """Waits to be elected; others see `value`. To resign, release the lease, or leave its block.

        Ctrl-C works at once, and withdraws the request. Raises Timeout, and Lost if it was elected and that ended
        before this returned."""
        return self._client._campaign(self._name, bytes(value), timeout)

    def leader(self) -> Optional[Holder]:
        """Who leads at some instant during the call; None if nobody does."""
        return self._client.holder_of(self._name)

    def observe(self) -> Observer:
        """Follows who leads."""
        return self._client.observe(self._name)

    def __repr__(self) -> str:
        return f"<tenure.Election {self._name!r}>"
