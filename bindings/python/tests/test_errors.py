"""What goes wrong says which lock, why, and whose it is."""

import copy
import gc
import pickle
import unittest
from typing import Any, Callable, Dict, List

import tenure
from support import PATIENCE, ClusterCase, together, until_waiting
from support_aio import AioCase
from tenure import Reason
from tenure._grant import LeaseHandle
from tenure._library import library
from tenure._native import check
from tenure._options import Options
from tenure._requests import _wait as wait_for, start_acquire


class LostTest(ClusterCase):
    def check_lost(self, use: Callable[[], object], reason: Reason, *words: str) -> None:
        with self.assertRaises(tenure.Lost) as raised:
            use()
        lost = raised.exception
        self.assertEqual((lost.name, lost.reason), (self.name, reason), lost)
        for word in [repr(self.name), "may not have been protected", *words]:
            self.assertIn(word, str(lost))

    def use(self, end: Callable[[tenure.Lease], object]) -> Callable[[], object]:
        def block() -> None:
            with self.client.acquire(self.name, PATIENCE) as lease:
                end(lease)
                self.assertTrue(lease.lost.wait())

        return block

    def test_a_lease_that_was_broken_says_so_and_why(self) -> None:
        def break_(lease: tenure.Lease) -> None:
            self.client.break_(self.name, 0, reason="maintenance of rack 7")

        self.check_lost(self.use(break_), Reason.BROKEN, "broken", "maintenance of rack 7")

    def test_a_break_that_was_not_heard_of_yet_is_one(self) -> None:
        for _ in range(20):

            def block() -> None:
                with self.client.acquire(self.name, PATIENCE):
                    other.break_(self.name, 0)

            other = self.client
            self.check_lost(block, Reason.BROKEN, "broken")

    def test_a_lease_that_was_handed_over_says_so(self) -> None:
        waiter = self.connect(name="waiter")

        def transfer(lease: tenure.Lease) -> None:
            threads.extend(together(lambda: waiter.acquire(self.name)))
            until_waiting(self.client, self.name, 1)
            lease.transfer("waiter")

        threads: List[Any] = []
        self.check_lost(self.use(transfer), Reason.TRANSFERRED, "handed over")
        threads[0].join()

    def test_a_lease_whose_client_was_closed_says_so(self) -> None:
        client = self.connect()

        def block() -> None:
            with client.lock(self.name):
                client.close()

        self.check_lost(block, Reason.SESSION_CLOSED, "closed")

    def test_a_lease_whose_program_did_not_move_says_so(self) -> None:
        client = self.connect(ttl=3, progress=0.1)

        def block() -> None:
            with client.acquire(self.name, PATIENCE) as lease:
                lease.lost.wait()

        self.check_lost(block, Reason.STALLED, "progress()")

    def test_what_is_done_under_a_lease_that_was_released_says_so(self) -> None:
        lease = self.client.acquire(self.name)
        lease.release()
        self.check_lost(lambda: lease.proclaim(b"late"), Reason.RELEASED, "released before")
        self.check_lost(lease.transfer, Reason.RELEASED, "released before")
        self.check_lost(self.use(lambda lease: lease.release()), Reason.RELEASED, "released before")

    def test_a_reason_is_shown_as_a_word_and_is_a_number_all_the_same(self) -> None:
        self.assertEqual(f"{Reason.BROKEN} {Reason.SESSION_CLOSED!s}", "broken session closed")
        self.assertEqual(f"{Reason.BROKEN:>8}|{Reason.BROKEN:d}|{Reason.BROKEN:03d}", "  broken|4|004")
        self.assertEqual(Reason.BROKEN, 4)
        self.assertEqual(str(tenure.SessionState.JEOPARDY), "jeopardy")
        lease = self.client.acquire(self.name)
        self.client.break_(self.name, 0)
        lease.lost.wait()
        self.assertEqual(str(lease.reason), "broken")
        self.assertIn("lost: broken", repr(lease))


