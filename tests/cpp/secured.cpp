// TLS by the C++ header: certificates, three nodes in this process, who is served, who is refused. Arguments: an empty
// directory; an authority (ca.crt) and what it made that has expired (client-late, node-1).
#include "../c/cluster.h"
#include "tenure.hpp"

using namespace std::chrono_literals;

static std::string certificates;

template <class Body>
static void check_throws(tenure::errc expected, const std::string &told, Body body) {
    try {
        body();
    } catch (const tenure::error &error) {
        CHECK(error.status() == expected);
        if (std::string(error.what()).find(told) == std::string::npos) {
            fprintf(stderr, "\"%s\" is not in: %s\n", told.c_str(), error.what());
            abort();
        }
        return;
    }
    CHECK(!"it throws");
}

static tenure::client_options shows(const std::string &name) {
    tenure::client_options options;
    options.connect_timeout = 1min;
    options.request_timeout = 1min;
    options.ca = certificates + "/ca.crt";
    options.cert = certificates + "/" + name + ".crt";
    options.key = certificates + "/" + name + ".key";
    return options;
}

static tenure::node_options node_options(std::uint64_t id, const std::string &directory, const std::string &members) {
    tenure::node_options options;
    const std::string name = certificates + "/node-" + std::to_string(id);
    options.id = id;
    options.data_dir = directory + "/node" + std::to_string(id);
    options.cluster = members;
    options.ca = certificates + "/ca.crt";
    options.cert = name + ".crt";
    options.key = name + ".key";
    return options;
}

static void certificates_are_made() {
    tenure::certificate_options hosts;
    hosts.hosts = "127.0.0.1,localhost";
    tenure::write_certificate(certificates, "ca");
    for (const char *node : {"node/1", "node/2", "node/3"})
        tenure::write_certificate(certificates, node, hosts);
    tenure::write_certificate(certificates, "client/billing");
    tenure::write_certificate(certificates, "operator/alice");
    std::error_code code;
    tenure::write_certificate(certificates, "client/billing", tenure::certificate_options(), code);
    CHECK(code == tenure::errc::invalid);
    tenure::certificate_options again;
    again.replace = true;
    again.days = 30;
    tenure::write_certificate(certificates, "client/billing", again);
    tenure::write_certificate(certificates, std::string("client/a\0b", 10), again, code);
    CHECK(code == tenure::errc::invalid);
}

static void what_does_not_fit_is_told(const std::string &directory, const std::string &members) {
    tenure::node_options options = node_options(1, directory, members);
    options.key.clear();
    check_throws(tenure::errc::invalid, "there is no key", [&] { tenure::node node(options); });
    options = node_options(1, directory, members);
    options.cert = certificates + "/node-2.crt";
    options.key = certificates + "/node-2.key";
    check_throws(tenure::errc::invalid, "the certificate of node/2", [&] { tenure::node node(options); });
    options.ca = std::string("a\0b", 3);
    check_throws(tenure::errc::invalid, "NUL", [&] { tenure::node node(options); });
    tenure::client_options client = shows("client-billing");
    client.ca.clear();
    check_throws(tenure::errc::invalid, "ca is not", [&] { tenure::client opened("127.0.0.1:1", client); });
    client = shows("client-nobody");
    check_throws(tenure::errc::invalid, "client-nobody.crt (cert)", [&] { tenure::client opened("127.0.0.1:1", client); });
}

// One node whose certificate has expired, and a client's.
static void what_has_expired_is_refused(const std::string &directory, const std::string &made) {
    int ports[3];
    cluster_choose_ports(ports);
    const std::string address = "127.0.0.1:" + std::to_string(ports[0]), before = certificates;
    certificates = made;
    const tenure::node_options late = node_options(1, directory + "/late", "1=" + address);
    tenure::write_certificate(made, "client/early");
    tenure::client_options client = shows("client-early");
    client.connect_timeout = 5s;
    {
        tenure::node node(late);
        check_throws(tenure::errc::unavailable, "its certificate expired on ", [&] { tenure::client opened(address, client); });
        node.stop();
    }
    tenure::certificate_options renewed;
    renewed.hosts = "127.0.0.1";
    renewed.replace = true;
    tenure::write_certificate(made, "node/1", renewed);
    tenure::node node(late);
    client = shows("client-late");
    client.connect_timeout = 5s;
    check_throws(tenure::errc::unavailable, "our certificate has expired", [&] { tenure::client opened(address, client); });
    certificates = before;
}

static void who_may_lock_may_not_operate(tenure::client client) {
    check_throws(tenure::errc::denied, "client/billing", [&] { client.move_leader(0, 0ms); });
    check_throws(tenure::errc::denied, "client/billing", [&] { client.remove_member(3); });
}

static int leader_of(const tenure::node (&nodes)[3], int stopped) {
    cluster handles{};
    tenure_leadership leadership = TENURE_LEADERSHIP_INIT;
    for (int i = 0; i < 3; i++)
        handles.nodes[i] = nodes[i].native_handle();
    return cluster_leader(&handles, stopped, &leadership);
}

int main(int argc, char **argv) {
    CHECK(argc == 3);
    const std::string directory = argv[1];
    certificates = directory + "/certs";
    int ports[3];
    cluster_choose_ports(ports);
    std::string members, endpoints;
    for (int i = 0; i < 3; i++) {
        const std::string address = "127.0.0.1:" + std::to_string(ports[i]);
        members += (i ? "," : "") + std::to_string(i + 1) + "=" + address;
        endpoints += (i ? "," : "") + address;
    }
    certificates_are_made();
    what_does_not_fit_is_told(directory, members);
    what_has_expired_is_refused(directory, argv[2]);
    tenure::node nodes[3];
    for (int i = 0; i < 3; i++)
        nodes[i] = tenure::node(node_options(static_cast<std::uint64_t>(i) + 1, directory, members));
    tenure::client_options options = shows("client-billing");
    options.verify = tenure::verify_by::node;
    tenure::client client(endpoints, options), local = nodes[0].client(options);
    who_may_lock_may_not_operate(client);
    who_may_lock_may_not_operate(local);
    tenure::mutex nightly(client, "jobs/nightly");
    nightly.lock();
    const std::uint64_t token = nightly.token();
    const int leader = leader_of(nodes, -1);
    nodes[leader].stop();
    leader_of(nodes, leader);
    CHECK(client.acquire("jobs/other", tenure::forever).token() > token);
    nightly.check();
    tenure::client alice(endpoints, shows("operator-alice"));
    alice.break_lock("jobs/nightly", 0ms, "of a test", token);
    check_throws(tenure::errc::lost, "jobs/nightly", [&] {
        for (;;)
            nightly.check();
    });
    puts("secured: good");
}
