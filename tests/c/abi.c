/* What holds without a cluster: layouts, constants, and an answer to every function for every bad handle. */
#include "tenure.h"
#include "tenure.h"

#include "check.h"
#include <stdint.h>
#include <string.h>

_Static_assert(sizeof(tenure_status) == 4, "tenure_status is 32 bits");
_Static_assert(sizeof(tenure_client_options) == 80, "no padding");
_Static_assert(offsetof(tenure_client_options, name) == 8, "");
_Static_assert(offsetof(tenure_client_options, flags) == 28, "");
_Static_assert(offsetof(tenure_client_options, ca) == 32, "");
_Static_assert(offsetof(tenure_client_options, cluster_id) == 64, "");
_Static_assert(offsetof(tenure_client_options, verify) == 72, "");
_Static_assert(sizeof(tenure_session_info) == 32, "no padding");
_Static_assert(offsetof(tenure_session_info, id) == 8, "");
_Static_assert(offsetof(tenure_session_info, leases) == 28, "");
_Static_assert(sizeof(tenure_acquire_options) == 48, "no padding");
_Static_assert(offsetof(tenure_acquire_options, value) == 16, "");
_Static_assert(offsetof(tenure_acquire_options, owner) == 32, "");
_Static_assert(offsetof(tenure_acquire_options, flags) == 44, "");
_Static_assert(sizeof(tenure_node_options) == 144, "no padding");
_Static_assert(offsetof(tenure_node_options, id) == 8, "");
_Static_assert(offsetof(tenure_node_options, join) == 40, "");
_Static_assert(offsetof(tenure_node_options, reserved) == 60, "");
_Static_assert(offsetof(tenure_node_options, ca) == 64, "");
_Static_assert(offsetof(tenure_node_options, admin) == 104, "");
_Static_assert(offsetof(tenure_node_options, ttl_max_ms) == 120, "");
_Static_assert(offsetof(tenure_node_options, verify) == 140, "");
_Static_assert(sizeof(tenure_restore_options) == 64, "no padding");
_Static_assert(offsetof(tenure_restore_options, epoch) == 32, "");
_Static_assert(offsetof(tenure_restore_options, ancestors) == 56, "");
_Static_assert(sizeof(tenure_certs_options) == 32, "no padding");
_Static_assert(offsetof(tenure_certs_options, ca_dir) == 16, "");
_Static_assert(offsetof(tenure_certs_options, days) == 24, "");
_Static_assert(sizeof(tenure_leadership) == 40, "no padding");
_Static_assert(offsetof(tenure_leadership, leader_id) == 8, "");
_Static_assert(offsetof(tenure_leadership, remaining_ns) == 32, "");
_Static_assert(TENURE_FOREVER == -1, "");

/* Every status is a constant that a switch takes, and no two are the same number. */
static const char *name_of(tenure_status status) {
    switch (status) {
    case TENURE_OK: return "TENURE_OK";
    case TENURE_TIMEOUT: return "TENURE_TIMEOUT";
    case TENURE_HELD: return "TENURE_HELD";
    case TENURE_LOST: return "TENURE_LOST";
    case TENURE_CANCELLED: return "TENURE_CANCELLED";
    case TENURE_DEADLOCK: return "TENURE_DEADLOCK";
    case TENURE_SESSION_EXPIRED: return "TENURE_SESSION_EXPIRED";
    case TENURE_NOT_FOUND: return "TENURE_NOT_FOUND";
    case TENURE_AGAIN: return "TENURE_AGAIN";
    case TENURE_UNAVAILABLE: return "TENURE_UNAVAILABLE";
    case TENURE_BUSY: return "TENURE_BUSY";
    case TENURE_UNKNOWN: return "TENURE_UNKNOWN";
    case TENURE_INVALID: return "TENURE_INVALID";
    case TENURE_DENIED: return "TENURE_DENIED";
    case TENURE_LIMIT: return "TENURE_LIMIT";
    case TENURE_CLOSED: return "TENURE_CLOSED";
    case TENURE_FORKED: return "TENURE_FORKED";
    case TENURE_UNSUPPORTED: return "TENURE_UNSUPPORTED";
    case TENURE_TOO_SMALL: return "TENURE_TOO_SMALL";
    case TENURE_IO: return "TENURE_IO";
    case TENURE_CORRUPT: return "TENURE_CORRUPT";
    case TENURE_INTERNAL: return "TENURE_INTERNAL";
    default: return "TENURE_?";
    }
}

