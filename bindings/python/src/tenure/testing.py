"""A real cluster in this process, for users' own tests.

    with tenure.testing.Cluster() as cluster, cluster.connect() as client:
        with client.lock("jobs/x") as lease: ...

Under pytest the fixtures tenure_cluster (one for the whole run) and tenure_client (a new one for each test) are there
as soon as this package is installed.
"""

from __future__ import annotations

import select
import socket
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Literal, Optional, Union

from ._client import Client, connect
from ._errors import Closed, Invalid
from ._native import Local
from ._node import Node
from ._tls import TLS, write_certificate

__all__ = ["Cluster"]

# Rights begin at this level, to which a new cluster rises once its nodes are connected.
_RIGHTS = 'level="3"'
_MOMENT = 0.005


class Cluster(Local):
    """Nodes on free loopback ports, in temporary data directories. Ready once a leader leads.

    With `tls` the nodes speak TLS alone, with certificates of this cluster's authority: `tls` is that of a client, `operator`
    that of an operator, certificate() makes more. The cluster is then ready once rights can be given, too (Client.access)."""

    def __init__(self, size: int = 3, *, tls: bool = False) -> None:
        self._cleanup = ExitStack()
        self.nodes: list[Node] = []
        self.tls: Optional[TLS] = None
        self.operator: Optional[TLS] = None
        with ExitStack() as undo:
            ports = [undo.enter_context(_reserved_port()) for _ in range(size)]
            self.endpoints = ",".join(f"127.0.0.1:{port}" for port in ports)
            members = ",".join(f"{id}=127.0.0.1:{port}" for id, port in enumerate(ports, 1))
            directory = undo.enter_context(tempfile.TemporaryDirectory(prefix="tenure-"))
            self._certificates = Path(directory, "certs")
            if tls:
                write_certificate(self._certificates, "ca")
                self.tls, self.operator = self.certificate("client/test"), self.certificate("operator/test")
            for id in range(1, size + 1):
                own = self.certificate(f"node/{id}", hosts=["127.0.0.1"]) if tls else None
                node = Node(id, Path(directory, str(id)), members, tls=own)
                undo.callback(node.stop)
                self.nodes.append(node)
            self.leader()
            while tls and not all(_RIGHTS in node.metrics() for node in self.nodes):
                time.sleep(_MOMENT)
            self._cleanup = undo.pop_all()

    def certificate(
        self,
        what: str,
        *,
        hosts: Iterable[str] = (),
        verify: Literal["host", "node"] = "host",
    ) -> TLS:
        """A new certificate of this cluster's authority; arguments as for tenure.write_certificate(). Invalid without `tls`."""
        if not self._certificates.exists():
            raise Invalid("this cluster speaks no TLS: Cluster(tls=True) does")
        write_certificate(self._certificates, what, hosts=hosts, replace=True)
        kind, _, name = what.partition("/")
        stem = Path(self._certificates, f"{kind}-{name.replace('/', '=')}")
        ca = self._certificates / "ca.crt"
        return TLS(ca, stem.with_name(f"{stem.name}.crt"), stem.with_name(f"{stem.name}.key"), verify)

    def leader(self) -> Node:
        """The node that leads; waits until there is one. Consumes the changes of the nodes' next()."""
        running = {node.fileno(): node for node in self.nodes}
        news = select.poll()
        for fd in running:
            news.register(fd, select.POLLIN)
        while running:
            for node in running.values():
                if node.leadership().is_leader:
                    return node
            for fd, _ in news.poll():
                try:
                    running[fd].next(0)
                except Closed:
                    news.unregister(fd)
                    del running[fd]
        raise Closed("all nodes of the cluster are stopped")

    def connect(
        self,
        *,
        ttl: Optional[float] = None,
        name: Optional[str] = None,
        connect_timeout: Optional[float] = None,
        request_timeout: Optional[float] = None,
        progress: Optional[float] = None,
        tls: Union[TLS, Literal[False], None] = None,
        credential: Union[str, Path, None] = None,
    ) -> Client:
        """A client of the cluster; options as for tenure.connect(). The default `tls` is the cluster's, with a `credential` its
        authority alone."""
        if tls is None and self.tls is not None:
            tls = self.tls if credential is None else TLS(self.tls.ca)
        client = connect(
            self.endpoints,
            ttl=ttl,
            name=name,
            connect_timeout=connect_timeout,
            request_timeout=request_timeout,
            progress=progress,
            cluster_id="",
            tls=False if tls is None else tls,
            credential=credential,
        )
        # Nodes are stopped when they are collected.
        client._handle.keeps = self
        return client

    def stop(self) -> None:
        """Stops the nodes and removes their directories. Idempotent."""
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


@contextmanager
def _reserved_port() -> Iterator[int]:
    """A port reserved for a node: bound here, but not listened on, so that only a listener with SO_REUSEADDR, such as a node,
    gets the port."""
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        port: int = reserved.getsockname()[1]
        yield port
