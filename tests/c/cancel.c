/*
 * pthread_cancel of threads that are inside calls, against three nodes in this process: the calls end as they would, the
 * cancellation is acted on behind them, and whatever they used works on. Argument: an empty directory.
 */
#define _POSIX_C_SOURCE 200809L
#include "client.h"
#include "cluster.h"

#include <pthread.h>
#include <stdatomic.h>

struct victim {
    tenure_client *client;
    tenure_lease *lease;
    tenure_pending *pending;
    tenure_observer *observer;
    tenure_node *node;
    const char *endpoints;
    atomic_int cleaned, went_on;
};

static void clean(void *arg) {
    struct victim *victim = arg;
    tenure_lease_free(victim->lease);
    atomic_store(&victim->cleaned, 1);
}

/* What each thread does behind its call: the first cancellation point of its own. */
static void after(struct victim *victim) {
    pthread_testcancel();
    atomic_store(&victim->went_on, 1);
}

static void *waits_for_a_lock(void *arg) {
    struct victim *victim = arg;
    pthread_cleanup_push(clean, victim);
    CHECK_STATUS(tenure_acquire(victim->client, "cancel/a", TENURE_FOREVER, NULL, &victim->lease), TENURE_OK);
    after(victim);
    pthread_cleanup_pop(1);
    return NULL;
}

static void *waits_for_a_pending(void *arg) {
    struct victim *victim = arg;
    CHECK_STATUS(tenure_pending_take(victim->pending, TENURE_FOREVER, &victim->lease), TENURE_CANCELLED);
    after(victim);
    return NULL;
}

static void *waits_for_events(void *arg) {
    struct victim *victim = arg;
    tenure_session_info info = TENURE_SESSION_INFO_INIT;
    tenure_status status;
    do
        status = tenure_client_next(victim->client, TENURE_FOREVER, &info);
    while (status == TENURE_OK);
    CHECK(status == TENURE_CLOSED || status == TENURE_INVALID);
    after(victim);
    return NULL;
}

static void *waits_for_a_change(void *arg) {
    struct victim *victim = arg;
    tenure_holder *holder;
    while (tenure_observer_next(victim->observer, TENURE_FOREVER, &holder) == TENURE_OK)
        tenure_holder_free(holder);
    after(victim);
    return NULL;
}

static void *opens_and_closes(void *arg) {
    struct victim *victim = arg;
    tenure_client *client = open_client(victim->endpoints, "cancelled");
    CHECK_STATUS(tenure_client_close(client, TENURE_FOREVER), TENURE_OK);
    tenure_client_free(client);
    after(victim);
    return NULL;
}

static void *asks_and_releases(void *arg) {
    struct victim *victim = arg;
    tenure_holder *holder = NULL;
    tenure_lease *lease = acquire(victim->client, "cancel/b");
    CHECK_STATUS(tenure_holder_of(victim->client, "cancel/b", &holder), TENURE_OK);
    CHECK_STATUS(tenure_validate(victim->client, "cancel/b", tenure_lease_token(lease)), TENURE_OK);
    CHECK_STATUS(tenure_proclaim(lease, "x", 1), TENURE_OK);
    tenure_holder_free(holder);
    release(lease);
    after(victim);
    return NULL;
}

static void *waits_for_leadership(void *arg) {
    struct victim *victim = arg;
    tenure_leadership now = TENURE_LEADERSHIP_INIT;
    while (tenure_node_next(victim->node, TENURE_FOREVER, &now) == TENURE_OK)
        continue;
    after(victim);
    return NULL;
}

/* Cancels the thread that runs `body`, ends what it waits for by `end`, and sees that it was cancelled behind that. */
static void cancel(void *(*body)(void *), struct victim *victim, void (*end)(struct victim *)) {
    pthread_t thread;
    void *result = NULL;
    CHECK(pthread_create(&thread, NULL, body, victim) == 0);
    CHECK(pthread_cancel(thread) == 0);
    if (end != NULL)
        end(victim);
    CHECK(pthread_join(thread, &result) == 0);
    CHECK(result == PTHREAD_CANCELED && atomic_load(&victim->went_on) == 0);
}

static tenure_lease *holder;

static void release_holder(struct victim *victim) {
    tenure_pending *queued = start(victim->client, "cancel/a");
    tenure_lease *lease;
    release(holder);
    lease = taken(queued);
    release(lease);
}

static void cancel_pending(struct victim *victim) { tenure_pending_cancel(victim->pending); }
static void free_observer(struct victim *victim) { tenure_observer_free(victim->observer); }
static void close_client(struct victim *victim) {
    CHECK_STATUS(tenure_client_close(victim->client, TENURE_FOREVER), TENURE_OK);
}
static void stop_node(struct victim *victim) {
    CHECK_STATUS(tenure_node_stop(victim->node, TENURE_FOREVER), TENURE_OK);
}

int main(int argc, char **argv) {
    struct cluster cluster;
    tenure_client *client;
    CHECK(argc == 2);
    cluster_start(&cluster, argv[1]);
    client = open_client(cluster.endpoints, "cancel");
    struct victim lock = {.client = client}, pending = {.client = client}, change = {.client = client};
    struct victim opening = {.endpoints = cluster.endpoints}, asking = {.client = client};
    struct victim events = {.client = open_client(cluster.endpoints, "events")};
    struct victim node = {.node = cluster.nodes[2]};

    holder = acquire(client, "cancel/a");
    cancel(waits_for_a_lock, &lock, release_holder);
    CHECK(atomic_load(&lock.cleaned) == 1);

    holder = acquire(client, "cancel/a");
    pending.pending = start(client, "cancel/a");
    cancel(waits_for_a_pending, &pending, cancel_pending);
    tenure_pending_free(pending.pending);
    release(holder);

    CHECK_STATUS(tenure_observe(client, "cancel/a", &change.observer), TENURE_OK);
    cancel(waits_for_a_change, &change, free_observer);
    cancel(opens_and_closes, &opening, NULL);
    cancel(asks_and_releases, &asking, NULL);
    cancel(waits_for_events, &events, close_client);
    tenure_client_free(events.client);

    /* The client works on, and so does the node of which a call was cancelled. */
    release(acquire(client, "cancel/a"));
    tenure_client_free(client);
    cancel(waits_for_leadership, &node, stop_node);
    cluster_stop(&cluster);
    puts("cancel: good");
    return 0;
}
