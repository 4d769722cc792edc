/* What the tests ask of a client, however busy the machine is. */
#ifndef CLIENT_H
#define CLIENT_H

#include "check.h"
#include <poll.h>

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

#endif
