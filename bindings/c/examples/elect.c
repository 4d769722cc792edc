/*
 * Three processes elect their leader without a server: each carries a node of the cluster in itself.
 *
 *   cc -o elect elect.c -ltenure
 *   MEMBERS=1=127.0.0.1:7411,2=127.0.0.1:7412,3=127.0.0.1:7413
 *   ./elect 1 /tmp/elect1 $MEMBERS & ./elect 2 /tmp/elect2 $MEMBERS & ./elect 3 /tmp/elect3 $MEMBERS &
 *
 * Kill the one that leads, in any way: another takes over, with a larger token. Never do two lead at once.
 */
#include <tenure.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    tenure_node_options options = TENURE_NODE_OPTIONS_INIT;
    tenure_leadership now = TENURE_LEADERSHIP_INIT;
    tenure_node *node;
    tenure_status status;
    uint64_t announced = 0;

    if (argc != 4) {
        fprintf(stderr, "usage: elect ID DATA_DIR 1=HOST:PORT,2=HOST:PORT,3=HOST:PORT\n");
        return 2;
    }
    options.id = strtoull(argv[1], NULL, 10);
    options.data_dir = argv[2];
    options.cluster = argv[3];
    status = tenure_node_start(&options, &node);
    if (status != TENURE_OK) {
        fprintf(stderr, "elect: %s: %s\n", tenure_status_name(status), tenure_last_error());
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);

    /* Each change of leader, term or claim. A program with a loop of its own polls tenure_node_fd instead,
     * and asks tenure_node_leadership, which is local and lock-free, before everything that only the leader
     * may do. */
    while ((status = tenure_node_next(node, TENURE_FOREVER, &now)) == TENURE_OK) {
        if (now.is_leader && now.token != announced) {
            announced = now.token;
            printf("node %s leads: token %" PRIu64 ", certain for %" PRIu64 " ms\n", argv[1], now.token,
                   now.remaining_ns / 1000000);
        } else if (!now.is_leader && announced != 0) {
            announced = 0;
            printf("node %s leads no more\n", argv[1]);
        }
    }
    fprintf(stderr, "elect: the node ended: %s\n", tenure_last_error());
    tenure_node_free(node);
    return 1;
}
