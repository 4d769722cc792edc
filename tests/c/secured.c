/*
 * TLS through the C interface alone: certificates, three nodes in this process, who is served, who is refused with which
 * sentence, and what the audit trail has of it. Arguments: an empty directory; the address of a fourth node; and certificates of
 * another hand: an authority (ca.crt, ca.key) and what it made that has expired (client-late, node-1).
 */
#define _POSIX_C_SOURCE 200809L
#include "cluster.h"
#include "papers.h"

static void certificates_are_made_once(const char *directory) {
    tenure_certs_options options = TENURE_CERTS_OPTIONS_INIT;
    struct papers first = papers(directory, "node-1");
    make(directory, "ca", NULL);
    make(directory, "node/1", "127.0.0.1");
    make(directory, "node/2", "localhost,127.0.0.1");
    /* It is dialed at an address that its certificate does not name. */
    make(directory, "node/3", "elsewhere.example");
    make(directory, "node/4", "127.0.0.1");
    make(directory, "client/billing", NULL);
    make(directory, "operator/alice", NULL);
    CHECK_STATUS(tenure_certs_write(directory, "ca", NULL), TENURE_INVALID);
    says("is there already");
    options.hosts = "127.0.0.1";
    CHECK_STATUS(tenure_certs_write(directory, "node/1", &options), TENURE_INVALID);
    says(first.key);
    options.flags = TENURE_CERTS_REPLACE;
    CHECK_STATUS(tenure_certs_write(directory, "node/1", &options), TENURE_OK);
    CHECK_STATUS(tenure_certs_write(directory, "node/1", NULL), TENURE_INVALID);
    says("needs the hosts");
    CHECK(access(first.key, R_OK) == 0);
}

static void a_node_that_is_another_or_has_no_key_does_not_start(const char *directory, const char *certificates) {
    struct papers own = papers(certificates, "node-2"), client = papers(certificates, "client-billing");
    tenure_node_options options = node_options(&own, 1);
    tenure_node *node = NULL;
    char empty[512], message[1024];
    FILE *file;
    snprintf(empty, sizeof empty, "%s/empty", directory);
    file = fopen(empty, "w");
    CHECK(file != NULL && fclose(file) == 0);
    options.data_dir = "/nonexistent";
    options.cluster = "1=127.0.0.1:1";
    CHECK_STATUS(tenure_node_start(&options, &node), TENURE_INVALID);
    says("is the certificate of node/2, and this is node/1");
    options.cert = client.cert;
    options.key = client.key;
    CHECK_STATUS(tenure_node_start(&options, &node), TENURE_INVALID);
    says("client/billing");
    options = node_options(&own, 2);
    options.data_dir = "/nonexistent";
    options.cluster = "2=127.0.0.1:1";
    {
        /* Each option, and a file for it that is not there, is empty, is of another kind. */
        struct { const char **option; const char *name, *other; } files[] = {
            {&options.ca, "ca", own.key}, {&options.cert, "cert", own.key}, {&options.key, "key", own.cert},
            {&options.client_ca, "client_ca", own.key}, {&options.crl, "crl", own.cert}};
        for (int which = 0; which < 5; which++) {
            const char *before = *files[which].option, *wrong[] = {"/nonexistent/file", empty, files[which].other, "/"};
            for (int kind = 0; kind < 4; kind++) {
                *files[which].option = wrong[kind];
                CHECK_STATUS(tenure_node_start(&options, &node), TENURE_INVALID);
                snprintf(message, sizeof message, "%s (%s)", wrong[kind], files[which].name);
                says(message);
            }
            *files[which].option = before;
        }
    }
    options.key = client.key;
    CHECK_STATUS(tenure_node_start(&options, &node), TENURE_INVALID);
    says("is not the key of");
    options.key = own.key;
    options.audit = "/nonexistent/audit";
    CHECK_STATUS(tenure_node_start(&options, &node), TENURE_INVALID);
    says("/nonexistent/audit");
}

