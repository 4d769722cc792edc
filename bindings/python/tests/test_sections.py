"""Sections under one lock object: each ends with its own lease, whoever else came and went, and in whatever order."""

import threading
import unittest
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Callable, Dict, Iterator, TypeVar

import tenure
from support import ClusterCase

Result = TypeVar("Result")

# All of these enter again what they hold.
KINDS: Dict[str, Dict[str, Any]] = {
    "lock": {"owner": 7},
    "semaphore": {"owner": 7, "limit": 3},
    "readers": {"owner": 7, "shared": True},
}


def block(lock: tenure.Lock) -> Iterator[tenure.Lease]:
    """A block that is inside from its first step to its second."""
    with lock as lease:
        yield lease


def leave(inside: Iterator[tenure.Lease]) -> None:
    for _ in inside:
        raise AssertionError("a block has two steps")


class SectionCase(ClusterCase):
    def thread(self) -> Callable[..., Any]:
        """Calls a function on a thread of its own, always the same one, and answers what it answers."""
        pool = ThreadPoolExecutor(1)
        self.addCleanup(pool.shutdown)
        return lambda function, *arguments, **named: pool.submit(function, *arguments, **named).result()

    def lose(self, lease: tenure.Lease) -> None:
        self.client.break_(lease.name, 0)
        self.assertTrue(lease.lost.wait())

    def check_alone(self, lease: tenure.Lease, **kind: Any) -> None:
        """It holds what it holds, and another client does not get in."""
        self.assertFalse(lease.lost)
        self.assertTrue(self.client.validate(lease.name, lease.token))
        self.assertEqual(lease.reason, tenure.Reason.NONE)

    def check_free(self, name: str) -> None:
        self.assertIsNone(self.client.holder_of(name))


