"""The package against three real nodes in this process."""

import os
import select
import signal
import threading
import unittest

import tenure


class ClusterTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.cluster = tenure.testing.Cluster()
        cls.addClassCleanup(cls.cluster.stop)

    def setUp(self) -> None:
        self.client = self.connect()
        # A lock of its own for each test.
        self.name = self.id()

    def connect(self) -> tenure.Client:
        client = self.cluster.connect(name="tester", connect_timeout=60, request_timeout=60)
        self.addCleanup(client.close)
        return client

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

    def test_threads_that_share_a_lock_exclude_each_other(self) -> None:
        lock = self.client.lock(self.name)
        inside = 0
        most = 0
        tokens = []

        def work() -> None:
            nonlocal inside, most
            for _ in range(5):
                with lock as lease:
                    inside += 1
                    most = max(most, inside)
                    tokens.append(lease.token)
                    inside -= 1

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(most, 1)
        self.assertEqual(tokens, sorted(set(tokens)))
        self.assertEqual(len(tokens), 20)

    def test_threads_that_share_a_client_exclude_each_other(self) -> None:
        inside = 0
        most = 0

        def work() -> None:
            nonlocal inside, most
            for _ in range(5):
                with self.client.acquire(self.name):
                    inside += 1
                    most = max(most, inside)
                    inside -= 1

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(most, 1)

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

    def test_readers_share_and_permits_are_counted(self) -> None:
        with self.client.lock(self.name, shared=True), self.client.lock(self.name, shared=True):
            with self.assertRaises(tenure.Held):
                self.client.acquire(self.name, 0)
        with self.client.lock(self.name, limit=3, permits=2):
            with self.assertRaises(tenure.Held):
                self.client.acquire(self.name, 0, limit=3, permits=2)
            self.client.acquire(self.name, 0, limit=3).release()

    def test_several_locks_are_taken_in_one_step(self) -> None:
        names = [self.name + "/a", self.name + "/b"]
        with self.client.acquire_all(names) as lease:
            self.assertEqual(lease.name, names[0])
            for name in names:
                self.assertTrue(self.client.validate(name, lease.token))
        for wrong in [[], [self.name, self.name]]:
            with self.assertRaises(tenure.Invalid):
                self.client.acquire_all(wrong)

    def test_an_election_is_won_proclaimed_observed_and_resigned(self) -> None:
        election = self.client.election(self.name)
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

    def test_an_observer_ends_with_its_client(self) -> None:
        client = self.connect()
        holders = iter(client.observe(self.name))
        self.assertIsNone(next(holders))
        client.close()
        self.assertEqual(list(holders), [])

    def test_a_lease_is_handed_to_somebody_who_waits(self) -> None:
        lease = self.client.acquire(self.name)
        with self.assertRaises(tenure.NotFound):
            lease.transfer()
        taken = []
        thread = threading.Thread(target=lambda: taken.append(self.client.acquire(self.name)))
        thread.start()
        while not lease.lost:
            # Until the server has it in its queue.
            try:
                lease.transfer("tester")
            except tenure.NotFound:
                pass
        thread.join()
        self.assertEqual(lease.reason, tenure.Reason.TRANSFERRED)
        self.assertGreater(taken[0].token, lease.token)

    def test_a_holder_is_asked_and_then_broken(self) -> None:
        lease = self.client.acquire(self.name)
        self.assertFalse(lease.asked)
        self.client.break_lock(self.name, 3600, reason="maintenance")
        self.assertEqual(select.select([lease], [], [])[0], [lease])
        self.assertTrue(lease.asked and not lease.lost)
        self.client.break_lock(self.name, 0, token=lease.token)
        while not lease.lost:
            pass
        self.assertEqual(lease.reason, tenure.Reason.BROKEN)
        with self.assertRaises(tenure.NotFound):
            self.client.break_lock(self.name)

    def test_a_program_that_does_not_move_loses_its_locks(self) -> None:
        endpoints = self.cluster.endpoints
        with tenure.connect(endpoints, ttl=3, progress=0.1, connect_timeout=60) as client:
            client.progress()
            lease = client.acquire(self.name)
            select.select([lease], [], [])
            self.assertEqual(lease.reason, tenure.Reason.STALLED)

    def test_the_descriptor_is_readable_once_the_lease_is_lost(self) -> None:
        lease = self.client.acquire(self.name)
        self.assertEqual(select.select([lease], [], [], 0)[0], [])
        lease.release()
        self.assertEqual(select.select([lease], [], [])[0], [lease])
        with self.assertRaises(tenure.Lost):
            lease.release()

    def test_holder_and_token_are_told(self) -> None:
        self.assertIsNone(self.client.holder_of(self.name))
        lease = self.client.acquire(self.name, value=b"a\0b")
        holder = self.client.holder_of(self.name)
        assert holder is not None
        self.assertEqual((holder.token, holder.client, holder.value), (lease.token, "tester", b"a\0b"))
        self.assertGreater(holder.since, 0)
        self.assertTrue(self.client.validate(self.name, lease.token))
        lease.release()
        self.assertFalse(self.client.validate(self.name, lease.token))

    def test_a_signal_ends_a_wait_and_withdraws_the_request(self) -> None:
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        held = self.client.acquire(self.name)
        main = threading.get_ident()
        with self.assertRaises(KeyboardInterrupt):
            threading.Thread(target=signal.pthread_kill, args=(main, signal.SIGINT)).start()
            self.client.acquire(self.name)
        held.release()
        # A request that was left behind would hold it for ever.
        self.client.acquire(self.name).release()

    def test_a_collected_lease_gives_its_lock_back(self) -> None:
        token = self.client.acquire(self.name).token
        self.assertGreater(self.client.acquire(self.name).token, token)

    def test_closing_ends_leases_and_wakes_those_who_wait(self) -> None:
        client = self.connect()
        lease = client.acquire(self.name)
        raised = []

        def wait() -> None:
            try:
                client.acquire(self.name)
            except tenure.Error as error:
                raised.append(type(error))

        thread = threading.Thread(target=wait)
        thread.start()
        client.close()
        thread.join()
        self.assertEqual(raised, [tenure.Closed])
        self.assertTrue(lease.lost)
        client.close()

    def test_a_forked_child_can_use_nothing_of_its_parent(self) -> None:
        lease = self.client.acquire(self.name)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                self.client.session()
            except tenure.Forked:
                code = 0 if lease.lost else 2
            finally:
                del lease
                os._exit(code)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertFalse(lease.lost)
        lease.release()

    def test_a_session_is_told(self) -> None:
        session = self.client.session()
        self.assertEqual(session.state, tenure.SessionState.VALID)
        self.assertEqual((session.ttl, session.leases), (10.0, 0))
        self.assertGreater(session.remaining, 0)

    def test_the_leader_knows_that_it_leads(self) -> None:
        leader = self.cluster.leader()
        self.assertGreaterEqual(leader.fileno(), 0)
        with leader.client(connect_timeout=60) as client:
            with client.lock(self.name, timeout=60):
                pass


