"""An election, on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import Callable, Optional, TypeVar

from .. import _orders
from .._convert import Value
from .._grant import LeaseHandle
from .._holder import Holder, observe
from .._native import ClientHandle, Local
from .._requests import start_campaign
from ._leading import until_over
from ._lease import Lease
from ._observer import Observer
from ._requests import acquire, in_executor

Result = TypeVar("Result")


class Election(Local):
    """The election of one name; made by Client.election()."""

    def __init__(self, client: ClientHandle, name: str) -> None:
        self._client = client
        self._name = name

    @property
    def name(self) -> str:
        """The name of the election."""
        return self._name

    async def campaign(self, value: Value = b"", timeout: Optional[float] = None) -> Lease:
        """Waits to be elected; others see `value`. To resign, release the lease, or leave its block.

        Cancelling the task withdraws the request. Raises Timeout, Held if `timeout` is 0 and another leads, and Lost if
        the lease ended between the election and the return of this call."""
        lease = Lease(LeaseHandle(self._client, self._name))
        start = partial(start_campaign, self._client, self._name, value, timeout)
        await acquire(lease._handle, start, timeout)
        return lease

    async def run(
        self,
        lead: Callable[[Lease], Awaitable[Result]],
        value: Value = b"",
        timeout: Optional[float] = None,
    ) -> Result:
        """Waits to be elected, awaits `lead` with the lease, resigns, and returns what `lead` returned.

        A loss of leadership cancels `lead`, and run() raises Lost; another run() may follow. A cancellation of run()
        is passed on to `lead`. Either way run() resigns once `lead` has ended, its cleanup included."""
        lease = await self.campaign(value, timeout)
        working: Optional[asyncio.Future[Result]] = None
        try:
            working = asyncio.ensure_future(lead(lease))
            result = await until_over(lease, working)
        except BaseException as error:
            if working is None or working.done():
                await lease.__aexit__(type(error), error, None)
            elif not working.get_loop().is_closed():
                # Neither a cancellation nor a loss, but the exception of a signal's handler. `lead` still runs: its
                # cancellation is asked for, and its end gives the lease back. (Without a loop its frame ends it.)
                working.cancel()
                working.add_done_callback(lambda _: lease.release().close())
            # A future keeps its exception, and that this frame: a cycle.
            working = None
            raise
        await lease.__aexit__(None, None, None)
        return result

    async def leader(self) -> Optional[Holder]:
        """The leader at some instant during the call; None if nobody leads."""
        return await in_executor(lambda: _orders.holder_of(self._client, self._name))

    def observe(self) -> Observer:
        """An observer of the changes of the leader."""
        return Observer(observe(self._client, self._name))

    def __repr__(self) -> str:
        return f"<tenure.aio.Election {self._name!r}>"
