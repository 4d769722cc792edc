//! Every bound in one place, with the relations between them asserted at compile time.

/// A lock name, in bytes of UTF-8; at least 1.
pub const NAME_BYTES_MAX: usize = 255;
/// The value of a lock or election, in bytes.
pub const VALUE_BYTES_MAX: usize = 4096;
/// A client's own name, in bytes.
pub const CLIENT_NAME_BYTES_MAX: usize = 255;
/// Sessions alive at once.
pub const SESSIONS_MAX: usize = 200_000;
/// Sessions that one connection may have opened, however few are free; beyond it a sixteenth of those.
pub const SESSIONS_PER_CONNECTION_MIN: usize = 64;
/// Sessions that one address may have opened, however few are free; beyond it a quarter of those.
pub const SESSIONS_PER_SOURCE_MIN: usize = 4096;
/// Locks held or waited for at once.
pub const LOCKS_MAX: usize = 1_000_000;
/// Grants and waiting requests of one session.
pub const REQUESTS_PER_SESSION_MAX: usize = 16_384;
/// Answers remembered for one session beyond its floor; more is refused.
pub const ANSWERS_PER_SESSION_MAX: usize = 32_768;
/// How far the id of a request, and the floor that it names, may lie above all ids that its session is known to have used:
/// many times what a client can have under way, and far too little to use the ids up.
pub const REQUEST_SPAN_MAX: u64 = 1 << 20;
/// Waiters of one lock.
pub const WAITERS_PER_LOCK_MAX: usize = 100_000;
/// Holders and waiters that one search for a deadlock looks at: well under a millisecond.
pub const DEADLOCK_SEARCH_MAX: usize = 4096;
/// Why a lock is taken from its holder, for people, in bytes.
pub const BREAK_REASON_BYTES_MAX: usize = 255;
/// Names that the apply of one entry frees and grants before it leaves the rest to later entries: with a million locks, and names that
/// no cache foresees, some three microseconds each.
pub const NAMES_PER_PART: usize = 2048;
/// The sentence of an error, in bytes: a longer one of a server is cut off there.
pub const ERROR_TEXT_BYTES_MAX: usize = 4096;
/// Bytes of one node's refusal within such a sentence.
pub const REFUSAL_TEXT_BYTES_MAX: usize = 512;
/// One line of the log, in bytes.
pub const LOG_LINE_BYTES_MAX: usize = 8 << 10;
/// Lines of the log that a host has asked for and not read yet.
pub const LOG_QUEUE_LINES_MAX: usize = 4096;
/// Bytes of those lines: a bad minute of a node at its most talkative.
pub const LOG_QUEUE_BYTES_MAX: usize = 1 << 20;
/// Names in one acquire.
pub const NAMES_PER_ACQUIRE_MAX: usize = 32;
/// Holders of one shared or counted lock; later ones wait.
pub const HOLDERS_PER_LOCK_MAX: usize = 100_000;

/// Waiters that a view of a lock lists.
pub const WAITERS_SHOWN_MAX: usize = 64;
/// Holders that a view of a lock lists besides the oldest.
pub const HOLDERS_SHOWN_MAX: usize = 16;
/// Locks in one answer to a read.
pub const LOCKS_PER_READ_MAX: usize = 32;

/// Session TTL in milliseconds, smallest, default and largest. The largest only grows from version to version: a restore
/// waits so long (L15).
pub const TTL_MS_MIN: u32 = 200;
/// See [`TTL_MS_MIN`].
pub const TTL_MS_DEFAULT: u32 = 10_000;
/// See [`TTL_MS_MIN`].
pub const TTL_MS_MAX: u32 = 3_600_000;

/// The leader lease (Δ) in milliseconds, smallest and longest. A claim loses 2 % and a millisecond to its margins; below
/// the smallest nothing useful is left. The longest only grows from version to version: a restore waits so long (L15).
pub const LEASE_MS_MIN: u32 = 20;
/// See [`LEASE_MS_MIN`].
pub const LEASE_MS_MAX: u32 = 60_000;

/// A lock's delay after an expiry (L16), in milliseconds.
pub const LOCK_DELAY_MS_MAX: u32 = TTL_MS_MAX;

