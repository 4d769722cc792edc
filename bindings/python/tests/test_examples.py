"""The examples as people run them."""

import importlib.util
import itertools
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Dict, List

import tenure
from support import PACKAGE, ClusterCase, environment, python, together, until_waiting
from support_ports import free_address

EXAMPLES = PACKAGE / "examples"


def number_after(mark: str, text: str) -> int:
    """The number after `mark`."""
    found = re.search(re.escape(mark) + r"(\d+)", text)
    assert found, f"no {mark!r} and a number in {text!r}"
    return int(found[1])


class ExampleTest(ClusterCase):
    def start(self, example: str, *arguments: str) -> "subprocess.Popen[str]":
        """A process that does not outlive its test; its output is to be read."""
        command = [sys.executable, str(EXAMPLES / example), *arguments]
        process = subprocess.Popen(
            command,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            # As at a login, however the tests were started: a shell's background jobs ignore it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def test_lock_takes_a_lock_and_gives_it_back(self) -> None:
        tokens: List[int] = []
        for _ in range(2):
            output = python(EXAMPLES / "lock.py", self.name)
            self.assertTrue(output.endswith(f"{self.name}: released\n"), output)
            tokens.append(number_after("token ", output))
        self.assertLess(tokens[0], tokens[1])

    def test_elect_is_elected_proclaims_and_resigns(self) -> None:
        output = python(EXAMPLES / "elect.py", "scheduler", "host-1")
        said = ["nobody leads", "host-1 leads", "somebody busy leads", "nobody leads"]
        self.assertEqual(output, "".join(f"scheduler: {line}\n" for line in said))

    def test_cron_runs_its_command_unless_it_runs_elsewhere(self) -> None:
        cron = [EXAMPLES / "cron.py", "report", "0", "sh", "-c", 'echo "ran: $TENURE_TOKEN"']
        with self.client.lock("cron/report") as lease:
            self.assertEqual(python(*cron), "report: runs elsewhere\n")
        self.assertGreater(number_after("ran: ", python(*cron)), lease.token)

    def test_cron_ends_its_command_when_the_lock_is_lost(self) -> None:
        process = self.start("cron.py", "broken", "3600", "sh", "-c", "echo runs; exec sleep 3600")
        assert process.stdout is not None
        self.assertEqual(process.stdout.readline(), "runs\n")
        self.client.break_("cron/broken", 0)
        self.assertEqual(process.stdout.read(), "")
        self.assertEqual(process.wait(), 1)

    def test_cron_ends_its_command_before_it_gives_the_lock_back_when_it_is_told_to_end(self) -> None:
        for number, code in [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)]:
            name = f"told-{number}"
            process = self.start("cron.py", name, "3600", "sh", "-c", "trap '' INT TERM; echo runs; exec sleep 3600")
            assert process.stdout is not None
            self.assertEqual(process.stdout.readline(), "runs\n")
            waits = together(lambda: self.client.acquire(f"cron/{name}").release())
            until_waiting(self.client, f"cron/{name}", 1)
            process.send_signal(number)
            waits[0].join()
            self.assertEqual(process.wait(), code)

    def test_a_worker_that_stands_by_follows_one_that_is_killed(self) -> None:
        first, second = (self.start("workers.py", name) for name in ["first", "second"])
        assert first.stdout is not None and second.stdout is not None
        self.assertEqual(first.stdout.readline(), "first: stands by\n")
        self.assertEqual(second.stdout.readline(), "second: stands by\n")
        observer = self.client.observe("workers")
        leaders = (holder.client for holder in observer if holder is not None)
        leader = next(leaders)
        leading, standing = (first, second) if leader == "first" else (second, first)
        assert leading.stdout is not None and standing.stdout is not None
        token = number_after("leads: token ", leading.stdout.readline())
        leading.kill()
        self.assertGreater(number_after("leads: token ", standing.stdout.readline()), token)

    def test_a_service_grows_from_one_process_to_three_that_outlive_the_first(self) -> None:
        addresses = [free_address() for _ in range(3)]
        with tempfile.TemporaryDirectory() as directory:
            processes: List["subprocess.Popen[str]"] = []
            for id in (1, 2, 3):
                others = [",".join(addresses[: id - 1])] if id > 1 else []
                process = self.start("grow.py", str(id), f"{directory}/{id}", addresses[id - 1], *others)
                assert process.stdout is not None
                self.assertEqual(process.stdout.readline(), f"node {id} votes\n")
                processes.append(process)
            processes[0].kill()
            with tenure.connect(",".join(addresses), connect_timeout=60, request_timeout=60) as client:
                with client.lock("x"):
                    seats = [member["seat"] for member in client.members.list()]
                self.assertEqual(seats, ["voter"] * 3)
            for process in processes:
                process.kill()
                process.wait()

    def test_fence_refuses_what_comes_between_the_read_and_the_write_of_a_later_holder(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "report.db")
            lines = ""
            for line in ["one", "two"]:
                lines += f"{line}\n"
                output = python(EXAMPLES / "fence.py", path, line)
                self.assertEqual(output, f"late holder: refused\nholder: written\n{lines}")

    def test_fence_loses_no_change_of_two_holders_whose_steps_come_in_any_order(self) -> None:
        """Both read before they write, in the order in which they got their tokens: what was accepted is in the end."""
        specification = importlib.util.spec_from_file_location("fence", EXAMPLES / "fence.py")
        assert specification and specification.loader
        fence = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(fence)
        steps = [(1, "read"), (1, "write"), (2, "read"), (2, "write")]
        orders = [
            order
            for order in itertools.permutations(steps)
            if all(order.index((who, "read")) < order.index((who, "write")) for who in [1, 2])
        ]
        self.assertEqual(len(orders), 6)
        for order in orders:
            with self.subTest(order), sqlite3.connect(":memory:") as database:
                for statement in [fence.TABLE, fence.ROW]:
                    database.execute(statement)
                seen: Dict[int, str] = {}
                accepted = set()
                for who, step in order:
                    try:
                        if step == "read":
                            seen[who] = fence.read(database, who)
                        elif who in seen:
                            fence.write(database, seen[who] + str(who), who)
                            accepted.add(str(who))
                    except fence.Late:
                        self.assertEqual(who, 1)
                self.assertEqual(set(fence.read(database, 3)), accepted)
                self.assertIn("2", accepted)

    def test_a_service_leads_answers_and_resigns(self) -> None:
        first = self.start("service.py")
        assert first.stdout is not None
        line = first.stdout.readline()
        token = number_after("leads: token ", line)
        address = line.split()[0]
        host, port = address.split(":")
        with socket.create_connection((host, int(port))) as connection:
            self.assertEqual(connection.makefile().read(), f"{address} leads\n")
        second = self.start("service.py")
        assert second.stdout is not None
        os.kill(first.pid, signal.SIGTERM)
        self.assertEqual(first.stdout.read(), "resigned\n")
        self.assertEqual(first.wait(), 0)
        self.assertGreater(number_after("leads: token ", second.stdout.readline()), token)


if __name__ == "__main__":
    unittest.main()
