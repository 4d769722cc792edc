/*
 * Fencing: why a lock that can be lost is safe all the same. A holder may be stopped in the middle of a write, lose its
 * lock, and wake up when another holds it. So each write carries the token of its lease, the resource remembers the
 * largest that it has seen, and refuses smaller ones, in one step with the write.
 *
 *   cc -o fence fence.c -ltenure
 *   ./fence balance.txt                         against TENURE_ENDPOINTS, or 127.0.0.1:7401,7402,7403
 *
 * Here the resource is a file. In SQL it is one column more, and one condition more in each statement:
 *
 *   CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER, fence INTEGER NOT NULL DEFAULT 0);
 *   UPDATE account SET balance = :balance, fence = :token WHERE id = :id AND fence <= :token;
 *
 * and no row changed means: refused. Tokens fit an SQL BIGINT. Several writes under one token are in order: the same
 * token passes.
 */
#define _DEFAULT_SOURCE
#include <tenure.h>

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static void must(const char *what, tenure_status status) {
    if (status != TENURE_OK) {
        fprintf(stderr, "fence: cannot %s: %s: %s\n", what, tenure_status_name(status), tenure_last_error());
        exit(1);
    }
}

static void must_io(const char *what, int good) {
    if (!good) {
        perror(what);
        exit(1);
    }
}

/* The token of the last write to `path`; 0 if there was none. */
static uint64_t remembered(const char *path) {
    uint64_t token = 0;
    FILE *file = fopen(path, "r");

    if (file == NULL)
        return 0;
    must_io("fence: not a file of this program", fscanf(file, "%" SCNu64, &token) == 1);
    fclose(file);
    return token;
}

/* The new content in one step: another file that takes the name. */
static void replace(const char *path, uint64_t token, const char *text) {
    char next[PATH_MAX];
    FILE *file;

    snprintf(next, sizeof next, "%s.next", path);
    file = fopen(next, "w");
    must_io(next, file != NULL);
    must_io(next, fprintf(file, "%" PRIu64 "\n%s\n", token, text) > 0);
    must_io(next, fflush(file) == 0 && fsync(fileno(file)) == 0 && fclose(file) == 0);
    must_io(path, rename(next, path) == 0);
}

/* 1 if it was written, 0 if `token` comes too late. flock makes one step of the question and the write, among the
 * processes of one machine; a database does it with a transaction. */
static int fenced_write(const char *path, uint64_t token, const char *text) {
    char guard[PATH_MAX];
    int fd, written;

    snprintf(guard, sizeof guard, "%s.lock", path);
    fd = open(guard, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    must_io(guard, fd >= 0 && flock(fd, LOCK_EX) == 0);
    written = remembered(path) <= token;
    if (written)
        replace(path, token, text);
    close(fd);
    return written;
}

static void tell(const char *who, int written) { printf("%s: %s\n", who, written ? "written" : "refused"); }

int main(int argc, char **argv) {
    const char *path = argc > 1 ? argv[1] : "balance.txt";
    tenure_client *client;
    tenure_lease *first, *second;

    must("connect", tenure_client_open(NULL, NULL, &client));
    must("lock", tenure_acquire(client, "accounts/17", TENURE_FOREVER, NULL, &first));
    tell("the first holder", fenced_write(path, tenure_lease_token(first), "balance 100"));
    tell("the first holder again", fenced_write(path, tenure_lease_token(first), "balance 90"));

    /* The first is stopped for longer than its TTL: to see it at once, its lock is broken without grace. */
    must("break", tenure_break(client, "accounts/17", tenure_lease_token(first), 0, "a long pause"));
    must("lock", tenure_acquire(client, "accounts/17", TENURE_FOREVER, NULL, &second));
    tell("the second holder", fenced_write(path, tenure_lease_token(second), "balance 50"));

    /* It wakes up, and goes on where it was. */
    tell("the first holder, late", fenced_write(path, tenure_lease_token(first), "balance 80"));

    tenure_lease_free(first);
    tenure_lease_free(second);
    must("close", tenure_client_close(client, 5000));
    tenure_client_free(client);
    return 0;
}
