//! Corks: many calls of one thread leave together.

use super::client::{ClientObject, tenure_client};
use super::guard::guard;
use super::handle::enter;
use super::status::tenure_status;

/// From now on, until tenure_client_uncork, what this thread acquires and releases with this client leaves together: in
/// fewer packets and system calls, at a fraction of the processor time of both sides. For programs that have many calls under way
/// (tenure_acquire_start, tenure_release with a wait of 0). May be nested: the outermost counts.
///
/// ```c
/// tenure_client_cork(client);
/// for (i = 0; i < 100; i++)
///     tenure_acquire_start(client, names[i], TENURE_FOREVER, NULL, &pending[i]);
/// tenure_client_uncork(client);
/// ```
///
/// It leaves before that as soon as 64 calls have come together, 5 ms have passed, this thread or another waits for anything of this
/// client, another thread calls, or the client has something else to send: a renewal never waits. Whoever polls descriptors himself
/// uncorks before, or calls tenure_client_flush. A release ends the lease at once, as ever. A process that ends by a return
/// from main or by exit sends it then; one that is killed, or calls _exit or abort, does not.
///
/// Statuses: TENURE_INVALID, TENURE_FORKED. Any thread; never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_client_cork(client: *mut tenure_client) -> tenure_status {
    guard(|| enter::<ClientObject>(client)?.0.cork_thread())
}

/// Takes back one tenure_client_cork of this thread. With its last one all that waited leaves.
///
/// Statuses: TENURE_INVALID (also: this thread has not corked it), TENURE_FORKED. The thread that corked it; never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_client_uncork(client: *mut tenure_client) -> tenure_status {
    guard(|| enter::<ClientObject>(client)?.0.uncork_thread())
}

/// Sends now what has come together since tenure_client_cork, and goes on: for loops that poll descriptors. Without a cork nothing
/// waits, and it does nothing.
///
/// Statuses: TENURE_INVALID, TENURE_FORKED. Any thread; never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_client_flush(client: *mut tenure_client) -> tenure_status {
    guard(|| enter::<ClientObject>(client)?.0.flush())
}
