//! Corks: many calls of one thread leave together.

use super::client::{ClientObject, tenure_client};
use super::guard::guard;
use super::handle::enter;
use super::status::tenure_status;

/// Collects the acquires and releases of this thread with this client until tenure_client_uncork, and sends them together: in
/// fewer packets and system calls, at a fraction of the processor time of both sides. For programs that have many calls under way
/// (tenure_acquire_start, tenure_release with a wait of 0). Corks nest: the outermost counts.
///
/// ```c
/// tenure_client_cork(client);
/// for (i = 0; i < 100; i++)
///     tenure_acquire_start(client, names[i], TENURE_FOREVER, NULL, &pending[i]);
/// tenure_client_uncork(client);
/// ```
///
/// The calls leave earlier as soon as 64 of them have come together, 5 ms have passed, a thread waits for anything of this client,
/// another thread makes a call, or the client has something else to send: a renewal never waits. A program that polls descriptors
/// itself uncorks before each poll, or calls tenure_client_flush. A release ends the lease at once, corked or not. The end of a process
/// by a return from main or by exit sends the calls that are left; a kill, _exit or abort drops them.
///
/// Statuses: TENURE_INVALID, TENURE_FORKED. Any thread; never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_client_cork(client: *mut tenure_client) -> tenure_status {
    guard(|| enter::<ClientObject>(client)?.0.cork_thread())
}

/// Takes back one tenure_client_cork of this thread. The last one sends all calls that were collected.
///
/// Statuses: TENURE_INVALID (also: this thread has not corked the client), TENURE_FORKED. Only the thread that corked; never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_client_uncork(client: *mut tenure_client) -> tenure_status {
    guard(|| enter::<ClientObject>(client)?.0.uncork_thread())
}

/// Sends now the calls that were collected since tenure_client_cork, and collects on: for loops that poll descriptors. Without a
/// cork no call waits, and nothing is sent.
///
/// Statuses: TENURE_INVALID, TENURE_FORKED. Any thread; never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_client_flush(client: *mut tenure_client) -> tenure_status {
    guard(|| enter::<ClientObject>(client)?.0.flush())
}
