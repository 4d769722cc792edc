/* How much more the whole process holds than before, of the C library's heap (Rust's too) and of descriptors. */
#ifndef GROWTH_H
#define GROWTH_H

#include <dirent.h>
#include <malloc.h>
#include <stdio.h>

struct growth {
    size_t bytes;
    int descriptors;
};

static inline int descriptors_now(void) {
    int count = 0;
    DIR *open = opendir("/proc/self/fd");
    CHECK(open != NULL);
    while (readdir(open) != NULL)
        count++;
    closedir(open);
    return count;
}

static inline size_t bytes_now(void) {
    struct mallinfo2 heap = mallinfo2();
    return heap.uordblks + heap.hblkhd;
}

static inline void growth_begin(struct growth *growth) {
    growth->descriptors = descriptors_now();
    growth->bytes = bytes_now();
}

static inline void growth_print(const struct growth *before) {
    printf("bytes %lld descriptors %d\n", (long long)bytes_now() - (long long)before->bytes,
           descriptors_now() - before->descriptors);
}

#endif
