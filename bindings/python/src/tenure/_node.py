"""A node of the cluster in this process."""

from __future__ import annotations

import os
from ctypes import byref, sizeof
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Optional, Union

from ._abi import NodeLeadership, NodeOptions
from ._client import Client
from ._convert import option_ms, optional_text, text, u64, wait_ms
from ._errors import Again
from ._library import library
from ._native import ClientHandle, Local, check, descriptor, fill, opened, sized_text
from ._reader import Readers
from ._session import client_options
from ._tls import TLS, Path, TLSMode, optional_path, secure_node
from ._wait import until_decided


@dataclass(frozen=True)
class Leadership:
    """The leader lease as a node knows it at one instant.

    `is_leader` means remaining > 0; `token` is the fencing token of this node's leadership, 0 if it does not
    lead; `leader_id` is 0 if no leader is known."""

    is_leader: bool
    leader_id: int
    term: int
    token: int
    remaining: float


class Node(Local):
    """A running node, on threads of the library. Thread-safe, but one thread calls next()."""

    def __init__(
        self,
        id: int,
        data_dir: Union[str, os.PathLike[str]],
        cluster: Optional[str] = None,
        *,
        listen: Optional[str] = None,
        join: Optional[str] = None,
        heartbeat: Optional[float] = None,
        election: Optional[float] = None,
        lease: Optional[float] = None,
        insecure: bool = False,
        ttl_max: Optional[float] = None,
        snapshot_every: int = 0,
        admin: Optional[str] = None,
        tls: Optional[TLS] = None,
        tls_mode: Optional[TLSMode] = None,
        client_ca: Optional[Path] = None,
        crl: Optional[Path] = None,
        audit: Optional[Path] = None,
    ) -> None:
        """Recovers `data_dir` and listens; needs no quorum for that.

        `cluster` is "1=host:port,2=host:port,3=host:port". With `join`, "host:port,host:port" of a running cluster to
        which this node was added (client.members.add(), `tenure member add`), `cluster` may be None: the members are learned
        there. `ttl_max` (an hour) is the largest ttl of a session, and how long a restored cluster waits; a snapshot is made
        after each `snapshot_every` bytes of log (0: 64 MiB). `admin`, "host:port" of loopback, serves /metrics, /livez,
        /readyz and /status over HTTP.
        With `tls`, which needs ca, cert and key, all connections that leave the process are over TLS (its `verify` is about the
        nodes at `join`). `tls_mode` "optional": plaintext is accepted, too, while a cluster changes over; "off": nothing is
        encrypted. `client_ca` is the authority of clients and operators, None: `ca`; `crl` has the revoked certificates.
        The audit trail is appended to the file `audit`.
        Raises Invalid if this node is no member, Denied if the directory or the port may not be used; Unavailable if no node
        answers, or the name or the address to listen on is not there yet: try again then."""
        options = NodeOptions(
            struct_size=sizeof(NodeOptions),
            flags=1 if insecure else 0,
            id=u64(id, "id"),
            data_dir=text(os.fspath(data_dir), "data_dir"),
            cluster=optional_text(cluster, "cluster"),
            listen=optional_text(listen, "listen address"),
            join=optional_text(join, "list of nodes to join"),
            heartbeat_ms=option_ms(heartbeat, "heartbeat"),
            election_ms=option_ms(election, "election"),
            lease_ms=option_ms(lease, "lease"),
            ttl_max_ms=option_ms(ttl_max, "ttl_max"),
            snapshot_every_bytes=u64(snapshot_every, "snapshot_every"),
            admin=optional_text(admin, "admin address"),
            audit=optional_path(audit, "audit"),
        )
        secure_node(options, tls, tls_mode, client_ca, crl)
        self._readers = Readers("the changes of this node's leadership")
        self._handle = opened(library.tenure_node_free, library.tenure_node_start, byref(options))

    def leadership(self) -> Leadership:
        """Whether this node leads, for how long, under which token. Local and lock-free."""
        now = NodeLeadership(struct_size=sizeof(NodeLeadership))
        check(library.tenure_node_leadership, self._handle.pointer, byref(now))
        return _leadership(now)

    def fileno(self) -> int:
        """Readable while next() has something, for select and asyncio. Borrowed: never read or close it."""
        return descriptor(library.tenure_node_fd(self._handle.pointer))

    def next(self, timeout: Optional[float] = None) -> Optional[Leadership]:
        """First the present state, then each change of leader, term or claim; None if none comes within `timeout` seconds.

        Raises Closed once the node is stopped; Io, Limit, Internal, Denied or Corrupt if the node ended by itself; Invalid
        while another thread reads."""
        wait_ms(timeout)
        now = NodeLeadership(struct_size=sizeof(NodeLeadership))
        pointer = self._handle.pointer
        read = partial(check, library.tenure_node_next, pointer, 0, byref(now))
        descriptor_of = library.tenure_node_fd
        try:
            self._readers.alone(
                lambda: until_decided(lambda: int(descriptor_of(pointer)), read, timeout)
            )
        except Again:
            return None
        return _leadership(now)

    def client(
        self,
        *,
        ttl: Optional[float] = None,
        name: Optional[str] = None,
        connect_timeout: Optional[float] = None,
        request_timeout: Optional[float] = None,
        progress: Optional[float] = None,
        background: bool = False,
        tls: Optional[TLS] = None,
        credential: Optional[Path] = None,
    ) -> Client:
        """A client of this node's cluster, without a socket to this node. Options as for connect(), but nothing is taken from
        the environment. Where the other nodes speak TLS, the client needs a `tls` of its own."""
        options = client_options(ttl, name, connect_timeout, request_timeout, progress, background, None, tls, credential)
        client = Client(ClientHandle(keeps=self._handle))
        fill(client._handle, library.tenure_node_client, (self._handle.pointer, byref(options)))
        return client

    def metrics(self) -> str:
        """The metrics of this node and its process, in the text format of Prometheus. Does not wait for the node."""
        return sized_text(partial(check, library.tenure_node_metrics, self._handle.pointer)).decode()

    def reload(self) -> None:
        """Reads certificate, key, authorities and revoked certificates again; without TLS does nothing.

        Connections stay, but for those whose certificate is not trusted any more. Invalid: a file cannot be used, and
        the former files stay in use. The node also reads changed files by itself, after some seconds."""
        check(library.tenure_node_reload, self._handle.pointer)

    def resign(self, to: int = 0, timeout: Optional[float] = None) -> None:
        """Hands leadership to the node `to`, or, if that is 0, to the one with the longest log.

        From the call on leadership() has 0 remaining, unless the call fails. Raises Lost if this node does not lead,
        Unavailable if no other node took over, Timeout if undecided within `timeout` seconds."""
        check(library.tenure_node_resign, self._handle.pointer, u64(to, "to"), wait_ms(timeout))

    def stop(self, timeout: Optional[float] = None) -> None:
        """Stops the node: a leader hands leadership over, connections are closed, the directory is unlocked. Raises Timeout."""
        check(library.tenure_node_stop, self._handle.pointer, wait_ms(timeout))

    def __enter__(self) -> Node:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.stop()


def _leadership(now: NodeLeadership) -> Leadership:
    return Leadership(
        is_leader=bool(now.is_leader),
        leader_id=now.leader_id,
        term=now.term,
        token=now.token,
        remaining=now.remaining_ns / 1e9,
    )
