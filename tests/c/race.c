/* Two threads write one number, and nothing orders them: a thread sanitizer that runs says so. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>

static int shared;

static void *write_it(void *argument) {
    shared++;
    return argument;
}

int main(void) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, write_it, NULL) != 0)
        return 1;
    shared++;
    if (pthread_join(thread, NULL) != 0)
        return 1;
    puts("race: done");
    return 0;
}
