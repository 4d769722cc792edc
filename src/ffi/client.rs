//! A client: a connection to a cluster, and the session that all its leases share.

use super::guard::{check_unset, guard, guard_or};
use super::handle::{enter, export, free};
use super::lease::no_descriptor;
use super::log::install;
use super::sized::{self, Sized32};
use super::status::tenure_status;
use super::strings::{CLIENT_NAME, CLUSTER_ID, ENDPOINTS, optional_text, out};
use super::tls::{Environment, check_verify, client_tls, variable};
use super::wait::wait;
use crate::Error;
use crate::client::{Client, ClientOptions, SessionInfo};
use std::ffi::{c_char, c_int};
use std::mem::offset_of;
use std::time::Duration;

/// tenure_client_open returns at once and connects in the background.
pub const TENURE_OPEN_BACKGROUND: u32 = 1;

/// The session is renewed in time.
pub const TENURE_SESSION_STATE_VALID: i32 = 1;
/// A renewal is overdue; the session is still valid.
pub const TENURE_SESSION_STATE_JEOPARDY: i32 = 2;
/// There is no session yet, or it has ended.
pub const TENURE_SESSION_STATE_ENDED: i32 = 3;

/// A connection to a cluster, and the session in it. Thread-safe. All clients of a program share one thread of Tenure's; each
/// has a descriptor for its connection to each endpoint.
#[derive(Debug)]
pub struct tenure_client {
    _opaque: [u8; 0],
}

/// How a client is opened. Begin with TENURE_CLIENT_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct tenure_client_options {
    pub struct_size: u32,
    /// How long the leases outlive this process, and how long a loss can go unnoticed: 0 = 10000. The servers
    /// keep it within their bounds. A session ends 0.52 to 0.86 of it after the last contact with the leader: to
    /// survive 5 s without, and the second that it may take to be connected again, takes 12000.
    pub ttl_ms: u32,
    /// The client's name, for people; NULL = host:pid.
    pub name: *const c_char,
    /// How long opening tries to reach a node and make a session; 0 = 5000.
    pub connect_timeout_ms: u32,
    /// How long calls without a wait of their own (reads, orders, a leader's answer to a try) may take; 0 = 5000.
    pub request_timeout_ms: u32,
    /// Renew the session only while tenure_client_progress is called at least every progress_ms; 0
    /// = always.
    pub progress_ms: u32,
    /// TENURE_OPEN_BACKGROUND.
    pub flags: u32,
    /// A file (PEM) with the authority of the nodes: nodes are reached over TLS alone, and other
    /// nodes are refused. The files are read when the client is opened. If none of ca, cert, key,
    /// credential_file and verify is given, the environment's TENURE_CA, TENURE_CERT, TENURE_KEY,
    /// TENURE_CREDENTIAL_FILE and TENURE_VERIFY ("host" or "node") count, but not for a client of
    /// tenure_node_client; without those, and for "", nothing is encrypted.
    pub ca: *const c_char,
    /// A file (PEM) with the certificate of this client; needs key. NULL: none, and nodes refuse a
    /// client that has no credential either.
    pub cert: *const c_char,
    /// A file (PEM) with the key of cert.
    pub key: *const c_char,
    /// A file with a credential (tenure_credential_create, or `tenure access credential create`),
    /// for a client without certificate: cert and key are NULL then, and ca is given. NULL: none.
    pub credential_file: *const c_char,
    /// The expected cluster: its id as `tenure status` shows it, or at least the first eight hex
    /// digits. Nodes of any other cluster are passed over. NULL: the environment's
    /// TENURE_CLUSTER_ID; without it, and for "", the cluster on which the nodes agree.
    pub cluster_id: *const c_char,
    /// How nodes are verified: TENURE_VERIFY_HOST or TENURE_VERIFY_NODE.
    pub verify: u32,
    /// 0.
    pub reserved_2: u32,
}

