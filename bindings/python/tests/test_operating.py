"""What operators order, from a program: members, leadership, hand-overs, snapshots."""

import os
import signal
import stat
import tempfile
import threading
import time
import unittest
from pathlib import Path
from typing import Any, Dict

import tenure
from support import PATIENCE
from support_ports import free_address


def lead(client: tenure.Client, to: int) -> None:
    """Has `to` lead; elections may come between."""
    while True:
        try:
            return client.move_leader(to)
        except (tenure.Unavailable, tenure.Unknown):
            pass


def until_it_leads(node: tenure.Node) -> None:
    while not node.leadership().is_leader:
        node.next()


class OperatingCase(unittest.TestCase):
    """A test with three nodes of its own, and a directory."""

    def setUp(self) -> None:
        self.cluster = tenure.testing.Cluster()
        self.addCleanup(self.cluster.stop)
        self.client = self.connect("first")
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def connect(self, name: str, endpoints: str = "") -> tenure.Client:
        given: Dict[str, Any] = {"connect_timeout": PATIENCE, "request_timeout": PATIENCE}
        client = tenure.connect(endpoints or self.cluster.endpoints, name=name, **given)
        self.addCleanup(client.close)
        return client

    def member(self, id: int) -> "tenure.MemberDescription | None":
        found = [member for member in self.client.members.list() if member["id"] == id]
        return found[0] if found else None


class MembersTest(OperatingCase):
    def test_a_fourth_node_is_added_promoted_leads_and_is_removed(self) -> None:
        members, address = self.client.members, free_address()
        with self.assertRaises(tenure.NotFound):
            members.promote(4)
        members.add(4, address)
        with self.assertRaisesRegex(tenure.Invalid, "a member already"):
            members.add(4, address)
        added = self.member(4)
        assert added is not None
        self.assertEqual((added["address"], added["seat"]), (address, "learner"))

        endpoints = self.cluster.endpoints
        with tenure.Node(4, self.directory / "4", join=endpoints, ttl_max=60, snapshot_every=4096) as node:
            members.promote(4)
            promoted = self.member(4)
            assert promoted is not None
            self.assertEqual((promoted["seat"], promoted["behind"] is None), ("voter", False))
            lead(self.client, 4)
            until_it_leads(node)
            members.remove(4)
            self.assertIsNone(self.member(4))
            with self.assertRaises(tenure.NotFound):
                members.remove(4)
            with self.assertRaises(tenure.Denied):
                while True:
                    node.next()
        with self.assertRaisesRegex(tenure.Invalid, "never used again"):
            members.add(4, address)

    def test_what_is_so_already_is_done_and_what_cannot_be_is_refused(self) -> None:
        members = self.client.members
        members.promote(1)
        members.demote(3)
        members.demote(3)
        members.promote(3)
        members.add(5, "127.0.0.1:1")
        members.move(5, "127.0.0.1:2")
        described = self.client.describe("members")["members"]
        self.assertEqual([member["address"] for member in described if member["id"] == 5], ["127.0.0.1:2"])
        members.remove(5)
        self.client.move_leader()
        for address in ["", "db", "db:0", "a\0b:1"]:
            with self.assertRaises(tenure.Invalid):
                members.add(6, address)
        with self.assertRaises(tenure.Invalid):
            members.add(0, "db:1")
        with self.assertRaises(tenure.Invalid):
            members.promote(-1)
        with self.assertRaises(tenure.NotFound):
            members.move(9, "db:1")
        with self.assertRaises(tenure.Invalid):
            self.client.move_leader(9)
        with self.assertRaises(TypeError):
            members.add(6, 7401)  # type: ignore[arg-type]
        self.client.close()
        with self.assertRaises(tenure.Closed):
            members.remove(1)

    def test_bounds_of_a_node_are_told(self) -> None:
        for options, said in [
            ({"ttl_max": 0.1}, "from 200ms to 3600s"),
            ({"ttl_max": 7200}, "from 200ms to 3600s"),
            ({"snapshot_every": 1}, "from 4096 to 536870912"),
        ]:
            with self.assertRaisesRegex(tenure.Invalid, said):
                tenure.Node(1, self.directory / "1", "1=127.0.0.1:1", **options)  # type: ignore[arg-type]


