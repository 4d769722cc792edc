/*
 * Random sequences of calls from two threads, with arguments that make sense and such that do not. Arguments: a seed,
 * how many calls each thread makes, and an empty directory for three nodes in this process, or else the endpoints of
 * nodes that run.
 */
#define _POSIX_C_SOURCE 200809L
#include "fuzz_pool.h"

/* What every function on a client, and every one that acquires, may answer (include/tenure.h). */
static const uint64_t REFUSED = BIT(TENURE_INVALID) | BIT(TENURE_CLOSED);
static const uint64_t OPENS = BIT(TENURE_UNAVAILABLE) | BIT(TENURE_INVALID) | BIT(TENURE_UNSUPPORTED) | BIT(TENURE_LIMIT);
static const uint64_t STARTS = BIT(TENURE_INVALID) | BIT(TENURE_UNSUPPORTED) | BIT(TENURE_CLOSED) | BIT(TENURE_LIMIT);
static const uint64_t ACQUIRES = BIT(TENURE_TIMEOUT) | BIT(TENURE_HELD) | BIT(TENURE_DEADLOCK) | BIT(TENURE_UNAVAILABLE) |
                                 BIT(TENURE_BUSY) | BIT(TENURE_SESSION_EXPIRED) | BIT(TENURE_CLOSED) | BIT(TENURE_LIMIT) |
                                 BIT(TENURE_INVALID) | BIT(TENURE_UNSUPPORTED);
static const uint64_t ORDERS = BIT(TENURE_UNAVAILABLE) | BIT(TENURE_UNKNOWN) | BIT(TENURE_INVALID) | BIT(TENURE_CLOSED);

static uint32_t draw_size(struct caller *caller, uint32_t size) {
    const uint32_t bad[] = {0, size - 1, 4097, UINT32_MAX};
    return one_in(caller, 32) ? bad[below(caller, 4)] : size;
}

/* Where a new handle goes; NULL is no place. */
static void *draw_place(struct caller *caller, void *place) {
    return one_in(caller, 64) ? NULL : place;
}

/* None of them is a certificate or a key. */
static const char *draw_file(struct caller *caller) {
    static const char *const files[] = {NULL, "", "\xff", too_long, "/proc/no/such/file", "/proc/self/cmdline", "/proc"};
    return files[below(caller, 7)];
}

static tenure_client_options draw_client_options(struct caller *caller) {
    static const char *const clients[] = {"fuzz", NULL, "", "\xff", too_long, "other"};
    tenure_client_options options = TENURE_CLIENT_OPTIONS_INIT;
    options.struct_size = draw_size(caller, sizeof options);
    options.name = one_in(caller, 4) ? clients[below(caller, 6)] : "fuzz";
    options.connect_timeout_ms = one_in(caller, 16) ? 1 : 60000;
    options.request_timeout_ms = one_in(caller, 4) ? 1 + below(caller, 10) : one_in(caller, 4) ? UINT32_MAX : 60000;
    options.ttl_ms = one_in(caller, 4) ? (one_in(caller, 2) ? 1 : UINT32_MAX) : 0;
    options.progress_ms = one_in(caller, 8) ? (one_in(caller, 2) ? 1 : UINT32_MAX) : 0;
    options.flags = one_in(caller, 8) ? TENURE_OPEN_BACKGROUND : one_in(caller, 32) ? 2 : 0;
    options.ca = one_in(caller, 32) ? draw_file(caller) : NULL;
    options.cert = one_in(caller, 32) ? draw_file(caller) : NULL;
    options.key = one_in(caller, 32) ? draw_file(caller) : NULL;
    options.verify = one_in(caller, 32) ? below(caller, 3) : 0;
    return options;
}

static void open_client(struct caller *caller) {
    tenure_client_options options = draw_client_options(caller);
    tenure_client *client = (tenure_client *)(void *)caller;
    tenure_client **place = draw_place(caller, &client);
    unsigned choice = below(caller, 8);
    tenure_status status;
    if (embedded != NULL && choice == 0)
        status = JUDGE(tenure_node_client(embedded->nodes[below(caller, 3)], &options, place), OPENS);
    else if (choice == 1)
        status = JUDGE(tenure_client_open("no endpoint", &options, place), OPENS);
    else
        status = JUDGE(tenure_client_open(endpoints, &options, place), OPENS);
    if (status == TENURE_OK)
        keep(caller, CLIENT, client, 0, 0);
    else if (place != NULL)
        CHECK(client == NULL);
}

