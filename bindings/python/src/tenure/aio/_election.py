"""An election, on asyncio."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Callable, Optional, TypeVar

from .._convert import Value
from .._holder import Holder, observe
from .._native import Handle
from .._requests import start_campaign
from ._lease import Lease, until_lost
from ._observer import Observer, holder_now
from ._requests import granted

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

    async def campaign(self, value: Value = b"", timeout: Optional[float] = None) -> Lease:
        """Waits to be elected; others see `value`. To resign, release the lease, or leave its block.

        Cancelling the task withdraws the request. Raises Timeout, Held if `timeout` is 0 and another leads, and Lost if
        it was elected and that ended before this returned."""
        return Lease(await granted(start_campaign(self._client, self._name, value, timeout)))

    async def run(
        self,
        lead: Callable[[Lease], Awaitable[Result]],
        value: Value = b"",
        timeout: Optional[float] = None,
    ) -> Result:
        """Waits to be elected, awaits `lead` with the lease, resigns, and returns what `lead` returned.

        When leadership is lost, `lead` is cancelled, and this raises Lost; it may be called again."""
        async with await self.campaign(value, timeout) as lease:
            return await until_lost(lease, lead(lease))

    async def leader(self) -> Optional[Holder]:
        """Who leads at some instant during the call; None if nobody does."""
        return await holder_now(self._client, self._name)

    def observe(self) -> Observer:
        """Follows who leads."""
        return Observer(observe(self._client, self._name))

    def __repr__(self) -> str:
        return f"<tenure.aio.Election {self._name!r}>"
