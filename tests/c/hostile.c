/*
 * Every function with arguments that no caller should pass, while things of each kind live: each answer is the one
 * that the header promises, says why, leaves nothing in a place for a handle, and harms nobody else. What the functions
 * answer before anything lives is in abi.c. Argument: an empty directory.
 */
#define _POSIX_C_SOURCE 200809L
#include "client.h"
#include "cluster.h"

#include <stdint.h>

/* One of each kind that live to the end, and the handles that were freed. */
static struct {
    tenure_client *client;
    tenure_lease *lease;
    tenure_pending *pending;
    tenure_observer *observer;
    tenure_holder *holder;
    tenure_node *node;
    void *freed[6];
} things;

static struct cluster cluster;
static const void *const NONSENSE = &things;

/* Makes tenure_last_error something that no other call says. */
static void plant_an_error(void) {
    CHECK_STATUS(tenure_log_to(NULL, NULL, 4711), TENURE_INVALID);
    CHECK(strstr(tenure_last_error(), "4711") != NULL);
}

static void check_said(const char *call) {
    const char *said = tenure_last_error();
    if (said[0] != 0 && strstr(said, "4711") == NULL)
        return;
    fprintf(stderr, "%s did not say why\n", call);
    abort();
}

#define REFUSED_AS(call, status)                                                                   \
    do {                                                                                           \
        plant_an_error();                                                                          \
        CHECK_STATUS(call, status);                                                                \
        check_said(#call);                                                                         \
    } while (0)

#define REFUSED(call) REFUSED_AS(call, TENURE_INVALID)

/* A refused call that would have made something: its place is NULL afterwards. */
#define NOTHING_AS(place, call, status)                                                            \
    do {                                                                                           \
        (place) = (void *)(uintptr_t)NONSENSE;                                                     \
        REFUSED_AS(call, status);                                                                  \
        CHECK((place) == NULL);                                                                    \
    } while (0)

#define NOTHING(place, call) NOTHING_AS(place, call, TENURE_INVALID)

#define GIVES(call, expected)                                                                      \
    do {                                                                                           \
        plant_an_error();                                                                          \
        CHECK((call) == (expected));                                                               \
        check_said(#call);                                                                         \
    } while (0)

static void is_no_client_for_access(void *handle) {
    int32_t is_allowed = 77;
    size_t len = 77;
    REFUSED(tenure_access_on(handle));
    REFUSED(tenure_access_off(handle));
    REFUSED(tenure_access_allow(handle, "client/a", "read", "hostile/a"));
    REFUSED(tenure_access_deny(handle, "client/a", "read", "hostile/a", NULL, &len));
    REFUSED(tenure_access_test(handle, "client/a", "read", "hostile/a", &is_allowed));
    REFUSED(tenure_credential_create(handle, "client/a", NULL, &len));
    REFUSED(tenure_credential_revoke(handle, "client/a"));
    CHECK(is_allowed == 77 && len == 77);
}

static void is_no_client(void *handle) {
    tenure_session_info info = TENURE_SESSION_INFO_INIT;
    const char *names[] = {"hostile/a", "hostile/b"};
    tenure_lease *lease;
    tenure_pending *pending;
    tenure_holder *holder;
    tenure_observer *observer;
    size_t len = 77;
    info.id = 77;
    REFUSED(tenure_client_session(handle, &info));
    REFUSED(tenure_client_next(handle, 0, &info));
    CHECK(info.id == 77);
    REFUSED(tenure_client_progress(handle));
    REFUSED(tenure_client_cork(handle));
    REFUSED(tenure_client_flush(handle));
    REFUSED(tenure_client_uncork(handle));
    REFUSED(tenure_client_close(handle, 0));
    GIVES(tenure_client_fd(handle), -1);
    NOTHING(lease, tenure_acquire(handle, "hostile/a", 0, NULL, &lease));
    NOTHING(lease, tenure_acquire_all(handle, names, 2, 0, NULL, &lease));
    NOTHING(lease, tenure_campaign(handle, "hostile/a", 0, NULL, 0, &lease));
    NOTHING(pending, tenure_acquire_start(handle, "hostile/a", 0, NULL, &pending));
    NOTHING(pending, tenure_acquire_all_start(handle, names, 2, 0, NULL, &pending));
    NOTHING(pending, tenure_campaign_start(handle, "hostile/a", 0, NULL, 0, &pending));
    NOTHING(holder, tenure_holder_of(handle, "hostile/a", &holder));
    NOTHING(observer, tenure_observe(handle, "hostile/a", &observer));
    REFUSED(tenure_validate(handle, "hostile/a", 1));
    REFUSED(tenure_break(handle, "hostile/a", 0, 0, NULL));
    REFUSED(tenure_describe(handle, "locks", NULL, NULL, &len));
    CHECK(len == 77);
    REFUSED(tenure_member_add(handle, 4, "127.0.0.1:1"));
    REFUSED(tenure_member_promote(handle, 4));
    REFUSED(tenure_member_demote(handle, 1));
    REFUSED(tenure_member_remove(handle, 1));
    REFUSED(tenure_member_move(handle, 1, "127.0.0.1:1"));
    REFUSED(tenure_move_leader(handle, 0, 0));
    REFUSED(tenure_handover(handle, "hostile/a", NULL, -1, NULL));
    REFUSED(tenure_snapshot_save(handle, "/nonexistent/file"));
    is_no_client_for_access(handle);
    tenure_client_free(handle);
}

static void is_no_lease(void *handle) {
    int32_t state = 77;
    int32_t reason = 77;
    GIVES(tenure_lease_name(handle), NULL);
    GIVES(tenure_lease_token(handle), 0);
    GIVES(tenure_lease_remaining_ns(handle), 0);
    GIVES(tenure_lease_fd(handle), -1);
    REFUSED(tenure_lease_state(handle, &state, &reason));
    CHECK(state == 77 && reason == 77);
    REFUSED(tenure_lease_asked(handle, NULL, NULL, NULL));
    REFUSED(tenure_transfer(handle, NULL));
    REFUSED(tenure_proclaim(handle, "value", 5));
    REFUSED(tenure_release(handle, TENURE_FOREVER));
    tenure_lease_free(handle);
}

static void is_no_pending(void *handle) {
    tenure_lease *lease;
    GIVES(tenure_pending_fd(handle), -1);
    NOTHING(lease, tenure_pending_take(handle, TENURE_FOREVER, &lease));
    tenure_pending_cancel(handle);
    tenure_pending_free(handle);
}

static void is_no_observer(void *handle) {
    tenure_holder *holder;
    GIVES(tenure_observer_fd(handle), -1);
    NOTHING(holder, tenure_observer_next(handle, TENURE_FOREVER, &holder));
    tenure_observer_free(handle);
}

static void is_no_holder(void *handle) {
    size_t len = 77;
    GIVES(tenure_holder_token(handle), 0);
    GIVES(tenure_holder_client(handle), NULL);
    GIVES(tenure_holder_value(handle, &len), NULL);
    CHECK(len == 0);
    GIVES(tenure_holder_since_unix_ms(handle), 0);
    GIVES(tenure_holder_missed(handle), 0);
    tenure_holder_free(handle);
}

static void is_no_node(void *handle) {
    tenure_leadership leadership = TENURE_LEADERSHIP_INIT;
    tenure_client *client;
    size_t len = 0;
    leadership.term = 77;
    REFUSED(tenure_node_leadership(handle, &leadership));
    REFUSED(tenure_node_next(handle, TENURE_FOREVER, &leadership));
    CHECK(leadership.term == 77);
    GIVES(tenure_node_fd(handle), -1);
    REFUSED(tenure_node_resign(handle, 0, 0));
    REFUSED(tenure_node_reload(handle));
    NOTHING(client, tenure_node_client(handle, NULL, &client));
    REFUSED(tenure_node_stop(handle, TENURE_FOREVER));
    REFUSED(tenure_node_metrics(handle, NULL, &len));
    CHECK(len == 0);
    tenure_node_free(handle);
}

static void handles_of_another_kind_freed_ones_and_null_are_refused(void) {
    static void (*const refuse[])(void *) = {is_no_client, is_no_lease, is_no_pending, is_no_observer, is_no_holder, is_no_node};
    void *live[6];
    live[0] = things.client;
    live[1] = things.lease;
    live[2] = things.pending;
    live[3] = things.observer;
    live[4] = things.holder;
    live[5] = things.node;
    for (int kind = 0; kind < 6; kind++) {
        refuse[kind](NULL);
        refuse[kind](&live[kind]);
        for (int other = 0; other < 6; other++) {
            /* Twice: the first round freed it again. */
            refuse[kind](things.freed[other]);
            refuse[kind](things.freed[other]);
            if (other != kind)
                refuse[kind](live[other]);
            /* Another generation, another slot, another mark. */
            refuse[kind]((void *)((uintptr_t)live[other] ^ UINT64_C(1) << 62));
            refuse[kind]((void *)((uintptr_t)live[other] ^ UINT64_C(1) << 31));
            refuse[kind]((void *)((uintptr_t)live[other] ^ 1));
        }
    }
}

/* Wherever a name goes. `name` is none. */
static void is_no_name(const char *name) {
    const char *pair[] = {"hostile/a", name};
    tenure_lease *lease;
    tenure_pending *pending;
    tenure_holder *holder;
    tenure_observer *observer;
    NOTHING(lease, tenure_acquire(things.client, name, 0, NULL, &lease));
    NOTHING(lease, tenure_acquire_all(things.client, pair, 2, 0, NULL, &lease));
    NOTHING(lease, tenure_campaign(things.client, name, 0, NULL, 0, &lease));
    NOTHING(pending, tenure_acquire_start(things.client, name, 0, NULL, &pending));
    NOTHING(pending, tenure_acquire_all_start(things.client, pair, 2, 0, NULL, &pending));
    NOTHING(pending, tenure_campaign_start(things.client, name, 0, NULL, 0, &pending));
    NOTHING(holder, tenure_holder_of(things.client, name, &holder));
    NOTHING(observer, tenure_observe(things.client, name, &observer));
    REFUSED(tenure_validate(things.client, name, 1));
    REFUSED(tenure_break(things.client, name, 0, 0, NULL));
    REFUSED(tenure_handover(things.client, name, NULL, -1, NULL));
}

/* `text` is no path, or one of no file: wherever TLS takes one, and one is made. */
static void is_no_certificate(const char *text) {
    tenure_certs_options options = TENURE_CERTS_OPTIONS_INIT;
    tenure_client_options client_options = TENURE_CLIENT_OPTIONS_INIT;
    tenure_node_options node_options = TENURE_NODE_OPTIONS_INIT;
    const char **const texts[] = {&node_options.ca, &node_options.cert, &node_options.key, &node_options.client_ca,
                                  &node_options.crl};
    tenure_client *client;
    tenure_node *node;
    REFUSED(tenure_certs_write("/nonexistent", text, NULL));
    options.hosts = text;
    REFUSED(tenure_certs_write("/nonexistent", "node/1", &options));
    options.hosts = NULL;
    options.ca_dir = text;
    REFUSED(tenure_certs_write("/nonexistent", "client/a", &options));
    client_options.cert = text;
    NOTHING(client, tenure_client_open("127.0.0.1:1", &client_options, &client));
    client_options.ca = "/nonexistent";
    client_options.key = text;
    NOTHING(client, tenure_client_open("127.0.0.1:1", &client_options, &client));
    node_options.id = 1;
    node_options.data_dir = "/nonexistent";
    node_options.cluster = "1=127.0.0.1:1";
    node_options.tls = TENURE_TLS_REQUIRED;
    for (int which = 0; which < 5; which++) {
        *texts[which] = text;
        NOTHING(node, tenure_node_start(&node_options, &node));
        *texts[which] = which < 3 ? "/nonexistent" : NULL;
    }
}

/* `text` is no path, or one of no file. */
static void is_no_file(const char *text) {
    tenure_restore_options options = TENURE_RESTORE_OPTIONS_INIT;
    uint64_t wait_ms = 77;
    options.id = 1;
    options.data_dir = "/nonexistent";
    options.cluster = "1=127.0.0.1:1";
    REFUSED(tenure_snapshot_restore(text, &options, &wait_ms));
    options.cluster = text;
    REFUSED(tenure_snapshot_restore("/nonexistent/file", &options, &wait_ms));
    options.cluster = "1=127.0.0.1:1";
    options.ancestors = text;
    REFUSED(tenure_snapshot_restore("/nonexistent/file", &options, &wait_ms));
    options.ancestors = NULL;
    options.data_dir = text;
    REFUSED(tenure_snapshot_restore("/nonexistent/file", &options, &wait_ms));
    CHECK(wait_ms == 77);
    is_no_certificate(text);
}

static void members_that_are_none_are_refused(void) {
    static const char *const addresses[] = {NULL, "", "127.0.0.1", "127.0.0.1:0", "http://a:1"};
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        REFUSED(tenure_member_add(things.client, 4, addresses[i]));
        REFUSED(tenure_member_move(things.client, 1, addresses[i]));
    }
    REFUSED(tenure_member_add(things.client, 0, "127.0.0.1:1"));
    REFUSED(tenure_member_add(things.client, 1, "127.0.0.1:1"));
    REFUSED(tenure_member_promote(things.client, 0));
    REFUSED_AS(tenure_member_promote(things.client, UINT64_MAX), TENURE_NOT_FOUND);
    REFUSED_AS(tenure_member_demote(things.client, 4), TENURE_NOT_FOUND);
    REFUSED_AS(tenure_member_remove(things.client, 4), TENURE_NOT_FOUND);
    REFUSED_AS(tenure_member_move(things.client, 4, "127.0.0.1:1"), TENURE_NOT_FOUND);
    REFUSED(tenure_move_leader(things.client, 4, 0));
    REFUSED(tenure_handover(things.client, "hostile/held", NULL, 0, NULL));
    REFUSED_AS(tenure_handover(things.client, "hostile/free", NULL, -1, NULL), TENURE_NOT_FOUND);
    REFUSED_AS(tenure_snapshot_save(things.client, "/nonexistent/file"), TENURE_IO);
    REFUSED_AS(tenure_snapshot_save(things.client, "/"), TENURE_IO);
}

/* `text` is no principal, no list of rights and no name, wherever rights take one. NULL stands for the cluster. */
static void is_no_part_of_a_rule(const char *text) {
    char buffer[1024];
    int32_t is_allowed = 77;
    size_t len = sizeof buffer;
    REFUSED(tenure_access_allow(things.client, text, "read", "hostile/a"));
    REFUSED(tenure_access_allow(things.client, "client/a", text, "hostile/a"));
    REFUSED(tenure_access_allow(things.client, "client/a", "read", text));
    REFUSED(tenure_access_deny(things.client, text, "read", "hostile/a", buffer, &len));
    REFUSED(tenure_access_deny(things.client, "client/a", text, "hostile/a", buffer, &len));
    REFUSED(tenure_access_deny(things.client, "client/a", "read", text, buffer, &len));
    REFUSED(tenure_access_test(things.client, text, "read", "hostile/a", &is_allowed));
    REFUSED(tenure_access_test(things.client, "client/a", text, "hostile/a", &is_allowed));
    REFUSED(tenure_access_test(things.client, "client/a", "read", text, &is_allowed));
    REFUSED(tenure_credential_create(things.client, text, buffer, &len));
    REFUSED(tenure_credential_revoke(things.client, text));
    CHECK(is_allowed == 77 && len == sizeof buffer);
}

static void rules_that_are_none_are_refused(void) {
    static const char *const principals[] = {"a", "client", "client/", "client/a b", "client/a*b", "node/1", "client/a\n", "clien*"};
    static const char *const names[] = {"hostile/*", "*/", "host*ile", "**"};
    char buffer[1024];
    int32_t is_allowed = 77;
    size_t len = sizeof buffer;
    for (size_t i = 0; i < sizeof principals / sizeof *principals; i++) {
        REFUSED(tenure_access_allow(things.client, principals[i], "read", "hostile/a"));
        REFUSED(tenure_access_deny(things.client, principals[i], "read", "hostile/a", NULL, NULL));
        REFUSED(tenure_credential_create(things.client, principals[i], buffer, &len));
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        REFUSED(tenure_access_allow(things.client, "client/a", "read", names[i]));
        REFUSED(tenure_access_deny(things.client, "client/a", "read", names[i], NULL, NULL));
    }
    REFUSED(tenure_access_allow(things.client, "client/a", "read,admin", "hostile/a"));
    REFUSED(tenure_access_allow(things.client, "client/a", "operate", "hostile/a"));
    REFUSED(tenure_access_allow(things.client, "client/a", "write", "hostile/a"));
    REFUSED(tenure_access_allow(things.client, "client/a", ",", "hostile/a"));
    REFUSED(tenure_access_test(things.client, "client/*", "read", "hostile/a", &is_allowed));
    REFUSED(tenure_access_test(things.client, "client/a", "admin", "hostile/a", &is_allowed));
    REFUSED(tenure_access_test(things.client, "client/a", "read,break", "hostile/a", &is_allowed));
    REFUSED(tenure_credential_create(things.client, "local/1", buffer, &len));
    REFUSED(tenure_credential_create(things.client, "client/*", buffer, &len));
    /* With or without the level of rights. */
    REFUSED_AS(tenure_access_on(things.client), TENURE_UNAVAILABLE);
    CHECK(is_allowed == 77 && len == sizeof buffer);
}

/* What may be too small is refused before anything is done. */
static void buffers_that_may_be_too_small_are_refused(void) {
    char buffer[512] = "as it was";
    size_t len = 0;
    REFUSED_AS(tenure_credential_create(things.client, "client/a", NULL, &len), TENURE_TOO_SMALL);
    CHECK(len == strlen("client/a") + 66);
    len--;
    REFUSED_AS(tenure_credential_create(things.client, "client/a", buffer, &len), TENURE_TOO_SMALL);
    REFUSED(tenure_credential_create(things.client, "client/a", NULL, &len));
    REFUSED(tenure_credential_create(things.client, "client/a", NULL, NULL));
    REFUSED(tenure_credential_create(things.client, "client/a", buffer, NULL));
    len = 511;
    REFUSED_AS(tenure_access_deny(things.client, "client/a", "read", "hostile/a", buffer, &len), TENURE_TOO_SMALL);
    CHECK(len == 512);
    REFUSED(tenure_access_deny(things.client, "client/a", "read", "hostile/a", NULL, &len));
    REFUSED(tenure_access_deny(things.client, "client/a", "read", "hostile/a", buffer, NULL));
    CHECK(strcmp(buffer, "as it was") == 0);
}

/* Wherever text may be left out, or be empty. `text` is neither. */
static void is_no_text(const char *text) {
    tenure_client_options options = TENURE_CLIENT_OPTIONS_INIT;
    tenure_node_options node_options = TENURE_NODE_OPTIONS_INIT;
    tenure_client *client;
    tenure_node *node;
    size_t len = 0;
    is_no_name(text);
    REFUSED(tenure_transfer(things.lease, text));
    REFUSED(tenure_break(things.client, "hostile/free", 0, 0, text));
    REFUSED(tenure_handover(things.client, "hostile/free", text, -1, NULL));
    REFUSED(tenure_handover(things.client, "hostile/free", NULL, -1, text));
    REFUSED(tenure_member_add(things.client, 4, text));
    REFUSED(tenure_member_move(things.client, 1, text));
    REFUSED(tenure_snapshot_save(things.client, text));
    is_no_part_of_a_rule(text);
    is_no_file(text);
    REFUSED(tenure_describe(things.client, text, NULL, NULL, &len));
    REFUSED(tenure_describe(things.client, "locks", text, NULL, &len));
    CHECK(len == 0);
    NOTHING(client, tenure_client_open(text, NULL, &client));
    options.name = text;
    NOTHING(client, tenure_client_open(cluster.endpoints, &options, &client));
    NOTHING(client, tenure_node_client(things.node, &options, &client));
    node_options.id = 1;
    node_options.data_dir = "/nonexistent";
    node_options.cluster = text;
    NOTHING(node, tenure_node_start(&node_options, &node));
    node_options.cluster = "1=127.0.0.1:1";
    node_options.listen = text;
    NOTHING(node, tenure_node_start(&node_options, &node));
    node_options.listen = NULL;
    node_options.data_dir = text;
    if (strlen(text) > 4096 || (unsigned char)text[strlen(text) - 1] >= 0x80)
        NOTHING(node, tenure_node_start(&node_options, &node));
}

static void names_and_texts_that_are_none_are_refused(void) {
    static const char *const broken[] = {"\xff", "\xc0\x80", "\xed\xa0\x80", "a\xe2\x82", "\xf4\x90\x80\x80"};
    static char of_256[257], too_long[20000];
    memset(of_256, 'a', 256);
    memset(too_long, 'a', sizeof too_long - 1);
    is_no_name(NULL);
    is_no_name("");
    is_no_part_of_a_rule(NULL);
    is_no_part_of_a_rule("");
    is_no_name(of_256);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        is_no_text(broken[i]);
    is_no_text(too_long);
}

static void waits_that_are_none_are_refused(int64_t wait) {
    const char *names[] = {"hostile/a", "hostile/b"};
    tenure_session_info info = TENURE_SESSION_INFO_INIT;
    tenure_leadership leadership = TENURE_LEADERSHIP_INIT;
    tenure_lease *lease;
    tenure_pending *pending;
    tenure_holder *holder;
    NOTHING(lease, tenure_acquire(things.client, "hostile/a", wait, NULL, &lease));
    NOTHING(lease, tenure_acquire_all(things.client, names, 2, wait, NULL, &lease));
    NOTHING(lease, tenure_campaign(things.client, "hostile/a", wait, NULL, 0, &lease));
    NOTHING(lease, tenure_pending_take(things.pending, wait, &lease));
    NOTHING(pending, tenure_acquire_start(things.client, "hostile/a", wait, NULL, &pending));
    NOTHING(pending, tenure_acquire_all_start(things.client, names, 2, wait, NULL, &pending));
    NOTHING(pending, tenure_campaign_start(things.client, "hostile/a", wait, NULL, 0, &pending));
    NOTHING(holder, tenure_observer_next(things.observer, wait, &holder));
    REFUSED(tenure_client_next(things.client, wait, &info));
    REFUSED(tenure_client_close(things.client, wait));
    REFUSED(tenure_release(things.lease, wait));
    REFUSED(tenure_node_next(things.node, wait, &leadership));
    REFUSED(tenure_node_resign(things.node, 0, wait));
    REFUSED(tenure_node_stop(things.node, wait));
    REFUSED(tenure_break(things.client, "hostile/held", 0, wait, NULL));
    REFUSED(tenure_handover(things.client, "hostile/held", NULL, wait, NULL));
    REFUSED(tenure_move_leader(things.client, 0, wait));
}

/* The largest numbers that are allowed, where no wait ends by its time: none overflows. */
static void the_longest_waits_are_waits(void) {
    static const int64_t longest[] = {INT64_MAX, INT64_MAX / 1000, INT64_MAX / 1000000, UINT32_MAX};
    for (size_t i = 0; i < sizeof longest / sizeof *longest; i++) {
        tenure_lease *lease = NULL;
        tenure_pending *pending = NULL;
        CHECK_STATUS(tenure_acquire_start(things.client, "hostile/a", longest[i], NULL, &pending), TENURE_OK);
        CHECK_STATUS(tenure_pending_take(pending, longest[i], &lease), TENURE_OK);
        tenure_pending_free(pending);
        CHECK_STATUS(tenure_release(lease, longest[i]), TENURE_OK);
        tenure_lease_free(lease);
    }
}

static void values_and_tokens_that_are_none_are_refused(void) {
    static char value[4097];
    static const size_t lengths[] = {4097, SIZE_MAX, SIZE_MAX / 2 + 1};
    static const uint64_t tokens[] = {UINT64_C(1) << 63, UINT64_MAX};
    tenure_acquire_options options = TENURE_ACQUIRE_OPTIONS_INIT;
    tenure_lease *lease;
    tenure_pending *pending;
    for (int i = 0; i < 4; i++) {
        const void *bytes = i == 3 ? NULL : value;
        options.value = bytes;
        options.value_len = i == 3 ? 1 : lengths[i];
        NOTHING(lease, tenure_acquire(things.client, "hostile/a", 0, &options, &lease));
        NOTHING(pending, tenure_acquire_start(things.client, "hostile/a", 0, &options, &pending));
        NOTHING(lease, tenure_campaign(things.client, "hostile/a", 0, bytes, options.value_len, &lease));
        NOTHING(pending, tenure_campaign_start(things.client, "hostile/a", 0, bytes, options.value_len, &pending));
        REFUSED(tenure_proclaim(things.lease, bytes, options.value_len));
    }
    CHECK_STATUS(tenure_proclaim(things.lease, value, 4096), TENURE_OK);
    REFUSED(tenure_break(things.client, "hostile/held", 0, INT64_MAX, NULL));
    REFUSED(tenure_validate(things.client, "hostile/held", 0));
    for (int i = 0; i < 2; i++) {
        REFUSED(tenure_validate(things.client, "hostile/held", tokens[i]));
        REFUSED(tenure_break(things.client, "hostile/held", tokens[i], 0, NULL));
    }
}

static void lists_of_names_that_are_none_are_refused(void) {
    const char *names[33];
    const char *twice[] = {"hostile/a", "hostile/a"};
    static const size_t counts[] = {0, 33, SIZE_MAX, SIZE_MAX / 8 + 1};
    tenure_lease *lease;
    tenure_pending *pending;
    for (int i = 0; i < 33; i++)
        names[i] = "hostile/a";
    for (int i = 0; i < 4; i++) {
        NOTHING(lease, tenure_acquire_all(things.client, names, counts[i], 0, NULL, &lease));
        NOTHING(pending, tenure_acquire_all_start(things.client, names, counts[i], 0, NULL, &pending));
    }
    NOTHING(lease, tenure_acquire_all(things.client, NULL, 1, 0, NULL, &lease));
    NOTHING(pending, tenure_acquire_all_start(things.client, NULL, 1, 0, NULL, &pending));
    NOTHING(lease, tenure_acquire_all(things.client, twice, 2, 0, NULL, &lease));
    NOTHING(pending, tenure_acquire_all_start(things.client, twice, 2, 0, NULL, &pending));
}

static void places_that_are_none_are_refused(void *place) {
    tenure_client_options options = TENURE_CLIENT_OPTIONS_INIT;
    tenure_node_options node_options = TENURE_NODE_OPTIONS_INIT;
    const char *names[] = {"hostile/a", "hostile/b"};
    char json[8];
    REFUSED(tenure_client_open(cluster.endpoints, &options, place));
    REFUSED(tenure_node_client(things.node, &options, place));
    REFUSED(tenure_node_start(&node_options, place));
    REFUSED(tenure_acquire(things.client, "hostile/a", 0, NULL, place));
    REFUSED(tenure_acquire_all(things.client, names, 2, 0, NULL, place));
    REFUSED(tenure_campaign(things.client, "hostile/a", 0, NULL, 0, place));
    REFUSED(tenure_acquire_start(things.client, "hostile/a", 0, NULL, place));
    REFUSED(tenure_acquire_all_start(things.client, names, 2, 0, NULL, place));
    REFUSED(tenure_campaign_start(things.client, "hostile/a", 0, NULL, 0, place));
    REFUSED(tenure_pending_take(things.pending, 0, place));
    REFUSED(tenure_holder_of(things.client, "hostile/held", place));
    REFUSED(tenure_observe(things.client, "hostile/held", place));
    REFUSED(tenure_observer_next(things.observer, 0, place));
    REFUSED(tenure_client_session(things.client, place));
    REFUSED(tenure_client_next(things.client, 0, place));
    REFUSED(tenure_node_leadership(things.node, place));
    REFUSED(tenure_node_next(things.node, 0, place));
    REFUSED(tenure_node_metrics(things.node, json, place));
    REFUSED(tenure_describe(things.client, "locks", NULL, json, place));
    REFUSED(tenure_access_test(things.client, "client/a", "read", "hostile/a", place));
    REFUSED(tenure_access_deny(things.client, "client/a", "read", "hostile/a", json, place));
    REFUSED(tenure_credential_create(things.client, "client/a", json, place));
    CHECK(tenure_log_fd() >= 0);
    REFUSED(tenure_log_read(json, place));
    CHECK_STATUS(tenure_log_to(NULL, NULL, TENURE_LOG_WARN), TENURE_OK);
    REFUSED(tenure_lease_asked(things.lease, NULL, json, place));
}

/* A result is written whole or not at all, also where one of two places is none. */
static void descriptions_and_states_are_all_or_nothing(void) {
    int32_t words[2] = {77, 77};
    size_t len = 1;
    REFUSED(tenure_describe(things.client, "locks", NULL, NULL, &len));
    CHECK(len == 1);
    REFUSED(tenure_describe(things.client, "no such kind", NULL, NULL, &len));
    REFUSED(tenure_describe(things.client, NULL, NULL, NULL, &len));
    REFUSED(tenure_lease_state(things.lease, &words[0], (int32_t *)(void *)((char *)&words[1] + 1)));
    CHECK(words[0] == 77 && words[1] == 77);
    CHECK_STATUS(tenure_lease_state(things.lease, NULL, NULL), TENURE_OK);
    REFUSED(tenure_lease_asked(things.lease, (int64_t *)(void *)((char *)&len + 1), NULL, NULL));
    REFUSED(tenure_lease_asked(things.lease, NULL, NULL, &len));
    CHECK(len == 1);
    GIVES(tenure_holder_value(things.holder, (size_t *)(void *)((char *)&len + 1)), NULL);
}

/* A struct of this version with what a later one may add, of which this version knows nothing. */
union grown {
    tenure_client_options client;
    tenure_acquire_options acquire;
    tenure_node_options node;
    tenure_session_info session;
    tenure_leadership leadership;
    tenure_restore_options restore;
    tenure_certs_options certs;
    uint32_t struct_size;
    uint64_t words[512];
};

/* Each call that takes such a struct answers `status`, or another than those two once the struct is accepted. */
static void check_structs(const uint32_t sizes[7], uint64_t tail, tenure_status status) {
    static const tenure_node_options no_node = TENURE_NODE_OPTIONS_INIT;
    union grown grown;
    tenure_client *client;
    tenure_lease *lease;
    tenure_pending *pending;
    tenure_node *node;
    const char *names[] = {"hostile/a", "hostile/b"};
    memset(&grown, 0, sizeof grown);
    grown.words[sizeof(tenure_client_options) / 8] = tail;
    grown.struct_size = sizes[0];
    NOTHING_AS(client, tenure_client_open("no endpoint", &grown.client, &client), status);
    if (status != TENURE_OK)
        NOTHING_AS(client, tenure_node_client(things.node, &grown.client, &client), status);
    memset(&grown, 0, sizeof grown);
    grown.words[sizeof(tenure_acquire_options) / 8] = tail;
    grown.struct_size = sizes[1];
    NOTHING_AS(lease, tenure_acquire(things.client, "hostile/a", 0, &grown.acquire, &lease), status);
    NOTHING_AS(lease, tenure_acquire_all(things.client, names, 2, 0, &grown.acquire, &lease), status);
    NOTHING_AS(pending, tenure_acquire_start(things.client, "hostile/a", 0, &grown.acquire, &pending), status);
    NOTHING_AS(pending, tenure_acquire_all_start(things.client, names, 2, 0, &grown.acquire, &pending), status);
    memset(&grown, 0, sizeof grown);
    grown.node = no_node;
    grown.words[sizeof(tenure_node_options) / 8] = tail;
    grown.struct_size = sizes[2];
    NOTHING_AS(node, tenure_node_start(&grown.node, &node), status);
    memset(&grown, 0, sizeof grown);
    grown.words[sizeof(tenure_session_info) / 8] = tail;
    grown.struct_size = sizes[3];
    REFUSED_AS(tenure_client_session(things.client, &grown.session), status);
    REFUSED_AS(tenure_client_next(things.client, 0, &grown.session), status);
    memset(&grown, 0, sizeof grown);
    grown.words[sizeof(tenure_leadership) / 8] = tail;
    grown.struct_size = sizes[4];
    REFUSED_AS(tenure_node_leadership(things.node, &grown.leadership), status);
    REFUSED_AS(tenure_node_next(things.node, 0, &grown.leadership), status);
    memset(&grown, 0, sizeof grown);
    grown.words[sizeof(tenure_restore_options) / 8] = tail;
    grown.struct_size = sizes[5];
    REFUSED_AS(tenure_snapshot_restore("/nonexistent", &grown.restore, NULL), status);
    memset(&grown, 0, sizeof grown);
    grown.words[sizeof(tenure_certs_options) / 8] = tail;
    grown.struct_size = sizes[6];
    REFUSED_AS(tenure_certs_write("/nonexistent", "client/a", &grown.certs), status);
}

static void structs_of_sizes_that_are_none_or_with_unknown_fields_are_refused(void) {
    static const uint32_t real[] = {sizeof(tenure_client_options), sizeof(tenure_acquire_options), sizeof(tenure_node_options),
                                    sizeof(tenure_session_info), sizeof(tenure_leadership), sizeof(tenure_restore_options),
                                    sizeof(tenure_certs_options)};
    static const uint32_t nonsense[] = {0, 1, 4, 8, 4097, UINT32_MAX};
    uint32_t sizes[7];
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        for (int which = 0; which < 7; which++)
            sizes[which] = nonsense[i];
        check_structs(sizes, 0, TENURE_INVALID);
    }
    for (int which = 0; which < 7; which++)
        sizes[which] = real[which] - 1;
    check_structs(sizes, 0, TENURE_INVALID);
    for (int which = 0; which < 7; which++)
        sizes[which] = real[which] + 8;
    check_structs(sizes, UINT64_C(1) << 63, TENURE_UNSUPPORTED);
    check_structs(sizes, 1, TENURE_UNSUPPORTED);
}

