/*
 * Tenure: distributed locks, elections and leader leases.
 *
 * Generated from src/ffi by cbindgen; a test compares this file with what the sources give.
 *
 * Handles may be freed in any order. A handle that is NULL, freed, or of another type is answered with
 * TENURE_INVALID. A constructor sets its out-handle to NULL when it fails; other results are written on
 * success only. Structs begin with their size: start from the TENURE_..._INIT macros; NULL options are all
 * defaults. Strings are UTF-8 and end with NUL. After fork(2) the parent's handles answer TENURE_FORKED in the
 * child, where they may only be freed, and which keeps none of the parent's sockets and files; nothing is sent at
 * exit, the time to live frees the locks.
 *
 * pthread_cancel of a thread that is in a call takes effect at its next cancellation point behind the call, which it does
 * not shorten: to end a wait, cancel the pending, or close the client (or free the observer, stop the node) that is waited
 * in. Threads whose cancellation type is PTHREAD_CANCEL_ASYNCHRONOUS must not call anything here. Signal handlers may
 * call tenure_lease_remaining_ns and tenure_lease_token of a lease that nobody frees meanwhile, and nothing else.
 */


#ifndef TENURE_H
#define TENURE_H

#include <stddef.h>
#include <stdint.h>

/** For `wait_ms`: wait until it is decided. 0 does not wait; else milliseconds. */
#define TENURE_FOREVER INT64_C(-1)

#define TENURE_CLIENT_OPTIONS_INIT \
    { sizeof(tenure_client_options), 0, NULL, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, 0, 0 }
#define TENURE_SESSION_INFO_INIT { sizeof(tenure_session_info), 0, 0, 0, 0, 0 }
#define TENURE_ACQUIRE_OPTIONS_INIT \
    { sizeof(tenure_acquire_options), TENURE_EXCLUSIVE, 0, 0, NULL, 0, 0, 0, 0 }
#define TENURE_NODE_OPTIONS_INIT \
    { sizeof(tenure_node_options), 0, 0, NULL, NULL, NULL, NULL, 0, 0, 0, 0, \
      NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0 }
#define TENURE_RESTORE_OPTIONS_INIT \
    { sizeof(tenure_restore_options), 0, 0, NULL, NULL, 0, 0, 0, NULL }
#define TENURE_CERTS_OPTIONS_INIT { sizeof(tenure_certs_options), 0, NULL, NULL, 0, 0 }
#define TENURE_LEADERSHIP_INIT { sizeof(tenure_leadership), 0, 0, 0, 0, 0 }


/**
 * The version of this header's ABI: compare it with tenure_abi_version() when a library is
 * replaced without recompiling.
 */
#define TENURE_ABI_VERSION 1

/**
 * Done.
 */
#define TENURE_OK 0

/**
 * The wait was over before the lock was granted; the request is withdrawn.
 */
#define TENURE_TIMEOUT 1

/**
 * A try found that somebody holds the lock.
 */
#define TENURE_HELD 2

/**
 * The lease has ended, or the token does not hold.
 */
#define TENURE_LOST 3

/**
 * The wait was cancelled.
 */
#define TENURE_CANCELLED 4

/**
 * Waiting would close a cycle of waiters.
 */
#define TENURE_DEADLOCK 5

/**
 * The session ended while the call waited in it; the next call opens a new one.
 */
#define TENURE_SESSION_EXPIRED 6

/**
 * No such lock, waiter, member, rule or the like.
 */
#define TENURE_NOT_FOUND 7

/**
 * Not decided yet: wait on the file descriptor and ask again.
 */
#define TENURE_AGAIN 8

/**
 * No leader could be reached: the request was surely not carried out.
 */
#define TENURE_UNAVAILABLE 20

/**
 * Refused for load.
 */
#define TENURE_BUSY 21

/**
 * Sent and not answered: the request may have been carried out.
 */
#define TENURE_UNKNOWN 22

/**
 * An argument is not valid; this is also the answer to a handle that is NULL, freed or of another type.
 */
#define TENURE_INVALID 40

/**
 * Not allowed.
 */
#define TENURE_DENIED 41

/**
 * A limit was reached.
 */
#define TENURE_LIMIT 42

/**
 * The handle was closed.
 */
#define TENURE_CLOSED 43

/**
 * The handle belongs to the parent process: after fork(2) it can only be freed.
 */
#define TENURE_FORKED 44

/**
 * This version does not support it.
 */
#define TENURE_UNSUPPORTED 45

/**
 * The buffer is too small; its length is now the length that is needed.
 */
#define TENURE_TOO_SMALL 46

/**
 * Reading or writing failed.
 */
#define TENURE_IO 60

/**
 * Stored data is damaged.
 */
#define TENURE_CORRUPT 61

/**
 * A bug in Tenure. The handle in which it happened answers this from then on; free it.
 */
#define TENURE_INTERNAL 62

/**
 * No lines.
 */
#define TENURE_LOG_OFF 0

/**
 * Something failed, and somebody should look.
 */
#define TENURE_LOG_ERROR 1

/**
 * Something is wrong, and Tenure goes on.
 */
#define TENURE_LOG_WARN 2

/**
 * Changes of role and the like.
 */
#define TENURE_LOG_INFO 3

/**
 * Details for finding a fault.
 */
#define TENURE_LOG_DEBUG 4

/**
 * Everything.
 */
#define TENURE_LOG_TRACE 5

/**
 * A node's certificate must have the name or the address that is dialed.
 */
#define TENURE_VERIFY_HOST 0

/**
 * The certificate of any node of `ca` is accepted, at any address. There is no fallback from one
 * to the other.
 */
#define TENURE_VERIFY_NODE 1

/**
 * TENURE_TLS_REQUIRED with a certificate, else TENURE_TLS_OFF.
 */
#define TENURE_TLS_DEFAULT 0

/**
 * Nothing is encrypted, whatever else is given.
 */
#define TENURE_TLS_OFF 1

/**
 * TLS and plaintext are accepted, while a cluster changes over.
 */
#define TENURE_TLS_OPTIONAL 2

/**
 * TLS alone.
 */
#define TENURE_TLS_REQUIRED 3

/**
 * tenure_client_open returns at once and connects in the background.
 */
#define TENURE_OPEN_BACKGROUND 1

/**
 * The session is renewed in time.
 */
#define TENURE_SESSION_STATE_VALID 1

/**
 * A renewal is overdue; the session is still valid.
 */
#define TENURE_SESSION_STATE_JEOPARDY 2

/**
 * There is no session yet, or it has ended.
 */
#define TENURE_SESSION_STATE_ENDED 3

/**
 * One holder.
 */
#define TENURE_EXCLUSIVE 0

/**
 * Many holders, all of them readers. A reader that arrives behind a waiting writer queues behind
 * it.
 */
#define TENURE_SHARED 1

/**
 * Held, as far as it is known here.
 */
#define TENURE_LEASE_STATE_HELD 1

/**
 * Held, and asked to be given up: remaining_ns says how soon it ends. Finish, then release it.
 */
#define TENURE_LEASE_STATE_ASKED 2

/**
 * Ended, for good.
 */
#define TENURE_LEASE_STATE_ENDED 3

/**
 * The lease has not ended.
 */
#define TENURE_REASON_NONE 0

/**
 * tenure_release.
 */
#define TENURE_REASON_RELEASED 1

/**
 * The session was not renewed in time, or the server expired it.
 */
#define TENURE_REASON_EXPIRED 2

/**
 * tenure_client_close.
 */
#define TENURE_REASON_SESSION_CLOSED 3

/**
 * The lock was broken: at once, or its grace was over (tenure_break).
 */
#define TENURE_REASON_BROKEN 4

/**
 * tenure_transfer.
 */
#define TENURE_REASON_TRANSFERRED 5

/**
 * The program did not call tenure_client_progress within progress_ms.
 */
#define TENURE_REASON_STALLED 6

/**
 * The process was forked; this is the child.
 */
#define TENURE_REASON_FORKED 7

/**
 * Listen on more than loopback although nothing is encrypted.
 */
#define TENURE_NODE_INSECURE 1

/**
 * Grant locks at once, although programs may still believe in earlier leases: across the restore
 * only tokens protect.
 */
#define TENURE_RESTORE_WAIVE_WAIT 1

/**
 * Replace files of the same name, each atomically; without this flag such a file is
 * TENURE_INVALID.
 */
#define TENURE_CERTS_REPLACE 1

/**
 * A connection to a cluster, and the session in it. Thread-safe. All clients of a program share one thread of Tenure's; each
 * has a descriptor for its connection to each endpoint.
 */
typedef struct tenure_client tenure_client;

/**
 * The holder of a lock, as read or observed. Immutable: any thread.
 */
typedef struct tenure_holder tenure_holder;

/**
 * A grant, as long as it may be believed in. Thread-safe.
 */
typedef struct tenure_lease tenure_lease;

/**
 * A running node. Thread-safe.
 */
typedef struct tenure_node tenure_node;

/**
 * Follows the holders of one lock, or the leaders of one election. One reader.
 */
typedef struct tenure_observer tenure_observer;