/// Body of one frame on the wire, in bytes.
pub const FRAME_BYTES_MAX: usize = 1 << 20;
/// Entries in flight to one follower on the consensus connection, in bytes.
pub const INFLIGHT_BYTES_MAX: usize = 256 << 10;
/// Entries in one append message, in bytes.
pub const APPEND_BYTES_MAX: usize = 128 << 10;
/// One part of a snapshot on its way to a follower, in bytes: at 1 MB/s it holds up a heartbeat by 66 ms.
pub const SNAPSHOT_CHUNK_BYTES_MAX: usize = 64 << 10;
/// A snapshot, in bytes.
pub const SNAPSHOT_BYTES_MAX: u64 = 8 << 30;
/// The state of the lock machine, in bytes as it counts them: beyond it whatever takes something is refused. All locks that
/// may be held, with the longest names and the largest values, take 4.6 GB.
pub const STATE_BYTES_MAX: u64 = 6 << 30;
/// Beyond that, what releases and withdrawals may still leave behind.
pub const STATE_RESERVE_BYTES: u64 = 1 << 30;
/// One entry's payload, in bytes.
pub const ENTRY_BYTES_MAX: usize = 16 << 10;
/// Output buffered for one client connection before it is closed, in bytes.
pub const CLIENT_BUFFER_BYTES_MAX: usize = 4 << 20;
/// Output buffered for all client connections of a node together, in bytes, before those are closed that do not read.
pub const CLIENT_BUFFERS_BYTES_MAX: usize = 64 << 20;
/// Output buffered for one peer connection before it is closed, in bytes.
pub const PEER_BUFFER_BYTES_MAX: usize = 4 << 20;
/// Requests of one connection that wait for their answer: logged ones, and as many others.
pub const REQUESTS_IN_FLIGHT_MAX: usize = 4096;
/// Logged requests of one connection that wait for their answer, in bytes: no one alone takes so much of
/// [`UNCOMMITTED_BYTES_MAX`] that others are refused as BUSY.
pub const REQUEST_BYTES_IN_FLIGHT_MAX: usize = 1 << 20;
/// Locks that one connection observes at once.
pub const OBSERVERS_PER_CONNECTION_MAX: usize = 1024;
/// Observers of one leader: one of each of as many connections as there may be, some 200 bytes each.
pub const OBSERVERS_MAX: usize = 100_000;
/// Changes of holders that a replica remembers, for observers that return: three seconds of a busy cluster (10,000 a
/// second), which is longer than an election and a reconnect take. Some 80 bytes each.
pub const HISTORY_CHANGES_MAX: usize = 32_768;
/// Bytes of names and values of those changes: 256 for each.
pub const HISTORY_BYTES_MAX: usize = 8 << 20;
/// Client connections of one node, as far as its descriptors go: each session has one.
pub const CONNECTIONS_MAX: usize = 100_000;
/// Accepted connections of one node that have not said who they are, where that takes TLS; each may have said up to 32 KiB.
pub const GREETINGS_MAX: usize = 16_384;
/// Such connections of one address (of IPv6: of one /64): more than all clients of a large machine, which may dial at once.
pub const GREETINGS_PER_ADDRESS_MAX: usize = 8_192;
/// Requests held by a new leader until its own no-op is applied.
pub const HELD_REQUESTS_MAX: usize = 65_536;
/// Proposed and not yet committed, in bytes; beyond it proposals are refused as BUSY.
pub const UNCOMMITTED_BYTES_MAX: usize = 16 << 20;
/// Clusters that one names as those that it was restored from: more restores in a row than a client sleeps through.
pub const ANCESTORS_MAX: usize = 16;
/// Rules and credentials of one cluster together.
pub const ACCESS_RULES_MAX: usize = 4096;
/// Rules in one answer to a read: some 100 KB.
pub const ACCESS_RULES_PER_READ_MAX: usize = 256;
/// Members of a cluster.
pub const MEMBERS_MAX: usize = 9;

