/*
 * The lock service through the C interface: every kind of lock, elections, handover, break, and what happens to a
 * session, against three nodes in this process. Argument: an empty directory.
 */
#define _POSIX_C_SOURCE 200809L
#include "check.h"
#include "client.h"
#include "cluster.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

static tenure_acquire_options owned(uint64_t owner) {
    tenure_acquire_options options = TENURE_ACQUIRE_OPTIONS_INIT;
    options.owner = owner;
    return options;
}

static tenure_lease *acquire_with(tenure_client *client, const char *name, const tenure_acquire_options *options) {
    tenure_lease *lease = NULL;
    CHECK_STATUS(tenure_acquire(client, name, TENURE_FOREVER, options, &lease), TENURE_OK);
    return lease;
}

static tenure_status try_with(tenure_client *client, const char *name, const tenure_acquire_options *options) {
    tenure_lease *lease = NULL;
    tenure_status status = tenure_acquire(client, name, 0, options, &lease);
    tenure_lease_free(lease);
    return status;
}

static tenure_lease *take(tenure_pending *pending) {
    tenure_lease *lease = NULL;
    CHECK_STATUS(tenure_pending_take(pending, TENURE_FOREVER, &lease), TENURE_OK);
    tenure_pending_free(pending);
    return lease;
}

static void release(tenure_lease *lease) {
    CHECK_STATUS(tenure_release(lease, TENURE_FOREVER), TENURE_OK);
    tenure_lease_free(lease);
}

static void check_state(tenure_lease *lease, int32_t state, int32_t reason) {
    int32_t now = 0;
    int32_t why = -1;
    CHECK_STATUS(tenure_lease_state(lease, &now, &why), TENURE_OK);
    CHECK(now == state);
    CHECK(why == reason);
}

/* ---- kinds of locks ---- */

static void readers_share_and_a_writer_comes_after_them(tenure_client *client) {
    tenure_acquire_options shared = TENURE_ACQUIRE_OPTIONS_INIT;
    tenure_lease *first;
    tenure_lease *second;
    tenure_lease *writer;
    tenure_pending *waiting;
    shared.mode = TENURE_SHARED;
    first = acquire_with(client, "kinds/a", &shared);
    second = acquire_with(client, "kinds/a", &shared);
    CHECK_STATUS(try_with(client, "kinds/a", NULL), TENURE_HELD);
    waiting = start(client, "kinds/a");
    release(first);
    release(second);
    writer = take(waiting);
    CHECK_STATUS(try_with(client, "kinds/a", &shared), TENURE_HELD);
    release(writer);
}

static void a_semaphore_has_as_many_permits_as_its_limit(tenure_client *client) {
    tenure_acquire_options one = TENURE_ACQUIRE_OPTIONS_INIT;
    tenure_acquire_options two;
    tenure_lease *leases[2];
    one.limit = 2;
    two = one;
    two.permits = 2;
    leases[0] = acquire_with(client, "kinds/b", &one);
    leases[1] = acquire_with(client, "kinds/b", &one);
    CHECK_STATUS(try_with(client, "kinds/b", &one), TENURE_HELD);
    release(leases[0]);
    CHECK_STATUS(try_with(client, "kinds/b", &two), TENURE_HELD);
    CHECK_STATUS(try_with(client, "kinds/b", NULL), TENURE_INVALID);
    release(leases[1]);
    release(acquire_with(client, "kinds/b", &two));
}

struct both {
    tenure_client *client;
    const char *names[2];
};

static void *take_both_again_and_again(void *argument) {
    struct both *both = argument;
    for (int turn = 0; turn < 10; turn++) {
        tenure_lease *lease = NULL;
        CHECK_STATUS(tenure_acquire_all(both->client, both->names, 2, TENURE_FOREVER, NULL, &lease), TENURE_OK);
        CHECK(strcmp(tenure_lease_name(lease), both->names[0]) == 0);
        CHECK_STATUS(tenure_validate(both->client, both->names[0], tenure_lease_token(lease)), TENURE_OK);
        CHECK_STATUS(tenure_validate(both->client, both->names[1], tenure_lease_token(lease)), TENURE_OK);
        release(lease);
    }
    return NULL;
}