/**
 * An acquire that is under way. One thread takes; any may cancel.
 */
typedef struct tenure_pending tenure_pending;

/**
 * How a call ended: TENURE_OK, or one of the numbers below, which are never reused.
 *
 * 1 to 19 are outcomes, 20 to 39 may be tried again later, 40 to 59 are errors of the caller, 60
 * and more failures of Tenure or of the machine.
 */
typedef int32_t tenure_status;

/**
 * Gets one line of the log, without a newline; `line` is valid during the call.
 */
typedef void (*tenure_log_fn)(void *user, int32_t level, const char *line);

/**
 * How a client is opened. Begin with TENURE_CLIENT_OPTIONS_INIT.
 */
typedef struct {
  uint32_t struct_size;
  /**
   * How long the leases outlive this process, and how long a loss can go unnoticed: 0 = 10000. The servers
   * keep it within their bounds. A session ends 0.52 to 0.86 of it after the last contact with the leader: to
   * survive 5 s without, and the second that it may take to be connected again, takes 12000.
   */
  uint32_t ttl_ms;
  /**
   * The client's name, for people; NULL = host:pid.
   */
  const char *name;
  /**
   * How long opening tries to reach a node and make a session; 0 = 5000.
   */
  uint32_t connect_timeout_ms;
  /**
   * How long calls without a wait of their own (reads, orders, a leader's answer to a try) may take; 0 = 5000.
   */
  uint32_t request_timeout_ms;
  /**
   * Renew the session only while tenure_client_progress is called at least every progress_ms; 0
   * = always.
   */
  uint32_t progress_ms;
  /**
   * TENURE_OPEN_BACKGROUND.
   */
  uint32_t flags;
  /**
   * A file (PEM) with the authority of the nodes: nodes are reached over TLS alone, and other
   * nodes are refused. The files are read when the client is opened. If none of ca, cert, key,
   * credential_file and verify is given, the environment's TENURE_CA, TENURE_CERT, TENURE_KEY,
   * TENURE_CREDENTIAL_FILE and TENURE_VERIFY ("host" or "node") count, but not for a client of
   * tenure_node_client; without those, and for "", nothing is encrypted.
   */
  const char *ca;
  /**
   * A file (PEM) with the certificate of this client; needs key. NULL: none, and nodes refuse a
   * client that has no credential either.
   */
  const char *cert;
  /**
   * A file (PEM) with the key of cert.
   */
  const char *key;
  /**
   * A file with a credential (tenure_credential_create, or `tenure access credential create`),
   * for a client without certificate: cert and key are NULL then, and ca is given. NULL: none.
   */
  const char *credential_file;
  /**
   * The expected cluster: its id as `tenure status` shows it, or at least the first eight hex
   * digits. Nodes of any other cluster are passed over. NULL: the environment's
   * TENURE_CLUSTER_ID; without it, and for "", the cluster on which the nodes agree.
   */
  const char *cluster_id;
  /**
   * How nodes are verified: TENURE_VERIFY_HOST or TENURE_VERIFY_NODE.
   */
  uint32_t verify;
  /**
   * 0.
   */
  uint32_t reserved_2;
} tenure_client_options;

/**
 * A client's session as known here. Begin with TENURE_SESSION_INFO_INIT.
 */
typedef struct {
  uint32_t struct_size;
  /**
   * TENURE_SESSION_STATE_VALID, _JEOPARDY or _ENDED.
   */
  int32_t state;
  /**
   * The session; 0 before the first.
   */
  uint64_t id;
  /**
   * How long the session may still be believed in.
   */
  uint64_t remaining_ns;
  /**
   * The TTL in force.
   */
  uint32_t ttl_ms;
  /**
   * Leases held.
   */
  uint32_t leases;
} tenure_session_info;

/**
 * How a lock is acquired. Begin with TENURE_ACQUIRE_OPTIONS_INIT.
 */
typedef struct {
  uint32_t struct_size;
  /**
   * TENURE_EXCLUSIVE or TENURE_SHARED; TENURE_EXCLUSIVE for a semaphore.
   */
  int32_t mode;
  /**
   * How many permits of a semaphore to take; 0 = 1. A lock has 1.
   */
  uint32_t permits;
  /**
   * 0 = a lock, else a semaphore of so many permits. The present holders and waiters have fixed
   * it: another limit is TENURE_INVALID.
   */
  uint32_t limit;
  /**
   * The value that readers and observers of the lock see; copied; at most 4096 bytes.
   */
  const void *value;
  size_t value_len;
  /**
   * 0 = each acquire is an owner of its own: threads that share a client exclude each other as
   * processes do. Acquires of one session with the same other number are reentrant, under one
   * token; the lock is free with the last of their leases. Deadlocks are found only among owners
   * other than 0: of an owner 0 nobody knows whether it holds another lock.
   */
  uint64_t owner;
  /**
   * If this lease expires, the lock stays taken for so much longer; at most 3600000.
   */
  uint32_t lock_delay_ms;
  /**
   * 0. This version has no flags.
   */
  uint32_t flags;
} tenure_acquire_options;

/**
 * How a node is started. Begin with TENURE_NODE_OPTIONS_INIT.
 */
typedef struct {
  uint32_t struct_size;
  /**
   * TENURE_NODE_INSECURE.
   */
  uint32_t flags;
  /**
   * The id of this node among the members; 1 or larger.
   */
  uint64_t id;
  /**
   * The node's own directory, which it makes and locks.
   */
  const char *data_dir;
  /**
   * All members: "1=host:port,2=host:port,3=host:port". With `join` it may be NULL.
   */
  const char *cluster;
  /**
   * "host:port" to listen on; NULL = its own address in `cluster`, or as the nodes at `join` tell it.
   */
  const char *listen;
  /**
   * NULL, or "host:port,host:port": nodes of a running cluster to which this one was added by
   * tenure_member_add. They are asked for the members. A node that has joined already starts
   * without their answer, if `listen` or `cluster` gives its own address: `join` may stay as it
   * is.
   */
  const char *join;
  /**
   * The interval of a leader's heartbeats; 0 = 30.
   */
  uint32_t heartbeat_ms;
  /**
   * The smallest election timeout, the largest being twice that; 0 = 150.
   */
  uint32_t election_ms;
  /**
   * The length of the leader lease; 0 = 150.
   */
  uint32_t lease_ms;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * A file (PEM) with the authority of the nodes, and of clients and operators unless client_ca is given. With ca, cert and
   * key all connections that leave the process are over TLS; NULL: nothing is encrypted. Each file is read when the node is
   * started; tenure_certs_write makes them.
   */
  const char *ca;
  /**
   * A file (PEM) with this node's certificate, of `tenure:node/ID`.
   */
  const char *cert;
  /**
   * A file (PEM) with the key of cert.
   */
  const char *key;
  /**
   * NULL, or a file (PEM) with the authority of clients and operators, if that is another.
   */
  const char *client_ca;
  /**
   * NULL, or a file (PEM) with the certificates that authorities have revoked (CRLs).
   */
  const char *crl;
  /**
   * NULL, or "host:port" of the admin endpoint: /metrics, /livez, /readyz, /status over HTTP,
   * beyond loopback over HTTPS.
   */
  const char *admin;
  /**
   * NULL, or a file to which the audit trail is appended, a JSON object a line: orders, breaks,
   * snapshots and denials. These are logged in any case.
   */
  const char *audit;
  /**
   * The largest TTL of a session, from 200, which is also how long a restored cluster waits
   * before it grants; 0 = 3600000 (1 h), the maximum. The leader's value counts.
   */
  uint64_t ttl_max_ms;
  /**
   * Bytes of log after which a snapshot is made, from 4096 to 536870912; 0 = 67108864 (64 MiB).
   */
  uint64_t snapshot_every_bytes;
  /**
   * TENURE_TLS_DEFAULT, _OFF, _OPTIONAL or _REQUIRED.
   */
  uint32_t tls;
  /**
   * How the nodes at `join` are verified: TENURE_VERIFY_HOST or TENURE_VERIFY_NODE.
   */
  uint32_t verify;
} tenure_node_options;

/**
 * The leader lease as a node knows it at one instant. Begin with TENURE_LEADERSHIP_INIT.
 */
typedef struct {
  uint32_t struct_size;
  /**
   * 1 if remaining_ns > 0, else 0.
   */
  int32_t is_leader;
  /**
   * The leader as far as this node knows; 0 = none.
   */
  uint64_t leader_id;
  /**
   * The term.
   */
  uint64_t term;
  /**
   * The fencing token of this node's leadership; 0 if it does not lead.
   */
  uint64_t token;
  /**
   * How long this node may still believe that it alone leads.
   */
  uint64_t remaining_ns;
} tenure_leadership;

/**
 * How the data directory of one node of a new cluster is made. Begin with TENURE_RESTORE_OPTIONS_INIT.
 */
