"""The structs and functions of include/tenure.h, as ctypes sees them; a test compares the two."""

from __future__ import annotations

from ctypes import CFUNCTYPE, POINTER, Structure
from ctypes import c_char_p, c_int, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any

ABI_VERSION = 1
FOREVER = -1


class ClientOptions(Structure):
    """tenure_client_options"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("ttl_ms", c_uint32),
        ("name", c_char_p),
        ("connect_timeout_ms", c_uint32),
        ("request_timeout_ms", c_uint32),
        ("progress_ms", c_uint32),
        ("flags", c_uint32),
        ("ca", c_char_p),
        ("cert", c_char_p),
        ("key", c_char_p),
        ("credential_file", c_char_p),
        ("cluster_id", c_char_p),
        ("verify", c_uint32),
        ("reserved_2", c_uint32),
    ]


class SessionInfo(Structure):
    """tenure_session_info"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("state", c_int32),
        ("id", c_uint64),
        ("remaining_ns", c_uint64),
        ("ttl_ms", c_uint32),
        ("leases", c_uint32),
    ]


class AcquireOptions(Structure):
    """tenure_acquire_options"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("mode", c_int32),
        ("permits", c_uint32),
        ("limit", c_uint32),
        ("value", c_void_p),
        ("value_len", c_size_t),
        ("owner", c_uint64),
        ("lock_delay_ms", c_uint32),
        ("flags", c_uint32),
    ]


class NodeOptions(Structure):
    """tenure_node_options"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("flags", c_uint32),
        ("id", c_uint64),
        ("data_dir", c_char_p),
        ("cluster", c_char_p),
        ("listen", c_char_p),
        ("join", c_char_p),
        ("heartbeat_ms", c_uint32),
        ("election_ms", c_uint32),
        ("lease_ms", c_uint32),
        ("reserved", c_uint32),
        ("ca", c_char_p),
        ("cert", c_char_p),
        ("key", c_char_p),
        ("client_ca", c_char_p),
        ("crl", c_char_p),
        ("admin", c_char_p),
        ("audit", c_char_p),
        ("ttl_max_ms", c_uint64),
        ("snapshot_every_bytes", c_uint64),
        ("tls", c_uint32),
        ("verify", c_uint32),
    ]


class NodeLeadership(Structure):
    """tenure_leadership"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("is_leader", c_int32),
        ("leader_id", c_uint64),
        ("term", c_uint64),
        ("token", c_uint64),
        ("remaining_ns", c_uint64),
    ]


class RestoreOptions(Structure):
    """tenure_restore_options"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("flags", c_uint32),
        ("id", c_uint64),
        ("data_dir", c_char_p),
        ("cluster", c_char_p),
        ("epoch", c_uint64),
        ("largest_ttl_max_ms", c_uint64),
        ("largest_lease_ms", c_uint64),
        ("ancestors", c_char_p),
    ]