class NodeTest(unittest.TestCase):
    def test_a_stopped_node_leads_no_more(self) -> None:
        with tenure.testing.Cluster() as cluster:
            node = cluster.leader()
            now = node.next(0)
            while now is not None:
                now = node.next(0)
            node.stop()
            self.assertFalse(node.leadership().is_leader)
            with self.assertRaises(tenure.Closed):
                while True:
                    node.next()

    def test_a_stopped_leader_is_followed_by_another_with_a_larger_token(self) -> None:
        with tenure.testing.Cluster() as cluster:
            first = cluster.leader()
            token = first.leadership().token
            first.stop()
            second = cluster.leader()
            self.assertIsNot(second, first)
            self.assertGreater(second.leadership().token, token)

    def test_a_leader_that_resigns_is_followed_by_a_claim_under_a_larger_token(self) -> None:
        with tenure.testing.Cluster() as cluster:
            token = self.resign(cluster)
            self.assertGreater(cluster.leader().leadership().token, token)
            with self.assertRaises(tenure.Invalid):
                cluster.nodes[0].resign(-1)

    def resign(self, cluster: tenure.testing.Cluster) -> int:
        """Elections may come between: then the present leader resigns. Its token."""
        while True:
            leader = cluster.leader()
            token = leader.leadership().token
            try:
                leader.resign()
                return token
            except (tenure.Lost, tenure.Unavailable):
                pass

    def test_a_stopped_node_has_nothing_to_resign(self) -> None:
        with tenure.testing.Cluster() as cluster:
            leader = cluster.leader()
            leader.stop()
            with self.assertRaises(tenure.Closed):
                leader.resign()


if __name__ == "__main__":
    unittest.main()
