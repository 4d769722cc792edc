/* The C interface against three nodes in this process. Argument: an empty directory. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"
#include "client.h"
#include "cluster.h"

#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void a_session_is_valid(tenure_client *client) {
    tenure_session_info info = TENURE_SESSION_INFO_INIT;
    CHECK_STATUS(tenure_client_session(client, &info), TENURE_OK);
    CHECK(info.struct_size == sizeof info);
    CHECK(info.state == TENURE_SESSION_STATE_VALID);
    CHECK(info.id != 0 && info.remaining_ns > 0 && info.ttl_ms == 10000 && info.leases == 0);
}

static void a_held_lock_refuses_others_and_its_end_is_seen(tenure_client *client) {
    tenure_acquire_options options = TENURE_ACQUIRE_OPTIONS_INIT;
    tenure_lease *lease = NULL;
    tenure_lease *other = NULL;
    int32_t state = 0;
    int32_t reason = 0;
    uint64_t token;
    options.value = "worker";
    options.value_len = 6;
    CHECK_STATUS(tenure_acquire(client, "jobs/a", TENURE_FOREVER, &options, &lease), TENURE_OK);
    token = tenure_lease_token(lease);
    CHECK(token > 0 && tenure_lease_remaining_ns(lease) > 0);
    CHECK(strcmp(tenure_lease_name(lease), "jobs/a") == 0);
    CHECK_STATUS(tenure_lease_state(lease, &state, &reason), TENURE_OK);
    CHECK(state == TENURE_LEASE_STATE_HELD && reason == TENURE_REASON_NONE);
    CHECK(readable(tenure_lease_fd(lease), 0) == 0);

    CHECK_STATUS(tenure_acquire(client, "jobs/a", 0, NULL, &other), TENURE_HELD);
    CHECK(strncmp(tenure_last_error(), "\"jobs/a\" is held by ", 20) == 0);
    CHECK(other == NULL);
    CHECK_STATUS(tenure_acquire(client, "jobs/a", 20, NULL, &other), TENURE_TIMEOUT);
    CHECK(strcmp(tenure_last_error(), "\"jobs/a\" was not granted within 20ms") == 0);
    CHECK(other == NULL);

    CHECK_STATUS(tenure_release(lease, TENURE_FOREVER), TENURE_OK);
    CHECK(tenure_lease_remaining_ns(lease) == 0);
    CHECK(readable(tenure_lease_fd(lease), -1) == 1);
    CHECK_STATUS(tenure_lease_state(lease, &state, &reason), TENURE_OK);
    CHECK(state == TENURE_LEASE_STATE_ENDED && reason == TENURE_REASON_RELEASED);
    CHECK_STATUS(tenure_release(lease, 0), TENURE_LOST);
    CHECK(strcmp(tenure_last_error(), "the lease on \"jobs/a\" was released before") == 0);

    other = acquire(client, "jobs/a");
    CHECK(tenure_lease_token(other) > token);
    tenure_lease_free(other);
    tenure_lease_free(lease);
    tenure_lease_free(lease);
    CHECK(tenure_lease_token(lease) == 0);
}

static void the_holder_is_told_to_whoever_asks(tenure_client *client) {
    tenure_acquire_options options = TENURE_ACQUIRE_OPTIONS_INIT;
    tenure_holder *holder = NULL;
    tenure_lease *lease = NULL;
    uint64_t token;
    size_t len = 0;
    options.value = "a\0b";
    options.value_len = 3;
    CHECK_STATUS(tenure_holder_of(client, "jobs/b", &holder), TENURE_NOT_FOUND);
    CHECK(holder == NULL);
    CHECK_STATUS(tenure_acquire(client, "jobs/b", TENURE_FOREVER, &options, &lease), TENURE_OK);
    token = tenure_lease_token(lease);
    CHECK_STATUS(tenure_holder_of(client, "jobs/b", &holder), TENURE_OK);
    CHECK(tenure_holder_token(holder) == token);
    CHECK(strcmp(tenure_holder_client(holder), "first") == 0);
    CHECK(memcmp(tenure_holder_value(holder, &len), "a\0b", 3) == 0 && len == 3);
    CHECK(tenure_holder_since_unix_ms(holder) > 0);
    tenure_holder_free(holder);
    CHECK_STATUS(tenure_validate(client, "jobs/b", token), TENURE_OK);
    CHECK_STATUS(tenure_validate(client, "jobs/b", token + 1), TENURE_LOST);
    CHECK_STATUS(tenure_validate(client, "jobs/b", 0), TENURE_INVALID);
    CHECK_STATUS(tenure_release(lease, TENURE_FOREVER), TENURE_OK);
    CHECK_STATUS(tenure_validate(client, "jobs/b", token), TENURE_LOST);
    tenure_lease_free(lease);
}

static void bad_arguments_are_refused(tenure_client *client) {
    tenure_acquire_options options = TENURE_ACQUIRE_OPTIONS_INIT;
    tenure_lease *lease = NULL;
    tenure_pending *pending = NULL;
    char long_name[257];
    memset(long_name, 'a', 256);
    long_name[256] = 0;
    CHECK_STATUS(tenure_acquire(client, NULL, 0, NULL, &lease), TENURE_INVALID);
    CHECK_STATUS(tenure_acquire(client, "", 0, NULL, &lease), TENURE_INVALID);
    CHECK_STATUS(tenure_acquire(client, long_name, 0, NULL, &lease), TENURE_INVALID);
    CHECK_STATUS(tenure_acquire(client, "\xc3", 0, NULL, &lease), TENURE_INVALID);
    CHECK_STATUS(tenure_acquire(client, "a", -2, NULL, &lease), TENURE_INVALID);
    CHECK_STATUS(tenure_acquire_start(client, "a", INT64_MIN, NULL, &pending), TENURE_INVALID);
    CHECK_STATUS(tenure_client_close(client, -2), TENURE_INVALID);
    options.value_len = 1;
    CHECK_STATUS(tenure_acquire(client, "a", 0, &options, &lease), TENURE_INVALID);
    options.value = "";
    options.value_len = SIZE_MAX;
    CHECK_STATUS(tenure_acquire(client, "a", 0, &options, &lease), TENURE_INVALID);
    options.value_len = 0;
    options.mode = 2;
    CHECK_STATUS(tenure_acquire(client, "a", 0, &options, &lease), TENURE_UNSUPPORTED);
    options.mode = TENURE_EXCLUSIVE;
    options.flags = 1;
    CHECK_STATUS(tenure_acquire(client, "a", 0, &options, &lease), TENURE_UNSUPPORTED);
    options.flags = 0;
    options.permits = 2;
    CHECK_STATUS(tenure_acquire(client, "a", 0, &options, &lease), TENURE_INVALID);
    options.limit = 1;
    CHECK_STATUS(tenure_acquire(client, "a", 0, &options, &lease), TENURE_INVALID);
    options.permits = 1;
    options.limit = 0;
    options.lock_delay_ms = 3600001;
    CHECK_STATUS(tenure_acquire(client, "a", 0, &options, &lease), TENURE_INVALID);
    /* A handle of another type is not one of this type. */
    CHECK_STATUS(tenure_release((tenure_lease *)(void *)client, 0), TENURE_INVALID);
    tenure_node_free((tenure_node *)(void *)client);
    a_session_is_valid(client);
}