static void ask_client(struct caller *caller) {
    tenure_session_info info = TENURE_SESSION_INFO_INIT;
    struct own *own = draw_own(caller, CLIENT);
    info.struct_size = draw_size(caller, sizeof info);
    JUDGE(tenure_client_session(draw_handle(caller, CLIENT), &info), BIT(TENURE_INVALID));
    JUDGE(tenure_client_progress(draw_handle(caller, CLIENT)), REFUSED);
    JUDGE(tenure_client_cork(draw_handle(caller, CLIENT)), REFUSED);
    JUDGE(tenure_client_flush(draw_handle(caller, CLIENT)), REFUSED);
    JUDGE(tenure_client_uncork(draw_handle(caller, CLIENT)), REFUSED);
    JUDGE(tenure_client_next(own->handle, draw_wait(caller), draw_place(caller, &info)), REFUSED | BIT(TENURE_AGAIN));
    CHECK(tenure_client_fd(draw_handle(caller, CLIENT)) >= -1);
}

/* Rare: most of what a thread has ends with it. */
static void end_client(struct caller *caller) {
    if (one_in(caller, 2))
        JUDGE(tenure_client_close(draw_handle(caller, CLIENT), draw_long_wait(caller)), REFUSED | BIT(TENURE_TIMEOUT));
    else
        free_own(caller, CLIENT, draw_own(caller, CLIENT));
}

static tenure_acquire_options draw_acquire_options(struct caller *caller) {
    static char value[5000];
    static const size_t lengths[] = {0, 1, 100, 4096, 4097, SIZE_MAX};
    tenure_acquire_options options = TENURE_ACQUIRE_OPTIONS_INIT;
    options.struct_size = draw_size(caller, sizeof options);
    if (one_in(caller, 2))
        return options;
    options.mode = one_in(caller, 32) ? -1 : (int32_t)below(caller, 2);
    options.owner = one_in(caller, 2) ? below(caller, 3) : 0;
    options.limit = one_in(caller, 8) ? 1 + below(caller, 2) : one_in(caller, 32) ? UINT32_MAX : 0;
    options.permits = one_in(caller, 8) ? below(caller, 3) : one_in(caller, 32) ? UINT32_MAX : 0;
    options.value = one_in(caller, 8) ? NULL : value;
    options.value_len = one_in(caller, 2) ? lengths[below(caller, 6)] : 0;
    options.lock_delay_ms = one_in(caller, 32) ? UINT32_MAX : below(caller, 2);
    options.flags = below(caller, 64) == 0;
    return options;
}

/* What is asked for, and what is known of the token that it may get. */
struct wish {
    const char *names[33];
    size_t count;
    unsigned of_names;
    uint64_t floor;
    tenure_acquire_options options;
};

static void draw_wish(struct caller *caller, struct wish *wish, size_t count_max) {
    wish->options = draw_acquire_options(caller);
    wish->count = count_max == 1 ? 1 : one_in(caller, 16) ? below(caller, 34) : 1 + below(caller, 3);
    wish->of_names = 0;
    for (size_t i = 0; i < wish->count; i++) {
        int at = draw_name(caller, &wish->names[i]);
        if (at >= 0)
            wish->of_names |= 1u << at;
    }
    wish->floor = wish->options.owner == 0 ? floor_of(wish->of_names) : 0;
}

static void settle(struct caller *caller, tenure_status status, tenure_lease *lease, unsigned of_names, uint64_t floor) {
    if (status != TENURE_OK) {
        CHECK(lease == NULL);
        return;
    }
    check_token(of_names, floor, tenure_lease_token(lease));
    keep(caller, LEASE, lease, of_names, floor);
}

