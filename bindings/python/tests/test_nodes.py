"""Nodes in this process, and the cluster for users' own tests."""

import tempfile
import unittest

import tenure
from support import ClusterCase, cluster, python


class LeaderTest(ClusterCase):
    def test_the_leader_knows_that_it_leads(self) -> None:
        leader = cluster().leader()
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

    def test_a_node_tells_its_metrics_and_a_client_what_it_has_counted(self) -> None:
        with tenure.testing.Cluster(1) as cluster, cluster.connect(connect_timeout=60) as client:
            with client.lock("metrics/x"):
                pass
            cluster.nodes[0].reload()
            metrics = cluster.nodes[0].metrics()
            self.assertIn("\ntenure_is_leader 1\n", metrics)
            self.assertIn("\ntenure_grants_total 1\n", metrics)
            told = client.describe("client")["client"]
            self.assertEqual((told["state"], told["sessions"], told["leases_granted"]), ("valid", 1, 1))
            self.assertEqual(told["lease_ends"], {"released": 1})
            self.assertEqual(told["requests"]["acquire"], 1)

    def test_an_admin_endpoint_answers_and_beyond_loopback_is_refused(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            members = "1=127.0.0.1:1"
            with self.assertRaisesRegex(tenure.Invalid, "the admin endpoint .* is open to the network"):
                tenure.Node(1, directory, members, listen="127.0.0.1:0", admin="0.0.0.0:0")
            with tenure.Node(1, directory, members, listen="127.0.0.1:0", admin="127.0.0.1:0") as node:
                self.assertIn("tenure_node_info{node=\"1\"} 1", node.metrics())

    def test_a_stopped_node_has_nothing_to_resign(self) -> None:
        with tenure.testing.Cluster() as cluster:
            leader = cluster.leader()
            leader.stop()
            with self.assertRaises(tenure.Closed):
                leader.resign()

    def test_a_lock_survives_the_stop_of_the_leader(self) -> None:
        with tenure.testing.Cluster() as cluster, cluster.connect(connect_timeout=60, ttl=30) as client:
            lease = client.acquire("jobs/x")
            cluster.leader().stop()
            cluster.leader()
            self.assertFalse(lease.lost)
            self.assertTrue(client.validate("jobs/x", lease.token))

    def test_only_a_node_that_was_added_may_join(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            with self.assertRaisesRegex(tenure.Invalid, "tenure member add 4"):
                tenure.Node(4, directory, join=cluster().endpoints)
            with self.assertRaisesRegex(tenure.Unavailable, "127.0.0.1:1 "):
                tenure.Node(4, directory, join="127.0.0.1:1")
            with self.assertRaises(tenure.Invalid):
                tenure.Node(4, directory)

    def test_a_cluster_of_one_is_a_cluster(self) -> None:
        with tenure.testing.Cluster(1) as cluster, cluster.connect(connect_timeout=60) as client:
            with client.lock("jobs/x"):
                self.assertEqual(len(cluster.nodes), 1)
        cluster.stop()

    def test_a_node_whose_stderr_nobody_reads_serves_on(self) -> None:
        self.assertEqual(python("-c", UNREAD), "served\n")


# A pipe that is full takes no line more, and what strangers send makes lines.
UNREAD = """
import os, socket, tenure
reads, writes = os.pipe()
os.set_blocking(writes, False)
for length in (4096, 1):
    try:
        while True:
            os.write(writes, b"x" * length)
    except BlockingIOError:
        pass
os.set_blocking(writes, True)
os.dup2(writes, 2)
with tenure.testing.Cluster(1) as cluster, cluster.connect(connect_timeout=60) as client:
    host, port = cluster.endpoints.rsplit(":", 1)
    for _ in range(3):
        with socket.create_connection((host, int(port))) as stranger:
            stranger.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            stranger.recv(1)
    with client.lock("jobs/x"):
        print("served", flush=True)
"""


if __name__ == "__main__":
    unittest.main()
