"""Locks: in blocks, with the habits of threading.Lock, of every kind."""

import unittest
from typing import Callable, List

import tenure
from support import ClusterCase, together, until_waiting


class LockTest(ClusterCase):
    def test_a_block_holds_the_lock_and_gives_it_back(self) -> None:
        with self.client.lock(self.name, timeout=60) as lease:
            self.assertEqual(lease.name, self.name)
            self.assertGreater(lease.token, 0)
            self.assertGreater(lease.remaining(), 0)
            self.assertFalse(lease.lost)
            self.assertFalse(self.client.lock(self.name).acquire(blocking=False))
        self.assertTrue(lease.lost)
        self.assertEqual(lease.remaining(), 0)
        with self.client.lock(self.name, timeout=60) as other:
            self.assertGreater(other.token, lease.token)

    def test_a_block_is_not_entered_without_the_lock(self) -> None:
        entered = False
        with self.client.lock(self.name):
            for timeout in [0, 0.02]:
                with self.assertRaises(tenure.Timeout):
                    with self.client.lock(self.name, timeout=timeout):
                        entered = True
        self.assertFalse(entered)

    def test_a_loss_is_raised_on_leaving_unless_an_exception_is_in_flight(self) -> None:
        with self.assertRaises(tenure.Lost):
            with self.client.lock(self.name) as lease:
                lease.release()
        with self.assertRaises(KeyError):
            with self.client.lock(self.name) as lease:
                lease.release()
                raise KeyError(self.name)

    def test_a_lock_has_the_habits_of_a_threading_lock(self) -> None:
        lock = self.client.lock(self.name)
        with self.assertRaises(RuntimeError):
            lock.release()
        self.assertTrue(lock.acquire())
        self.assertTrue(lock.locked())
        self.assertFalse(lock.acquire(blocking=False))
        self.assertFalse(lock.acquire(timeout=0.02))
        with self.assertRaises(ValueError):
            lock.acquire(blocking=False, timeout=1)
        with self.assertRaises(ValueError):
            lock.acquire(timeout=-2)
        lock.release()
        self.assertFalse(lock.locked())
        self.assertTrue(lock.acquire(blocking=False))
        lock.release()

    def test_a_lost_lock_is_free_for_its_threads_after_release(self) -> None:
        lock = self.client.lock(self.name)
        lock.acquire()
        assert lock.lease is not None
        lock.lease.release()
        self.assertTrue(lock.locked())
        with self.assertRaises(tenure.Lost):
            lock.release()
        self.assertFalse(lock.locked())
        with lock:
            pass

    def test_threads_that_share_a_lock_exclude_each_other(self) -> None:
        lock = self.client.lock(self.name)
        self.check_exclusion(lambda: lock)

    def test_threads_that_share_a_client_exclude_each_other(self) -> None:
        self.check_exclusion(lambda: self.client.lock(self.name))

    def check_exclusion(self, lock_of_thread: Callable[[], tenure.Lock]) -> None:
        inside = 0
        most = 0
        tokens = []

        def work() -> None:
            nonlocal inside, most
            lock = lock_of_thread()
            for _ in range(5):
                with lock as lease:
                    inside += 1
                    most = max(most, inside)
                    tokens.append(lease.token)
                    inside -= 1

        for thread in together(*[work] * 4):
            thread.join()
        self.assertEqual(most, 1)
        self.assertEqual(tokens, sorted(set(tokens)))
        self.assertEqual(len(tokens), 20)

    def test_waiters_are_served_in_the_order_in_which_they_came(self) -> None:
        served = []

        def wait(number: int) -> None:
            with self.client.lock(self.name):
                served.append(number)

        def waiter(number: int) -> Callable[[], None]:
            return lambda: wait(number)

        threads = []
        with self.client.lock(self.name):
            for number in range(3):
                threads += together(waiter(number))
                until_waiting(self.client, self.name, number + 1)
        for thread in threads:
            thread.join()
        self.assertEqual(served, [0, 1, 2])


