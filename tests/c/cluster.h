/* Three nodes in this process, on free loopback ports, with directories under one that the caller gives. */
#ifndef CLUSTER_H
#define CLUSTER_H

#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct cluster {
    tenure_node *nodes[3];
    char members[128];
    char endpoints[128];
};

static inline void cluster_choose_ports(int ports[3]) {
    int sockets[3];
    /* All three are open at once, so that they differ. */
    for (int i = 0; i < 3; i++) {
        struct sockaddr_in address;
        socklen_t length = sizeof address;
        memset(&address, 0, sizeof address);
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        sockets[i] = socket(AF_INET, SOCK_STREAM, 0);
        CHECK(bind(sockets[i], (struct sockaddr *)&address, sizeof address) == 0);
        CHECK(getsockname(sockets[i], (struct sockaddr *)&address, &length) == 0);
        ports[i] = ntohs(address.sin_port);
    }
    for (int i = 0; i < 3; i++)
        close(sockets[i]);
}

static inline void cluster_start(struct cluster *cluster, const char *directory) {
    int ports[3];
    cluster_choose_ports(ports);
    snprintf(cluster->members, sizeof cluster->members, "1=127.0.0.1:%d,2=127.0.0.1:%d,3=127.0.0.1:%d",
             ports[0], ports[1], ports[2]);
    snprintf(cluster->endpoints, sizeof cluster->endpoints, "127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d",
             ports[0], ports[1], ports[2]);
    for (int i = 0; i < 3; i++) {
        tenure_node_options options = TENURE_NODE_OPTIONS_INIT;
        char data_dir[1024];
        snprintf(data_dir, sizeof data_dir, "%s/node%d", directory, i + 1);
        options.id = (uint64_t)i + 1;
        options.data_dir = data_dir;
        options.cluster = cluster->members;
        CHECK_STATUS(tenure_node_start(&options, &cluster->nodes[i]), TENURE_OK);
        CHECK(cluster->nodes[i] != NULL);
    }
}

/* The node that leads, besides `stopped` (-1: none): asks each for its leader until one leads itself. */
static inline int cluster_leader(struct cluster *cluster, int stopped, tenure_leadership *leadership) {
    int at = stopped == 0 ? 1 : 0;
    for (;;) {
        int leader;
        CHECK_STATUS(tenure_node_leadership(cluster->nodes[at], leadership), TENURE_OK);
        if (leadership->is_leader)
            return at;
        leader = (int)leadership->leader_id - 1;
        if (leader < 0 || leader == at || leader == stopped)
            CHECK_STATUS(tenure_node_next(cluster->nodes[at], TENURE_FOREVER, leadership), TENURE_OK);
        else
            at = leader;
    }
}

static inline void cluster_stop(struct cluster *cluster) {
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(tenure_node_stop(cluster->nodes[i], TENURE_FOREVER), TENURE_OK);
        tenure_node_free(cluster->nodes[i]);
    }
}

#endif