static void files_of_clients_are_told_by_option_and_path(const char *certificates) {
    struct papers own = papers(certificates, "client-billing"), other = papers(certificates, "operator-alice");
    tenure_client_options options = shows(&own);
    tenure_client *client = NULL;
    char told[1024];
    options.cert = "/nonexistent/client.crt";
    CHECK_STATUS(tenure_client_open("127.0.0.1:1", &options, &client), TENURE_INVALID);
    says("/nonexistent/client.crt (cert)");
    options.cert = own.key;
    CHECK_STATUS(tenure_client_open("127.0.0.1:1", &options, &client), TENURE_INVALID);
    snprintf(told, sizeof told, "%s (cert) has no certificate in it", own.key);
    says(told);
    options.cert = own.cert;
    options.key = other.key;
    CHECK_STATUS(tenure_client_open("127.0.0.1:1", &options, &client), TENURE_INVALID);
    snprintf(told, sizeof told, "%s (key) is not the key of %s (cert)", other.key, own.cert);
    says(told);
}

/* Who may lock may not operate, over TCP and through a node of its own process. */
static void what_is_denied_says_who_and_what(tenure_client *client) {
    CHECK_STATUS(tenure_move_leader(client, 0, 0), TENURE_DENIED);
    says("client/billing");
    says("operate");
    CHECK_STATUS(tenure_member_remove(client, 3), TENURE_DENIED);
    CHECK_STATUS(tenure_break(client, "jobs/x", 0, 0, NULL), TENURE_DENIED);
    says("client/billing");
}

static void strangers_are_told_why(const struct cluster *cluster, const char *directory, const char *certificates) {
    struct papers own = papers(certificates, "client-billing");
    tenure_client_options options = shows(&own);
    char foreign[512], third[64], first[64];
    struct papers strange;
    snprintf(first, sizeof first, "%.*s", (int)strcspn(cluster->endpoints, ","), cluster->endpoints);
    snprintf(third, sizeof third, "%s", strrchr(cluster->endpoints, ',') + 1);
    snprintf(foreign, sizeof foreign, "%s/foreign", directory);
    make(foreign, "ca", NULL);
    make(foreign, "client/billing", NULL);
    strange = papers(foreign, "client-billing");
    /* Nodes of an authority that this client does not trust. */
    options.ca = strange.ca;
    is_refused(first, &options, "is not of an authority that is trusted here");
    /* A client of an authority that nodes do not trust. */
    options = shows(&strange);
    options.ca = own.ca;
    is_refused(first, &options, "our certificate is not of an authority that it trusts");
    /* The host that is dialed is none of its certificate; as any node of the authority it is served. */
    options = shows(&own);
    is_refused(third, &options, "is not for 127.0.0.1, but for elsewhere.example");
    /* No certificate, no TLS. */
    options.cert = options.key = NULL;
    is_refused(first, &options, "it demands a certificate");
    options.ca = NULL;
    is_refused(first, &options, "it speaks TLS, and this side does not");
}

/* A node of this process judges as the others do, whose sentences stand beside its own. */
static void strangers_in_the_process_are_told_why(const struct cluster *cluster, const char *directory,
                                                  const char *certificates) {
    struct papers own = papers(certificates, "client-billing"), strange;
    char foreign[512];
    tenure_client_options options;
    tenure_client *client = NULL;
    const char *told = "refuses us: the certificate of this client is not of an authority that is trusted here";
    snprintf(foreign, sizeof foreign, "%s/foreign", directory);
    strange = papers(foreign, "client-billing");
    options = shows(&strange);
    options.ca = own.ca;
    options.connect_timeout_ms = 500;
    for (int times = 0; times < 60; times++) {
        CHECK_STATUS(tenure_node_client(cluster->nodes[0], &options, &client), TENURE_UNAVAILABLE);
        if (strstr(tenure_last_error(), told) != NULL)
            return;
    }
    says(told);
}

