"""What describe() says, as types. Times are milliseconds since 1970 by the clock of the leader of then, for people.

They are the dicts that were sent: what a newer cluster says beyond these stays in them, under keys that .get() finds."""

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


class OrderDescription(TypedDict):
    """What the holder of `token` was asked by break_() or hand_over()."""

    token: int
    grace_ms: int
    reason: str
    # The client that gets the lock then, if one was named.
    to: Optional[str]


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
    # None from a leader of 0.1, too.
    order: Optional[OrderDescription]
    delayed: bool
    holding: int
    others: list[OtherHolder]
    waiting: int
    queue: list[Waiter]


class LocksDescription(TypedDict):
    """What describe("locks") and describe("lock") say. A lock that nobody holds or waits for is not there."""

    locks: list[LockDescription]
    # What keeps the cluster from granting any, "serving" if nothing does; in a sentence; and for how long, if known.
    state: str
    state_text: Optional[str]
    until_ms: Optional[int]


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


class Timing(TypedDict):
    """How long something takes at a node, in microseconds."""

    # How many times there were since the start of the node.
    count: int
    p50: int
    p99: int
    max: int
    # The longest of the last minute.
    max_minute: int


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
    # How long that is, and what the state takes, in bytes; None from 0.1, the former also where there is no snapshot.
    snapshot_bytes: Optional[int]
    state_bytes: Optional[int]
    refused_connections: Optional[int]
    # Messages of other nodes that could not be, or contradicted what this node knows.
    refused_messages: Optional[int]
    version: Optional[str]
    # Which rules the cluster follows, as far as this node has applied them; None from 0.1.
    level: Optional[int]
    # For what there is no room on its disk, and where; None if there is.
    disk_lacks: Optional[str]
    # Which cluster it is of.
    cluster_id: Optional[str]
    # What keeps that cluster from granting, as far as this node knows; None from 0.1.
    state: Optional[str]
    state_text: Optional[str]
    # Within the last ten minutes; None from 0.1. A leader that is not heard in time is one that elections are for.
    leader_changes: Optional[int]
    leader_silences: Optional[int]
    # Why there is the leader that it knows, and not the one before; None from 0.1, as all that follows.
    leader_change_why: Optional[str]
    # For how long it has known that leader in one term, or led; None without one.
    leader_for_ms: Optional[int]
    # How long it would hear nothing of its leader before it stands for election.
    election_wait_ms: Optional[int]
    # How often its leader lease ran out while it led.
    lease_gaps: Optional[int]
    # In microseconds, since the start of the node: the turns of its loop without the disk, what of them it spent on a
    # processor, the disk, and the time between turns in which it heard its leader. None from 0.1, or while there were none.
    turn_us: Optional[Timing]
    turn_processor_us: Optional[Timing]
    sync_us: Optional[Timing]
    heartbeat_gap_us: Optional[Timing]
    # "off", "optional" or "required"; None from 0.1.
    tls: Optional[str]
    # Whom its certificate names ("node/1"), and the days that it has left, below 0 since it has expired; None without TLS.
    identity: Optional[str]
    certificate_days: Optional[int]
    # Why it did not answer; None if it did.
    unreachable: Optional[str]


class NodeBehind(TypedDict):
    """A node that lacks a version or a level that others have."""

    id: int
    version: str
    level: Optional[int]


class ClusterDescription(TypedDict):
    """What describe("cluster") says."""

    # None if the endpoints are of several; `state` is "mixed_clusters" then, and `state_text` says who said which.
    cluster_id: Optional[str]
    # The clusters that it was restored from, the newest first.
    ancestors: list[str]
    # What keeps it from granting, "serving" if nothing does.
    state: str
    # In a sentence; None if it serves.
    state_text: Optional[str]
    # For how long, where that is known.
    until_ms: Optional[int]
    leader: Optional[int]
    # Since when, in milliseconds since 1970 by the clock of whoever asked; None without one, and from one of 0.1.
    leader_since_unix_ms: Optional[int]
    # Those that an upgrade has not reached, or not wholly.
    behind: list[NodeBehind]
    nodes: list[NodeDescription]


class MemberDescription(TypedDict):
    """A member of the cluster."""

    id: int
    address: str
    # What it counts for: "voter", "learner" (no vote), or on the way: "joining", "demoting", "leaving".
    seat: str
    # What it is at present, as it says itself: "leader", "follower", "learner", …, "unreachable".
    role: str
    # Up to which entry it has the log, as the leader knows, and how many it lacks; None for one that the leader has not heard,
    # and without a leader.
    matched: Optional[int]
    behind: Optional[int]


class MembersDescription(TypedDict):
    """What describe("members") says."""

    members: list[MemberDescription]


class RuleDescription(TypedDict):
    """That somebody is allowed something."""

    # One ("client/billing"), or the begin of several and a "*".
    principal: str
    rights: list[str]
    # The name of a lock, a prefix ("jobs/"), or "*"; None if the rights are of the cluster.
    names: Optional[str]


class AccessDescription(TypedDict):
    """What describe("access") says."""

    # Whether the rules are in force.
    on: bool
    rules: list[RuleDescription]
    # Who has one.
    credentials: list[str]


class ConditionDescription(TypedDict):
    """What describe("condition") says, as the client was told."""

    cluster_id: Optional[str]
    # What keeps the cluster from granting, "serving" if nothing does and there is a session.
    state: str
    # In a sentence, or why there is no session.
    state_text: Optional[str]
    until_ms: Optional[int]


class ClientRow(TypedDict):
    """What a client has counted since it was opened, and its session of now."""

    # None while there is none.
    session: Optional[int]
    state: Literal["valid", "jeopardy", "ended"]
    leases: int
    dials: int
    # Those that a node welcomed.
    connections: int
    sessions: int
    sessions_ended: int
    # How often a renewal was overdue.
    jeopardies: int
    renewals: int
    # By what was asked: "acquire", "release", "renew", …
    requests: dict[str, int]
    leases_granted: int
    # By why: "released", "expired", …
    lease_ends: dict[str, int]
    # By status: "TIMEOUT", "UNAVAILABLE", …
    failed_calls: dict[str, int]


class ClientDescription(TypedDict):
    """What describe("client") says: nobody is asked."""

    client: ClientRow


Description = Union[
    LocksDescription,
    SessionDescription,
    ClusterDescription,
    MembersDescription,
    AccessDescription,
    ConditionDescription,
    ClientDescription,
]