static void two_locks_in_one_step_know_no_order(tenure_client *client, tenure_client *other) {
    struct both forth = {client, {"kinds/c", "kinds/d"}};
    struct both back = {other, {"kinds/d", "kinds/c"}};
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, take_both_again_and_again, &back) == 0);
    take_both_again_and_again(&forth);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void several_locks_are_all_or_nothing(tenure_client *client) {
    const char *names[] = {"kinds/e", "kinds/f"};
    const char *twice[] = {"kinds/e", "kinds/e"};
    const char *none[] = {"kinds/e", NULL};
    tenure_lease *held = acquire(client, "kinds/f");
    tenure_lease *lease = NULL;
    tenure_pending *pending = NULL;
    CHECK_STATUS(tenure_acquire_all(client, names, 2, 0, NULL, &lease), TENURE_HELD);
    CHECK_STATUS(try_with(client, "kinds/e", NULL), TENURE_OK);
    CHECK_STATUS(tenure_acquire_all_start(client, names, 2, TENURE_FOREVER, NULL, &pending), TENURE_OK);
    release(held);
    release(take(pending));
    CHECK_STATUS(tenure_acquire_all(client, names, 0, 0, NULL, &lease), TENURE_INVALID);
    CHECK_STATUS(tenure_acquire_all(client, NULL, 1, 0, NULL, &lease), TENURE_INVALID);
    CHECK_STATUS(tenure_acquire_all(client, names, SIZE_MAX, 0, NULL, &lease), TENURE_INVALID);
    CHECK_STATUS(tenure_acquire_all(client, twice, 2, 0, NULL, &lease), TENURE_INVALID);
    CHECK_STATUS(tenure_acquire_all_start(client, none, 2, 0, NULL, &pending), TENURE_INVALID);
    CHECK(lease == NULL && pending == NULL);
}

static void the_same_owner_enters_again_and_another_does_not(tenure_client *client, tenure_client *other) {
    tenure_acquire_options mine = owned(7);
    tenure_acquire_options others = owned(8);
    tenure_lease *first = acquire_with(client, "kinds/g", &mine);
    tenure_lease *again = acquire_with(client, "kinds/g", &mine);
    CHECK(tenure_lease_token(again) == tenure_lease_token(first));
    CHECK_STATUS(try_with(client, "kinds/g", &others), TENURE_HELD);
    CHECK_STATUS(try_with(client, "kinds/g", NULL), TENURE_HELD);
    CHECK_STATUS(try_with(other, "kinds/g", &mine), TENURE_HELD);
    release(first);
    CHECK(tenure_lease_remaining_ns(again) > 0);
    CHECK_STATUS(try_with(other, "kinds/g", NULL), TENURE_HELD);
    release(again);
    CHECK_STATUS(try_with(other, "kinds/g", NULL), TENURE_OK);
}

static int inside;

static void *enter_again_and_again(void *client) {
    for (int turn = 0; turn < 10; turn++) {
        tenure_lease *lease = acquire(client, "kinds/h");
        CHECK(__atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST) == 1);
        __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
        release(lease);
    }
    return NULL;
}

static void threads_that_share_a_client_never_both_enter(tenure_client *client) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, enter_again_and_again, client) == 0);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

static void a_circle_of_waits_is_refused_with_its_text(tenure_client *client) {
    tenure_acquire_options one = owned(1);
    tenure_acquire_options two = owned(2);
    tenure_lease *a = acquire_with(client, "circle/a", &one);
    tenure_lease *b = acquire_with(client, "circle/b", &two);
    tenure_pending *waiting = NULL;
    tenure_lease *lease = NULL;
    /* Requests of one client are taken in their order. */
    CHECK_STATUS(tenure_acquire_start(client, "circle/b", TENURE_FOREVER, &one, &waiting), TENURE_OK);
    CHECK_STATUS(tenure_acquire(client, "circle/a", TENURE_FOREVER, &two, &lease), TENURE_DEADLOCK);
    CHECK(lease == NULL);
    CHECK(strstr(tenure_last_error(), "circle/a") != NULL);
    CHECK(strstr(tenure_last_error(), "circle/b") != NULL);
    release(b);
    release(take(waiting));
    release(a);
}

/* ---- elections ---- */

