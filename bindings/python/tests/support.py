"""What the tests share: one cluster for the whole run, and a client of it for each test."""

import atexit
import functools
import os
import subprocess
import sys
import threading
import unittest
from pathlib import Path
from typing import Any, Callable, Dict, List

import tenure

PACKAGE = Path(__file__).resolve().parents[1]
# Long enough for a machine that does many other things.
PATIENCE = 60


@functools.lru_cache(maxsize=None)
def cluster() -> tenure.testing.Cluster:
    """Three nodes that are stopped when the run is over."""
    # That connections end is what it says when nodes stop.
    tenure.log_level("error")
    started = tenure.testing.Cluster()
    atexit.register(started.stop)
    return started


def connect(**options: Any) -> tenure.Client:
    """A client called tester, that has patience."""
    given = {"name": "tester", "connect_timeout": PATIENCE, "request_timeout": PATIENCE, **options}
    return tenure.connect(cluster().endpoints, **given)


def waiting(client: tenure.Client, name: str) -> int:
    """How many wait for `name`, as the servers have it."""
    return sum(lock["waiting"] for lock in client.describe("lock", name)["locks"])


def until_waiting(client: tenure.Client, name: str, count: int) -> None:
    """Returns once `count` wait for `name`."""
    while waiting(client, name) != count:
        pass


def together(*works: Callable[[], object]) -> List[threading.Thread]:
    """Each on a thread of its own, which are to be joined."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    return threads


def environment(**more: str) -> Dict[str, str]:
    """For another Python process: this package, this library and this cluster."""
    return {
        **os.environ,
        "PYTHONPATH": str(PACKAGE / "src"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TENURE_ENDPOINTS": cluster().endpoints,
        **more,
    }


def python(*arguments: object, **more: str) -> str:
    """What another Python process wrote."""
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(
        command,
        env=environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


class ClusterCase(unittest.TestCase):
    """A test with a client, and a name that no other test uses."""

    def setUp(self) -> None:
        self.client = self.connect()
        self.name = self.id()

    def connect(self, **options: Any) -> tenure.Client:
        client = connect(**options)
        self.addCleanup(client.close)
        return client