static void *cancel(void *pending) {
    tenure_pending_cancel(pending);
    return NULL;
}

static void a_pending_is_decided_by_grant_or_cancel(tenure_client *client) {
    tenure_lease *held = acquire(client, "jobs/c");
    tenure_pending *cancelled = start(client, "jobs/c");
    tenure_pending *granted = start(client, "jobs/c");
    tenure_lease *lease = NULL;
    pthread_t thread;
    CHECK_STATUS(tenure_pending_take(cancelled, 0, &lease), TENURE_AGAIN);
    CHECK(lease == NULL);
    CHECK(readable(tenure_pending_fd(granted), 0) == 0);

    CHECK(pthread_create(&thread, NULL, cancel, cancelled) == 0);
    CHECK_STATUS(tenure_pending_take(cancelled, TENURE_FOREVER, &lease), TENURE_CANCELLED);
    CHECK(pthread_join(thread, NULL) == 0);
    tenure_pending_free(cancelled);

    CHECK_STATUS(tenure_release(held, TENURE_FOREVER), TENURE_OK);
    CHECK(readable(tenure_pending_fd(granted), -1) == 1);
    CHECK_STATUS(tenure_pending_take(granted, 0, &lease), TENURE_OK);
    CHECK(tenure_lease_token(lease) > tenure_lease_token(held));
    {
        tenure_lease *again = NULL;
        CHECK_STATUS(tenure_pending_take(granted, 0, &again), TENURE_INVALID);
        CHECK(again == NULL);
    }
    tenure_pending_free(granted);
    tenure_pending_free(granted);
    /* The lease does not need its pending. */
    CHECK(tenure_lease_remaining_ns(lease) > 0);
    tenure_lease_free(lease);
    tenure_lease_free(held);
}