static void check_next(tenure_observer *observer, const char *client, const char *value) {
    tenure_holder *holder = NULL;
    size_t len = 0;
    const void *told;
    CHECK_STATUS(tenure_observer_next(observer, TENURE_FOREVER, &holder), TENURE_OK);
    CHECK(tenure_holder_missed(holder) == 0);
    CHECK(strcmp(tenure_holder_client(holder), client) == 0);
    CHECK((tenure_holder_token(holder) != 0) == (client[0] != 0));
    told = tenure_holder_value(holder, &len);
    CHECK(len == strlen(value) && memcmp(told, value, len) == 0);
    tenure_holder_free(holder);
}

static void an_election_is_followed_from_the_present_on(tenure_client *client, tenure_client *other) {
    tenure_observer *observer = NULL;
    tenure_holder *holder = NULL;
    tenure_pending *pending = NULL;
    tenure_lease *lease = NULL;
    tenure_lease *successor;
    CHECK_STATUS(tenure_observe(client, "elect/a", &observer), TENURE_OK);
    check_next(observer, "", "");
    CHECK(readable(tenure_observer_fd(observer), 0) == 0);
    CHECK_STATUS(tenure_observer_next(observer, 0, &holder), TENURE_AGAIN);
    CHECK(holder == NULL);

    CHECK_STATUS(tenure_campaign(client, "elect/a", TENURE_FOREVER, "one", 3, &lease), TENURE_OK);
    CHECK(readable(tenure_observer_fd(observer), -1) == 1);
    check_next(observer, "first", "one");
    CHECK_STATUS(tenure_proclaim(lease, "two", 3), TENURE_OK);
    check_next(observer, "first", "two");
    CHECK_STATUS(tenure_holder_of(other, "elect/a", &holder), TENURE_OK);
    CHECK(tenure_holder_token(holder) == tenure_lease_token(lease));
    tenure_holder_free(holder);

    release(lease);
    check_next(observer, "", "");
    CHECK_STATUS(tenure_campaign_start(other, "elect/a", TENURE_FOREVER, NULL, 0, &pending), TENURE_OK);
    successor = take(pending);
    check_next(observer, "second", "");
    CHECK_STATUS(tenure_release(successor, TENURE_FOREVER), TENURE_OK);
    CHECK_STATUS(tenure_proclaim(successor, "", 0), TENURE_LOST);
    tenure_lease_free(successor);
    check_next(observer, "", "");

    CHECK_STATUS(tenure_campaign(client, "elect/a", -2, NULL, 0, &lease), TENURE_INVALID);
    CHECK_STATUS(tenure_campaign(client, "elect/a", 0, NULL, 1, &lease), TENURE_INVALID);
    CHECK_STATUS(tenure_observe(client, "", &observer), TENURE_INVALID);
    CHECK(observer == NULL && lease == NULL);
}

static void an_observer_is_told_that_its_client_is_closed(const char *endpoints) {
    tenure_client *client = open_client(endpoints, "short");
    tenure_observer *observer = NULL;
    tenure_holder *holder = NULL;
    CHECK_STATUS(tenure_observe(client, "elect/b", &observer), TENURE_OK);
    check_next(observer, "", "");
    tenure_client_free(client);
    CHECK(readable(tenure_observer_fd(observer), -1) == 1);
    CHECK_STATUS(tenure_observer_next(observer, TENURE_FOREVER, &holder), TENURE_CLOSED);
    tenure_observer_free(observer);
    tenure_observer_free(observer);
    CHECK_STATUS(tenure_observer_next(observer, 0, &holder), TENURE_INVALID);
    CHECK(holder == NULL);
}

/* ---- handover and break ---- */

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
    handed = take(named);
    CHECK(tenure_lease_token(handed) > tenure_lease_token(lease));
    CHECK_STATUS(tenure_transfer(handed, NULL), TENURE_OK);
    release(take(next));
    tenure_lease_free(handed);
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
    release(take(waiting));
}

