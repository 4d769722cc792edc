"""Rights and credentials, over TLS and in the process of a node, from threads and from a loop."""

import asyncio
import os
import tempfile
import unittest
from pathlib import Path
from typing import Any, Awaitable, Callable, Dict, Optional

import tenure
from support import PATIENCE

REVOKED = "the credential of client/web is not the one that this cluster has"
PATIENT: Dict[str, Any] = {"connect_timeout": PATIENCE, "request_timeout": PATIENCE}

# No rule, and what is said of each.
WRONG = [
    (("", "read", "x"), "is nobody to whom rights can be given"),
    (("billing", "read", "x"), "is nobody to whom rights can be given"),
    (("client/a*b", "read", "x"), "is nobody to whom rights can be given"),
    (("node/1", "read", "x"), "the certificate of a node uses no locks"),
    (("client/\0", "read", "x"), "the principal contains a NUL"),
    (("client/a", "", "x"), "no right is named"),
    (("client/a", [], "x"), "no right is named"),
    (("client/a", "write", "x"), 'there is no right "write"'),
    (("client/a", ["read", "admin"], "x"), "give them by one rule each"),
    (("client/a", "read\0", "x"), "the list of rights contains a NUL"),
    (("client/a", "read"), "name the lock"),
    (("client/a", "admin", "x"), "name no lock"),
    (("client/a", "read", ""), "covers no lock"),
    (("client/a", "read", "jobs/*"), 'a prefix ends in "/"'),
    (("client/a", "read", "a\0"), "the pattern of names contains a NUL"),
    (("client/a", "read", "a" * 257), "covers no lock"),
]
NOT_ASKED = [
    (("", "read", "x"), "is no identity"),
    (("client/*", "read", "x"), "has '\\*' in its name"),
    (("client/a", "", "x"), 'there is no right ""'),
    (("client/a", "read"), "name the lock"),
    (("client/a", "admin", "x"), "name no lock"),
    (("client/a", "read", ""), "at least one byte"),
    (("client/a", "read", "\0"), "NUL"),
]
NOBODY = [
    ("", "is no identity"),
    ("billing", "is no identity"),
    ("client/", "has an empty name"),
    ("client/*", "has '\\*' in its name"),
    ("node/1", "a credential is of client/NAME or operator/NAME"),
    ("local/1", "a credential is of client/NAME or operator/NAME"),
    ("client/\0", "the principal contains a NUL"),
]