/* It would be served for as long as its own node leads, and no longer: somebody should know. */
static void one_without_a_certificate_is_warned_of(struct cluster *cluster) {
    tenure_client_options options = TENURE_CLIENT_OPTIONS_INIT;
    tenure_leadership leadership = TENURE_LEADERSHIP_INIT;
    tenure_client *client = NULL;
    char line[4096] = "";
    CHECK(tenure_log_fd() >= 0);
    options.connect_timeout_ms = 60000;
    CHECK_STATUS(tenure_node_client(cluster->nodes[cluster_leader(cluster, -1, &leadership)], &options, &client), TENURE_OK);
    tenure_client_free(client);
    while (strstr(line, "shows no certificate, and the other nodes speak TLS alone") == NULL) {
        size_t len = sizeof line;
        tenure_status status = tenure_log_read(line, &len);
        if (status == TENURE_AGAIN)
            CHECK(readable(tenure_log_fd(), -1) == 1);
        else
            CHECK_STATUS(status, TENURE_OK);
    }
    CHECK_STATUS(tenure_log_to(NULL, NULL, TENURE_LOG_WARN), TENURE_OK);
}

/* Both of an authority that both ends trust. */
static void what_has_expired_is_refused(const char *directory, const char *made) {
    struct papers late = papers(made, "client-late"), node_papers = papers(made, "node-1"), good;
    tenure_node_options options = node_options(&node_papers, 1);
    tenure_client_options client_options;
    tenure_node *node = NULL;
    char data_dir[512], members[64];
    int ports[3];
    cluster_choose_ports(ports);
    snprintf(data_dir, sizeof data_dir, "%s/late", directory);
    snprintf(members, sizeof members, "1=127.0.0.1:%d", ports[0]);
    options.data_dir = data_dir;
    options.cluster = members;
    /* It starts: the clock of a machine that starts may be wrong. */
    CHECK_STATUS(tenure_node_start(&options, &node), TENURE_OK);
    make(made, "client/early", NULL);
    good = papers(made, "client-early");
    client_options = shows(&good);
    is_refused(members + 2, &client_options, "its certificate expired on ");
    CHECK_STATUS(tenure_node_stop(node, TENURE_FOREVER), TENURE_OK);
    tenure_node_free(node);
    {
        tenure_certs_options hosts = TENURE_CERTS_OPTIONS_INIT;
        hosts.hosts = "127.0.0.1";
        hosts.flags = TENURE_CERTS_REPLACE;
        CHECK_STATUS(tenure_certs_write(made, "node/1", &hosts), TENURE_OK);
    }
    CHECK_STATUS(tenure_node_start(&options, &node), TENURE_OK);
    client_options = shows(&late);
    is_refused(members + 2, &client_options, "our certificate has expired");
    tenure_client_free(open_as(members + 2, &good));
    CHECK_STATUS(tenure_node_stop(node, TENURE_FOREVER), TENURE_OK);
    tenure_node_free(node);
}

/* It asks over TLS first, and then without those who do not speak it. */
static void one_that_takes_both_joins_one_without(const char *plain, const char *directory, const char *certificates, int port) {
    struct papers own = papers(certificates, "node-2");
    tenure_node_options options = node_options(&own, 2);
    tenure_client *client = open_client(plain, "plain");
    tenure_node *node = NULL;
    char data_dir[512], address[64];
    snprintf(data_dir, sizeof data_dir, "%s/joins", directory);
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    CHECK_STATUS(tenure_member_add(client, 2, address), TENURE_OK);
    options.data_dir = data_dir;
    options.join = plain;
    options.tls = TENURE_TLS_OPTIONAL;
    CHECK_STATUS(tenure_node_start(&options, &node), TENURE_OK);
    CHECK_STATUS(tenure_member_promote(client, 2), TENURE_OK);
    CHECK_STATUS(tenure_member_remove(client, 2), TENURE_OK);
    tenure_client_free(client);
    CHECK_STATUS(tenure_node_stop(node, TENURE_FOREVER), TENURE_OK);
    tenure_node_free(node);
}

