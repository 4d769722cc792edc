"""What the tests of tenure.aio share: a client on the loop of each test."""

import asyncio
import unittest
from typing import Any, Awaitable

import tenure
from support import PATIENCE, cluster


async def connect(**options: Any) -> tenure.aio.Client:
    given = {"name": "tester", "connect_timeout": PATIENCE, "request_timeout": PATIENCE, **options}
    return await tenure.aio.connect(cluster().endpoints, **given)


class AioCase(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        # Its start would keep the loop from running.
        cluster()

    async def asyncSetUp(self) -> None:
        self.client = await connect()
        self.name = self.id()

    async def asyncTearDown(self) -> None:
        await self.client.close()

    async def until_waiting(self, count: int) -> None:
        while (await self.client.describe("lock", self.name))["locks"][0]["waiting"] != count:
            pass

    async def check_cancelled(self, wait: Awaitable[object]) -> None:
        """A task that waits for self.name, which is held, is cancelled; nothing of its request stays."""
        held = await self.client.acquire(self.name)
        task = asyncio.ensure_future(wait)
        await self.until_waiting(1)
        task.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await task
        await self.until_waiting(0)
        await held.release()
        await (await self.client.acquire(self.name, 0)).release()
