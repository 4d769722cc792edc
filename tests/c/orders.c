/*
 * Handing locks over and taking them from their holders through the C interface, against three nodes in this
 * process. Argument: an empty directory.
 */
#define _POSIX_C_SOURCE 200809L
#include "client.h"
#include "cluster.h"
#include <sys/epoll.h>

static void a_lock_is_handed_to_a_waiter_by_name(tenure_client *client, tenure_client *other) {
    tenure_lease *lease = acquire(client, "hand/a");
    tenure_pending *next;
    tenure_pending *named;
    tenure_lease *handed;
    CHECK_STATUS(tenure_transfer(lease, NULL), TENURE_NOT_FOUND);
    next = start(client, "hand/a");
    CHECK_STATUS(tenure_transfer(lease, "second"), TENURE_NOT_FOUND);
    check_state(lease, TENURE_LEASE_STATE_HELD, TENURE_REASON_NONE);
    named = start(other, "hand/a");
    /* Until the server has it in its queue. */
    for (;;) {
        tenure_status status = tenure_transfer(lease, "second");
        if (status == TENURE_OK)
            break;
        CHECK(status == TENURE_NOT_FOUND);
        check_state(lease, TENURE_LEASE_STATE_HELD, TENURE_REASON_NONE);
    }
    check_state(lease, TENURE_LEASE_STATE_ENDED, TENURE_REASON_TRANSFERRED);
    CHECK_STATUS(tenure_transfer(lease, NULL), TENURE_LOST);
    handed = taken(named);
    CHECK(tenure_lease_token(handed) > tenure_lease_token(lease));
    CHECK_STATUS(tenure_transfer(handed, NULL), TENURE_OK);
    release(taken(next));
    tenure_lease_free(handed);
    tenure_lease_free(lease);
}

/* The order of `lease`, read into a buffer of `size` bytes. */
static tenure_status asked(const tenure_lease *lease, int64_t *grace_ms, char *reason, size_t size) {
    size_t len = size;
    tenure_status status = tenure_lease_asked(lease, grace_ms, reason, &len);
    CHECK(status != TENURE_OK || len == strlen(reason) + 1);
    CHECK(status != TENURE_TOO_SMALL || len > size);
    return status;
}

static void a_holder_reads_what_it_was_asked(tenure_client *client, tenure_client *other) {
    tenure_lease *lease = acquire(client, "break/e");
    char reason[256] = "as it was";
    int64_t grace_ms = 17;
    CHECK_STATUS(asked(lease, &grace_ms, reason, sizeof reason), TENURE_NOT_FOUND);
    CHECK(grace_ms == 17 && strcmp(reason, "as it was") == 0);
    /* An hour is the longest grace that there is. */
    CHECK_STATUS(tenure_break(other, "break/e", 0, 3600001, "maintenance"), TENURE_INVALID);
    CHECK_STATUS(tenure_break(other, "break/e", 0, 3600000, "maintenance"), TENURE_OK);
    CHECK(readable(tenure_lease_fd(lease), -1) == 1);
    CHECK_STATUS(asked(lease, &grace_ms, reason, 11), TENURE_TOO_SMALL);
    CHECK_STATUS(asked(lease, &grace_ms, NULL, 0), TENURE_TOO_SMALL);
    CHECK(grace_ms == 17 && strcmp(reason, "as it was") == 0);
    CHECK_STATUS(asked(lease, &grace_ms, reason, 12), TENURE_OK);
    CHECK(grace_ms == 3600000 && strcmp(reason, "maintenance") == 0);
    grace_ms = 17;
    CHECK_STATUS(tenure_lease_asked(lease, &grace_ms, NULL, NULL), TENURE_OK);
    CHECK(grace_ms == 3600000);
    CHECK_STATUS(asked(lease, NULL, reason, sizeof reason), TENURE_OK);
    CHECK_STATUS(tenure_lease_asked(lease, &grace_ms, reason, NULL), TENURE_INVALID);
    CHECK_STATUS(asked(lease, &grace_ms, NULL, 1), TENURE_INVALID);
    CHECK_STATUS(asked(NULL, &grace_ms, reason, sizeof reason), TENURE_INVALID);
    CHECK_STATUS(tenure_release(lease, 5000), TENURE_OK);
    CHECK_STATUS(asked(lease, &grace_ms, reason, sizeof reason), TENURE_OK);
    tenure_lease_free(lease);
}

