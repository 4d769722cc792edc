"""tenure.aio: elections, observers and sessions on the running loop, without threads."""

import asyncio
import threading
import unittest

import tenure
from support import PATIENCE
from support_aio import AioCase, connect


class CorkTest(AioCase):
    async def test_what_tasks_ask_for_under_a_cork_is_granted_and_given_back(self) -> None:
        names = [f"{self.name}/{number}" for number in range(150)]
        for _ in range(2):
            with self.client.cork():
                leases = await asyncio.gather(*(self.client.acquire(name) for name in names))
                self.assertEqual(len({lease.token for lease in leases}), len(names))
                await asyncio.gather(*(lease.release() for lease in leases))
        self.assertIsNone(await self.client.holder_of(names[-1]))

    async def test_one_acquire_under_a_cork_waits_for_no_other(self) -> None:
        with self.assertRaises(ZeroDivisionError), self.client.cork() as corked:
            async with await self.client.acquire(self.name) as lease:
                self.assertGreater(lease.remaining(), 0)
            corked.flush()
            raise ZeroDivisionError
        self.assertIsNone(await self.client.holder_of(self.name))


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