class RefusedTest(ClusterCase):
    def setUp(self) -> None:
        super().setUp()
        self.holder = self.connect(name="the holder")
        self.lease = self.holder.acquire(self.name)

    def attempts(self, timeout: float) -> Dict[str, Callable[[], object]]:
        client = self.client
        return {
            "acquire": lambda: client.acquire(self.name, timeout),
            "campaign": lambda: client.election(self.name).campaign(timeout=timeout),
            "several": lambda: client.acquire_all([self.name, self.name + "/b"], timeout),
        }

    def test_a_try_says_who_holds_it(self) -> None:
        for kind, attempt in self.attempts(0).items():
            with self.subTest(kind), self.assertRaises(tenure.Held) as raised:
                attempt()
            held = raised.exception
            self.assertEqual((held.name, held.by), (self.name, "the holder"))
            self.assertEqual(str(held), f"{self.name!r} is held by the holder")

    def test_a_wait_that_is_over_says_which_and_after_how_long(self) -> None:
        attempts = self.attempts(0.02)
        attempts["block"] = self.client.lock(self.name, 0.02).__enter__
        for kind, attempt in attempts.items():
            with self.subTest(kind), self.assertRaises(tenure.Timeout) as raised:
                attempt()
            self.assertEqual(raised.exception.name, self.name)
            self.assertIn(f"{self.name!r} was not granted within 0.02 s", str(raised.exception))

    def test_a_block_that_is_entered_at_once_or_not_says_who_holds_it(self) -> None:
        with self.assertRaises(tenure.Timeout) as raised:
            self.client.lock(self.name, 0).__enter__()
        self.assertEqual(str(raised.exception), f"{self.name!r} is held by the holder")
        self.assertEqual(raised.exception.name, self.name)

    def test_every_error_of_a_call_about_a_lock_names_it(self) -> None:
        wrong: List[Callable[[], object]] = [
            lambda: self.client.acquire(self.name, value=b"x" * 5000),
            lambda: self.client.acquire(self.name, limit=1, permits=2),
            lambda: self.client.break_(self.name, token=self.lease.token + 1),
            lambda: self.lease.transfer("nobody"),
        ]
        for use in wrong:
            with self.assertRaises(tenure.Error) as raised:
                use()
            self.assertEqual(raised.exception.name, self.name)

    def test_an_error_that_is_pickled_is_the_same_afterwards(self) -> None:
        for attempt in [self.attempts(0)["acquire"], self.attempts(0.02)["acquire"]]:
            with self.assertRaises(tenure.Error) as raised:
                attempt()
            error = raised.exception
            again = pickle.loads(pickle.dumps(error))
            self.assertEqual((type(again), str(again), vars(again)), (type(error), str(error), vars(error)))


    def test_errors_are_gone_when_nobody_has_them(self) -> None:
        """No circle keeps them, and the frames that they went through, until the next collection."""

        def lose() -> None:
            with self.client.lock(self.name + "/lost") as lease:
                self.client.break_(lease.name, 0)

        def again() -> None:
            with self.client.lock(self.name + "/again"), self.client.lock(self.name + "/again", 0.02):
                self.fail("entered")

        def deadlock() -> None:
            lock = self.client.lock(self.name + "/own")
            with lock, lock:
                self.fail("entered")

        attempts = [*self.attempts(0).values(), *self.attempts(0.02).values(), lose, again, deadlock]
        gc.collect()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            for attempt in attempts:
                # Not assertRaises, which clears the frames.
                try:
                    attempt()
                except tenure.Error:
                    continue
                self.fail("nothing was raised")
            gc.collect()
            left = [found for found in gc.garbage if isinstance(found, (tenure.Error, tenure.Lease))]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
        self.assertEqual(left, [])