static void an_untaken_grant_is_released_when_its_pending_is_freed(tenure_client *client) {
    tenure_pending *pending = start(client, "jobs/d");
    CHECK(readable(tenure_pending_fd(pending), -1) == 1);
    tenure_pending_free(pending);
    tenure_lease_free(acquire(client, "jobs/d"));
}

static void *take(void *pending) {
    tenure_lease *lease = NULL;
    CHECK_STATUS(tenure_pending_take(pending, TENURE_FOREVER, &lease), TENURE_CLOSED);
    return NULL;
}

static void closing_wakes_those_who_wait_and_ends_leases(tenure_client *client) {
    tenure_lease *held = acquire(client, "jobs/e");
    tenure_lease *lease = NULL;
    tenure_pending *pending = start(client, "jobs/e");
    int32_t state = 0;
    int32_t reason = 0;
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, take, pending) == 0);
    CHECK_STATUS(tenure_client_close(client, TENURE_FOREVER), TENURE_OK);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(tenure_lease_remaining_ns(held) == 0);
    CHECK(readable(tenure_lease_fd(held), -1) == 1);
    CHECK_STATUS(tenure_lease_state(held, &state, &reason), TENURE_OK);
    CHECK(state == TENURE_LEASE_STATE_ENDED && reason == TENURE_REASON_SESSION_CLOSED);
    CHECK_STATUS(tenure_acquire(client, "jobs/e", 0, NULL, &lease), TENURE_CLOSED);
    /* The parent first, then what was made from it. */
    tenure_client_free(client);
    tenure_client_free(client);
    tenure_pending_free(pending);
    tenure_lease_free(held);
}

static int in_child(tenure_client *client, tenure_lease *lease, tenure_node *node) {
    tenure_session_info info = TENURE_SESSION_INFO_INIT;
    tenure_leadership leadership = TENURE_LEADERSHIP_INIT;
    tenure_lease *other = NULL;
    int good = tenure_client_session(client, &info) == TENURE_FORKED &&
               tenure_acquire(client, "jobs/f", 0, NULL, &other) == TENURE_FORKED &&
               tenure_release(lease, 0) == TENURE_FORKED &&
               tenure_lease_remaining_ns(lease) == 0 &&
               tenure_node_leadership(node, &leadership) == TENURE_FORKED;
    tenure_lease_free(lease);
    tenure_client_free(client);
    tenure_node_free(node);
    good = good && tenure_client_session(client, &info) == TENURE_INVALID;
    return good ? 0 : 1;
}

static void a_forked_child_can_only_free(tenure_client *client, tenure_node *node) {
    tenure_lease *lease = acquire(client, "jobs/f");
    int status = -1;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0)
        _exit(in_child(client, lease, node));
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    /* The parent keeps its lock. */
    CHECK(tenure_lease_remaining_ns(lease) > 0);
    CHECK_STATUS(tenure_validate(client, "jobs/f", tenure_lease_token(lease)), TENURE_OK);
    CHECK_STATUS(tenure_release(lease, TENURE_FOREVER), TENURE_OK);
    tenure_lease_free(lease);
}

static void an_embedded_node_knows_who_leads(struct cluster *cluster) {
    tenure_leadership leadership = TENURE_LEADERSHIP_INIT;
    tenure_leadership next = TENURE_LEADERSHIP_INIT;
    tenure_client *client = NULL;
    int at;
    CHECK(readable(tenure_node_fd(cluster->nodes[0]), -1) == 1);
    at = cluster_leader(cluster, -1, &leadership);
    CHECK(leadership.struct_size == sizeof leadership);
    CHECK(leadership.leader_id == (uint64_t)at + 1);
    CHECK(leadership.term > 0 && leadership.token > 0 && leadership.remaining_ns > 0);
    CHECK_STATUS(tenure_node_leadership(cluster->nodes[at], &leadership), TENURE_OK);
    CHECK((leadership.remaining_ns > 0) == (leadership.is_leader == 1));
    CHECK_STATUS(tenure_node_next(cluster->nodes[at], -2, &next), TENURE_INVALID);
    CHECK_STATUS(tenure_node_next(cluster->nodes[at], 0, NULL), TENURE_INVALID);

    CHECK_STATUS(tenure_node_client(cluster->nodes[at], NULL, &client), TENURE_OK);
    tenure_lease_free(acquire(client, "jobs/g"));
    tenure_client_free(client);
}

