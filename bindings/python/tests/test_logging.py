"""What the library says is a record of logging, whoever reads it and whatever handlers do."""

import asyncio
import io
import logging
import os
import queue
import select
import sys
import unittest
from contextlib import redirect_stderr
from typing import Callable, List, Optional

import tenure
from support import PATIENCE, ClusterCase, python
from support_aio import AioCase
from tenure import _bridge


class Records(logging.Handler):
    """Has what a logger was given, of one text."""

    def __init__(self, text: str, then: Optional[Callable[[], object]] = None) -> None:
        super().__init__()
        self.text, self.then = text, then
        self.records: "queue.SimpleQueue[logging.LogRecord]" = queue.SimpleQueue()

    def emit(self, record: logging.LogRecord) -> None:
        if self.text in record.getMessage():
            self.records.put(record)
            if self.then:
                self.then()

    def next(self) -> logging.LogRecord:
        return self.records.get(timeout=PATIENCE)


class LoggingCase(ClusterCase):
    def setUp(self) -> None:
        super().setUp()
        self.records = self.handle()
        logger = logging.getLogger("tenure")
        self.addCleanup(logger.setLevel, logger.level)
        logger.setLevel(logging.DEBUG)

    def handle(self, then: Optional[Callable[[], object]] = None, text: str = " is asked to end") -> Records:
        handler = Records(self.name + text, then)
        logging.getLogger("tenure").addHandler(handler)
        self.addCleanup(logging.getLogger("tenure").removeHandler, handler)
        return handler

    def drain(self, bridge: tenure.LoggingBridge) -> None:
        """As a program would that reads it itself, until the line came."""
        while self.records.records.empty():
            select.select([bridge], [], [])
            self.assertGreater(bridge.drain(), 0)

    def say(self, name: str = "") -> None:
        """Makes the library say something of this name."""
        name = name or self.name
        with self.client.lock(name):
            self.client.break_(name, 3600, reason="100 %s sure")


class BridgeTest(LoggingCase):
    def test_what_is_said_is_a_record_of_the_part_that_says_it(self) -> None:
        with tenure.logging_bridge("info"):
            self.say()
            record = self.records.next()
        self.assertEqual((record.name, record.levelno), ("tenure.client", logging.INFO))
        self.assertIn("100 %s sure", record.getMessage())
        self.assertEqual(record.exc_info, None)

    def test_a_record_has_the_time_at_which_it_was_said(self) -> None:
        handler = self.handle(text="")
        _bridge._give(f"2 1764489401123 node {self.name} has gone: 7 %")
        record = handler.next()
        self.assertEqual((record.name, record.levelno), ("tenure.node", logging.WARNING))
        self.assertEqual((record.created, int(record.msecs)), (1764489401.123, 123))
        self.assertEqual(logging.Formatter("%(asctime)s").format(record)[-4:], ",123")
        self.assertEqual(record.getMessage(), f"{self.name} has gone: 7 %")

    def test_levels_are_those_of_logging(self) -> None:
        found = {name: _bridge._number(name) for name in ["off", "error", "warn", "WARNING", "Info", "debug", "trace"]}
        self.assertEqual(list(found.values()), [0, 1, 2, 2, 3, 4, 5])
        levels = [logging.CRITICAL, logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG, 5, logging.NOTSET, 25]
        self.assertEqual([_bridge._number(level) for level in levels], [0, 1, 2, 3, 4, 5, 5, 2])
        for level, wanted in [(logging.INFO, 3), (logging.CRITICAL, 0)]:
            logging.getLogger("tenure").setLevel(level)
            self.assertEqual(_bridge._number(None), wanted)
        with self.assertRaisesRegex(tenure.Invalid, "a log level is one of off, error, warn"):
            tenure.logging_bridge("loud")

    def test_what_is_below_the_level_is_not_said(self) -> None:
        with tenure.logging_bridge("error", thread=False) as bridge:
            quiet = self.name + "/quiet"
            with self.client.lock(quiet) as lease:
                self.client.break_(quiet, 3600)
                while not lease.asked:
                    select.select([lease], [], [])
            with tenure.logging_bridge("info", thread=False):
                self.say()
                self.drain(bridge)
        self.assertEqual(self.records.next().getMessage().split()[0], self.name)

    def test_the_program_reads_it_itself(self) -> None:
        with tenure.logging_bridge("info", thread=False) as bridge:
            self.say()
            self.assertEqual(select.select([bridge], [], []), ([bridge], [], []))
            self.assertTrue(self.records.records.empty())
            self.drain(bridge)
            self.assertEqual(self.records.next().name, "tenure.client")
        with self.assertRaisesRegex(tenure.Closed, "bridge"):
            bridge.fileno()

    def test_of_several_bridges_each_line_comes_once_until_the_last_ends(self) -> None:
        outer = tenure.logging_bridge("info")
        with tenure.logging_bridge("debug"):
            self.say()
            self.records.next()
        self.say()
        self.records.next()
        outer.close()
        outer.close()
        self.assertTrue(self.records.records.empty())
        self.assertEqual(_bridge._log.bridges, [])
        self.assertIsNone(_bridge._log.reader)

    def test_what_was_said_before_the_end_is_with_logging_after_it(self) -> None:
        # A node of this process says it, too, and this is what came first.
        either = self.handle(text="")
        with tenure.logging_bridge("info", thread=False) as bridge:
            self.say()
            select.select([bridge], [], [])
        self.assertFalse(either.records.empty())

    def test_a_handler_may_call_tenure(self) -> None:
        leases = [self.client.acquire(self.name + "/dropped")]

        def call() -> None:
            self.client.session()
            leases.clear()
            self.client.holder_of(self.name)

        handler = self.handle(call)
        with tenure.logging_bridge("info"):
            self.say()
            handler.next()
            self.client.acquire(self.name + "/dropped", PATIENCE).release()

    def test_a_handler_may_end_the_bridge(self) -> None:
        bridge = tenure.logging_bridge("info")
        ended: "queue.SimpleQueue[None]" = queue.SimpleQueue()

        def end() -> None:
            bridge.close()
            ended.put(None)

        self.handle(end)
        self.say()
        ended.get(timeout=PATIENCE)

    def test_what_handlers_and_filters_raise_harms_nothing(self) -> None:
        raised: List[type] = []

        def fail(_: logging.LogRecord) -> bool:
            kind = [ValueError, SystemExit][len(raised) % 2]
            raised.append(kind)
            raise kind("of a filter")

        logger = logging.getLogger("tenure.client")
        said = io.StringIO()
        with redirect_stderr(said), tenure.logging_bridge("info"):
            logger.addFilter(fail)
            try:
                self.say(self.name + "/1")
                self.say(self.name + "/2")
                while len(raised) < 2:
                    select.select([], [], [], 0.01)
            finally:
                logger.removeFilter(fail)
            self.say()
            self.assertIn("100 %s sure", self.records.next().getMessage())
        self.assertIn("ValueError: of a filter", said.getvalue())
        self.assertIn("SystemExit: of a filter", said.getvalue())


