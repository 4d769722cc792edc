"""A lease is given back when the code under it is over, and not before."""

import asyncio
import gc
import sys
import threading
import unittest
import weakref
from typing import Awaitable, Callable, List, Optional

import tenure
from support import PATIENCE, ClusterCase, cluster, together
from support_aio import AioCase, connect


class RunTest(AioCase):
    """Election.run of tenure.aio."""

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.other = await connect(name="other")
        self.addAsyncCleanup(self.other.close)
        self.leads = asyncio.Event()
        self.tidies = asyncio.Event()
        self.may_end = asyncio.Event()
        self.lease: Optional[tenure.aio.Lease] = None

    def run_until_told(self, tidy: Callable[[], Awaitable[None]]) -> "asyncio.Task[str]":
        """A leader that leads until it is cancelled, and then tidies up."""

        async def lead(lease: tenure.aio.Lease) -> str:
            self.lease = lease
            self.leads.set()
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self.tidies.set()
                await tidy()
            return "never"

        return asyncio.create_task(self.client.election(self.name).run(lead))

    async def check_held(self) -> None:
        assert self.lease is not None
        self.assertGreater(self.lease.remaining(), 0)
        with self.assertRaises(tenure.Held):
            await self.other.election(self.name).campaign(timeout=0)

    async def check_free(self) -> None:
        await (await self.other.election(self.name).campaign(timeout=PATIENCE)).release()

    async def test_a_run_that_is_cancelled_resigns_once_its_leader_has_tidied_up(self) -> None:
        run = self.run_until_told(lambda: self.may_end.wait())  # type: ignore[arg-type,return-value]
        await self.leads.wait()
        run.cancel()
        await self.tidies.wait()
        await self.check_held()
        self.assertFalse(run.done())
        self.may_end.set()
        with self.assertRaises(asyncio.CancelledError):
            await run
        await self.check_free()

    async def test_a_run_whose_time_is_over_resigns_once_its_leader_has_tidied_up(self) -> None:
        held: List[float] = []

        async def tidy() -> None:
            await self.check_held()
            assert self.lease is not None
            held.append(self.lease.remaining())

        run = self.run_until_told(tidy)
        await self.leads.wait()
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(run, 0.02)
        self.assertGreater(held[0], 0)
        await self.check_free()

    async def test_a_second_cancellation_is_one_of_the_leader_too(self) -> None:
        told: List[str] = []

        async def tidy() -> None:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                told.append("again")
                await self.check_held()
                await self.may_end.wait()
                raise

        run = self.run_until_told(tidy)
        await self.leads.wait()
        run.cancel()
        await self.tidies.wait()
        await asyncio.sleep(0)
        run.cancel()
        while not told:
            await asyncio.sleep(0)
        await self.check_held()
        self.assertFalse(run.done())
        self.may_end.set()
        with self.assertRaises(asyncio.CancelledError):
            await run
        await self.check_free()

    async def test_a_leader_that_goes_on_when_it_is_cancelled_leads_on(self) -> None:
        async def lead(lease: tenure.aio.Lease) -> str:
            self.lease = lease
            self.leads.set()
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                self.tidies.set()
            await self.may_end.wait()
            return "all the same"

        run = asyncio.create_task(self.client.election(self.name).run(lead))
        await self.leads.wait()
        run.cancel()
        await self.tidies.wait()
        await self.check_held()
        self.may_end.set()
        self.assertEqual(await run, "all the same")
        await self.check_free()

    async def test_what_a_leader_raises_when_it_tidies_up_is_told(self) -> None:
        async def tidy() -> None:
            raise KeyError("tidying")

        run = self.run_until_told(tidy)
        await self.leads.wait()
        run.cancel()
        with self.assertRaisesRegex(KeyError, "tidying"):
            await run
        await self.check_free()
        self.leads.clear()
        run = self.run_until_told(tidy)
        await self.leads.wait()
        await self.client.break_(self.name, 0)
        with self.assertRaisesRegex(KeyError, "tidying"):
            await run

    async def test_a_loss_is_told_once_the_leader_has_tidied_up(self) -> None:
        run = self.run_until_told(lambda: self.may_end.wait())  # type: ignore[arg-type,return-value]
        await self.leads.wait()
        await self.client.break_(self.name, 0, reason="maintenance")
        await self.tidies.wait()
        await asyncio.sleep(0)
        self.assertFalse(run.done())
        self.may_end.set()
        with self.assertRaises(tenure.Lost) as raised:
            await run
        self.assertEqual((raised.exception.name, raised.exception.reason), (self.name, tenure.Reason.BROKEN))

    async def test_a_leader_that_ends_without_a_word_after_a_loss_is_told_of_it(self) -> None:
        async def lead(lease: tenure.aio.Lease) -> None:
            try:
                await self.client.break_(self.name, 0)
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                pass

        with self.assertRaises(tenure.Lost):
            await self.client.election(self.name).run(lead)

    async def test_a_cancellation_that_comes_with_the_end_is_not_swallowed(self) -> None:
        async def lead(lease: tenure.aio.Lease) -> None:
            asyncio.get_running_loop().call_soon(run.cancel)

        run = asyncio.create_task(self.client.election(self.name).run(lead))
        with self.assertRaises(asyncio.CancelledError):
            await run
        await self.check_free()

    async def test_a_leader_that_cannot_begin_resigns(self) -> None:
        def lead(lease: tenure.aio.Lease) -> Awaitable[None]:
            raise KeyError("no leader")

        for wrong in [lead, lambda lease: "no awaitable"]:
            with self.assertRaises((KeyError, TypeError)):
                await self.client.election(self.name).run(wrong)  # type: ignore[arg-type]
            await self.check_free()

    @unittest.skipIf(sys.version_info < (3, 11), "task groups are of Python 3.11")
    async def test_a_group_whose_other_task_fails_ends_when_the_leader_has_tidied_up(self) -> None:
        async def fail() -> None:
            await self.leads.wait()
            raise KeyError("other task")

        async def tidy() -> None:
            await self.check_held()

        with self.assertRaises(BaseException) as raised:
            async with asyncio.TaskGroup() as group:  # type: ignore[attr-defined,unused-ignore]
                run = self.run_until_told(tidy)

                async def follow() -> None:
                    await run

                group.create_task(follow())
                group.create_task(fail())
        self.assertIn("other task", repr(raised.exception))
        self.assertTrue(run.cancelled())
        await self.check_free()