/* Elections may come between on a busy machine: then the present leader resigns. */
static void a_leader_that_resigns_claims_nothing_and_another_claims(struct cluster *cluster) {
    tenure_leadership leadership = TENURE_LEADERSHIP_INIT;
    tenure_status status;
    uint64_t token;
    int at;
    do {
        at = cluster_leader(cluster, -1, &leadership);
        token = leadership.token;
        CHECK_STATUS(tenure_node_reload(cluster->nodes[at]), TENURE_OK);
        status = tenure_node_resign(cluster->nodes[at], 0, TENURE_FOREVER);
        CHECK(status == TENURE_OK || status == TENURE_LOST || status == TENURE_UNAVAILABLE);
    } while (status != TENURE_OK);
    at = cluster_leader(cluster, -1, &leadership);
    CHECK(leadership.is_leader == 1 && leadership.remaining_ns > 0 && leadership.token > token);
    CHECK_STATUS(tenure_node_resign(cluster->nodes[(at + 1) % 3], 0, -2), TENURE_INVALID);
}

static void a_stopped_leader_believes_nothing_and_another_follows(struct cluster *cluster) {
    tenure_leadership leadership = TENURE_LEADERSHIP_INIT;
    int at = cluster_leader(cluster, -1, &leadership);
    int other = (at + 1) % 3;
    uint64_t token = leadership.token;
    CHECK_STATUS(tenure_node_stop(cluster->nodes[at], TENURE_FOREVER), TENURE_OK);
    CHECK_STATUS(tenure_node_leadership(cluster->nodes[at], &leadership), TENURE_OK);
    CHECK(leadership.is_leader == 0 && leadership.remaining_ns == 0 && leadership.token == 0);
    other = cluster_leader(cluster, at, &leadership);
    CHECK(other != at && leadership.token > token);
    for (;;) {
        tenure_status status = tenure_node_next(cluster->nodes[at], TENURE_FOREVER, &leadership);
        if (status == TENURE_CLOSED)
            break;
        CHECK(status == TENURE_OK);
    }
}

static void remember_line(void *lines, int32_t level, const char *line) {
    CHECK(level >= TENURE_LOG_ERROR && level <= TENURE_LOG_TRACE && line[0] != 0);
    CHECK_STATUS(tenure_log_to(NULL, NULL, TENURE_LOG_WARN), TENURE_INVALID);
    __atomic_fetch_add((int *)lines, 1, __ATOMIC_RELAXED);
}

int main(int argc, char **argv) {
    struct cluster cluster;
    tenure_client *client;
    int lines = 0;
    CHECK(argc == 2);
    CHECK_STATUS(tenure_log_to(remember_line, &lines, TENURE_LOG_TRACE), TENURE_OK);
    cluster_start(&cluster, argv[1]);
    an_embedded_node_knows_who_leads(&cluster);
    client = open_client(cluster.endpoints, "first");
    a_session_is_valid(client);
    bad_arguments_are_refused(client);
    a_held_lock_refuses_others_and_its_end_is_seen(client);
    the_holder_is_told_to_whoever_asks(client);
    a_pending_is_decided_by_grant_or_cancel(client);
    an_untaken_grant_is_released_when_its_pending_is_freed(client);
    a_forked_child_can_only_free(client, cluster.nodes[0]);
    closing_wakes_those_who_wait_and_ends_leases(client);
    a_leader_that_resigns_claims_nothing_and_another_claims(&cluster);
    a_stopped_leader_believes_nothing_and_another_follows(&cluster);
    cluster_stop(&cluster);
    CHECK_STATUS(tenure_log_to(NULL, NULL, TENURE_LOG_WARN), TENURE_OK);
    CHECK(lines > 0);
    puts("live: good");
    return 0;
}