class HandoverTest(OperatingCase):
    def test_a_lock_goes_to_the_one_that_is_named(self) -> None:
        other, third = self.connect("second"), self.connect("third")
        with self.assertRaisesRegex(tenure.NotFound, "nobody holds"):
            other.handover("x")
        lease = self.client.acquire("x")
        with self.assertRaisesRegex(tenure.NotFound, "third") as refused:
            other.handover("x", to="third")
        self.assertEqual(refused.exception.name, "x")
        self.assertFalse(lease.asked)
        got: Dict[str, int] = {}

        def take(client: tenure.Client, who: str) -> None:
            with client.lock("x") as held:
                got[who] = held.token

        def finish() -> None:
            while not lease.asked:
                time.sleep(0)
            lease.release()

        works = [
            threading.Thread(target=take, args=(other, "second")),
            threading.Thread(target=take, args=(third, "third")),
            threading.Thread(target=finish),
        ]
        for work in works:
            work.start()
        while self.client.describe("lock", "x")["locks"][0]["waiting"] != 2:
            pass
        other.handover("x", to="third", grace=3600, reason="maintenance")
        for work in works:
            work.join()
        self.assertLess(lease.token, got["third"])
        self.assertLess(got["third"], got["second"])

    def test_ctrl_c_ends_a_wait_for_a_handover(self) -> None:
        # Whoever was started in the background ignores it.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        other = self.connect("second")
        lease = self.client.acquire("x")
        waits = threading.Thread(target=lambda: other.acquire("x").release())
        waits.start()
        while self.client.describe("lock", "x")["locks"][0]["waiting"] != 1:
            pass

        def interrupt() -> None:
            while not lease.asked:
                time.sleep(0)
            os.kill(os.getpid(), signal.SIGINT)

        interrupts = threading.Thread(target=interrupt)
        interrupts.start()
        with self.assertRaises(KeyboardInterrupt):
            other.handover("x", grace=3600)
        interrupts.join()
        # What was ordered goes on.
        lease.release()
        waits.join()


class SnapshotTest(OperatingCase):
    def test_what_was_saved_begins_a_new_cluster(self) -> None:
        file = self.directory / "backup"
        with self.client.lock("x") as lease:
            self.client.save_snapshot(file)
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        with self.assertRaises(tenure.Io):
            self.client.save_snapshot(self.directory / "none" / "backup")
        addresses = [free_address() for _ in range(3)]
        members = ",".join(f"{id}={address}" for id, address in enumerate(addresses, 1))
        for id in (1, 2, 3):
            data = self.directory / str(id)
            self.assertEqual(tenure.restore_snapshot(file, id, data, members, waive_wait=True), 0)
            with self.assertRaisesRegex(tenure.Invalid, "not empty"):
                tenure.restore_snapshot(file, id, data, members, waive_wait=True)
            node = tenure.Node(id, data, members)
            self.addCleanup(node.stop)
        after = self.connect("after", ",".join(addresses))
        with after.lock("x") as again:
            self.assertGreater(again.token, lease.token)

        self.assertEqual(tenure.restore_snapshot(file, 1, self.directory / "waits", members), 3600)
        for options in [
            {"largest_ttl_max": 7200},
            {"largest_ttl_max": 10, "waive_wait": True},
            {"epoch": 0},
            {"ancestors": ["4b1d"]},
        ]:
            with self.assertRaises(tenure.Invalid):
                tenure.restore_snapshot(file, 1, self.directory / "no", members, **options)  # type: ignore[arg-type]
        with self.assertRaises(TypeError):
            tenure.restore_snapshot(file, 1, self.directory / "no", members, ancestors="4b1d")
        with self.assertRaises(tenure.Invalid):
            tenure.restore_snapshot(file, 4, self.directory / "no", members)
        with self.assertRaises(tenure.Io):
            tenure.restore_snapshot(self.directory / "none", 1, self.directory / "no", members)


class AioTest(unittest.IsolatedAsyncioTestCase):
    async def test_the_same_from_a_loop(self) -> None:
        with tenure.testing.Cluster() as cluster, tempfile.TemporaryDirectory() as directory:
            given: Dict[str, Any] = {"connect_timeout": PATIENCE, "request_timeout": PATIENCE}
            client = await tenure.aio.connect(cluster.endpoints, name="loop", **given)
            async with client:
                members = client.members
                await members.add(4, free_address())
                with tenure.Node(4, Path(directory) / "4", join=cluster.endpoints):
                    await members.promote(4)
                    await members.demote(4)
                    await members.move(4, "127.0.0.1:1")
                    seats = {member["id"]: member["seat"] for member in await members.list()}
                    self.assertEqual(seats, {1: "voter", 2: "voter", 3: "voter", 4: "learner"})
                    await members.remove(4)
                await client.move_leader()
                described = await client.describe("members")
                self.assertEqual([member["id"] for member in described["members"]], [1, 2, 3])
                with self.assertRaises(tenure.NotFound):
                    await client.handover("x", to="nobody")
                await client.save_snapshot(Path(directory) / "backup")
                self.assertTrue((Path(directory) / "backup").exists())


if __name__ == "__main__":
    unittest.main()