class ProcessTest(LoggingCase):
    def run_program(self, text: str) -> List[str]:
        return python("-c", PROGRAM + text, NAME=self.name).splitlines()

    def test_without_a_bridge_it_goes_to_stderr_again(self) -> None:
        found = self.run_program(
            """
with tenure.logging_bridge("info"):
    pass
tenure.log_level("info")
reads, writes = os.pipe()
os.dup2(writes, 2)
say("after")
print(b"after is asked to end" in os.read(reads, 9999))
"""
        )
        self.assertEqual(found, ["True"])

    def test_what_waits_at_the_end_of_the_program_is_said(self) -> None:
        found = self.run_program(
            """
bridge = tenure.logging_bridge("info", thread=False)
say("last")
select.select([bridge], [], [])
print("ends")
"""
        )
        self.assertEqual(found[0], "ends")
        self.assertRegex(found[1], "tenure.client INFO last is asked to end")

    def test_a_program_ends_while_its_node_goes_on_talking(self) -> None:
        found = self.run_program(
            """
tenure.logging_bridge("trace")
cluster = tenure.testing.Cluster(1)
other = cluster.connect()
print("ends", file=sys.stdout)
"""
        )
        self.assertIn("ends", found)
        self.assertTrue(any("tenure.raft INFO" in line for line in found), found)

    def test_a_forked_child_has_a_log_of_its_own(self) -> None:
        found = self.run_program(
            """
tenure.logging_bridge("info")
say("before")
handler.seen.get()
child = os.fork()
if child == 0:
    client = tenure.connect()
    say("in the child")
    handler.seen.get()
    client.close()
    os._exit(0)
print(os.waitpid(child, 0)[1])
say("after")
handler.seen.get()
"""
        )
        said = [line.split(" is asked")[0] for line in found if "is asked" in line or line == "0"]
        self.assertEqual(
            said, [f"tenure.client INFO {which}" for which in ["before", "in the child"]] + ["0", "tenure.client INFO after"]
        )


# What each of the programs begins with.
PROGRAM = """
import logging, os, queue, select, sys
import tenure

class Printing(logging.Handler):
    seen = queue.SimpleQueue()
    def emit(self, record):
        print(record.name, record.levelname, record.getMessage(), flush=True)
        if "is asked to end" in record.getMessage():
            self.seen.put(None)

handler = Printing()
logging.getLogger("tenure").addHandler(handler)
logging.getLogger("tenure").setLevel(5)
client = tenure.connect()

def say(name):
    with client.lock(name):
        client.break_(name, 3600)
"""


class AioTest(AioCase):
    async def test_a_loop_reads_it(self) -> None:
        handler = Records(self.name + " is asked to end")
        logger = logging.getLogger("tenure.client")
        logger.addHandler(handler)
        loop = asyncio.get_running_loop()
        came = asyncio.Event()
        handler.then = came.set
        try:
            with tenure.logging_bridge("info", thread=False) as bridge:
                logger.setLevel(logging.INFO)
                loop.add_reader(bridge.fileno(), bridge.drain)
                try:
                    async with self.client.lock(self.name):
                        await self.client.break_(self.name, 3600)
                        await came.wait()
                finally:
                    loop.remove_reader(bridge.fileno())
        finally:
            logger.removeHandler(handler)
            logger.setLevel(logging.NOTSET)
        self.assertEqual(handler.next().name, "tenure.client")


if __name__ == "__main__":
    unittest.main()