static void acquire(struct caller *caller) {
    tenure_client *client = draw_handle(caller, CLIENT);
    tenure_lease *lease = (tenure_lease *)(void *)caller;
    int64_t wait = draw_wait(caller);
    tenure_status status;
    struct wish wish;
    switch (below(caller, 3)) {
    case 0:
        draw_wish(caller, &wish, 1);
        status = JUDGE(tenure_acquire(client, wish.names[0], wait, &wish.options, &lease), ACQUIRES);
        break;
    case 1:
        draw_wish(caller, &wish, 33);
        status = JUDGE(tenure_acquire_all(client, wish.names, wish.count, wait, &wish.options, &lease), ACQUIRES);
        break;
    default:
        draw_wish(caller, &wish, 1);
        wish.floor = floor_of(wish.of_names);
        status = JUDGE(tenure_campaign(client, wish.names[0], wait, wish.options.value, wish.options.value_len, &lease),
                       ACQUIRES | BIT(TENURE_LOST));
    }
    settle(caller, status, lease, wish.of_names, wish.floor);
}

static void start(struct caller *caller) {
    tenure_client *client = draw_handle(caller, CLIENT);
    tenure_pending *pending = (tenure_pending *)(void *)caller;
    int64_t wait = draw_long_wait(caller);
    tenure_status status;
    struct wish wish;
    switch (below(caller, 3)) {
    case 0:
        draw_wish(caller, &wish, 1);
        status = JUDGE(tenure_acquire_start(client, wish.names[0], wait, &wish.options, &pending), STARTS);
        break;
    case 1:
        draw_wish(caller, &wish, 33);
        status = JUDGE(tenure_acquire_all_start(client, wish.names, wish.count, wait, &wish.options, &pending), STARTS);
        break;
    default:
        draw_wish(caller, &wish, 1);
        wish.floor = floor_of(wish.of_names);
        status = JUDGE(tenure_campaign_start(client, wish.names[0], wait, wish.options.value, wish.options.value_len, &pending),
                       STARTS);
    }
    if (status == TENURE_OK)
        keep(caller, PENDING, pending, wish.of_names, wish.floor);
    else
        CHECK(pending == NULL);
}

static void take(struct caller *caller) {
    struct own *own = draw_own(caller, PENDING);
    tenure_lease *lease = (tenure_lease *)(void *)caller;
    unsigned of_names = own->names;
    uint64_t floor = own->floor;
    tenure_status status;
    CHECK(tenure_pending_fd(draw_handle(caller, PENDING)) >= -1);
    if (one_in(caller, 4))
        tenure_pending_cancel(draw_handle(caller, PENDING));
    status = JUDGE(tenure_pending_take(own->handle, draw_wait(caller), &lease),
                   ACQUIRES | BIT(TENURE_AGAIN) | BIT(TENURE_CANCELLED) | BIT(TENURE_LOST));
    settle(caller, status, lease, of_names, floor);
    if (one_in(caller, 4))
        free_own(caller, PENDING, own);
}

/* What a lease was asked: all of it, or nothing but how much room it takes. */
static void read_order(struct caller *caller) {
    char why[256] = "unwritten";
    size_t room = one_in(caller, 2) ? sizeof why : below(caller, 8);
    size_t len = room;
    int64_t grace_ms = 0;
    tenure_status status = JUDGE(tenure_lease_asked(draw_handle(caller, LEASE), &grace_ms, why, &len),
                                 BIT(TENURE_INVALID) | BIT(TENURE_NOT_FOUND) | BIT(TENURE_TOO_SMALL));
    if (status == TENURE_OK)
        CHECK(grace_ms >= 0 && len <= room && strlen(why) == len - 1); /* 0: taken at once */
    else
        CHECK(grace_ms == 0 && strcmp(why, "unwritten") == 0);
    CHECK((status == TENURE_TOO_SMALL) == (len > room));
}