class BlockTest(SectionCase):
    def test_a_block_that_lost_its_lease_says_so_and_leaves_that_of_another_thread(self) -> None:
        for kind, options in KINDS.items():
            with self.subTest(kind):
                one, two = self.thread(), self.thread()
                lock = self.client.lock(f"{self.name}/{kind}", **options)
                first, second = block(lock), block(lock)
                lost = one(next, first)
                self.lose(lost)
                lease = two(next, second)
                with self.assertRaises(tenure.Lost):
                    one(leave, first)
                self.check_alone(lease)
                two(leave, second)
                self.assertFalse(lock.locked())
                self.check_free(lock.name)

    def test_a_loss_stays_one_to_the_section_that_had_it_when_others_follow(self) -> None:
        one, two = self.thread(), self.thread()
        lock = self.client.lock(self.name, owner=7)
        first, second = block(lock), block(lock)
        lost = one(next, first)
        self.lose(lost)
        lease = two(next, second)
        self.assertIs(one(lambda: lock.lease), lost)
        self.assertIs(two(lambda: lock.lease), lease)
        self.assertIs(lock.lease, lease)
        two(leave, second)
        self.assertTrue(one(lambda: lock.lease.lost.is_set()))  # type: ignore[union-attr]
        with self.assertRaises(tenure.Lost):
            one(leave, first)
        self.assertIsNone(lock.lease)

    def test_blocks_of_one_thread_that_overlap_end_each_for_itself(self) -> None:
        for kind, options in KINDS.items():
            with self.subTest(kind):
                lock = self.client.lock(f"{self.name}/{kind}", **options)
                first, second, third = block(lock), block(lock), block(lock)
                self.lose(next(first))
                lease, again = next(second), next(third)
                self.assertEqual(lease.token, again.token)
                with self.assertRaises(tenure.Lost):
                    leave(first)
                leave(second)
                self.check_alone(again)
                leave(third)
                self.check_free(lock.name)

    def test_exit_stacks_that_are_closed_in_the_order_in_which_they_were_filled(self) -> None:
        lock = self.client.lock(self.name, owner=7)
        first, second = ExitStack(), ExitStack()
        self.lose(first.enter_context(lock))
        lease = second.enter_context(lock)
        with self.assertRaises(tenure.Lost):
            first.close()
        self.check_alone(lease)
        second.close()
        self.check_free(self.name)

    def test_an_exit_stack_that_is_handed_on_ends_what_it_has(self) -> None:
        lock = self.client.lock(self.name, owner=7)
        with ExitStack() as stack:
            lost = stack.enter_context(lock)
            kept = stack.pop_all()
        self.assertFalse(lost.lost)
        self.lose(lost)
        with lock as lease:
            with self.assertRaises(tenure.Lost):
                kept.close()
            self.check_alone(lease)
        self.check_free(self.name)

    def test_a_block_is_left_by_another_thread_than_entered_it(self) -> None:
        one, two = self.thread(), self.thread()
        lock = self.client.lock(self.name, owner=7)
        first, second = block(lock), block(lock)
        self.lose(one(next, first))
        lease = two(next, second)
        with self.assertRaises(tenure.Lost):
            two(leave, first)
        self.check_alone(lease)
        one(leave, second)
        self.check_free(self.name)

    def test_a_generator_that_is_dropped_ends_its_own_block(self) -> None:
        lock = self.client.lock(self.name, owner=7)
        first, second = block(lock), block(lock)
        self.lose(next(first))
        lease = next(second)
        del first
        self.check_alone(lease)
        del second
        self.check_free(self.name)

    def test_an_exception_ends_the_block_that_it_leaves_and_no_other(self) -> None:
        lock = self.client.lock(self.name, owner=7)
        other = block(lock)
        with self.assertRaisesRegex(KeyError, "mine"):
            with lock as lost:
                self.lose(lost)
                lease = next(other)
                raise KeyError("mine")
        self.check_alone(lease)
        leave(other)
        self.check_free(self.name)

    def test_an_inner_lease_that_is_released_by_hand_leaves_the_outer_one(self) -> None:
        lock = self.client.lock(self.name, owner=7)
        with lock as outer:
            with self.assertRaises(tenure.Lost) as raised:
                with lock as inner:
                    inner.release()
            self.assertEqual(raised.exception.reason, tenure.Reason.RELEASED)
            self.check_alone(outer)
        self.check_free(self.name)

    def test_a_block_whose_lock_was_released_inside_leaves_who_came_next(self) -> None:
        one, two = self.thread(), self.thread()
        lock = self.client.lock(self.name)
        first, second = block(lock), block(lock)
        one(next, first)
        one(lock.release)
        lease = two(next, second)
        with self.assertRaises(RuntimeError):
            one(leave, first)
        self.check_alone(lease)
        self.assertFalse(one(lock.acquire, blocking=False))
        two(leave, second)
        self.check_free(self.name)


