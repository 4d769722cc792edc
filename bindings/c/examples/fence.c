/*
 * Fencing: why a lock that can be lost is safe all the same. A holder may be stopped in the middle of its work, lose its
 * lock, and wake up when another holds it. So each read and each write carries the token of its lease, the resource
 * remembers the largest that it has seen, and refuses smaller ones, in one step with the read or the write.
 *
 *   cc -o fence fence.c -ltenure
 *   ./fence balance.txt                         against TENURE_ENDPOINTS, or 127.0.0.1:7401,7402,7403
 *
 * Here the resource is a file. In SQL it is one column more, and one condition more in each statement:
 *
 *   CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER, fence INTEGER NOT NULL DEFAULT 0);
 *   UPDATE account SET fence = :token WHERE id = :id AND fence <= :token RETURNING balance;
 *   UPDATE account SET balance = :balance, fence = :token WHERE id = :id AND fence <= :token;
 *
 * The first is the read: without it a late write of an earlier holder would be accepted between the read and the write of
 * a later one, which never saw it and undoes it. No row means in both: refused. Tokens fit an SQL BIGINT. Several reads
 * and writes under one token are in order: the same token passes.
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

struct account {
    uint64_t fence; /* the largest token that has read or written it */
    long balance;
};

/* What is in `path`; nothing if it is not there. */
static struct account load(const char *path) {
    struct account account = {0, 0};
    FILE *file = fopen(path, "r");

    if (file == NULL)
        return account;
    must_io("fence: not a file of this program", fscanf(file, "%" SCNu64 " %ld", &account.fence, &account.balance) == 2);
    fclose(file);
    return account;
}

/* The new content in one step: another file that takes the name. */
static void store(const char *path, struct account account) {
    char next[PATH_MAX];
    FILE *file;

    snprintf(next, sizeof next, "%s.next", path);
    file = fopen(next, "w");
    must_io(next, file != NULL);
    must_io(next, fprintf(file, "%" PRIu64 " %ld\n", account.fence, account.balance) > 0);
    must_io(next, fflush(file) == 0 && fsync(fileno(file)) == 0 && fclose(file) == 0);
    must_io(path, rename(next, path) == 0);
}

/* flock makes one step of the look at the token and what follows, among the processes of one machine; a database does
 * it with its statement. */
static int locked(const char *path) {
    char guard[PATH_MAX];
    int fd;

    snprintf(guard, sizeof guard, "%s.lock", path);
    fd = open(guard, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    must_io(guard, fd >= 0 && flock(fd, LOCK_EX) == 0);
    return fd;
}

/* 1 if it was read, 0 if `token` comes too late. From now on nothing of an earlier holder is accepted. */
static int fenced_read(const char *path, uint64_t token, long *balance) {
    int fd = locked(path);
    struct account account = load(path);
    int admitted = account.fence <= token;

    if (admitted) {
        account.fence = token;
        store(path, account);
        *balance = account.balance;
    }
    close(fd);
    return admitted;
}

/* 1 if it was written, 0 if `token` comes too late. */
static int fenced_write(const char *path, uint64_t token, long balance) {
    int fd = locked(path);
    int admitted = load(path).fence <= token;

    if (admitted)
        store(path, (struct account){token, balance});
    close(fd);
    return admitted;
}

static void tell(const char *who, const char *what, int admitted) {
    printf("%s: %s\n", who, admitted ? what : "refused");
}

int main(int argc, char **argv) {
    const char *path = argc > 1 ? argv[1] : "balance.txt";
    long of_first = 0, of_second = 0;
    tenure_client *client;
    tenure_lease *first, *second;

    must("connect", tenure_client_open(NULL, NULL, &client));
    must("lock", tenure_acquire(client, "accounts/17", TENURE_FOREVER, NULL, &first));
    tell("the first holder", "has read", fenced_read(path, tenure_lease_token(first), &of_first));
    tell("the first holder", "has added 10", fenced_write(path, tenure_lease_token(first), of_first + 10));
    tell("the first holder", "has read again", fenced_read(path, tenure_lease_token(first), &of_first));

    /* The first is stopped for longer than its TTL: to see it at once, its lock is broken without grace. */
    must("break", tenure_break(client, "accounts/17", tenure_lease_token(first), 0, "a long pause"));
    must("lock", tenure_acquire(client, "accounts/17", TENURE_FOREVER, NULL, &second));
    tell("the second holder", "has read", fenced_read(path, tenure_lease_token(second), &of_second));

    /* It wakes up, and goes on where it was: had this been accepted, the second holder would undo it. */
    tell("the first holder, late", "has added 10", fenced_write(path, tenure_lease_token(first), of_first + 10));

    tell("the second holder", "has added 5", fenced_write(path, tenure_lease_token(second), of_second + 5));
    tell("the first holder, later", "has read", fenced_read(path, tenure_lease_token(first), &of_first));

    tenure_lease_free(first);
    tenure_lease_free(second);
    must("close", tenure_client_close(client, 5000));
    tenure_client_free(client);
    return 0;
}
