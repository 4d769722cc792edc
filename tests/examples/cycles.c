/*
 * Acquires and releases so many times, by blocking calls and by pendings, and says how much more memory and how many
 * more descriptors there are at the end than after a tenth. Arguments: endpoints, how many times.
 */
#include "../c/check.h"
#include "growth.h"

static void cycle(tenure_client *client, int turn) {
    tenure_lease *lease = NULL;
    tenure_pending *pending = NULL;
    tenure_acquire_options options = TENURE_ACQUIRE_OPTIONS_INIT;
    options.value = "a value";
    options.value_len = 7;
    if (turn % 2 == 0) {
        CHECK_STATUS(tenure_acquire(client, "cycles/c", TENURE_FOREVER, &options, &lease), TENURE_OK);
    } else {
        CHECK_STATUS(tenure_acquire_start(client, "cycles/c", TENURE_FOREVER, &options, &pending), TENURE_OK);
        CHECK(tenure_pending_fd(pending) >= 0);
        CHECK_STATUS(tenure_pending_take(pending, TENURE_FOREVER, &lease), TENURE_OK);
        tenure_pending_free(pending);
    }
    CHECK(tenure_lease_fd(lease) >= 0 && tenure_lease_token(lease) > 0);
    CHECK_STATUS(tenure_release(lease, TENURE_FOREVER), TENURE_OK);
    tenure_lease_free(lease);
}

int main(int argc, char **argv) {
    tenure_client *client;
    int turns;
    struct growth growth = {0, 0};
    CHECK(argc == 3);
    turns = atoi(argv[2]);
    CHECK_STATUS(tenure_client_open(argv[1], NULL, &client), TENURE_OK);
    for (int turn = 0; turn < turns; turn++) {
        if (turn == turns / 10)
            growth_begin(&growth);
        cycle(client, turn);
    }
    growth_print(&growth);
    tenure_client_free(client);
    return 0;
}
