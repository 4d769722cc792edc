/* What the threads of the fuzz draw from: random numbers, handles that live, lived, or never did, and names. */
#ifndef FUZZ_POOL_H
#define FUZZ_POOL_H

#include "check.h"
#include "cluster.h"
#include <pthread.h>
#include <string.h>

enum kind { CLIENT, LEASE, PENDING, OBSERVER, HOLDER, KINDS };

enum { SLOTS = 4, NAMES = 6 };

/* A handle that one thread alone frees, so that it may also follow pointers that the handle owns. */
struct own {
    void *handle;
    /* A pending: of which names, and a token below which it cannot get one. An observer: the last token. */
    unsigned names;
    uint64_t floor;
};

struct caller {
    uint64_t random;
    int number;
    long calls;
    struct own own[KINDS][SLOTS];
    void *freed[KINDS];
    uint64_t statuses[TENURE_INTERNAL + 1];
};

/* Which either thread uses and frees at any moment; only what takes one reader is not called with these. */
static void *shared[KINDS][SLOTS];
static const char *const names[NAMES] = {"fuzz/a", "fuzz/b", "fuzz/c", "fuzz/d", "elect/a", "elect/\xc3\xa4"};
/* The largest token that was seen for each. */
static uint64_t seen[NAMES];
static pthread_mutex_t seen_guard = PTHREAD_MUTEX_INITIALIZER;
static const char *endpoints;
/* The nodes, if they are in this process. */
static struct cluster *embedded;

/* xorshift64* */
static uint64_t draw(struct caller *caller) {
    caller->random ^= caller->random >> 12;
    caller->random ^= caller->random << 25;
    caller->random ^= caller->random >> 27;
    return caller->random * UINT64_C(2685821657736338717);
}

static unsigned below(struct caller *caller, unsigned bound) {
    return (unsigned)((draw(caller) >> 33) % bound);
}

static int one_in(struct caller *caller, unsigned bound) {
    return below(caller, bound) == 0;
}

#define BIT(status) (UINT64_C(1) << (status))

/* A status that the function's comment does not promise is a bug; so is a failure without a text, and a reason without a loss. */
static tenure_status judge(struct caller *caller, const char *function, tenure_status status, uint64_t promised) {
    int known = status >= 0 && status <= TENURE_INTERNAL && (BIT(status) & (promised | BIT(TENURE_OK)));
    int32_t reason = tenure_last_reason();
    int misled = reason < TENURE_REASON_NONE || reason > TENURE_REASON_FORKED ||
                 (reason != TENURE_REASON_NONE && status != TENURE_OK && status != TENURE_LOST);
    if (!known || misled || (status != TENURE_OK && tenure_last_error()[0] == 0)) {
        fprintf(stderr, "call %ld of thread %d: %s is %s (last error: %s)\n", caller->calls, caller->number, function,
                tenure_status_name(status), tenure_last_error());
        abort();
    }
    caller->statuses[status]++;
    return status;
}

/* The checked call: its name, and what it may answer besides TENURE_OK. */
#define JUDGE(call, promised) judge(caller, #call, call, promised)

static void free_handle(enum kind kind, void *handle) {
    switch (kind) {
    case CLIENT: tenure_client_free(handle); break;
    case LEASE: tenure_lease_free(handle); break;
    case PENDING: tenure_pending_free(handle); break;
    case OBSERVER: tenure_observer_free(handle); break;
    case HOLDER: tenure_holder_free(handle); break;
    default: abort();
    }
}

static void check_freed(enum kind kind, void *handle) {
    tenure_session_info info = TENURE_SESSION_INFO_INIT;
    void *none = NULL;
    switch (kind) {
    case CLIENT: CHECK_STATUS(tenure_client_session(handle, &info), TENURE_INVALID); break;
    case LEASE: CHECK_STATUS(tenure_lease_state(handle, NULL, NULL), TENURE_INVALID); break;
    case PENDING: CHECK_STATUS(tenure_pending_take(handle, 0, (tenure_lease **)&none), TENURE_INVALID); break;
    case OBSERVER: CHECK_STATUS(tenure_observer_next(handle, 0, (tenure_holder **)&none), TENURE_INVALID); break;
    case HOLDER: CHECK(tenure_holder_client(handle) == NULL); break;
    default: abort();
    }
}

