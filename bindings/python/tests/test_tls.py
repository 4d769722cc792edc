"""Clients and nodes over TLS: who is served, who is refused and with which sentence. EXPIRED names certificates that are over."""

import asyncio
import json
import os
import re
import tempfile
import unittest
from pathlib import Path
from typing import Any, Literal, Optional, Union

import tenure
from support import PATIENCE, python
from support_ports import free_address

Shown = Union[tenure.TLS, Literal[False]]


def refused(told: str, endpoints: str, tls: Shown) -> None:
    """Refused with this sentence, once a node has answered: on a machine that is slow not in the first half of a second."""
    said = ""
    for _ in range(60):
        try:
            tenure.connect(endpoints, tls=tls, connect_timeout=0.5).close()
        except tenure.Unavailable as unavailable:
            said = str(unavailable)
            if re.search(told, said):
                return
        else:
            raise AssertionError(f"{tls} is served")
    raise AssertionError(f"{told!r} is not in {said!r}")


class TestingTest(unittest.TestCase):
    """tenure.testing.Cluster(tls=True)."""

    cluster: tenure.testing.Cluster

    @classmethod
    def setUpClass(cls) -> None:
        cls.cluster = tenure.testing.Cluster(tls=True)
        cls.addClassCleanup(cls.cluster.stop)

    def connect(self, tls: Optional[tenure.TLS] = None, timeout: float = PATIENCE) -> tenure.Client:
        client = self.cluster.connect(tls=tls, connect_timeout=timeout, request_timeout=PATIENCE)
        self.addCleanup(client.close)
        return client

    def test_clients_lock_and_may_not_operate_but_operators_may(self) -> None:
        client = self.connect()
        with client.lock("jobs/a", timeout=PATIENCE) as lease:
            self.assertGreater(lease.token, 0)
        with self.assertRaisesRegex(tenure.Denied, "client/test .*operate"):
            client.move_leader()
        with self.assertRaisesRegex(tenure.Denied, "client/test"):
            client.save_snapshot("/nonexistent/file")
        operator = self.connect(self.cluster.operator)
        self.assertEqual([member["id"] for member in operator.members.list()], [1, 2, 3])

    def test_a_client_of_a_node_is_whom_its_certificate_names(self) -> None:
        for node in self.cluster.nodes:
            with node.client(tls=self.cluster.tls, connect_timeout=PATIENCE) as client:
                with client.lock("jobs/b", timeout=PATIENCE):
                    with self.assertRaisesRegex(tenure.Denied, "client/test"):
                        client.break_("jobs/b", grace=0)
                with self.assertRaisesRegex(tenure.Denied, "client/test"):
                    client.move_leader()

    def test_leases_outlive_a_leader(self) -> None:
        with tenure.testing.Cluster(tls=True) as cluster, cluster.connect(connect_timeout=PATIENCE) as client:
            lease = client.acquire("jobs/c", PATIENCE)
            leader = cluster.leader()
            leader.stop()
            cluster.nodes.remove(leader)
            other = client.acquire("jobs/d", PATIENCE)
            self.assertGreater(other.token, lease.token)
            self.assertFalse(lease.lost.is_set())
            with cluster.connect(tls=cluster.operator, connect_timeout=PATIENCE) as operator:
                operator.break_("jobs/c", grace=0, token=lease.token)
            self.assertTrue(lease.lost.wait(PATIENCE))
            self.assertEqual(lease.reason, tenure.Reason.BROKEN)

    def test_the_same_on_a_loop(self) -> None:
        async def lock() -> None:
            opening = tenure.aio.connect(self.cluster.endpoints, tls=self.cluster.tls, connect_timeout=PATIENCE)
            async with await opening as client:
                async with client.lock("jobs/e", timeout=PATIENCE):
                    pass
                with self.assertRaisesRegex(tenure.Denied, "client/test"):
                    await client.move_leader()

        asyncio.run(lock())

    def test_strangers_are_told_why(self) -> None:
        own, endpoints = self.cluster.tls, self.cluster.endpoints
        assert own is not None
        refused("it speaks TLS, and this side does not", endpoints, False)
        refused("it demands a certificate", endpoints, tenure.TLS(own.ca))
        with tempfile.TemporaryDirectory() as place:
            tenure.write_certificate(place, "ca")
            tenure.write_certificate(place, "client/test")
            cert, key = Path(place, "client-test.crt"), Path(place, "client-test.key")
            theirs = tenure.TLS(Path(place, "ca.crt"), cert, key)
            refused("is not of an authority that is trusted here", endpoints, theirs)
            refused("our certificate is not of an authority", endpoints, tenure.TLS(own.ca, cert, key))
        # The certificates of this cluster's nodes name an address alone.
        ports = [endpoint.rpartition(":")[2] for endpoint in endpoints.split(",")]
        by_name = ",".join(f"localhost:{port}" for port in ports)
        refused("is not for localhost, but for 127.0.0.1", by_name, own)
        by_node = tenure.TLS(own.ca, own.cert, own.key, verify="node")
        tenure.connect(by_name, tls=by_node, connect_timeout=PATIENCE).close()

    def test_the_environment_says_it_too(self) -> None:
        own = self.cluster.certificate("client/of-the-environment")
        code = "import tenure; print(tenure.connect(connect_timeout=60).acquire('jobs/f', 60).token)"
        given = {"TENURE_CA": str(own.ca), "TENURE_CERT": str(own.cert), "TENURE_KEY": str(own.key)}
        token = python("-c", code, TENURE_ENDPOINTS=self.cluster.endpoints, **given)
        self.assertGreater(int(token), 0)
        # A cluster for tests is not the environment's.
        code = "import tenure.testing as t\nwith t.Cluster(1) as one, one.connect() as client: print(client.session().state)"
        self.assertIn("valid", python("-c", code, **given).lower())

    def test_what_does_not_fit_is_told(self) -> None:
        own = self.cluster.tls
        assert own is not None
        cases: "list[tuple[Any, str]]" = [
            (tenure.TLS(own.ca, cert=own.cert), "key is not given"),
            (tenure.TLS(own.ca, key=own.key), "cert is not given"),
            (tenure.TLS("/nonexistent/ca.crt"), r"/nonexistent/ca\.crt \(ca\)"),
            (tenure.TLS(own.ca, own.key, own.key), r"\(cert\) has no certificate"),
            (tenure.TLS(own.ca, own.cert, own.cert), r"\(key\) has no private key"),
            (tenure.TLS("", own.cert, own.key), "ca is not"),
            (tenure.TLS("a\0b"), "NUL"),
            (tenure.TLS(own.ca, verify="nobody"), "verify"),  # type: ignore[arg-type]
        ]
        for tls, told in cases:
            with self.subTest(told), self.assertRaisesRegex(tenure.Invalid, told):
                tenure.connect("127.0.0.1:1", tls=tls)
        for wrong in ("ca.crt", True, 1):
            with self.assertRaises(TypeError):
                tenure.connect("127.0.0.1:1", tls=wrong)  # type: ignore[arg-type]

    def test_a_cluster_without_certificates_makes_none(self) -> None:
        with tenure.testing.Cluster(1) as plain:
            self.assertIsNone(plain.tls)
            with self.assertRaisesRegex(tenure.Invalid, "tls=True"):
                plain.certificate("client/a")
            with plain.connect() as client:
                client.acquire("jobs/g", PATIENCE).release()


