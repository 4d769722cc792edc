/*
 * An event loop with a lock in it, and no thread: what waits for the lock, what tells of its loss, and what tells of the
 * session are descriptors like any other. Linux: epoll, signalfd, timerfd.
 *
 *   cc -o epoll epoll.c -ltenure
 *   ./epoll jobs/queue                          against TENURE_ENDPOINTS, or 127.0.0.1:7401,7402,7403
 *   tenure break jobs/queue                     in another terminal; or kill -TERM, which gives the lock back
 */
#define _POSIX_C_SOURCE 200809L
#include <tenure.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* What the loop waits for. */
enum source { SIGNAL, TICK, SESSION, PENDING, LEASE };

struct worker {
    int epoll;
    const char *name;
    tenure_client *client;
    tenure_pending *pending; /* while it waits for the lock */
    tenure_lease *lease;     /* while it has it */
    int finished;
};

static void must(const char *what, tenure_status status) {
    if (status != TENURE_OK) {
        fprintf(stderr, "epoll: cannot %s: %s: %s\n", what, tenure_status_name(status), tenure_last_error());
        exit(1);
    }
}

static void watch(struct worker *worker, int fd, enum source source) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = source};

    if (fd < 0 || epoll_ctl(worker->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        perror("epoll: cannot watch");
        exit(1);
    }
}

/* Before the descriptor's owner is freed, which closes it. */
static void unwatch(struct worker *worker, int fd) { epoll_ctl(worker->epoll, EPOLL_CTL_DEL, fd, NULL); }

static void wait_for_lock(struct worker *worker) {
    must("ask", tenure_acquire_start(worker->client, worker->name, TENURE_FOREVER, NULL, &worker->pending));
    watch(worker, tenure_pending_fd(worker->pending), PENDING);
    printf("waiting\n");
}

static void on_pending(struct worker *worker) {
    tenure_status status = tenure_pending_take(worker->pending, 0, &worker->lease);

    if (status == TENURE_AGAIN)
        return;
    unwatch(worker, tenure_pending_fd(worker->pending));
    tenure_pending_free(worker->pending);
    worker->pending = NULL;
    must("acquire the lock", status);
    watch(worker, tenure_lease_fd(worker->lease), LEASE);
    printf("has it: token %" PRIu64 "\n", tenure_lease_token(worker->lease));
}

static void give_back(struct worker *worker) {
    unwatch(worker, tenure_lease_fd(worker->lease));
    tenure_release(worker->lease, 0); /* 0: the loop does not wait for the server */
    tenure_lease_free(worker->lease);
    worker->lease = NULL;
}

/* Readable: the lease has ended, or it is asked to. */
static void on_lease(struct worker *worker) {
    int32_t state = TENURE_LEASE_STATE_ENDED;

    tenure_lease_state(worker->lease, &state, NULL);
    if (state == TENURE_LEASE_STATE_HELD)
        return;
    printf("%s\n", state == TENURE_LEASE_STATE_ASKED ? "asked for it: gives it back" : "lost it: stops");
    give_back(worker);
    wait_for_lock(worker);
}

static void on_session(struct worker *worker) {
    tenure_session_info info = TENURE_SESSION_INFO_INIT;

    while (tenure_client_next(worker->client, 0, &info) == TENURE_OK)
        if (info.state == TENURE_SESSION_STATE_JEOPARDY)
            printf("no server is heard: %" PRIu64 " ms left\n", info.remaining_ns / 1000000);
}

/* A piece of the work, much shorter than the TTL. Only this looks at the lease: the descriptor may come late in a loop
 * that is busy. */
static void on_tick(struct worker *worker, int timer) {
    uint64_t ticks;

    if (read(timer, &ticks, sizeof ticks) != sizeof ticks)
        return;
    if (worker->lease != NULL && tenure_lease_remaining_ns(worker->lease) > 0) {
        /* write(row, tenure_lease_token(worker->lease)) */
    }
}

int main(int argc, char **argv) {
    struct worker worker = {.epoll = epoll_create1(EPOLL_CLOEXEC), .name = argc > 1 ? argv[1] : "jobs/queue"};
    struct itimerspec tenth = {{0, 100000000}, {0, 100000000}};
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    sigset_t ending;

    setvbuf(stdout, NULL, _IOLBF, 0);
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    sigprocmask(SIG_BLOCK, &ending, NULL);
    timerfd_settime(timer, 0, &tenth, NULL);
    watch(&worker, signalfd(-1, &ending, SFD_CLOEXEC), SIGNAL);
    watch(&worker, timer, TICK);
    must("connect", tenure_client_open(NULL, NULL, &worker.client));
    watch(&worker, tenure_client_fd(worker.client), SESSION);
    wait_for_lock(&worker);

    /* One event at a time: handling one may close what the next is about. */
    while (!worker.finished) {
        struct epoll_event event;
        if (epoll_wait(worker.epoll, &event, 1, -1) != 1)
            continue;
        switch ((enum source)event.data.u32) {
        case SIGNAL: worker.finished = 1; break;
        case TICK: on_tick(&worker, timer); break;
        case SESSION: on_session(&worker); break;
        case PENDING: on_pending(&worker); break;
        case LEASE: on_lease(&worker); break;
        }
    }
    tenure_pending_free(worker.pending);
    tenure_lease_free(worker.lease);
    must("close", tenure_client_close(worker.client, 5000));
    tenure_client_free(worker.client);
    printf("gave it back\n");
    return 0;
}
