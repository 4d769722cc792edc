// Rights and credentials by the C++ header, over TLS and in the process of a node: who has a credential takes locks as its principal
// until it is revoked; rules are given, tested, taken, and decide. Argument: an empty directory.
#include "../c/cluster.h"
#include "tenure.hpp"

#include <fcntl.h>
#include <sys/stat.h>

using namespace std::chrono_literals;

static std::string certificates, credential_file;

template <class Body>
static void check_throws(tenure::errc expected, const std::string &told, Body body) {
    try {
        body();
    } catch (const tenure::error &error) {
        if (error.status() != expected || std::string(error.what()).find(told) == std::string::npos) {
            fprintf(stderr, "not \"%s\": %s\n", told.c_str(), error.what());
            abort();
        }
        return;
    }
    CHECK(!"it throws");
}

static bool has(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

static tenure::client_options options(const std::string &cert) {
    tenure::client_options options;
    options.connect_timeout = 1min;
    options.request_timeout = 1min;
    options.ca = certificates + "/ca.crt";
    options.cert = certificates + "/" + cert + ".crt";
    options.key = certificates + "/" + cert + ".key";
    return options;
}

static tenure::client_options shows_credential() {
    tenure::client_options shown = options("");
    shown.cert.clear();
    shown.key.clear();
    shown.credential_file = credential_file;
    return shown;
}

static void certificates_are_made() {
    tenure::certificate_options hosts;
    hosts.hosts = "127.0.0.1";
    tenure::write_certificate(certificates, "ca");
    for (const char *node : {"node/1", "node/2", "node/3"})
        tenure::write_certificate(certificates, node, hosts);
    tenure::write_certificate(certificates, "operator/alice");
}

static tenure::node start(std::uint64_t id, const std::string &directory, const std::string &members) {
    tenure::node_options options;
    const std::string name = certificates + "/node-" + std::to_string(id);
    options.id = id;
    options.data_dir = directory + "/node" + std::to_string(id);
    options.cluster = members;
    options.ca = certificates + "/ca.crt";
    options.cert = name + ".crt";
    options.key = name + ".key";
    return tenure::node(options);
}

// Rights and credentials begin at level 3, to which a new cluster rises once all nodes are connected.
static void until_there_are_rights(tenure::client alice) {
    const std::string level = "\"level\":3";
    for (int count = 0; count != 3;) {
        const std::string cluster = alice.describe("cluster");
        count = 0;
        for (auto at = cluster.find(level); at != std::string::npos; at = cluster.find(level, at + 1))
            count++;
    }
}

static void create(tenure::client alice) {
    const std::string line = alice.access().create_credential("client/web");
    CHECK(line.rfind("client/web:", 0) == 0 && line.size() == 11 + 64);
    const int file = open(credential_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(file >= 0 && write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size()) && close(file) == 0);
}

static void is_refused(const std::string &endpoints, const std::string &told) {
    tenure::client_options shown = shows_credential();
    shown.connect_timeout = 500ms;
    // On a machine that is slow the handshake may not be over by then.
    for (int times = 0; times < 60; times++) {
        std::error_code code;
        CHECK(!tenure::client::open(endpoints, shown, code) && code == tenure::errc::unavailable);
        if (has(tenure::last_error(), told))
            return;
    }
    fprintf(stderr, "\"%s\" is not in: %s\n", told.c_str(), tenure::last_error());
    abort();
}

static void a_credential_is_shown_until_it_is_revoked(tenure::client alice, tenure::node &node,
                                                      const std::string &endpoints) {
    const std::string told = "the credential of client/web is not the one that this cluster has";
    create(alice);
    tenure::client_options short_lived = shows_credential();
    short_lived.ttl = 2s;
    tenure::client web(endpoints, short_lived), local = node.client(short_lived);
    for (tenure::client client : {web, local}) {
        client.acquire("jobs/x").release();
        const std::string may_not = "client/web may use locks, and not operate the cluster";
        check_throws(tenure::errc::denied, may_not, [&] { client.move_leader(); });
        check_throws(tenure::errc::denied, may_not, [&] { client.access().on(); });
        check_throws(tenure::errc::denied, may_not, [&] { client.access().list(); });
        check_throws(tenure::errc::denied, may_not, [&] { client.access().create_credential("client/web"); });
    }
    tenure::mutex held(web, "jobs/x"), other(local, "jobs/y");
    held.lock();
    other.lock();
    alice.access().revoke_credential("client/web");
    for (tenure::client client : {web, local}) {
        while (client.next()->state != tenure::session_state::ended) {
        }
        while (!has(client.describe("condition"), told)) {
        }
    }
    CHECK(held.lost() && other.lost());
    held.unlock();
    other.unlock();
    is_refused(endpoints, told);
    check_throws(tenure::errc::not_found, "client/web has no credential",
                 [&] { alice.access().revoke_credential("client/web"); });
    create(alice);
    tenure::client(endpoints, shows_credential()).acquire("jobs/x").release();
}

static void rules_decide_over_tcp_and_in_the_process_alike(tenure::client alice, tenure::client web, tenure::client local) {
    tenure::access_control access = alice.access();
    const std::string nobody = "nobody could change rights any more", lacks = "client/web lacks the right ";
    check_throws(tenure::errc::unavailable, nobody, [&] { access.on(); });
    access.allow("operator/alice", "admin,operate");
    access.allow("operator/alice", "admin");
    access.on();
    access.on();
    check_throws(tenure::errc::denied, lacks + "acquire for \"jobs/x\"", [&] { web.acquire("jobs/x").release(); });
    check_throws(tenure::errc::denied, lacks + "acquire for \"jobs/x\"", [&] { local.acquire("jobs/x").release(); });
    check_throws(tenure::errc::denied, lacks + "admin for the cluster", [&] { web.access().off(); });
    CHECK(!access.test("client/web", "acquire", "jobs/x") && access.test("operator/alice", "operate"));
    access.allow("client/w*", "acquire,read", "jobs/");
    CHECK(access.test("client/web", "acquire", "jobs/x") && !access.test("client/web", "break", "jobs/x"));
    web.acquire("jobs/x").release();
    local.acquire("jobs/x").release();
    CHECK(access.list() == "{\"credentials\":[\"client/web\"],\"on\":true,\"rules\":["
                           "{\"names\":\"jobs/\",\"principal\":\"client/w*\",\"rights\":[\"acquire\",\"read\"]},"
                           "{\"names\":null,\"principal\":\"operator/alice\",\"rights\":[\"operate\",\"admin\"]}]}");
    check_throws(tenure::errc::not_found, "another rule still allows some of it: client/w* acquire,read jobs/",
                 [&] { access.deny("client/web", "acquire", "jobs/x"); });
    std::error_code code;
    CHECK(access.deny("client/web", "acquire", "jobs/x", code) == "client/w* acquire,read jobs/");
    CHECK(code == tenure::errc::not_found);
    access.allow("*", "acquire", "*");
    CHECK(access.deny("client/w*", "acquire", "jobs/") == "* acquire *");
    CHECK(access.deny("*", "acquire", "*").empty());
    check_throws(tenure::errc::denied, lacks, [&] { web.acquire("jobs/x").release(); });
    check_throws(tenure::errc::unavailable, nobody, [&] { access.deny("operator/alice", "admin"); });
    access.off();
    web.acquire("other").release();
}

// By code and by sentence, and nothing is asked of a server.
static void what_is_none_is_refused(tenure::client alice) {
    tenure::access_control access = alice.access();
    const std::string nul("a\0b", 3);
    for (const std::string &who : {nul, std::string(), std::string("billing"), std::string("node/1")}) {
        check_throws(tenure::errc::invalid, "", [&] { access.allow(who, "read", "x"); });
        check_throws(tenure::errc::invalid, "", [&] { access.deny(who, "read", "x"); });
        check_throws(tenure::errc::invalid, "", [&] { access.create_credential(who); });
    }
    check_throws(tenure::errc::invalid, "NUL", [&] { access.test(nul, "read", "x"); });
    check_throws(tenure::errc::invalid, "NUL", [&] { access.test("client/a", nul, "x"); });
    check_throws(tenure::errc::invalid, "NUL", [&] { access.test("client/a", "read", nul); });
    check_throws(tenure::errc::invalid, "NUL", [&] { access.allow("client/a", nul, "x"); });
    check_throws(tenure::errc::invalid, "NUL", [&] { access.deny("client/a", "read", nul); });
    check_throws(tenure::errc::invalid, "NUL", [&] { access.revoke_credential(nul); });
    check_throws(tenure::errc::invalid, "a prefix ends in \"/\"", [&] { access.allow("client/a", "read", "jobs/*"); });
    check_throws(tenure::errc::invalid, "name the lock", [&] { access.allow("client/a", "read"); });
    check_throws(tenure::errc::invalid, "name no lock", [&] { access.allow("client/a", "admin", "x"); });
    check_throws(tenure::errc::invalid, "there is no right \"write\"", [&] { access.test("client/a", "write", "x"); });
    check_throws(tenure::errc::invalid, "is of local/1", [&] { access.create_credential("local/1"); });
    std::error_code code;
    CHECK(access.create_credential(nul, code).empty() && code == tenure::errc::invalid);
    CHECK(has(tenure::last_error(), "NUL"));
    access.on(code);
    CHECK(code == tenure::errc::unavailable);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    const std::string directory = argv[1];
    certificates = directory + "/certs";
    credential_file = directory + "/web.credential";
    int ports[3];
    cluster_choose_ports(ports);
    std::string members, endpoints;
    for (int i = 0; i < 3; i++) {
        const std::string address = "127.0.0.1:" + std::to_string(ports[i]);
        members += (i ? "," : "") + std::to_string(i + 1) + "=" + address;
        endpoints += (i ? "," : "") + address;
    }
    certificates_are_made();
    tenure::node nodes[3];
    for (int i = 0; i < 3; i++)
        nodes[i] = start(static_cast<std::uint64_t>(i) + 1, directory, members);
    tenure::client alice(endpoints, options("operator-alice"));
    what_is_none_is_refused(alice);
    until_there_are_rights(alice);
    a_credential_is_shown_until_it_is_revoked(alice, nodes[0], endpoints);
    rules_decide_over_tcp_and_in_the_process_alike(alice, tenure::client(endpoints, shows_credential()),
                                                   nodes[0].client(shows_credential()));
    puts("access: good");
}