static void use_lease(struct caller *caller) {
    static const char *const clients[] = {NULL, "fuzz", "other", "\xff", too_long};
    static const size_t lengths[] = {0, 5, 4096, 4097, SIZE_MAX};
    struct own *own = draw_own(caller, LEASE);
    int32_t state = 0;
    int32_t reason = 0;
    if (own->handle != NULL) {
        CHECK(tenure_lease_name(own->handle)[0] != 0);
        CHECK(tenure_lease_token(own->handle) > own->floor);
        CHECK_STATUS(tenure_lease_state(own->handle, &state, &reason), TENURE_OK);
        if (state == TENURE_LEASE_STATE_ENDED)
            CHECK(reason != TENURE_REASON_NONE && tenure_lease_remaining_ns(own->handle) == 0);
    }
    CHECK(tenure_lease_fd(draw_handle(caller, LEASE)) >= -1);
    (void)tenure_lease_remaining_ns(draw_handle(caller, LEASE));
    (void)tenure_lease_token(draw_handle(caller, LEASE));
    read_order(caller);
    switch (below(caller, 6)) {
    case 0:
        JUDGE(tenure_transfer(draw_handle(caller, LEASE), clients[below(caller, 5)]),
              ORDERS | BIT(TENURE_NOT_FOUND) | BIT(TENURE_LOST));
        break;
    case 1:
        JUDGE(tenure_proclaim(draw_handle(caller, LEASE), too_long, lengths[below(caller, 5)]), ORDERS | BIT(TENURE_LOST));
        break;
    case 2:
        JUDGE(tenure_release(draw_handle(caller, LEASE), draw_long_wait(caller)),
              REFUSED | BIT(TENURE_LOST) | BIT(TENURE_TIMEOUT) | BIT(TENURE_UNKNOWN));
        break;
    case 3: free_own(caller, LEASE, own); break;
    case 4: free_shared(caller, LEASE, __atomic_load_n(&shared[LEASE][below(caller, SLOTS)], __ATOMIC_ACQUIRE)); break;
    default: JUDGE(tenure_lease_state(draw_handle(caller, LEASE), NULL, &reason), BIT(TENURE_INVALID));
    }
}

static void read_holder(struct caller *caller, void *holder) {
    size_t len = 77;
    const unsigned char *value = tenure_holder_value(holder, &len);
    unsigned sum = 0;
    CHECK(strlen(tenure_holder_client(holder)) <= 255);
    for (size_t i = 0; i < len; i++)
        sum += value[i];
    CHECK(len <= 4096 && sum <= 255 * len);
    CHECK(tenure_holder_since_unix_ms(holder) >= 0);
    (void)tenure_holder_missed(holder);
    (void)tenure_holder_token(draw_handle(caller, HOLDER));
}

static void observe(struct caller *caller) {
    struct own *own = draw_own(caller, OBSERVER);
    tenure_observer *observer = (tenure_observer *)(void *)caller;
    tenure_holder *holder = (tenure_holder *)(void *)caller;
    uint64_t token;
    const char *name;
    if (own->handle == NULL || one_in(caller, 8)) {
        draw_name(caller, &name);
        if (JUDGE(tenure_observe(draw_handle(caller, CLIENT), name, &observer), REFUSED | BIT(TENURE_LIMIT)) == TENURE_OK)
            keep(caller, OBSERVER, observer, 0, 0);
        else
            CHECK(observer == NULL);
        return;
    }
    CHECK(tenure_observer_fd(draw_handle(caller, OBSERVER)) >= -1);
    if (JUDGE(tenure_observer_next(own->handle, draw_wait(caller), &holder), REFUSED | BIT(TENURE_AGAIN)) != TENURE_OK) {
        CHECK(holder == NULL);
        return;
    }
    read_holder(caller, holder);
    token = tenure_holder_token(holder);
    /* The oldest holder's: whoever comes later has a larger one. */
    CHECK(token == 0 || token >= own->floor);
    own->floor = token == 0 ? own->floor : token;
    keep(caller, HOLDER, holder, 0, 0);
}

