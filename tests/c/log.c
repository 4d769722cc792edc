/*
 * The log is read from a queue: in order, with its levels, by the program itself; a forked child has a queue of its own.
 * Argument: an empty directory.
 */
#define _POSIX_C_SOURCE 200809L
#include "client.h"
#include "cluster.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOM 9216

static char line[ROOM];

static tenure_status next(void) {
    size_t len = sizeof line;
    tenure_status status = tenure_log_read(line, &len);
    CHECK(status != TENURE_OK || len == strlen(line) + 1);
    CHECK(status != TENURE_AGAIN || len == sizeof line);
    return status;
}

/* Reads until a line says `text`; waits for it. */
static void until(int fd, const char *text) {
    do {
        tenure_status status;
        while ((status = next()) == TENURE_AGAIN)
            CHECK(readable(fd, -1) == 1);
        CHECK_STATUS(status, TENURE_OK);
    } while (strstr(line, text) == NULL);
}

static void ask(tenure_client *client, const char *name) {
    CHECK_STATUS(tenure_break(client, name, 0, 3600000, "100 % sure"), TENURE_OK);
}

static void lines_are_read_with_level_time_and_part(tenure_client *client, int fd) {
    long long unix_ms = 0;
    int level = 0, text = 0;
    char part[16] = "";
    tenure_lease *lease = acquire(client, "log/a");
    ask(client, "log/a");
    until(fd, "log/a is asked to end");
    CHECK(sscanf(line, "%d %lld %15s %n", &level, &unix_ms, part, &text) == 3);
    CHECK(level == TENURE_LOG_INFO && strcmp(part, "client") == 0);
    /* It was said in this century. */
    CHECK(unix_ms > 946684800000 && unix_ms < 4102444800000);
    CHECK(strncmp(line + text, "log/a is asked to end", 21) == 0 && strstr(line, "100 % sure") != NULL);
    release(lease);
}

static void a_line_that_does_not_fit_stays(tenure_client *client, int fd) {
    size_t len = 0, needed;
    char small[4] = "abc";
    tenure_lease *lease = acquire(client, "log/b");
    ask(client, "log/b");
    while (tenure_log_read(NULL, &len) == TENURE_AGAIN)
        CHECK(readable(fd, -1) == 1);
    needed = len;
    CHECK(needed > sizeof small && needed <= ROOM);
    len = sizeof small;
    CHECK_STATUS(tenure_log_read(small, &len), TENURE_TOO_SMALL);
    CHECK(len == needed && strcmp(small, "abc") == 0 && readable(fd, 0) == 1);
    CHECK_STATUS(tenure_log_read(NULL, &len), TENURE_INVALID);
    CHECK_STATUS(tenure_log_read(small, NULL), TENURE_INVALID);
    CHECK_STATUS(next(), TENURE_OK);
    CHECK(strlen(line) + 1 == needed);
    release(lease);
}

/* Nothing is said below the level, wherever the lines go; and what is said is readable as long as it is not read. */
static void the_level_is_set_alone(tenure_client *client, int fd) {
    tenure_lease *lease = acquire(client, "log/c");
    CHECK_STATUS(tenure_log_level(TENURE_LOG_ERROR), TENURE_OK);
    while (next() == TENURE_OK)
        continue;
    ask(client, "log/c");
    while (readable(tenure_lease_fd(lease), -1) != 1)
        continue;
    check_state(lease, TENURE_LEASE_STATE_ASKED, TENURE_REASON_NONE);
    CHECK_STATUS(tenure_log_level(TENURE_LOG_INFO), TENURE_OK);
    release(lease);
    lease = acquire(client, "log/d");
    ask(client, "log/d");
    until(fd, "is asked to end");
    CHECK(strstr(line, "log/d") != NULL);
    release(lease);
}

