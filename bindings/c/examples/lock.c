/*
 * Takes a lock, works under it, and gives it back.
 *
 *   cc -o lock lock.c -ltenure
 *   ./lock jobs/nightly                         against TENURE_ENDPOINTS, or 127.0.0.1:7401,7402,7403
 */
#include <tenure.h>

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

static int failed(const char *what, tenure_status status) {
    fprintf(stderr, "lock: cannot %s: %s: %s\n", what, tenure_status_name(status), tenure_last_error());
    return 1;
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "jobs/nightly";
    tenure_client *client;
    tenure_lease *lease;
    tenure_status status;

    status = tenure_client_open(NULL, NULL, &client);
    if (status != TENURE_OK)
        return failed("connect", status);

    status = tenure_acquire(client, name, 10000, NULL, &lease);
    if (status != TENURE_OK) {
        tenure_client_free(client);
        return failed("acquire the lock", status);
    }
    /* Send this number with every read and write (fence.c). A resource that refuses smaller ones than it has seen is safe even
     * from a holder that was stopped, lost its lease, and woke up in the middle of a write. */
    printf("%s: token %" PRIu64 "\n", name, tenure_lease_token(lease));

    for (int piece = 1; piece <= 3; piece++) {
        /* In a program that polls anyway, add the lease's descriptor: it is readable once the lock is lost, or
         * somebody wants it back (worker.c tells the two apart). */
        struct pollfd loss = {tenure_lease_fd(lease), POLLIN, 0};
        if (tenure_lease_remaining_ns(lease) == 0 || poll(&loss, 1, 0) > 0) {
            fprintf(stderr, "lock: the lease is lost or wanted back; stopping before piece %d\n", piece);
            break;
        }
        printf("%s: piece %d, %.1f s left\n", name, piece, (double)tenure_lease_remaining_ns(lease) / 1e9);
    }

    status = tenure_release(lease, 5000);
    tenure_lease_free(lease);
    tenure_client_free(client);
    if (status != TENURE_OK)
        return failed("release", status);
    printf("%s: released\n", name);
    return 0;
}
