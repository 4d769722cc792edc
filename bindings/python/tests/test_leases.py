"""Leases: how they end, who is told, and what is left to do."""

import gc
import select
import time
import unittest
from unittest import mock

import tenure
from support import ClusterCase, python, together, until_waiting

WITHOUT_DESCRIPTORS = """
import asyncio, os, resource, threading, tenure

limits = resource.getrlimit(resource.RLIMIT_NOFILE)

def exhaust():
    lowest = os.open("/dev/null", os.O_RDONLY)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))

async def main():
    async with await tenure.aio.connect() as client:
        lease = await client.acquire(os.environ["NAME"] + "/aio")
        exhaust()
        waits = asyncio.ensure_future(lease.lost.wait())
        await asyncio.sleep(0)
        await lease.release()
        print("lost" if await waits else "not lost")
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)

with tenure.connect() as client:
    lease = client.acquire(os.environ["NAME"])
    exhaust()
    threading.Timer(0, lease.release).start()
    print("lost" if lease.lost.wait() else "not lost")
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
asyncio.run(main())
"""


class LeaseTest(ClusterCase):
    def test_a_release_is_final(self) -> None:
        lease = self.client.acquire(self.name)
        token = lease.token
        self.assertEqual(lease.reason, tenure.Reason.NONE)
        lease.release()
        self.assertEqual(lease.reason, tenure.Reason.RELEASED)
        self.assertEqual((lease.token, lease.remaining()), (token, 0))

    def test_a_second_release_is_no_loss(self) -> None:
        lease = self.client.acquire(self.name)
        for timeout in [5.0, 0, 0.5, None]:
            lease.release(timeout)
        self.assertEqual(lease.reason, tenure.Reason.RELEASED)
        broken = self.client.acquire(self.name)
        self.client.break_(self.name, 0)
        broken.lost.wait()
        with self.assertRaises(tenure.Lost):
            broken.release()

    def test_the_descriptor_is_readable_once_the_lease_is_lost(self) -> None:
        lease = self.client.acquire(self.name)
        lost = lease.lost
        self.assertEqual(select.select([lease.fileno(), lost.fileno()], [], [], 0)[0], [])
        lease.release()
        self.assertEqual(select.select([lease], [], [])[0], [lease])
        self.assertEqual(select.select([lost], [], [])[0], [lost])

    def test_a_loss_is_waited_for_like_an_event(self) -> None:
        lease = self.client.acquire(self.name)
        lost = lease.lost
        self.assertFalse(lost.wait(0))
        self.assertFalse(lost.wait(0.02))
        self.assertFalse(lost.is_set() or lost)
        with self.assertRaises(ValueError):
            lost.wait(-1)
        seen = []
        threads = together(*[lambda: seen.append(lost.wait())] * 2)
        lease.release()
        for thread in threads:
            thread.join()
        self.assertEqual(seen, [True, True])
        self.assertTrue(lost.is_set() and lost and lost.wait() and lost.wait(0))

    def test_a_loss_is_waited_for_also_after_the_lease_was_asked_to_end(self) -> None:
        lease = self.client.acquire(self.name)
        self.client.break_(self.name, 3600, reason="maintenance")
        select.select([lease], [], [])
        self.assertTrue(lease.asked)
        self.assertFalse(lease.lost.wait(0.02))
        threads = together(lease.release)
        self.assertTrue(lease.lost.wait())
        threads[0].join()
        self.assertFalse(lease.asked)

    def test_a_wait_for_a_loss_sleeps_until_there_is_something_to_see(self) -> None:
        looks = mock.patch.object(time, "sleep", side_effect=AssertionError("looks now and then"))
        lease = self.client.acquire(self.name)
        with looks:
            for reason in ["maintenance", "now, please"]:
                self.client.break_(self.name, 3600, reason=reason)
                select.select([lease], [], [])
                self.assertFalse(lease.lost.wait(0.02))
            threads = together(lambda: self.client.break_(self.name, 0))
            self.assertTrue(lease.lost.wait())
            threads[0].join()

    def test_a_wait_for_a_loss_takes_no_news_from_others(self) -> None:
        lease = self.client.acquire(self.name)
        threads = together(lease.lost.wait)
        self.client.break_(self.name, 3600)
        self.assertEqual(select.select([lease], [], [])[0], [lease])
        self.assertTrue(lease.asked)
        lease.release()
        threads[0].join()

    def test_a_loss_is_waited_for_without_descriptors_too(self) -> None:
        self.assertEqual(python("-c", WITHOUT_DESCRIPTORS, NAME=self.name), "lost\nlost\n")

    def test_a_holder_is_asked_and_then_broken(self) -> None:
        lease = self.client.acquire(self.name)
        self.assertFalse(lease.asked)
        self.assertIsNone(lease.order)
        self.client.break_(self.name, 3600, reason="maintenance")
        self.assertEqual(select.select([lease], [], [])[0], [lease])
        self.assertTrue(lease.asked and not lease.lost)
        self.assertEqual(lease.order, tenure.Order(grace=3600.0, reason="maintenance"))
        with self.assertRaises(tenure.NotFound):
            self.client.break_(self.name, 0, token=lease.token + 1)
        self.client.break_(self.name, 0, token=lease.token, reason="now")
        self.assertTrue(lease.lost.wait())
        self.assertEqual(lease.reason, tenure.Reason.BROKEN)
        self.assertEqual(lease.order, tenure.Order(grace=0.0, reason="now"))
        with self.assertRaises(tenure.NotFound):
            self.client.break_(self.name)

    def test_a_lease_is_handed_to_somebody_who_waits(self) -> None:
        lease = self.client.acquire(self.name)
        with self.assertRaises(tenure.NotFound):
            lease.transfer()
        taken = []
        threads = together(lambda: taken.append(self.client.acquire(self.name)))
        until_waiting(self.client, self.name, 1)
        with self.assertRaises(tenure.NotFound):
            lease.transfer("somebody else")
        self.assertFalse(lease.lost)
        lease.transfer("tester")
        threads[0].join()
        self.assertEqual(lease.reason, tenure.Reason.TRANSFERRED)
        self.assertGreater(taken[0].token, lease.token)
        with self.assertRaises(tenure.Lost):
            lease.transfer()

    def test_a_program_that_does_not_move_loses_its_locks(self) -> None:
        client = self.connect(ttl=3, progress=0.1)
        client.progress()
        lease = client.acquire(self.name)
        self.assertTrue(lease.lost.wait())
        self.assertEqual(lease.reason, tenure.Reason.STALLED)

    def test_a_collected_lease_gives_its_lock_back(self) -> None:
        token = self.client.acquire(self.name).token
        gc.collect()
        self.assertGreater(self.client.acquire(self.name).token, token)

    def test_a_stack_of_blocks_waits_once_for_servers_that_are_away(self) -> None:
        with tenure.testing.Cluster(1) as cluster:
            client = cluster.connect(connect_timeout=60)
            patience = client._handle.patience
            with client.lock("a"):
                patience.value = 0
                with client.lock("b"):
                    # Who was granted something waits again.
                    self.assertEqual(patience.value, 5000)
                    patience.value = 20
                    cluster.nodes[0].stop()
                self.assertEqual(patience.value, 0)
            client.close(0)

    def test_a_lease_is_a_block_of_its_own(self) -> None:
        with self.client.acquire(self.name) as lease:
            self.assertIn(f"token {lease.token}", repr(lease))
        self.assertIn("lost", repr(lease))
        with self.assertRaises(tenure.Lost):
            with lease:
                pass


if __name__ == "__main__":
    unittest.main()
