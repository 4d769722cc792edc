/* Certificates, nodes of this process that have them, and clients that show them. */
#ifndef PAPERS_H
#define PAPERS_H

#include "client.h"
#include "cluster.h"

/* What one side of a connection is given. */
struct papers {
    char ca[256], cert[256], key[256];
};

static inline struct papers papers(const char *directory, const char *name) {
    struct papers papers;
    snprintf(papers.ca, sizeof papers.ca, "%s/ca.crt", directory);
    snprintf(papers.cert, sizeof papers.cert, "%s/%s.crt", directory, name);
    snprintf(papers.key, sizeof papers.key, "%s/%s.key", directory, name);
    return papers;
}

static inline tenure_client_options shows(const struct papers *papers) {
    tenure_client_options options = TENURE_CLIENT_OPTIONS_INIT;
    options.ca = papers->ca;
    options.cert = papers->cert;
    options.key = papers->key;
    options.connect_timeout_ms = 60000;
    options.request_timeout_ms = 60000;
    return options;
}

static inline tenure_client *open_as(const char *endpoints, const struct papers *papers) {
    tenure_client_options options = shows(papers);
    tenure_client *client = NULL;
    CHECK_STATUS(tenure_client_open(endpoints, &options, &client), TENURE_OK);
    return client;
}

static inline void says(const char *told) {
    if (strstr(tenure_last_error(), told) == NULL) {
        fprintf(stderr, "\"%s\" is not in: %s\n", told, tenure_last_error());
        abort();
    }
}

/* `told` stands in the sentence with which this one is refused, once the node has answered. */
static inline void is_refused(const char *endpoints, const tenure_client_options *options, const char *told) {
    tenure_client_options given = *options;
    tenure_client *client = NULL;
    given.connect_timeout_ms = 500;
    /* On a machine that is slow the handshake may not be over by then. */
    for (int times = 0; times < 60; times++) {
        CHECK_STATUS(tenure_client_open(endpoints, &given, &client), TENURE_UNAVAILABLE);
        CHECK(client == NULL);
        if (strstr(tenure_last_error(), told) != NULL)
            return;
    }
    says(told);
}

static inline void make(const char *directory, const char *what, const char *hosts) {
    tenure_certs_options options = TENURE_CERTS_OPTIONS_INIT;
    options.hosts = hosts;
    CHECK_STATUS(tenure_certs_write(directory, what, &options), TENURE_OK);
}

static inline tenure_node_options node_options(const struct papers *own, uint64_t id) {
    tenure_node_options options = TENURE_NODE_OPTIONS_INIT;
    options.id = id;
    options.ca = own->ca;
    options.cert = own->cert;
    options.key = own->key;
    return options;
}

static inline void start_nodes(struct cluster *cluster, const char *directory, const char *certificates, const char *audit) {
    int ports[3];
    cluster_choose_ports(ports);
    snprintf(cluster->members, sizeof cluster->members, "1=127.0.0.1:%d,2=127.0.0.1:%d,3=127.0.0.1:%d",
             ports[0], ports[1], ports[2]);
    snprintf(cluster->endpoints, sizeof cluster->endpoints, "127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d",
             ports[0], ports[1], ports[2]);
    for (int i = 0; i < 3; i++) {
        char name[16], data_dir[512];
        struct papers own;
        tenure_node_options options;
        snprintf(name, sizeof name, "node-%d", i + 1);
        snprintf(data_dir, sizeof data_dir, "%s/node%d", directory, i + 1);
        own = papers(certificates, name);
        options = node_options(&own, (uint64_t)i + 1);
        options.data_dir = data_dir;
        options.cluster = cluster->members;
        options.audit = audit;
        CHECK_STATUS(tenure_node_start(&options, &cluster->nodes[i]), TENURE_OK);
    }
}

#endif
