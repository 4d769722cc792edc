/*
 * Rights and credentials through the C interface alone, over TLS and in the process of a node: who has a credential takes locks as
 * its principal until it is revoked; rules are given, tested, taken, and decide. Argument: an empty directory.
 */
#define _POSIX_C_SOURCE 200809L
#include "papers.h"
#include <fcntl.h>
#include <sys/stat.h>

static void describe(tenure_client *client, const char *what, char *json, size_t size) {
    size_t len = size;
    CHECK_STATUS(tenure_describe(client, what, NULL, json, &len), TENURE_OK);
}

/* Rights and credentials begin at level 3, to which a new cluster rises once all nodes are connected. */
static void until_there_are_rights(tenure_client *operator_) {
    char json[16384];
    int count;
    do {
        const char *at = json;
        describe(operator_, "cluster", json, sizeof json);
        for (count = 0; (at = strstr(at, "\"level\":3")) != NULL; at++)
            count++;
    } while (count != 3);
}

static void create(tenure_client *operator_, const char *principal, char *line, size_t size) {
    size_t len = size;
    CHECK_STATUS(tenure_credential_create(operator_, principal, line, &len), TENURE_OK);
    CHECK(len == strlen(line) + 1 && len == strlen(principal) + 66);
    CHECK(strncmp(line, principal, strlen(principal)) == 0 && line[strlen(principal)] == ':');
}

static void write_for_its_owner(const char *path, const char *line) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line) && close(fd) == 0);
}

static tenure_client_options shows_credential(const struct papers *papers, const char *file) {
    tenure_client_options options = shows(papers);
    options.cert = options.key = NULL;
    options.credential_file = file;
    return options;
}

/* It is client/web, and says so itself. */
static void locks_as_its_principal(tenure_client *web, const char *name) {
    release(acquire(web, name));
    CHECK_STATUS(tenure_move_leader(web, 0, 0), TENURE_DENIED);
    says("client/web may use locks, and not operate the cluster");
    CHECK_STATUS(tenure_break(web, name, 0, 0, NULL), TENURE_DENIED);
    says("client/web");
}

static void is_denied_what_operators_may(tenure_client *web) {
    char text[512];
    size_t len = sizeof text;
    int32_t is_allowed = 77;
    const char *told = "client/web may use locks, and not operate the cluster";
    CHECK_STATUS(tenure_access_on(web), TENURE_DENIED);
    says(told);
    CHECK_STATUS(tenure_access_off(web), TENURE_DENIED);
    says(told);
    CHECK_STATUS(tenure_access_allow(web, "client/web", "admin", NULL), TENURE_DENIED);
    says(told);
    CHECK_STATUS(tenure_access_deny(web, "client/web", "acquire", "*", text, &len), TENURE_DENIED);
    says(told);
    CHECK_STATUS(tenure_access_test(web, "client/web", "admin", NULL, &is_allowed), TENURE_DENIED);
    says(told);
    CHECK_STATUS(tenure_credential_create(web, "client/web", text, &len), TENURE_DENIED);
    says(told);
    CHECK_STATUS(tenure_credential_revoke(web, "client/web"), TENURE_DENIED);
    says(told);
    CHECK_STATUS(tenure_describe(web, "access", NULL, text, &len), TENURE_DENIED);
    says(told);
    CHECK(is_allowed == 77);
}

