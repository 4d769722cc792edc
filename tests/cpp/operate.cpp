// What operators order, by the C++ header, against three nodes in this process: a fourth is added, promoted, leads, and is
// removed; a lock is handed over; the state is saved and restored. Arguments: an empty directory, the address of the fourth.
#include "../c/cluster.h"
#include "tenure.hpp"

#include <thread>

using namespace std::chrono_literals;

template <class Body>
static void check_throws(tenure::errc expected, Body body) {
    try {
        body();
    } catch (const tenure::error &error) {
        CHECK(error.status() == expected);
        CHECK(std::string(error.what()).size() > 10);
        return;
    }
    CHECK(!"it throws");
}

static tenure::client open(const std::string &endpoints, const std::string &name) {
    tenure::client_options options;
    options.name = name;
    options.connect_timeout = 1min;
    options.request_timeout = 1min;
    return tenure::client(endpoints, options);
}

static bool has(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

static tenure::node start_joining(const std::string &directory, const std::string &endpoints) {
    tenure::node_options options;
    options.id = 4;
    options.data_dir = directory + "/node4";
    options.join = endpoints;
    options.ttl_max = 1min;
    options.snapshot_every_bytes = 4096;
    return tenure::node(options);
}

// An election may come between: then it is asked for again.
static void lead(tenure::client client, std::uint64_t to) {
    std::error_code code;
    do
        client.move_leader(to, tenure::forever, code);
    while (code == tenure::errc::unavailable || code == tenure::errc::unknown);
    CHECK(!code);
}

static void a_fourth_node_comes_leads_and_goes(tenure::client client, const std::string &directory,
                                               const std::string &endpoints, const std::string &address) {
    check_throws(tenure::errc::not_found, [&] { client.promote_member(4); });
    client.add_member(4, address);
    check_throws(tenure::errc::invalid, [&] { client.add_member(4, address); });
    CHECK(has(client.describe("members"), "\"address\":\"" + address + "\""));
    tenure::node fourth = start_joining(directory, endpoints);
    client.promote_member(4);
    CHECK(!has(client.describe("members"), "\"learner\""));
    lead(client, 4);
    while (!fourth.next()->is_leader) {
    }
    client.remove_member(4);
    CHECK(!has(client.describe("members"), "\"id\":4,"));
    check_throws(tenure::errc::not_found, [&] { client.remove_member(4); });
    std::error_code code;
    while (!code)
        fourth.next(tenure::forever, code);
    CHECK(code == tenure::errc::denied);
}

static void votes_and_addresses_are_changed(tenure::client client) {
    client.demote_member(3);
    CHECK(has(client.describe("members"), "\"learner\""));
    client.promote_member(3);
    client.add_member(5, "127.0.0.1:1");
    client.move_member(5, "127.0.0.1:2");
    CHECK(has(client.describe("members"), "127.0.0.1:2"));
    client.remove_member(5);
    check_throws(tenure::errc::invalid, [&] { client.move_leader(5); });
    client.move_leader();
}

static void a_lock_is_handed_over(tenure::client client, tenure::client other, tenure::client third) {
    check_throws(tenure::errc::not_found, [&] { other.handover("operate/a"); });
    tenure::lease lease = client.acquire("operate/a");
    const std::uint64_t token = lease.token();
    tenure::pending first = other.acquire_start("operate/a"), named = third.acquire_start("operate/a");
    std::thread holder([&] {
        while (!lease.asked())
            std::this_thread::yield();
        lease.release();
    });
    std::error_code code;
    do
        other.handover("operate/a", "third", 1h, "maintenance", code);
    while (code == tenure::errc::not_found);
    CHECK(!code);
    holder.join();
    tenure::lease handed = named.take();
    CHECK(handed.token() > token);
    handed.release();
    first.take().release();
}

static void what_was_saved_begins_a_new_cluster(tenure::client client, const struct cluster &cluster,
                                                const std::string &directory) {
    const std::string path = directory + "/backup";
    client.save_snapshot(path);
    check_throws(tenure::errc::io, [&] { client.save_snapshot(directory + "/none/backup"); });
    tenure::restore_options options;
    options.id = 1;
    options.data_dir = directory + "/restored1";
    options.cluster = cluster.members;
    options.largest_ttl_max = 1h;
    options.largest_lease = 1s;
    CHECK(tenure::restore_snapshot(path, options) == 1h);
    check_throws(tenure::errc::invalid, [&] { tenure::restore_snapshot(path, options); });
    options.data_dir = directory + "/restored2";
    options.largest_ttl_max = -1s;
    check_throws(tenure::errc::invalid, [&] { tenure::restore_snapshot(path, options); });
    options.largest_ttl_max = options.largest_lease = 0s;
    options.waive_wait = true;
    CHECK(tenure::restore_snapshot(path, options) == 0s);
}

static void a_text_with_a_nul_is_refused(tenure::client client) {
    const std::string nul("a\0b", 3);
    check_throws(tenure::errc::invalid, [&] { client.add_member(4, nul); });
    check_throws(tenure::errc::invalid, [&] { client.move_member(4, nul); });
    check_throws(tenure::errc::invalid, [&] { client.handover(nul); });
    check_throws(tenure::errc::invalid, [&] { client.handover("operate/a", nul); });
    check_throws(tenure::errc::invalid, [&] { client.save_snapshot(nul); });
    std::error_code code;
    client.handover("operate/a", "b", 1s, nul, code);
    CHECK(code == tenure::errc::invalid);
    tenure::restore_options options;
    options.data_dir = nul;
    tenure::restore_snapshot("backup", options, code);
    CHECK(code == tenure::errc::invalid && has(tenure::last_error(), "NUL"));
    tenure::node_options node;
    node.ttl_max = -1s;
    check_throws(tenure::errc::invalid, [&] { tenure::node started(node); });
}

int main(int argc, char **argv) {
    CHECK(argc == 3);
    struct cluster cluster;
    cluster_start(&cluster, argv[1]);
    tenure::client client = open(cluster.endpoints, "first");
    a_text_with_a_nul_is_refused(client);
    a_fourth_node_comes_leads_and_goes(client, argv[1], cluster.endpoints, argv[2]);
    votes_and_addresses_are_changed(client);
    a_lock_is_handed_over(client, open(cluster.endpoints, "second"), open(cluster.endpoints, "third"));
    what_was_saved_begins_a_new_cluster(client, cluster, argv[1]);
    cluster_stop(&cluster);
    std::puts("operate: good");
    return 0;
}
