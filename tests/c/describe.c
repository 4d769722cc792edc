/*
 * What there is, as JSON, through the C interface, against three nodes in this process. Argument: an empty
 * directory.
 */
#define _POSIX_C_SOURCE 200809L
#include "client.h"
#include "cluster.h"

/* To be freed. */
static char *description(tenure_client *client, const char *what, const char *name) {
    char *json = NULL;
    size_t len = 0;
    tenure_status status;
    while ((status = tenure_describe(client, what, name, json, &len)) == TENURE_TOO_SMALL) {
        CHECK(len > 1);
        json = realloc(json, len);
        CHECK(json != NULL);
    }
    CHECK(status == TENURE_OK && json != NULL && strlen(json) + 1 == len);
    return json;
}

static void check_description(tenure_client *client, const char *what, const char *name, const char *part) {
    char *json = description(client, what, name);
    CHECK(strstr(json, part) != NULL);
    free(json);
}

static void what_there_is_is_told_as_json(tenure_client *client) {
    tenure_session_info info = TENURE_SESSION_INFO_INIT;
    tenure_lease *lease = acquire(client, "show/a");
    char digits[32];
    char json[8];
    size_t len = sizeof json;
    check_description(client, "lock", "show/a", "\"show/a\"");
    check_description(client, "locks", "show/", "\"first\"");
    check_description(client, "locks", NULL, "\"show/a\"");
    check_description(client, "session", NULL, "\"first\"");
    CHECK_STATUS(tenure_client_session(client, &info), TENURE_OK);
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)info.id);
    check_description(client, "session", digits, "\"first\"");
    check_description(client, "cluster", NULL, "\"leader\"");
    memset(json, 'x', sizeof json);
    CHECK_STATUS(tenure_describe(client, "lock", "show/a", json, &len), TENURE_TOO_SMALL);
    CHECK(len > sizeof json && json[0] == 'x');
    len = 1;
    CHECK_STATUS(tenure_describe(client, "lock", "show/a", NULL, &len), TENURE_INVALID);
    CHECK_STATUS(tenure_describe(client, "lock", "show/a", json, NULL), TENURE_INVALID);
    len = sizeof json;
    CHECK_STATUS(tenure_describe(client, "weather", NULL, json, &len), TENURE_INVALID);
    CHECK_STATUS(tenure_describe(client, NULL, NULL, json, &len), TENURE_INVALID);
    CHECK(len == sizeof json);
    release(lease);
}

static void a_client_tells_what_it_has_counted(tenure_client *client) {
    check_description(client, "client", NULL, "\"state\":\"valid\"");
    check_description(client, "client", NULL, "\"leases_granted\":1");
    check_description(client, "client", NULL, "\"lease_ends\":{\"released\":1}");
}

static void a_node_tells_its_metrics(tenure_node *node) {
    char *text = NULL;
    char small[8];
    size_t len = 0;
    tenure_status status;
    while ((status = tenure_node_metrics(node, text, &len)) == TENURE_TOO_SMALL) {
        text = realloc(text, len);
        CHECK(text != NULL);
    }
    CHECK(status == TENURE_OK && text != NULL && strlen(text) + 1 == len);
    CHECK(strstr(text, "\ntenure_has_leader 1\n") != NULL);
    CHECK(strstr(text, "\nprocess_open_fds ") != NULL);
    free(text);
    memset(small, 'x', sizeof small);
    len = sizeof small;
    CHECK_STATUS(tenure_node_metrics(node, small, &len), TENURE_TOO_SMALL);
    CHECK(len > sizeof small && small[0] == 'x');
    CHECK_STATUS(tenure_node_metrics(node, NULL, &len), TENURE_INVALID);
    CHECK_STATUS(tenure_node_metrics(node, small, NULL), TENURE_INVALID);
}

static void an_admin_endpoint_beyond_loopback_is_refused(const char *directory) {
    tenure_node_options options = TENURE_NODE_OPTIONS_INIT;
    tenure_node *node = (void *)&options;
    char data_dir[1024];
    snprintf(data_dir, sizeof data_dir, "%s/exposed", directory);
    options.id = 1;
    options.data_dir = data_dir;
    options.cluster = "1=127.0.0.1:1";
    options.listen = "127.0.0.1:0";
    options.admin = "0.0.0.0:0";
    CHECK_STATUS(tenure_node_start(&options, &node), TENURE_INVALID);
    CHECK(node == NULL && strstr(tenure_last_error(), "the admin endpoint 0.0.0.0:0 is open to the network") != NULL);
    options.admin = "127.0.0.1:0";
    CHECK_STATUS(tenure_node_start(&options, &node), TENURE_OK);
    CHECK_STATUS(tenure_node_stop(node, TENURE_FOREVER), TENURE_OK);
    tenure_node_free(node);
}

int main(int argc, char **argv) {
    struct cluster cluster;
    tenure_client *client;
    CHECK(argc == 2);
    cluster_start(&cluster, argv[1]);
    client = open_client(cluster.endpoints, "first");
    what_there_is_is_told_as_json(client);
    a_client_tells_what_it_has_counted(client);
    a_node_tells_its_metrics(cluster.nodes[0]);
    an_admin_endpoint_beyond_loopback_is_refused(argv[1]);
    tenure_client_free(client);
    cluster_stop(&cluster);
    puts("describe: good");
    return 0;
}