typedef struct {
  uint32_t struct_size;
  /**
   * TENURE_RESTORE_WAIVE_WAIT.
   */
  uint32_t flags;
  /**
   * The node whose directory it is; 1 or larger.
   */
  uint64_t id;
  /**
   * The node's data directory: empty, or not there.
   */
  const char *data_dir;
  /**
   * All nodes of the new cluster: "1=host:port,2=host:port,3=host:port".
   */
  const char *cluster;
  /**
   * The new epoch; give one larger than all before, if this snapshot or an older one was
   * restored already. 0 = the snapshot's epoch plus one.
   */
  uint64_t epoch;
  /**
   * The largest ttl_max_ms that any node ever ran with, of the old cluster and of all that it
   * was restored from: the new cluster grants nothing for so long. 0 = 3600000 (1 h), the
   * maximum.
   */
  uint64_t largest_ttl_max_ms;
  /**
   * The longest lease_ms of all these nodes, in the same way. 0 = 60000, the maximum.
   */
  uint64_t largest_lease_ms;
  /**
   * NULL, or the whole ids, with commas between, of clusters whose clients come over to the new
   * one by themselves. The cluster that the file names, and those that it was restored from,
   * need not be listed.
   */
  const char *ancestors;
} tenure_restore_options;

/**
 * How a certificate is made. Begin with TENURE_CERTS_OPTIONS_INIT.
 */
typedef struct {
  uint32_t struct_size;
  /**
   * TENURE_CERTS_REPLACE.
   */
  uint32_t flags;
  /**
   * For a node: the names and addresses at which it is dialed, without ports
   * ("db1.example,10.0.0.1"). For others NULL.
   */
  const char *hosts;
  /**
   * The directory of the authority (ca.crt, ca.key); NULL: the one in which the certificate is made.
   */
  const char *ca_dir;
  /**
   * Validity in days; 0 = 365, for an authority 3650.
   */
  uint32_t days;
  /**
   * 0.
   */
  uint32_t reserved;
} tenure_certs_options;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the library, as "0.1.0". Static text. Any thread.
 */
const char *tenure_version(void);

/**
 * The TENURE_ABI_VERSION of the library. Any thread.
 */
uint32_t tenure_abi_version(void);

/**
 * The name of a status, as "TENURE_TIMEOUT"; "TENURE_?" for an unknown number. Static text. Any
 * thread.
 */
const char *tenure_status_name(tenure_status status);

/**
 * One sentence about a status, for people. Static text. Any thread.
 */
const char *tenure_status_text(tenure_status status);

/**
 * What went wrong in this thread's last failed call, in a sentence that names the lock and says
 * what to do; "" if no call has failed. One line without control characters, of at most 4 KiB,
 * whatever a server said. Valid until this thread's next tenure_ call: copy it to keep it. Never
 * NULL.
 */
const char *tenure_last_error(void);

/**
 * Why the lease had ended about which this thread's last failed call returned TENURE_LOST
 * (TENURE_REASON_...): also if that call gave no lease to ask, as a campaign that was won and lost
 * before it returned. TENURE_REASON_NONE if no call has failed, or the last failure was about no
 * lease whose end is known here. Valid until this thread's next call fails.
 */
int32_t tenure_last_reason(void);

/**
 * Sends the log of the whole process to `callback`, from TENURE_LOG_ERROR up to `level`; NULL: to
 * stderr. Without this call warnings and errors go to stderr; a line that stderr does not take at
 * once is lost.
 *
 * The callback runs on Tenure's threads, and on those that call Tenure, several at once. It must not block (a node of
 * this program would; clients have a thread of their own for it), throw or longjmp; a tenure_ call made in it returns
 * TENURE_INVALID. When this function returns, the former
 * callback runs no more.
 *
 * Statuses: TENURE_INVALID for an unknown level. Any thread.
 */
tenure_status tenure_log_to(tenure_log_fn callback,
                            void *user,
                            int32_t level);

/**
 * Sets the level of the log of the whole process, from TENURE_LOG_ERROR up to `level`, whatever
 * its sink.
 *
 * Statuses: TENURE_INVALID for an unknown level. Any thread; never blocks.
 */
tenure_status tenure_log_level(int32_t level);

/**
 * Queues the log of the whole process for tenure_log_read, instead of a callback or stderr, until
 * tenure_log_to is called. The level stays as it is (tenure_log_level). So a program reads the log
 * where it likes, on a thread that may block and call Tenure, unlike a callback.
 *
 * Returns a descriptor that is readable while there are lines. Borrowed: poll it; never read or close it. Each call returns
 * the same one. -1 if the process has no descriptor left: then the sink stays as it was.
 *
 * The queue holds at most 4096 lines and 1 MiB; beyond that the newest are dropped, and a line in
 * their place says how many.
 * A forked child's lines go to stderr until it calls this for a queue of its own. Any thread.
 */
int tenure_log_fd(void);

/**
 * The next line of the queue that tenure_log_fd began, in the form "LEVEL UNIX_MS PART TEXT",
 * without a newline: LEVEL is a number, TENURE_LOG_ERROR to _TRACE; UNIX_MS is the time in
 * milliseconds since 1970; PART is the part of Tenure, a word such as client, node, raft or wal;
 * TEXT is the rest, of any letters. Lines queued before a call of tenure_log_to stay readable.
 *
 * *len is the size of the buffer `line`; afterwards it is what the line needs, with the NUL that ends it. With 0 the buffer
 * may be NULL. No line needs more than 9216.
 *
 * ```c
 * char line[9216];
 * size_t len = sizeof line;
 * while (tenure_log_read(line, &len) == TENURE_OK) {
 *     int level, text;
 *     long long unix_ms;
 *     if (sscanf(line, "%d %lld %*s %n", &level, &unix_ms, &text) == 2)
 *         syslog(level <= TENURE_LOG_ERROR ? LOG_ERR : LOG_INFO, "%s", line + text);
 *     len = sizeof line;
 * }
 * ```
 *
 * Statuses: TENURE_AGAIN (no line; *len is as it was), TENURE_TOO_SMALL (*len says what is needed;
 * the line stays the next one), TENURE_INVALID (also: tenure_log_fd was not called), TENURE_FORKED
 * (only the parent of this process called it). Any thread; never blocks.
 */
tenure_status tenure_log_read(char *line,
                              size_t *len);

/**
 * Connects to the cluster of which `endpoints` ("host:port,host:port,...") are nodes, and makes a session.
 * NULL: the environment's TENURE_ENDPOINTS, else 127.0.0.1:7401,127.0.0.1:7402,127.0.0.1:7403.
 *
 * On success *out is a client that you free with tenure_client_free; else it is NULL. `options` may be NULL.
 *
 * ```c
 * tenure_client_options options = TENURE_CLIENT_OPTIONS_INIT;
 * tenure_client *client;
 * options.ttl_ms = 5000;
 * if (tenure_client_open("10.0.0.1:7401,10.0.0.2:7401", &options, &client) != TENURE_OK)
 *     fprintf(stderr, "%s\n", tenure_last_error());
 * ```
 *
 * Statuses: TENURE_UNAVAILABLE (the text says which nodes were tried, and why each failed or
 * refused us), TENURE_INVALID (also: a file of ca, cert or key cannot be used, and the text says
 * which and why), TENURE_UNSUPPORTED, TENURE_LIMIT. Any thread; blocks up to connect_timeout_ms.
 */
tenure_status tenure_client_open(const char *endpoints,
                                 const tenure_client_options *options,
                                 tenure_client **out);

/**
 * Fills in *inout with the session as known here: no server is asked.
 *
 * Statuses: TENURE_INVALID, TENURE_FORKED. Any thread; never blocks.
 */
tenure_status tenure_client_session(const tenure_client *client, tenure_session_info *inout);

/**
 * A descriptor that is readable while tenure_client_next has a change. Borrowed: poll it; never
 * read it, close it, or keep it after the client is freed. -1 if the process has no descriptor
 * left, or this is not a client. Any thread.
 */
int tenure_client_fd(const tenure_client *client);

/**
 * Waits at most `wait_ms` for the next change of the session's state, in order, and fills in
 * *inout with the session at the change. The state at the return of tenure_client_open is no
 * change: ask tenure_client_session. Beyond 1024 unread changes the newest replaces the one before
 * it.
 *
 * ```c
 * tenure_session_info info = TENURE_SESSION_INFO_INIT;
 * while (tenure_client_next(client, TENURE_FOREVER, &info) == TENURE_OK)
 *     if (info.state == TENURE_SESSION_STATE_JEOPARDY)
 *         finish_soon(info.remaining_ns);
 * ```
 *
 * Statuses: TENURE_AGAIN (no change within `wait_ms`), TENURE_CLOSED (all changes are read, and
 * the client is closed), TENURE_INVALID (also: another thread is in this call), TENURE_FORKED. One
 * thread at a time.
 */
tenure_status tenure_client_next(tenure_client *client, int64_t wait_ms, tenure_session_info *inout);

/**
 * A sign of life: with progress_ms the session is renewed only while this function is called at
 * least that often, so that a program that hangs loses its locks (reason TENURE_REASON_STALLED).
 * Call it where work is done, not from a timer. Without progress_ms it does nothing.
 *
 * Statuses: TENURE_CLOSED, TENURE_INVALID, TENURE_FORKED. Any thread; never blocks.
 */
tenure_status tenure_client_progress(tenure_client *client);

