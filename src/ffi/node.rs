//! A node in the host's own process.

use super::client::{ClientObject, client_options, nanos, tenure_client, tenure_client_options};
use super::guard::{guard, guard_or};
use super::handle::{enter, export, free};
use super::lease::no_descriptor;
use super::log::install;
use super::sized::{self, Sized32};
use super::starting::node_options;
use super::status::tenure_status;
use super::strings::out;
use super::tls::Environment;
use super::wait::duration;
use crate::base::NodeId;
use crate::client::Client;
use crate::node::{Leadership, Node};
use crate::sys::thread;
use std::ffi::{c_char, c_int};
use std::mem::{ManuallyDrop, offset_of};
use std::time::Duration;

/// Listen on more than loopback although nothing is encrypted.
pub const TENURE_NODE_INSECURE: u32 = 1;

/// A running node. Thread-safe.
#[derive(Debug)]
pub struct tenure_node {
    _opaque: [u8; 0],
}

/// How a node is started. Begin with TENURE_NODE_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct tenure_node_options {
    pub struct_size: u32,
    /// TENURE_NODE_INSECURE.
    pub flags: u32,
    /// The id of this node among the members; 1 or larger.
    pub id: u64,
    /// The node's own directory, which it makes and locks.
    pub data_dir: *const c_char,
    /// All members: "1=host:port,2=host:port,3=host:port". With `join` it may be NULL.
    pub cluster: *const c_char,
    /// "host:port" to listen on; NULL = its own address in `cluster`, or as the nodes at `join` tell it.
    pub listen: *const c_char,
    /// NULL, or "host:port,host:port": nodes of a running cluster to which this one was added by
    /// tenure_member_add. They are asked for the members. A node that has joined already starts
    /// without their answer, if `listen` or `cluster` gives its own address: `join` may stay as it
    /// is.
    pub join: *const c_char,
    /// The interval of a leader's heartbeats; 0 = 30.
    pub heartbeat_ms: u32,
    /// The smallest election timeout, the largest being twice that; 0 = 150.
    pub election_ms: u32,
    /// The length of the leader lease; 0 = 150.
    pub lease_ms: u32,
    /// 0.
    pub reserved: u32,
    /// A file (PEM) with the authority of the nodes, and of clients and operators unless client_ca is given. With ca, cert and
    /// key all connections that leave the process are over TLS; NULL: nothing is encrypted. Each file is read when the node is
    /// started; tenure_certs_write makes them.
    pub ca: *const c_char,
    /// A file (PEM) with this node's certificate, of `tenure:node/ID`.
    pub cert: *const c_char,
    /// A file (PEM) with the key of cert.
    pub key: *const c_char,
    /// NULL, or a file (PEM) with the authority of clients and operators, if that is another.
    pub client_ca: *const c_char,
    /// NULL, or a file (PEM) with the certificates that authorities have revoked (CRLs).
    pub crl: *const c_char,
    /// NULL, or "host:port" of the admin endpoint: /metrics, /livez, /readyz, /status over HTTP,
    /// beyond loopback over HTTPS.
    pub admin: *const c_char,
    /// NULL, or a file to which the audit trail is appended, a JSON object a line: orders, breaks,
    /// snapshots and denials. These are logged in any case.
    pub audit: *const c_char,
    /// The largest TTL of a session, from 200, which is also how long a restored cluster waits
    /// before it grants; 0 = 3600000 (1 h), the maximum. The leader's value counts.
    pub ttl_max_ms: u64,
    /// Bytes of log after which a snapshot is made, from 4096 to 536870912; 0 = 67108864 (64 MiB).
    pub snapshot_every_bytes: u64,
    /// TENURE_TLS_DEFAULT, _OFF, _OPTIONAL or _REQUIRED.
    pub tls: u32,
    /// How the nodes at `join` are verified: TENURE_VERIFY_HOST or TENURE_VERIFY_NODE.
    pub verify: u32,
}

