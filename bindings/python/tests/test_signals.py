"""Ctrl-C in a wait, and signals whose handlers raise wherever they like."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import unittest
import warnings
from typing import Any, Callable, List
from unittest import mock

import tenure
from interrupts import each_place
from support import PACKAGE, PATIENCE, ClusterCase, cluster, environment, together, until_waiting, waiting
from support_aio import connect


class SignalTest(ClusterCase):
    def setUp(self) -> None:
        super().setUp()
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)

    def test_ctrl_c_ends_a_wait_for_a_lock_and_withdraws_the_request(self) -> None:
        self.check_interrupted(lambda: self.client.acquire(self.name))

    def test_ctrl_c_ends_a_block_that_is_not_entered_yet(self) -> None:
        lock = self.client.lock(self.name)

        def enter() -> None:
            with lock:
                self.fail("entered")

        self.check_interrupted(enter)
        self.assertFalse(lock.locked())
        self.assertTrue(lock.acquire(blocking=False))
        lock.release()

    def test_ctrl_c_ends_a_wait_for_several_locks(self) -> None:
        self.check_interrupted(lambda: self.client.acquire_all([self.name, self.name + "/b"]))

    def test_ctrl_c_ends_a_campaign(self) -> None:
        self.check_interrupted(lambda: self.client.election(self.name).campaign())

    def check_interrupted(self, wait: Callable[[], object]) -> None:
        """SIGINT comes once the server has the request in its queue, and nothing of it stays."""
        held = self.client.acquire(self.name)

        def interrupt() -> None:
            until_waiting(self.client, self.name, 1)
            os.kill(os.getpid(), signal.SIGINT)

        threads = together(interrupt)
        with self.assertRaises(KeyboardInterrupt):
            wait()
        threads[0].join()
        until_waiting(self.client, self.name, 0)
        held.release()
        self.assertEqual(waiting(self.client, self.name), 0)
        self.client.acquire(self.name, 0).release()

    def test_ctrl_c_ends_a_wait_for_news_and_for_a_loss(self) -> None:
        observer = self.client.observe(self.name)
        self.assertEqual(observer.next(), tenure.Observed(None, 0))
        lease = self.client.acquire(self.name + "/held")
        for wait in [observer.next, self.client.next, lease.lost.wait]:
            with self.assertRaises(KeyboardInterrupt):
                together(lambda: os.kill(os.getpid(), signal.SIGINT))
                wait()
        self.assertFalse(lease.lost)

    def test_sigterm_gives_everything_back_with_the_two_lines_of_the_guide(self) -> None:
        guide = (PACKAGE.parents[1] / "docs" / "guide-python.md").read_text()
        lines = "import signal, sys\nimport tenure\n\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        self.assertIn(lines, guide)
        hold = """
with tenure.connect(ttl=3600) as client, client.lock(sys.argv[1]):
    print("holds", flush=True)
    signal.pause()