/**
 * Ends the session and all its leases: remaining_ns of each is 0 from now on, calls that wait in this client
 * return TENURE_CLOSED. Waits at most `wait_ms` for the server to know; after that its TTL frees the locks.
 * The handle is still to be freed.
 *
 * Statuses: TENURE_TIMEOUT (the server did not answer in time), TENURE_CLOSED (the client was
 * closed before), TENURE_INVALID, TENURE_FORKED. Any thread.
 */
tenure_status tenure_client_close(tenure_client *client, int64_t wait_ms);

/**
 * Frees a client, and closes it in the background if it was not closed: its leases end, calls that
 * wait in it return TENURE_CLOSED. The server is notified at once; if no server answers within a
 * second, the client closes its descriptors all the same, and the TTL frees the locks: only
 * tenure_client_close waits. NULL, and a client that was freed already, are harmless. Leases and
 * pendings of the client stay to be freed, before or after it.
 *
 * Any thread; never blocks. In a forked child only the handle is forgotten; nothing of the
 * parent's is touched.
 */
void tenure_client_free(tenure_client *client);

/**
 * Collects the acquires and releases of this thread with this client until tenure_client_uncork, and sends them together: in
 * fewer packets and system calls, at a fraction of the processor time of both sides. For programs that have many calls under way
 * (tenure_acquire_start, tenure_release with a wait of 0). Corks nest: the outermost counts.
 *
 * ```c
 * tenure_client_cork(client);
 * for (i = 0; i < 100; i++)
 *     tenure_acquire_start(client, names[i], TENURE_FOREVER, NULL, &pending[i]);
 * tenure_client_uncork(client);
 * ```
 *
 * The calls leave earlier as soon as 64 of them have come together, 5 ms have passed, a thread waits for anything of this client,
 * another thread makes a call, or the client has something else to send: a renewal never waits. A program that polls descriptors
 * itself uncorks before each poll, or calls tenure_client_flush. A release ends the lease at once, corked or not. The end of a process
 * by a return from main or by exit sends the calls that are left; a kill, _exit or abort drops them.
 *
 * Statuses: TENURE_INVALID, TENURE_FORKED. Any thread; never blocks.
 */
tenure_status tenure_client_cork(tenure_client *client);

/**
 * Takes back one tenure_client_cork of this thread. The last one sends all calls that were collected.
 *
 * Statuses: TENURE_INVALID (also: this thread has not corked the client), TENURE_FORKED. Only the thread that corked; never blocks.
 */
tenure_status tenure_client_uncork(tenure_client *client);

/**
 * Sends now the calls that were collected since tenure_client_cork, and collects on: for loops that poll descriptors. Without a
 * cork no call waits, and nothing is sent.
 *
 * Statuses: TENURE_INVALID, TENURE_FORKED. Any thread; never blocks.
 */
tenure_status tenure_client_flush(tenure_client *client);

/**
 * Acquires the lock `name` (UTF-8, 1 to 255 bytes).
 *
 * `wait_ms`: TENURE_FOREVER, 0 = try, else how long to wait. A wait ends by its time, by tenure_client_close or
 * by the decision, never by a signal. On success *out is a lease that you free with tenure_lease_free; else it
 * is NULL. `options` may be NULL.
 *
 * A try waits for no holder, only for the leader's answer. Without a leader a try waits for one,
 * for at most a second (an election takes a third of that); then it is TENURE_UNAVAILABLE, and the
 * text says why. A client that was opened in the background tries until its connect timeout is
 * over.
 *
 * ```c
 * tenure_lease *lease;
 * if (tenure_acquire(client, "jobs/nightly", 5000, NULL, &lease) == TENURE_OK) {
 *     write_row(row, tenure_lease_token(lease));
 *     tenure_release(lease, 1000);
 *     tenure_lease_free(lease);
 * }
 * ```
 *
 * Statuses: TENURE_TIMEOUT, TENURE_HELD (a try), TENURE_DEADLOCK (this wait would have closed a circle of owners
 * that are not 0; the text says who waits for whom), TENURE_DENIED (rights are on: the text says who lacks which right
 * for which name; also of a wait whose right was taken away), TENURE_UNAVAILABLE, TENURE_BUSY, TENURE_SESSION_EXPIRED,
 * TENURE_CLOSED, TENURE_LIMIT, TENURE_INVALID, TENURE_UNSUPPORTED, TENURE_FORKED. Any thread.
 */
tenure_status tenure_acquire(tenure_client *client,
                             const char *name,
                             int64_t wait_ms,
                             const tenure_acquire_options *options,
                             tenure_lease **out);

/**
 * Acquires `count` locks (1 to 32, none twice) in one step, under one lease and token: all or
 * nothing, and queued as one, so that clients which want the same locks in another order do not
 * deadlock. The options hold for each of the locks. Releasing the lease frees all; its name is the
 * first.
 *
 * ```c
 * const char *names[] = { "accounts/17", "accounts/42" };
 * tenure_lease *lease;
 * if (tenure_acquire_all(client, names, 2, TENURE_FOREVER, NULL, &lease) == TENURE_OK) {
 *     move_money(tenure_lease_token(lease));
 *     tenure_lease_free(lease);
 * }
 * ```
 *
 * For all else, and the statuses, see tenure_acquire. Any thread.
 */
tenure_status tenure_acquire_all(tenure_client *client,
                                 const char *const *names,
                                 size_t count,
                                 int64_t wait_ms,
                                 const tenure_acquire_options *options,
                                 tenure_lease **out);

/**
 * Begins to acquire the lock `name` and returns at once: tenure_acquire without blocking. `wait_ms` is how long
 * the request may wait for the lock.
 *
 * On success *out is a pending that you free with tenure_pending_free; else it is NULL. `options` may be NULL,
 * and is not needed after the call.
 *
 * ```c
 * tenure_pending *pending;
 * tenure_lease *lease;
 * if (tenure_acquire_start(client, "jobs/nightly", TENURE_FOREVER, NULL, &pending) == TENURE_OK) {
 *     struct pollfd wait = { tenure_pending_fd(pending), POLLIN, 0 };
 *     poll(&wait, 1, -1);
 *     if (tenure_pending_take(pending, 0, &lease) == TENURE_OK)
 *         use(lease);
 *     tenure_pending_free(pending);
 * }
 * ```
 *
 * Statuses: TENURE_INVALID, TENURE_UNSUPPORTED, TENURE_CLOSED, TENURE_FORKED, TENURE_LIMIT. Any thread.
 */
tenure_status tenure_acquire_start(tenure_client *client,
                                   const char *name,
                                   int64_t wait_ms,
                                   const tenure_acquire_options *options,
                                   tenure_pending **out);

/**
 * Begins to acquire `count` locks in one step and returns at once: tenure_acquire_all without blocking. See
 * tenure_acquire_start, whose example and statuses are those of this function. Any thread.
 */
tenure_status tenure_acquire_all_start(tenure_client *client,
                                       const char *const *names,
                                       size_t count,
                                       int64_t wait_ms,
                                       const tenure_acquire_options *options,
                                       tenure_pending **out);

/**
 * The name of the lock, of several the first; NULL if this is not a lease. Valid until the lease
 * is freed. Any thread.
 */
const char *tenure_lease_name(const tenure_lease *lease);

/**
 * The fencing token, 1 to 2^63-1: send it with every read and every write, and let the resource
 * refuse tokens smaller than the largest it has seen. It stays readable after the end. 0 = not a
 * lease. Any thread.
 *
 * ```text
 * UPDATE account SET fence = :token WHERE id = :id AND fence <= :token RETURNING balance;
 * UPDATE account SET balance = :balance, fence = :token WHERE id = :id AND fence <= :token;
 * ```
 *
 * The first statement is the read, and fences off earlier holders: after a plain SELECT a late
 * write of theirs would be accepted, and then overwritten by the second statement. No row:
 * refused.
 */
uint64_t tenure_lease_token(const tenure_lease *lease);

/**
 * How long the lease may still be believed in, in nanoseconds, by the clocks of this machine. 0 =
 * it has ended, for good; also if this is not a lease. Takes no lock, waits for no other thread,
 * and may be called in a signal handler and by a thread of any priority; about 0.2 us.
 */
uint64_t tenure_lease_remaining_ns(const tenure_lease *lease);

/**
 * A descriptor that is readable no later than remaining_ns reaches 0, also when this process's own
 * threads are stuck, since a timer of the kernel serves it; from then on it stays readable. It is
 * also readable from when the lease is asked to end (once more if it is asked to end sooner) until
 * tenure_lease_state or tenure_lease_asked is called. So it suits loops of level-triggered and of
 * edge-triggered events: call one of these two when it is readable. Borrowed: poll it; never read
 * it, close it, or keep it after the lease is freed. -1 if the process has no descriptor left, or
 * this is not a lease. Any thread.
 */
int tenure_lease_fd(const tenure_lease *lease);

