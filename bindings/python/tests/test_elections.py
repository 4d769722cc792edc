"""Elections and observers."""

import select
import unittest

import tenure
from tenure._grant import LeaseHandle
from tenure._library import library
from tenure._native import Handle
from tenure._requests import acquire, start_campaign
from support import ClusterCase, together, until_waiting


class ElectionTest(ClusterCase):
    def test_an_election_is_won_proclaimed_observed_and_resigned(self) -> None:
        election = self.client.election(self.name)
        self.assertEqual(election.name, self.name)
        observer = election.observe()
        self.assertEqual(observer.next(), tenure.Observed(None, 0))
        self.assertIsNone(observer.next(0))
        self.assertIsNone(election.leader())
        values = []
        with election.campaign(b"one") as lease:
            lease.proclaim(b"two")
            leader = election.leader()
            assert leader is not None
            self.assertEqual((leader.token, leader.value), (lease.token, b"two"))
        for holder in observer:
            if holder is None:
                break
            values.append(holder.value)
        self.assertEqual(values, [b"one", b"two"])
        with self.assertRaises(tenure.Lost):
            lease.proclaim(b"three")

    def test_a_campaign_that_is_not_won_says_why(self) -> None:
        election = self.client.election(self.name)
        with election.campaign(bytearray(b"first")):
            with self.assertRaises(tenure.Held):
                election.campaign(timeout=0)
            with self.assertRaises(tenure.Timeout):
                election.campaign(timeout=0.02)

    def test_the_next_candidate_follows_a_leader_that_resigns(self) -> None:
        election = self.client.election(self.name)
        first = election.campaign(b"first")
        led = []

        def follow() -> None:
            with election.campaign(b"second") as lease:
                led.append(lease.token)

        threads = together(follow)
        until_waiting(self.client, self.name, 1)
        first.release()
        threads[0].join()
        self.assertGreater(led[0], first.token)

    def test_a_campaign_that_was_lost_before_it_returned_says_why(self) -> None:
        client = self.connect()
        lease = LeaseHandle(client._handle, self.name)

        def start() -> Handle:
            pending = start_campaign(client._handle, self.name, b"", None)
            select.select([library.tenure_pending_fd(pending.pointer)], [], [])
            client.close()
            return pending

        with self.assertRaises(tenure.Lost) as caught:
            acquire(lease, start, None)
        self.assertEqual((caught.exception.name, caught.exception.reason), (self.name, tenure.Reason.SESSION_CLOSED))
        self.assertIn("its client was closed", str(caught.exception))

    def test_run_leads_resigns_and_returns(self) -> None:
        election = self.client.election(self.name)

        def lead(lease: tenure.Lease) -> int:
            leader = election.leader()
            assert leader is not None
            self.assertEqual((leader.token, leader.value), (lease.token, b"me"))
            return lease.token

        token = election.run(lead, b"me")
        self.assertGreater(token, 0)
        self.assertIsNone(election.leader())
        self.assertGreater(election.run(lead, b"me"), token)

    def test_run_tells_a_loss_and_resigns_after_an_exception(self) -> None:
        election = self.client.election(self.name)
        with self.assertRaises(tenure.Lost):
            election.run(lambda lease: lease.release())

        def fail(lease: tenure.Lease) -> None:
            raise KeyError(lease.name)

        with self.assertRaises(KeyError):
            election.run(fail)
        self.assertIsNone(election.leader())

    def test_an_observer_ends_with_its_client(self) -> None:
        client = self.connect()
        observer = client.observe(self.name)
        self.assertGreaterEqual(observer.fileno(), 0)
        holders = iter(observer)
        self.assertIsNone(next(holders))
        client.close()
        self.assertEqual(list(holders), [])
        with self.assertRaises(tenure.Closed):
            observer.next()

    def test_a_lock_is_observed_like_an_election(self) -> None:
        observer = self.client.observe(self.name)
        self.assertEqual(observer.next(), tenure.Observed(None, 0))
        lease = self.client.acquire(self.name, value=b"job")
        told = observer.next()
        assert told is not None and told.holder is not None
        self.assertEqual((told.holder.token, told.holder.client), (lease.token, "tester"))
        self.assertEqual((told.holder.value, told.missed), (b"job", 0))


if __name__ == "__main__":
    unittest.main()
