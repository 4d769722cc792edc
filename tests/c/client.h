/* What the tests ask of a client, however busy the machine is. */
#ifndef CLIENT_H
#define CLIENT_H

#include "check.h"
#include <poll.h>
#include <string.h>

static inline int readable(int fd, int timeout_ms) {
    struct pollfd wait = {fd, POLLIN, 0};
    CHECK(fd >= 0);
    return poll(&wait, 1, timeout_ms);
}

static inline tenure_client *open_client(const char *endpoints, const char *name) {
    tenure_client_options options = TENURE_CLIENT_OPTIONS_INIT;
    tenure_client *client = NULL;
    options.name = name;
    options.connect_timeout_ms = 60000;
    options.request_timeout_ms = 60000;
    CHECK_STATUS(tenure_client_open(endpoints, &options, &client), TENURE_OK);
    return client;
}

static inline tenure_lease *acquire(tenure_client *client, const char *name) {
    tenure_lease *lease = NULL;
    CHECK_STATUS(tenure_acquire(client, name, TENURE_FOREVER, NULL, &lease), TENURE_OK);
    CHECK(lease != NULL);
    return lease;
}

static inline tenure_pending *start(tenure_client *client, const char *name) {
    tenure_pending *pending = NULL;
    CHECK_STATUS(tenure_acquire_start(client, name, TENURE_FOREVER, NULL, &pending), TENURE_OK);
    CHECK(pending != NULL);
    return pending;
}

static inline tenure_acquire_options owned(uint64_t owner) {
    tenure_acquire_options options = TENURE_ACQUIRE_OPTIONS_INIT;
    options.owner = owner;
    return options;
}

static inline tenure_lease *acquire_with(tenure_client *client, const char *name,
                                         const tenure_acquire_options *options) {
    tenure_lease *lease = NULL;
    CHECK_STATUS(tenure_acquire(client, name, TENURE_FOREVER, options, &lease), TENURE_OK);
    return lease;
}

static inline tenure_status try_with(tenure_client *client, const char *name, const tenure_acquire_options *options) {
    tenure_lease *lease = NULL;
    tenure_status status = tenure_acquire(client, name, 0, options, &lease);
    tenure_lease_free(lease);
    return status;
}

static inline tenure_lease *taken(tenure_pending *pending) {
    tenure_lease *lease = NULL;
    CHECK_STATUS(tenure_pending_take(pending, TENURE_FOREVER, &lease), TENURE_OK);
    tenure_pending_free(pending);
    return lease;
}

static inline void release(tenure_lease *lease) {
    CHECK_STATUS(tenure_release(lease, TENURE_FOREVER), TENURE_OK);
    tenure_lease_free(lease);
}

static inline void check_state(tenure_lease *lease, int32_t state, int32_t reason) {
    int32_t now = 0;
    int32_t why = -1;
    CHECK_STATUS(tenure_lease_state(lease, &now, &why), TENURE_OK);
    CHECK(now == state);
    CHECK(why == reason);
}

#endif
