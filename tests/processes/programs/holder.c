/*
 * Holds one lease, with the signal handlers that a program has by default.
 *
 *   holder ENDPOINTS NAME
 *
 * It answers each line of its input with "TOKEN REMAINING_NS STATE VALIDATED SIGPIPE": whether the server
 * still knows the token (0: yes), and whether SIGPIPE still has its default handler (1: yes).
 */
#include <tenure.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

static int failed(const char *what, tenure_status status) {
    fprintf(stderr, "holder.c: cannot %s: %s: %s\n", what, tenure_status_name(status), tenure_last_error());
    return 1;
}

static int answer(tenure_client *client, const char *name, const tenure_lease *lease) {
    struct sigaction pipe_action;
    int32_t state = 0, reason = 0;
    tenure_status validated = tenure_validate(client, name, tenure_lease_token(lease));
    tenure_status status = tenure_lease_state(lease, &state, &reason);

    if (status != TENURE_OK)
        return failed("ask for the state", status);
    if (sigaction(SIGPIPE, NULL, &pipe_action) != 0)
        return 1;
    printf("%" PRIu64 " %" PRIu64 " %" PRId32 " %" PRId32 " %d\n", tenure_lease_token(lease),
           tenure_lease_remaining_ns(lease), state, validated, pipe_action.sa_handler == SIG_DFL);
    fflush(stdout);
    return 0;
}

int main(int argc, char **argv) {
    tenure_client_options options = TENURE_CLIENT_OPTIONS_INIT;
    tenure_client *client;
    tenure_lease *lease;
    tenure_status status;
    char line[64];

    if (argc != 3)
        return 2;
    options.name = "holder.c";
    options.connect_timeout_ms = 60000;
    options.request_timeout_ms = 60000;
    status = tenure_client_open(argv[1], &options, &client);
    if (status != TENURE_OK)
        return failed("connect", status);
    status = tenure_acquire(client, argv[2], TENURE_FOREVER, NULL, &lease);
    if (status != TENURE_OK)
        return failed("acquire", status);
    printf("held %" PRIu64 "\n", tenure_lease_token(lease));
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL)
        if (answer(client, argv[2], lease) != 0)
            return 1;
    status = tenure_release(lease, 60000);
    if (status != TENURE_OK)
        return failed("release", status);
    tenure_lease_free(lease);
    tenure_client_free(client);
    return 0;
}