class AioTest(AioCase):
    async def test_what_goes_wrong_says_which_why_and_whose(self) -> None:
        async with self.client.lock(self.name):
            with self.assertRaises(tenure.Held) as held:
                await self.client.acquire(self.name, 0)
            self.assertEqual((held.exception.name, held.exception.by), (self.name, "tester"))
            with self.assertRaises(tenure.Timeout) as timeout:
                await self.client.acquire(self.name, 0.02)
            self.assertEqual(timeout.exception.name, self.name)
        with self.assertRaises(tenure.Lost) as lost:
            async with self.client.lock(self.name) as lease:
                await self.client.break_(self.name, 0, reason="maintenance")
                await lease.lost.wait()
        self.assertEqual((lost.exception.name, lost.exception.reason), (self.name, Reason.BROKEN))
        self.assertIn("maintenance", str(lost.exception))

    async def test_a_second_reader_is_refused(self) -> None:
        import asyncio

        observer = self.client.observe(self.name)
        await observer.next()
        for read in [self.client.next, observer.next]:
            first = asyncio.ensure_future(read(PATIENCE))
            await asyncio.sleep(0)
            with self.assertRaisesRegex(tenure.Invalid, "one reader"):
                await read(0)
            first.cancel()
            await asyncio.wait({first})
            self.assertIsNone(await read(0))


class TextTest(ClusterCase):
    def test_the_text_of_a_failed_call_is_its_own_whatever_ran_in_between(self) -> None:
        client = self.client._handle.pointer

        def fails(*_: object) -> int:
            """As if a collection, or a handler, came before the text is read."""
            status: int = library.tenure_validate(client, b"", 1)
            with self.assertRaisesRegex(tenure.Invalid, "not a lease"):
                check(library.tenure_lease_state, None, None, None)
            return status

        with self.assertRaises(tenure.Invalid) as raised:
            check(fails)
        self.assertNotIn("lease", str(raised.exception))

    def test_what_is_freed_leaves_no_complaint(self) -> None:
        lease = LeaseHandle(self.client._handle, self.name)
        pending = start_acquire(self.client._handle, self.name, None, Options())
        # That a busy machine grants it later is an answer that this thread's last error tells, too; so it comes before.
        wait_for(lease, pending)
        observer = self.client.observe(self.name)
        with self.client.lock(self.name + "/lock") as entered:
            with self.assertRaises(tenure.Invalid):
                self.client.acquire("")
            said = library.tenure_last_error()
        pending.free()
        held = tenure.Lease(lease)
        held.release()
        del pending, lease, held, observer, entered
        gc.collect()
        self.assertEqual(library.tenure_last_error(), said)

    def test_times_that_are_too_long_say_how_long_they_may_be(self) -> None:
        for wrong in [1e9, float("inf")]:
            with self.assertRaisesRegex(tenure.Invalid, "ttl is at most 4294967 seconds"):
                tenure.connect("127.0.0.1:1", ttl=wrong)
            with self.assertRaisesRegex(tenure.Invalid, "delay is at most 3600 seconds"):
                self.client.acquire(self.name, delay=wrong)
        for wrong in [0, -1, float("nan")]:
            with self.assertRaisesRegex(tenure.Invalid, "ttl must be a positive number"):
                tenure.connect("127.0.0.1:1", ttl=wrong)


class MisuseTest(ClusterCase):
    def test_what_belongs_to_this_process_is_not_pickled_and_not_copied(self) -> None:
        lease = self.client.acquire(self.name)
        objects: List[Any] = [
            self.client,
            lease,
            lease.lost,
            self.client.lock(self.name),
            self.client.election(self.name),
            self.client.observe(self.name),
        ]
        copies: List[Callable[[Any], object]] = [pickle.dumps, copy.copy, copy.deepcopy]
        for each in objects:
            for copied in copies:
                with self.assertRaises(TypeError) as raised:
                    copied(each)
                self.assertIn(f"a tenure.{type(each).__name__} belongs to the process", str(raised.exception))
                self.assertIn("open a client in each process", str(raised.exception))
        lease.release()

    def test_a_second_reader_is_refused(self) -> None:
        observer = self.client.observe(self.name)
        observer.next()
        for read in [self.client.next, observer.next]:
            refused: List[BaseException] = []

            def second() -> None:
                # The other one may not be there yet.
                while not refused:
                    try:
                        read(0)
                    except tenure.Invalid as error:
                        refused.append(error)

            threads = together(second)
            while threads[0].is_alive():
                try:
                    self.assertIsNone(read(0.02))
                except tenure.Invalid:
                    pass
            self.assertIn("one reader", str(refused[0]))
            self.assertIsNone(read(0))


if __name__ == "__main__":
    unittest.main()
