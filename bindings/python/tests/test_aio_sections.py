"""tenure.aio: sections under one lock object, each of which ends with its own lease."""

import asyncio
import unittest
from contextlib import AsyncExitStack
from typing import Any, AsyncIterator, Dict

import tenure
from support_aio import AioCase

# All of these enter again what they hold.
KINDS: Dict[str, Dict[str, Any]] = {
    "lock": {"owner": 7},
    "semaphore": {"owner": 7, "limit": 3},
    "readers": {"owner": 7, "shared": True},
}


async def block(lock: tenure.aio.Lock) -> AsyncIterator[tenure.aio.Lease]:
    """A block that is inside from its first step to its second."""
    async with lock as lease:
        yield lease


async def enter(inside: AsyncIterator[tenure.aio.Lease]) -> tenure.aio.Lease:
    return await inside.__anext__()


async def leave(inside: AsyncIterator[tenure.aio.Lease]) -> None:
    async for _ in inside:
        raise AssertionError("a block has two steps")


async def elsewhere(work: Any) -> Any:
    """Awaits in a task of its own."""
    return await asyncio.ensure_future(work)


class SectionTest(AioCase):
    async def lose(self, lease: tenure.aio.Lease) -> None:
        await self.client.break_(lease.name, 0)
        await lease.lost.wait()

    async def check_alone(self, lease: tenure.aio.Lease) -> None:
        self.assertFalse(lease.lost)
        self.assertEqual(lease.reason, tenure.Reason.NONE)
        self.assertTrue(await self.client.validate(lease.name, lease.token))

    async def check_free(self, name: str) -> None:
        self.assertIsNone(await self.client.holder_of(name))

    async def test_a_block_that_lost_its_lease_says_so_and_leaves_that_of_another_task(self) -> None:
        for kind, options in KINDS.items():
            with self.subTest(kind):
                lock = self.client.lock(f"{self.name}/{kind}", **options)
                first, second = block(lock), block(lock)
                await self.lose(await elsewhere(enter(first)))
                lease = await elsewhere(enter(second))
                with self.assertRaises(tenure.Lost):
                    await elsewhere(leave(first))
                await self.check_alone(lease)
                self.assertIs(lock.lease, lease)
                await elsewhere(leave(second))
                self.assertFalse(lock.locked())
                await self.check_free(lock.name)

    async def test_blocks_of_one_task_that_overlap_end_each_for_itself(self) -> None:
        lock = self.client.lock(self.name, owner=7)
        first, second, third = block(lock), block(lock), block(lock)
        await self.lose(await enter(first))
        lease, again = await enter(second), await enter(third)
        self.assertEqual(lease.token, again.token)
        with self.assertRaises(tenure.Lost):
            await leave(first)
        await leave(second)
        await self.check_alone(again)
        await leave(third)
        await self.check_free(self.name)

    async def test_blocks_that_begin_at_once_end_each_for_itself(self) -> None:
        lock = self.client.lock(self.name, owner=7)
        blocks = [block(lock) for _ in range(3)]
        leases = await asyncio.gather(*map(enter, blocks))
        for number, each in enumerate(blocks):
            await leave(each)
            self.assertEqual([bool(lease.lost) for lease in leases], [at <= number for at in range(3)])
        await self.check_free(self.name)

    async def test_exit_stacks_that_are_closed_in_the_order_in_which_they_were_filled(self) -> None:
        lock = self.client.lock(self.name, owner=7)
        first, second = AsyncExitStack(), AsyncExitStack()
        await self.lose(await first.enter_async_context(lock))
        lease = await second.enter_async_context(lock)
        with self.assertRaises(tenure.Lost):
            await first.aclose()
        await self.check_alone(lease)
        await second.aclose()
        await self.check_free(self.name)

    async def test_an_exception_ends_the_block_that_it_leaves_and_no_other(self) -> None:
        lock = self.client.lock(self.name, owner=7)
        other = block(lock)
        with self.assertRaisesRegex(KeyError, "mine"):
            async with lock as lost:
                await self.lose(lost)
                lease = await enter(other)
                raise KeyError("mine")
        await self.check_alone(lease)
        await leave(other)
        await self.check_free(self.name)

    async def test_release_ends_what_its_task_acquired(self) -> None:
        lock = self.client.lock(self.name, owner=7)
        left = asyncio.Event()

        async def first() -> None:
            await lock.acquire()
            assert lock.lease is not None
            await self.lose(lock.lease)
            await left.wait()
            with self.assertRaises(tenure.Lost):
                await lock.release()

        task = asyncio.ensure_future(first())
        while lock.lease is None or not lock.lease.lost:
            await asyncio.sleep(0)
        await lock.acquire()
        lease = lock.lease
        left.set()
        await task
        await self.check_alone(lease)
        await lock.release()
        await self.check_free(self.name)
        with self.assertRaises(RuntimeError):
            await lock.release()

    async def test_a_task_that_has_nothing_does_not_end_the_block_of_another(self) -> None:
        lock = self.client.lock(self.name)

        async def release() -> None:
            await lock.release()

        async with lock as lease:
            with self.assertRaises(RuntimeError):
                await elsewhere(release())
            await self.check_alone(lease)

    async def test_a_block_whose_lock_was_released_inside_leaves_who_came_next(self) -> None:
        lock = self.client.lock(self.name)
        second = block(lock)
        with self.assertRaises(RuntimeError):
            async with lock:
                await lock.release()
                lease = await elsewhere(enter(second))
        await self.check_alone(lease)
        await leave(second)
        await self.check_free(self.name)

    async def test_a_lock_that_its_own_task_holds_is_told_at_once(self) -> None:
        for timeout in [None, 3600.0]:
            lock = self.client.lock(self.name, timeout)
            async with lock as lease:
                with self.assertRaisesRegex(tenure.Deadlock, "owner="):
                    async with lock:
                        self.fail("entered")
                self.assertFalse(await lock.acquire(blocking=False))
                await self.check_alone(lease)
        await self.check_free(self.name)

    async def test_tasks_wait_for_each_other_in_the_order_in_which_they_came(self) -> None:
        lock = self.client.lock(self.name)
        order = []

        async def work(number: int) -> None:
            async with lock:
                order.append(number)
                await asyncio.sleep(0)

        tasks = [asyncio.ensure_future(work(number)) for number in range(5)]
        await asyncio.sleep(0)
        tasks.pop(2).cancel()
        await asyncio.gather(*tasks)
        self.assertEqual(order, [0, 1, 3, 4])


if __name__ == "__main__":
    unittest.main()