static void structs_that_grew_by_zeros_are_accepted(uint32_t more) {
    union grown grown;
    tenure_client *client = NULL;
    tenure_lease *lease = NULL;
    tenure_node *node;
    memset(&grown, 0, sizeof grown);
    grown.struct_size = more + (uint32_t)sizeof(tenure_client_options);
    CHECK_STATUS(tenure_node_client(things.node, &grown.client, &client), TENURE_OK);
    tenure_client_free(client);
    memset(&grown, 0, sizeof grown);
    grown.struct_size = more + (uint32_t)sizeof(tenure_acquire_options);
    CHECK_STATUS(tenure_acquire(things.client, "hostile/a", TENURE_FOREVER, &grown.acquire, &lease), TENURE_OK);
    tenure_lease_free(lease);
    memset(&grown, 0, sizeof grown);
    grown.struct_size = more + (uint32_t)sizeof(tenure_node_options);
    /* Read, and found to have no id. */
    NOTHING(node, tenure_node_start(&grown.node, &node));
    CHECK(strstr(tenure_last_error(), "id") != NULL);
    memset(&grown, 0, sizeof grown);
    grown.struct_size = more + (uint32_t)sizeof(tenure_session_info);
    CHECK_STATUS(tenure_client_session(things.client, &grown.session), TENURE_OK);
    CHECK(grown.session.id != 0 && grown.struct_size == more + sizeof(tenure_session_info));
    CHECK(grown.words[sizeof(tenure_session_info) / 8] == 0);
    memset(&grown, 0, sizeof grown);
    grown.struct_size = more + (uint32_t)sizeof(tenure_leadership);
    CHECK_STATUS(tenure_node_leadership(things.node, &grown.leadership), TENURE_OK);
    CHECK(grown.words[sizeof(tenure_leadership) / 8] == 0);
}