/**
 * Writes TENURE_LEASE_STATE_... to *state, and why the lease ended (TENURE_REASON_...) to *reason;
 * either may be NULL.
 *
 * ```c
 * int32_t state, reason;
 * if (tenure_lease_state(lease, &state, &reason) == TENURE_OK && state == TENURE_LEASE_STATE_ASKED)
 *     finish_within(tenure_lease_remaining_ns(lease));
 * ```
 *
 * A call that tells TENURE_LEASE_STATE_ASKED makes tenure_lease_fd unreadable until a sooner
 * order, or the end.
 *
 * Statuses: TENURE_INVALID, TENURE_FORKED. Any thread; never blocks.
 */
tenure_status tenure_lease_state(const tenure_lease *lease, int32_t *state, int32_t *reason);

/**
 * The order to end that this lease was given (tenure_break): writes to *grace_ms the time that it
 * left the holder from when the holder heard of it, 0 if the lock was taken at once, and to the
 * buffer `reason` why, for people. Of several orders it is the one that leaves the least time;
 * tenure_lease_remaining_ns says how much is left. The order stays readable after the end.
 *
 * *len is the size of the buffer; afterwards it is what the text needs, with the NUL that ends it: at most 256. With 0
 * the buffer may be NULL. `grace_ms` may be NULL, and `len` too if only the grace is wanted.
 *
 * ```c
 * char reason[256];
 * size_t len = sizeof reason;
 * int64_t grace_ms;
 * if (tenure_lease_asked(lease, &grace_ms, reason, &len) == TENURE_OK)
 *     printf("asked to end within %" PRId64 " ms: %s\n", grace_ms, reason);
 * ```
 *
 * Statuses: TENURE_NOT_FOUND (there was no order, or the lock was taken while this client could
 * not be reached), TENURE_TOO_SMALL (*len says what is needed, and nothing else is written),
 * TENURE_INVALID, TENURE_FORKED. Any thread; never blocks.
 */
tenure_status tenure_lease_asked(const tenure_lease *lease,
                                 int64_t *grace_ms,
                                 char *reason,
                                 size_t *len);

/**
 * Hands the lock over, in one step: this lease ends (reason TENURE_REASON_TRANSFERRED, as do all
 * handles of the same owner on it), and the first waiter whose client has the name `to_client` has
 * the lock; NULL: the next in the queue. Waiters for several locks at once do not count. The
 * handle is still to be freed.
 *
 * Statuses: TENURE_NOT_FOUND (nobody of that name waits: the lease goes on, or, if the waiter left
 * at that very moment, was released; tenure_lease_state says which), TENURE_LOST (the lease had
 * ended before), TENURE_UNAVAILABLE (the lease goes on), TENURE_UNKNOWN (the lease has ended here,
 * and the handover goes on in the background), TENURE_INVALID, TENURE_CLOSED, TENURE_FORKED. Any
 * thread; blocks up to request_timeout_ms for each of two questions.
 */
tenure_status tenure_transfer(tenure_lease *lease, const char *to_client);

/**
 * Releases the lock: remaining_ns is 0 from now on; then waits at most `wait_ms` (0: not at all)
 * for the server's answer. Whatever the status, the release goes on in the background until the
 * server knows or the session ends; later reads and acquires of this client come after it. The
 * handle is still to be freed.
 *
 * Statuses: TENURE_LOST (the lease had ended before: harmless, but your last work may not have
 * been protected; the text and tenure_lease_state say by what: expired, broken, handed over,
 * closed, or an earlier release, which is no loss), TENURE_UNKNOWN (not answered in time),
 * TENURE_CLOSED (the client was closed meanwhile), TENURE_INVALID, TENURE_FORKED. Any thread.
 */
tenure_status tenure_release(tenure_lease *lease, int64_t wait_ms);

/**
 * Frees a lease, and releases it in the background if it was not released. NULL, and a lease that was freed
 * already, are harmless. Any thread; never blocks. In a forked child only the handle is forgotten:
 * the parent keeps its lock.
 */
void tenure_lease_free(tenure_lease *lease);

/**
 * A descriptor that is readable once tenure_pending_take will decide. Borrowed: poll it; never read it, close
 * it, or keep it after the pending is freed. -1 if the process has no descriptor left, or this is not a
 * pending. Any thread.
 */
int tenure_pending_fd(const tenure_pending *pending);

/**
 * The lease, or why there is none; waits at most `wait_ms` for the decision, which can be taken
 * once. On success *out is a lease that you free with tenure_lease_free; else it is NULL. The
 * pending is still to be freed.
 *
 * Statuses: TENURE_AGAIN (not decided yet), TENURE_CANCELLED, and those of tenure_acquire;
 * TENURE_INVALID if the decision was taken before, or another thread waits for it. One thread.
 */
tenure_status tenure_pending_take(tenure_pending *pending, int64_t wait_ms, tenure_lease **out);

/**
 * Withdraws the request: tenure_pending_take returns TENURE_CANCELLED, also to a thread that waits
 * already, unless the request was decided before. Any thread; never blocks.
 */
void tenure_pending_cancel(tenure_pending *pending);

/**
 * Frees a pending: withdraws the request, or releases a lease that was granted and not taken.
 * NULL, and a pending that was freed already, are harmless. Any thread; never blocks.
 */
void tenure_pending_free(tenure_pending *pending);

/**
 * Waits to be elected in the election `name`, and returns only while the lease may still be
 * believed in: a lease that ended in between is TENURE_LOST. `value` (copied, at most 4096 bytes;
 * NULL for none) is what others see of the elected. To resign, release the lease.
 *
 * ```c
 * tenure_lease *lease;
 * while (tenure_campaign(client, "scheduler", TENURE_FOREVER, "host-1", 6, &lease) == TENURE_OK) {
 *     while (tenure_lease_remaining_ns(lease) > 0)
 *         schedule_next(tenure_lease_token(lease));
 *     tenure_lease_free(lease);
 * }
 * ```
 *
 * On success *out is a lease that you free with tenure_lease_free; else it is NULL.
 *
 * Statuses: TENURE_LOST (tenure_last_reason says why), and those of tenure_acquire. Any thread.
 */
tenure_status tenure_campaign(tenure_client *client,
                              const char *name,
                              int64_t wait_ms,
                              const void *value,
                              size_t value_len,
                              tenure_lease **out);

/**
 * Begins to campaign and returns at once: tenure_campaign without blocking. See tenure_acquire_start, whose
 * example is that of this function too.
 *
 * On success *out is a pending that you free with tenure_pending_free; else it is NULL. `value` is not needed
 * after the call.
 *
 * Statuses: those of tenure_acquire_start. Any thread.
 */
tenure_status tenure_campaign_start(tenure_client *client,
                                    const char *name,
                                    int64_t wait_ms,
                                    const void *value,
                                    size_t value_len,
                                    tenure_pending **out);

/**
 * Replaces the value of the lease (copied, at most 4096 bytes; NULL for none). Observers are
 * notified.
 *
 * Statuses: TENURE_LOST (the lease had ended), TENURE_UNAVAILABLE (surely not done), TENURE_UNKNOWN (it may have
 * been done), TENURE_INVALID, TENURE_CLOSED, TENURE_FORKED. Any thread; blocks up to request_timeout_ms.
 */
tenure_status tenure_proclaim(tenure_lease *lease,
                              const void *value,
                              size_t value_len);

/**
 * Reads the holder of `name`, linearizably: as of some instant during the call. On success *out is
 * a holder that you free with tenure_holder_free; else it is NULL.
 *
 * ```c
 * tenure_holder *holder;
 * if (tenure_holder_of(client, "jobs/nightly", &holder) == TENURE_OK) {
 *     printf("%s under %" PRIu64 "\n", tenure_holder_client(holder), tenure_holder_token(holder));
 *     tenure_holder_free(holder);
 * }
 * ```
 *
 * Statuses: TENURE_NOT_FOUND (nobody holds it), TENURE_DENIED (rights are on, and the call needs
 * `read`: the text says who lacks it), TENURE_UNAVAILABLE, TENURE_INVALID, TENURE_CLOSED,
 * TENURE_FORKED. Any thread; blocks up to request_timeout_ms.
 */
tenure_status tenure_holder_of(tenure_client *client, const char *name, tenure_holder **out);

/**
 * The token of the grant, of the oldest if there are several; 0 = nobody holds the lock, or this
 * is not a holder. Any thread.
 */
uint64_t tenure_holder_token(const tenure_holder *holder);

/**
 * The name of the client that holds the lock, "" if nobody does; NULL if this is not a holder.
 * Valid until the holder is freed. Any thread.
 */
const char *tenure_holder_client(const tenure_holder *holder);

/**
 * The value that came with the acquire or the last tenure_proclaim, *len bytes (`len` may be NULL); NULL and 0 if
 * this is not a holder. Valid until the holder is freed. Any thread.
 */
const void *tenure_holder_value(const tenure_holder *holder,
                                size_t *len);

/**
 * The time of the grant, in milliseconds since 1970 by the wall clock of the server that led then:
 * for people only. 0 if this is not a holder. Any thread.
 */
int64_t tenure_holder_since_unix_ms(const tenure_holder *holder);

/**
 * At least how many changes before this one the observer missed: they were not read in time, or no
 * server remembers them. 0 from tenure_holder_of, and if this is not a holder. Any thread.
 */
uint64_t tenure_holder_missed(const tenure_holder *holder);

