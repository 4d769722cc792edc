/*
 * Loaded before the C library (LD_PRELOAD), writes what a node writes, syncs and sends to the file that
 * TRACE_FILE names, in the order in which it happens. Only log segments, the hard state and sockets are of
 * interest.
 *
 * A record: nanoseconds (CLOCK_MONOTONIC), kind, length of the path, offset, length of the payload: u64, u32,
 * u32, u64, u64; then path and payload. A write is recorded before it is done, a sync after it has succeeded,
 * a send with the time before it, once it is known how much was taken. One lock holds from the call to its
 * record, so that the order of the records is the order of the calls.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind { STARTED = 1, WRITTEN = 2, SYNCED = 3, SENT = 4 };

struct head {
    uint64_t nanos;
    uint32_t kind, path_length;
    uint64_t offset, payload_length;
};

#define PAYLOAD_MAX (8u << 20)

static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static int trace = -1;
static char payload[PAYLOAD_MAX];

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fdatasync)(int);
static int (*real_fsync)(int);
static ssize_t (*real_sendmsg)(int, const struct msghdr *, int);

static void *find(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);

    if (found == NULL)
        abort();
    return found;
}

static uint64_t now(void) {
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void record(enum kind kind, uint64_t nanos, const char *path, uint64_t offset, const void *bytes,
                   size_t length) {
    struct head head = {nanos, kind, (uint32_t)strlen(path), offset, length};
    struct iovec parts[3] = {
        {&head, sizeof head}, {(void *)path, head.path_length}, {(void *)bytes, length}};
    ssize_t whole = (ssize_t)(sizeof head + head.path_length + length);

    if (syscall(SYS_writev, trace, parts, 3) != whole)
        abort();
}

/* What `fd` stands for, if it is of interest: the last part of its path, or "socket:[INODE]". */
static const char *name_of(int fd, char *buffer, size_t size) {
    char link[32];
    const char *name;
    ssize_t length;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, buffer, size - 1);
    if (trace < 0 || length < 0)
        return NULL;
    buffer[length] = 0;
    name = strrchr(buffer, '/') == NULL ? buffer : strrchr(buffer, '/') + 1;
    if (strncmp(name, "log-", 4) == 0 || strcmp(name, "hard-state") == 0 || strncmp(name, "socket:", 7) == 0)
        return name;
    return NULL;
}

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("TRACE_FILE");

    *(void **)&real_pwrite = find("pwrite64");
    *(void **)&real_fdatasync = find("fdatasync");
    *(void **)&real_fsync = find("fsync");
    *(void **)&real_sendmsg = find("sendmsg");
    trace = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (trace >= 0)
        record(STARTED, now(), "", 0, NULL, 0);
}

static ssize_t traced_pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    char buffer[512];
    const char *name = name_of(fd, buffer, sizeof buffer);
    ssize_t result;

    if (name == NULL)
        return real_pwrite(fd, bytes, length, offset);
    pthread_mutex_lock(&order);
    record(WRITTEN, now(), name, (uint64_t)offset, bytes, length);
    result = real_pwrite(fd, bytes, length, offset);
    pthread_mutex_unlock(&order);
    return result;
}

static int traced_sync(int fd, int (*real)(int)) {
    char buffer[512];
    const char *name = name_of(fd, buffer, sizeof buffer);
    int result;

    if (name == NULL)
        return real(fd);
    pthread_mutex_lock(&order);
    result = real(fd);
    if (result == 0)
        record(SYNCED, now(), name, 0, NULL, 0);
    pthread_mutex_unlock(&order);
    return result;
}

/* The first `length` bytes of a message, in one piece. */
static void gather(const struct msghdr *message, size_t length) {
    size_t done = 0;

    if (length > PAYLOAD_MAX)
        abort();
    for (size_t at = 0; at < message->msg_iovlen && done < length; at++) {
        size_t part = message->msg_iov[at].iov_len;

        part = part < length - done ? part : length - done;
        memcpy(payload + done, message->msg_iov[at].iov_base, part);
        done += part;
    }
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    return traced_pwrite(fd, bytes, length, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
    return traced_pwrite(fd, bytes, length, offset);
}

int fdatasync(int fd) {
    return traced_sync(fd, real_fdatasync);
}

int fsync(int fd) {
    return traced_sync(fd, real_fsync);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    char buffer[512];
    const char *name = name_of(fd, buffer, sizeof buffer);
    uint64_t nanos;
    ssize_t result;

    if (name == NULL)
        return real_sendmsg(fd, message, flags);
    pthread_mutex_lock(&order);
    nanos = now();
    result = real_sendmsg(fd, message, flags);
    if (result > 0) {
        gather(message, (size_t)result);
        record(SENT, nanos, name, 0, payload, (size_t)result);
    }
    pthread_mutex_unlock(&order);
    return result;
}