class AcquireTest(SectionCase):
    def test_release_ends_what_its_thread_acquired(self) -> None:
        for kind, options in KINDS.items():
            with self.subTest(kind):
                one, two = self.thread(), self.thread()
                lock = self.client.lock(f"{self.name}/{kind}", **options)
                self.assertTrue(one(lock.acquire))
                assert lock.lease is not None
                self.lose(lock.lease)
                self.assertTrue(two(lock.acquire))
                lease = lock.lease
                with self.assertRaises(tenure.Lost):
                    one(lock.release)
                self.check_alone(lease)
                two(lock.release)
                self.check_free(lock.name)
                for thread in [one, two]:
                    with self.assertRaises(RuntimeError):
                        thread(lock.release)

    def test_release_ends_the_newest_of_its_thread(self) -> None:
        lock = self.client.lock(self.name, owner=7)
        lock.acquire()
        first = lock.lease
        lock.acquire()
        second = lock.lease
        assert first is not None and second is not None
        lock.release()
        self.assertTrue(second.lost)
        self.check_alone(first)
        lock.release()
        self.check_free(self.name)

    def test_a_thread_that_has_nothing_releases_what_another_acquired_a_lost_one_first(self) -> None:
        one, two, three = self.thread(), self.thread(), self.thread()
        lock = self.client.lock(self.name, owner=7)
        one(lock.acquire)
        assert lock.lease is not None
        self.lose(lock.lease)
        two(lock.acquire)
        lease = lock.lease
        with self.assertRaises(tenure.Lost):
            three(lock.release)
        self.check_alone(lease)
        three(lock.release)
        self.assertTrue(lease.lost)
        with self.assertRaises(RuntimeError):
            one(lock.release)

    def test_a_thread_that_has_nothing_does_not_end_the_block_of_another(self) -> None:
        other = self.thread()
        lock = self.client.lock(self.name)
        with lock as lease:
            with self.assertRaises(RuntimeError):
                other(lock.release)
            self.check_alone(lease)

    def test_blocks_and_acquires_end_each_for_itself(self) -> None:
        lock = self.client.lock(self.name, owner=7)
        with lock as in_block:
            lock.acquire()
            acquired = lock.lease
            assert acquired is not None
        self.assertTrue(in_block.lost)
        self.check_alone(acquired)
        lock.release()
        self.check_free(self.name)

    def test_a_lock_that_was_entered_by_hand_is_left_by_hand(self) -> None:
        lock = self.client.lock(self.name)
        lease = lock.__enter__()
        self.check_alone(lease)
        lock.__exit__(None, None, None)
        self.check_free(self.name)
        lock.acquire()
        with ExitStack() as stack:
            stack.push(lock)
        self.check_free(self.name)
        self.assertFalse(lock.locked())


    def test_whoever_does_not_say_which_it_ends_ends_what_was_lost_first(self) -> None:
        """As an object does whose __enter__ and __exit__ call those of a lock: two of them that overlap."""
        lock = self.client.lock(self.name, owner=7)
        self.lose(lock.__enter__())
        lease, again = lock.__enter__(), lock.__enter__()
        with self.assertRaises(tenure.Lost):
            lock.__exit__(None, None, None)
        self.check_alone(lease)
        self.check_alone(again)
        lock.__exit__(None, None, None)
        self.assertTrue(again.lost)
        self.check_alone(lease)
        lock.__exit__(None, None, None)
        self.check_free(self.name)


class TurnTest(SectionCase):
    def test_a_lock_that_its_own_thread_holds_is_told_at_once(self) -> None:
        lock = self.client.lock(self.name)
        for timeout in [None, 3600.0]:
            again = self.client.lock(self.name + "/again", timeout)
            with again as lease:
                with self.assertRaisesRegex(tenure.Deadlock, "owner="):
                    with again:
                        self.fail("entered")
                self.check_alone(lease)
        with lock as lease:
            with self.assertRaises(tenure.Deadlock):
                lock.acquire()
            self.assertFalse(lock.acquire(blocking=False))
            self.assertFalse(lock.acquire(timeout=0.02))
            self.check_alone(lease)
        lock.acquire()
        with self.assertRaises(tenure.Deadlock):
            with lock:
                self.fail("entered")
        lock.release()
        self.check_free(self.name)

    def test_what_a_thread_acquired_it_may_wait_for_since_another_may_release_it(self) -> None:
        lock = self.client.lock(self.name)
        lock.acquire()
        releasing = threading.Thread(target=lock.release)
        waiting = self.thread()
        waits = threading.Thread(target=lambda: waiting(lock.acquire))
        waits.start()
        releasing.start()
        waits.join()
        releasing.join()
        self.assertTrue(lock.locked())
        waiting(lock.release)

    def test_a_lost_lease_keeps_the_other_threads_out_until_its_block_is_left(self) -> None:
        one, two = self.thread(), self.thread()
        lock = self.client.lock(self.name)
        first = block(lock)
        self.lose(one(next, first))
        self.assertFalse(two(lock.acquire, timeout=0.02))
        with self.assertRaises(tenure.Lost):
            one(leave, first)
        self.assertTrue(two(lock.acquire, timeout=60))
        two(lock.release)


if __name__ == "__main__":
    unittest.main()
