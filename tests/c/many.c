/*
 * Many clients in one program: one thread for all of them, also in a forked child, which has its own; another one for those
 * that a thread of another priority opened; many calls that leave together; a log that hangs in a line of one client holds up no other; and waits that need no
 * descriptor. Argument: an empty directory.
 */
#define _GNU_SOURCE
#include "client.h"
#include "cluster.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define CLIENTS 40
#define SERVING "tenure-clients\n"

/* The threads that serve clients; the last one's policy to *policy and the signals that it blocks to *blocked. */
static int serving(int *policy, unsigned long long *blocked) {
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    int count = 0;
    CHECK(tasks != NULL);
    while ((task = readdir(tasks)) != NULL) {
        char path[512], line[256] = "";
        FILE *file;
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
        file = fopen(path, "r");
        if (file == NULL)
            continue;
        if (fgets(line, sizeof line, file) == NULL || strcmp(line, SERVING) != 0) {
            fclose(file);
            continue;
        }
        fclose(file);
        snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
        file = fopen(path, "r");
        /* Without it the thread has ended meanwhile. */
        while (file != NULL && fgets(line, sizeof line, file) != NULL)
            if (sscanf(line, "SigBlk: %llx", blocked) == 1) {
                *policy = sched_getscheduler(atoi(task->d_name));
                count++;
                break;
            }
        if (file != NULL)
            fclose(file);
    }
    closedir(tasks);
    return count;
}

/* Until so many threads serve: one that ends is there for a moment, and a new one is called as whoever started it until
   it runs. */
static void wait_for(int count, int *policy, unsigned long long *blocked) {
    while (serving(policy, blocked) != count)
        sched_yield();
}

static void wait_for_none(void) {
    int policy;
    unsigned long long blocked;
    wait_for(0, &policy, &blocked);
}

/* Hands `name` from one client to the other; the clients' own thread hears of it, as nobody waits in a call. */
static void hand_over(tenure_client *one, tenure_client *two, const char *name) {
    tenure_lease *lease = acquire(one, name);
    tenure_pending *waits = start(two, name);
    release(lease);
    CHECK(readable(tenure_pending_fd(waits), 60000) == 1);
    release(taken(waits));
}

static void open_all(const char *endpoints, tenure_client **clients) {
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = open_client(endpoints, "many");
}

static void free_all(tenure_client **clients) {
    for (int i = 0; i < CLIENTS; i++)
        tenure_client_free(clients[i]);
}

static void in_the_child(const char *endpoints, tenure_client **parents, tenure_lease *lease) {
    tenure_client *clients[CLIENTS];
    tenure_session_info info = TENURE_SESSION_INFO_INIT;
    int policy;
    unsigned long long blocked;
    CHECK(serving(&policy, &blocked) == 0);
    CHECK(tenure_lease_remaining_ns(lease) == 0);
    for (int i = 0; i < CLIENTS; i++) {
        tenure_lease *none = NULL;
        CHECK_STATUS(tenure_acquire(parents[i], "child", 0, NULL, &none), TENURE_FORKED);
        CHECK_STATUS(tenure_client_next(parents[i], 0, &info), TENURE_FORKED);
    }
    tenure_lease_free(lease);
    free_all(parents);
    open_all(endpoints, clients);
    wait_for(1, &policy, &blocked);
    hand_over(clients[0], clients[1], "child");
    free_all(clients);
    wait_for_none();
}

static void forks(const char *endpoints) {
    tenure_client *clients[CLIENTS];
    tenure_lease *lease;
    int policy, status = -1;
    unsigned long long blocked = 0;
    pid_t child;
    open_all(endpoints, clients);
    wait_for(1, &policy, &blocked);
    for (int signal = 1; signal < 32; signal++)
        CHECK(signal == SIGKILL || signal == SIGSTOP || (blocked >> (signal - 1) & 1) == 1);
    lease = acquire(clients[0], "parent");
    child = fork();
    if (child == 0) {
        in_the_child(endpoints, clients, lease);
        _exit(0);
    }
    while (waitpid(child, &status, 0) < 0)
        CHECK(errno == EINTR);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    check_state(lease, TENURE_LEASE_STATE_HELD, TENURE_REASON_NONE);
    hand_over(clients[1], clients[CLIENTS - 1], "both");
    release(lease);
    free_all(clients);
    wait_for_none();
}

