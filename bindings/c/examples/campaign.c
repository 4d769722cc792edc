/*
 * An election: waits to be elected, says what it does, resigns; and tells meanwhile what an observer sees.
 *
 *   cc -o campaign campaign.c -ltenure
 *   ./campaign scheduler host-1                 against TENURE_ENDPOINTS, or 127.0.0.1:7401,7402,7403
 */
#include <tenure.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(const char *what, tenure_status status) {
    if (status != TENURE_OK) {
        fprintf(stderr, "campaign: cannot %s: %s: %s\n", what, tenure_status_name(status), tenure_last_error());
        exit(1);
    }
}

/* The next that the observer is told: first who leads now, then each change. In a program that polls anyway, poll
 * tenure_observer_fd and wait 0 here. */
static void tell(const char *name, tenure_observer *observer) {
    tenure_holder *holder;
    size_t len;
    const char *value;

    must("observe", tenure_observer_next(observer, TENURE_FOREVER, &holder));
    value = tenure_holder_value(holder, &len);
    if (tenure_holder_token(holder) == 0)
        printf("%s: nobody leads\n", name);
    else
        printf("%s: %.*s leads\n", name, (int)len, value);
    tenure_holder_free(holder);
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "scheduler";
    const char *value = argc > 2 ? argv[2] : "somebody";
    tenure_client *client;
    tenure_observer *observer;
    tenure_lease *lease;

    must("connect", tenure_client_open(NULL, NULL, &client));
    must("observe", tenure_observe(client, name, &observer));
    tell(name, observer);

    must("be elected", tenure_campaign(client, name, TENURE_FOREVER, value, strlen(value), &lease));
    tell(name, observer);
    must("proclaim", tenure_proclaim(lease, "somebody busy", strlen("somebody busy")));
    tell(name, observer);

    must("resign", tenure_release(lease, 5000));
    tell(name, observer);

    tenure_lease_free(lease);
    tenure_observer_free(observer);
    tenure_client_free(client);
    return 0;
}
