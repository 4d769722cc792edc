/*
 * A service that begins as one process and grows: each process carries a node of the cluster in itself, and comes in by
 * itself. No server, and no `tenure` program.
 *
 *   cc -o grow grow.c -ltenure
 *   ./grow 1 /tmp/grow1 127.0.0.1:7421
 *   ./grow 2 /tmp/grow2 127.0.0.1:7422 127.0.0.1:7421
 *   ./grow 3 /tmp/grow3 127.0.0.1:7423 127.0.0.1:7421,127.0.0.1:7422
 *
 * Start each in the same way again whenever it has ended: what is so already stays so. With three that vote any one may be
 * killed, and the others go on.
 */
#include <tenure.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed(const char *what, tenure_status status) {
    fprintf(stderr, "grow: %s: %s: %s\n", what, tenure_status_name(status), tenure_last_error());
    return 1;
}

/* Has the cluster at `endpoints` take in a node, without a vote. What nobody could reach is tried again. */
static tenure_status add(const char *endpoints, uint64_t id, const char *address) {
    tenure_client *client;
    tenure_status status = tenure_client_open(endpoints, NULL, &client);
    if (status != TENURE_OK)
        return status;
    do
        status = tenure_member_add(client, id, address);
    while (status == TENURE_UNAVAILABLE);
    tenure_client_free(client);
    return status;
}

/* Gives a node its vote: once it has caught up, for which each call waits as long as a request may take. */
static tenure_status promote(tenure_node *node, uint64_t id) {
    tenure_client *client;
    tenure_status status = tenure_node_client(node, NULL, &client);
    if (status != TENURE_OK)
        return status;
    do
        status = tenure_member_promote(client, id);
    while (status == TENURE_UNAVAILABLE || status == TENURE_UNKNOWN);
    tenure_client_free(client);
    return status;
}

int main(int argc, char **argv) {
    tenure_node_options options = TENURE_NODE_OPTIONS_INIT;
    tenure_leadership now = TENURE_LEADERSHIP_INIT;
    tenure_node *node;
    tenure_status status;
    uint64_t announced = 0;
    char alone[256];

    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: grow ID DATA_DIR HOST:PORT [HOST:PORT,... of those that run]\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    options.id = strtoull(argv[1], NULL, 10);
    options.data_dir = argv[2];
    options.listen = argv[3];
    options.join = argv[4];
    if (argc == 4) {
        /* It founds a cluster of its own; later its directory knows better. */
        snprintf(alone, sizeof alone, "%s=%s", argv[1], argv[3]);
        options.cluster = alone;
    }
    status = tenure_node_start(&options, &node);
    if (status == TENURE_INVALID && options.join != NULL) {
        /* Nobody has added it yet. */
        status = add(options.join, options.id, argv[3]);
        if (status != TENURE_OK)
            return failed("cannot be added", status);
        status = tenure_node_start(&options, &node);
    }
    if (status != TENURE_OK)
        return failed("cannot start", status);
    if (options.join != NULL && (status = promote(node, options.id)) != TENURE_OK)
        return failed("has no vote", status);
    printf("node %s votes\n", argv[1]);

    while ((status = tenure_node_next(node, TENURE_FOREVER, &now)) == TENURE_OK) {
        if (now.is_leader && now.token != announced)
            printf("node %s leads: token %" PRIu64 "\n", argv[1], announced = now.token);
    }
    failed("the node ended", status);
    tenure_node_free(node);
    return 1;
}