static void statuses_and_levels_that_are_none_have_an_answer(void) {
    static const int32_t none[] = {-1, 63, INT32_MIN, INT32_MAX};
    CHECK(tenure_abi_version() == TENURE_ABI_VERSION && tenure_version()[0] != 0);
    for (int i = 0; i < 4; i++) {
        CHECK(strcmp(tenure_status_name(none[i]), "TENURE_?") == 0);
        CHECK(tenure_status_text(none[i])[0] != 0);
        REFUSED_AS(tenure_log_to(NULL, NULL, none[i] == 63 ? 6 : none[i]), TENURE_INVALID);
        REFUSED_AS(tenure_log_level(none[i] == 63 ? 6 : none[i]), TENURE_INVALID);
        CHECK(tenure_last_reason() == TENURE_REASON_NONE);
    }
}

static void make_things(void) {
    tenure_lease *lease = NULL;
    tenure_pending *pending;
    tenure_observer *observer = NULL;
    tenure_holder *holder = NULL;
    tenure_client *client = open_client(cluster.endpoints, "freed");
    things.client = open_client(cluster.endpoints, "hostile");
    things.lease = acquire(things.client, "hostile/held");
    things.pending = start(things.client, "hostile/held");
    things.node = cluster.nodes[0];
    CHECK_STATUS(tenure_observe(things.client, "hostile/held", &things.observer), TENURE_OK);
    CHECK_STATUS(tenure_holder_of(things.client, "hostile/held", &things.holder), TENURE_OK);
    lease = acquire(client, "hostile/freed");
    pending = start(client, "hostile/freed");
    CHECK_STATUS(tenure_observe(client, "hostile/freed", &observer), TENURE_OK);
    CHECK_STATUS(tenure_holder_of(client, "hostile/freed", &holder), TENURE_OK);
    tenure_client_free(client);
    tenure_holder_free(holder);
    tenure_observer_free(observer);
    tenure_pending_free(pending);
    tenure_lease_free(lease);
    things.freed[0] = client;
    things.freed[1] = lease;
    things.freed[2] = pending;
    things.freed[3] = observer;
    things.freed[4] = holder;
    things.freed[5] = client;
}