static void ask_server(struct caller *caller) {
    static const uint64_t tokens[] = {0, 1, UINT64_C(1) << 63, UINT64_MAX};
    static const int64_t graces[] = {-1, 0, 1, 5, INT64_MAX, -2, INT64_MIN};
    static const char *const kinds[] = {"locks", "lock", "session", "members", "access", "?", NULL};
    tenure_client *client = draw_handle(caller, CLIENT);
    tenure_holder *holder = (tenure_holder *)(void *)caller;
    uint64_t token = one_in(caller, 4) ? tokens[below(caller, 4)] : tenure_lease_token(draw_handle(caller, LEASE));
    size_t len = one_in(caller, 2) ? 0 : 64;
    char json[64];
    const char *name;
    draw_name(caller, &name);
    switch (below(caller, 4)) {
    case 0:
        if (JUDGE(tenure_holder_of(client, name, &holder), REFUSED | BIT(TENURE_NOT_FOUND) | BIT(TENURE_UNAVAILABLE)) !=
            TENURE_OK) {
            CHECK(holder == NULL);
            break;
        }
        read_holder(caller, holder);
        CHECK(tenure_holder_token(holder) > 0);
        keep(caller, HOLDER, holder, 0, 0);
        break;
    case 1: JUDGE(tenure_validate(client, name, token), REFUSED | BIT(TENURE_LOST) | BIT(TENURE_UNAVAILABLE)); break;
    case 2:
        JUDGE(tenure_break(client, name, token, graces[below(caller, 7)], one_in(caller, 8) ? too_long : "fuzz"),
              ORDERS | BIT(TENURE_NOT_FOUND));
        break;
    default:
        JUDGE(tenure_describe(client, kinds[below(caller, 7)], name, len == 0 ? NULL : json, &len),
              REFUSED | BIT(TENURE_TOO_SMALL) | BIT(TENURE_UNAVAILABLE));
    }
}

/* Nothing that would change who the members are: the nodes are to live. */
static void operate(struct caller *caller) {
    static const int64_t graces[] = {1, 5, 0, INT64_MAX, -2, INT64_MIN};
    static const char *const places[] = {"/nonexistent/file", "", NULL, "\xff"};
    static const uint64_t MEMBERS = BIT(TENURE_UNAVAILABLE) | BIT(TENURE_UNKNOWN) | BIT(TENURE_INVALID) | BIT(TENURE_CLOSED) |
                                    BIT(TENURE_NOT_FOUND);
    tenure_client *client = draw_handle(caller, CLIENT);
    tenure_restore_options options = TENURE_RESTORE_OPTIONS_INIT;
    uint64_t none = one_in(caller, 2) ? 9 : 0;
    const char *place = places[below(caller, 4)];
    const char *name;
    draw_name(caller, &name);
    switch (below(caller, 9)) {
    case 0: JUDGE(tenure_member_add(client, one_in(caller, 2) ? 1 : 0, place), MEMBERS); break;
    case 1: JUDGE(tenure_member_promote(client, one_in(caller, 2) ? 1 : none), MEMBERS); break;
    case 2: JUDGE(tenure_member_demote(client, none), MEMBERS); break;
    case 3: JUDGE(tenure_member_remove(client, none), MEMBERS); break;
    case 4: JUDGE(tenure_member_move(client, none, place), MEMBERS); break;
    case 5: JUDGE(tenure_move_leader(client, below(caller, 5), draw_wait(caller)), MEMBERS | BIT(TENURE_TIMEOUT)); break;
    case 6:
        JUDGE(tenure_handover(client, name, one_in(caller, 2) ? NULL : "fuzz", graces[below(caller, 6)], "fuzz"),
              ORDERS | BIT(TENURE_NOT_FOUND) | BIT(TENURE_TIMEOUT) | BIT(TENURE_LIMIT));
        break;
    case 7: JUDGE(tenure_snapshot_save(client, place), MEMBERS | BIT(TENURE_IO)); break;
    default:
        options.struct_size = draw_size(caller, sizeof options);
        options.id = below(caller, 3);
        options.data_dir = "/proc/no/such/directory";
        options.cluster = one_in(caller, 4) ? place : "1=127.0.0.1:1";
        JUDGE(tenure_snapshot_restore(place, &options, NULL),
              BIT(TENURE_INVALID) | BIT(TENURE_IO) | BIT(TENURE_DENIED));
    }
}

