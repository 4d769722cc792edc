"""Distributed locks, leases and embedded nodes.

    with tenure.connect("127.0.0.1:7401,127.0.0.1:7402,127.0.0.1:7403", ttl=10) as client:
        with client.lock("jobs/nightly", timeout=5) as lease:
            write(row, fence=lease.token)

Times are seconds. Every failure is a tenure.Error, with one class per status of the C interface.
"""

from . import aio, testing
from ._access import Access
from ._bridge import LoggingBridge, logging_bridge
from ._client import Client, connect
from ._described import (
    AccessDescription,
    ClientDescription,
    ClientRow,
    ClusterDescription,
    ConditionDescription,
    LockDescription,
    LocksDescription,
    MemberDescription,
    MembersDescription,
    NodeBehind,
    NodeDescription,
    OtherHolder,
    RuleDescription,
    SessionDescription,
    SessionRow,
    Timing,
    Waiter,
)
from ._election import Election
from ._errors import (
    Again,
    Busy,
    Cancelled,
    Closed,
    Corrupt,
    Deadlock,
    Denied,
    Error,
    Forked,
    Held,
    Internal,
    Invalid,
    Io,
    Limit,
    Lost,
    NotFound,
    SessionExpired,
    Timeout,
    TooSmall,
    Unavailable,
    Unknown,
    Unsupported,
)
from ._grant import Order
from ._holder import Holder, Observed, Observer
from ._lease import Lease
from ._lock import Lock
from ._members import Members
from ._log import log_level
from ._loss import Loss
from ._native import version
from ._node import Leadership, Node
from ._operate import restore_snapshot
from ._reason import Reason
from ._rule import Rule, Rules
from ._session import Session, SessionState
from ._tls import TLS, write_certificate

__version__ = version()

__all__ = [
    "Access",
    "AccessDescription",
    "Again",
    "Busy",
    "Cancelled",
    "Client",
    "ClientDescription",
    "ClientRow",
    "Closed",
    "ClusterDescription",
    "ConditionDescription",
    "Corrupt",
    "Deadlock",
    "Denied",
    "Election",
    "Error",
    "Forked",
    "Held",
    "Holder",
    "Internal",
    "Invalid",
    "Io",
    "Leadership",
    "Lease",
    "Limit",
    "Lock",
    "LockDescription",
    "LocksDescription",
    "LoggingBridge",
    "Loss",
    "Lost",
    "MemberDescription",
    "Members",
    "MembersDescription",
    "Node",
    "NodeBehind",
    "NodeDescription",
    "NotFound",
    "Observed",
    "Observer",
    "Order",
    "OtherHolder",
    "Reason",
    "Rule",
    "RuleDescription",
    "Rules",
    "Session",
    "SessionDescription",
    "SessionExpired",
    "SessionRow",
    "SessionState",
    "TLS",
    "Timeout",
    "Timing",
    "TooSmall",
    "Unavailable",
    "Unknown",
    "Unsupported",
    "Waiter",
    "aio",
    "connect",
    "log_level",
    "logging_bridge",
    "restore_snapshot",
    "testing",
    "write_certificate",
]
