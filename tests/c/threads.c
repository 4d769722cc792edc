/*
 * Threads that share one client through the C interface, against three nodes in this process: made to be run under the
 * thread sanitizer. Argument: an empty directory.
 *
 * What a thread tells another goes through atomics, semaphores, creation and join only, never through the library
 * alone: a library that is not built with the sanitizer is none that it sees synchronise.
 */
#define _POSIX_C_SOURCE 200809L
#include "client.h"
#include "cluster.h"
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

enum { WORKERS = 3, ROUNDS = 12, ASKERS = 4, ASKED = 2000 };

static atomic_int lines;

static void count_line(void *user, int32_t level, const char *line) {
    CHECK(level >= TENURE_LOG_ERROR && line != NULL);
    atomic_fetch_add((atomic_int *)user, 1);
}

static pthread_t spawn(void *(*body)(void *), void *argument) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, argument) == 0);
    return thread;
}

static void join(pthread_t thread) { CHECK(pthread_join(thread, NULL) == 0); }

/* ---- locks */

static atomic_int inside;

static void *take_turns(void *argument) {
    for (int round = 0; round < ROUNDS; round++) {
        tenure_lease *lease = acquire(argument, "threads/turns");
        CHECK(tenure_lease_remaining_ns(lease) > 0 && tenure_lease_token(lease) > 0);
        CHECK(atomic_fetch_add(&inside, 1) == 0);
        CHECK(atomic_fetch_sub(&inside, 1) == 1);
        release(lease);
    }
    return NULL;
}