/**
 * Frees a holder. NULL, and a holder that was freed already, are harmless. Any thread.
 */
void tenure_holder_free(tenure_holder *holder);

/**
 * Follows the holders of `name`, any lock or election: tenure_observer_next gives the present
 * holder, and then each change, in order, through reconnects and changes of leader.
 *
 * On success *out is an observer that you free with tenure_observer_free; else it is NULL.
 *
 * ```c
 * tenure_observer *observer;
 * tenure_holder *holder;
 * if (tenure_observe(client, "scheduler", &observer) == TENURE_OK) {
 *     while (tenure_observer_next(observer, TENURE_FOREVER, &holder) == TENURE_OK) {
 *         if (tenure_holder_token(holder) != 0)
 *             printf("%s leads\n", tenure_holder_client(holder));
 *         tenure_holder_free(holder);
 *     }
 *     tenure_observer_free(observer);
 * }
 * ```
 *
 * Statuses: TENURE_INVALID, TENURE_CLOSED, TENURE_LIMIT, TENURE_FORKED. Any thread; never blocks.
 */
tenure_status tenure_observe(tenure_client *client, const char *name, tenure_observer **out);

/**
 * A descriptor that is readable while tenure_observer_next has a holder. Borrowed: poll it; never
 * read it, close it, or keep it after the observer is freed. -1 if the process has no descriptor
 * left, or this is not an observer. Any thread.
 */
int tenure_observer_fd(const tenure_observer *observer);

/**
 * The holder: first the present one, then each change; waits at most `wait_ms` for one. The token
 * is 0 when nobody holds the lock. Beyond 1024 unread changes the newest replaces the one before
 * it, and tenure_holder_missed counts the replaced ones.
 *
 * On success *out is a holder that you free with tenure_holder_free; else it is NULL.
 *
 * Statuses: TENURE_AGAIN (no change within `wait_ms`), TENURE_CLOSED (all changes are read, and
 * the client is closed), TENURE_DENIED (rights are on, and the client lacks `read`, or has lost
 * it: the text says who lacks it; nothing follows), TENURE_INVALID (also: another thread is in
 * this call), TENURE_FORKED. One thread at a time.
 */
tenure_status tenure_observer_next(tenure_observer *observer, int64_t wait_ms, tenure_holder **out);

/**
 * Frees an observer; a thread that waits in tenure_observer_next gets TENURE_CLOSED. NULL, and an observer that was
 * freed already, are harmless. Any thread; never blocks.
 */
void tenure_observer_free(tenure_observer *observer);

/**
 * Asks the server whether `token` holds `name` at this instant. A resource that cannot remember
 * the highest token can ask this before it writes; remembering is better.
 *
 * Statuses: TENURE_OK (the token holds), TENURE_LOST (it does not), TENURE_DENIED (rights are on,
 * and the call needs `read`), TENURE_UNAVAILABLE, TENURE_INVALID, TENURE_CLOSED, TENURE_FORKED.
 * Any thread; blocks up to request_timeout_ms.
 */
tenure_status tenure_validate(tenure_client *client, const char *name, uint64_t token);

/**
 * Takes the lock `name` from the holder with this `token`; 0: from all holders. `reason` (at most
 * 255 bytes; NULL for none) is for people.
 *
 * `grace_ms` is how long a holder may go on after it hears of this: -1 = for its session's TTL, 1
 * to 3600000 (an hour) = for so many milliseconds. The holder sees TENURE_LEASE_STATE_ASKED, its
 * tenure_lease_fd is readable, and tenure_lease_asked says why; the lock is free when the holder
 * releases it, when the grace is over at the holder's side, or when its session ends. 0 = at once:
 * the lock is free though its holder may not know yet, and only tokens protect from then on. Any
 * other grace is TENURE_INVALID.
 *
 * Statuses: TENURE_OK (the holder is asked, or the lock is free), TENURE_NOT_FOUND (nobody holds
 * it, or not under that token), TENURE_DENIED (over TLS a grace of 0 needs the certificate of an
 * operator; with rights on, any grace needs the right `break`: the text says who lacks it),
 * TENURE_UNAVAILABLE (surely not done), TENURE_UNKNOWN (it may have been done), TENURE_INVALID,
 * TENURE_CLOSED, TENURE_FORKED. Any thread; blocks up to request_timeout_ms.
 */
tenure_status tenure_break(tenure_client *client,
                           const char *name,
                           uint64_t token,
                           int64_t grace_ms,
                           const char *reason);

/**
 * The state of locks, a session or the cluster as JSON, the text that the tenure program prints
 * with --json. `what` is "locks" (all whose names begin with `name`; NULL or "": all), "lock" (the
 * one called `name`), "session" (the one whose id is `name` in digits; NULL or "": this client's),
 * "cluster", "members" (their addresses, votes, and how far each log is), "access" ({"on",
 * "rules": [{"principal", "rights": [], "names"}], "credentials": []}; names are null in a rule of
 * the cluster), "condition" (this client's cluster, why the client has no session, and what keeps
 * the cluster from granting, as far as the client knows), or "client" (its own counters: dials,
 * requests by kind, renewals, sessions, leases granted and ended by reason, failed calls by
 * status). The last two ask no server and do not use `name`. A value that is not UTF-8 has its
 * bytes in "value_hex", else that is null.
 *
 * *len is the size of the buffer `json`; afterwards it is what the text needs, with the NUL that
 * ends it. With 0 the buffer may be NULL. The text may grow between two calls:
 *
 * ```c
 * char *json = NULL;
 * size_t len = 0;
 * while (tenure_describe(client, "locks", "jobs/", json, &len) == TENURE_TOO_SMALL)
 *     json = realloc(json, len);
 * ```
 *
 * Statuses: TENURE_TOO_SMALL (*len says what is needed; the buffer is as it was), TENURE_DENIED (the text says who lacks
 * which right; of all locks, those that may not be read are left out), TENURE_UNAVAILABLE, TENURE_INVALID, TENURE_CLOSED,
 * TENURE_FORKED. A missing object is an empty list or null in the text. Any thread; blocks up to
 * request_timeout_ms for each page of locks.
 */
tenure_status tenure_describe(tenure_client *client,
                              const char *what,
                              const char *name,
                              char *json,
                              size_t *len);

/**
 * Adds a node to the cluster, without a vote, under an id that was never used: the others reach it
 * at `address` ("host:port"). The change is committed when the call returns; then start the node
 * there, with `join`, and give it its vote. A program grows its cluster from one node so:
 *
 * ```c
 * tenure_member_add(client, 2, "10.0.0.2:7401");
 * // On that machine: options.id = 2; options.join = "10.0.0.1:7401"; tenure_node_start(&options, &node);
 * tenure_member_promote(client, 2);
 * ```
 *
 * Statuses: TENURE_INVALID (also: the node is a member already, the id was used before, or the
 * address is malformed), TENURE_DENIED (over TLS the call needs the certificate of an operator, or
 * with rights on the right `operate`: the text says who lacks what), TENURE_UNAVAILABLE (surely
 * not done), TENURE_UNKNOWN (it may have been done: look at "members" of tenure_describe),
 * TENURE_CLOSED, TENURE_FORKED. Any thread; blocks up to request_timeout_ms.
 */
tenure_status tenure_member_add(tenure_client *client, uint64_t id, const char *address);

/**
 * Waits until a node has joined and caught up with the log, and gives it a vote. Idempotent.
 *
 * Statuses: TENURE_NOT_FOUND (no such member), TENURE_UNAVAILABLE (surely not done: the node is
 * not started, or has not caught up yet), and as for tenure_member_add. Any thread; blocks up to
 * request_timeout_ms, and a second for the last answer.
 */
tenure_status tenure_member_promote(tenure_client *client, uint64_t id);

/**
 * Takes a node's vote; the node goes on copying the log. A leader hands leadership over first.
 * Idempotent.
 *
 * Statuses: TENURE_NOT_FOUND (no such member), TENURE_INVALID (also: the last voter must stay),
 * and as for tenure_member_add. Any thread; blocks up to request_timeout_ms.
 */
tenure_status tenure_member_demote(tenure_client *client, uint64_t id);

/**
 * Removes a node for good: the node ends by itself (tenure_node_next says so), and its id is never
 * used again. A leader hands leadership over first.
 *
 * Statuses: as for tenure_member_demote. Any thread; blocks up to request_timeout_ms.
 */
tenure_status tenure_member_remove(tenure_client *client, uint64_t id);

/**
 * Tells the others that a node is reached at `address` ("host:port") from now on: start it there.
 * Idempotent.
 *
 * Statuses: TENURE_NOT_FOUND (no such member), and as for tenure_member_add. Any thread; blocks up
 * to request_timeout_ms.
 */
tenure_status tenure_member_move(tenure_client *client, uint64_t id, const char *address);

