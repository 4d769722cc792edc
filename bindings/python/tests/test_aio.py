"""tenure.aio: locks on the running loop, and waits that are cancelled without a trace."""

import asyncio
import unittest
from unittest import mock

import tenure
from support import PATIENCE
from support_aio import AioCase
from tenure.aio import _loss


class LockTest(AioCase):
    async def test_a_block_holds_the_lock_and_gives_it_back(self) -> None:
        async with self.client.lock(self.name, timeout=PATIENCE) as lease:
            self.assertEqual(lease.name, self.name)
            self.assertGreater(lease.remaining(), 0)
            with self.assertRaises(tenure.Held):
                await self.client.acquire(self.name, 0)
            self.assertTrue(await self.client.validate(self.name, lease.token))
        self.assertEqual(lease.reason, tenure.Reason.RELEASED)
        async with self.client.lock(self.name, timeout=PATIENCE) as other:
            self.assertGreater(other.token, lease.token)

    async def test_a_block_is_not_entered_without_the_lock(self) -> None:
        entered = False
        async with self.client.lock(self.name):
            for timeout in [0, 0.02]:
                with self.assertRaises(tenure.Timeout):
                    async with self.client.lock(self.name, timeout=timeout):
                        entered = True
        self.assertFalse(entered)

    async def test_a_loss_is_raised_on_leaving_unless_an_exception_is_in_flight(self) -> None:
        with self.assertRaises(tenure.Lost):
            async with self.client.lock(self.name) as lease:
                await lease.release()
        with self.assertRaises(KeyError):
            async with self.client.lock(self.name) as lease:
                await lease.release()
                raise KeyError(self.name)

    async def test_tasks_that_share_a_lock_exclude_each_other(self) -> None:
        lock = self.client.lock(self.name)
        inside = 0
        tokens = []

        async def work() -> None:
            nonlocal inside
            for _ in range(5):
                async with lock as lease:
                    inside += 1
                    self.assertEqual(inside, 1)
                    tokens.append(lease.token)
                    await asyncio.sleep(0)
                    inside -= 1

        await asyncio.gather(*[work() for _ in range(4)])
        self.assertEqual(len(tokens), 20)
        self.assertEqual(tokens, sorted(set(tokens)))

    async def test_a_lock_has_the_habits_of_other_locks(self) -> None:
        lock = self.client.lock(self.name)
        with self.assertRaises(RuntimeError):
            await lock.release()
        self.assertTrue(await lock.acquire())
        self.assertTrue(lock.locked())
        self.assertFalse(await lock.acquire(blocking=False))
        self.assertFalse(await lock.acquire(timeout=0.02))
        with self.assertRaises(ValueError):
            await lock.acquire(blocking=False, timeout=1)
        await lock.release()
        self.assertFalse(lock.locked())
        self.assertTrue(await lock.acquire(timeout=PATIENCE))
        await lock.release()

    async def test_a_lock_with_an_owner_is_entered_again(self) -> None:
        lock = self.client.lock(self.name, owner=7)
        async with lock as outer, lock as inner:
            self.assertEqual(inner.token, outer.token)
        self.assertFalse(lock.locked())

    async def test_every_kind_of_lock_is_there(self) -> None:
        async with self.client.lock(self.name, shared=True), self.client.lock(self.name, shared=True):
            with self.assertRaises(tenure.Held):
                await self.client.acquire(self.name, 0)
        async with self.client.lock(self.name, limit=3, permits=2):
            with self.assertRaises(tenure.Held):
                await self.client.acquire(self.name, 0, limit=3, permits=2)
        async with await self.client.acquire_all([self.name, self.name + "/b"]) as lease:
            self.assertTrue(await self.client.validate(self.name + "/b", lease.token))
        with self.assertRaises(ValueError):
            self.client.lock("a\0b")


class CancelTest(AioCase):
    async def test_a_cancelled_acquire_withdraws_its_request(self) -> None:
        await self.check_cancelled(self.client.acquire(self.name))

    async def test_a_cancelled_block_withdraws_its_request(self) -> None:
        lock = self.client.lock(self.name)

        async def enter() -> None:
            async with lock:
                self.fail("entered")

        await self.check_cancelled(enter())
        self.assertTrue(await lock.acquire(blocking=False))
        await lock.release()

    async def test_a_cancelled_campaign_withdraws_its_request(self) -> None:
        await self.check_cancelled(self.client.election(self.name).campaign())

    async def test_a_cancelled_acquire_of_several_withdraws_its_request(self) -> None:
        await self.check_cancelled(self.client.acquire_all([self.name, self.name + "/b"]))

    async def test_a_wait_that_asyncio_ends_withdraws_its_request(self) -> None:
        held = await self.client.acquire(self.name)
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(self.client.acquire(self.name), 0.02)
        await self.until_waiting(0)
        await held.release()

    async def test_a_task_that_is_cancelled_behind_another_of_this_lock_leaves_it_usable(self) -> None:
        lock = self.client.lock(self.name)
        for timeout in [-1, PATIENCE]:
            await lock.acquire()
            task = asyncio.ensure_future(lock.acquire(timeout=timeout))
            await asyncio.sleep(0)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            await lock.release()
        async with lock:
            pass


class LossTest(AioCase):
    async def test_a_loss_is_awaited_by_any_number_of_tasks(self) -> None:
        lease = await self.client.acquire(self.name)
        self.assertFalse(lease.lost or lease.lost.is_set())
        waits = [asyncio.ensure_future(lease.lost.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        waits.pop().cancel()
        await lease.release()
        self.assertEqual(await asyncio.gather(*waits), [True, True])

    async def test_a_second_release_is_no_loss(self) -> None:
        lease = await self.client.acquire(self.name)
        await lease.release()
        await lease.release()
        broken = await self.client.acquire(self.name)
        await self.client.break_(self.name, 0)
        await broken.lost.wait()
        with self.assertRaises(tenure.Lost):
            await broken.release()

    async def test_a_holder_is_asked_and_then_broken(self) -> None:
        lease = await self.client.acquire(self.name)
        await self.client.break_(self.name, 3600, reason="maintenance")
        while not lease.asked:
            await asyncio.sleep(0)
        lost = asyncio.ensure_future(lease.lost.wait())
        await self.client.break_(self.name, 0)
        self.assertTrue(await lost)
        self.assertEqual(lease.reason, tenure.Reason.BROKEN)

    async def test_a_wait_for_a_loss_sleeps_until_there_is_something_to_see(self) -> None:
        lease = await self.client.acquire(self.name)
        await self.client.break_(self.name, 3600, reason="maintenance")
        while not lease.asked:
            await asyncio.sleep(0)
        slept = mock.Mock(side_effect=AssertionError("looks now and then"))
        with mock.patch.object(_loss, "asyncio", mock.Mock(sleep=slept)):
            waits = [asyncio.ensure_future(lease.lost.wait()) for _ in range(2)]
            await self.client.break_(self.name, 3600, reason="still")
            await self.client.break_(self.name, 0)
            self.assertEqual(await asyncio.gather(*waits), [True, True])

    async def test_a_lease_is_handed_to_somebody_who_waits(self) -> None:
        lease = await self.client.acquire(self.name)
        with self.assertRaises(tenure.NotFound):
            await lease.transfer()
        waits = asyncio.ensure_future(self.client.acquire(self.name))
        await self.until_waiting(1)
        await lease.transfer("tester")
        self.assertGreater((await waits).token, lease.token)
        self.assertEqual(lease.reason, tenure.Reason.TRANSFERRED)


if __name__ == "__main__":
    unittest.main()
