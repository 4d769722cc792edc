/*
 * Takes one lock again and again, and goes on only when it is told to.
 *
 *   turns ENDPOINTS NAME
 *
 * It prints "held TOKEN", waits for a line, releases, and takes the lock again; until its input ends.
 */
#include <tenure.h>

#include <inttypes.h>
#include <stdio.h>

static int failed(const char *what, tenure_status status) {
    fprintf(stderr, "turns.c: cannot %s: %s: %s\n", what, tenure_status_name(status), tenure_last_error());
    return 1;
}

int main(int argc, char **argv) {
    tenure_client_options options = TENURE_CLIENT_OPTIONS_INIT;
    tenure_client *client;
    tenure_status status;
    char line[64];

    if (argc != 3)
        return 2;
    options.name = "turns.c";
    options.connect_timeout_ms = 60000;
    status = tenure_client_open(argv[1], &options, &client);
    if (status != TENURE_OK)
        return failed("connect", status);
    for (;;) {
        tenure_lease *lease;

        status = tenure_acquire(client, argv[2], TENURE_FOREVER, NULL, &lease);
        if (status != TENURE_OK)
            return failed("acquire", status);
        printf("held %" PRIu64 "\n", tenure_lease_token(lease));
        fflush(stdout);
        if (fgets(line, sizeof line, stdin) == NULL)
            break;
        status = tenure_release(lease, TENURE_FOREVER);
        if (status != TENURE_OK)
            return failed("release", status);
        tenure_lease_free(lease);
    }
    status = tenure_client_close(client, 60000);
    if (status != TENURE_OK)
        return failed("close", status);
    tenure_client_free(client);
    return 0;
}
