/*
 * What happens to a session through the C interface, against three nodes in this process. Argument: an empty
 * directory.
 */
#define _POSIX_C_SOURCE 200809L
#include "client.h"
#include "cluster.h"

static void a_program_that_does_not_move_loses_its_locks(const char *endpoints) {
    tenure_client_options options = TENURE_CLIENT_OPTIONS_INIT;
    tenure_client *client = NULL;
    tenure_lease *lease;
    options.ttl_ms = 3000;
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

int main(int argc, char **argv) {
    struct cluster cluster;
    CHECK(argc == 2);
    cluster_start(&cluster, argv[1]);
    a_program_that_does_not_move_loses_its_locks(cluster.endpoints);
    changes_of_a_session_are_told_in_order(cluster.endpoints);
    a_session_without_servers_ends(cluster.endpoints, &cluster);
    puts("sessions: good");
    return 0;
}
