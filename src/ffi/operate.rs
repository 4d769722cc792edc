//! Orders of operators: members, moves of leadership, hand-overs of locks, snapshots.

use super::client::{ClientObject, tenure_client};
use super::guard::guard;
use super::handle::enter;
use super::inspect::{TOKENS_ALONE, grace};
use super::status::tenure_status;
use super::strings::{CLIENT_NAME, MEMBER_ADDRESS, NAME, REASON, SNAPSHOT, optional_text, text};
use super::wait::wait;
use crate::base::NodeId;
use crate::client::{Grace, HandoverOptions, Members};
use crate::{Error, Status};
use std::ffi::c_char;

/// Adds a node to the cluster, without a vote, under an id that was never used: the others reach it
/// at `address` ("host:port"). The change is committed when the call returns; then start the node
/// there, with `join`, and give it its vote. A program grows its cluster from one node so:
///
/// ```c
/// tenure_member_add(client, 2, "10.0.0.2:7401");
/// // On that machine: options.id = 2; options.join = "10.0.0.1:7401"; tenure_node_start(&options, &node);
/// tenure_member_promote(client, 2);
/// ```
///
/// Statuses: TENURE_INVALID (also: the node is a member already, the id was used before, or the
/// address is malformed), TENURE_DENIED (over TLS the call needs the certificate of an operator, or
/// with rights on the right `operate`: the text says who lacks what), TENURE_UNAVAILABLE (surely
/// not done), TENURE_UNKNOWN (it may have been done: look at "members" of tenure_describe),
/// TENURE_CLOSED, TENURE_FORKED. Any thread; blocks up to request_timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_member_add(
    client: *mut tenure_client,
    id: u64,
    address: *const c_char,
) -> tenure_status {
    guard(|| {
        let members = members(client)?;
        // SAFETY: the caller passes a string.
        let address = unsafe { text(address, MEMBER_ADDRESS) }?;
        members.add(node(id)?, address)
    })
}

/// Waits until a node has joined and caught up with the log, and gives it a vote. Idempotent.
///
/// Statuses: TENURE_NOT_FOUND (no such member), TENURE_UNAVAILABLE (surely not done: the node is
/// not started, or has not caught up yet), and as for tenure_member_add. Any thread; blocks up to
/// request_timeout_ms, and a second for the last answer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_member_promote(
    client: *mut tenure_client,
    id: u64,
) -> tenure_status {
    guard(|| members(client)?.promote(node(id)?))
}

/// Takes a node's vote; the node goes on copying the log. A leader hands leadership over first.
/// Idempotent.
///
/// Statuses: TENURE_NOT_FOUND (no such member), TENURE_INVALID (also: the last voter must stay),
/// and as for tenure_member_add. Any thread; blocks up to request_timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_member_demote(
    client: *mut tenure_client,
    id: u64,
) -> tenure_status {
    guard(|| members(client)?.demote(node(id)?))
}

/// Removes a node for good: the node ends by itself (tenure_node_next says so), and its id is never
/// used again. A leader hands leadership over first.
///
/// Statuses: as for tenure_member_demote. Any thread; blocks up to request_timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_member_remove(
    client: *mut tenure_client,
    id: u64,
) -> tenure_status {
    guard(|| members(client)?.remove(node(id)?))
}

/// Tells the others that a node is reached at `address` ("host:port") from now on: start it there.
/// Idempotent.
///
/// Statuses: TENURE_NOT_FOUND (no such member), and as for tenure_member_add. Any thread; blocks up
/// to request_timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_member_move(
    client: *mut tenure_client,
    id: u64,
    address: *const c_char,
) -> tenure_status {
    guard(|| {
        let members = members(client)?;
        // SAFETY: the caller passes a string.
        let address = unsafe { text(address, MEMBER_ADDRESS) }?;
        members.move_to(node(id)?, address)
    })
}

