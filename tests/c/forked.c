/*
 * A program that embeds a node, forks a child that lives on without exec, and is killed: its port and its data directory
 * are free at once, and whoever was connected sees its end. Argument: an empty directory.
 */
#define _POSIX_C_SOURCE 200809L
#include "client.h"
#include "cluster.h"

#include <signal.h>
#include <sys/wait.h>

static int port;
static char members[64], endpoint[64], data_dir[1024];

static void choose_port(const char *directory) {
    int ports[3];
    cluster_choose_ports(ports);
    port = ports[0];
    snprintf(members, sizeof members, "1=127.0.0.1:%d", port);
    snprintf(endpoint, sizeof endpoint, "127.0.0.1:%d", port);
    snprintf(data_dir, sizeof data_dir, "%s/node", directory);
}

static tenure_node *start_node(void) {
    tenure_node_options options = TENURE_NODE_OPTIONS_INIT;
    tenure_node *node = NULL;
    options.id = 1;
    options.data_dir = data_dir;
    options.cluster = members;
    CHECK_STATUS(tenure_node_start(&options, &node), TENURE_OK);
    return node;
}

static void say(int out, pid_t pid) { CHECK(write(out, &pid, sizeof pid) == sizeof pid); }

static pid_t hear(int in) {
    pid_t pid = -1;
    CHECK(read(in, &pid, sizeof pid) == sizeof pid);
    return pid;
}

/* The program: a node, a client of it by TCP, a lock, and a child that never touches any of it. */
static void embed(int out, int in) {
    tenure_node *node = start_node();
    tenure_client *client = open_client(endpoint, "embedder");
    tenure_lease *lease = acquire(client, "forked/a");
    char byte;
    pid_t child = fork();
    if (child == 0) {
        CHECK(tenure_lease_remaining_ns(lease) == 0);
        /* What it opens itself has its own numbers, and is none of the parent's that it let go of. */
        CHECK(open_client(endpoint, "child") != NULL);
        say(out, getpid());
        while (read(in, &byte, 1) > 0)
            continue;
        _exit(0);
    }
    CHECK(node != NULL && tenure_lease_remaining_ns(lease) > 0);
    for (;;)
        pause();
}

int main(int argc, char **argv) {
    int told[2], held[2];
    pid_t program, child;
    int peer;
    char byte;
    struct sockaddr_in address = {.sin_family = AF_INET};
    CHECK(argc == 2);
    choose_port(argv[1]);
    CHECK(pipe(told) == 0 && pipe(held) == 0);
    program = fork();
    if (program == 0) {
        close(held[1]);
        embed(told[1], held[0]);
    }
    child = hear(told[0]);

    /* Whoever is connected: a node waits for its hello, and ends the connection when it ends itself. */
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(connect(peer, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(kill(program, SIGKILL) == 0 && waitpid(program, NULL, 0) == program);
    CHECK(read(peer, &byte, 1) <= 0);

    /* The directory and the port: the node starts again, and serves, while the child lives. */
    tenure_node *node = start_node();
    tenure_client *client = open_client(endpoint, "again");
    release(acquire(client, "forked/b"));
    CHECK(kill(child, 0) == 0);
    close(held[1]);
    tenure_client_free(client);
    CHECK_STATUS(tenure_node_stop(node, TENURE_FOREVER), TENURE_OK);
    tenure_node_free(node);
    puts("forked: good");
    return 0;
}