"""
        command = [sys.executable, "-c", lines + hold, self.name]
        with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            self.assertEqual(process.stdout.readline(), "holds\n")
            process.terminate()
            self.assertEqual(process.wait(), 143)
        self.client.acquire(self.name, 0).release()


# Before, the interpreter may lose a block on its way to its end, or a lock on its way to a `try`.
@unittest.skipIf(sys.version_info < (3, 11), "exact from Python 3.11 on")
class AnywhereTest(ClusterCase):
    """A handler raises once, at each place in turn. Its exception is kept, and nothing else."""

    def check_nothing_is_left(self, use: Callable[[], object], *locks: tenure.Lock) -> None:
        unraisable: List[Any] = []
        places = 0
        with mock.patch.object(sys, "unraisablehook", unraisable.append):
            for interrupted in each_place(use):
                places += 1
                self.assertEqual(self.client.session().leases, 0, interrupted.raised)
                self.assertFalse(any(lock.locked() for lock in locks))
        self.assertGreater(places, 20)
        self.assertEqual(unraisable, [])

    def test_a_lease_that_is_dropped(self) -> None:
        def use() -> None:
            lease = self.client.acquire(self.name, PATIENCE)
            del lease

        self.check_nothing_is_left(use)

    def test_a_lease_that_is_released(self) -> None:
        def use() -> None:
            lease = self.client.acquire(self.name, PATIENCE)
            try:
                self.assertFalse(lease.lost)
            finally:
                lease.release()

        self.check_nothing_is_left(use)

    def test_a_lease_that_is_released_once_more_since_the_first_time_was_interrupted(self) -> None:
        def use() -> None:
            lease = self.client.acquire(self.name, PATIENCE)
            try:
                lease.release()
            finally:
                # No loss.
                lease.release()

        self.check_nothing_is_left(use)

    def test_the_block_of_a_lease(self) -> None:
        def use() -> None:
            with self.client.acquire_all([self.name, self.name + "/b"], PATIENCE) as lease:
                self.assertGreater(lease.token, 0)

        self.check_nothing_is_left(use)

    def test_the_block_of_a_lock(self) -> None:
        lock = self.client.lock(self.name, PATIENCE)

        def use() -> None:
            with lock as lease:
                self.assertGreater(lease.token, 0)

        self.check_nothing_is_left(use, lock)

    def test_blocks_of_a_lock_that_is_entered_again(self) -> None:
        lock = self.client.lock(self.name, PATIENCE, owner=7)

        def use() -> None:
            with lock, lock:
                self.assertTrue(lock.locked())

        self.check_nothing_is_left(use, lock)

    def test_a_lock_that_is_acquired_and_released(self) -> None:
        plain = self.client.lock(self.name, PATIENCE)
        again = self.client.lock(self.name + "/again", PATIENCE, owner=7)

        def use() -> None:
            plain.acquire()
            try:
                again.acquire()
                try:
                    again.acquire()
                    try:
                        self.assertTrue(plain.locked() and again.locked())
                    finally:
                        again.release()
                finally:
                    again.release()
            finally:
                plain.release()

        self.check_nothing_is_left(use, plain, again)

    def test_a_lock_that_others_have(self) -> None:
        lock, held = self.client.lock(self.name), self.client.lock(self.name)
        other = self.connect()

        def use() -> None:
            self.assertFalse(lock.acquire(blocking=False))

        with other.lock(self.name):
            self.check_nothing_is_left(use, lock)
        self.assertTrue(held.acquire(blocking=False))
        held.release()

    def test_an_election(self) -> None:
        election = self.client.election(self.name)
        self.check_nothing_is_left(lambda: election.run(lambda lease: lease.token, timeout=PATIENCE))

    def test_a_collection_swallows_nothing(self) -> None:
        """Leases that only a collection finds."""

        def use() -> None:
            ring: List[Any] = [self.client.acquire(self.name, PATIENCE)]
            ring.append(ring)
            del ring
            gc.collect()

        self.check_nothing_is_left(use)


@unittest.skipIf(sys.version_info < (3, 11), "exact from Python 3.11 on")
class AioAnywhereTest(unittest.TestCase):
    """The same under asyncio, where the interrupted program ends all its tasks, as asyncio.run() does."""

    def setUp(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.addCleanup(self.loop.close)
        caught = warnings.catch_warnings()
        caught.__enter__()
        self.addCleanup(caught.__exit__, None, None, None)
        warnings.filterwarnings("ignore", "coroutine .* was never awaited")
        # What a task raised is seen here, and nobody asks the task.
        self.loop.set_exception_handler(lambda loop, context: None)
        cluster()
        self.client = self.loop.run_until_complete(connect())
        self.addCleanup(lambda: self.loop.run_until_complete(self.client.close()))
        self.name = self.id()

    def check_nothing_is_left(self, use: Callable[[], Any], *locks: tenure.aio.Lock) -> None:
        def run() -> None:
            try:
                self.loop.run_until_complete(use())
            except KeyboardInterrupt:
                tasks = asyncio.all_tasks(self.loop)
                for task in tasks:
                    task.cancel()
                if tasks:
                    self.loop.run_until_complete(asyncio.wait(tasks))
                raise

        for interrupted in each_place(run):
            self.assertEqual(self.client.session().leases, 0, interrupted.raised)
            self.assertFalse(any(lock.locked() for lock in locks))

    def test_the_block_of_a_lock(self) -> None:
        lock = self.client.lock(self.name, PATIENCE)

        async def use() -> None:
            async with lock as lease:
                self.assertGreater(lease.token, 0)

        self.check_nothing_is_left(use, lock)

    def test_blocks_of_a_lock_that_is_entered_again(self) -> None:
        lock = self.client.lock(self.name, PATIENCE, owner=7)

        async def use() -> None:
            async with lock, lock:
                self.assertTrue(lock.locked())

        self.check_nothing_is_left(use, lock)

    def test_a_lock_that_is_acquired_and_released(self) -> None:
        lock = self.client.lock(self.name, PATIENCE)

        async def use() -> None:
            await lock.acquire()
            try:
                self.assertTrue(lock.locked())
            finally:
                await lock.release()

        self.check_nothing_is_left(use, lock)


if __name__ == "__main__":
    unittest.main()