/// Moves leadership to the voter `to`, or, if that is 0, to the one with the longest log. No
/// session is lost. Idempotent. Once leadership is given up, the call waits at most `wait_ms` for
/// the next leader.
///
/// Statuses: TENURE_OK (`to` leads, or any other node), TENURE_INVALID (also: `to` is no voter, or there is no other one),
/// TENURE_UNAVAILABLE (nothing was done, or an election came between and another node leads: the text says which),
/// TENURE_UNKNOWN (it may have been done), TENURE_TIMEOUT (leadership was given up, and nobody leads yet), TENURE_DENIED (as for
/// tenure_member_add), TENURE_CLOSED, TENURE_FORKED. Any thread; blocks up to request_timeout_ms, and `wait_ms`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_move_leader(
    client: *mut tenure_client,
    to: u64,
    wait_ms: i64,
) -> tenure_status {
    guard(|| {
        let wait = wait(wait_ms)?;
        let to = (to != 0).then_some(NodeId(to));
        enter::<ClientObject>(client)?.0.move_leader(to, wait).map(drop)
    })
}

/// Asks the holder of `name` to end, as tenure_break does, and hands the lock to the first waiter
/// whose client is called `to_client`, NULL: to the next in the queue. The lock passes in one step
/// when the holder has ended: nobody else gets it between. Returns once that has happened, at once
/// if `to_client` holds the lock already. `grace_ms`: -1 = the TTL of the holder's session, or 1 to
/// 3600000 milliseconds; 0 is TENURE_INVALID: a lock that is taken at once is not handed over, see
/// tenure_break. `reason` (at most 255 bytes; NULL for none) is for the holder and for people.
///
/// Statuses: TENURE_NOT_FOUND (nobody holds it, or nobody of that name waits: the holder was not asked), TENURE_TIMEOUT
/// (the holder was asked, and has not ended yet), TENURE_UNAVAILABLE, TENURE_UNKNOWN (it may have been asked),
/// TENURE_INVALID, TENURE_CLOSED, TENURE_FORKED. Any thread; blocks up to the grace or the TTL of the holder's session,
/// whichever is longer, and request_timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_handover(
    client: *mut tenure_client,
    name: *const c_char,
    to_client: *const c_char,
    grace_ms: i64,
    reason: *const c_char,
) -> tenure_status {
    guard(|| {
        let client = enter::<ClientObject>(client)?;
        // SAFETY: the caller passes a string, and twice NULL or a string.
        let (name, to, reason) = unsafe {
            (
                text(name, NAME)?,
                optional_text(to_client, CLIENT_NAME)?,
                optional_text(reason, REASON)?,
            )
        };
        let mut options = HandoverOptions::new().reason(reason.unwrap_or_default());
        options.to = to.map(str::to_owned);
        options.grace = match grace(grace_ms)? {
            Grace::Now => return Err(Error::new(Status::Invalid, TOKENS_ALONE)),
            Grace::For(grace) => Some(grace),
            Grace::Ttl => None,
        };
        client.0.hand_over(name, options).map(drop)
    })
}

/// Has the leader make a snapshot that has all grants from before the call, and writes it to the
/// file `path`, which appears whole and durable, or not at all; an existing file is replaced. Only
/// the file's owner can read it: it holds the names and values of all locks.
/// tenure_snapshot_restore begins a new cluster with it.
///
/// Statuses: TENURE_UNAVAILABLE, TENURE_DENIED (as for tenure_member_add), TENURE_IO (the file), TENURE_CORRUPT, TENURE_INVALID,
/// TENURE_CLOSED, TENURE_FORKED. Any thread; blocks up to request_timeout_ms until the snapshot is made, and as long again for each part of it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_snapshot_save(
    client: *mut tenure_client,
    path: *const c_char,
) -> tenure_status {
    guard(|| {
        let client = enter::<ClientObject>(client)?;
        // SAFETY: the caller passes a string.
        let path = unsafe { text(path, SNAPSHOT) }?;
        client.0.save_snapshot(path).map(drop)
    })
}

fn members(client: *mut tenure_client) -> Result<Members, Error> {
    Ok(enter::<ClientObject>(client)?.0.members())
}

fn node(id: u64) -> Result<NodeId, Error> {
    match id {
        0 => Err(Error::new(Status::Invalid, "the id of a node is 1 or larger")),
        id => Ok(NodeId(id)),
    }
}