class AccessCase(unittest.TestCase):
    """A test with an operator, and a file for a credential; the nodes are those of all tests of a class."""

    cluster: tenure.testing.Cluster

    @classmethod
    def setUpClass(cls) -> None:
        cls.cluster = tenure.testing.Cluster(tls=True)
        cls.addClassCleanup(cls.cluster.stop)

    def setUp(self) -> None:
        self.operator = self.cluster.connect(tls=self.cluster.operator, **PATIENT)
        self.addCleanup(self.operator.close)
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.file = Path(directory.name, "web.credential")
        assert self.cluster.tls is not None
        self.tls = tenure.TLS(self.cluster.tls.ca)

    def write(self, line: str) -> None:
        self.file.unlink(missing_ok=True)
        with open(os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(line)

    def connect(self, node: Optional[tenure.Node] = None, ttl: Optional[float] = None) -> tenure.Client:
        """As whoever has the credential, over TCP or by a node of this process."""
        shown: Dict[str, Any] = {"tls": self.tls, "credential": self.file, "ttl": ttl, **PATIENT}
        client = self.cluster.connect(**shown) if node is None else node.client(**shown)
        self.addCleanup(client.close)
        return client

    def everywhere(self, ttl: Optional[float] = None) -> "list[tenure.Client]":
        """Over TCP, and by each node: by the one that leads, and by those that do not."""
        return [self.connect(node, ttl) for node in (None, *self.cluster.nodes)]

    def refused(self) -> None:
        """Once a node has answered: on a machine that is slow not in the first half of a second."""
        said = ""
        for _ in range(60):
            with self.assertRaises(tenure.Unavailable) as raised:
                self.cluster.connect(tls=self.tls, credential=self.file, connect_timeout=0.5)
            said = str(raised.exception)
            if REVOKED in said:
                return
        self.fail(f"{REVOKED!r} is not in {said!r}")


class CredentialsTest(AccessCase):
    def test_who_has_a_credential_is_its_principal_until_it_is_revoked(self) -> None:
        access = self.operator.access
        line = access.create_credential("client/web")
        self.assertRegex(line, r"\Aclient/web:[0-9a-f]{64}\Z")
        self.write(line)
        clients = self.everywhere(ttl=2)
        for client in clients:
            with client.lock("jobs/x", timeout=PATIENCE):
                pass
            for forbidden in (
                client.move_leader,
                client.access.on,
                client.access.list,
                lambda: client.access.allow("client/web", "admin"),
                lambda: client.access.create_credential("client/web"),
                lambda: client.access.revoke_credential("client/web"),
            ):
                with self.assertRaisesRegex(tenure.Denied, "client/web may use locks, and not operate the cluster"):
                    forbidden()
        self.assertIn("client/web", access.list().credentials)
        leases = [client.acquire(f"jobs/{number}", PATIENCE) for number, client in enumerate(clients)]
        access.revoke_credential("client/web")
        for client, lease in zip(clients, leases):
            self.assertTrue(lease.lost.wait(PATIENCE))
            self.assertEqual(lease.reason, tenure.Reason.EXPIRED)
            ended = next(session for session in client.events() if session.state == tenure.SessionState.ENDED)
            self.assertIsNotNone(ended)
            while REVOKED not in (client.describe("condition")["state_text"] or ""):
                pass
        self.refused()
        with self.assertRaisesRegex(tenure.NotFound, "client/web has no credential") as raised:
            access.revoke_credential("client/web")
        self.assertIsNone(raised.exception.still)

    def test_a_new_one_makes_the_one_before_void(self) -> None:
        access = self.operator.access
        first, second = access.create_credential("client/web"), access.create_credential("client/web")
        self.assertNotEqual(first, second)
        self.write(first)
        self.refused()
        self.write(second + "\n")
        with self.connect().lock("jobs/x", timeout=PATIENCE):
            pass
        with self.cluster.connect(credential=self.file, **PATIENT) as web:
            web.acquire("jobs/x", PATIENCE).release()

    def test_one_is_replaced_without_a_lost_lease(self) -> None:
        access = self.operator.access
        self.write(access.create_credential("client/web"))
        clients = self.everywhere(ttl=PATIENCE)
        leases = [client.acquire(f"jobs/{number}", PATIENCE) for number, client in enumerate(clients)]
        line = access.create_credential("client/web")
        renewed = self.file.with_suffix(".new")
        renewed.write_text(line)
        renewed.replace(self.file)
        for client, lease in zip(clients, leases):
            client.acquire("jobs/x", PATIENCE).release()
            self.assertFalse(lease.lost.is_set())
            lease.release()

    def test_an_operators_may_operate(self) -> None:
        self.write(self.operator.access.create_credential("operator/bob"))
        for client in self.everywhere():
            self.assertIn("operator/bob", client.access.list().credentials)
            client.access.allow("operator/bob", "admin")

    def test_a_file_that_is_none_is_told(self) -> None:
        secret = "ab" * 32
        for content, told in [
            ("", "is empty"),
            ("client/web:abab", "it was cut or changed"),
            (f"web:{secret}", "is no credential"),
            (f"node/1:{secret}", "a credential is of client/NAME"),
        ]:
            self.write(content)
            for node in (None, self.cluster.nodes[0]):
                with self.subTest(told), self.assertRaisesRegex(tenure.Invalid, told) as raised:
                    self.connect(node)
                self.assertIn(str(self.file), str(raised.exception))
                self.assertNotIn("abab", str(raised.exception))
        self.file.unlink()
        with self.assertRaisesRegex(tenure.Invalid, "web.credential"):
            self.connect()
        self.write(f"client/web:{secret}")
        with self.assertRaisesRegex(tenure.Invalid, "two identities"):
            self.cluster.connect(tls=self.cluster.tls, credential=self.file)
        with self.assertRaisesRegex(tenure.Invalid, "ca is not"):
            tenure.connect("127.0.0.1:1", credential=self.file)
        with self.assertRaisesRegex(tenure.Invalid, "NUL"):
            tenure.connect("127.0.0.1:1", tls=self.tls, credential="a\0b")


class RulesTest(AccessCase):
    def test_rules_decide_over_tcp_and_in_the_process_alike(self) -> None:
        access = self.operator.access
        self.write(access.create_credential("client/web"))
        clients = self.everywhere()
        self.addCleanup(access.off)
        self.assertFalse(access.list().on)
        access.allow("operator/test", ["admin", "operate"])
        access.allow("operator/test", "admin")
        access.on()
        access.on()
        for client in clients:
            with self.assertRaisesRegex(tenure.Denied, 'client/web lacks the right acquire for "jobs/x"') as denied:
                client.acquire("jobs/x")
            self.assertEqual(denied.exception.name, "jobs/x")
            with self.assertRaisesRegex(tenure.Denied, 'client/web lacks the right read for "jobs/x"'):
                client.holder_of("jobs/x")
            with self.assertRaisesRegex(tenure.Denied, "client/web lacks the right admin for the cluster"):
                client.access.off()
        self.assertFalse(access.test("client/web", "acquire", "jobs/x"))
        access.allow("client/w*", "acquire,read", "jobs/")
        self.assertTrue(access.test("client/web", "acquire", "jobs/x"))
        self.assertFalse(access.test("client/web", "break", "jobs/x"))
        self.assertTrue(access.test("operator/test", "operate"))
        for client in clients:
            with client.lock("jobs/x", timeout=PATIENCE):
                pass
            with self.assertRaises(tenure.Denied):
                client.acquire("other")
        web = tenure.Rule("client/w*", ("acquire", "read"), "jobs/")
        test = tenure.Rule("operator/test", ("operate", "admin"), None)
        self.assertEqual(access.list(), tenure.Rules(True, (web, test), ("client/web",)))
        described = self.operator.describe("access")
        self.assertEqual(described["rules"][1], {"principal": "operator/test", "rights": ["operate", "admin"], "names": None})
        access.off()
        access.deny("client/w*", "acquire,read", "jobs/")
        access.deny("operator/test", "admin,operate")
        for client in clients:
            with client.lock("other", timeout=PATIENCE):
                pass

    def test_what_a_deny_finds_is_told(self) -> None:
        access = self.operator.access
        self.addCleanup(access.off)
        access.allow("client/w*", "acquire,read", "jobs/")
        with self.assertRaisesRegex(tenure.NotFound, "there was no rule for client/web acquire jobs/x: nothing was taken") as raised:
            access.deny("client/web", "acquire", "jobs/x")
        self.assertEqual(raised.exception.still, tenure.Rule("client/w*", ("acquire", "read"), "jobs/"))
        with self.assertRaises(tenure.NotFound) as raised:
            access.deny("client/nobody", "read", "x")
        self.assertIsNone(raised.exception.still)
        access.allow("*", "acquire", "*")
        access.allow("client/w*", "break", "jobs of a/")
        self.assertEqual(access.deny("client/w*", ("acquire", "read"), "jobs/"), tenure.Rule("*", ("acquire",), "*"))
        self.assertIsNone(access.deny("*", "acquire", "*"))
        with self.assertRaises(tenure.NotFound) as raised:
            access.deny("client/web", "break", "jobs of a/x")
        self.assertEqual(raised.exception.still, tenure.Rule("client/w*", ("break",), "jobs of a/"))
        access.allow("operator/test", "admin,operate")
        access.on()
        self.assertIsNone(access.deny("operator/test", "operate"))
        with self.assertRaisesRegex(tenure.Unavailable, "nobody could change rights any more"):
            access.deny("operator/test", "admin")
        access.off()
        access.deny("operator/test", "admin")
        access.deny("client/w*", "break", "jobs of a/")


class WrongTest(AccessCase):
    def test_what_is_no_rule_is_told(self) -> None:
        access = self.operator.access
        for call in (access.allow, access.deny):
            for arguments, told in WRONG:
                with self.subTest(str(arguments)), self.assertRaisesRegex(tenure.Invalid, told):
                    call(*arguments)  # type: ignore[arg-type]
        for asked, told in NOT_ASKED:
            with self.subTest(str(asked)), self.assertRaisesRegex(tenure.Invalid, told):
                access.test(*asked)
        for of in (access.create_credential, access.revoke_credential):
            for principal, told in NOBODY:
                if of == access.revoke_credential and "NAME" in told:
                    continue
                with self.subTest(principal), self.assertRaisesRegex(tenure.Invalid, told):
                    of(principal)
        wrong: "list[Callable[[Any], object]]" = [
            lambda none: access.allow(none, "read", "x"),
            lambda none: access.allow("client/a", none, "x"),
            lambda none: access.test("client/a", none, "x"),
            access.create_credential,
            access.revoke_credential,
        ]
        for call_with in wrong:
            for none in (None, 1, b"client/a"):
                with self.assertRaises(TypeError):
                    call_with(none)
        with self.assertRaisesRegex(tenure.Unavailable, "nobody could change rights any more"):
            access.on()
        self.assertEqual(access.list(), tenure.Rules(False, (), ()))
        self.operator.close()
        for closed in (access.on, access.list, lambda: access.deny("client/a", "read", "x")):
            with self.assertRaises(tenure.Closed):
                closed()


class AioTest(AccessCase):
    async def use(self) -> None:
        given: Dict[str, Any] = {"tls": self.cluster.operator, **PATIENT}
        async with await tenure.aio.connect(self.cluster.endpoints, **given) as operator:
            access = operator.access
            self.write(await access.create_credential("client/web"))
            await access.allow("operator/test", "admin")
            await access.on()
            shown: Dict[str, Any] = {"tls": self.tls, "credential": self.file, "ttl": 2, **PATIENT}
            web = await tenure.aio.connect(self.cluster.endpoints, **shown)
            async with web:
                with self.assertRaisesRegex(tenure.Denied, 'client/web lacks the right acquire for "jobs/x"'):
                    await web.acquire("jobs/x")
                await access.allow("client/web", ["acquire"], "jobs/")
                self.assertTrue(await access.test("client/web", "acquire", "jobs/x"))
                lease = await web.acquire("jobs/x")
                rules = await access.list()
                self.assertEqual((rules.on, rules.credentials), (True, ("client/web",)))
                self.assertEqual(rules.rules[0], tenure.Rule("client/web", ("acquire",), "jobs/"))
                self.assertIs((await operator.describe("access"))["on"], True)
                self.assertIsNone(await access.deny("client/web", "acquire", "jobs/"))
                with self.assertRaises(tenure.NotFound):
                    await access.deny("client/web", "acquire", "jobs/")
                await access.off()
                await access.revoke_credential("client/web")
                async for session in web.events():
                    if session.state == tenure.SessionState.ENDED:
                        break
                self.assertEqual(lease.reason, tenure.Reason.EXPIRED)
                while REVOKED not in ((await web.describe("condition"))["state_text"] or ""):
                    pass
            await self.are_invalid(access)
        with self.assertRaisesRegex(tenure.Unavailable, "no session"):
            await tenure.aio.connect(self.cluster.endpoints, tls=self.tls, credential=self.file, connect_timeout=0.5)

    async def are_invalid(self, access: tenure.aio.Access) -> None:
        calls: "list[Awaitable[object]]" = [
            access.allow("client/a", "read", "jobs/*"),
            access.deny("client/\0", "read", "x"),
            access.test("client/a", "read", ""),
            access.create_credential("node/1"),
            access.revoke_credential(""),
        ]
        for call in calls:
            with self.assertRaises(tenure.Invalid):
                await call

    def test_the_same_from_a_loop(self) -> None:
        asyncio.run(self.use())


if __name__ == "__main__":
    unittest.main()
