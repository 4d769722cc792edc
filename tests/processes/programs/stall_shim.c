/*
 * Loaded before the C library (LD_PRELOAD), holds up each fdatasync and fsync for as long as the file exists that
 * STALL_FILE names, as a disk does that has stopped to answer: of files whose names begin with STALL_PREFIX.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *stall_file, *prefix;
static int (*real_fdatasync)(int);
static int (*real_fsync)(int);

static void *find(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);

    if (found == NULL)
        abort();
    return found;
}

__attribute__((constructor)) static void begin(void) {
    *(void **)&real_fdatasync = find("fdatasync");
    *(void **)&real_fsync = find("fsync");
    stall_file = getenv("STALL_FILE");
    prefix = getenv("STALL_PREFIX");
}

static int is_meant(int fd) {
    char link[32], path[512];
    const char *name;
    ssize_t length;

    if (stall_file == NULL || prefix == NULL)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    name = strrchr(path, '/') == NULL ? path : strrchr(path, '/') + 1;
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

static int stalled_sync(int fd, int (*real)(int)) {
    const struct timespec moment = {0, 1000000};

    if (is_meant(fd))
        while (access(stall_file, F_OK) == 0)
            nanosleep(&moment, NULL);
    return real(fd);
}

int fdatasync(int fd) {
    return stalled_sync(fd, real_fdatasync);
}

int fsync(int fd) {
    return stalled_sync(fd, real_fsync);
}