/// A client's session as known here. Begin with TENURE_SESSION_INFO_INIT.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct tenure_session_info {
    pub struct_size: u32,
    /// TENURE_SESSION_STATE_VALID, _JEOPARDY or _ENDED.
    pub state: i32,
    /// The session; 0 before the first.
    pub id: u64,
    /// How long the session may still be believed in.
    pub remaining_ns: u64,
    /// The TTL in force.
    pub ttl_ms: u32,
    /// Leases held.
    pub leases: u32,
}

/// Connects to the cluster of which `endpoints` ("host:port,host:port,...") are nodes, and makes a session.
/// NULL: the environment's TENURE_ENDPOINTS, else 127.0.0.1:7401,127.0.0.1:7402,127.0.0.1:7403.
///
/// On success *out is a client that you free with tenure_client_free; else it is NULL. `options` may be NULL.
///
/// ```c
/// tenure_client_options options = TENURE_CLIENT_OPTIONS_INIT;
/// tenure_client *client;
/// options.ttl_ms = 5000;
/// if (tenure_client_open("10.0.0.1:7401,10.0.0.2:7401", &options, &client) != TENURE_OK)
///     fprintf(stderr, "%s\n", tenure_last_error());
/// ```
///
/// Statuses: TENURE_UNAVAILABLE (the text says which nodes were tried, and why each failed or
/// refused us), TENURE_INVALID (also: a file of ca, cert or key cannot be used, and the text says
/// which and why), TENURE_UNSUPPORTED, TENURE_LIMIT. Any thread; blocks up to connect_timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_client_open(
    endpoints: *const c_char,
    options: *const tenure_client_options,
    out: *mut *mut tenure_client,
) -> tenure_status {
    guard(|| {
        // SAFETY: the caller passes a place for the handle.
        let out = unsafe { self::out(out, "out") }?;
        *out = std::ptr::null_mut();
        install();
        // SAFETY: the caller passes NULL or a string.
        let endpoints = match unsafe { optional_text(endpoints, ENDPOINTS) }? {
            Some(endpoints) => endpoints.to_owned(),
            None => std::env::var("TENURE_ENDPOINTS").unwrap_or(ENDPOINTS_DEFAULT.to_owned()),
        };
        // SAFETY: the caller passes NULL or options that begin with their size.
        let mut options = unsafe { client_options(options, Environment::Counts) }?;
        options.cluster_id = pinned(options.cluster_id)?;
        *out = export(ClientObject(Client::open(&endpoints, options)?))?;
        Ok(())
    })
}

/// Fills in *inout with the session as known here: no server is asked.
///
/// Statuses: TENURE_INVALID, TENURE_FORKED. Any thread; never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_client_session(
    client: *const tenure_client,
    inout: *mut tenure_session_info,
) -> tenure_status {
    guard(|| {
        let client = enter::<ClientObject>(client)?;
        let info = session_info(client.0.session());
        // SAFETY: the caller passes a struct that begins with its size.
        unsafe {
            sized::check_room(inout)?;
            sized::write(inout, &info)
        }
    })
}

/// A descriptor that is readable while tenure_client_next has a change. Borrowed: poll it; never
/// read it, close it, or keep it after the client is freed. -1 if the process has no descriptor
/// left, or this is not a client. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_client_fd(client: *const tenure_client) -> c_int {
    guard_or(-1, || {
        let client = enter::<ClientObject>(client)?;
        client.0.events_fd().ok_or_else(no_descriptor)
    })
}

