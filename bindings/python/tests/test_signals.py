"""Ctrl-C in a wait."""

import os
import signal
import unittest
from typing import Callable

import tenure
from support import ClusterCase, together, until_waiting, waiting


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


if __name__ == "__main__":
    unittest.main()