class KindsTest(ClusterCase):
    def test_an_owner_enters_again_and_frees_with_its_last_lease(self) -> None:
        first = self.client.acquire(self.name, owner=7)
        again = self.client.acquire(self.name, 0, owner=7)
        self.assertEqual(again.token, first.token)
        for owner in [0, 8]:
            with self.assertRaises(tenure.Held):
                self.client.acquire(self.name, 0, owner=owner)
        first.release()
        self.assertFalse(again.lost)
        with self.assertRaises(tenure.Held):
            self.client.acquire(self.name, 0)
        again.release()
        self.client.acquire(self.name, 0).release()

    def test_a_lock_with_an_owner_is_entered_again(self) -> None:
        lock = self.client.lock(self.name, owner=7)
        with lock as outer, lock as inner:
            self.assertEqual(inner.token, outer.token)
        self.assertFalse(lock.locked())
        self.client.acquire(self.name, 0).release()

    def test_readers_share_and_a_writer_waits(self) -> None:
        with self.client.lock(self.name, shared=True), self.client.lock(self.name, shared=True):
            with self.assertRaises(tenure.Held):
                self.client.acquire(self.name, 0)
        self.client.acquire(self.name, 0).release()

    def test_permits_are_counted(self) -> None:
        with self.client.lock(self.name, limit=3, permits=2):
            with self.assertRaises(tenure.Held):
                self.client.acquire(self.name, 0, limit=3, permits=2)
            self.client.acquire(self.name, 0, limit=3).release()
            with self.assertRaises(tenure.Invalid):
                self.client.acquire(self.name, 0, limit=4)

    def test_several_locks_are_taken_in_one_step(self) -> None:
        names = [self.name + "/a", self.name + "/b"]
        with self.client.acquire_all(names) as lease:
            self.assertEqual(lease.name, names[0])
            for name in names:
                self.assertTrue(self.client.validate(name, lease.token))
        for wrong in [[], [self.name, self.name]]:
            with self.assertRaises(tenure.Invalid):
                self.client.acquire_all(wrong)
        with self.assertRaises(TypeError):
            self.client.acquire_all(self.name)
        with self.client.acquire_all(names, shared=True), self.client.acquire_all(names, shared=True):
            pass

    def test_a_lock_is_free_at_once_after_a_release_whatever_its_delay(self) -> None:
        with self.client.lock(self.name, delay=3600):
            pass
        self.client.acquire(self.name, 0).release()

    def test_owners_that_wait_in_a_circle_are_told(self) -> None:
        names = [self.name + "/a", self.name + "/b"]
        leases = [self.client.acquire(name, owner=owner) for owner, name in enumerate(names, 1)]
        raised = []

        def wait() -> None:
            try:
                self.client.acquire(names[1], owner=1).release()
            except tenure.Error as error:
                raised.append(error)

        threads = together(wait)
        until_waiting(self.client, names[1], 1)
        with self.assertRaises(tenure.Deadlock):
            self.client.acquire(names[0], owner=2)
        leases[1].release()
        threads[0].join()
        self.assertEqual(raised, [])

    def test_names_and_options_that_c_would_misread_are_value_errors(self) -> None:
        refusals: List[Callable[[], object]] = [
            lambda: self.client.lock("a\0b"),
            lambda: self.client.acquire("a\0b"),
            lambda: self.client.acquire_all(["a", "a\0b"]),
            lambda: self.client.election("a\0b"),
            lambda: self.client.observe("a\0b"),
            lambda: self.client.holder_of("a\0b"),
            lambda: self.client.describe("lock", "a\0b"),
            lambda: self.client.break_("a", reason="a\0b"),
            lambda: self.client.acquire(self.name).transfer("a\0b"),
            lambda: self.client.lock(self.name, timeout=-1),
            lambda: self.client.lock(self.name, limit=-1),
            lambda: self.client.lock(self.name, permits=2**32),
            lambda: self.client.lock(self.name, owner=-1),
            lambda: self.client.lock(self.name, delay=-1),
            lambda: self.client.acquire(""),
            lambda: self.client.acquire(self.name, value=b"x" * 4097),
        ]
        for refused in refusals:
            with self.assertRaises(ValueError):
                refused()


if __name__ == "__main__":
    unittest.main()
