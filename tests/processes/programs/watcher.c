/*
 * Holds a lease with a short TTL and looks at what remains of it in a tight loop, until it has been stopped,
 * has woken (SIGCONT), and has looked on for a while. Then it writes what it saw.
 *
 *   watcher ENDPOINTS NAME TTL_MS SAMPLES_FILE
 *
 * SAMPLES_FILE: for each sample three numbers of 64 bits, oldest first: CLOCK_BOOTTIME before the look, what
 * it saw in nanoseconds, CLOCK_BOOTTIME after it. Output: "held TOKEN", once some samples were taken
 * "watching", and at the end "ended STATE".
 */
#include <tenure.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#define SAMPLES_AFTER_WAKING 100000u
#define SAMPLES_KEPT (2u * SAMPLES_AFTER_WAKING)

struct sample {
    uint64_t before, remaining, after;
};

static struct sample samples[SAMPLES_KEPT];
static volatile sig_atomic_t woken;

static void wake(int signal) {
    (void)signal;
    woken = 1;
}

static uint64_t boot_nanos(void) {
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int failed(const char *what, tenure_status status) {
    fprintf(stderr, "watcher.c: cannot %s: %s: %s\n", what, tenure_status_name(status), tenure_last_error());
    return 1;
}

/* Fills the ring of samples; returns how many were taken in all. */
static uint64_t watch(const tenure_lease *lease) {
    uint64_t taken = 0, left = SAMPLES_AFTER_WAKING;

    while (left > 0) {
        struct sample *sample = &samples[taken % SAMPLES_KEPT];

        left -= woken != 0;
        sample->before = boot_nanos();
        sample->remaining = tenure_lease_remaining_ns(lease);
        sample->after = boot_nanos();
        if (++taken == 1000) {
            printf("watching\n");
            fflush(stdout);
        }
    }
    return taken;
}

static int save(const char *path, uint64_t taken) {
    uint64_t first = taken > SAMPLES_KEPT ? taken - SAMPLES_KEPT : 0;
    FILE *file = fopen(path, "wb");
    int complete = file != NULL;

    for (uint64_t at = first; complete && at < taken; at++)
        complete = fwrite(&samples[at % SAMPLES_KEPT], sizeof samples[0], 1, file) == 1;
    if (file == NULL || fclose(file) != 0 || !complete) {
        perror("watcher.c: cannot write the samples");
        return 1;
    }
    return 0;
}

int main(int argc, char **argv) {
    tenure_client_options options = TENURE_CLIENT_OPTIONS_INIT;
    struct sigaction action = {.sa_handler = wake};
    int32_t state = 0, reason = 0;
    unsigned ttl_ms;
    tenure_client *client;
    tenure_lease *lease;
    tenure_status status;

    if (argc != 5 || sscanf(argv[3], "%u", &ttl_ms) != 1 || sigaction(SIGCONT, &action, NULL) != 0)
        return 2;
    options.name = "watcher";
    options.ttl_ms = ttl_ms;
    options.connect_timeout_ms = 60000;
    status = tenure_client_open(argv[1], &options, &client);
    if (status != TENURE_OK)
        return failed("connect", status);
    status = tenure_acquire(client, argv[2], TENURE_FOREVER, NULL, &lease);
    if (status != TENURE_OK)
        return failed("acquire", status);
    printf("held %" PRIu64 "\n", tenure_lease_token(lease));
    fflush(stdout);
    if (save(argv[4], watch(lease)) != 0)
        return 1;
    status = tenure_lease_state(lease, &state, &reason);
    if (status != TENURE_OK)
        return failed("ask for the state", status);
    printf("ended %" PRId32 "\n", state);
    fflush(stdout);
    tenure_lease_free(lease);
    tenure_client_free(client);
    return 0;
}