/**
 * Moves leadership to the voter `to`, or, if that is 0, to the one with the longest log. No
 * session is lost. Idempotent. Once leadership is given up, the call waits at most `wait_ms` for
 * the next leader.
 *
 * Statuses: TENURE_OK (`to` leads, or any other node), TENURE_INVALID (also: `to` is no voter, or there is no other one),
 * TENURE_UNAVAILABLE (nothing was done, or an election came between and another node leads: the text says which),
 * TENURE_UNKNOWN (it may have been done), TENURE_TIMEOUT (leadership was given up, and nobody leads yet), TENURE_DENIED (as for
 * tenure_member_add), TENURE_CLOSED, TENURE_FORKED. Any thread; blocks up to request_timeout_ms, and `wait_ms`.
 */
tenure_status tenure_move_leader(tenure_client *client,
                                 uint64_t to,
                                 int64_t wait_ms);

/**
 * Asks the holder of `name` to end, as tenure_break does, and hands the lock to the first waiter
 * whose client is called `to_client`, NULL: to the next in the queue. The lock passes in one step
 * when the holder has ended: nobody else gets it between. Returns once that has happened, at once
 * if `to_client` holds the lock already. `grace_ms`: -1 = the TTL of the holder's session, or 1 to
 * 3600000 milliseconds; 0 is TENURE_INVALID: a lock that is taken at once is not handed over, see
 * tenure_break. `reason` (at most 255 bytes; NULL for none) is for the holder and for people.
 *
 * Statuses: TENURE_NOT_FOUND (nobody holds it, or nobody of that name waits: the holder was not asked), TENURE_TIMEOUT
 * (the holder was asked, and has not ended yet), TENURE_UNAVAILABLE, TENURE_UNKNOWN (it may have been asked),
 * TENURE_INVALID, TENURE_CLOSED, TENURE_FORKED. Any thread; blocks up to the grace or the TTL of the holder's session,
 * whichever is longer, and request_timeout_ms.
 */
tenure_status tenure_handover(tenure_client *client,
                              const char *name,
                              const char *to_client,
                              int64_t grace_ms,
                              const char *reason);

/**
 * Has the leader make a snapshot that has all grants from before the call, and writes it to the
 * file `path`, which appears whole and durable, or not at all; an existing file is replaced. Only
 * the file's owner can read it: it holds the names and values of all locks.
 * tenure_snapshot_restore begins a new cluster with it.
 *
 * Statuses: TENURE_UNAVAILABLE, TENURE_DENIED (as for tenure_member_add), TENURE_IO (the file), TENURE_CORRUPT, TENURE_INVALID,
 * TENURE_CLOSED, TENURE_FORKED. Any thread; blocks up to request_timeout_ms until the snapshot is made, and as long again for each part of it.
 */
tenure_status tenure_snapshot_save(tenure_client *client,
                                   const char *path);

/**
 * From now on whatever no rule allows is denied, to all clients of the cluster. Idempotent.
 *
 * Give somebody "admin" first, and users of locks the rights that they need:
 *
 * ```c
 * tenure_access_allow(client, "operator/alice", "admin,operate", NULL);
 * tenure_access_allow(client, "client/billing", "acquire,read", "jobs/");
 * tenure_access_on(client);
 * ```
 *
 * Statuses: TENURE_UNAVAILABLE (surely not done; the text says why: nobody would have "admin", a
 * node takes connections without TLS, not every node runs a version that has rights, or no leader
 * could be reached), TENURE_DENIED (the call needs "admin", or while rights are off the
 * certificate or credential of an operator: the text says who lacks what), TENURE_UNKNOWN (it may
 * have been done: call again), TENURE_CLOSED, TENURE_FORKED. Any thread; blocks up to
 * request_timeout_ms.
 */
tenure_status tenure_access_on(tenure_client *client);

/**
 * From now on the kind of identity alone decides: operators may do all, clients use locks. Rules
 * and credentials stay. Idempotent.
 *
 * Statuses: TENURE_UNAVAILABLE (surely not done), and else as for tenure_access_on. Any thread; blocks up to
 * request_timeout_ms.
 */
tenure_status tenure_access_off(tenure_client *client);

/**
 * Allows `rights` of `names` to `principal`; rights that it has already stay. Rules are in force
 * after tenure_access_on.
 *
 * `principal`: "client/NAME", "operator/NAME", "local/N", "anonymous", or the begin of one and a "*", as "client/bill*";
 * "*" alone is everybody. `rights`: "acquire", "read" and "break", with commas between, of a name ("jobs/nightly"), of a
 * prefix ("jobs/" is jobs and all below it), or of "*", every name; or "operate" and "admin", which are of the cluster:
 * `names` is NULL then.
 *
 * Statuses: TENURE_INVALID (also: no valid rule; the text says why), TENURE_UNAVAILABLE (surely
 * not done; also: there are as many rules as there may be, or not every node runs a version that
 * has rights), and else as for tenure_access_on. Any thread; blocks up to request_timeout_ms.
 */
tenure_status tenure_access_allow(tenure_client *client,
                                  const char *principal,
                                  const char *rights,
                                  const char *names);

/**
 * Takes `rights` away from the rule of exactly this `principal` and `names`, written as for
 * tenure_access_allow. Waiters and observers that have lost the right are refused; locks that are
 * held stay held until released or broken.
 *
 * Another rule may still allow some of `rights`. Such a rule is written to the buffer `still`, as
 * "client/bill* acquire,read jobs/" (its principal, its rights and, unless these are of the
 * cluster, its names, with spaces between); "" if there is none. `still` is written with TENURE_OK
 * and with TENURE_NOT_FOUND. *len is the size of the buffer, at least 512; afterwards it is what
 * the text takes, with the NUL that ends it. Both may be NULL.
 *
 * ```c
 * char still[512];
 * size_t len = sizeof still;
 * tenure_status status = tenure_access_deny(client, "client/billing", "acquire", "jobs/", still, &len);
 * if ((status == TENURE_OK || status == TENURE_NOT_FOUND) && *still != 0)
 *     fprintf(stderr, "still allowed by %s\n", still);
 * ```
 *
 * Statuses: TENURE_NOT_FOUND (there was no such rule, or it allowed none of these rights: nothing was taken away),
 * TENURE_TOO_SMALL (the buffer is smaller than 512, which *len is now: surely not done), and else as for
 * tenure_access_allow. Any thread; blocks up to request_timeout_ms.
 */
tenure_status tenure_access_deny(tenure_client *client,
                                 const char *principal,
                                 const char *rights,
                                 const char *names,
                                 char *still,
                                 size_t *len);

/**
 * Whether the rules allow `right` ("acquire", …) of the lock `name` to `principal`
 * ("client/billing"), whether rights are on or off: writes 1 or 0 to *is_allowed. `name` is NULL
 * for "operate" and "admin".
 *
 * Statuses: TENURE_INVALID, TENURE_DENIED (the call needs "admin"), TENURE_UNAVAILABLE,
 * TENURE_CLOSED, TENURE_FORKED. Any thread; blocks up to request_timeout_ms.
 */
tenure_status tenure_access_test(tenure_client *client,
                                 const char *principal,
                                 const char *right,
                                 const char *name,
                                 int32_t *is_allowed);

/**
 * Creates a credential of `principal` ("client/billing", "operator/alice"): a client that shows it
 * is that principal, without a certificate. An earlier credential of `principal` is void, and
 * clients connected by it are disconnected. The credential is written to the buffer `line`, once:
 * the cluster keeps only a hash of its secret. Store it as the one line of a file that only its
 * user reads: credential_file of tenure_client_options, --credential-file of the program.
 *
 * *len is the size of the buffer; afterwards it is what the line takes, with the NUL that ends it:
 * 66 bytes and the principal. With 0 the buffer may be NULL.
 *
 * Statuses: TENURE_TOO_SMALL (*len says what is needed, and no credential was created),
 * TENURE_INVALID (also: the principal is neither a client nor an operator), TENURE_UNAVAILABLE
 * (surely not done; also: not every node runs a version that has credentials), TENURE_DENIED (the
 * call needs "admin", or while rights are off an operator), TENURE_UNKNOWN (an earlier credential
 * may be void: create another), TENURE_CLOSED, TENURE_FORKED. Any thread; blocks up to
 * request_timeout_ms.
 */
tenure_status tenure_credential_create(tenure_client *client, const char *principal, char *line, size_t *len);

/**
 * Revokes the credential of `principal`: clients connected by it are disconnected, and refused
 * from then on. Their locks stay held until the session ends, or somebody breaks them.
 *
 * Statuses: TENURE_NOT_FOUND (`principal` has no credential), TENURE_INVALID, and else as for
 * tenure_access_off. Any thread; blocks up to request_timeout_ms.
 */
tenure_status tenure_credential_revoke(tenure_client *client, const char *principal);

