"""tenure.aio: on the running loop, without threads, and cancelled without a trace."""

import asyncio
import threading
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
        with self.assertRaises(tenure.Lost):
            await lease.release()

    async def test_a_holder_is_asked_and_then_broken(self) -> None:
        lease = await self.client.acquire(self.name)
        await self.client.break_(self.name, 3600, reason="maintenance")
        while not lease.asked:
            await asyncio.sleep(0)
        lost = asyncio.ensure_future(lease.lost.wait())
        await self.client.break_(self.name, 0)
        self.assertTrue(await lost)
        self.assertEqual(lease.reason, tenure.Reason.BROKEN)

    async def test_a_lease_is_handed_to_somebody_who_waits(self) -> None:
        lease = await self.client.acquire(self.name)
        with self.assertRaises(tenure.NotFound):
            await lease.transfer()
        waits = asyncio.ensure_future(self.client.acquire(self.name))
        await self.until_waiting(1)
        await lease.transfer("tester")
        self.assertGreater((await waits).token, lease.token)
        self.assertEqual(lease.reason, tenure.Reason.TRANSFERRED)


class ElectionTest(AioCase):
    async def test_an_election_is_won_proclaimed_observed_and_resigned(self) -> None:
        election = self.client.election(self.name)
        observer = election.observe()
        self.assertEqual(await observer.next(), tenure.Observed(None, 0))
        self.assertIsNone(await observer.next(0))
        self.assertIsNone(await election.leader())
        async with await election.campaign(b"one") as lease:
            await lease.proclaim(b"two")
            leader = await election.leader()
            assert leader is not None
            self.assertEqual((leader.token, leader.value), (lease.token, b"two"))
            self.assertEqual(await self.client.holder_of(self.name), leader)
        values = []
        async for holder in observer:
            if holder is None:
                break
            values.append(holder.value)
        self.assertEqual(values, [b"one", b"two"])

    async def test_run_leads_resigns_and_returns(self) -> None:
        election = self.client.election(self.name)

        async def lead(lease: tenure.aio.Lease) -> int:
            return lease.token

        self.assertGreater(await election.run(lead), 0)
        self.assertIsNone(await election.leader())

    async def test_run_cancels_its_work_when_leadership_is_lost(self) -> None:
        election = self.client.election(self.name)
        cancelled = False

        async def lead(lease: tenure.aio.Lease) -> None:
            nonlocal cancelled
            try:
                # The loss may be heard of before the answer.
                await self.client.break_(self.name, 0)
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                cancelled = True
                raise

        with self.assertRaises(tenure.Lost):
            await election.run(lead)
        self.assertTrue(cancelled)

    async def test_run_that_is_cancelled_cancels_its_work_and_resigns(self) -> None:
        election = self.client.election(self.name)
        leads = asyncio.Event()
        cancelled = False

        async def lead(lease: tenure.aio.Lease) -> None:
            nonlocal cancelled
            leads.set()
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                cancelled = True
                raise

        run = asyncio.ensure_future(election.run(lead))
        await leads.wait()
        run.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await run
        self.assertTrue(cancelled)
        self.assertIsNone(await election.leader())


class ClientTest(AioCase):
    async def test_waiting_uses_no_thread_of_python(self) -> None:
        before = threading.enumerate()
        held = await self.client.acquire(self.name)
        waits = asyncio.ensure_future(self.client.acquire(self.name))
        observer = self.client.observe(self.name)
        await observer.next()
        lost = asyncio.ensure_future(held.lost.wait())
        await asyncio.sleep(0)
        self.assertEqual(threading.enumerate(), before)
        await held.release()
        await waits
        await lost
        self.assertEqual(threading.enumerate(), before)

    async def test_a_client_without_a_cluster_gives_up(self) -> None:
        with self.assertRaises(tenure.Unavailable) as raised:
            await tenure.aio.connect("127.0.0.1:1", connect_timeout=0.02)
        self.assertIn("127.0.0.1:1", str(raised.exception))

    async def test_a_connect_that_is_cancelled_leaves_nothing(self) -> None:
        task = asyncio.ensure_future(tenure.aio.connect("127.0.0.1:1", connect_timeout=PATIENCE))
        await asyncio.sleep(0)
        task.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await task

    async def test_a_session_tells_its_changes_until_the_client_is_closed(self) -> None:
        client = await connect()
        self.assertEqual(client.session().state, tenure.SessionState.VALID)
        self.assertIsNone(await client.next(0))
        waits = asyncio.ensure_future(client.acquire(self.name))
        await (await waits).release()
        held = await self.client.acquire(self.name)
        waits = asyncio.ensure_future(client.acquire(self.name))
        await self.until_waiting(1)
        await client.close()
        with self.assertRaises(tenure.Closed):
            await waits
        await held.release()
        states = [session.state async for session in client.events()]
        self.assertIn(states, [[], [tenure.SessionState.ENDED]])
        await client.close()

    async def test_an_observer_ends_with_its_client(self) -> None:
        client = await connect()
        observer = client.observe(self.name)
        await observer.next()
        await client.close()
        self.assertEqual([holder async for holder in observer], [])


if __name__ == "__main__":
    unittest.main()