class LoopTest(ClusterCase):
    """Loops that end while a leader leads."""

    async def until_told(self, lease: tenure.aio.Lease) -> None:
        self.lease = lease
        self.leads.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            for _ in range(3):
                self.left.append(lease.remaining())
                await asyncio.sleep(0)

    def setUp(self) -> None:
        super().setUp()
        self.left: List[float] = []

    def test_a_leader_tidies_up_under_its_lease_when_the_program_ends(self) -> None:
        async def main() -> None:
            self.leads = asyncio.Event()
            client = await connect()
            run = asyncio.ensure_future(client.election(self.name).run(self.until_told))
            await self.leads.wait()
            self.assertFalse(run.done())

        asyncio.run(main())
        if sys.version_info >= (3, 11):
            self.assertEqual(len(self.left), 3)
        self.assertTrue(all(self.left), self.left)
        gc.collect()
        self.client.acquire(self.name, PATIENCE).release()

    def test_a_leader_whose_loop_does_not_run_keeps_its_lease_as_long_as_it_is_there(self) -> None:
        loop = asyncio.new_event_loop()

        async def main() -> "asyncio.Future[None]":
            self.leads = asyncio.Event()
            client = await connect()
            run = asyncio.ensure_future(client.election(self.name).run(self.until_told))
            await self.leads.wait()
            return run

        run: "Optional[asyncio.Future[None]]" = loop.run_until_complete(main())
        # Nothing runs now, and the leader is in the middle of it.
        with self.assertRaises(tenure.Held):
            self.client.acquire(self.name, 0)
        lease = weakref.ref(self.lease._handle)
        assert run is not None
        run.cancel()
        loop.run_until_complete(asyncio.gather(run, return_exceptions=True))
        loop.close()
        self.assertTrue(all(self.left), self.left)
        del run, self.lease
        gc.collect()
        self.assertIsNone(lease())
        self.client.acquire(self.name, PATIENCE).release()


