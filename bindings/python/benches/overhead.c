/* Takes a free lock and gives it back, over and over, and prints how many nanoseconds each time took. overhead.py builds it. */
#define _POSIX_C_SOURCE 200809L
#include "tenure.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void cycle(tenure_client *client) {
    tenure_lease *lease;
    if (tenure_acquire(client, "overhead", TENURE_FOREVER, NULL, &lease) != TENURE_OK
        || tenure_release(lease, TENURE_FOREVER) != TENURE_OK) {
        fprintf(stderr, "%s\n", tenure_last_error());
        exit(1);
    }
    tenure_lease_free(lease);
}

int main(void) {
    tenure_client *client;
    int count;
    if (tenure_client_open(NULL, NULL, &client) != TENURE_OK) {
        fprintf(stderr, "%s\n", tenure_last_error());
        return 1;
    }
    /* Each line asks for so many. */
    while (scanf("%d", &count) == 1) {
        for (int number = 0; number < count; number++) {
            int64_t start = now();
            cycle(client);
            printf("%" PRId64 "\n", now() - start);
        }
        fflush(stdout);
    }
    tenure_client_close(client, 5000);
    tenure_client_free(client);
    return 0;
}