class NodesTest(unittest.TestCase):
    """One node, with files of its own."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.address = free_address()

    def tls(self, place: Path, name: str) -> tenure.TLS:
        return tenure.TLS(place / "ca.crt", place / f"{name}.crt", place / f"{name}.key")

    def start(self, **options: Any) -> tenure.Node:
        node = tenure.Node(1, self.directory / "data", f"1={self.address}", **options)
        self.addCleanup(node.stop)
        return node

    def make(self, place: Path, *whats: str) -> None:
        for what in whats:
            hosts = ["127.0.0.1"] if what.startswith("node/") else []
            tenure.write_certificate(place, what, hosts=hosts, replace=True)

    def test_an_operators_orders_and_denials_have_a_line_in_the_audit_trail(self) -> None:
        self.make(self.directory, "ca", "node/1", "client/billing", "operator/alice")
        audit = self.directory / "audit"
        node = self.start(tls=self.tls(self.directory, "node-1"), audit=audit)
        shown = self.tls(self.directory, "operator-alice")
        with tenure.connect(self.address, tls=shown, connect_timeout=PATIENCE) as alice:
            alice.save_snapshot(self.directory / "backup")
        shown = self.tls(self.directory, "client-billing")
        with tenure.connect(self.address, tls=shown, connect_timeout=PATIENCE) as billing:
            with self.assertRaises(tenure.Denied):
                billing.save_snapshot(self.directory / "other")
        node.stop()
        lines = [json.loads(line) for line in audit.read_text().splitlines()]
        self.assertEqual([line["principal"] for line in lines], ["operator/alice", "client/billing"])
        self.assertIn("denied", lines[1]["result"])

    def test_clients_of_another_authority_are_named_by_client_ca(self) -> None:
        others = self.directory / "others"
        self.make(self.directory, "ca", "node/1", "client/a")
        self.make(others, "ca", "client/a")
        self.start(tls=self.tls(self.directory, "node-1"), client_ca=others / "ca.crt")
        theirs = self.tls(others, "client-a")
        shown = tenure.TLS(self.directory / "ca.crt", theirs.cert, theirs.key)
        tenure.connect(self.address, tls=shown, connect_timeout=PATIENCE).close()
        refused("our certificate is not of an authority", self.address, self.tls(self.directory, "client-a"))

    def test_while_a_cluster_changes_over_both_are_taken(self) -> None:
        self.make(self.directory, "ca", "node/1", "client/a")
        own = self.tls(self.directory, "node-1")
        node = self.start(tls=own, tls_mode="optional")
        tenure.connect(self.address, tls=False, connect_timeout=PATIENCE).close()
        tenure.connect(self.address, tls=self.tls(self.directory, "client-a"), connect_timeout=PATIENCE).close()
        node.stop()
        self.start(tls=own, tls_mode="off")
        tenure.connect(self.address, tls=False, connect_timeout=PATIENCE).close()
        refused("if it does without TLS", self.address, self.tls(self.directory, "client-a"))

    def test_what_does_not_fit_is_told(self) -> None:
        self.make(self.directory, "ca", "node/1", "node/2", "client/a")
        own = self.tls(self.directory, "node-1")
        cases: "list[tuple[dict[str, Any], str]]" = [
            ({"tls": tenure.TLS(own.ca)}, "there is no cert and key"),
            ({"tls_mode": "required"}, "there is no ca and cert and key"),
            ({"client_ca": own.ca}, "needs all of ca, cert and key"),
            ({"tls": self.tls(self.directory, "node-2")}, "the certificate of node/2, and this is node/1"),
            ({"tls": self.tls(self.directory, "client-a")}, "the certificate of client/a"),
            ({"tls": own, "crl": own.ca}, r"\(crl\) has no list"),
            ({"tls": own, "client_ca": "/nonexistent"}, r"/nonexistent \(client_ca\)"),
            ({"tls": own, "tls_mode": "perhaps"}, "tls_mode"),
            ({"tls": own, "audit": "/nonexistent/audit"}, "/nonexistent/audit"),
        ]
        for options, told in cases:
            with self.subTest(told), self.assertRaisesRegex(tenure.Invalid, told):
                self.start(**options)

    def test_certificates_are_written_once_and_only_of_what_there_is(self) -> None:
        self.make(self.directory, "ca")
        with self.assertRaisesRegex(tenure.Invalid, "is there already"):
            tenure.write_certificate(self.directory, "ca")
        with self.assertRaisesRegex(tenure.Invalid, "no authority in"):
            tenure.write_certificate(self.directory / "others", "client/a")
        tenure.write_certificate(self.directory / "others", "client/a", ca_dir=self.directory, days=1)
        self.assertEqual((self.directory / "others/client-a.key").stat().st_mode & 0o777, 0o600)
        for what in ("", "billing", "node/0", "local/1", "client/a b"):
            with self.subTest(what), self.assertRaises(tenure.Invalid):
                tenure.write_certificate(self.directory, what)
        with self.assertRaises(TypeError):
            tenure.write_certificate(self.directory, "node/1", hosts="127.0.0.1")
        with self.assertRaises(tenure.Invalid):
            tenure.write_certificate(self.directory, "node/1", hosts=["127.0.0.1:7401"])

    @unittest.skipUnless("EXPIRED" in os.environ, "EXPIRED names no certificates")
    def test_what_has_expired_is_refused(self) -> None:
        place = Path(os.environ["EXPIRED"])
        self.make(place, "client/early")
        node = self.start(tls=self.tls(place, "node-1"))
        refused(r"its certificate expired on \d{4}-", self.address, self.tls(place, "client-early"))
        node.stop()
        self.make(place, "node/1")
        self.start(tls=self.tls(place, "node-1"))
        refused("our certificate has expired", self.address, self.tls(place, "client-late"))


if __name__ == "__main__":
    unittest.main()
