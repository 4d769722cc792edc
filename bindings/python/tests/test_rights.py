"""What rights deny, on three processes that speak TLS: each call raises Denied, which says who lacks which right for which name; whoever
waits or observes and loses its right is told so. TENURE is the program."""

import asyncio
import os
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path
from typing import Any, Callable, List

import tenure
from support import PATIENCE
from support_ports import free_address


class RightsTest(unittest.TestCase):
    directory: Path
    endpoints: str

    @classmethod
    def setUpClass(cls) -> None:
        program = os.environ.get("TENURE")
        if not program:
            raise unittest.SkipTest("the program is not built")
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.directory, cls.program = Path(directory.name), program
        addresses = [free_address() for _ in range(3)]
        cls.endpoints = ",".join(addresses)
        members = ",".join(f"{id}={address}" for id, address in enumerate(addresses, 1))
        tenure.write_certificate(cls.directory, "ca")
        for what in ("client/billing", "client/other", "operator/alice"):
            tenure.write_certificate(cls.directory, what)
        for id in (1, 2, 3):
            tenure.write_certificate(cls.directory, f"node/{id}", hosts=["127.0.0.1"])
            words = ["serve", "--id", id, "--data", cls.directory / f"data-{id}", "--cluster", members, "--election", "1s"]
            command = [program, *map(str, words), *cls.flags(f"node-{id}")]
            node = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            cls.addClassCleanup(node.wait)
            cls.addClassCleanup(node.kill)
        cls.access("on", "--admin", "operator/alice")

    @classmethod
    def flags(cls, name: str) -> List[str]:
        place = cls.directory
        return ["--ca", f"{place}/ca.crt", "--cert", f"{place}/{name}.crt", "--key", f"{place}/{name}.key"]

    @classmethod
    def access(cls, *words: str) -> None:
        """`tenure access`, as alice."""
        given = ["--endpoints", cls.endpoints, "--timeout", str(PATIENCE) + "s", *cls.flags("operator-alice")]
        done = subprocess.run([cls.program, "access", *words, *given], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{words}: {done.returncode}, {done.stderr}")

    def shown(self, name: str) -> "dict[str, Any]":
        place = self.directory
        tls = tenure.TLS(place / "ca.crt", place / f"{name}.crt", place / f"{name}.key")
        return {"tls": tls, "name": name, "connect_timeout": PATIENCE, "request_timeout": PATIENCE}

    def connect(self, name: str) -> tenure.Client:
        client = tenure.connect(self.endpoints, **self.shown(name))
        self.addCleanup(client.close)
        return client

    def denied(self, right: str, of: str = "") -> Any:
        name = f' for "{of}"' if of else " for the cluster"
        return self.assertRaisesRegex(tenure.Denied, f'^("{of}.*": )?client/billing lacks the right {right}{name}: whoever has admin')

    def test_each_call_says_who_lacks_which_right_for_which_name(self) -> None:
        client = self.connect("client-billing")
        calls: "list[tuple[str, str, Callable[[], object]]]" = [
            ("acquire", "no/a", lambda: client.acquire("no/a", PATIENCE)),
            ("acquire", "no/a", lambda: client.acquire("no/a", 0)),
            ("acquire", "no/a", lambda: client.acquire_all(["no/a", "no/b"], PATIENCE)),
            ("acquire", "no/a", lambda: client.lock("no/a").acquire()),
            ("acquire", "no/a", lambda: client.lock("no/a").acquire(blocking=False)),
            ("acquire", "no/a", lambda: client.lock("no/a").__enter__()),
            ("acquire", "no/a", lambda: client.election("no/a").campaign(b"", timeout=PATIENCE)),
            ("read", "no/a", lambda: client.election("no/a").leader()),
            ("read", "no/a", lambda: client.holder_of("no/a")),
            ("read", "no/a", lambda: client.validate("no/a", 1)),
            ("read", "no/a", lambda: client.observe("no/a").next(PATIENCE)),
            ("read", "no/a", lambda: client.describe("lock", "no/a")),
            ("read", "no/a", lambda: client.handover("no/a")),
            ("break", "no/a", lambda: client.break_("no/a")),
            ("break", "no/a", lambda: client.break_("no/a", grace=0)),
            ("operate", "", client.move_leader),
            ("operate", "", lambda: client.members.remove(3)),
            ("operate", "", lambda: client.save_snapshot(self.directory / "backup")),
        ]
        for right, name, call in calls:
            with self.subTest(right=right, call=call), self.denied(right, name):
                call()
        self.assertIs(client.session().state, tenure.SessionState.VALID)
        self.assertIsInstance(tenure.Denied(""), PermissionError)
        self.assertEqual(client.describe("locks")["locks"], [])

    def test_who_waits_and_who_observes_is_told_that_its_right_was_taken_away(self) -> None:
        self.access("allow", "client/*", "acquire,read", "jobs/")
        holder, waiter = self.connect("client-other"), self.connect("client-billing")
        lease = holder.acquire("jobs/a", PATIENCE)
        observer = waiter.observe("jobs/a")
        self.assertEqual(observer.next(PATIENCE).holder.client, "client-other")
        raised: "list[BaseException]" = []

        def until_raised(call: Callable[[], object]) -> None:
            try:
                call()
            except BaseException as error:  # pylint: disable=broad-exception-caught
                raised.append(error)

        threads = [
            threading.Thread(target=until_raised, args=[call])
            for call in (lambda: waiter.acquire("jobs/a"), lambda: waiter.lock("jobs/a").acquire(), observer.next)
        ]
        for thread in threads:
            thread.start()
        while sum(lock["waiting"] for lock in holder.describe("lock", "jobs/a")["locks"]) != 2:
            pass
        self.access("deny", "client/*", "acquire,read", "jobs/")
        for thread in threads:
            thread.join()
        said = sorted(str(error) for error in raised)
        for text, right in zip(said, ("acquire", "acquire", "read")):
            self.assertIn(f'client/billing lacks the right {right} for "jobs/a": whoever has admin', text)
        self.assertEqual(len(said), 3)
        self.assertEqual({type(error) for error in raised}, {tenure.Denied})
        # An observer that has ended says so again, and what is held stays and is given back.
        with self.denied("read", "jobs/a"):
            observer.next(PATIENCE)
        self.assertFalse(lease.lost.is_set())
        self.assertGreater(lease.remaining(), 0)
        lease.release()

    def test_the_same_on_a_loop(self) -> None:
        self.access("allow", "client/*", "acquire,read", "loop/")

        async def run() -> None:
            loop = asyncio.get_running_loop()
            async with await tenure.aio.connect(self.endpoints, **self.shown("client-billing")) as client:
                calls: "list[tuple[str, Callable[[], Any]]]" = [
                    ("acquire", lambda: client.acquire("no/a", PATIENCE)),
                    ("acquire", lambda: client.acquire_all(["no/a", "no/b"], PATIENCE)),
                    ("acquire", lambda: client.lock("no/a").acquire()),
                    ("acquire", lambda: client.lock("no/a").__aenter__()),
                    ("acquire", lambda: client.election("no/a").campaign(b"", timeout=PATIENCE)),
                    ("read", lambda: client.holder_of("no/a")),
                    ("read", lambda: client.observe("no/a").next(PATIENCE)),
                    ("break", lambda: client.break_("no/a")),
                ]
                for right, call in calls:
                    with self.denied(right, "no/a"):
                        await call()
                with self.denied("operate"):
                    await client.move_leader()
                lease = await client.acquire("loop/a", PATIENCE)
                observer = client.observe("loop/a")
                self.assertEqual((await observer.next(PATIENCE)).holder.client, "client-billing")
                waits = asyncio.create_task(client.acquire("loop/a"))
                observes = asyncio.create_task(observer.next())
                while sum(lock["waiting"] for lock in (await client.describe("lock", "loop/a"))["locks"]) != 1:
                    pass
                await loop.run_in_executor(None, lambda: self.access("deny", "client/*", "acquire,read", "loop/"))
                with self.denied("acquire", "loop/a"):
                    await waits
                with self.denied("read", "loop/a"):
                    await observes
                with self.denied("read", "loop/a"):
                    async for _ in observer:
                        self.fail("it observes nothing any more")
                self.assertFalse(lease.lost.is_set())
                await lease.release()

        asyncio.run(run())


if __name__ == "__main__":
    unittest.main()