static void a_holder_that_is_asked_finishes_and_releases(tenure_client *client, tenure_client *other) {
    tenure_lease *lease = acquire(client, "break/a");
    tenure_pending *waiting = start(other, "break/a");
    int fd = tenure_lease_fd(lease);
    CHECK(readable(fd, 0) == 0);
    CHECK_STATUS(tenure_break(other, "break/a", 0, 3600000, "maintenance"), TENURE_OK);
    CHECK(readable(fd, -1) == 1);
    check_state(lease, TENURE_LEASE_STATE_ASKED, TENURE_REASON_NONE);
    CHECK(tenure_lease_remaining_ns(lease) > 0);
    release(lease);
    release(taken(waiting));
}

static void a_holder_that_ignores_it_is_broken_after_its_grace(tenure_client *client, tenure_client *other) {
    tenure_lease *lease = acquire(client, "break/b");
    tenure_pending *waiting = start(other, "break/b");
    CHECK_STATUS(tenure_break(other, "break/b", tenure_lease_token(lease), 50, NULL), TENURE_OK);
    release(taken(waiting));
    CHECK(tenure_lease_remaining_ns(lease) == 0);
    CHECK(readable(tenure_lease_fd(lease), -1) == 1);
    check_state(lease, TENURE_LEASE_STATE_ENDED, TENURE_REASON_BROKEN);
    CHECK_STATUS(tenure_release(lease, 0), TENURE_LOST);
    tenure_lease_free(lease);
}

static int events(int loop, int timeout_ms) {
    struct epoll_event event;
    return epoll_wait(loop, &event, 1, timeout_ms);
}

/* In a loop of level-triggered events, or of edges: once when it is asked, again when it is asked for more, and when it
 * ends. Nothing in between, though it is renewed: a loop that is told sleeps. */
static void a_loop_hears_that_a_lease_is_asked_and_then_its_end(tenure_client *client, tenure_client *other,
                                                                uint32_t kind) {
    tenure_lease *lease = acquire(client, "break/e");
    int fd = tenure_lease_fd(lease);
    int loop = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event interest = {EPOLLIN | kind, {.ptr = NULL}};
    int64_t grace_ms = 0;
    CHECK(epoll_ctl(loop, EPOLL_CTL_ADD, fd, &interest) == 0);
    CHECK(events(loop, 0) == 0);
    CHECK_STATUS(tenure_break(other, "break/e", 0, 3600000, "first"), TENURE_OK);
    CHECK(events(loop, -1) == 1);
    CHECK(readable(fd, 0) == 1);
    check_state(lease, TENURE_LEASE_STATE_ASKED, TENURE_REASON_NONE);
    CHECK(events(loop, 0) == 0 && readable(fd, 0) == 0);
    check_state(lease, TENURE_LEASE_STATE_ASKED, TENURE_REASON_NONE);
    CHECK_STATUS(tenure_break(other, "break/e", 0, 1800000, "second"), TENURE_OK);
    CHECK(events(loop, -1) == 1);
    CHECK_STATUS(tenure_lease_asked(lease, &grace_ms, NULL, NULL), TENURE_OK);
    CHECK(grace_ms == 1800000);
    CHECK(tenure_lease_fd(lease) == fd && events(loop, 0) == 0 && readable(fd, 0) == 0);
    CHECK_STATUS(tenure_release(lease, TENURE_FOREVER), TENURE_OK);
    CHECK(events(loop, -1) == 1);
    check_state(lease, TENURE_LEASE_STATE_ENDED, TENURE_REASON_RELEASED);
    CHECK(readable(fd, 0) == 1);
    CHECK(events(loop, 0) == (kind == 0));
    tenure_lease_free(lease);
    close(loop);
}