/* Its lease ends with its session, which nobody renews any more, and it is told why. */
static void ends_when_it_is_revoked(tenure_client *operator_, tenure_client *web, tenure_client *local) {
    tenure_session_info session = TENURE_SESSION_INFO_INIT;
    tenure_lease *lease = acquire(web, "jobs/x"), *other = acquire(local, "jobs/y");
    const char *told = "the credential of client/web is not the one that this cluster has";
    char json[4096];
    CHECK_STATUS(tenure_credential_revoke(operator_, "client/web"), TENURE_OK);
    CHECK(readable(tenure_lease_fd(lease), -1) == 1 && readable(tenure_lease_fd(other), -1) == 1);
    check_state(lease, TENURE_LEASE_STATE_ENDED, TENURE_REASON_EXPIRED);
    check_state(other, TENURE_LEASE_STATE_ENDED, TENURE_REASON_EXPIRED);
    tenure_lease_free(lease);
    tenure_lease_free(other);
    do
        CHECK_STATUS(tenure_client_next(web, TENURE_FOREVER, &session), TENURE_OK);
    while (session.state != TENURE_SESSION_STATE_ENDED);
    do
        describe(web, "condition", json, sizeof json);
    while (strstr(json, told) == NULL);
    do
        describe(local, "condition", json, sizeof json);
    while (strstr(json, told) == NULL);
    CHECK_STATUS(tenure_credential_revoke(operator_, "client/web"), TENURE_NOT_FOUND);
    says("client/web has no credential");
}

static void credentials_are_shown_until_they_are_revoked(const struct cluster *cluster, tenure_client *operator_,
                                                         const struct papers *papers, const char *directory) {
    char line[128], second[128], file[512];
    tenure_client_options options;
    tenure_client *web = NULL, *local = NULL;
    const char *told = "the credential of client/web is not the one that this cluster has";
    snprintf(file, sizeof file, "%s/web.credential", directory);
    create(operator_, "client/web", line, sizeof line);
    write_for_its_owner(file, line);
    options = shows_credential(papers, file);
    options.ttl_ms = 2000;
    CHECK_STATUS(tenure_client_open(cluster->endpoints, &options, &web), TENURE_OK);
    CHECK_STATUS(tenure_node_client(cluster->nodes[0], &options, &local), TENURE_OK);
    locks_as_its_principal(web, "jobs/x");
    locks_as_its_principal(local, "jobs/y");
    is_denied_what_operators_may(web);
    is_denied_what_operators_may(local);
    ends_when_it_is_revoked(operator_, web, local);
    tenure_client_free(web);
    tenure_client_free(local);
    is_refused(cluster->endpoints, &options, told);
    create(operator_, "client/web", second, sizeof second);
    CHECK(strcmp(line, second) != 0);
    /* The one before is void. */
    is_refused(cluster->endpoints, &options, told);
    write_for_its_owner(file, second);
    CHECK_STATUS(tenure_client_open(cluster->endpoints, &options, &web), TENURE_OK);
    locks_as_its_principal(web, "jobs/x");
    tenure_client_free(web);
}

static void a_file_that_is_none_is_told(const struct cluster *cluster, const struct papers *papers, const char *directory) {
    tenure_client_options options;
    tenure_client *client = NULL;
    char file[512];
    snprintf(file, sizeof file, "%s/wrong.credential", directory);
    write_for_its_owner(file, "client/web:abab");
    options = shows_credential(papers, file);
    CHECK_STATUS(tenure_client_open(cluster->endpoints, &options, &client), TENURE_INVALID);
    says("wrong.credential (credential_file) has a secret that is not 64 hex digits");
    CHECK_STATUS(tenure_node_client(cluster->nodes[0], &options, &client), TENURE_INVALID);
    CHECK(strstr(tenure_last_error(), "abab") == NULL);
    options.credential_file = "/nonexistent/file";
    CHECK_STATUS(tenure_client_open(cluster->endpoints, &options, &client), TENURE_INVALID);
    says("/nonexistent/file (credential_file)");
}

static void is_allowed(tenure_client *operator_, const char *who, const char *right, const char *name, int32_t expected) {
    int32_t is = 77;
    CHECK_STATUS(tenure_access_test(operator_, who, right, name, &is), TENURE_OK);
    CHECK(is == expected);
}

static void is_denied(tenure_client *web, const char *name) {
    tenure_lease *lease = NULL;
    char told[256];
    snprintf(told, sizeof told, "client/web lacks the right acquire for \"%s\"", name);
    CHECK_STATUS(tenure_acquire(web, name, TENURE_FOREVER, NULL, &lease), TENURE_DENIED);
    CHECK(lease == NULL);
    says(told);
}