/// Waits at most `wait_ms` for the next change of the session's state, in order, and fills in
/// *inout with the session at the change. The state at the return of tenure_client_open is no
/// change: ask tenure_client_session. Beyond 1024 unread changes the newest replaces the one before
/// it.
///
/// ```c
/// tenure_session_info info = TENURE_SESSION_INFO_INIT;
/// while (tenure_client_next(client, TENURE_FOREVER, &info) == TENURE_OK)
///     if (info.state == TENURE_SESSION_STATE_JEOPARDY)
///         finish_soon(info.remaining_ns);
/// ```
///
/// Statuses: TENURE_AGAIN (no change within `wait_ms`), TENURE_CLOSED (all changes are read, and
/// the client is closed), TENURE_INVALID (also: another thread is in this call), TENURE_FORKED. One
/// thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_client_next(
    client: *mut tenure_client,
    wait_ms: i64,
    inout: *mut tenure_session_info,
) -> tenure_status {
    guard(|| {
        let client = enter::<ClientObject>(client)?;
        // SAFETY: the caller passes a struct that begins with its size.
        unsafe { sized::check_room(inout) }?;
        let info = session_info(client.0.next_event(wait(wait_ms)?)?);
        // SAFETY: there is room for it.
        unsafe { sized::write(inout, &info) }
    })
}

/// A sign of life: with progress_ms the session is renewed only while this function is called at
/// least that often, so that a program that hangs loses its locks (reason TENURE_REASON_STALLED).
/// Call it where work is done, not from a timer. Without progress_ms it does nothing.
///
/// Statuses: TENURE_CLOSED, TENURE_INVALID, TENURE_FORKED. Any thread; never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_client_progress(client: *mut tenure_client) -> tenure_status {
    guard(|| enter::<ClientObject>(client)?.0.progress())
}

/// Ends the session and all its leases: remaining_ns of each is 0 from now on, calls that wait in this client
/// return TENURE_CLOSED. Waits at most `wait_ms` for the server to know; after that its TTL frees the locks.
/// The handle is still to be freed.
///
/// Statuses: TENURE_TIMEOUT (the server did not answer in time), TENURE_CLOSED (the client was
/// closed before), TENURE_INVALID, TENURE_FORKED. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_client_close(
    client: *mut tenure_client,
    wait_ms: i64,
) -> tenure_status {
    guard(|| {
        let wait = wait(wait_ms)?;
        enter::<ClientObject>(client)?.0.close(wait)
    })
}

/// Frees a client, and closes it in the background if it was not closed: its leases end, calls that
/// wait in it return TENURE_CLOSED. The server is notified at once; if no server answers within a
/// second, the client closes its descriptors all the same, and the TTL frees the locks: only
/// tenure_client_close waits. NULL, and a client that was freed already, are harmless. Leases and
/// pendings of the client stay to be freed, before or after it.
///
/// Any thread; never blocks. In a forked child only the handle is forgotten; nothing of the
/// parent's is touched.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_client_free(client: *mut tenure_client) {
    guard_or((), || free::<ClientObject>(client, |client| client.0.let_go()));
}

/// The object of a `tenure_client` handle.
#[derive(Debug)]
pub(super) struct ClientObject(pub Client);

/// The Rust options of these C options.
///
/// # Safety
/// `options` is NULL or begins with its size.
pub(super) unsafe fn client_options(
    options: *const tenure_client_options,
    environment: Environment,
) -> Result<ClientOptions, Error> {
    // SAFETY: the caller's promise.
    let given = unsafe { sized::read(options) }?;
    check_unsupported(&given)?;
    let defaults = ClientOptions::default();
    // SAFETY: each is NULL or a string.
    let (name, cluster_id) = unsafe {
        (optional_text(given.name, CLIENT_NAME)?, optional_text(given.cluster_id, CLUSTER_ID)?)
    };
    // SAFETY: as for these.
    let tls = unsafe { client_tls(&given, environment) }?;
    Ok(ClientOptions {
        ttl: millis_or(given.ttl_ms, defaults.ttl),
        name: name.map(str::to_owned).or(defaults.name),
        connect_timeout: millis_or(given.connect_timeout_ms, defaults.connect_timeout),
        request_timeout: millis_or(given.request_timeout_ms, defaults.request_timeout),
        background: given.flags & TENURE_OPEN_BACKGROUND != 0,
        progress: (given.progress_ms != 0)
            .then(|| Duration::from_millis(u64::from(given.progress_ms))),
        cluster_id: cluster_id.map(str::to_owned),
        tls,
        ..ClientOptions::default()
    })
}