static void threads_that_share_a_client_exclude_each_other(tenure_client *client) {
    pthread_t workers[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        workers[i] = spawn(take_turns, client);
    for (int i = 0; i < WORKERS; i++)
        join(workers[i]);
}

/* ---- one lease */

struct asked {
    tenure_lease *lease;
    sem_t begun;
};

/* Asks until it has ended: it is released, or freed, while this asks. */
static void *ask(void *argument) {
    struct asked *asked = argument;
    int count = 0;
    while (tenure_lease_remaining_ns(asked->lease) > 0) {
        CHECK(tenure_lease_fd(asked->lease) != 0);
        if (++count == ASKED)
            CHECK(sem_post(&asked->begun) == 0);
    }
    CHECK(count >= ASKED && tenure_lease_remaining_ns(asked->lease) == 0);
    return NULL;
}

static void *poll_for_the_loss(void *argument) {
    struct asked *asked = argument;
    int fd = tenure_lease_fd(asked->lease);
    CHECK(sem_post(&asked->begun) == 0);
    CHECK(readable(fd, -1) == 1);
    CHECK(tenure_lease_remaining_ns(asked->lease) == 0);
    check_state(asked->lease, TENURE_LEASE_STATE_ENDED, TENURE_REASON_RELEASED);
    return NULL;
}

static void wait_for(sem_t *begun, int threads) {
    for (int i = 0; i < threads; i++)
        while (sem_wait(begun) != 0)
            ;
}

static void a_lease_ends_while_many_threads_ask_it(tenure_client *client) {
    struct asked asked;
    pthread_t threads[ASKERS + 1];
    CHECK(sem_init(&asked.begun, 0, 0) == 0);
    asked.lease = acquire(client, "threads/asked");
    for (int i = 0; i < ASKERS; i++)
        threads[i] = spawn(ask, &asked);
    threads[ASKERS] = spawn(poll_for_the_loss, &asked);
    wait_for(&asked.begun, ASKERS + 1);
    CHECK_STATUS(tenure_release(asked.lease, TENURE_FOREVER), TENURE_OK);
    for (int i = 0; i <= ASKERS; i++)
        join(threads[i]);
    tenure_lease_free(asked.lease);
    CHECK(sem_destroy(&asked.begun) == 0);
}

/* A misuse that is answered: who asks a handle that is freed meanwhile is told that nothing is held. */
static void a_lease_is_freed_while_many_threads_ask_it(tenure_client *client) {
    struct asked asked;
    pthread_t threads[ASKERS];
    CHECK(sem_init(&asked.begun, 0, 0) == 0);
    asked.lease = acquire(client, "threads/freed");
    for (int i = 0; i < ASKERS; i++)
        threads[i] = spawn(ask, &asked);
    wait_for(&asked.begun, ASKERS);
    tenure_lease_free(asked.lease);
    for (int i = 0; i < ASKERS; i++)
        join(threads[i]);
    tenure_lease_free(asked.lease);
    CHECK(sem_destroy(&asked.begun) == 0);
}

/* ---- ends from other threads */

static void *take_cancelled(void *argument) {
    tenure_lease *lease = NULL;
    CHECK_STATUS(tenure_pending_take(argument, TENURE_FOREVER, &lease), TENURE_CANCELLED);
    CHECK(lease == NULL && *tenure_last_error() != '\0');
    return NULL;
}

static void *cancel(void *argument) {
    tenure_pending_cancel(argument);
    return NULL;
}

static void any_thread_cancels_what_another_waits_for(tenure_client *client) {
    tenure_lease *holder = acquire(client, "threads/held");
    for (int round = 0; round < ROUNDS; round++) {
        tenure_pending *pending = start(client, "threads/held");
        pthread_t taker = spawn(take_cancelled, pending);
        pthread_t one = spawn(cancel, pending);
        pthread_t other = spawn(cancel, pending);
        join(one);
        join(other);
        join(taker);
        tenure_pending_free(pending);
    }
    release(holder);
}

struct closed {
    tenure_client *client;
    tenure_pending *pending;
    tenure_observer *observer;
};

static void *acquire_until_closed(void *argument) {
    struct closed *closed = argument;
    tenure_lease *lease = NULL;
    CHECK_STATUS(tenure_acquire(closed->client, "threads/kept", TENURE_FOREVER, NULL, &lease), TENURE_CLOSED);
    return NULL;
}

static void *take_until_closed(void *argument) {
    struct closed *closed = argument;
    tenure_lease *lease = NULL;
    CHECK_STATUS(tenure_pending_take(closed->pending, TENURE_FOREVER, &lease), TENURE_CLOSED);
    return NULL;
}

static void *hear_until_closed(void *argument) {
    struct closed *closed = argument;
    tenure_session_info info = TENURE_SESSION_INFO_INIT;
    tenure_status status;
    do
        status = tenure_client_next(closed->client, TENURE_FOREVER, &info);
    while (status == TENURE_OK);
    CHECK(status == TENURE_CLOSED);
    return NULL;
}

static void *observe_until_closed(void *argument) {
    struct closed *closed = argument;
    tenure_holder *holder = NULL;
    tenure_status status;
    do {
        status = tenure_observer_next(closed->observer, TENURE_FOREVER, &holder);
        tenure_holder_free(holder);
    } while (status == TENURE_OK);
    CHECK(status == TENURE_CLOSED);
    return NULL;
}

static void a_close_ends_what_all_other_threads_wait_for(const char *endpoints) {
    struct closed closed;
    pthread_t threads[4];
    tenure_lease *kept;
    closed.client = open_client(endpoints, "closed");
    kept = acquire(closed.client, "threads/kept");
    closed.pending = start(closed.client, "threads/kept");
    CHECK_STATUS(tenure_observe(closed.client, "threads/kept", &closed.observer), TENURE_OK);
    threads[0] = spawn(acquire_until_closed, &closed);
    threads[1] = spawn(take_until_closed, &closed);
    threads[2] = spawn(hear_until_closed, &closed);
    threads[3] = spawn(observe_until_closed, &closed);
    CHECK_STATUS(tenure_client_close(closed.client, TENURE_FOREVER), TENURE_OK);
    CHECK(tenure_lease_remaining_ns(kept) == 0);
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    tenure_pending_free(closed.pending);
    tenure_observer_free(closed.observer);
    tenure_client_free(closed.client);
    tenure_lease_free(kept);
}

int main(int argc, char **argv) {
    struct cluster cluster;
    tenure_client *client;
    CHECK(argc == 2);
    CHECK_STATUS(tenure_log_to(count_line, &lines, TENURE_LOG_DEBUG), TENURE_OK);
    cluster_start(&cluster, argv[1]);
    client = open_client(cluster.endpoints, "threads");
    threads_that_share_a_client_exclude_each_other(client);
    a_lease_ends_while_many_threads_ask_it(client);
    a_lease_is_freed_while_many_threads_ask_it(client);
    any_thread_cancels_what_another_waits_for(client);
    a_close_ends_what_all_other_threads_wait_for(cluster.endpoints);
    tenure_client_free(client);
    cluster_stop(&cluster);
    CHECK(atomic_load(&lines) > 0);
    CHECK_STATUS(tenure_log_to(NULL, NULL, TENURE_LOG_WARN), TENURE_OK);
    puts("threads: good");
    return 0;
}