/* The nodes speak no TLS: rights stay off, whatever the rules say. */
static void change_rights(struct caller *caller) {
    static const char *const principals[] = {"client/a", "client/*", "*", "node/1", "", "\xff", NULL, too_long};
    static const char *const lists[] = {"read", "acquire,read", "admin", "write", NULL};
    static const char *const names[] = {"jobs/", "*", "jobs/*", "x", NULL};
    const char *principal = principals[below(caller, 8)], *rights = lists[below(caller, 5)], *name = names[below(caller, 5)];
    tenure_client *client = draw_handle(caller, CLIENT);
    char text[512];
    size_t len = one_in(caller, 4) ? below(caller, sizeof text) : sizeof text;
    int32_t is_allowed = -1;
    switch (below(caller, 7)) {
    case 0: CHECK(JUDGE(tenure_access_on(client), ORDERS) != TENURE_OK); break;
    case 1: JUDGE(tenure_access_off(client), ORDERS); break;
    case 2: JUDGE(tenure_access_allow(client, principal, rights, name), ORDERS); break;
    case 3:
        JUDGE(tenure_access_deny(client, principal, rights, name, len == 0 ? NULL : text, &len),
              ORDERS | BIT(TENURE_NOT_FOUND) | BIT(TENURE_TOO_SMALL));
        break;
    case 4:
        if (JUDGE(tenure_access_test(client, principal, rights, name, &is_allowed), REFUSED | BIT(TENURE_UNAVAILABLE)) ==
            TENURE_OK)
            CHECK(is_allowed == 0 || is_allowed == 1);
        else
            CHECK(is_allowed == -1);
        break;
    case 5:
        if (JUDGE(tenure_credential_create(client, principal, len == 0 ? NULL : text, &len),
                  ORDERS | BIT(TENURE_TOO_SMALL)) == TENURE_OK)
            CHECK(strlen(text) + 1 == len && strncmp(text, principal, strlen(principal)) == 0);
        break;
    default: JUDGE(tenure_credential_revoke(client, principal), ORDERS | BIT(TENURE_NOT_FOUND));
    }
}

static void ask_node(struct caller *caller) {
    tenure_leadership leadership = TENURE_LEADERSHIP_INIT;
    unsigned at = below(caller, 3);
    void *node = embedded == NULL || one_in(caller, 8) ? draw_handle(caller, LEASE) : embedded->nodes[at];
    char text[64];
    size_t len = below(caller, sizeof text + 1);
    leadership.struct_size = draw_size(caller, sizeof leadership);
    JUDGE(tenure_node_metrics(node, len == 0 ? NULL : text, &len), BIT(TENURE_INVALID) | BIT(TENURE_TOO_SMALL));
    JUDGE(tenure_node_reload(node), BIT(TENURE_INVALID));
    JUDGE(tenure_node_leadership(node, &leadership), BIT(TENURE_INVALID));
    CHECK(tenure_node_fd(node) >= -1);
    /* One reader: thread 0. */
    if (caller->number == 0)
        JUDGE(tenure_node_next(node, draw_wait(caller), &leadership), BIT(TENURE_INVALID) | BIT(TENURE_AGAIN));
    if (one_in(caller, 16))
        JUDGE(tenure_node_resign(node, below(caller, 5), draw_wait(caller)),
              BIT(TENURE_LOST) | BIT(TENURE_UNAVAILABLE) | BIT(TENURE_TIMEOUT) | BIT(TENURE_INVALID));
}

/* No file can be made there. */
static void make_no_certificate(struct caller *caller) {
    static const char *const whats[] = {NULL, "", "\xff", too_long, "ca", "node/1", "client/a", "operator/a", "local/1"};
    static const char *const hosts[] = {NULL, "", "127.0.0.1", "localhost,::1", "a:1", "*"};
    tenure_certs_options options = TENURE_CERTS_OPTIONS_INIT;
    options.struct_size = draw_size(caller, sizeof options);
    options.flags = below(caller, 3);
    options.hosts = hosts[below(caller, 6)];
    options.ca_dir = one_in(caller, 2) ? draw_file(caller) : NULL;
    options.days = one_in(caller, 4) ? UINT32_MAX : below(caller, 3);
    options.reserved = one_in(caller, 16);
    CHECK(JUDGE(tenure_certs_write(one_in(caller, 4) ? NULL : "/proc/no/such/directory", whats[below(caller, 9)],
                                   one_in(caller, 4) ? NULL : &options),
                BIT(TENURE_INVALID) | BIT(TENURE_IO) | BIT(TENURE_UNSUPPORTED)) != TENURE_OK);
}

