"""A real cluster in this process, for users' own tests.

    with tenure.testing.Cluster() as cluster, cluster.connect() as client:
        with client.lock("jobs/x") as lease: ...
"""

from __future__ import annotations

import select
import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Optional

from ._client import Client, connect
from ._errors import Closed
from ._node import Node

__all__ = ["Cluster"]


class Cluster:
    """Nodes on free loopback ports, with data directories that go with it. Ready when a leader leads."""

    def __init__(self, size: int = 3) -> None:
        ports = _free_ports(size)
        self._cleanup = ExitStack()
        self.nodes: list[Node] = []
        self.endpoints = ",".join(f"127.0.0.1:{port}" for port in ports)
        members = ",".join(f"{id}=127.0.0.1:{port}" for id, port in enumerate(ports, 1))
        with ExitStack() as undo:
            directory = undo.enter_context(tempfile.TemporaryDirectory(prefix="tenure-"))
            for id in range(1, size + 1):
                node = Node(id, Path(directory, str(id)), members)
                undo.callback(node.stop)
                self.nodes.append(node)
            self.leader()
            self._cleanup = undo.pop_all()

    def leader(self) -> Node:
        """The node that leads; waits until there is one. Takes the nodes' news from their next()."""
        running = {node.fileno(): node for node in self.nodes}
        while running:
            for node in running.values():
                if node.leadership().is_leader:
                    return node
            for fd in select.select(list(running), [], [])[0]:
                try:
                    running[fd].next(0)
                except Closed:
                    del running[fd]
        raise Closed("all nodes of the cluster are stopped")

    def connect(
        self,
        *,
        ttl: Optional[float] = None,
        name: Optional[str] = None,
        connect_timeout: Optional[float] = None,
        request_timeout: Optional[float] = None,
    ) -> Client:
        """A client of it."""
        return connect(
            self.endpoints,
            ttl=ttl,
            name=name,
            connect_timeout=connect_timeout,
            request_timeout=request_timeout,
        )

    def stop(self) -> None:
        """Stops the nodes and removes their directories. Again is harmless."""
        self._cleanup.close()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.stop()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        # All are open at once, so that they differ.
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