fn check_unsupported(given: &tenure_client_options) -> Result<(), Error> {
    let fields = [
        ("flags", given.flags & !TENURE_OPEN_BACKGROUND != 0),
        ("reserved_2", given.reserved_2 != 0),
    ];
    check_unset("tenure_client_options", &fields)?;
    check_verify("tenure_client_options", given.verify)
}

/// The cluster id that is `given`, else the environment's.
fn pinned(given: Option<String>) -> Result<Option<String>, Error> {
    match given {
        Some(given) => Ok(Some(given).filter(|given| !given.is_empty())),
        None => variable("TENURE_CLUSTER_ID"),
    }
}

/// `milliseconds`, where 0 stands for the default.
pub(super) fn millis_or(milliseconds: u32, default: Duration) -> Duration {
    match milliseconds {
        0 => default,
        _ => Duration::from_millis(u64::from(milliseconds)),
    }
}

/// `number`, where 0 stands for the default.
pub(super) fn nonzero(number: u64) -> Option<u64> {
    Some(number).filter(|number| *number != 0)
}

/// Nanoseconds as C has them; a `Duration` of more than 584 years saturates.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn session_info(info: SessionInfo) -> tenure_session_info {
    tenure_session_info {
        struct_size: size_of::<tenure_session_info>() as u32,
        state: info.state as i32,
        id: info.session.map_or(0, |session| session.0),
        remaining_ns: nanos(info.remaining),
        ttl_ms: u32::try_from(info.ttl.as_millis()).unwrap_or(u32::MAX),
        leases: info.leases,
    }
}

const ENDPOINTS_DEFAULT: &str = "127.0.0.1:7401,127.0.0.1:7402,127.0.0.1:7403";

// SAFETY: repr(C), no padding (asserted below), numbers and pointers that may be anything.
unsafe impl Sized32 for tenure_client_options {
    const FIRST_SIZE: usize = 32;
}

// SAFETY: repr(C), no padding (asserted below), numbers only.
unsafe impl Sized32 for tenure_session_info {
    const FIRST_SIZE: usize = 32;
}

const _: () = {
    assert!(offset_of!(tenure_client_options, struct_size) == 0);
    assert!(offset_of!(tenure_client_options, ttl_ms) == 4);
    assert!(offset_of!(tenure_client_options, name) == 8);
    assert!(offset_of!(tenure_client_options, connect_timeout_ms) == 16);
    assert!(offset_of!(tenure_client_options, request_timeout_ms) == 20);
    assert!(offset_of!(tenure_client_options, progress_ms) == 24);
    assert!(offset_of!(tenure_client_options, flags) == 28);
    assert!(offset_of!(tenure_client_options, ca) == 32);
    assert!(offset_of!(tenure_client_options, cert) == 40);
    assert!(offset_of!(tenure_client_options, key) == 48);
    assert!(offset_of!(tenure_client_options, credential_file) == 56);
    assert!(offset_of!(tenure_client_options, cluster_id) == 64);
    assert!(offset_of!(tenure_client_options, verify) == 72);
    assert!(offset_of!(tenure_client_options, reserved_2) == 76);
    assert!(size_of::<tenure_client_options>() == 80);

    assert!(offset_of!(tenure_session_info, struct_size) == 0);
    assert!(offset_of!(tenure_session_info, state) == 4);
    assert!(offset_of!(tenure_session_info, id) == 8);
    assert!(offset_of!(tenure_session_info, remaining_ns) == 16);
    assert!(offset_of!(tenure_session_info, ttl_ms) == 24);
    assert!(offset_of!(tenure_session_info, leases) == 28);
    assert!(size_of::<tenure_session_info>() == 32);
};