static void start_bad_node(struct caller *caller) {
    static const char *const texts[] = {NULL, "", "\xff", "1=127.0.0.1:1", "1=127.0.0.1:1,1=127.0.0.1:2", "2=x", "0=127.0.0.1:1"};
    tenure_node_options options = TENURE_NODE_OPTIONS_INIT;
    tenure_node *node = (tenure_node *)(void *)caller;
    options.struct_size = draw_size(caller, sizeof options);
    options.id = one_in(caller, 4) ? UINT64_MAX : below(caller, 3);
    /* There is no such directory, so none starts. */
    options.data_dir = one_in(caller, 4) ? NULL : "/proc/no/such/directory";
    options.cluster = texts[below(caller, 7)];
    options.listen = texts[below(caller, 7)];
    options.heartbeat_ms = one_in(caller, 4) ? UINT32_MAX : 0;
    options.election_ms = one_in(caller, 4) ? UINT32_MAX : 0;
    options.lease_ms = one_in(caller, 4) ? UINT32_MAX : 0;
    options.reserved = one_in(caller, 8);
    options.ttl_max_ms = one_in(caller, 4) ? UINT64_MAX : 0;
    options.snapshot_every_bytes = one_in(caller, 4) ? 1 : 0;
    options.admin = one_in(caller, 8) ? "127.0.0.1:1" : NULL;
    options.ca = one_in(caller, 4) ? draw_file(caller) : NULL;
    options.cert = one_in(caller, 4) ? draw_file(caller) : NULL;
    options.key = one_in(caller, 4) ? draw_file(caller) : NULL;
    options.client_ca = one_in(caller, 8) ? draw_file(caller) : NULL;
    options.crl = one_in(caller, 8) ? draw_file(caller) : NULL;
    options.audit = one_in(caller, 8) ? draw_file(caller) : NULL;
    options.tls = below(caller, 5);
    options.verify = one_in(caller, 8) ? below(caller, 3) : 0;
    CHECK(JUDGE(tenure_node_start(&options, &node), BIT(TENURE_INVALID) | BIT(TENURE_IO) | BIT(TENURE_DENIED) |
                                                        BIT(TENURE_UNSUPPORTED)) != TENURE_OK);
    CHECK(node == NULL);
}

/* What belongs to one kind is passed to the functions that free another. */
static void free_wrongly(struct caller *caller) {
    enum kind kind = (enum kind)below(caller, KINDS);
    enum kind other = (enum kind)((kind + 1 + below(caller, KINDS - 1)) % KINDS);
    void *handle = caller->own[other][below(caller, SLOTS)].handle;
    free_handle(kind, handle);
    if (embedded != NULL)
        free_handle(kind, embedded->nodes[below(caller, 3)]);
    free_handle(kind, caller->freed[kind]);
    tenure_node_free(handle);
    if (handle != NULL)
        CHECK_STATUS(tenure_node_stop(handle, draw_long_wait(caller)), TENURE_INVALID);
    if (other == LEASE && handle != NULL)
        CHECK(tenure_lease_token(handle) > 0);
}

static void count_line(void *lines, int32_t level, const char *line) {
    CHECK(level >= TENURE_LOG_ERROR && level <= TENURE_LOG_TRACE && line[0] != 0);
    __atomic_fetch_add((long *)lines, 1, __ATOMIC_RELAXED);
}

