/*
 * What operators order, through the C interface alone, against three nodes in this process: a fourth is added, promoted,
 * leads, and is removed; a lock is handed over; the state is saved, and a new cluster begins with it. Arguments: an empty
 * directory, and the address of the fourth.
 */
#define _POSIX_C_SOURCE 200809L
#include "client.h"
#include "cluster.h"
#include <pthread.h>
#include <sys/stat.h>

static void members(tenure_client *client, char *json, size_t size) {
    size_t len = size;
    CHECK_STATUS(tenure_describe(client, "members", NULL, json, &len), TENURE_OK);
}

static tenure_node *start_joining(const char *directory, const char *endpoints) {
    tenure_node_options options = TENURE_NODE_OPTIONS_INIT;
    tenure_node *node = NULL;
    char data_dir[1024];
    snprintf(data_dir, sizeof data_dir, "%s/node4", directory);
    options.id = 4;
    options.data_dir = data_dir;
    options.join = endpoints;
    options.ttl_max_ms = 60000;
    options.snapshot_every_bytes = 4096;
    CHECK_STATUS(tenure_node_start(&options, &node), TENURE_OK);
    return node;
}

/* The node of this handle leads, as it says itself. */
static void until_it_leads(tenure_node *node) {
    tenure_leadership leadership = TENURE_LEADERSHIP_INIT;
    do
        CHECK_STATUS(tenure_node_next(node, TENURE_FOREVER, &leadership), TENURE_OK);
    while (!leadership.is_leader);
}

/* An election may come between: then it is asked for again. */
static void move_leader(tenure_client *client, uint64_t to) {
    tenure_status status;
    do
        status = tenure_move_leader(client, to, TENURE_FOREVER);
    while (status == TENURE_UNAVAILABLE || status == TENURE_UNKNOWN);
    CHECK_STATUS(status, TENURE_OK);
}

static tenure_node *a_fourth_node_is_added_and_promoted(tenure_client *client, const char *directory,
                                                        const struct cluster *cluster, const char *address) {
    char json[4096], listed[64];
    tenure_node *node;
    CHECK_STATUS(tenure_member_promote(client, 4), TENURE_NOT_FOUND);
    CHECK_STATUS(tenure_member_add(client, 4, address), TENURE_OK);
    CHECK_STATUS(tenure_member_add(client, 4, address), TENURE_INVALID);
    CHECK(strstr(tenure_last_error(), "a member already") != NULL);
    members(client, json, sizeof json);
    snprintf(listed, sizeof listed, "\"address\":\"%s\"", address);
    CHECK(strstr(json, listed) != NULL && strstr(json, "\"seat\":\"learner\"") != NULL);
    node = start_joining(directory, cluster->endpoints);
    /* It waits until the node has joined and caught up. */
    CHECK_STATUS(tenure_member_promote(client, 4), TENURE_OK);
    members(client, json, sizeof json);
    CHECK(strstr(json, "\"seat\":\"learner\"") == NULL);
    /* What is so already is done. */
    CHECK_STATUS(tenure_member_promote(client, 4), TENURE_OK);
    return node;
}

static void one_that_is_not_started_is_not_promoted(const struct cluster *cluster) {
    tenure_client_options options = TENURE_CLIENT_OPTIONS_INIT;
    tenure_client *client = NULL;
    tenure_status status;
    options.connect_timeout_ms = 60000;
    /* So long it is waited for. */
    options.request_timeout_ms = 1000;
    CHECK_STATUS(tenure_client_open(cluster->endpoints, &options, &client), TENURE_OK);
    /* Added already: an answer was late. */
    do
        status = tenure_member_add(client, 5, "127.0.0.1:9");
    while (status == TENURE_UNAVAILABLE || status == TENURE_UNKNOWN);
    CHECK(status == TENURE_OK || status == TENURE_INVALID);
    /* On a machine that is slow the answer itself may be late. */
    do
        status = tenure_member_promote(client, 5);
    while (status == TENURE_UNKNOWN);
    CHECK_STATUS(status, TENURE_UNAVAILABLE);
    CHECK(tenure_last_error()[0] != 0);
    tenure_client_free(client);
}

