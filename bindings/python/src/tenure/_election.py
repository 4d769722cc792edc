"""An election: the lock of its name, with a value that others see."""

from __future__ import annotations

from functools import partial
from inspect import GEN_CREATED, getgeneratorstate, isasyncgen, iscoroutine, isgenerator
from typing import Callable, Optional, TypeVar

from . import _orders
from ._convert import Value
from ._holder import Holder, Observer, observe
from ._lease import Lease
from ._grant import LeaseHandle
from ._native import ClientHandle, Local
from ._requests import acquire, start_campaign

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

    def campaign(self, value: Value = b"", timeout: Optional[float] = None) -> Lease:
        """Waits to be elected; others see `value`. To resign, release the lease, or leave its block.

        Ctrl-C works at once, and withdraws the request. Raises Timeout, Held if `timeout` is 0 and another leads, and
        Lost if elected, but the lease ended before the return."""
        lease = Lease(LeaseHandle(self._client, self._name))
        start = partial(start_campaign, self._client, self._name, value, timeout)
        acquire(lease._handle, start, timeout)
        return lease

    def run(
        self, lead: Callable[[Lease], Result], value: Value = b"", timeout: Optional[float] = None
    ) -> Result:
        """Waits to be elected, calls `lead` with the lease, resigns, and returns the result of `lead`.

        `lead` must look at lease.lost and return soon after a loss; run() then raises Lost, and may be called again."""
        with self.campaign(value, timeout) as lease:
            result = lead(lease)
            check_has_run(result)
            return result

    def leader(self) -> Optional[Holder]:
        """The leader at some instant during the call; None if there is none."""
        return _orders.holder_of(self._client, self._name)

    def observe(self) -> Observer:
        """Follows the leader."""
        return Observer(observe(self._client, self._name))

    def __repr__(self) -> str:
        return f"<tenure.Election {self._name!r}>"


def check_has_run(result: object) -> None:
    """Raises TypeError for a coroutine or generator that has not begun: its code would run without the lease."""
    if iscoroutine(result) or isasyncgen(result):
        if iscoroutine(result):
            result.close()
        raise TypeError("lead is asynchronous: its code would run without the lease; use tenure.aio")
    if isgenerator(result) and getgeneratorstate(result) == GEN_CREATED:
        raise TypeError("lead is a generator: its code would run without the lease")
