"""Clients: their session, what they ask the servers, and their end."""

import contextlib
import os
import pickle
import threading
import unittest
from typing import Any, Callable, List, Mapping, Type

import tenure
from support import PATIENCE, ClusterCase, cluster, together, until_waiting


def serving() -> int:
    """The threads of this process that serve clients."""
    names = []
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError), open(f"/proc/self/task/{task}/comm", encoding="utf-8") as comm:
            names.append(comm.read().strip())
    return names.count("tenure-clients")


def one_serves() -> bool:
    """Whether it is one, once all threads have their names: a new one is called as whoever started it until it runs."""
    return any(serving() == 1 for _ in range(5000))


class ClientTest(ClusterCase):
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

    def test_releases_that_are_corked_leave_with_the_block(self) -> None:
        other = self.connect()
        names = [f"{self.name}/{number}" for number in range(100)]
        leases = [self.client.acquire(name) for name in names]
        with self.assertRaises(ZeroDivisionError), self.client.cork() as corked:
            for lease in leases:
                lease.release(0)
                self.assertEqual(lease.remaining(), 0)
            corked.flush()
            raise ZeroDivisionError
        for name in names:
            other.acquire(name, PATIENCE).release()
        with self.assertRaisesRegex(tenure.Invalid, "has not corked"):
            corked.__exit__(None, None, None)

    def test_what_there_is_is_described(self) -> None:
        self.assertEqual(self.client.describe("lock", self.name)["locks"], [])
        names = [f"{self.name}/{number:02}" for number in range(40)]
        lease = self.client.acquire_all(names[:20])
        other = self.client.acquire_all(names[20:])
        found = self.client.describe("locks", self.name + "/")["locks"]
        self.assertEqual([lock["name"] for lock in found], names)
        self.assertEqual({lock["token"] for lock in found}, {lease.token, other.token})
        session = self.client.describe("session")["session"]
        assert session is not None
        self.assertEqual(session["id"], self.client.session().id)
        self.assertEqual(len(self.client.describe("cluster")["nodes"]), 3)
        with self.assertRaises(tenure.Invalid):
            self.client.describe("weather")

    def test_a_pin_is_the_cluster_that_is_meant(self) -> None:
        condition = self.client.describe("condition")
        self.assertEqual((condition["state"], condition["state_text"]), ("serving", None))
        own = condition["cluster_id"]
        assert own is not None
        self.assertEqual(self.client.describe("cluster")["cluster_id"], own)
        endpoints = cluster().endpoints
        for pin in (own, own[:8], ""):
            tenure.connect(endpoints, cluster_id=pin).close()
        other = "0" * 32
        with self.assertRaisesRegex(tenure.Unavailable, f"{own}, and {other} is pinned"):
            tenure.connect(endpoints, cluster_id=other, connect_timeout=1)
        with self.assertRaisesRegex(tenure.Invalid, "at least the first 8"):
            tenure.connect(endpoints, cluster_id="abc")

    def test_descriptions_have_the_keys_of_their_types(self) -> None:
        def check(described: Mapping[str, object], kind: Any) -> None:
            self.assertEqual(set(described), set(kind.__annotations__), kind.__name__)

        with self.client.lock(self.name, limit=2), self.connect().lock(self.name, limit=2):
            threads = together(lambda: self.client.acquire(self.name, 60, limit=2).release())
            until_waiting(self.client, self.name, 1)
            locks = self.client.describe("lock", self.name)
            check(locks, tenure.LocksDescription)
            check(locks["locks"][0], tenure.LockDescription)
            check(locks["locks"][0]["others"][0], tenure.OtherHolder)
            check(locks["locks"][0]["queue"][0], tenure.Waiter)
        threads[0].join()
        session = self.client.describe("session")
        check(session, tenure.SessionDescription)
        assert session["session"] is not None
        check(session["session"], tenure.SessionRow)
        own = self.client.describe("client")
        check(own, tenure.ClientDescription)
        check(own["client"], tenure.ClientRow)
        cluster = self.client.describe("cluster")
        check(cluster, tenure.ClusterDescription)
        check(cluster["nodes"][0], tenure.NodeDescription)
        turns = cluster["nodes"][0]["turn_us"]
        assert turns is not None
        check(turns, tenure.Timing)

    def test_a_session_is_told(self) -> None:
        self.client.acquire(self.name + "/released").release()
        lease = self.client.acquire(self.name)
        session = self.client.session()
        self.assertEqual(session.state, tenure.SessionState.VALID)
        self.assertEqual((session.ttl, session.leases), (10.0, 1))
        self.assertGreater(session.remaining, 0)
        self.assertGreater(session.id, 0)
        lease.release()

    def test_changes_of_a_session_are_told_until_the_client_is_closed(self) -> None:
        client = self.connect(background=True)
        self.assertGreaterEqual(client.fileno(), 0)
        events = client.events()
        self.assertEqual(next(events).state, tenure.SessionState.VALID)
        self.assertIsNone(client.next(0))
        client.close()
        self.assertIn([each.state for each in events], [[], [tenure.SessionState.ENDED]])
        with self.assertRaises(tenure.Closed):
            client.next()

    def test_closing_ends_leases_and_wakes_those_who_wait(self) -> None:
        client = self.connect()
        lease = client.acquire(self.name)
        raised = []

        def wait() -> None:
            try:
                client.acquire(self.name)
            except tenure.Error as error:
                raised.append(type(error))

        threads = together(wait)
        until_waiting(self.client, self.name, 1)
        client.close()
        threads[0].join()
        self.assertEqual(raised, [tenure.Closed])
        self.assertTrue(lease.lost)
        self.assertEqual(lease.reason, tenure.Reason.SESSION_CLOSED)
        client.close()
        with self.assertRaises(tenure.Closed):
            client.acquire(self.name)

    def test_a_client_without_a_cluster_says_which_nodes_it_tried(self) -> None:
        with self.assertRaises(tenure.Unavailable) as raised:
            tenure.connect("127.0.0.1:1", connect_timeout=0.1)
        self.assertIn("127.0.0.1:1", str(raised.exception))

    def test_endpoints_come_from_the_environment(self) -> None:
        os.environ["TENURE_ENDPOINTS"] = cluster().endpoints
        self.addCleanup(os.environ.pop, "TENURE_ENDPOINTS")
        with tenure.connect(connect_timeout=60) as client:
            self.assertIsNone(client.holder_of(self.name))

    def test_a_forked_child_can_use_nothing_of_its_parent(self) -> None:
        lease = self.client.acquire(self.name)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                self.client.acquire(self.name)
            except tenure.Forked as error:
                told = str(error) and lease.lost.wait() and lease.reason == tenure.Reason.FORKED
                code = 0 if told else 2
            finally:
                del lease
                os._exit(code)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertFalse(lease.lost)
        self.assertTrue(self.client.validate(self.name, lease.token))
        lease.release()

    def test_many_clients_share_one_thread_and_those_of_a_child_another(self) -> None:
        clients = [self.connect() for _ in range(30)]
        self.assertTrue(one_serves())
        child = os.fork()
        if child == 0:
            code = 1
            try:
                own = [tenure.connect(cluster().endpoints, connect_timeout=60) for _ in range(5)]
                for client in own:
                    client.acquire(self.name + "/child").release()
                code = 0 if one_serves() else 2
            finally:
                os._exit(code)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        for client in clients:
            client.acquire(self.name).release()
            client.close()
        self.assertEqual(self.client.session().state, tenure.SessionState.VALID)

    def check_child(self, use: Callable[[], object], kind: Type[tenure.Error]) -> tenure.Error:
        """A forked child uses something of its parent's, and is told."""
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            told = b""
            try:
                use()
            except BaseException as error:
                told = pickle.dumps(error)
            finally:
                os.write(writer, told)
                os._exit(0)
        os.close(writer)
        with open(reader, "rb") as read:
            raised = pickle.loads(read.read())
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertIsInstance(raised, kind)
        assert isinstance(raised, tenure.Error)
        return raised

    def test_a_forked_child_that_leaves_a_block_is_told_that_it_lost_it(self) -> None:
        inside = contextlib.ExitStack()
        lease = inside.enter_context(self.client.lock(self.name))
        error = self.check_child(inside.close, tenure.Lost)
        assert isinstance(error, tenure.Lost)
        self.assertEqual((error.name, error.reason), (self.name, tenure.Reason.FORKED))
        self.assertTrue(self.client.validate(self.name, lease.token))
        inside.close()
        self.assertIsNone(self.client.holder_of(self.name))

    def test_a_forked_child_does_not_wait_for_a_thread_that_it_does_not_have(self) -> None:
        lock = self.client.lock(self.name)
        release = threading.Event()
        holds = threading.Event()

        def hold() -> None:
            with lock:
                holds.set()
                release.wait()

        threads = together(hold)
        holds.wait()
        uses: List[Callable[[], object]] = [lock.acquire, lock.__enter__]
        for use in uses:
            self.check_child(use, tenure.Forked)
        release.set()
        threads[0].join()

    def test_the_log_has_levels(self) -> None:
        for level in ["off", "error"]:
            tenure.log_level(level)
        with self.assertRaises(tenure.Invalid):
            tenure.log_level("loud")


if __name__ == "__main__":
    unittest.main()
