"""What describe() says, as types. Times are milliseconds since 1970 by the clock of the leader of then, for people."""

from __future__ import annotations

from typing import Literal, Optional, TypedDict, Union


class OtherHolder(TypedDict):
    """Who else holds a lock that several share."""

    holder: str
    token: int
    since_unix_ms: int
    permits: int


class Waiter(TypedDict):
    """Who waits for a lock."""

    client: str
    since_unix_ms: int
    mode: Literal["exclusive", "shared"]
    permits: int


class LockDescription(TypedDict):
    """A lock that somebody holds or waits for; `holder` is None and `token` 0 while nobody holds it."""

    name: str
    mode: Literal["exclusive", "shared"]
    limit: int
    taken: int
    holder: Optional[str]
    token: int
    value: str
    # Its bytes in hex, where they are no text; else None.
    value_hex: Optional[str]
    since_unix_ms: int
    # The least time that the leader will wait before it may expire the holder's session.
    remaining_ms: int
    asked: bool
    delayed: bool
    holding: int
    others: list[OtherHolder]
    waiting: int
    queue: list[Waiter]


class LocksDescription(TypedDict):
    """What describe("locks") and describe("lock") say. A lock that nobody holds or waits for is not there."""

    locks: list[LockDescription]


class SessionRow(TypedDict):
    """A session as the servers have it."""

    id: int
    client: str
    ttl_ms: int
    grants: int
    waiting: int


class SessionDescription(TypedDict):
    """What describe("session") says: None if there is none of that id."""

    session: Optional[SessionRow]


class NodeDescription(TypedDict):
    """A node, as it says itself; None for what one that does not answer did not say."""

    id: Optional[int]
    address: str
    role: str
    term: Optional[int]
    commit: Optional[int]
    applied: Optional[int]
    locks: Optional[int]
    sessions: Optional[int]
    log_bytes: Optional[int]
    log_bytes_max: Optional[int]
    # The index of its newest snapshot.
    snapshot: Optional[int]
    refused_connections: Optional[int]
    version: Optional[str]
    # Which rules the cluster follows, as far as this node has applied them; None from 0.1.
    level: Optional[int]
    # How many changes of leader it has seen since it started, and why there is the present one; None from 0.1, as all
    # that follows.
    leader_changes: Optional[int]
    leader_change_why: Optional[str]
    # How long it would hear nothing of its leader before it stands for election.
    election_wait_ms: Optional[int]
    # How often its leader lease ran out while it led.
    lease_gaps: Optional[int]
    # Why it did not answer; None if it did.
    unreachable: Optional[str]


class ClusterDescription(TypedDict):
    """What describe("cluster") says."""

    leader: Optional[int]
    nodes: list[NodeDescription]


Description = Union[LocksDescription, SessionDescription, ClusterDescription]
