/*
 * Loaded before the C library (LD_PRELOAD), makes each fdatasync and fsync take SYNC_MS milliseconds more, as on a disk
 * that is so slow.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int (*real_fdatasync)(int);
static int (*real_fsync)(int);
static struct timespec more;

static void *find(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);

    if (found == NULL)
        abort();
    return found;
}

__attribute__((constructor)) static void begin(void) {
    const char *ms = getenv("SYNC_MS");
    long count = ms == NULL ? 0 : atol(ms);

    *(void **)&real_fdatasync = find("fdatasync");
    *(void **)&real_fsync = find("fsync");
    more.tv_sec = count / 1000;
    more.tv_nsec = count % 1000 * 1000000;
}

static int slow_sync(int fd, int (*real)(int)) {
    struct timespec left = more;

    while (nanosleep(&left, &left) != 0)
        ;
    return real(fd);
}

int fdatasync(int fd) {
    return slow_sync(fd, real_fdatasync);
}

int fsync(int fd) {
    return slow_sync(fd, real_fsync);
}
