"""An election: the lock of its name, with a value that others see."""

from __future__ import annotations

from typing import Callable, Optional, TypeVar

from . import _orders
from ._convert import Value
from ._holder import Holder, Observer, observe
from ._lease import Lease
from ._native import Handle
from ._requests import granted, start_campaign

Result = TypeVar("Result")


class Election:
    """The election of one name; made by Client.election()."""

    def __init__(self, client: Handle, name: str) -> None:
        self._client = client
        self._name = name

    @property
    def name(self) -> str:
        """What it elects."""
        return self._name

    def campaign(self, value: Value = b"", timeout: Optional[float] = None) -> Lease:
        """Waits to be elected; others see `value`. To resign, release the lease, or leave its block.

        Ctrl-C works at once, and withdraws the request. Raises Timeout, Held if `timeout` is 0 and another leads, and
        Lost if it was elected and that ended before this returned."""
        return Lease(granted(start_campaign(self._client, self._name, value, timeout)))

    def run(
        self, lead: Callable[[Lease], Result], value: Value = b"", timeout: Optional[float] = None
    ) -> Result:
        """Waits to be elected, calls `lead` with the lease, resigns, and returns what `lead` returned.

        `lead` looks at lease.lost and returns soon after a loss; then this raises Lost, and may be called again."""
        with self.campaign(value, timeout) as lease:
            return lead(lease)

    def leader(self) -> Optional[Holder]:
        """Who leads at some instant during the call; None if nobody does."""
        return _orders.holder_of(self._client, self._name)

    def observe(self) -> Observer:
        """Follows who leads."""
        return Observer(observe(self._client, self._name))

    def __repr__(self) -> str:
        return f"<tenure.Election {self._name!r}>"