static void leadership_moves_to_it_and_back_as_it_is_removed(tenure_client *client, tenure_node *node) {
    tenure_leadership leadership = TENURE_LEADERSHIP_INIT;
    char json[4096];
    tenure_status status;
    CHECK_STATUS(tenure_move_leader(client, 9, TENURE_FOREVER), TENURE_INVALID);
    move_leader(client, 4);
    until_it_leads(node);
    move_leader(client, 4);
    /* One that leads hands over before it goes. */
    CHECK_STATUS(tenure_member_remove(client, 4), TENURE_OK);
    CHECK_STATUS(tenure_member_remove(client, 4), TENURE_NOT_FOUND);
    members(client, json, sizeof json);
    CHECK(strstr(json, "\"id\":4,") == NULL);
    do
        status = tenure_node_next(node, TENURE_FOREVER, &leadership);
    while (status == TENURE_OK);
    CHECK_STATUS(status, TENURE_DENIED);
    CHECK_STATUS(tenure_member_add(client, 4, "127.0.0.1:1"), TENURE_INVALID);
    CHECK(strstr(tenure_last_error(), "never used again") != NULL);
    tenure_node_free(node);
}

static void a_vote_is_taken_and_given_back_and_an_address_is_changed(tenure_client *client) {
    char json[4096];
    CHECK_STATUS(tenure_member_demote(client, 3), TENURE_OK);
    CHECK_STATUS(tenure_member_demote(client, 3), TENURE_OK);
    members(client, json, sizeof json);
    CHECK(strstr(json, "\"seat\":\"learner\"") != NULL);
    CHECK_STATUS(tenure_member_promote(client, 3), TENURE_OK);
    CHECK_STATUS(tenure_member_add(client, 6, "127.0.0.1:1"), TENURE_OK);
    CHECK_STATUS(tenure_member_move(client, 6, "127.0.0.1:2"), TENURE_OK);
    CHECK_STATUS(tenure_member_move(client, 6, "127.0.0.1:2"), TENURE_OK);
    members(client, json, sizeof json);
    CHECK(strstr(json, "127.0.0.1:2") != NULL);
    CHECK_STATUS(tenure_member_remove(client, 6), TENURE_OK);
    CHECK_STATUS(tenure_member_remove(client, 5), TENURE_OK);
}

/* A holder that ends as soon as it is asked. */
static void *end_when_asked(void *argument) {
    tenure_lease *lease = argument;
    CHECK(readable(tenure_lease_fd(lease), -1) == 1);
    check_state(lease, TENURE_LEASE_STATE_ASKED, TENURE_REASON_NONE);
    release(lease);
    return NULL;
}

static void a_lock_is_handed_to_the_one_that_is_named(tenure_client *client, tenure_client *other, tenure_client *third) {
    tenure_lease *lease, *handed;
    tenure_pending *first, *named;
    pthread_t holder;
    uint64_t token;
    tenure_status status;
    CHECK_STATUS(tenure_handover(other, "operate/a", NULL, -1, NULL), TENURE_NOT_FOUND);
    CHECK(strstr(tenure_last_error(), "nobody holds") != NULL);
    lease = acquire(client, "operate/a");
    token = tenure_lease_token(lease);
    CHECK_STATUS(tenure_handover(other, "operate/a", "third", -1, NULL), TENURE_NOT_FOUND);
    CHECK(strstr(tenure_last_error(), "third") != NULL);
    check_state(lease, TENURE_LEASE_STATE_HELD, TENURE_REASON_NONE);
    first = start(other, "operate/a");
    named = start(third, "operate/a");
    CHECK(pthread_create(&holder, NULL, end_when_asked, lease) == 0);
    /* Until the server has it in its queue. */
    do
        status = tenure_handover(other, "operate/a", "third", 3600000, "maintenance");
    while (status == TENURE_NOT_FOUND);
    CHECK_STATUS(status, TENURE_OK);
    CHECK(pthread_join(holder, NULL) == 0);
    handed = taken(named);
    CHECK(tenure_lease_token(handed) > token);
    release(handed);
    release(taken(first));
}