static void deny(tenure_client *operator_, const char *who, const char *rights, const char *names, tenure_status expected,
                 const char *expected_still) {
    char still[512] = "?";
    size_t len = sizeof still;
    CHECK_STATUS(tenure_access_deny(operator_, who, rights, names, still, &len), expected);
    CHECK(strcmp(still, expected_still) == 0 && len == strlen(still) + 1);
}

static void rules_are_turned_on_and_decide(tenure_client *operator_, tenure_client *web) {
    char json[1024];
    size_t len = sizeof json;
    CHECK_STATUS(tenure_access_on(operator_), TENURE_UNAVAILABLE);
    says("nobody could change rights any more");
    CHECK_STATUS(tenure_access_allow(operator_, "operator/alice", "admin,operate", NULL), TENURE_OK);
    CHECK_STATUS(tenure_access_allow(operator_, "operator/alice", "admin", NULL), TENURE_OK);
    is_allowed(operator_, "client/web", "acquire", "jobs/x", 0);
    release(acquire(web, "jobs/x"));
    CHECK_STATUS(tenure_access_on(operator_), TENURE_OK);
    CHECK_STATUS(tenure_access_on(operator_), TENURE_OK);
    is_denied(web, "jobs/x");
    CHECK_STATUS(tenure_access_allow(operator_, "client/w*", "acquire,read", "jobs/"), TENURE_OK);
    is_allowed(operator_, "client/web", "acquire", "jobs/x", 1);
    is_allowed(operator_, "client/web", "break", "jobs/x", 0);
    is_allowed(operator_, "client/other", "acquire", "jobs/x", 0);
    is_allowed(operator_, "operator/alice", "operate", NULL, 1);
    release(acquire(web, "jobs/x"));
    is_denied(web, "other");
    CHECK_STATUS(tenure_access_off(web), TENURE_DENIED);
    says("client/web lacks the right admin for the cluster");
    CHECK_STATUS(tenure_describe(web, "access", NULL, json, &len), TENURE_DENIED);
    says("client/web lacks the right admin for the cluster");
    describe(operator_, "access", json, sizeof json);
    CHECK(strcmp(json, "{\"credentials\":[\"client/web\"],\"on\":true,\"rules\":["
                       "{\"names\":\"jobs/\",\"principal\":\"client/w*\",\"rights\":[\"acquire\",\"read\"]},"
                       "{\"names\":null,\"principal\":\"operator/alice\",\"rights\":[\"operate\",\"admin\"]}]}") == 0);
}

static void rules_are_taken_and_what_still_allows_is_told(tenure_client *operator_, tenure_client *web) {
    deny(operator_, "client/web", "acquire", "jobs/x", TENURE_NOT_FOUND, "client/w* acquire,read jobs/");
    says("there was no rule for client/web acquire jobs/x: nothing was taken away; another rule still allows some of it: "
         "client/w* acquire,read jobs/");
    deny(operator_, "client/nobody", "read", "x", TENURE_NOT_FOUND, "");
    says("there was no rule for client/nobody read x: nothing was taken away");
    CHECK_STATUS(tenure_access_allow(operator_, "*", "acquire", "*"), TENURE_OK);
    deny(operator_, "client/w*", "acquire", "jobs/", TENURE_OK, "* acquire *");
    release(acquire(web, "jobs/x"));
    /* Nobody has to ask what still allows it. */
    CHECK_STATUS(tenure_access_deny(operator_, "*", "acquire", "*", NULL, NULL), TENURE_OK);
    is_denied(web, "jobs/x");
    CHECK_STATUS(tenure_access_deny(operator_, "*", "acquire", "*", NULL, NULL), TENURE_NOT_FOUND);
    deny(operator_, "operator/alice", "operate", NULL, TENURE_OK, "");
    CHECK_STATUS(tenure_access_deny(operator_, "operator/alice", "admin", NULL, NULL, NULL), TENURE_UNAVAILABLE);
    says("nobody could change rights any more");
}