static void a_child_has_a_queue_of_its_own(tenure_client *client, const char *endpoints, int fd) {
    int status = -1;
    pid_t child;
    tenure_lease *lease = acquire(client, "log/e");
    ask(client, "log/e");
    CHECK(readable(fd, -1) == 1);
    child = fork();
    if (child == 0) {
        int own;
        CHECK_STATUS(next(), TENURE_FORKED);
        /* What the parent has not read is the parent's; its descriptor is nothing here. */
        CHECK(readable(fd, 0) == 0);
        own = tenure_log_fd();
        CHECK(own >= 0 && own != fd && readable(own, 0) == 0);
        CHECK_STATUS(next(), TENURE_AGAIN);
        client = open_client(endpoints, "child");
        lease = acquire(client, "log/f");
        ask(client, "log/f");
        until(own, "log/f is asked to end");
        release(lease);
        tenure_client_free(client);
        _exit(0);
    }
    while (waitpid(child, &status, 0) < 0)
        CHECK(errno == EINTR);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    until(fd, "log/e is asked to end");
    release(lease);
}

/* What a callback may not: call Tenure for each line. */
static void *read_and_call(void *client) {
    tenure_session_info info = TENURE_SESSION_INFO_INIT;
    int fd = tenure_log_fd();
    until(fd, "log/g is asked to end");
    CHECK_STATUS(tenure_client_session(client, &info), TENURE_OK);
    return NULL;
}

static void a_thread_of_the_program_reads(tenure_client *client) {
    pthread_t reader;
    tenure_lease *lease = acquire(client, "log/g");
    CHECK(pthread_create(&reader, NULL, read_and_call, client) == 0);
    ask(client, "log/g");
    CHECK(pthread_join(reader, NULL) == 0);
    release(lease);
}

static void post(void *said, int32_t level, const char *text) {
    (void)level;
    if (strstr(text, "log/i is asked to end") != NULL)
        CHECK(sem_post(said) == 0);
}

/* What waits when the log goes elsewhere is read all the same, and nothing comes after it. */
static void what_waits_is_read_when_the_log_goes_elsewhere(tenure_client *client, int fd) {
    static sem_t said;
    tenure_lease *lease = acquire(client, "log/h");
    tenure_lease *other = acquire(client, "log/i");
    ask(client, "log/h");
    until(fd, "log/h is asked to end");
    CHECK(sem_init(&said, 0, 0) == 0);
    CHECK_STATUS(tenure_log_to(post, &said, TENURE_LOG_INFO), TENURE_OK);
    while (next() == TENURE_OK)
        continue;
    ask(client, "log/i");
    while (sem_wait(&said) != 0)
        CHECK(errno == EINTR);
    CHECK_STATUS(next(), TENURE_AGAIN);
    CHECK(readable(fd, 0) == 0);
    CHECK(tenure_log_fd() == fd);
    release(other);
    other = acquire(client, "log/j");
    ask(client, "log/j");
    until(fd, "log/j is asked to end");
    release(other);
    release(lease);
}

int main(int argc, char **argv) {
    struct cluster cluster;
    tenure_client *client;
    int fd;
    CHECK(argc == 2);
    CHECK_STATUS(next(), TENURE_INVALID);
    fd = tenure_log_fd();
    CHECK(fd >= 0 && tenure_log_fd() == fd);
    CHECK_STATUS(tenure_log_level(TENURE_LOG_INFO), TENURE_OK);
    cluster_start(&cluster, argv[1]);
    client = open_client(cluster.endpoints, "logger");
    lines_are_read_with_level_time_and_part(client, fd);
    a_line_that_does_not_fit_stays(client, fd);
    the_level_is_set_alone(client, fd);
    a_child_has_a_queue_of_its_own(client, cluster.endpoints, fd);
    a_thread_of_the_program_reads(client);
    what_waits_is_read_when_the_log_goes_elsewhere(client, fd);
    tenure_client_free(client);
    cluster_stop(&cluster);
    CHECK_STATUS(tenure_log_to(NULL, NULL, TENURE_LOG_WARN), TENURE_OK);
    puts("log: good");
    return 0;
}