/* While a cluster changes over both are served, and nobody who was given an authority does without. */
static void both_are_served_in_between(const char *directory, const char *certificates) {
    struct papers own = papers(certificates, "node-1"), shown = papers(certificates, "client-billing");
    tenure_node_options options = node_options(&own, 1);
    tenure_node *node = NULL;
    char data_dir[512], members[64];
    int ports[3];
    cluster_choose_ports(ports);
    snprintf(data_dir, sizeof data_dir, "%s/optional", directory);
    snprintf(members, sizeof members, "1=127.0.0.1:%d", ports[0]);
    options.data_dir = data_dir;
    options.cluster = members;
    options.tls = TENURE_TLS_OPTIONAL;
    CHECK_STATUS(tenure_node_start(&options, &node), TENURE_OK);
    tenure_client_free(open_client(members + 2, "plain"));
    tenure_client_free(open_as(members + 2, &shown));
    CHECK_STATUS(tenure_node_stop(node, TENURE_FOREVER), TENURE_OK);
    tenure_node_free(node);
    options.tls = TENURE_TLS_OFF;
    CHECK_STATUS(tenure_node_start(&options, &node), TENURE_OK);
    one_that_takes_both_joins_one_without(members + 2, directory, certificates, ports[1]);
    {
        tenure_client_options demanding = shows(&shown);
        is_refused(members + 2, &demanding, "if it does without TLS");
    }
    CHECK_STATUS(tenure_node_stop(node, TENURE_FOREVER), TENURE_OK);
    tenure_node_free(node);
}

static void the_environment_stands_for_what_options_do_not_say(const struct cluster *cluster, const char *certificates) {
    struct papers own = papers(certificates, "client-billing");
    tenure_client_options options = TENURE_CLIENT_OPTIONS_INIT;
    tenure_client *client = NULL;
    options.connect_timeout_ms = 60000;
    setenv("TENURE_CERT", own.cert, 1);
    setenv("TENURE_KEY", own.key, 1);
    CHECK_STATUS(tenure_client_open(cluster->endpoints, &options, &client), TENURE_INVALID);
    says("TENURE_CA is not");
    setenv("TENURE_CA", own.ca, 1);
    setenv("TENURE_VERIFY", "nobody", 1);
    CHECK_STATUS(tenure_client_open(cluster->endpoints, &options, &client), TENURE_INVALID);
    says("TENURE_VERIFY is \"nobody\"");
    setenv("TENURE_VERIFY", "node", 1);
    CHECK_STATUS(tenure_client_open(cluster->endpoints, &options, &client), TENURE_OK);
    release(acquire(client, "jobs/environment"));
    tenure_client_free(client);
    /* Options that say something say all of it. */
    options.cert = own.cert;
    CHECK_STATUS(tenure_client_open(cluster->endpoints, &options, &client), TENURE_INVALID);
    says("ca is not");
    options.cert = NULL;
    options.ca = "";
    is_refused(cluster->endpoints, &options, "it speaks TLS, and this side does not");
    unsetenv("TENURE_CA");
    unsetenv("TENURE_CERT");
    unsetenv("TENURE_KEY");
    unsetenv("TENURE_VERIFY");
}

static void a_fourth_joins_over_tls(tenure_client *operator_, const struct cluster *cluster, const char *directory,
                                    const char *certificates, const char *address) {
    struct papers own = papers(certificates, "node-4");
    tenure_node_options options = node_options(&own, 4);
    tenure_node *node = NULL;
    char data_dir[512];
    snprintf(data_dir, sizeof data_dir, "%s/node4", directory);
    CHECK_STATUS(tenure_member_add(operator_, 4, address), TENURE_OK);
    options.data_dir = data_dir;
    options.join = cluster->endpoints;
    options.verify = TENURE_VERIFY_NODE;
    CHECK_STATUS(tenure_node_start(&options, &node), TENURE_OK);
    CHECK_STATUS(tenure_member_promote(operator_, 4), TENURE_OK);
    CHECK_STATUS(tenure_member_remove(operator_, 4), TENURE_OK);
    CHECK_STATUS(tenure_node_stop(node, TENURE_FOREVER), TENURE_OK);
    tenure_node_free(node);
}