static void statuses_have_names_and_texts(void) {
    for (tenure_status status = -1; status < 100; status++) {
        CHECK(strcmp(tenure_status_name(status), name_of(status)) == 0);
        CHECK(strlen(tenure_status_text(status)) > 0);
    }
    CHECK(tenure_abi_version() == TENURE_ABI_VERSION);
    CHECK(strchr(tenure_version(), '.') != NULL);
    CHECK(strcmp(tenure_last_error(), "") == 0);
    CHECK(tenure_last_reason() == TENURE_REASON_NONE);
}

/* What is not a handle of the type it is passed for. */
static void functions_answer_garbage(void *garbage) {
    tenure_client *client = garbage;
    tenure_lease *lease = garbage;
    tenure_pending *pending = garbage;
    tenure_holder *holder = garbage;
    tenure_observer *observer = garbage;
    tenure_node *node = garbage;
    tenure_lease *no_lease = garbage;
    tenure_pending *no_pending = garbage;
    tenure_holder *no_holder = garbage;
    tenure_observer *no_observer = garbage;
    tenure_client *no_client = garbage;
    tenure_session_info session = TENURE_SESSION_INFO_INIT;
    tenure_leadership leadership = TENURE_LEADERSHIP_INIT;
    const char *names[] = {"a", "b"};
    int32_t state = 77;
    int32_t reason = 77;
    size_t len = 77;

    CHECK_STATUS(tenure_client_session(client, &session), TENURE_INVALID);
    CHECK(tenure_client_fd(client) == -1);
    CHECK_STATUS(tenure_client_next(client, 0, &session), TENURE_INVALID);
    CHECK_STATUS(tenure_client_progress(client), TENURE_INVALID);
    CHECK_STATUS(tenure_client_cork(client), TENURE_INVALID);
    CHECK_STATUS(tenure_client_flush(client), TENURE_INVALID);
    CHECK_STATUS(tenure_client_uncork(client), TENURE_INVALID);
    CHECK_STATUS(tenure_client_close(client, 0), TENURE_INVALID);

    CHECK_STATUS(tenure_acquire(client, "a", 0, NULL, &no_lease), TENURE_INVALID);
    CHECK(no_lease == NULL);
    CHECK_STATUS(tenure_acquire_start(client, "a", 0, NULL, &no_pending), TENURE_INVALID);
    CHECK(no_pending == NULL);
    no_lease = garbage;
    CHECK_STATUS(tenure_acquire_all(client, names, 2, 0, NULL, &no_lease), TENURE_INVALID);
    CHECK(no_lease == NULL);
    no_pending = garbage;
    CHECK_STATUS(tenure_acquire_all_start(client, names, 2, 0, NULL, &no_pending), TENURE_INVALID);
    CHECK(no_pending == NULL);

    CHECK(tenure_lease_name(lease) == NULL);
    CHECK(tenure_lease_token(lease) == 0);
    CHECK(tenure_lease_remaining_ns(lease) == 0);
    CHECK(tenure_lease_fd(lease) == -1);
    CHECK_STATUS(tenure_lease_state(lease, &state, &reason), TENURE_INVALID);
    CHECK(state == 77 && reason == 77);
    CHECK_STATUS(tenure_lease_asked(lease, NULL, NULL, NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_transfer(lease, NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_transfer(lease, "b"), TENURE_INVALID);
    CHECK_STATUS(tenure_release(lease, 0), TENURE_INVALID);

    CHECK(tenure_pending_fd(pending) == -1);
    no_lease = garbage;
    CHECK_STATUS(tenure_pending_take(pending, 0, &no_lease), TENURE_INVALID);
    CHECK(no_lease == NULL);
    tenure_pending_cancel(pending);

    no_lease = garbage;
    CHECK_STATUS(tenure_campaign(client, "a", 0, NULL, 0, &no_lease), TENURE_INVALID);
    CHECK(no_lease == NULL);
    no_pending = garbage;
    CHECK_STATUS(tenure_campaign_start(client, "a", 0, NULL, 0, &no_pending), TENURE_INVALID);
    CHECK(no_pending == NULL);
    CHECK_STATUS(tenure_proclaim(lease, NULL, 0), TENURE_INVALID);

    CHECK_STATUS(tenure_holder_of(client, "a", &no_holder), TENURE_INVALID);
    CHECK(no_holder == NULL);
    CHECK(tenure_holder_token(holder) == 0);
    CHECK(tenure_holder_client(holder) == NULL);
    CHECK(tenure_holder_value(holder, &len) == NULL && len == 0);
    CHECK(tenure_holder_value(holder, NULL) == NULL);
    CHECK(tenure_holder_since_unix_ms(holder) == 0);
    CHECK(tenure_holder_missed(holder) == 0);

    no_observer = garbage;
    CHECK_STATUS(tenure_observe(client, "a", &no_observer), TENURE_INVALID);
    CHECK(no_observer == NULL);
    CHECK(tenure_observer_fd(observer) == -1);
    no_holder = garbage;
    CHECK_STATUS(tenure_observer_next(observer, 0, &no_holder), TENURE_INVALID);
    CHECK(no_holder == NULL);
    tenure_observer_free(observer);

    CHECK_STATUS(tenure_validate(client, "a", 1), TENURE_INVALID);
    CHECK_STATUS(tenure_break(client, "a", 0, -1, NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_member_add(client, 4, "127.0.0.1:1"), TENURE_INVALID);
    CHECK_STATUS(tenure_member_promote(client, 4), TENURE_INVALID);
    CHECK_STATUS(tenure_member_demote(client, 4), TENURE_INVALID);
    CHECK_STATUS(tenure_member_remove(client, 4), TENURE_INVALID);
    CHECK_STATUS(tenure_member_move(client, 4, "127.0.0.1:1"), TENURE_INVALID);
    CHECK_STATUS(tenure_move_leader(client, 0, 0), TENURE_INVALID);
    CHECK_STATUS(tenure_handover(client, "a", NULL, -1, NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_snapshot_save(client, "/nonexistent/file"), TENURE_INVALID);
    CHECK_STATUS(tenure_access_on(client), TENURE_INVALID);
    CHECK_STATUS(tenure_access_off(client), TENURE_INVALID);
    CHECK_STATUS(tenure_access_allow(client, "client/a", "read", "a"), TENURE_INVALID);
    len = 77;
    CHECK_STATUS(tenure_access_deny(client, "client/a", "read", "a", NULL, &len), TENURE_INVALID);
    CHECK_STATUS(tenure_access_test(client, "client/a", "read", "a", &state), TENURE_INVALID);
    CHECK_STATUS(tenure_credential_create(client, "client/a", NULL, &len), TENURE_INVALID);
    CHECK_STATUS(tenure_credential_revoke(client, "client/a"), TENURE_INVALID);
    CHECK(len == 77);
    CHECK_STATUS(tenure_describe(client, "locks", NULL, NULL, &len), TENURE_INVALID);
    CHECK(len == 77);

    CHECK_STATUS(tenure_node_leadership(node, &leadership), TENURE_INVALID);
    CHECK(tenure_node_fd(node) == -1);
    CHECK_STATUS(tenure_node_next(node, 0, &leadership), TENURE_INVALID);
    CHECK_STATUS(tenure_node_resign(node, 0, 0), TENURE_INVALID);
    CHECK_STATUS(tenure_node_reload(node), TENURE_INVALID);
    CHECK_STATUS(tenure_node_client(node, NULL, &no_client), TENURE_INVALID);
    CHECK(no_client == NULL);
    CHECK_STATUS(tenure_node_stop(node, 0), TENURE_INVALID);
    len = 77;
    CHECK_STATUS(tenure_node_metrics(node, NULL, &len), TENURE_INVALID);
    CHECK(len == 77);

    tenure_client_free(client);
    tenure_lease_free(lease);
    tenure_pending_free(pending);
    tenure_holder_free(holder);
    tenure_node_free(node);
}

static void places_for_handles_are_checked(void) {
    CHECK_STATUS(tenure_client_open("127.0.0.1:1", NULL, NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_acquire(NULL, "a", 0, NULL, NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_acquire_start(NULL, "a", 0, NULL, NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_acquire_all(NULL, NULL, 0, 0, NULL, NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_acquire_all_start(NULL, NULL, 0, 0, NULL, NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_campaign(NULL, "a", 0, NULL, 0, NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_campaign_start(NULL, "a", 0, NULL, 0, NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_observe(NULL, "a", NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_observer_next(NULL, 0, NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_client_next(NULL, 0, NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_describe(NULL, NULL, NULL, NULL, NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_pending_take(NULL, 0, NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_holder_of(NULL, "a", NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_node_start(NULL, NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_node_client(NULL, NULL, NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_node_metrics(NULL, NULL, NULL), TENURE_INVALID);
}

static void options_that_are_not_acted_on_are_refused(void) {
    tenure_client_options options = TENURE_CLIENT_OPTIONS_INIT;
    tenure_node_options node_options = TENURE_NODE_OPTIONS_INIT;
    tenure_client *client = NULL;
    tenure_node *node = NULL;
    struct {
        tenure_client_options known;
        uint64_t tail;
    } newer = {TENURE_CLIENT_OPTIONS_INIT, 1};

    options.flags = 1u << 31;
    CHECK_STATUS(tenure_client_open("127.0.0.1:1", &options, &client), TENURE_UNSUPPORTED);
    options.flags = 0;
    options.struct_size = 0;
    CHECK_STATUS(tenure_client_open("127.0.0.1:1", &options, &client), TENURE_INVALID);
    options.struct_size = sizeof options - 1;
    CHECK_STATUS(tenure_client_open("127.0.0.1:1", &options, &client), TENURE_INVALID);
    options.struct_size = UINT32_MAX;
    CHECK_STATUS(tenure_client_open("127.0.0.1:1", &options, &client), TENURE_INVALID);
    newer.known.struct_size = sizeof newer;
    CHECK_STATUS(tenure_client_open("127.0.0.1:1", &newer.known, &client), TENURE_UNSUPPORTED);
    options.struct_size = sizeof options;
    options.credential_file = "secret";
    CHECK_STATUS(tenure_client_open("127.0.0.1:1", &options, &client), TENURE_INVALID);
    options.credential_file = NULL;
    options.verify = TENURE_VERIFY_NODE + 1;
    CHECK_STATUS(tenure_client_open("127.0.0.1:1", &options, &client), TENURE_UNSUPPORTED);
    options.verify = TENURE_VERIFY_HOST;
    options.reserved_2 = 1;
    CHECK_STATUS(tenure_client_open("127.0.0.1:1", &options, &client), TENURE_UNSUPPORTED);
    options.reserved_2 = 0;
    options.cluster_id = "not a cluster id";
    CHECK_STATUS(tenure_client_open("127.0.0.1:1", &options, &client), TENURE_INVALID);
    CHECK(strstr(tenure_last_error(), "at least the first 8") != NULL);
    options.cluster_id = NULL;
    options.name = "\xff\xfe";
    CHECK_STATUS(tenure_client_open("127.0.0.1:1", &options, &client), TENURE_INVALID);

    CHECK_STATUS(tenure_node_start(NULL, &node), TENURE_INVALID);
    CHECK_STATUS(tenure_node_start(&node_options, &node), TENURE_INVALID);
    node_options.id = 1;
    CHECK_STATUS(tenure_node_start(&node_options, &node), TENURE_INVALID);
    node_options.data_dir = "/nonexistent";
    node_options.cluster = "1=127.0.0.1:1";
    node_options.join = "127.0.0.1";
    CHECK_STATUS(tenure_node_start(&node_options, &node), TENURE_INVALID);
    node_options.join = NULL;
    node_options.reserved = 1;
    CHECK_STATUS(tenure_node_start(&node_options, &node), TENURE_UNSUPPORTED);
    node_options.reserved = 0;
    node_options.flags = 2;
    CHECK_STATUS(tenure_node_start(&node_options, &node), TENURE_UNSUPPORTED);
}

static tenure_node_options some_node(void) {
    tenure_node_options options = TENURE_NODE_OPTIONS_INIT;
    options.id = 1;
    options.data_dir = "/nonexistent";
    options.cluster = "1=127.0.0.1:1";
    return options;
}

static void ways_of_tls_that_are_none_are_refused_by_their_names(void) {
    tenure_node_options options = some_node();
    tenure_node *node = NULL;
    options.tls = TENURE_TLS_REQUIRED + 1;
    CHECK_STATUS(tenure_node_start(&options, &node), TENURE_UNSUPPORTED);
    CHECK(strstr(tenure_last_error(), "such tls") != NULL);
    options = some_node();
    options.verify = TENURE_VERIFY_NODE + 1;
    CHECK_STATUS(tenure_node_start(&options, &node), TENURE_UNSUPPORTED);
    CHECK(strstr(tenure_last_error(), "such verify") != NULL);
}

static void a_node_that_speaks_tls_needs_all_of_it(void) {
    static const char *const missing[] = {"no cert and key", "no ca and key", "no ca and cert", "no ca and cert and key"};
    for (int which = 0; which < 8; which++) {
        tenure_node_options options = some_node();
        const char **const texts[] = {&options.ca, &options.cert, &options.key, &options.client_ca, &options.crl};
        tenure_node *node = NULL;
        if (which < 5)
            *texts[which] = "file";
        else if (which == 5)
            options.verify = TENURE_VERIFY_NODE;
        else
            options.tls = which == 6 ? TENURE_TLS_REQUIRED : TENURE_TLS_OPTIONAL;
        CHECK_STATUS(tenure_node_start(&options, &node), TENURE_INVALID);
        CHECK(strstr(tenure_last_error(), "needs all of ca, cert and key") != NULL);
        CHECK(strstr(tenure_last_error(), missing[which < 3 ? which : 3]) != NULL);
    }
}

static void a_client_that_speaks_tls_needs_an_authority_and_whole_pairs(void) {
    static const char *const texts[] = {"ca is not", "ca is not", "ca is not", "/nonexistent/ca.crt (ca)", "key is not given",
                                        "cert is not given"};
    for (int which = 0; which < 6; which++) {
        tenure_client_options options = TENURE_CLIENT_OPTIONS_INIT;
        tenure_client *client = NULL;
        options.ca = which < 3 ? NULL : "/nonexistent/ca.crt";
        options.cert = which == 0 || which == 4 ? "client.crt" : NULL;
        options.key = which == 1 || which == 5 ? "client.key" : NULL;
        options.verify = which == 2 ? TENURE_VERIFY_NODE : TENURE_VERIFY_HOST;
        CHECK_STATUS(tenure_client_open("127.0.0.1:1", &options, &client), TENURE_INVALID);
        CHECK(client == NULL && strstr(tenure_last_error(), texts[which]) != NULL);
    }
}

static void what_is_no_certificate_is_not_made(void) {
    static const char *const whats[] = {NULL, "", "billing", "node/0", "client/", "client/a b", "local/1", "ca/1", "\xff"};
    tenure_certs_options options = TENURE_CERTS_OPTIONS_INIT;
    for (size_t i = 0; i < sizeof whats / sizeof *whats; i++)
        CHECK_STATUS(tenure_certs_write("/nonexistent", whats[i], NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_certs_write(NULL, "ca", NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_certs_write("/nonexistent", "node/1", NULL), TENURE_INVALID);
    CHECK(strstr(tenure_last_error(), "no authority in /nonexistent") != NULL);
    CHECK_STATUS(tenure_certs_write("/proc/no/such/directory", "ca", NULL), TENURE_IO);
    options.hosts = "127.0.0.1";
    CHECK_STATUS(tenure_certs_write("/nonexistent", "ca", &options), TENURE_INVALID);
    options.hosts = "127.0.0.1:7401";
    CHECK_STATUS(tenure_certs_write("/nonexistent", "node/1", &options), TENURE_INVALID);
    CHECK(strstr(tenure_last_error(), "127.0.0.1:7401") != NULL);
    options.hosts = NULL;
    options.days = 36501;
    CHECK_STATUS(tenure_certs_write("/proc/no/such/directory", "ca", &options), TENURE_INVALID);
    options.days = 0;
    options.flags = 2;
    CHECK_STATUS(tenure_certs_write("/proc/no/such/directory", "ca", &options), TENURE_UNSUPPORTED);
    options.flags = 0;
    options.reserved = 1;
    CHECK_STATUS(tenure_certs_write("/proc/no/such/directory", "ca", &options), TENURE_UNSUPPORTED);
}

static void bounds_of_nodes_are_told(void) {
    tenure_node_options options = TENURE_NODE_OPTIONS_INIT;
    tenure_node *node = NULL;
    options.id = 1;
    options.data_dir = "/nonexistent";
    options.cluster = "1=127.0.0.1:1";
    options.tls = TENURE_TLS_OFF;
    options.ttl_max_ms = 199;
    CHECK_STATUS(tenure_node_start(&options, &node), TENURE_INVALID);
    CHECK(strstr(tenure_last_error(), "from 200ms to 3600s") != NULL);
    options.ttl_max_ms = UINT64_MAX;
    CHECK_STATUS(tenure_node_start(&options, &node), TENURE_INVALID);
    options.ttl_max_ms = 0;
    options.snapshot_every_bytes = 4095;
    CHECK_STATUS(tenure_node_start(&options, &node), TENURE_INVALID);
    CHECK(strstr(tenure_last_error(), "from 4096 to 536870912") != NULL);
}

static void what_cannot_be_restored_is_told(void) {
    tenure_restore_options options = TENURE_RESTORE_OPTIONS_INIT;
    uint64_t wait_ms = 77;
    CHECK_STATUS(tenure_snapshot_restore("/nonexistent", NULL, &wait_ms), TENURE_INVALID);
    CHECK_STATUS(tenure_snapshot_restore("/nonexistent", &options, &wait_ms), TENURE_INVALID);
    options.id = 4;
    options.data_dir = "/nonexistent";
    CHECK_STATUS(tenure_snapshot_restore("/nonexistent", &options, &wait_ms), TENURE_INVALID);
    options.cluster = "1=127.0.0.1:1";
    CHECK_STATUS(tenure_snapshot_restore("/nonexistent", &options, &wait_ms), TENURE_INVALID);
    CHECK(strstr(tenure_last_error(), "node 4 is not in the cluster") != NULL);
    options.id = 1;
    CHECK_STATUS(tenure_snapshot_restore(NULL, &options, &wait_ms), TENURE_INVALID);
    CHECK_STATUS(tenure_snapshot_restore("/nonexistent", &options, &wait_ms), TENURE_IO);
    CHECK_STATUS(tenure_snapshot_restore("/proc/self/cmdline", &options, &wait_ms), TENURE_CORRUPT);
    options.flags = 2;
    CHECK_STATUS(tenure_snapshot_restore("/nonexistent", &options, &wait_ms), TENURE_UNSUPPORTED);
    options.flags = TENURE_RESTORE_WAIVE_WAIT;
    options.largest_ttl_max_ms = 1000;
    CHECK_STATUS(tenure_snapshot_restore("/nonexistent", &options, &wait_ms), TENURE_INVALID);
    options.flags = 0;
    options.ancestors = "4b1d";
    CHECK_STATUS(tenure_snapshot_restore("/nonexistent", &options, &wait_ms), TENURE_INVALID);
    CHECK(wait_ms == 77);
}

static void log_levels_are_checked(void) {
    CHECK_STATUS(tenure_log_to(NULL, NULL, TENURE_LOG_OFF - 1), TENURE_INVALID);
    CHECK_STATUS(tenure_log_to(NULL, NULL, TENURE_LOG_TRACE + 1), TENURE_INVALID);
    CHECK_STATUS(tenure_log_to(NULL, NULL, TENURE_LOG_WARN), TENURE_OK);
    CHECK_STATUS(tenure_log_level(TENURE_LOG_OFF - 1), TENURE_INVALID);
    CHECK_STATUS(tenure_log_level(TENURE_LOG_TRACE + 1), TENURE_INVALID);
    CHECK_STATUS(tenure_log_level(TENURE_LOG_WARN), TENURE_OK);
}

static void the_queue_of_the_log_is_checked(void) {
    char line[16];
    size_t len = sizeof line;
    CHECK_STATUS(tenure_log_read(line, &len), TENURE_INVALID);
    CHECK(strstr(tenure_last_error(), "tenure_log_fd") != NULL && len == sizeof line);
    CHECK(tenure_log_fd() >= 0);
    CHECK_STATUS(tenure_log_read(line, &len), TENURE_AGAIN);
    CHECK_STATUS(tenure_log_read(NULL, &len), TENURE_INVALID);
    CHECK_STATUS(tenure_log_read(line, NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_log_read(line, (size_t *)((char *)&len + 1)), TENURE_INVALID);
    CHECK_STATUS(tenure_log_to(NULL, NULL, TENURE_LOG_WARN), TENURE_OK);
    CHECK_STATUS(tenure_log_read(line, &len), TENURE_AGAIN);
}

int main(void) {
    uint64_t memory[4] = {~UINT64_C(0), 1, 0, ~UINT64_C(0)};
    statuses_have_names_and_texts();
    functions_answer_garbage(NULL);
    functions_answer_garbage(memory);
    functions_answer_garbage((char *)memory + 1);
    functions_answer_garbage((void *)(uintptr_t)1);
    functions_answer_garbage((void *)UINTPTR_MAX);
    /* What the first handle of a process would look like, before there is one. */
    functions_answer_garbage((void *)(uintptr_t)UINT64_C(0x10000005b));
    places_for_handles_are_checked();
    options_that_are_not_acted_on_are_refused();
    ways_of_tls_that_are_none_are_refused_by_their_names();
    a_node_that_speaks_tls_needs_all_of_it();
    a_client_that_speaks_tls_needs_an_authority_and_whole_pairs();
    what_is_no_certificate_is_not_made();
    bounds_of_nodes_are_told();
    what_cannot_be_restored_is_told();
    log_levels_are_checked();
    the_queue_of_the_log_is_checked();
    puts("abi: good");
    return 0;
}