static void check_things_unharmed(void) {
    tenure_session_info info = TENURE_SESSION_INFO_INIT;
    tenure_leadership leadership = TENURE_LEADERSHIP_INIT;
    tenure_lease *lease = NULL;
    uint64_t token = tenure_lease_token(things.lease);
    check_state(things.lease, TENURE_LEASE_STATE_HELD, TENURE_REASON_NONE);
    CHECK(token > 0 && tenure_holder_token(things.holder) == token);
    CHECK(tenure_observer_fd(things.observer) >= 0);
    CHECK_STATUS(tenure_client_session(things.client, &info), TENURE_OK);
    CHECK(info.state != TENURE_SESSION_STATE_ENDED && info.leases >= 1);
    CHECK_STATUS(tenure_node_leadership(things.node, &leadership), TENURE_OK);
    CHECK_STATUS(tenure_pending_take(things.pending, 0, &lease), TENURE_AGAIN);
    CHECK_STATUS(tenure_release(things.lease, TENURE_FOREVER), TENURE_OK);
    CHECK_STATUS(tenure_pending_take(things.pending, TENURE_FOREVER, &lease), TENURE_OK);
    CHECK(tenure_lease_token(lease) > token);
    tenure_lease_free(lease);
}

int main(int argc, char **argv) {
    void *places[2];
    CHECK(argc == 2);
    cluster_start(&cluster, argv[1]);
    make_things();
    handles_of_another_kind_freed_ones_and_null_are_refused();
    names_and_texts_that_are_none_are_refused();
    waits_that_are_none_are_refused(-2);
    waits_that_are_none_are_refused(INT64_MIN);
    the_longest_waits_are_waits();
    values_and_tokens_that_are_none_are_refused();
    members_that_are_none_are_refused();
    rules_that_are_none_are_refused();
    buffers_that_may_be_too_small_are_refused();
    lists_of_names_that_are_none_are_refused();
    places_that_are_none_are_refused(NULL);
    places_that_are_none_are_refused((char *)places + 1);
    descriptions_and_states_are_all_or_nothing();
    structs_of_sizes_that_are_none_or_with_unknown_fields_are_refused();
    structs_that_grew_by_zeros_are_accepted(8);
    structs_that_grew_by_zeros_are_accepted(2048);
    statuses_and_levels_that_are_none_have_an_answer();
    check_things_unharmed();
    tenure_client_free(things.client);
    tenure_lease_free(things.lease);
    tenure_pending_free(things.pending);
    tenure_observer_free(things.observer);
    tenure_holder_free(things.holder);
    cluster_stop(&cluster);
    puts("hostile: good");
    return 0;
}