static void a_loop_that_was_told_hears_the_end_of_the_grace(tenure_client *client, tenure_client *other) {
    tenure_lease *lease = acquire(client, "break/f");
    int fd = tenure_lease_fd(lease);
    int32_t state = TENURE_LEASE_STATE_HELD, reason = TENURE_REASON_NONE;
    int wakes = 0;
    CHECK_STATUS(tenure_break(other, "break/f", 0, 300, "soon"), TENURE_OK);
    while (state != TENURE_LEASE_STATE_ENDED) {
        CHECK(readable(fd, -1) == 1);
        CHECK_STATUS(tenure_lease_state(lease, &state, &reason), TENURE_OK);
        wakes++;
    }
    CHECK(wakes <= 2 && reason == TENURE_REASON_BROKEN && tenure_lease_remaining_ns(lease) == 0);
    CHECK(readable(fd, 0) == 1);
    tenure_lease_free(lease);
}

static void a_lock_that_is_broken_now_is_free_now(tenure_client *client, tenure_client *other) {
    tenure_lease *lease = acquire(client, "break/c");
    tenure_lease *next = NULL;
    CHECK_STATUS(tenure_break(other, "break/c", 0, 0, ""), TENURE_OK);
    CHECK_STATUS(tenure_acquire(other, "break/c", 0, NULL, &next), TENURE_OK);
    CHECK(readable(tenure_lease_fd(lease), -1) == 1);
    check_state(lease, TENURE_LEASE_STATE_ENDED, TENURE_REASON_BROKEN);
    release(next);
    tenure_lease_free(lease);
}

static void what_is_not_held_so_is_not_broken(tenure_client *client) {
    tenure_lease *lease;
    char reason[257];
    memset(reason, 'a', 256);
    reason[256] = 0;
    CHECK_STATUS(tenure_break(client, "break/d", 0, -1, NULL), TENURE_NOT_FOUND);
    lease = acquire(client, "break/d");
    CHECK_STATUS(tenure_break(client, "break/d", tenure_lease_token(lease) + 1, -1, NULL), TENURE_NOT_FOUND);
    CHECK_STATUS(tenure_break(client, "break/d", UINT64_MAX, -1, NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_break(client, "break/d", 0, -2, NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_break(client, "break/d", 0, INT64_MIN, NULL), TENURE_INVALID);
    CHECK_STATUS(tenure_break(client, "break/d", 0, -1, reason), TENURE_INVALID);
    CHECK_STATUS(tenure_break(client, NULL, 0, -1, NULL), TENURE_INVALID);
    check_state(lease, TENURE_LEASE_STATE_HELD, TENURE_REASON_NONE);
    CHECK_STATUS(tenure_break(client, "break/d", 0, -1, NULL), TENURE_OK);
    CHECK(readable(tenure_lease_fd(lease), -1) == 1);
    check_state(lease, TENURE_LEASE_STATE_ASKED, TENURE_REASON_NONE);
    release(lease);
}

int main(int argc, char **argv) {
    struct cluster cluster;
    tenure_client *client;
    tenure_client *other;
    CHECK(argc == 2);
    cluster_start(&cluster, argv[1]);
    client = open_client(cluster.endpoints, "first");
    other = open_client(cluster.endpoints, "second");
    a_lock_is_handed_to_a_waiter_by_name(client, other);
    a_holder_reads_what_it_was_asked(client, other);
    a_holder_that_is_asked_finishes_and_releases(client, other);
    a_holder_that_ignores_it_is_broken_after_its_grace(client, other);
    a_loop_hears_that_a_lease_is_asked_and_then_its_end(client, other, 0);
    a_loop_hears_that_a_lease_is_asked_and_then_its_end(client, other, EPOLLET);
    a_loop_that_was_told_hears_the_end_of_the_grace(client, other);
    a_lock_that_is_broken_now_is_free_now(client, other);
    what_is_not_held_so_is_not_broken(client);
    tenure_client_free(other);
    tenure_client_free(client);
    cluster_stop(&cluster);
    puts("orders: good");
    return 0;
}