/* While the other thread, and the library's, write lines. */
static void change_log(struct caller *caller) {
    static long lines;
    int32_t level = (int32_t)below(caller, 8) - 1;
    char line[64];
    size_t len = below(caller, sizeof line + 1);
    switch (below(caller, 4)) {
    case 0:
        CHECK(tenure_log_fd() >= 0);
        break;
    case 1:
        JUDGE(tenure_log_read(line, &len), BIT(TENURE_INVALID) | BIT(TENURE_AGAIN) | BIT(TENURE_TOO_SMALL));
        break;
    case 2:
        JUDGE(tenure_log_level(level), BIT(TENURE_INVALID));
        break;
    default:
        JUDGE(tenure_log_to(count_line, &lines, level), BIT(TENURE_INVALID));
    }
}

static void step(struct caller *caller) {
    unsigned choice = below(caller, 64);
    caller->calls++;
    if (draw_own(caller, CLIENT)->handle == NULL || choice == 0)
        open_client(caller);
    else if (choice == 1)
        end_client(caller);
    else if (choice < 6)
        ask_client(caller);
    else if (choice < 20)
        acquire(caller);
    else if (choice < 28)
        start(caller);
    else if (choice < 36)
        take(caller);
    else if (choice < 46)
        use_lease(caller);
    else if (choice < 52)
        observe(caller);
    else if (choice < 56)
        ask_server(caller);
    else if (choice == 56)
        change_rights(caller);
    else if (choice == 57)
        operate(caller);
    else if (choice < 60)
        ask_node(caller);
    else if (choice == 60)
        one_in(caller, 2) ? start_bad_node(caller) : make_no_certificate(caller);
    else if (choice == 61)
        change_log(caller);
    else
        free_wrongly(caller);
}

static long calls;

/* Frees what the thread has, kind after kind from a random one on. */
static void *run_caller(void *argument) {
    struct caller *caller = argument;
    unsigned first;
    while (caller->calls < calls)
        step(caller);
    first = below(caller, KINDS);
    for (unsigned kind = first; kind < first + KINDS; kind++)
        for (int at = 0; at < SLOTS; at++)
            free_own(caller, (enum kind)(kind % KINDS), &caller->own[kind % KINDS][at]);
    return NULL;
}

static void free_all_shared(void) {
    for (int kind = 0; kind < KINDS; kind++)
        for (int at = 0; at < SLOTS; at++)
            if (shared[kind][at] != NULL) {
                free_handle((enum kind)kind, shared[kind][at]);
                check_freed((enum kind)kind, shared[kind][at]);
            }
}

static void stop_nodes(struct cluster *cluster) {
    tenure_leadership leadership = TENURE_LEADERSHIP_INIT;
    cluster_stop(cluster);
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(tenure_node_leadership(cluster->nodes[i], &leadership), TENURE_INVALID);
        tenure_node_free(cluster->nodes[i]);
    }
}

int main(int argc, char **argv) {
    static struct caller callers[2];
    struct cluster cluster;
    pthread_t threads[2];
    uint64_t seed;
    CHECK(argc == 4);
    seed = strtoull(argv[1], NULL, 10);
    calls = strtol(argv[2], NULL, 10);
    memset(too_long, 'a', sizeof too_long - 1);
    endpoints = argv[3];
    CHECK_STATUS(tenure_log_to(NULL, NULL, TENURE_LOG_OFF), TENURE_OK);
    if (strchr(argv[3], ':') == NULL) {
        cluster_start(&cluster, argv[3]);
        endpoints = cluster.endpoints;
        embedded = &cluster;
    }
    for (int i = 0; i < 2; i++) {
        callers[i].number = i;
        callers[i].random = (seed * 2 + (uint64_t)i + 1) * UINT64_C(0x9e3779b97f4a7c15);
        CHECK(pthread_create(&threads[i], NULL, run_caller, &callers[i]) == 0);
    }
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    free_all_shared();
    if (embedded != NULL)
        stop_nodes(&cluster);
    for (int status = 0; status <= TENURE_INTERNAL; status++)
        if (callers[0].statuses[status] + callers[1].statuses[status] > 0)
            fprintf(stderr, "%s %lu\n", tenure_status_name(status),
                    (unsigned long)(callers[0].statuses[status] + callers[1].statuses[status]));
    puts("fuzz: good");
    return 0;
}