static void a_holder_that_ignores_it_is_broken_after_its_grace(tenure_client *client, tenure_client *other) {
    tenure_lease *lease = acquire(client, "break/b");
    tenure_pending *waiting = start(other, "break/b");
    CHECK_STATUS(tenure_break(other, "break/b", tenure_lease_token(lease), 50, NULL), TENURE_OK);
    release(take(waiting));
    CHECK(tenure_lease_remaining_ns(lease) == 0);
    CHECK(readable(tenure_lease_fd(lease), -1) == 1);
    check_state(lease, TENURE_LEASE_STATE_ENDED, TENURE_REASON_BROKEN);
    CHECK_STATUS(tenure_release(lease, 0), TENURE_LOST);
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

/* ---- sessions ---- */

static void a_program_that_does_not_move_loses_its_locks(const char *endpoints) {
    tenure_client_options options = TENURE_CLIENT_OPTIONS_INIT;
    tenure_client *client = NULL;
    tenure_lease *lease;
    options.ttl_ms = 600;
    options.progress_ms = 100;
    options.connect_timeout_ms = 60000;
    CHECK_STATUS(tenure_client_open(endpoints, &options, &client), TENURE_OK);
    CHECK_STATUS(tenure_client_progress(client), TENURE_OK);
    lease = acquire(client, "session/a");
    CHECK(readable(tenure_lease_fd(lease), -1) == 1);
    check_state(lease, TENURE_LEASE_STATE_ENDED, TENURE_REASON_STALLED);
    tenure_lease_free(lease);
    CHECK_STATUS(tenure_client_close(client, 0), TENURE_OK);
    CHECK_STATUS(tenure_client_progress(client), TENURE_CLOSED);
    tenure_client_free(client);
}

static void changes_of_a_session_are_told_in_order(const char *endpoints) {
    tenure_client_options options = TENURE_CLIENT_OPTIONS_INIT;
    tenure_session_info info = TENURE_SESSION_INFO_INIT;
    tenure_client *client = NULL;
    uint64_t id;
    options.flags = TENURE_OPEN_BACKGROUND;
    CHECK_STATUS(tenure_client_open(endpoints, &options, &client), TENURE_OK);
    CHECK(readable(tenure_client_fd(client), -1) == 1);
    CHECK_STATUS(tenure_client_next(client, TENURE_FOREVER, &info), TENURE_OK);
    CHECK(info.struct_size == sizeof info && info.state == TENURE_SESSION_STATE_VALID);
    CHECK(info.id != 0 && info.remaining_ns > 0 && info.ttl_ms == 10000);
    id = info.id;
    CHECK_STATUS(tenure_client_next(client, 0, &info), TENURE_AGAIN);
    CHECK_STATUS(tenure_client_next(client, -2, &info), TENURE_INVALID);
    CHECK_STATUS(tenure_client_next(client, 0, NULL), TENURE_INVALID);
    CHECK(readable(tenure_client_fd(client), 0) == 0);
    CHECK_STATUS(tenure_client_close(client, TENURE_FOREVER), TENURE_OK);
    CHECK_STATUS(tenure_client_next(client, TENURE_FOREVER, &info), TENURE_OK);
    CHECK(info.state == TENURE_SESSION_STATE_ENDED && info.id == id && info.remaining_ns == 0);
    CHECK_STATUS(tenure_client_next(client, TENURE_FOREVER, &info), TENURE_CLOSED);
    CHECK(readable(tenure_client_fd(client), 0) == 1);
    tenure_client_free(client);
}

static void a_session_without_servers_ends(const char *endpoints, struct cluster *cluster) {
    tenure_client_options options = TENURE_CLIENT_OPTIONS_INIT;
    tenure_session_info info = TENURE_SESSION_INFO_INIT;
    tenure_client *client = NULL;
    tenure_lease *lease;
    options.ttl_ms = 2000;
    options.connect_timeout_ms = 60000;
    CHECK_STATUS(tenure_client_open(endpoints, &options, &client), TENURE_OK);
    lease = acquire(client, "session/b");
    cluster_stop(cluster);
    do {
        CHECK_STATUS(tenure_client_next(client, TENURE_FOREVER, &info), TENURE_OK);
        CHECK(info.id != 0);
    } while (info.state != TENURE_SESSION_STATE_ENDED);
    CHECK(tenure_lease_remaining_ns(lease) == 0);
    CHECK(readable(tenure_lease_fd(lease), 0) == 1);
    check_state(lease, TENURE_LEASE_STATE_ENDED, TENURE_REASON_EXPIRED);
    tenure_lease_free(lease);
    tenure_client_free(client);
}

/* ---- lock delay: a holder in another process, which is killed ---- */

struct doomed {
    pid_t process;
    int orders;
    int reports;
};

static void hold_until_killed(int orders, int reports) {
    tenure_client_options options = TENURE_CLIENT_OPTIONS_INIT;
    tenure_acquire_options delayed = TENURE_ACQUIRE_OPTIONS_INIT;
    tenure_client *client = NULL;
    char endpoints[128];
    CHECK(read(orders, endpoints, sizeof endpoints) == sizeof endpoints);
    options.ttl_ms = 500;
    options.connect_timeout_ms = 60000;
    CHECK_STATUS(tenure_client_open(endpoints, &options, &client), TENURE_OK);
    delayed.lock_delay_ms = 3600000;
    acquire_with(client, "delay/long", &delayed);
    delayed.lock_delay_ms = 1;
    acquire_with(client, "delay/short", &delayed);
    CHECK(write(reports, "!", 1) == 1);
    /* Not longer than the test itself. */
    while (read(orders, endpoints, sizeof endpoints) > 0)
        ;
    _exit(1);
}

/* Forked while this process has no threads and no handles. */
static struct doomed fork_a_holder(void) {
    struct doomed doomed;
    int orders[2];
    int reports[2];
    CHECK(pipe(orders) == 0 && pipe(reports) == 0);
    doomed.process = fork();
    CHECK(doomed.process >= 0);
    if (doomed.process == 0) {
        close(orders[1]);
        hold_until_killed(orders[0], reports[1]);
    }
    doomed.orders = orders[1];
    doomed.reports = reports[0];
    return doomed;
}

static void a_lock_stays_taken_after_an_expiry_for_its_delay(tenure_client *client, const char endpoints[128],
                                                             struct doomed doomed) {
    tenure_holder *holder = NULL;
    char report;
    CHECK(write(doomed.orders, endpoints, 128) == 128);
    CHECK(read(doomed.reports, &report, 1) == 1);
    CHECK_STATUS(tenure_holder_of(client, "delay/long", &holder), TENURE_OK);
    tenure_holder_free(holder);
    CHECK(kill(doomed.process, SIGKILL) == 0);
    CHECK(waitpid(doomed.process, NULL, 0) == doomed.process);
    /* One expiry ends both; the short delay is over at some time, the long one is not. */
    release(acquire(client, "delay/short"));
    CHECK_STATUS(tenure_holder_of(client, "delay/long", &holder), TENURE_NOT_FOUND);
    CHECK_STATUS(try_with(client, "delay/long", NULL), TENURE_HELD);
}

int main(int argc, char **argv) {
    struct doomed doomed = fork_a_holder();
    struct cluster cluster;
    tenure_client *client;
    tenure_client *other;
    CHECK(argc == 2);
    cluster_start(&cluster, argv[1]);
    client = open_client(cluster.endpoints, "first");
    other = open_client(cluster.endpoints, "second");
    readers_share_and_a_writer_comes_after_them(client);
    a_semaphore_has_as_many_permits_as_its_limit(client);
    two_locks_in_one_step_know_no_order(client, other);
    several_locks_are_all_or_nothing(client);
    the_same_owner_enters_again_and_another_does_not(client, other);
    threads_that_share_a_client_never_both_enter(client);
    a_circle_of_waits_is_refused_with_its_text(client);
    an_election_is_followed_from_the_present_on(client, other);
    an_observer_is_told_that_its_client_is_closed(cluster.endpoints);
    a_lock_is_handed_to_a_waiter_by_name(client, other);
    a_holder_that_is_asked_finishes_and_releases(client, other);
    a_holder_that_ignores_it_is_broken_after_its_grace(client, other);
    a_lock_that_is_broken_now_is_free_now(client, other);
    what_is_not_held_so_is_not_broken(client);
    a_program_that_does_not_move_loses_its_locks(cluster.endpoints);
    changes_of_a_session_are_told_in_order(cluster.endpoints);
    a_lock_stays_taken_after_an_expiry_for_its_delay(client, cluster.endpoints, doomed);
    tenure_client_free(other);
    tenure_client_free(client);
    a_session_without_servers_ends(cluster.endpoints, &cluster);
    puts("service: good");
    return 0;
}
