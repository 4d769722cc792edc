/*
 * A cron job that is in the crontab of every machine, and runs on one of them.
 *
 *   cc -o cron cron.c -ltenure
 *   0 3 * * *  /usr/local/bin/cron jobs/nightly 60        in each crontab, with TENURE_ENDPOINTS
 *
 * Whoever gets the lock does the work; the others leave at once. The clocks of machines differ: one that comes when
 * the work is done already must still find the lock taken, so it is kept for some time after the work.
 */
#include <tenure.h>

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

static int failed(const char *what, tenure_status status) {
    fprintf(stderr, "cron: cannot %s: %s: %s\n", what, tenure_status_name(status), tenure_last_error());
    return 1;
}

/* The work, in pieces that are short against the TTL; before each the lease is looked at. Send the token with every
 * read and write (fence.c): it protects what remaining_ns alone cannot, a machine that stops in the middle of a write. */
static int nightly(tenure_lease *lease) {
    for (int piece = 1; piece <= 3; piece++) {
        if (tenure_lease_remaining_ns(lease) == 0)
            return -1;
        printf("cron: piece %d under token %" PRIu64 "\n", piece, tenure_lease_token(lease));
    }
    return 0;
}

/* Until `keep_s` seconds are over; less if the lease is lost, or somebody wants it. */
static void keep(tenure_lease *lease, long keep_s) {
    struct pollfd end = {tenure_lease_fd(lease), POLLIN, 0};

    poll(&end, 1, (int)(keep_s * 1000));
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "jobs/nightly";
    long keep_s = argc > 2 ? strtol(argv[2], NULL, 10) : 60;
    tenure_client *client;
    tenure_lease *lease;
    tenure_status status;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (keep_s < 0 || keep_s > 86400) {
        fprintf(stderr, "usage: cron NAME SECONDS\n");
        return 2;
    }
    status = tenure_client_open(NULL, NULL, &client);
    if (status != TENURE_OK)
        return failed("connect", status);

    /* 0: only try. */
    status = tenure_acquire(client, name, 0, NULL, &lease);
    if (status == TENURE_HELD) {
        printf("cron: another machine does it\n");
        tenure_client_free(client);
        return 0;
    }
    if (status != TENURE_OK) {
        tenure_client_free(client);
        return failed("acquire the lock", status);
    }

    if (nightly(lease) != 0) {
        fprintf(stderr, "cron: the lock was lost; another machine may do it now\n");
        return 1;
    }
    printf("cron: done\n");
    keep(lease, keep_s);
    status = tenure_release(lease, 5000);
    tenure_lease_free(lease);
    tenure_client_free(client);
    return status == TENURE_OK ? 0 : failed("release", status);
}
