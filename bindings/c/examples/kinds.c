/*
 * Every kind of lock: readers, a semaphore, several locks in one step, and an owner that enters again.
 *
 *   cc -o kinds kinds.c -ltenure
 *   ./kinds                                     against TENURE_ENDPOINTS, or 127.0.0.1:7401,7402,7403
 */
#include <tenure.h>

#include <stdio.h>
#include <stdlib.h>

static void must(const char *what, tenure_status status) {
    if (status != TENURE_OK) {
        fprintf(stderr, "kinds: cannot %s: %s: %s\n", what, tenure_status_name(status), tenure_last_error());
        exit(1);
    }
}

/* Many readers, or one writer; a reader that comes behind a waiting writer waits too. */
static void readers(tenure_client *client) {
    tenure_acquire_options options = TENURE_ACQUIRE_OPTIONS_INIT;
    tenure_lease *first, *second, *writer;

    options.mode = TENURE_SHARED;
    must("read", tenure_acquire(client, "table", TENURE_FOREVER, &options, &first));
    must("read too", tenure_acquire(client, "table", TENURE_FOREVER, &options, &second));
    if (tenure_acquire(client, "table", 0, NULL, &writer) == TENURE_HELD)
        printf("a writer waits for two readers\n");
    tenure_lease_free(first);
    tenure_lease_free(second);
    must("write", tenure_acquire(client, "table", TENURE_FOREVER, NULL, &writer));
    tenure_lease_free(writer);
}

/* At most `limit` permits are out at once. */
static void semaphore(tenure_client *client) {
    tenure_acquire_options options = TENURE_ACQUIRE_OPTIONS_INIT;
    tenure_lease *first, *second, *third;

    options.limit = 2;
    must("take a permit", tenure_acquire(client, "printers", TENURE_FOREVER, &options, &first));
    must("take another", tenure_acquire(client, "printers", TENURE_FOREVER, &options, &second));
    if (tenure_acquire(client, "printers", 0, &options, &third) == TENURE_HELD)
        printf("two of two permits are taken\n");
    tenure_lease_free(first);
    tenure_lease_free(second);
}

/* All or nothing: whoever asks for the same locks in another order is in nobody's way. */
static void several(tenure_client *client) {
    const char *names[] = {"accounts/17", "accounts/42"};
    tenure_lease *both;

    must("lock both", tenure_acquire_all(client, names, 2, TENURE_FOREVER, NULL, &both));
    printf("two accounts under one token\n");
    tenure_lease_free(both);
}

/* A library that locks what its caller has locked already names the same owner. */
static void owner(tenure_client *client) {
    tenure_acquire_options options = TENURE_ACQUIRE_OPTIONS_INIT;
    tenure_lease *outer, *inner;

    options.owner = 1;
    must("lock", tenure_acquire(client, "index", TENURE_FOREVER, &options, &outer));
    must("lock again", tenure_acquire(client, "index", TENURE_FOREVER, &options, &inner));
    if (tenure_lease_token(inner) == tenure_lease_token(outer))
        printf("the same owner enters again\n");
    tenure_lease_free(inner);
    tenure_lease_free(outer);
}

int main(void) {
    tenure_client *client;

    must("connect", tenure_client_open(NULL, NULL, &client));
    readers(client);
    semaphore(client);
    several(client);
    owner(client);
    must("close", tenure_client_close(client, 5000));
    tenure_client_free(client);
    return 0;
}
