"""Tenure for asyncio: the library's descriptors on the running loop.

    async with await tenure.aio.connect("127.0.0.1:7401,127.0.0.1:7402,127.0.0.1:7403") as client:
        async with client.lock("jobs/nightly", timeout=5) as lease:
            await write(row, fence=lease.token)

Waiting for a lock, an election, news or a loss uses no thread; cancelling the task that waits withdraws its request.
Calls that the library offers only in a blocking form (close, proclaim, transfer, break_, holder_of, leader, validate,
describe, access, and the orders of operators) run in the loop's default executor. Objects belong to the loop in which they were made."""

from ._access import Access
from ._client import Client, connect
from ._election import Election
from ._lease import Lease
from ._lock import Lock
from ._loss import Loss
from ._members import Members
from ._observer import Observer

__all__ = ["Access", "Client", "Election", "Lease", "Lock", "Loss", "Members", "Observer", "connect"]