static void leases_outlive_a_leader_and_end_by_an_operator(struct cluster *cluster, tenure_client *client,
                                                           tenure_client *operator_) {
    tenure_leadership leadership = TENURE_LEADERSHIP_INIT;
    tenure_lease *lease = acquire(client, "jobs/x"), *other;
    uint64_t token = tenure_lease_token(lease);
    int leader = cluster_leader(cluster, -1, &leadership);
    CHECK_STATUS(tenure_node_stop(cluster->nodes[leader], TENURE_FOREVER), TENURE_OK);
    cluster_leader(cluster, leader, &leadership);
    other = acquire(client, "jobs/y");
    CHECK(tenure_lease_token(other) > token);
    release(other);
    check_state(lease, TENURE_LEASE_STATE_HELD, TENURE_REASON_NONE);
    CHECK(tenure_lease_remaining_ns(lease) > 0);
    CHECK_STATUS(tenure_break(operator_, "jobs/x", token, 0, "of a test"), TENURE_OK);
    CHECK(readable(tenure_lease_fd(lease), -1) == 1);
    check_state(lease, TENURE_LEASE_STATE_ENDED, TENURE_REASON_BROKEN);
    tenure_lease_free(lease);
}

static void has_line(const char *file, const char *who, const char *what) {
    char line[4096];
    int found = 0;
    FILE *audit = fopen(file, "r");
    CHECK(audit != NULL);
    while (!found && fgets(line, sizeof line, audit) != NULL)
        found = strstr(line, who) != NULL && strstr(line, what) != NULL;
    fclose(audit);
    if (!found)
        fprintf(stderr, "no line of %s with %s\n", who, what);
    CHECK(found);
}

int main(int argc, char **argv) {
    struct cluster cluster;
    struct papers client_papers, operator_papers;
    tenure_client *client, *operator_, *local;
    char certificates[256], audit[256];
    CHECK(argc == 4);
    snprintf(certificates, sizeof certificates, "%s/certs", argv[1]);
    snprintf(audit, sizeof audit, "%s/audit", argv[1]);
    certificates_are_made_once(certificates);
    a_node_that_is_another_or_has_no_key_does_not_start(argv[1], certificates);
    files_of_clients_are_told_by_option_and_path(certificates);
    what_has_expired_is_refused(argv[1], argv[3]);
    both_are_served_in_between(argv[1], certificates);
    start_nodes(&cluster, argv[1], certificates, audit);
    client_papers = papers(certificates, "client-billing");
    operator_papers = papers(certificates, "operator-alice");
    strangers_are_told_why(&cluster, argv[1], certificates);
    strangers_in_the_process_are_told_why(&cluster, argv[1], certificates);
    one_without_a_certificate_is_warned_of(&cluster);
    the_environment_stands_for_what_options_do_not_say(&cluster, certificates);
    {
        tenure_client_options options = shows(&client_papers);
        options.verify = TENURE_VERIFY_NODE;
        CHECK_STATUS(tenure_client_open(cluster.endpoints, &options, &client), TENURE_OK);
        CHECK_STATUS(tenure_node_client(cluster.nodes[0], &options, &local), TENURE_OK);
        options = shows(&operator_papers);
        options.verify = TENURE_VERIFY_NODE;
        CHECK_STATUS(tenure_client_open(cluster.endpoints, &options, &operator_), TENURE_OK);
    }
    what_is_denied_says_who_and_what(client);
    what_is_denied_says_who_and_what(local);
    a_fourth_joins_over_tls(operator_, &cluster, argv[1], certificates, argv[2]);
    leases_outlive_a_leader_and_end_by_an_operator(&cluster, client, operator_);
    tenure_client_free(client);
    tenure_client_free(local);
    tenure_client_free(operator_);
    cluster_stop(&cluster);
    has_line(audit, "\"operator/alice\"", "of a test");
    has_line(audit, "\"client/billing\"", "denied");
    puts("secured: good");
    return 0;
}
