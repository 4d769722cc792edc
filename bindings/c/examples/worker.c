/*
 * A worker that gives its lock back when somebody wants it, hands it to a named successor if one waits, and whose
 * lock is lost when it hangs.
 *
 *   cc -o worker worker.c -ltenure
 *   ./worker jobs/nightly successor             against TENURE_ENDPOINTS, or 127.0.0.1:7401,7402,7403
 *   tenure break jobs/nightly                   in another terminal
 */
#include <tenure.h>

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

static int failed(const char *what, tenure_status status) {
    fprintf(stderr, "worker: cannot %s: %s: %s\n", what, tenure_status_name(status), tenure_last_error());
    return 1;
}

/* Works until the lease is asked to end, or has ended. */
static int work(tenure_client *client, tenure_lease *lease) {
    struct pollfd watched = {tenure_lease_fd(lease), POLLIN, 0};
    int32_t state, reason;

    /* Where a real worker does a piece of its work. */
    while (poll(&watched, 1, 100) == 0)
        tenure_client_progress(client);
    tenure_lease_state(lease, &state, &reason);
    if (state == TENURE_LEASE_STATE_ENDED) {
        fprintf(stderr, "worker: the lock is lost (reason %" PRId32 ")\n", reason);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "jobs/nightly";
    const char *successor = argc > 2 ? argv[2] : NULL;
    tenure_client_options options = TENURE_CLIENT_OPTIONS_INIT;
    tenure_client *client;
    tenure_lease *lease;
    tenure_status status;

    options.progress_ms = 30000; /* a worker that hangs for longer is renewed no more */
    status = tenure_client_open(NULL, &options, &client);
    if (status != TENURE_OK)
        return failed("connect", status);
    status = tenure_acquire(client, name, TENURE_FOREVER, NULL, &lease);
    if (status != TENURE_OK)
        return failed("acquire the lock", status);
    printf("%s: working\n", name);
    fflush(stdout);
    if (work(client, lease) != 0)
        return 1;

    printf("%s: asked to end, %s\n", name, tenure_lease_remaining_ns(lease) > 0 ? "in time" : "too late");
    status = tenure_transfer(lease, successor);
    if (status == TENURE_OK)
        printf("%s: handed over\n", name);
    else if (status == TENURE_NOT_FOUND && tenure_release(lease, 5000) == TENURE_OK)
        printf("%s: released, since nobody waits\n", name);
    else
        return failed("hand it over", status);
    tenure_lease_free(lease);
    tenure_client_free(client);
    return 0;
}