static void rights_decide_over_tcp_and_in_the_process_alike(struct cluster *cluster, tenure_client *operator_,
                                                            const struct papers *papers, const char *directory) {
    char file[512];
    tenure_client_options options;
    tenure_client *web = NULL, *local = NULL;
    snprintf(file, sizeof file, "%s/web.credential", directory);
    options = shows_credential(papers, file);
    CHECK_STATUS(tenure_client_open(cluster->endpoints, &options, &web), TENURE_OK);
    CHECK_STATUS(tenure_node_client(cluster->nodes[0], &options, &local), TENURE_OK);
    rules_are_turned_on_and_decide(operator_, web);
    release(acquire(local, "jobs/y"));
    is_denied(local, "other");
    rules_are_taken_and_what_still_allows_is_told(operator_, web);
    is_denied(local, "jobs/x");
    CHECK_STATUS(tenure_access_off(operator_), TENURE_OK);
    CHECK_STATUS(tenure_access_off(operator_), TENURE_OK);
    release(acquire(web, "other"));
    release(acquire(local, "other"));
    tenure_client_free(web);
    tenure_client_free(local);
}

/* Of a client that is closed, or whose nodes are away. */
static void nothing_is_done(tenure_client *client, tenure_status expected) {
    char text[512] = "as it was";
    size_t len = sizeof text;
    int32_t is = 77;
    CHECK_STATUS(tenure_access_on(client), expected);
    CHECK_STATUS(tenure_access_off(client), expected);
    CHECK_STATUS(tenure_access_allow(client, "client/web", "read", "jobs/"), expected);
    CHECK_STATUS(tenure_access_deny(client, "client/web", "read", "jobs/", text, &len), expected);
    CHECK_STATUS(tenure_access_test(client, "client/web", "read", "jobs/x", &is), expected);
    CHECK_STATUS(tenure_credential_create(client, "client/web", text, &len), expected);
    CHECK_STATUS(tenure_credential_revoke(client, "client/web"), expected);
    CHECK_STATUS(tenure_describe(client, "access", NULL, text, &len), expected);
    CHECK(strcmp(text, "as it was") == 0 && len == sizeof text && is == 77);
}

static tenure_client *one_of_little_patience(const struct cluster *cluster, const struct papers *papers) {
    tenure_client_options options = shows(papers);
    tenure_client *client = NULL;
    options.request_timeout_ms = 100;
    CHECK_STATUS(tenure_client_open(cluster->endpoints, &options, &client), TENURE_OK);
    return client;
}

int main(int argc, char **argv) {
    struct cluster cluster;
    struct papers alice;
    tenure_client *operator_, *hasty;
    char certificates[256];
    CHECK(argc == 2);
    snprintf(certificates, sizeof certificates, "%s/certs", argv[1]);
    make(certificates, "ca", NULL);
    make(certificates, "node/1", "127.0.0.1");
    make(certificates, "node/2", "127.0.0.1");
    make(certificates, "node/3", "127.0.0.1");
    make(certificates, "operator/alice", NULL);
    alice = papers(certificates, "operator-alice");
    start_nodes(&cluster, argv[1], certificates, NULL);
    operator_ = open_as(cluster.endpoints, &alice);
    until_there_are_rights(operator_);
    a_file_that_is_none_is_told(&cluster, &alice, argv[1]);
    credentials_are_shown_until_they_are_revoked(&cluster, operator_, &alice, argv[1]);
    rights_decide_over_tcp_and_in_the_process_alike(&cluster, operator_, &alice, argv[1]);
    CHECK_STATUS(tenure_client_close(operator_, TENURE_FOREVER), TENURE_OK);
    nothing_is_done(operator_, TENURE_CLOSED);
    tenure_client_free(operator_);
    hasty = one_of_little_patience(&cluster, &alice);
    cluster_stop(&cluster);
    nothing_is_done(hasty, TENURE_UNAVAILABLE);
    tenure_client_free(hasty);
    puts("access: good");
    return 0;
}
