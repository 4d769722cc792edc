"""The examples as people run them."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import List

from support import PACKAGE, ClusterCase, environment, python

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
            command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
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

    def test_fence_refuses_a_write_that_comes_late(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "report.db")
            for text in ["new", "newer"]:
                output = python(EXAMPLES / "fence.py", path, text)
                self.assertEqual(output, f"holder: written\nlate holder: refused\ntext: {text}\n")

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
