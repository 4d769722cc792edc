/*
 * Every kind of lock through the C interface, against three nodes in this process. Argument: an empty
 * directory.
 */
#define _POSIX_C_SOURCE 200809L
#include "client.h"
#include "cluster.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

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
    writer = taken(waiting);
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
    release(taken(pending));
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
    release(taken(waiting));
    release(a);
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
    a_lock_stays_taken_after_an_expiry_for_its_delay(client, cluster.endpoints, doomed);
    tenure_client_free(other);
    tenure_client_free(client);
    cluster_stop(&cluster);
    puts("kinds: good");
    return 0;
}