/// The leader lease as a node knows it at one instant. Begin with TENURE_LEADERSHIP_INIT.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct tenure_leadership {
    pub struct_size: u32,
    /// 1 if remaining_ns > 0, else 0.
    pub is_leader: i32,
    /// The leader as far as this node knows; 0 = none.
    pub leader_id: u64,
    /// The term.
    pub term: u64,
    /// The fencing token of this node's leadership; 0 if it does not lead.
    pub token: u64,
    /// How long this node may still believe that it alone leads.
    pub remaining_ns: u64,
}

/// Starts a node of the cluster on threads of its own: on return the data directory is recovered
/// and the node listens. No quorum is needed. With `join` it first waits, a few seconds at most,
/// for the answers of the nodes there. `options` is not needed after the call.
///
/// On success *out is a node that you free with tenure_node_free; else it is NULL.
///
/// ```c
/// tenure_node_options options = TENURE_NODE_OPTIONS_INIT;
/// tenure_node *node;
/// options.id = 1;
/// options.data_dir = "/var/lib/app/tenure";
/// options.cluster = "1=127.0.0.1:7401,2=127.0.0.1:7402,3=127.0.0.1:7403";
/// if (tenure_node_start(&options, &node) != TENURE_OK)
///     fprintf(stderr, "%s\n", tenure_last_error());
/// ```
///
/// Statuses: TENURE_INVALID (also: `join` names a cluster that this node was not added to, or a
/// file of TLS cannot be used: the text says which option and why), TENURE_DENIED (the directory or
/// the port may not be used), TENURE_CORRUPT, TENURE_UNSUPPORTED: a person must mend the cause.
/// TENURE_UNAVAILABLE (no node that `join` names answered; the name or the address to listen on is
/// not there at present), TENURE_IO (port or directory in use, the disk), TENURE_LIMIT (files,
/// threads): try again later. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_node_start(
    options: *const tenure_node_options,
    out: *mut *mut tenure_node,
) -> tenure_status {
    guard(|| {
        // SAFETY: the caller passes a place for the handle.
        let out = unsafe { self::out(out, "out") }?;
        *out = std::ptr::null_mut();
        install();
        // SAFETY: the caller passes NULL or options that begin with their size.
        let options = unsafe { node_options(options) }?;
        *out = export(NodeObject(ManuallyDrop::new(Node::start(options)?)))?;
        Ok(())
    })
}

/// Fills in *inout: whether this node leads, until when, under which token, all at one instant.
///
/// A node that loses leadership and wins it again has another token: work that began under the
/// former one is over, and others may have led in between. So compare the token, not is_leader
/// alone, with that of the work's beginning.
///
/// Statuses: TENURE_INVALID, TENURE_FORKED. Any thread; takes no lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_node_leadership(
    node: *const tenure_node,
    inout: *mut tenure_leadership,
) -> tenure_status {
    guard(|| {
        let leadership = c_leadership(enter::<NodeObject>(node)?.0.leadership());
        // SAFETY: the caller passes a struct that begins with its size.
        unsafe {
            sized::check_room(inout)?;
            sized::write(inout, &leadership)
        }
    })
}

/// A descriptor that is readable while tenure_node_next has a change, also when a claim lapses
/// while the node's threads are stuck. Borrowed: poll it; never read it, close it, or keep it after
/// the node is freed. -1 if the process has no descriptor left, or this is not a node. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_node_fd(node: *const tenure_node) -> c_int {
    guard_or(-1, || enter::<NodeObject>(node)?.0.fd().ok_or_else(no_descriptor))
}