class BlockingTest(ClusterCase):
    def test_run_resigns_when_its_leader_is_over_whatever_ended_it(self) -> None:
        election = self.client.election(self.name)
        for error in [KeyError, KeyboardInterrupt, SystemExit, GeneratorExit]:
            left: List[float] = []

            def lead(lease: tenure.Lease) -> None:
                try:
                    raise error
                finally:
                    left.append(lease.remaining())
                    with self.assertRaises(tenure.Held):
                        self.connect().election(self.name).campaign(timeout=0)

            with self.assertRaises(error):
                election.run(lead)
            self.assertGreater(left[0], 0)
            self.assertIsNone(election.leader())

    def test_a_leader_whose_code_has_not_begun_when_it_returns_is_refused(self) -> None:
        async def coroutine(lease: tenure.Lease) -> None:
            self.fail("ran without the lease")

        def generator(lease: tenure.Lease) -> object:
            yield self.fail("ran without the lease")

        async def asynchronous(lease: tenure.Lease) -> object:
            yield self.fail("ran without the lease")

        election = self.client.election(self.name)
        leaders: List[Callable[[tenure.Lease], object]] = [coroutine, generator, asynchronous]
        for lead in leaders:
            with self.assertRaisesRegex(TypeError, "without the lease"):
                election.run(lead)
            self.assertIsNone(election.leader())

    def test_a_block_whose_client_is_closed_by_another_thread_is_told(self) -> None:
        for section in ["lock", "lease", "run", "acquire"]:
            with self.subTest(section):
                client = self.connect()
                name = f"{self.name}/{section}"

                def close(lease: object) -> None:
                    together(client.close)[0].join()

                with self.assertRaises(tenure.Lost) as raised:
                    if section == "lock":
                        with client.lock(name) as lease:
                            close(lease)
                    elif section == "lease":
                        with client.acquire(name) as lease:
                            close(lease)
                    elif section == "run":
                        client.election(name).run(close)
                    else:
                        lock = client.lock(name)
                        lock.acquire()
                        close(lock)
                        lock.release()
                self.assertEqual(raised.exception.reason, tenure.Reason.SESSION_CLOSED)
                self.assertEqual(raised.exception.name, name)

    def test_a_lease_lives_on_when_its_client_is_not_referenced_any_more(self) -> None:
        client = tenure.connect(cluster().endpoints, connect_timeout=PATIENCE)
        lease = client.acquire(self.name)
        lock = client.lock(self.name + "/lock")
        lock.acquire()
        observer = client.observe(self.name)
        del client
        gc.collect()
        self.assertFalse(lease.lost)
        self.assertTrue(self.client.validate(self.name, lease.token))
        self.assertTrue(lock.locked() and lock.lease and not lock.lease.lost)
        told = observer.next()
        assert told is not None and told.holder is not None
        self.assertEqual(told.holder.token, lease.token)
        lock.release()
        lease.release()

    def test_what_gives_a_lease_back_keeps_it_until_it_is_called(self) -> None:
        release, close = self.client.acquire(self.name).release, self.connect().close
        lock = self.client.lock(self.name + "/lock")
        lock.acquire()
        leave = lock.release
        del lock
        gc.collect()
        with self.assertRaises(tenure.Held):
            self.client.acquire(self.name, 0)
        with self.assertRaises(tenure.Held):
            self.client.acquire(self.name + "/lock", 0)
        release()
        leave()
        close()
        self.client.acquire_all([self.name, self.name + "/lock"], 0).release()

    def test_a_node_lives_on_as_long_as_its_client(self) -> None:
        started = tenure.testing.Cluster(1)
        self.addCleanup(started.stop)
        client = started.leader().client(connect_timeout=PATIENCE)
        node = weakref.ref(started.nodes[0]._handle)
        started.nodes.clear()
        gc.collect()
        self.assertIsNotNone(node())
        client.acquire(self.name).release()
        client.close()

    def test_threads_that_wait_when_a_client_is_closed_do_not_enter(self) -> None:
        client = self.connect()
        lock = client.lock(self.name)
        entered = threading.Event()
        raised: List[BaseException] = []

        def wait() -> None:
            try:
                with lock:
                    entered.set()
            except tenure.Error as error:
                raised.append(error)

        with self.assertRaises(tenure.Lost):
            with lock:
                threads = together(wait)
                client.close()
        threads[0].join()
        self.assertFalse(entered.is_set())
        self.assertEqual([type(error) for error in raised], [tenure.Closed])


if __name__ == "__main__":
    unittest.main()
