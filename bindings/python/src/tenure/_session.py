"""The session of a client, and the options of a client."""

from __future__ import annotations

from ctypes import byref, sizeof
from dataclasses import dataclass
from typing import Literal, Optional, Union

from ._abi import ClientOptions, SessionInfo
from ._convert import option_ms, optional_text
from ._library import library
from ._native import Handle, check
from ._reason import Worded
from ._tls import TLS, Path, optional_path, secure_client


class SessionState(Worded):
    """VALID: renewed in time; JEOPARDY: a renewal is overdue, and the session still valid; ENDED: no session yet, or ended."""

    VALID = 1
    JEOPARDY = 2
    ENDED = 3


@dataclass(frozen=True)
class Session:
    """A client's session as known here; times in seconds. `id` is 0 before the first session; `leases` is their number."""

    state: SessionState
    id: int
    remaining: float
    ttl: float
    leases: int


def session_of(client: Handle) -> Session:
    """The present session."""
    info = SessionInfo(struct_size=sizeof(SessionInfo))
    check(library.tenure_client_session, client.pointer, byref(info))
    return _session(info)


def next_change(client: Handle) -> Session:
    """The session at its next change of state; raises Again if there is none yet, Closed at the end."""
    info = SessionInfo(struct_size=sizeof(SessionInfo))
    check(library.tenure_client_next, client.pointer, 0, byref(info))
    return _session(info)


def client_options(
    ttl: Optional[float],
    name: Optional[str],
    connect_timeout: Optional[float],
    request_timeout: Optional[float],
    progress: Optional[float],
    background: bool,
    cluster_id: Optional[str],
    tls: Union[TLS, Literal[False], None],
    credential: Optional[Path] = None,
) -> ClientOptions:
    """The C options; raises Invalid for values that C cannot express."""
    options = ClientOptions(
        struct_size=sizeof(ClientOptions),
        ttl_ms=option_ms(ttl, "ttl"),
        name=optional_text(name, "client's name"),
        connect_timeout_ms=option_ms(connect_timeout, "connect_timeout"),
        request_timeout_ms=option_ms(request_timeout, "request_timeout"),
        progress_ms=option_ms(progress, "progress"),
        flags=1 if background else 0,
        cluster_id=optional_text(cluster_id, "cluster id"),
    )
    secure_client(options, tls)
    options.credential_file = optional_path(credential, "credential")
    return options


def _session(info: SessionInfo) -> Session:
    return Session(
        state=SessionState(info.state),
        id=info.id,
        remaining=info.remaining_ns / 1e9,
        ttl=info.ttl_ms / 1000,
        leases=info.leases,
    )