/// Waits at most `wait_ms` for the next change of leader, term or claim; the first call gives the present state.
/// Afterwards *inout is filled in.
///
/// Statuses: TENURE_AGAIN (nothing changed in time), TENURE_CLOSED (the node was stopped),
/// TENURE_INVALID (also: another thread is in this call), TENURE_FORKED. The node has ended by
/// itself: TENURE_IO, TENURE_LIMIT or TENURE_INTERNAL (start it again), TENURE_DENIED or
/// TENURE_CORRUPT (a person must mend its directory, or it was removed from the cluster). One
/// reader.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_node_next(
    node: *mut tenure_node,
    wait_ms: i64,
    inout: *mut tenure_leadership,
) -> tenure_status {
    guard(|| {
        let wait = duration(wait_ms)?;
        // A change that was taken cannot be put back: look for room first.
        // SAFETY: the caller passes a struct that begins with its size.
        unsafe { sized::check_room(inout) }?;
        let leadership = c_leadership(enter::<NodeObject>(node)?.0.next(wait)?);
        // SAFETY: checked above.
        unsafe { sized::write(inout, &leadership) }
    })
}

/// Hands leadership to the node `to`, or, if that is 0, to the node with the longest log. From the
/// call on remaining_ns of this node's leadership is 0, unless the call fails. The next leader may
/// claim as soon as it leads: it need not wait for a claim of this node to run out. Waits at most
/// `wait_ms`; about an election timeout is enough.
///
/// Statuses: TENURE_LOST (this node does not lead), TENURE_UNAVAILABLE (no other node took over:
/// this one leads on), TENURE_TIMEOUT (not decided yet; the handover goes on), TENURE_CLOSED (the
/// node was stopped), TENURE_INVALID, TENURE_FORKED. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_node_resign(
    node: *mut tenure_node,
    to: u64,
    wait_ms: i64,
) -> tenure_status {
    guard(|| {
        let wait = duration(wait_ms)?;
        let to = (to != 0).then_some(NodeId(to));
        enter::<NodeObject>(node)?.0.resign(to, wait)
    })
}

/// Opens a client of this node's cluster. The client reaches this node, while it runs, without a
/// socket, and the others over TCP: where these speak TLS the client needs ca, cert and key of its
/// own, since a node's certificate is no client's. As tenure_client_open otherwise: *out is a
/// client that you free with tenure_client_free, before or after the node.
///
/// ```c
/// tenure_client *client;
/// if (tenure_node_client(node, NULL, &client) != TENURE_OK)
///     fprintf(stderr, "%s\n", tenure_last_error());
/// ```
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_node_client(
    node: *mut tenure_node,
    options: *const tenure_client_options,
    out: *mut *mut tenure_client,
) -> tenure_status {
    guard(|| {
        // SAFETY: the caller passes a place for the handle.
        let out = unsafe { self::out(out, "out") }?;
        *out = std::ptr::null_mut();
        let node = enter::<NodeObject>(node)?;
        // SAFETY: the caller passes NULL or options that begin with their size.
        let mut options = unsafe { client_options(options, Environment::IsOther) }?;
        // The environment's cluster id belongs to the environment's endpoints.
        options.cluster_id = options.cluster_id.filter(|pin| !pin.is_empty());
        *out = export(ClientObject(Client::open_local(&node.0.local()?, options)?))?;
        Ok(())
    })
}

/// Stops the node. If it leads, it hands leadership over first, as tenure_node_resign does, for a second at most. Then
/// its connections are closed and its directory is unlocked. Waits at most `wait_ms`; the node stops all the same. The
/// handle is still to be freed.
///
/// Statuses: TENURE_TIMEOUT (the node still runs: a disk hangs), TENURE_INVALID, TENURE_FORKED. Any
/// thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_node_stop(node: *mut tenure_node, wait_ms: i64) -> tenure_status {
    guard(|| {
        let wait = duration(wait_ms)?;
        enter::<NodeObject>(node)?.0.stop(wait)
    })
}

/// Frees a node, and stops it in the background if it was not stopped. NULL, and a node that was freed already,
/// are harmless. Any thread; never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_node_free(node: *mut tenure_node) {
    guard_or((), || free::<NodeObject>(node, |node| drop(node.0.stop(Some(Duration::ZERO)))));
}