class CertsOptions(Structure):
    """tenure_certs_options"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("flags", c_uint32),
        ("hosts", c_char_p),
        ("ca_dir", c_char_p),
        ("days", c_uint32),
        ("reserved", c_uint32),
    ]


LogFunction = CFUNCTYPE(None, c_void_p, c_int32, c_char_p)

_status = c_int32
_handle = c_void_p
_out = POINTER(c_void_p)

# name: (result, arguments)
PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "tenure_version": (c_char_p, []),
    "tenure_abi_version": (c_uint32, []),
    "tenure_status_name": (c_char_p, [_status]),
    "tenure_status_text": (c_char_p, [_status]),
    "tenure_last_error": (c_char_p, []),
    "tenure_last_reason": (c_int32, []),
    "tenure_log_to": (_status, [LogFunction, c_void_p, c_int32]),
    "tenure_log_level": (_status, [c_int32]),
    "tenure_log_fd": (c_int, []),
    "tenure_log_read": (_status, [c_char_p, POINTER(c_size_t)]),
    "tenure_client_open": (_status, [c_char_p, POINTER(ClientOptions), _out]),
    "tenure_client_session": (_status, [_handle, POINTER(SessionInfo)]),
    "tenure_client_fd": (c_int, [_handle]),
    "tenure_client_next": (_status, [_handle, c_int64, POINTER(SessionInfo)]),
    "tenure_client_progress": (_status, [_handle]),
    "tenure_client_cork": (_status, [_handle]),
    "tenure_client_uncork": (_status, [_handle]),
    "tenure_client_flush": (_status, [_handle]),
    "tenure_client_close": (_status, [_handle, c_int64]),
    "tenure_client_free": (None, [_handle]),
    "tenure_acquire": (_status, [_handle, c_char_p, c_int64, POINTER(AcquireOptions), _out]),
    "tenure_acquire_all": (
        _status,
        [_handle, POINTER(c_char_p), c_size_t, c_int64, POINTER(AcquireOptions), _out],
    ),
    "tenure_acquire_start": (_status, [_handle, c_char_p, c_int64, POINTER(AcquireOptions), _out]),
    "tenure_acquire_all_start": (
        _status,
        [_handle, POINTER(c_char_p), c_size_t, c_int64, POINTER(AcquireOptions), _out],
    ),
    "tenure_lease_name": (c_char_p, [_handle]),
    "tenure_lease_token": (c_uint64, [_handle]),
    "tenure_lease_remaining_ns": (c_uint64, [_handle]),
    "tenure_lease_fd": (c_int, [_handle]),
    "tenure_lease_state": (_status, [_handle, POINTER(c_int32), POINTER(c_int32)]),
    "tenure_transfer": (_status, [_handle, c_char_p]),
    "tenure_release": (_status, [_handle, c_int64]),
    "tenure_lease_asked": (_status, [_handle, POINTER(c_int64), c_char_p, POINTER(c_size_t)]),
    "tenure_lease_free": (None, [_handle]),
    "tenure_pending_fd": (c_int, [_handle]),
    "tenure_pending_take": (_status, [_handle, c_int64, _out]),
    "tenure_pending_cancel": (None, [_handle]),
    "tenure_pending_free": (None, [_handle]),
    "tenure_campaign": (_status, [_handle, c_char_p, c_int64, c_void_p, c_size_t, _out]),
    "tenure_campaign_start": (_status, [_handle, c_char_p, c_int64, c_void_p, c_size_t, _out]),
    "tenure_proclaim": (_status, [_handle, c_void_p, c_size_t]),
    "tenure_holder_of": (_status, [_handle, c_char_p, _out]),
    "tenure_holder_token": (c_uint64, [_handle]),
    "tenure_holder_client": (c_char_p, [_handle]),
    "tenure_holder_value": (c_void_p, [_handle, POINTER(c_size_t)]),
    "tenure_holder_since_unix_ms": (c_int64, [_handle]),
    "tenure_holder_missed": (c_uint64, [_handle]),
    "tenure_holder_free": (None, [_handle]),
    "tenure_observe": (_status, [_handle, c_char_p, _out]),
    "tenure_observer_fd": (c_int, [_handle]),
    "tenure_observer_next": (_status, [_handle, c_int64, _out]),
    "tenure_observer_free": (None, [_handle]),
    "tenure_validate": (_status, [_handle, c_char_p, c_uint64]),
    "tenure_break": (_status, [_handle, c_char_p, c_uint64, c_int64, c_char_p]),
    "tenure_describe": (_status, [_handle, c_char_p, c_char_p, c_char_p, POINTER(c_size_t)]),
    "tenure_member_add": (_status, [_handle, c_uint64, c_char_p]),
    "tenure_member_promote": (_status, [_handle, c_uint64]),
    "tenure_member_demote": (_status, [_handle, c_uint64]),
    "tenure_member_remove": (_status, [_handle, c_uint64]),
    "tenure_member_move": (_status, [_handle, c_uint64, c_char_p]),
    "tenure_move_leader": (_status, [_handle, c_uint64, c_int64]),
    "tenure_handover": (_status, [_handle, c_char_p, c_char_p, c_int64, c_char_p]),
    "tenure_snapshot_save": (_status, [_handle, c_char_p]),
    "tenure_access_on": (_status, [_handle]),
    "tenure_access_off": (_status, [_handle]),
    "tenure_access_allow": (_status, [_handle, c_char_p, c_char_p, c_char_p]),
    "tenure_access_deny": (_status, [_handle, c_char_p, c_char_p, c_char_p, c_char_p, POINTER(c_size_t)]),
    "tenure_access_test": (_status, [_handle, c_char_p, c_char_p, c_char_p, POINTER(c_int32)]),
    "tenure_credential_create": (_status, [_handle, c_char_p, c_char_p, POINTER(c_size_t)]),
    "tenure_credential_revoke": (_status, [_handle, c_char_p]),
    "tenure_snapshot_restore": (_status, [c_char_p, POINTER(RestoreOptions), POINTER(c_uint64)]),
    "tenure_node_start": (_status, [POINTER(NodeOptions), _out]),
    "tenure_node_leadership": (_status, [_handle, POINTER(NodeLeadership)]),
    "tenure_node_fd": (c_int, [_handle]),
    "tenure_node_next": (_status, [_handle, c_int64, POINTER(NodeLeadership)]),
    "tenure_node_reload": (_status, [_handle]),
    "tenure_node_resign": (_status, [_handle, c_uint64, c_int64]),
    "tenure_node_client": (_status, [_handle, POINTER(ClientOptions), _out]),
    "tenure_node_stop": (_status, [_handle, c_int64]),
    "tenure_node_metrics": (_status, [_handle, c_char_p, POINTER(c_size_t)]),
    "tenure_node_free": (None, [_handle]),
    "tenure_certs_write": (_status, [c_char_p, c_char_p, POINTER(CertsOptions)]),
}
