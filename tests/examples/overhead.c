/* How long an uncontended acquire and release take from C. Arguments: endpoints, how many. Prints nanoseconds. */
#define _POSIX_C_SOURCE 200809L
#include "../c/check.h"

#include <time.h>

static long long now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int main(int argc, char **argv) {
    tenure_client *client;
    long long lengths[1000];
    int turns;
    CHECK(argc == 3);
    turns = atoi(argv[2]);
    CHECK(turns <= 1000);
    CHECK_STATUS(tenure_client_open(argv[1], NULL, &client), TENURE_OK);
    for (int turn = 0; turn < turns; turn++) {
        long long begin = now_ns();
        tenure_lease *lease;
        CHECK_STATUS(tenure_acquire(client, "overhead", TENURE_FOREVER, NULL, &lease), TENURE_OK);
        CHECK_STATUS(tenure_release(lease, TENURE_FOREVER), TENURE_OK);
        tenure_lease_free(lease);
        lengths[turn] = now_ns() - begin;
    }
    /* At the end: what is written in between gives the nodes a rest. */
    for (int turn = 0; turn < turns; turn++)
        printf("%lld\n", lengths[turn]);
    tenure_client_free(client);
    return 0;
}