/// The object of a `tenure_node` handle.
#[derive(Debug)]
pub(super) struct NodeObject(ManuallyDrop<Node>);

impl NodeObject {
    /// The node.
    pub(super) fn node(&self) -> &Node {
        &self.0
    }
}

impl Drop for NodeObject {
    /// On a thread of its own: dropping a node joins its threads, and its disk may hang.
    fn drop(&mut self) {
        // SAFETY: taken once, here; the field is not used again.
        let node = unsafe { ManuallyDrop::take(&mut self.0) };
        if node.stop(Some(Duration::ZERO)).is_ok() {
            return;
        }
        // Without a thread the closure is dropped here: the caller waits, which is better than a
        // node that runs on.
        let _detached = thread::spawn("tenure-stop", move || drop(node));
    }
}

fn c_leadership(leadership: Leadership) -> tenure_leadership {
    tenure_leadership {
        struct_size: size_of::<tenure_leadership>() as u32,
        is_leader: i32::from(leadership.is_leader),
        leader_id: leadership.leader.map_or(0, |leader| leader.0),
        term: leadership.term.0,
        token: leadership.token.map_or(0, |token| token.0),
        remaining_ns: nanos(leadership.remaining),
    }
}

// SAFETY: repr(C), no padding (asserted below), numbers and pointers that may be anything.
unsafe impl Sized32 for tenure_node_options {
    const FIRST_SIZE: usize = 64;
}

// SAFETY: repr(C), no padding (asserted below), numbers only.
unsafe impl Sized32 for tenure_leadership {
    const FIRST_SIZE: usize = 40;
}

const _: () = {
    assert!(offset_of!(tenure_node_options, struct_size) == 0);
    assert!(offset_of!(tenure_node_options, flags) == 4);
    assert!(offset_of!(tenure_node_options, id) == 8);
    assert!(offset_of!(tenure_node_options, data_dir) == 16);
    assert!(offset_of!(tenure_node_options, cluster) == 24);
    assert!(offset_of!(tenure_node_options, listen) == 32);
    assert!(offset_of!(tenure_node_options, join) == 40);
    assert!(offset_of!(tenure_node_options, heartbeat_ms) == 48);
    assert!(offset_of!(tenure_node_options, election_ms) == 52);
    assert!(offset_of!(tenure_node_options, lease_ms) == 56);
    assert!(offset_of!(tenure_node_options, reserved) == 60);
    assert!(offset_of!(tenure_node_options, ca) == 64);
    assert!(offset_of!(tenure_node_options, cert) == 72);
    assert!(offset_of!(tenure_node_options, key) == 80);
    assert!(offset_of!(tenure_node_options, client_ca) == 88);
    assert!(offset_of!(tenure_node_options, crl) == 96);
    assert!(offset_of!(tenure_node_options, admin) == 104);
    assert!(offset_of!(tenure_node_options, audit) == 112);
    assert!(offset_of!(tenure_node_options, ttl_max_ms) == 120);
    assert!(offset_of!(tenure_node_options, snapshot_every_bytes) == 128);
    assert!(offset_of!(tenure_node_options, tls) == 136);
    assert!(offset_of!(tenure_node_options, verify) == 140);
    assert!(size_of::<tenure_node_options>() == 144);

    assert!(offset_of!(tenure_leadership, struct_size) == 0);
    assert!(offset_of!(tenure_leadership, is_leader) == 4);
    assert!(offset_of!(tenure_leadership, leader_id) == 8);
    assert!(offset_of!(tenure_leadership, term) == 16);
    assert!(offset_of!(tenure_leadership, token) == 24);
    assert!(offset_of!(tenure_leadership, remaining_ns) == 32);
    assert!(size_of::<tenure_leadership>() == 40);
};
