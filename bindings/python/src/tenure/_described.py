"""The types of describe(). Times are milliseconds since 1970 by the clock of the leader of that time, for people.

The dicts are as sent: the further keys of a newer cluster stay in them, for .get()."""

from __future__ import annotations

from typing import Literal, Optional, TypedDict, Union


class OtherHolder(TypedDict):
    """A further holder of a shared lock or a semaphore."""

    holder: str
    token: int
    since_unix_ms: int
    permits: int


class Waiter(TypedDict):
    """A waiter in the queue of a lock."""

    client: str
    since_unix_ms: int
    mode: Literal["exclusive", "shared"]
    permits: int


class OrderDescription(TypedDict):
    """The order of break_() or handover() to the holder of `token`: to end within `grace_ms`."""

    token: int
    grace_ms: int
    reason: str
    # The client that gets the lock next, if the order names one.
    to: Optional[str]


class LockDescription(TypedDict):
    """A lock with holders or waiters; without a holder `holder` is None and `token` 0."""

    name: str
    mode: Literal["exclusive", "shared"]
    limit: int
    taken: int
    holder: Optional[str]
    token: int
    value: str
    # The value in hex if it is not UTF-8, else None.
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
    """The answer to describe("locks") and describe("lock"). Locks without holders and waiters are left out."""

    locks: list[LockDescription]
    # What keeps the cluster from granting, "serving" if nothing does; the same as a sentence; for how long, if known.
    state: str
    state_text: Optional[str]
    until_ms: Optional[int]


class SessionRow(TypedDict):
    """A session as the servers know it."""

    id: int
    client: str
    ttl_ms: int
    grants: int
    waiting: int


class SessionDescription(TypedDict):
    """The answer to describe("session"); None: no session has that id."""

    session: Optional[SessionRow]


class Timing(TypedDict):
    """The durations of one kind of work at a node, in microseconds."""

    # The number of durations since the start of the node.
    count: int
    p50: int
    p99: int
    max: int
    # The longest of the last minute.
    max_minute: int


class NodeDescription(TypedDict):
    """A node by its own account; None for what a node that does not answer did not report."""

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
    # The index of the newest snapshot.
    snapshot: Optional[int]
    # Bytes of that snapshot and of the state; None from 0.1, the former also without a snapshot.
    snapshot_bytes: Optional[int]
    state_bytes: Optional[int]
    refused_connections: Optional[int]
    # Messages of other nodes that were impossible, or contradicted what this node knows.
    refused_messages: Optional[int]
    version: Optional[str]
    # The level of the cluster, as far as this node has applied the log; None from 0.1.
    level: Optional[int]
    # What the disk has no room for, and where; None if there is room.
    disk_lacks: Optional[str]
    # The cluster of the node.
    cluster_id: Optional[str]
    # What keeps that cluster from granting, as far as this node knows; None from 0.1.
    state: Optional[str]
    state_text: Optional[str]
    # Counts of the last ten minutes; None from 0.1. A silence: a leader that was not heard in time.
    leader_changes: Optional[int]
    leader_silences: Optional[int]
    # Why the present leader follows the one before; None from 0.1, as all that follows.
    leader_change_why: Optional[str]
    # How long the node has known that leader in one term, or led; None without a leader.
    leader_for_ms: Optional[int]
    # How long the node hears nothing of the leader before it stands for election.
    election_wait_ms: Optional[int]
    # How often the leader lease ran out while the node led.
    lease_gaps: Optional[int]
    # The turns of the node's loop without the disk, the processor time of these, the disk, and the time between turns in
    # which the node heard its leader. None from 0.1, and before the first.
    turn_us: Optional[Timing]
    turn_processor_us: Optional[Timing]
    sync_us: Optional[Timing]
    heartbeat_gap_us: Optional[Timing]
    # "off", "optional" or "required"; None from 0.1.
    tls: Optional[str]
    # The identity in the certificate ("node/1"), and the days until its expiry, below 0 after that; None without TLS.
    identity: Optional[str]
    certificate_days: Optional[int]
    # Why the node did not answer; None if it did.
    unreachable: Optional[str]


class NodeBehind(TypedDict):
    """A node that lacks a version or a level that others have."""

    id: int
    version: str
    level: Optional[int]


class ClusterDescription(TypedDict):
    """The answer to describe("cluster")."""

    # None if the endpoints are of several clusters: `state` is "mixed_clusters", and `state_text` lists each endpoint's id.
    cluster_id: Optional[str]
    # The clusters that this one was restored from, the newest first.
    ancestors: list[str]
    # What keeps the cluster from granting, "serving" if nothing does.
    state: str
    # `state` as a sentence; None if the cluster serves.
    state_text: Optional[str]
    # For how long, if known.
    until_ms: Optional[int]
    leader: Optional[int]
    # When the leader took over, in milliseconds since 1970 by the clock of the asking host; None without a leader, and from a
    # leader of 0.1.
    leader_since_unix_ms: Optional[int]
    # Nodes that an upgrade has not reached, or not wholly.
    behind: list[NodeBehind]
    nodes: list[NodeDescription]


class MemberDescription(TypedDict):
    """A member of the cluster; `address` is where the others dial it."""

    id: int
    address: str
    # "voter", "learner" (no vote), or in between: "joining", "demoting", "leaving".
    seat: str
    # By the account of the node: "leader", "follower", "learner", …; or "unreachable".
    role: str
    # The last log entry that the member has, as the leader knows, and how many entries it lacks; None if the leader has not
    # heard the member, and without a leader.
    matched: Optional[int]
    behind: Optional[int]


class MembersDescription(TypedDict):
    """The answer to describe("members")."""

    members: list[MemberDescription]


class RuleDescription(TypedDict):
    """A rule: `principal` is allowed `rights` on `names`."""

    # One principal ("client/billing"), or a prefix of several and "*".
    principal: str
    rights: list[str]
    # The name of a lock, a prefix ("jobs/"), or "*"; None if the rights are of the cluster.
    names: Optional[str]


class AccessDescription(TypedDict):
    """The answer to describe("access")."""

    # Whether the rules are in force.
    on: bool
    rules: list[RuleDescription]
    # The principals with a credential.
    credentials: list[str]


class ConditionDescription(TypedDict):
    """The answer to describe("condition"), as far as the client knows; no server is asked."""

    cluster_id: Optional[str]
    # What keeps the cluster from granting, "serving" if nothing does and there is a session.
    state: str
    # `state` as a sentence, or why there is no session.
    state_text: Optional[str]
    until_ms: Optional[int]


class ClientRow(TypedDict):
    """The counters of a client since it was opened, and its present session."""

    # The id; None without a session.
    session: Optional[int]
    state: Literal["valid", "jeopardy", "ended"]
    leases: int
    dials: int
    # Dials that a node welcomed.
    connections: int
    sessions: int
    sessions_ended: int
    # The number of overdue renewals.
    jeopardies: int
    renewals: int
    # By kind: "acquire", "release", "renew", …
    requests: dict[str, int]
    leases_granted: int
    # By reason: "released", "expired", …
    lease_ends: dict[str, int]
    # By status: "TIMEOUT", "UNAVAILABLE", …
    failed_calls: dict[str, int]


class ClientDescription(TypedDict):
    """The answer to describe("client"); no server is asked."""

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