static void *open_idly(void *arg) {
    struct sched_param none = {0};
    const char *endpoints = ((void **)arg)[0];
    tenure_client **clients = ((void **)arg)[1];
    CHECK(sched_setscheduler(0, SCHED_IDLE, &none) == 0);
    open_all(endpoints, clients);
    return NULL;
}

/* What a thread opens is served as urgently as that thread runs, whoever else opens clients. */
static void are_placed(const char *endpoints) {
    tenure_client *idle[CLIENTS], *clients[CLIENTS];
    void *arg[2] = {(void *)endpoints, idle};
    pthread_t thread;
    int policy = -1;
    unsigned long long blocked;
    CHECK(pthread_create(&thread, NULL, open_idly, arg) == 0 && pthread_join(thread, NULL) == 0);
    wait_for(1, &policy, &blocked);
    CHECK(policy == SCHED_IDLE);
    open_all(endpoints, clients);
    wait_for(2, &policy, &blocked);
    hand_over(idle[0], clients[0], "placed");
    hand_over(clients[1], idle[1], "placed");
    free_all(idle);
    wait_for(1, &policy, &blocked);
    CHECK(policy == sched_getscheduler(0));
    free_all(clients);
    wait_for_none();
}

static sem_t hangs, goes_on;

static void hang(void *user, int32_t level, const char *line) {
    (void)user;
    (void)level;
    if (strstr(line, "hanging is asked to end within") == NULL)
        return;
    CHECK(sem_post(&hangs) == 0);
    while (sem_wait(&goes_on) != 0)
        CHECK(errno == EINTR);
}

static void log_hangs(const char *endpoints) {
    tenure_client *one = open_client(endpoints, "one");
    tenure_client *two = open_client(endpoints, "two");
    tenure_lease *lease = acquire(one, "hanging");
    CHECK(sem_init(&hangs, 0, 0) == 0 && sem_init(&goes_on, 0, 0) == 0);
    CHECK_STATUS(tenure_log_to(hang, NULL, TENURE_LOG_INFO), TENURE_OK);
    CHECK_STATUS(tenure_break(two, "hanging", 0, 3600000, NULL), TENURE_OK);
    while (sem_wait(&hangs) != 0)
        CHECK(errno == EINTR);
    hand_over(one, two, "hung");
    hand_over(two, one, "hung");
    check_state(lease, TENURE_LEASE_STATE_ASKED, TENURE_REASON_NONE);
    CHECK(sem_post(&goes_on) == 0);
    /* When this returns the callback runs no more. */
    CHECK_STATUS(tenure_log_to(NULL, NULL, TENURE_LOG_WARN), TENURE_OK);
    release(lease);
    tenure_client_free(one);
    tenure_client_free(two);
    wait_for_none();
}

static void *take_turns(void *client) {
    for (int i = 0; i < 20; i++)
        release(acquire(client, "scarce"));
    return NULL;
}

/* Threads that wait need no descriptor: where there is none for the poll of their own, they sleep. */
static void without_descriptors(const char *endpoints) {
    enum { THREADS = 4 };
    tenure_client *clients[THREADS], *none = NULL;
    pthread_t threads[THREADS];
    struct rlimit before, low;
    int taken[64], count = 0;
    for (int i = 0; i < THREADS; i++)
        clients[i] = open_client(endpoints, "scarce");
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    low = before;
    low.rlim_cur = sizeof taken / sizeof *taken;
    CHECK(setrlimit(RLIMIT_NOFILE, &low) == 0);
    while (count < 64 && (taken[count] = dup(0)) >= 0)
        count++;
    CHECK_STATUS(tenure_client_open(endpoints, NULL, &none), TENURE_LIMIT);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, take_turns, clients[i]) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    while (count > 0)
        close(taken[--count]);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    for (int i = 0; i < THREADS; i++)
        tenure_client_free(clients[i]);
    wait_for_none();
}