/// Entries kept since the last snapshot, in bytes.
pub const LOG_BYTES_MAX: u64 = 1 << 30;
/// The last part of [`LOG_BYTES_MAX`], in which only entries that free something are admitted.
pub const LOG_RESERVE_BYTES: u64 = 64 << 20;
/// Entries since the last snapshot, in bytes, at which the next one is made. A restart reads a log of that
/// length back in about a second; beyond it, it would wait for longer with each entry.
pub const SNAPSHOT_EVERY_BYTES: u64 = 64 << 20;
/// The least that may be asked for instead: each snapshot costs a file and two syncs.
pub const SNAPSHOT_EVERY_BYTES_MIN: u64 = 4 << 10;
/// The most: the log must not be full before the snapshot is stored that cuts it.
pub const SNAPSHOT_EVERY_BYTES_MAX: u64 = LOG_BYTES_MAX / 2;
/// Entries kept in memory behind a snapshot, in bytes, for followers that lag a little.
pub const RETAINED_BYTES: u64 = 8 << 20;
/// One segment of the write-ahead log, in bytes.
pub const SEGMENT_BYTES: u64 = 8 << 20;

const _: () = assert!(REQUEST_SPAN_MAX > 16 * ANSWERS_PER_SESSION_MAX as u64);
/// Entries that a member may lack and still count as one that has the log: as many as a few round trips bring.
pub const LAG_ENTRIES_MAX: u64 = 1000;

const _: () = assert!(ENTRY_BYTES_MAX > 2 * (NAME_BYTES_MAX + VALUE_BYTES_MAX));
const _: () =
    assert!(ENTRY_BYTES_MAX > 256 + VALUE_BYTES_MAX + NAMES_PER_ACQUIRE_MAX * (NAME_BYTES_MAX + 8));
const _: () = assert!(
    ENTRY_BYTES_MAX > 256 + NAME_BYTES_MAX + CLIENT_NAME_BYTES_MAX + BREAK_REASON_BYTES_MAX
);
const _: () = assert!(ERROR_TEXT_BYTES_MAX >= 4 * REFUSAL_TEXT_BYTES_MAX);
const _: () = assert!(LOG_QUEUE_BYTES_MAX >= 64 * LOG_LINE_BYTES_MAX);
const _: () = assert!(APPEND_BYTES_MAX >= 2 * ENTRY_BYTES_MAX);
const _: () = assert!(REQUEST_BYTES_IN_FLIGHT_MAX * 16 <= UNCOMMITTED_BYTES_MAX);
const _: () = assert!(REQUEST_BYTES_IN_FLIGHT_MAX > 16 * ENTRY_BYTES_MAX);
const _: () = assert!(OBSERVERS_PER_CONNECTION_MAX * 16 <= OBSERVERS_MAX);
const _: () = assert!(HISTORY_BYTES_MAX == HISTORY_CHANGES_MAX * 256);
const _: () =
    assert!(HISTORY_BYTES_MAX > 16 * (NAME_BYTES_MAX + CLIENT_NAME_BYTES_MAX + VALUE_BYTES_MAX));
const _: () = assert!(INFLIGHT_BYTES_MAX >= 2 * APPEND_BYTES_MAX);
const _: () = assert!(FRAME_BYTES_MAX >= 2 * (APPEND_BYTES_MAX + ENTRY_BYTES_MAX));
const _: () = assert!(PEER_BUFFER_BYTES_MAX > 2 * FRAME_BYTES_MAX);
const _: () = assert!(CLIENT_BUFFER_BYTES_MAX > 2 * FRAME_BYTES_MAX);
const _: () = assert!(CLIENT_BUFFERS_BYTES_MAX >= 16 * CLIENT_BUFFER_BYTES_MAX);
const _: () = assert!(FRAME_BYTES_MAX >= 2 * SNAPSHOT_CHUNK_BYTES_MAX);
const _: () = assert!(SNAPSHOT_EVERY_BYTES * 10 <= LOG_BYTES_MAX * 8);
const _: () = assert!(LOG_RESERVE_BYTES * 8 <= LOG_BYTES_MAX);
const _: () = assert!(SEGMENT_BYTES > 4 * FRAME_BYTES_MAX as u64);
// A read's answer fits a frame, with the largest of everything in it.
const _: () = assert!(
    LOCKS_PER_READ_MAX
        * (NAME_BYTES_MAX
            + VALUE_BYTES_MAX
            + CLIENT_NAME_BYTES_MAX
            + 128
            + WAITERS_SHOWN_MAX * (CLIENT_NAME_BYTES_MAX + 32)
            + HOLDERS_SHOWN_MAX * (CLIENT_NAME_BYTES_MAX + 48))
        < FRAME_BYTES_MAX
);
const _: () = assert!(TTL_MS_MIN < TTL_MS_DEFAULT && TTL_MS_DEFAULT < TTL_MS_MAX);