static void what_was_saved_begins_a_new_cluster(struct cluster *cluster, tenure_client *client, const char *directory) {
    char path[1024], data_dir[1024];
    uint64_t token, wait_ms = 77;
    tenure_lease *lease = acquire(client, "operate/saved");
    tenure_restore_options options = TENURE_RESTORE_OPTIONS_INIT;
    struct stat file;
    token = tenure_lease_token(lease);
    snprintf(path, sizeof path, "%s/backup", directory);
    CHECK_STATUS(tenure_snapshot_save(client, path), TENURE_OK);
    CHECK(stat(path, &file) == 0 && (file.st_mode & 0777) == 0600);
    tenure_lease_free(lease);
    tenure_client_free(client);
    cluster_stop(cluster);

    options.data_dir = data_dir;
    options.cluster = cluster->members;
    options.flags = TENURE_RESTORE_WAIVE_WAIT;
    for (int i = 0; i < 3; i++) {
        tenure_node_options node_options = TENURE_NODE_OPTIONS_INIT;
        snprintf(data_dir, sizeof data_dir, "%s/restored%d", directory, i + 1);
        options.id = (uint64_t)i + 1;
        CHECK_STATUS(tenure_snapshot_restore(path, &options, &wait_ms), TENURE_OK);
        CHECK(wait_ms == 0);
        CHECK_STATUS(tenure_snapshot_restore(path, &options, NULL), TENURE_INVALID);
        CHECK(strstr(tenure_last_error(), "not empty") != NULL);
        node_options.id = options.id;
        node_options.data_dir = data_dir;
        node_options.cluster = cluster->members;
        CHECK_STATUS(tenure_node_start(&node_options, &cluster->nodes[i]), TENURE_OK);
    }
    client = open_client(cluster->endpoints, "after");
    /* Free, since sessions of before are gone; and under a larger token. */
    lease = acquire(client, "operate/saved");
    CHECK(tenure_lease_token(lease) > token);
    release(lease);
    tenure_client_free(client);

    snprintf(data_dir, sizeof data_dir, "%s/waits", directory);
    options.flags = 0;
    CHECK_STATUS(tenure_snapshot_restore(path, &options, &wait_ms), TENURE_OK);
    CHECK(wait_ms == 3600000);
    cluster_stop(cluster);
}

static void a_client_that_is_closed_orders_nothing(const struct cluster *cluster) {
    tenure_client *client = open_client(cluster->endpoints, "closed");
    CHECK_STATUS(tenure_client_close(client, TENURE_FOREVER), TENURE_OK);
    CHECK_STATUS(tenure_member_remove(client, 1), TENURE_CLOSED);
    CHECK_STATUS(tenure_move_leader(client, 0, 0), TENURE_CLOSED);
    CHECK_STATUS(tenure_handover(client, "operate/a", NULL, -1, NULL), TENURE_CLOSED);
    CHECK_STATUS(tenure_snapshot_save(client, "/nonexistent/file"), TENURE_CLOSED);
    tenure_client_free(client);
}

int main(int argc, char **argv) {
    struct cluster cluster;
    tenure_client *client, *other, *third;
    tenure_node *fourth;
    CHECK(argc == 3);
    cluster_start(&cluster, argv[1]);
    client = open_client(cluster.endpoints, "first");
    other = open_client(cluster.endpoints, "second");
    third = open_client(cluster.endpoints, "third");
    fourth = a_fourth_node_is_added_and_promoted(client, argv[1], &cluster, argv[2]);
    one_that_is_not_started_is_not_promoted(&cluster);
    leadership_moves_to_it_and_back_as_it_is_removed(client, fourth);
    a_vote_is_taken_and_given_back_and_an_address_is_changed(client);
    a_lock_is_handed_to_the_one_that_is_named(client, other, third);
    a_client_that_is_closed_orders_nothing(&cluster);
    tenure_client_free(third);
    tenure_client_free(other);
    what_was_saved_begins_a_new_cluster(&cluster, client, argv[1]);
    puts("operate: good");
    return 0;
}