static void free_own(struct caller *caller, enum kind kind, struct own *own) {
    void *handle = own->handle;
    if (handle == NULL)
        return;
    free_handle(kind, handle);
    check_freed(kind, handle);
    free_handle(kind, handle);
    caller->freed[kind] = handle;
    memset(own, 0, sizeof *own);
}

static void free_shared(struct caller *caller, enum kind kind, void *handle) {
    if (handle == NULL)
        return;
    free_handle(kind, handle);
    caller->freed[kind] = handle;
}

/* Keeps a new handle in the place of another, which is freed. */
static void keep(struct caller *caller, enum kind kind, void *handle, unsigned of_names, uint64_t floor) {
    unsigned at = below(caller, SLOTS);
    CHECK(handle != NULL);
    if (one_in(caller, 4)) {
        free_shared(caller, kind, __atomic_exchange_n(&shared[kind][at], handle, __ATOMIC_ACQ_REL));
        return;
    }
    free_own(caller, kind, &caller->own[kind][at]);
    caller->own[kind][at].handle = handle;
    caller->own[kind][at].names = of_names;
    caller->own[kind][at].floor = floor;
}

static struct own *draw_own(struct caller *caller, enum kind kind) {
    return &caller->own[kind][below(caller, SLOTS)];
}

/* Mostly a live handle of that kind, which others may free meanwhile. */
static void *draw_handle(struct caller *caller, enum kind kind) {
    unsigned at = below(caller, SLOTS);
    unsigned choice = below(caller, 32);
    enum kind other = (enum kind)below(caller, KINDS);
    if (choice < 20)
        return caller->own[kind][at].handle;
    if (choice < 28)
        return __atomic_load_n(&shared[kind][at], __ATOMIC_ACQUIRE);
    switch (choice) {
    case 28: return caller->freed[kind];
    case 29: return other == kind ? NULL : caller->own[other][at].handle;
    case 30: return (void *)(uintptr_t)(draw(caller) & UINT64_C(0xf0000ffff)); /* Nearly a handle. */
    default: return embedded ? (void *)embedded->nodes[at % 3] : &caller->random;
    }
}

static char too_long[4098];

/* One of `names`, by its place, or -1 and a name that is none. */
static int draw_name(struct caller *caller, const char **name) {
    static const char *const bad[] = {NULL, "", too_long, "\xff", "\xed\xa0\x80", "a\xc3"};
    int at = (int)below(caller, NAMES);
    *name = names[at];
    if (one_in(caller, 16)) {
        *name = bad[below(caller, sizeof bad / sizeof *bad)];
        return -1;
    }
    return at;
}

/* Of a call that blocks so long. */
static int64_t draw_wait(struct caller *caller) {
    static const int64_t waits[] = {0, 0, 0, 0, 1, 1, 2, 5, 10, 20, -2, INT64_MIN};
    return waits[below(caller, sizeof waits / sizeof *waits)];
}

/* Of a request that waits in the background, or of a call that ends soon by itself. */
static int64_t draw_long_wait(struct caller *caller) {
    static const int64_t waits[] = {TENURE_FOREVER, INT64_MAX, INT64_MAX / 1000000, 60000};
    return one_in(caller, 2) ? waits[below(caller, sizeof waits / sizeof *waits)] : draw_wait(caller);
}

static uint64_t floor_of(unsigned of_names) {
    uint64_t floor = 0;
    pthread_mutex_lock(&seen_guard);
    for (int at = 0; at < NAMES; at++)
        if ((of_names >> at & 1) && seen[at] > floor)
            floor = seen[at];
    pthread_mutex_unlock(&seen_guard);
    return floor;
}

/* A grant that was asked for when `floor` had been seen has a larger token; who enters again has that one or more. */
static void check_token(unsigned of_names, uint64_t floor, uint64_t token) {
    CHECK(token > floor && token <= INT64_MAX);
    pthread_mutex_lock(&seen_guard);
    for (int at = 0; at < NAMES; at++)
        if ((of_names >> at & 1) && seen[at] < token)
            seen[at] = token;
    pthread_mutex_unlock(&seen_guard);
}

#endif
