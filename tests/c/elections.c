/*
 * Elections and observers through the C interface, against three nodes in this process. Argument: an empty
 * directory.
 */
#define _POSIX_C_SOURCE 200809L
#include "client.h"
#include "cluster.h"

#include <pthread.h>

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
    successor = taken(pending);
    check_next(observer, "second", "");
    CHECK_STATUS(tenure_release(successor, TENURE_FOREVER), TENURE_OK);
    CHECK_STATUS(tenure_proclaim(successor, "", 0), TENURE_LOST);
    CHECK(tenure_last_reason() == TENURE_REASON_RELEASED);
    tenure_lease_free(successor);
    check_next(observer, "", "");

    CHECK_STATUS(tenure_campaign(client, "elect/a", -2, NULL, 0, &lease), TENURE_INVALID);
    CHECK_STATUS(tenure_campaign(client, "elect/a", 0, NULL, 1, &lease), TENURE_INVALID);
    CHECK_STATUS(tenure_observe(client, "", &observer), TENURE_INVALID);
    CHECK(observer == NULL && lease == NULL);
}

static void *read_until_closed(void *observer) {
    tenure_holder *holder = NULL;
    tenure_status status = tenure_observer_next(observer, TENURE_FOREVER, &holder);
    /* Freed before this thread came to call, or while it waited. */
    CHECK(status == TENURE_INVALID || status == TENURE_CLOSED);
    CHECK(holder == NULL);
    return NULL;
}

static void freeing_an_observer_wakes_its_reader(tenure_client *client) {
    tenure_observer *observer = NULL;
    pthread_t thread;
    CHECK_STATUS(tenure_observe(client, "elect/c", &observer), TENURE_OK);
    check_next(observer, "", "");
    CHECK(pthread_create(&thread, NULL, read_until_closed, observer) == 0);
    tenure_observer_free(observer);
    CHECK(pthread_join(thread, NULL) == 0);
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

/* Nobody has its lease: what it says is all that there is. */
static void a_campaign_that_was_lost_before_it_was_taken_says_why(const char *endpoints) {
    tenure_client *client = open_client(endpoints, "late");
    tenure_pending *pending = NULL;
    tenure_lease *lease = NULL;
    CHECK_STATUS(tenure_campaign_start(client, "elect/d", TENURE_FOREVER, NULL, 0, &pending), TENURE_OK);
    CHECK(readable(tenure_pending_fd(pending), -1) == 1);
    CHECK_STATUS(tenure_client_close(client, TENURE_FOREVER), TENURE_OK);
    CHECK_STATUS(tenure_pending_take(pending, TENURE_FOREVER, &lease), TENURE_LOST);
    CHECK(lease == NULL && tenure_last_reason() == TENURE_REASON_SESSION_CLOSED);
    CHECK(strstr(tenure_last_error(), "its client was closed") != NULL);
    CHECK_STATUS(tenure_pending_take(pending, TENURE_FOREVER, &lease), TENURE_INVALID);
    CHECK(tenure_last_reason() == TENURE_REASON_NONE);
    tenure_pending_free(pending);
    tenure_client_free(client);
}

int main(int argc, char **argv) {
    struct cluster cluster;
    tenure_client *client;
    tenure_client *other;
    CHECK(argc == 2);
    cluster_start(&cluster, argv[1]);
    client = open_client(cluster.endpoints, "first");
    other = open_client(cluster.endpoints, "second");
    an_election_is_followed_from_the_present_on(client, other);
    freeing_an_observer_wakes_its_reader(client);
    an_observer_is_told_that_its_client_is_closed(cluster.endpoints);
    a_campaign_that_was_lost_before_it_was_taken_says_why(cluster.endpoints);
    tenure_client_free(other);
    tenure_client_free(client);
    cluster_stop(&cluster);
    puts("elections: good");
    return 0;
}