/* Many acquires of one thread under one cork, and as many releases that nobody waits for. */
static void corked(const char *endpoints) {
    enum { TOGETHER = 150 };
    tenure_client *client = open_client(endpoints, "corked");
    tenure_pending *pending[TOGETHER];
    tenure_lease *lease[TOGETHER];
    char name[32];
    CHECK_STATUS(tenure_client_uncork(client), TENURE_INVALID);
    CHECK(strstr(tenure_last_error(), "has not corked") != NULL);
    CHECK_STATUS(tenure_client_flush(client), TENURE_OK);
    CHECK_STATUS(tenure_client_cork(client), TENURE_OK);
    CHECK_STATUS(tenure_client_cork(client), TENURE_OK);
    for (int i = 0; i < TOGETHER; i++) {
        snprintf(name, sizeof name, "corked/%d", i);
        pending[i] = start(client, name);
    }
    CHECK_STATUS(tenure_client_uncork(client), TENURE_OK);
    CHECK_STATUS(tenure_client_flush(client), TENURE_OK);
    for (int i = 0; i < TOGETHER; i++) {
        CHECK_STATUS(tenure_pending_take(pending[i], TENURE_FOREVER, &lease[i]), TENURE_OK);
        tenure_pending_free(pending[i]);
        CHECK(i == 0 || tenure_lease_token(lease[i]) > tenure_lease_token(lease[i - 1]));
    }
    for (int i = 0; i < TOGETHER; i++) {
        CHECK_STATUS(tenure_release(lease[i], 0), TENURE_OK);
        CHECK(tenure_lease_remaining_ns(lease[i]) == 0);
        CHECK_STATUS(tenure_release(lease[i], 0), TENURE_LOST);
        tenure_lease_free(lease[i]);
    }
    CHECK_STATUS(tenure_client_uncork(client), TENURE_OK);
    CHECK_STATUS(tenure_client_uncork(client), TENURE_INVALID);
    /* What this client asks now comes behind all of that. */
    tenure_lease_free(acquire(client, name));
    tenure_client_free(client);
    wait_for_none();
}

/* Ends by exit() with a release that is corked; its session outlives it by minutes. */
static int end_corked(const char *endpoints) {
    tenure_client_options options = TENURE_CLIENT_OPTIONS_INIT;
    tenure_session_info session = TENURE_SESSION_INFO_INIT;
    tenure_client *client;
    tenure_lease *lease;
    options.ttl_ms = 3600000;
    options.connect_timeout_ms = 60000;
    CHECK_STATUS(tenure_client_open(endpoints, &options, &client), TENURE_OK);
    CHECK_STATUS(tenure_client_session(client, &session), TENURE_OK);
    CHECK(session.ttl_ms > 60000);
    lease = acquire(client, "corked/exit");
    CHECK_STATUS(tenure_client_cork(client), TENURE_OK);
    CHECK_STATUS(tenure_release(lease, 0), TENURE_OK);
    return 0;
}

/* What a process left corked is sent when it ends by exit(): its lock is free long before its TTL is over. */
static void corked_at_exit(const char *endpoints, const char *self) {
    tenure_client *client = open_client(endpoints, "behind");
    tenure_lease *lease = NULL;
    int status = -1;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        execl(self, self, endpoints, "corked", (char *)NULL);
        _exit(127);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_STATUS(tenure_acquire(client, "corked/exit", 30000, NULL, &lease), TENURE_OK);
    tenure_lease_free(lease);
    tenure_client_free(client);
    wait_for_none();
}

int main(int argc, char **argv) {
    struct cluster cluster;
    if (argc == 3)
        return end_corked(argv[1]);
    CHECK(argc == 2);
    cluster_start(&cluster, argv[1]);
    corked(cluster.endpoints);
    corked_at_exit(cluster.endpoints, argv[0]);
    forks(cluster.endpoints);
    are_placed(cluster.endpoints);
    without_descriptors(cluster.endpoints);
    log_hangs(cluster.endpoints);
    cluster_stop(&cluster);
    puts("many: good");
    return 0;
}