/**
 * Starts a node of the cluster on threads of its own: on return the data directory is recovered
 * and the node listens. No quorum is needed. With `join` it first waits, a few seconds at most,
 * for the answers of the nodes there. `options` is not needed after the call.
 *
 * On success *out is a node that you free with tenure_node_free; else it is NULL.
 *
 * ```c
 * tenure_node_options options = TENURE_NODE_OPTIONS_INIT;
 * tenure_node *node;
 * options.id = 1;
 * options.data_dir = "/var/lib/app/tenure";
 * options.cluster = "1=127.0.0.1:7401,2=127.0.0.1:7402,3=127.0.0.1:7403";
 * if (tenure_node_start(&options, &node) != TENURE_OK)
 *     fprintf(stderr, "%s\n", tenure_last_error());
 * ```
 *
 * Statuses: TENURE_INVALID (also: `join` names a cluster that this node was not added to, or a
 * file of TLS cannot be used: the text says which option and why), TENURE_DENIED (the directory or
 * the port may not be used), TENURE_CORRUPT, TENURE_UNSUPPORTED: a person must mend the cause.
 * TENURE_UNAVAILABLE (no node that `join` names answered; the name or the address to listen on is
 * not there at present), TENURE_IO (port or directory in use, the disk), TENURE_LIMIT (files,
 * threads): try again later. Any thread.
 */
tenure_status tenure_node_start(const tenure_node_options *options, tenure_node **out);

/**
 * Fills in *inout: whether this node leads, until when, under which token, all at one instant.
 *
 * A node that loses leadership and wins it again has another token: work that began under the
 * former one is over, and others may have led in between. So compare the token, not is_leader
 * alone, with that of the work's beginning.
 *
 * Statuses: TENURE_INVALID, TENURE_FORKED. Any thread; takes no lock.
 */
tenure_status tenure_node_leadership(const tenure_node *node, tenure_leadership *inout);

/**
 * A descriptor that is readable while tenure_node_next has a change, also when a claim lapses
 * while the node's threads are stuck. Borrowed: poll it; never read it, close it, or keep it after
 * the node is freed. -1 if the process has no descriptor left, or this is not a node. Any thread.
 */
int tenure_node_fd(const tenure_node *node);

/**
 * Waits at most `wait_ms` for the next change of leader, term or claim; the first call gives the present state.
 * Afterwards *inout is filled in.
 *
 * Statuses: TENURE_AGAIN (nothing changed in time), TENURE_CLOSED (the node was stopped),
 * TENURE_INVALID (also: another thread is in this call), TENURE_FORKED. The node has ended by
 * itself: TENURE_IO, TENURE_LIMIT or TENURE_INTERNAL (start it again), TENURE_DENIED or
 * TENURE_CORRUPT (a person must mend its directory, or it was removed from the cluster). One
 * reader.
 */
tenure_status tenure_node_next(tenure_node *node,
                               int64_t wait_ms,
                               tenure_leadership *inout);

/**
 * Hands leadership to the node `to`, or, if that is 0, to the node with the longest log. From the
 * call on remaining_ns of this node's leadership is 0, unless the call fails. The next leader may
 * claim as soon as it leads: it need not wait for a claim of this node to run out. Waits at most
 * `wait_ms`; about an election timeout is enough.
 *
 * Statuses: TENURE_LOST (this node does not lead), TENURE_UNAVAILABLE (no other node took over:
 * this one leads on), TENURE_TIMEOUT (not decided yet; the handover goes on), TENURE_CLOSED (the
 * node was stopped), TENURE_INVALID, TENURE_FORKED. Any thread.
 */
tenure_status tenure_node_resign(tenure_node *node, uint64_t to, int64_t wait_ms);

/**
 * Opens a client of this node's cluster. The client reaches this node, while it runs, without a
 * socket, and the others over TCP: where these speak TLS the client needs ca, cert and key of its
 * own, since a node's certificate is no client's. As tenure_client_open otherwise: *out is a
 * client that you free with tenure_client_free, before or after the node.
 *
 * ```c
 * tenure_client *client;
 * if (tenure_node_client(node, NULL, &client) != TENURE_OK)
 *     fprintf(stderr, "%s\n", tenure_last_error());
 * ```
 */
tenure_status tenure_node_client(tenure_node *node,
                                 const tenure_client_options *options,
                                 tenure_client **out);

/**
 * Stops the node. If it leads, it hands leadership over first, as tenure_node_resign does, for a second at most. Then
 * its connections are closed and its directory is unlocked. Waits at most `wait_ms`; the node stops all the same. The
 * handle is still to be freed.
 *
 * Statuses: TENURE_TIMEOUT (the node still runs: a disk hangs), TENURE_INVALID, TENURE_FORKED. Any
 * thread.
 */
tenure_status tenure_node_stop(tenure_node *node,
                               int64_t wait_ms);

/**
 * Frees a node, and stops it in the background if it was not stopped. NULL, and a node that was freed already,
 * are harmless. Any thread; never blocks.
 */
void tenure_node_free(tenure_node *node);

/**
 * Makes the data directory of one node of a new cluster, which begins with the state in the file `path` that
 * tenure_snapshot_save or `tenure snapshot save` made. Do the same, with the same file and options, for each node of the new
 * cluster; then start them, with the same `cluster`. All tokens of the new cluster are larger than
 * all that the old one granted, before the snapshot and after it. The old sessions and locks are
 * gone. No node of the old cluster may run.
 *
 * On success *wait_ms (`wait_ms` may be NULL) is how long, with a leader, the new cluster grants
 * no lock: until then programs may still believe in earlier leases. largest_ttl_max_ms and
 * largest_lease_ms make it shorter.
 *
 * ```c
 * tenure_restore_options options = TENURE_RESTORE_OPTIONS_INIT;
 * options.id = 1;
 * options.data_dir = "/var/lib/app/restored";
 * options.cluster = "1=127.0.0.1:7401,2=127.0.0.1:7402,3=127.0.0.1:7403";
 * options.largest_ttl_max_ms = 30000;
 * if (tenure_snapshot_restore("/var/backups/app", &options, NULL) != TENURE_OK)
 *     fprintf(stderr, "%s\n", tenure_last_error());
 * ```
 *
 * Statuses: TENURE_INVALID (also: the options do not fit the snapshot, or the directory is not empty), TENURE_IO (the file, the
 * disk), TENURE_CORRUPT (the file), TENURE_DENIED (the directory may not be used), TENURE_UNSUPPORTED (a later version made
 * the file). Any thread; blocks as long as the disk takes.
 */
tenure_status tenure_snapshot_restore(const char *path,
                                      const tenure_restore_options *options,
                                      uint64_t *wait_ms);

/**
 * All metrics of this node and of its process, in the text format of Prometheus (0.0.4), as
 * /metrics of its admin endpoint has them. A program appends them to its own metrics.
 *
 * *len is the size of the buffer `text`; afterwards it is what the text needs, with the NUL that ends it. With 0 the
 * buffer may be NULL. Numbers grow between two calls:
 *
 * ```c
 * char *text = NULL;
 * size_t len = 0;
 * while (tenure_node_metrics(node, text, &len) == TENURE_TOO_SMALL)
 *     text = realloc(text, len);
 * ```
 *
 * Statuses: TENURE_TOO_SMALL (*len says what is needed; the buffer is as it was), TENURE_INVALID,
 * TENURE_FORKED. Any thread; does not wait for the node, also while its threads are stuck.
 */
tenure_status tenure_node_metrics(const tenure_node *node,
                                  char *text,
                                  size_t *len);

/**
 * Reads the certificate, key, authorities and list of revoked certificates of this node again,
 * from the files that its options named. Later handshakes use the new files; open connections
 * stay, but for those whose certificate is not trusted any more: these end within a minute, and
 * their clients reconnect.
 *
 * The node also reads the files by itself, some seconds after they have changed. A node without
 * TLS has nothing to read: TENURE_OK.
 *
 * Statuses: TENURE_INVALID (a file cannot be used, a key does not fit its certificate:
 * tenure_last_error() says which and why, and the former files stay in use), TENURE_FORKED. Any
 * thread; reads files, and waits for the loop of the node, two seconds at most.
 */
tenure_status tenure_node_reload(tenure_node *node);

/**
 * Makes a certificate and its key (PEM, P-256) in the directory `dir`, as `tenure certs` does;
 * makes `dir` if needed. `what` is the subject: "ca" makes an authority (ca.crt, ca.key), which
 * certifies the others: "node/1" (node-1.crt, node-1.key), "client/NAME" (client-NAME.crt, …),
 * "operator/NAME"; a "/" in NAME is a "=" in the files' names. Keys are readable by their owner
 * alone. The holder of ca.key can pose as anybody: the file belongs on no node.
 *
 * ```c
 * tenure_certs_options hosts = TENURE_CERTS_OPTIONS_INIT;
 * hosts.hosts = "127.0.0.1,localhost";
 * if (tenure_certs_write("certs", "ca", NULL) != TENURE_OK ||
 *     tenure_certs_write("certs", "node/1", &hosts) != TENURE_OK ||
 *     tenure_certs_write("certs", "client/billing", NULL) != TENURE_OK)
 *     fprintf(stderr, "%s\n", tenure_last_error());
 * ```
 *
 * Statuses: TENURE_INVALID (also: a file is there already, or there is no authority in ca_dir), TENURE_IO (a file or the
 * directory), TENURE_UNSUPPORTED (the library was built without the feature `certs`), TENURE_UNAVAILABLE (the clock of this
 * machine is not set). Any thread; blocks as long as the disk takes.
 */
tenure_status tenure_certs_write(const char *dir,
                                 const char *what,
                                 const tenure_certs_options *options);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* TENURE_H */
