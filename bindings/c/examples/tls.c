/*
 * A node and a client that speak TLS, in one program: certificates are made on the first run. On more machines `tenure certs`
 * makes them on one of them, where ca.key stays.
 *
 *   cc -o tls tls.c -ltenure
 *   ./tls /var/tmp/tls 127.0.0.1:7401
 */
#include <tenure.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int failed(const char *what, tenure_status status) {
    fprintf(stderr, "tls: cannot %s: %s: %s\n", what, tenure_status_name(status), tenure_last_error());
    return 1;
}

static tenure_status make_certificates(const char *directory, const char *host) {
    tenure_certs_options hosts = TENURE_CERTS_OPTIONS_INIT;
    tenure_status status = tenure_certs_write(directory, "ca", NULL);
    hosts.hosts = host;
    if (status == TENURE_OK)
        status = tenure_certs_write(directory, "node/1", &hosts);
    if (status == TENURE_OK)
        status = tenure_certs_write(directory, "client/example", NULL);
    return status;
}

int main(int argc, char **argv) {
    tenure_node_options node_options = TENURE_NODE_OPTIONS_INIT;
    tenure_client_options client_options = TENURE_CLIENT_OPTIONS_INIT;
    char ca[512], cert[512], key[512], client_cert[512], client_key[512], data[512], host[256], members[300];
    tenure_node *node = NULL;
    tenure_client *client = NULL;
    tenure_lease *lease = NULL;
    tenure_status status = TENURE_OK;
    if (argc != 3 || strrchr(argv[2], ':') == NULL) {
        fprintf(stderr, "usage: tls DIRECTORY HOST:PORT\n");
        return 2;
    }
    snprintf(ca, sizeof ca, "%s/ca.crt", argv[1]);
    snprintf(cert, sizeof cert, "%s/node-1.crt", argv[1]);
    snprintf(key, sizeof key, "%s/node-1.key", argv[1]);
    snprintf(client_cert, sizeof client_cert, "%s/client-example.crt", argv[1]);
    snprintf(client_key, sizeof client_key, "%s/client-example.key", argv[1]);
    snprintf(data, sizeof data, "%s/data", argv[1]);
    snprintf(host, sizeof host, "%.*s", (int)(strrchr(argv[2], ':') - argv[2]), argv[2]);
    snprintf(members, sizeof members, "1=%s", argv[2]);

    if (access(client_key, F_OK) != 0)
        status = make_certificates(argv[1], host);
    if (status != TENURE_OK)
        return failed("make certificates", status);

    node_options.id = 1;
    node_options.data_dir = data;
    node_options.cluster = members;
    node_options.ca = ca;
    node_options.cert = cert;
    node_options.key = key;
    status = tenure_node_start(&node_options, &node);
    if (status != TENURE_OK)
        return failed("start the node", status);

    /* A client has a certificate of its own: a node's is no client's. */
    client_options.ca = ca;
    client_options.cert = client_cert;
    client_options.key = client_key;
    status = tenure_client_open(argv[2], &client_options, &client);
    if (status == TENURE_OK)
        status = tenure_acquire(client, "jobs/x", TENURE_FOREVER, NULL, &lease);
    if (status == TENURE_OK) {
        printf("jobs/x: token %" PRIu64 ", over TLS\n", tenure_lease_token(lease));
        status = tenure_release(lease, 5000);
    }
    if (status == TENURE_OK && tenure_move_leader(client, 0, 0) == TENURE_DENIED)
        printf("denied: %s\n", tenure_last_error());
    if (status != TENURE_OK)
        failed("take the lock", status);
    tenure_lease_free(lease);
    tenure_client_free(client);
    tenure_node_free(node);
    return status == TENURE_OK ? 0 : 1;
}
