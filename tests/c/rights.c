/*
 * What rights deny through the C interface, on three processes that speak TLS: who lacks which right for which name, and what
 * those hear who wait or observe while their right is taken away. Arguments: a directory with certificates, the endpoints, the program.
 */
#define _POSIX_C_SOURCE 200809L
#include "client.h"
#include "rights.h"
#include <pthread.h>

static tenure_client *open_as(const char *directory, const char *endpoints, const char *name) {
    char ca[512], cert[512], key[512];
    tenure_client_options options = TENURE_CLIENT_OPTIONS_INIT;
    tenure_client *client = NULL;
    snprintf(ca, sizeof ca, "%s/ca.crt", directory);
    snprintf(cert, sizeof cert, "%s/%s.crt", directory, name);
    snprintf(key, sizeof key, "%s/%s.key", directory, name);
    options.ca = ca;
    options.cert = cert;
    options.key = key;
    options.name = name;
    options.connect_timeout_ms = 60000;
    options.request_timeout_ms = 60000;
    CHECK_STATUS(tenure_client_open(endpoints, &options, &client), TENURE_OK);
    return client;
}

/* The last call was denied: the sentence says to whom, which right, and for which name. */
static void lacks(tenure_status status, const char *right, const char *name) {
    char told[256];
    CHECK_STATUS(status, TENURE_DENIED);
    if (name != NULL)
        snprintf(told, sizeof told, "client/billing lacks the right %s for \"%s\": whoever has admin", right, name);
    else
        snprintf(told, sizeof told, "client/billing lacks the right %s for the cluster: whoever has admin", right);
    if (strstr(tenure_last_error(), told) == NULL) {
        fprintf(stderr, "\"%s\" is not in: %s\n", told, tenure_last_error());
        abort();
    }
}

static void each_call_says_what_is_missing(tenure_client *client) {
    const char *names[] = {"no/a", "no/b"};
    tenure_lease *lease = NULL;
    tenure_pending *pending = NULL;
    tenure_observer *observer = NULL;
    tenure_holder *holder = NULL;
    char text[4096];
    size_t len = sizeof text;
    lacks(tenure_acquire(client, "no/a", TENURE_FOREVER, NULL, &lease), "acquire", "no/a");
    CHECK(lease == NULL);
    lacks(tenure_acquire(client, "no/a", 0, NULL, &lease), "acquire", "no/a");
    lacks(tenure_acquire_all(client, names, 2, TENURE_FOREVER, NULL, &lease), "acquire", "no/a");
    lacks(tenure_campaign(client, "no/a", TENURE_FOREVER, NULL, 0, &lease), "acquire", "no/a");
    pending = start(client, "no/a");
    CHECK(readable(tenure_pending_fd(pending), -1) == 1);
    lacks(tenure_pending_take(pending, 0, &lease), "acquire", "no/a");
    tenure_pending_free(pending);
    lacks(tenure_holder_of(client, "no/a", &holder), "read", "no/a");
    CHECK_STATUS(tenure_observe(client, "no/a", &observer), TENURE_OK);
    CHECK(readable(tenure_observer_fd(observer), -1) == 1);
    lacks(tenure_observer_next(observer, 0, &holder), "read", "no/a");
    lacks(tenure_observer_next(observer, TENURE_FOREVER, &holder), "read", "no/a");
    tenure_observer_free(observer);
    lacks(tenure_validate(client, "no/a", 1), "read", "no/a");
    lacks(tenure_describe(client, "lock", "no/a", text, &len), "read", "no/a");
    lacks(tenure_break(client, "no/a", 0, 1000, NULL), "break", "no/a");
    lacks(tenure_break(client, "no/a", 0, 0, NULL), "break", "no/a");
    lacks(tenure_handover(client, "no/a", NULL, 1000, NULL), "read", "no/a");
    lacks(tenure_move_leader(client, 0, 0), "operate", NULL);
    lacks(tenure_member_remove(client, 3), "operate", NULL);
    lacks(tenure_snapshot_save(client, "/nonexistent/backup"), "operate", NULL);
}

static void *waits(void *client) {
    tenure_lease *lease = NULL;
    lacks(tenure_acquire(client, "jobs/a", TENURE_FOREVER, NULL, &lease), "acquire", "jobs/a");
    CHECK(lease == NULL);
    return NULL;
}

static void *observes(void *observer) {
    tenure_holder *holder = NULL;
    lacks(tenure_observer_next(observer, TENURE_FOREVER, &holder), "read", "jobs/a");
    CHECK(holder == NULL);
    return NULL;
}

static void who_waits_and_who_observes_is_told(tenure_client *client, tenure_client *other, char **arguments) {
    tenure_lease *lease;
    tenure_pending *pending;
    tenure_observer *observer = NULL;
    tenure_holder *holder = NULL;
    pthread_t threads[2];
    uint32_t waiting = 0;
    access_of(arguments, "allow 'client/*' acquire,read jobs/");
    lease = acquire(other, "jobs/a");
    CHECK_STATUS(tenure_observe(client, "jobs/a", &observer), TENURE_OK);
    CHECK_STATUS(tenure_observer_next(observer, TENURE_FOREVER, &holder), TENURE_OK);
    CHECK(strcmp(tenure_holder_client(holder), "client-other") == 0);
    tenure_holder_free(holder);
    pending = start(client, "jobs/a");
    CHECK(pthread_create(&threads[0], NULL, waits, client) == 0);
    CHECK(pthread_create(&threads[1], NULL, observes, observer) == 0);
    while (waiting != 2) {
        char text[8192];
        size_t len = sizeof text;
        CHECK_STATUS(tenure_describe(other, "lock", "jobs/a", text, &len), TENURE_OK);
        waiting = strstr(text, "\"waiting\":2") != NULL ? 2 : 0;
    }
    access_of(arguments, "deny 'client/*' acquire,read jobs/");
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    {
        tenure_lease *none = NULL;
        lacks(tenure_pending_take(pending, TENURE_FOREVER, &none), "acquire", "jobs/a");
        tenure_pending_free(pending);
    }
    /* What is held stays, and to give it back takes no right. */
    check_state(lease, TENURE_LEASE_STATE_HELD, TENURE_REASON_NONE);
    CHECK(tenure_lease_remaining_ns(lease) > 0);
    release(lease);
    tenure_observer_free(observer);
}

int main(int count, char **arguments) {
    tenure_client *client, *other;
    CHECK(count == 4);
    access_of(arguments, "on --admin operator/alice");
    client = open_as(arguments[1], arguments[2], "client-billing");
    other = open_as(arguments[1], arguments[2], "client-other");
    each_call_says_what_is_missing(client);
    who_waits_and_who_observes_is_told(client, other, arguments);
    CHECK_STATUS(tenure_client_close(client, TENURE_FOREVER), TENURE_OK);
    CHECK_STATUS(tenure_client_close(other, TENURE_FOREVER), TENURE_OK);
    tenure_client_free(client);
    tenure_client_free(other);
    printf("rights: good\n");
    return 0;
}
