/*
 * A node that joins the three of this process, and starts again without them. Arguments: an empty directory, and the
 * tenure program, which adds the node.
 */
#define _POSIX_C_SOURCE 200809L
#include "client.h"
#include "cluster.h"

/* Nothing listens there. */
#define NOBODY "127.0.0.1:1"

struct place {
    char data_dir[1024];
    char address[32];
};

static tenure_status start_node(const struct place *place, const char *listen, const char *join,
                                tenure_node **node) {
    tenure_node_options options = TENURE_NODE_OPTIONS_INIT;
    options.id = 4;
    options.data_dir = place->data_dir;
    options.listen = listen;
    options.join = join;
    return tenure_node_start(&options, node);
}

static void stop_node(tenure_node *node) {
    CHECK_STATUS(tenure_node_stop(node, TENURE_FOREVER), TENURE_OK);
    tenure_node_free(node);
}

static void add_member(const char *program, const struct cluster *cluster, const struct place *place) {
    char command[2048];
    snprintf(command, sizeof command, "'%s' member add 4 %s --endpoints %s --timeout 60s >/dev/null", program,
             place->address, cluster->endpoints);
    CHECK(system(command) == 0);
}

/* Hears a leader, which a node does that is sent the log; and never leads, having no vote. */
static void check_follows(tenure_node *node) {
    tenure_leadership now = TENURE_LEADERSHIP_INIT;
    do
        CHECK_STATUS(tenure_node_next(node, TENURE_FOREVER, &now), TENURE_OK);
    while (now.leader_id == 0);
    CHECK(now.leader_id <= 3);
    CHECK(!now.is_leader);
}

static void check_is_learner(tenure_client *client, const struct place *place) {
    char json[4096];
    /* Until the log that it is sent has told it so itself. */
    do {
        size_t len = sizeof json;
        CHECK_STATUS(tenure_describe(client, "cluster", NULL, json, &len), TENURE_OK);
        CHECK(strstr(json, place->address) != NULL);
    } while (strstr(json, "\"role\":\"learner\"") == NULL);
}

static void one_that_was_not_added_is_refused(const struct cluster *cluster, const struct place *place) {
    tenure_node *node;
    CHECK_STATUS(start_node(place, NULL, cluster->endpoints, &node), TENURE_INVALID);
    CHECK(node == NULL);
    CHECK(strstr(tenure_last_error(), "tenure member add 4") != NULL);
}

static void a_new_one_needs_somebody_who_answers(const struct place *place) {
    tenure_node *node;
    CHECK_STATUS(start_node(place, place->address, NOBODY, &node), TENURE_UNAVAILABLE);
    CHECK(node == NULL);
    CHECK(strstr(tenure_last_error(), NOBODY) != NULL);
}

static void one_that_was_added_follows_as_a_learner(const struct cluster *cluster, const struct place *place) {
    tenure_node *node;
    tenure_client *client;
    CHECK_STATUS(start_node(place, NULL, cluster->endpoints, &node), TENURE_OK);
    check_follows(node);
    client = open_client(cluster->endpoints, "first");
    check_is_learner(client, place);
    tenure_client_free(client);
    stop_node(node);
}

static void one_that_has_joined_needs_nobody_to_start_again(const struct place *place) {
    tenure_node *node;
    tenure_client_options options = TENURE_CLIENT_OPTIONS_INIT;
    tenure_client *client = NULL;
    CHECK_STATUS(start_node(place, NULL, NOBODY, &node), TENURE_UNAVAILABLE);
    CHECK(strstr(tenure_last_error(), "listen") != NULL);
    CHECK_STATUS(start_node(place, place->address, NOBODY, &node), TENURE_OK);
    check_follows(node);
    options.connect_timeout_ms = 60000;
    CHECK_STATUS(tenure_node_client(node, &options, &client), TENURE_OK);
    release(acquire(client, "join/a"));
    tenure_client_free(client);
    stop_node(node);
}

int main(int argc, char **argv) {
    struct cluster cluster;
    struct place place;
    tenure_leadership leadership = TENURE_LEADERSHIP_INIT;
    int ports[3];
    CHECK(argc == 3);
    cluster_start(&cluster, argv[1]);
    cluster_leader(&cluster, -1, &leadership);
    cluster_choose_ports(ports);
    snprintf(place.data_dir, sizeof place.data_dir, "%s/node4", argv[1]);
    snprintf(place.address, sizeof place.address, "127.0.0.1:%d", ports[0]);
    one_that_was_not_added_is_refused(&cluster, &place);
    add_member(argv[2], &cluster, &place);
    a_new_one_needs_somebody_who_answers(&place);
    one_that_was_added_follows_as_a_learner(&cluster, &place);
    one_that_has_joined_needs_nobody_to_start_again(&place);
    cluster_stop(&cluster);
    puts("join: good");
    return 0;
}
