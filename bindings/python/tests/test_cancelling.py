"""tenure.aio: a block that is cancelled when its lease is lost, however else its task is cancelled."""

import asyncio
import gc
import sys
import unittest
from contextlib import AsyncExitStack
from typing import Any, Awaitable, Callable, List, Optional

import tenure
from support import PATIENCE
from support_aio import AioCase
from tenure.aio._scope import LossScope

# Before, a task does not count who cancelled it.
COUNTS = sys.version_info >= (3, 11)


class CancellingTest(AioCase):
    def lock(self, name: str = "", **options: Any) -> tenure.aio.Lock:
        return self.client.lock(name or self.name, cancel_on_loss=True, **options)

    async def lose(self, name: str = "") -> None:
        await self.client.break_(name or self.name, 0, reason="maintenance")

    def check_clean(self) -> None:
        """Nothing of a cancellation stays with the task."""
        task = asyncio.current_task()
        self.assertEqual(getattr(task, "cancelling", int)(), 0)

    async def test_the_body_is_cancelled_and_lost_comes_out(self) -> None:
        inside: List[Optional[BaseException]] = []
        with self.assertRaises(tenure.Lost) as lost:
            async with self.lock() as lease:
                losing = asyncio.ensure_future(self.lose())
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError as error:
                    inside.append(error)
                    self.assertTrue(lease.lost)
                    raise
        await losing
        self.assertEqual((lost.exception.name, lost.exception.reason), (self.name, tenure.Reason.BROKEN))
        self.assertIn("maintenance", str(lost.exception))
        self.assertIs(lost.exception.__context__, inside[0])
        self.check_clean()
        await asyncio.sleep(0)
        async with self.lock(timeout=0):
            pass

    async def test_without_it_the_body_goes_on(self) -> None:
        with self.assertRaises(tenure.Lost):
            async with self.client.lock(self.name) as lease:
                await self.lose()
                await lease.lost.wait()
                await asyncio.sleep(0)

    async def test_a_block_that_is_left_in_time_is_left(self) -> None:
        async with self.lock() as lease:
            await asyncio.sleep(0)
        self.assertEqual(lease.reason, tenure.Reason.RELEASED)
        with self.assertRaisesRegex(ValueError, "of the body"):
            async with self.lock():
                raise ValueError("of the body")
        await asyncio.sleep(0)
        self.check_clean()

    async def test_what_the_body_raises_or_swallows_when_it_is_cancelled(self) -> None:
        with self.assertRaisesRegex(ValueError, "of the body"):
            async with self.lock():
                losing = asyncio.ensure_future(self.lose())
                try:
                    await asyncio.Event().wait()
                finally:
                    raise ValueError("of the body")
        await losing
        self.check_clean()
        with self.assertRaises(tenure.Lost):
            async with self.lock():
                losing = asyncio.ensure_future(self.lose())
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    pass
        await losing
        self.check_clean()
        await asyncio.sleep(0)

    async def test_a_cancellation_that_the_body_did_not_come_to_hear_of_does_not_come_later(self) -> None:
        for raises in [False, True]:
            with self.assertRaises(ValueError if raises else tenure.Lost):
                async with self.lock() as lease:
                    cancel = scope_of(lease)
                    await self.lose()
                    await lease.lost.wait()
                    # As the loop does behind the last await of the body.
                    cancel()
                    if raises:
                        raise ValueError("of the body")
            self.check_clean()
            await asyncio.sleep(0)

    async def test_who_is_cancelled_by_others_is_cancelled(self) -> None:
        async def work() -> None:
            async with self.lock():
                await asyncio.Event().wait()

        task = asyncio.ensure_future(work())
        while await self.client.holder_of(self.name) is None:
            pass
        task.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await task

    async def test_who_is_cancelled_by_others_as_well_is_cancelled(self) -> None:
        """In either order, while the body tidies up."""

        async def work(others_first: bool) -> None:
            async with self.lock() as lease:
                cancel = scope_of(lease)
                await self.lose()
                await lease.lost.wait()
                task = asyncio.current_task()
                assert task is not None
                for is_other in [others_first, not others_first]:
                    if is_other:
                        task.cancel()
                    else:
                        cancel()
                await asyncio.Event().wait()

        for others_first in [True, False]:
            with self.subTest(others_first=others_first), self.assertRaises(asyncio.CancelledError):
                await asyncio.ensure_future(work(others_first))

    async def test_of_nested_blocks_the_outer_loss_is_that_of_the_outer(self) -> None:
        outer, inner = self.name + "/outer", self.name + "/inner"
        with self.assertRaises(tenure.Lost) as lost:
            async with self.lock(outer):
                async with self.lock(inner) as lease:
                    losing = asyncio.ensure_future(self.lose(outer))
                    await asyncio.Event().wait()
        await losing
        self.assertEqual(lost.exception.name, outer)
        self.assertEqual(lease.reason, tenure.Reason.RELEASED)
        self.check_clean()

    async def test_of_nested_blocks_the_inner_loss_can_be_caught_between_them(self) -> None:
        outer, inner = self.name + "/outer", self.name + "/inner"
        async with self.lock(outer) as lease:
            with self.assertRaises(tenure.Lost) as lost:
                async with self.lock(inner):
                    losing = asyncio.ensure_future(self.lose(inner))
                    await asyncio.Event().wait()
            await losing
            await asyncio.sleep(0)
            self.assertFalse(lease.lost)
        self.assertEqual(lost.exception.name, inner)

    @unittest.skipUnless(COUNTS, "asyncio.timeout and TaskGroup came with Python 3.11")
    async def test_timeouts_and_groups_around_and_inside_keep_their_meaning(self) -> None:
        timeout, group = getattr(asyncio, "timeout"), getattr(asyncio, "TaskGroup")
        with self.assertRaises(TimeoutError) as out:
            async with timeout(0.02), self.lock():
                await asyncio.Event().wait()
        self.assertNotIsInstance(out.exception, tenure.Error)
        with self.assertRaises(tenure.Lost):
            async with timeout(1000), self.lock(), timeout(1000):
                losing = asyncio.ensure_future(self.lose())
                await asyncio.Event().wait()
        await losing
        with self.assertRaises(tenure.Lost):
            async with self.lock(), group() as tasks:
                tasks.create_task(asyncio.Event().wait())
                losing = asyncio.ensure_future(self.lose())
        await losing
        self.check_clean()

    async def test_a_body_that_waits_in_other_tasks_is_cancelled_with_them(self) -> None:
        async def wait() -> None:
            await asyncio.Event().wait()

        kinds: List[Callable[[], Awaitable[object]]] = [
            lambda: asyncio.wait_for(wait(), 1000),
            lambda: asyncio.gather(wait(), wait()),
            lambda: asyncio.ensure_future(wait()),
        ]
        for waits in kinds:
            with self.assertRaises(tenure.Lost):
                async with self.lock():
                    losing = asyncio.ensure_future(self.lose())
                    await waits()
            await losing
        self.check_clean()

    async def test_any_lease_has_such_a_block(self) -> None:
        names = [self.name + "/a", self.name + "/b"]
        with self.assertRaises(tenure.Lost) as lost:
            async with await self.client.acquire_all(names) as lease, lease.cancel_on_loss():
                losing = asyncio.ensure_future(self.lose(names[0]))
                await asyncio.Event().wait()
        await losing
        self.assertEqual(lost.exception.name, names[0])
        async with await self.client.acquire(self.name) as lease:
            scope = lease.cancel_on_loss()
            async with scope:
                await asyncio.sleep(0)
            with self.assertRaisesRegex(RuntimeError, "entered already"):
                await scope.__aenter__()
        self.check_clean()

    async def test_a_stack_of_blocks_has_it_too(self) -> None:
        with self.assertRaises(tenure.Lost):
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(self.lock())
                losing = asyncio.ensure_future(self.lose())
                await asyncio.Event().wait()
        await losing
        self.check_clean()

    async def test_a_lock_that_is_released_in_its_block_cancels_nothing(self) -> None:
        lock = self.lock()
        with self.assertRaisesRegex(RuntimeError, "not acquired"):
            async with lock:
                await lock.release()
                other = await self.client.acquire(self.name, PATIENCE)
                await self.lose()
                await other.lost.wait()
                await asyncio.sleep(0)


def scope_of(lease: tenure.aio.Lease) -> Any:
    """What the loop calls at the loss of this lease, for the test to call when it likes."""
    found = [each for each in gc.get_objects() if isinstance(each, LossScope) and each._lease is lease._handle]
    assert len(found) == 1, found
    found[0]._stop()
    return found[0]._cancel


if __name__ == "__main__":
    unittest.main()
