// The functions that do not throw, built without exceptions, against three nodes in this process. Argument: an empty
// directory. With TENURE_CALL_WHAT_THROWS it must not compile.
#include "../c/cluster.h"
#include "tenure.hpp"

using namespace std::chrono_literals;

static void a_client_is_opened_or_not(const std::string &endpoints) {
    std::error_code code;
    CHECK(!tenure::client::open("not an endpoint", code) && code == std::errc::invalid_argument);
    CHECK(!tenure::client::open(std::string("a\0b", 3), code) && code == tenure::errc::invalid);
    tenure::client_options negative;
    negative.ttl = -1ms;
    CHECK(!tenure::client::open(endpoints, negative, code) && code == tenure::errc::invalid);
}

static void locks_are_taken_and_released(tenure::client &client) {
    std::error_code code;
    tenure::acquire_options options;
    options.value = "shown";
    tenure::lease lease = client.acquire("nothrow/a", 1min, options, code);
    CHECK(!code && lease);
    CHECK(!client.acquire("nothrow/a", 0ms, code) && code == std::errc::device_or_resource_busy);
    CHECK(!client.acquire("nothrow/a", 5ms, code) && code == std::errc::timed_out);
    CHECK(client.holder_of("nothrow/a", code)->value == "shown" && !code);
    CHECK(!client.holder_of("nothrow/none", code) && !code);
    CHECK(client.validate("nothrow/a", lease.token(), code) && !code);
    CHECK(!client.validate("nothrow/a", lease.token() + 1, code) && !code);
    CHECK(!client.validate("nothrow/a", 0, code) && code == tenure::errc::invalid);
    lease.proclaim("other", code);
    CHECK(!code);
    lease.transfer(code);
    CHECK(code == tenure::errc::not_found);
    lease.transfer("nobody", code);
    CHECK(code == tenure::errc::not_found && lease);
    client.break_lock("nothrow/a", 1h, "", lease.token(), code);
    CHECK(!code);
    lease.release(1min, code);
    CHECK(!code && lease.lost());
    lease.release(1min, code);
    CHECK(code == tenure::errc::lost);
    const tenure::lease both = client.acquire_all({"nothrow/a", "nothrow/b"}, 1min, code);
    CHECK(!code && both.name() == "nothrow/a");
}

static void pendings_and_elections(tenure::client &client) {
    std::error_code code;
    tenure::pending pending = client.acquire_start("nothrow/c", 1min, code);
    CHECK(!code);
    const tenure::lease first = pending.take(tenure::forever, code);
    CHECK(!code && first);
    CHECK(!pending.take(0ms, code) && code == tenure::errc::invalid);
    tenure::pending both = client.acquire_all_start({"nothrow/c", "nothrow/d"}, 1min, {}, code);
    CHECK(!code && !both.take(0ms, code) && code == tenure::errc::again);
    both.cancel();
    CHECK(!both.take(tenure::forever, code) && code == std::errc::operation_canceled);

    tenure::election election(client, "nothrow/e");
    tenure::observer observer = election.observe(code);
    CHECK(!code && !observer.next(tenure::forever, code)->holder);
    CHECK(!observer.next(0ms, code) && !code);
    tenure::lease lease = election.campaign("me", 1min, code);
    CHECK(!code && election.leader(code)->value == "me");
    CHECK(observer.next(tenure::forever, code)->holder->token == lease.token());
    tenure::pending second = election.campaign_start("you", 1min, code);
    CHECK(!code);
    lease.release(1min, code);
    CHECK(!code && second.take(tenure::forever, code).token() > lease.token());
}

static void a_mutex_is_locked_or_not(tenure::client &client) {
    std::error_code code;
    tenure::mutex mutex(client, "nothrow/f");
    tenure::mutex other(client, "nothrow/f");
    CHECK(mutex.try_lock_for(tenure::forever, code) && !code);
    const std::lock_guard<tenure::mutex> guard(mutex, std::adopt_lock);
    CHECK(!other.try_lock_for(5ms, code) && !code);
    CHECK(!mutex.try_lock_for(std::chrono::steady_clock::now(), code) && !code);
    CHECK(!mutex.lost());
}

static void nodes_tell_who_leads(const std::string &directory) {
    std::error_code code;
    int ports[3];
    tenure::node_options options;
    CHECK(!tenure::node::start(options, code) && code == tenure::errc::invalid);
    cluster_choose_ports(ports);
    options.id = 1;
    options.cluster = "1=127.0.0.1:" + std::to_string(ports[0]);
    options.data_dir = directory + "/single";
    tenure::node node = tenure::node::start(options, code);
    CHECK(!code && node);
    while (!node.leadership(code).is_leader)
        CHECK(node.next(tenure::forever, code) && !code);
    tenure::client own = node.client(tenure::client_options(), code);
    CHECK(!code && own.acquire("nothrow/g", 1min, code));
    tenure::node_options stranger;
    stranger.id = 4;
    stranger.data_dir = directory + "/stranger";
    stranger.join = "127.0.0.1:" + std::to_string(ports[0]);
    CHECK(!tenure::node::start(stranger, code) && code == tenure::errc::invalid);
    stranger.join = "127.0.0.1:1";
    CHECK(!tenure::node::start(stranger, code) && code == tenure::errc::unavailable);
    node.reload(code);
    CHECK(!code);
    node.resign(0, 1min, code);
    CHECK(code == tenure::errc::unavailable || code == tenure::errc::lost);
    node.stop(tenure::forever, code);
    CHECK(!code);
    do
        node.next(tenure::forever, code);
    while (!code);
    CHECK(code == tenure::errc::closed);
}

static void rules_that_are_none_are_refused(const tenure::client &client) {
    std::error_code code;
    tenure::access_control access = client.access();
    access.on(code);
    CHECK(code == tenure::errc::unavailable);
    access.allow("client/a", "read", "jobs/*", code);
    CHECK(code == tenure::errc::invalid);
    CHECK(access.deny("a", "read", "x", code).empty() && code == tenure::errc::invalid);
    CHECK(!access.test("client/a", "write", "x", code) && code == tenure::errc::invalid);
    CHECK(access.create_credential("node/1", code).empty() && code == tenure::errc::invalid);
    access.revoke_credential("client/*", code);
    CHECK(code == tenure::errc::invalid);
    CHECK(access.list(code).find("\"rules\":[]") != std::string::npos && !code);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    struct cluster cluster;
    std::error_code code;
    tenure::client_options options;
    options.connect_timeout = 1min;
    options.request_timeout = 1min;
    cluster_start(&cluster, argv[1]);
    a_client_is_opened_or_not(cluster.endpoints);
    tenure::client client = tenure::client::open(cluster.endpoints, options, code);
    CHECK(client && !code);
#ifdef TENURE_CALL_WHAT_THROWS
    (void)client.acquire("nothrow/h");
#endif
    locks_are_taken_and_released(client);
    pendings_and_elections(client);
    a_mutex_is_locked_or_not(client);
    nodes_tell_who_leads(argv[1]);
    rules_that_are_none_are_refused(client);
    CHECK(client.session(code).state == tenure::session_state::valid && !code);
    CHECK(!client.next(0ms, code) && !code);
    client.progress(code);
    CHECK(!code);
    client.close(1min, code);
    CHECK(!code);
    cluster_stop(&cluster);
    std::puts("nothrow: good");
}
