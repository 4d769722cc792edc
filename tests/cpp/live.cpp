// The C++ header against three nodes in this process. Argument: an empty directory.
#include "../c/cluster.h"
#include "tenure.hpp"

#include <algorithm>
#include <atomic>
#include <thread>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;

static_assert(std::is_nothrow_move_constructible_v<tenure::lease>);
static_assert(!std::is_copy_constructible_v<tenure::lease>);
static_assert(!std::is_copy_constructible_v<tenure::node>);
static_assert(noexcept(std::declval<tenure::mutex &>().unlock()));
static_assert(std::is_error_code_enum_v<tenure::errc>);
static_assert(std::is_nothrow_copy_constructible_v<tenure::error>);
static_assert(!std::is_copy_constructible_v<tenure::mutex> && !std::is_copy_constructible_v<tenure::shared_mutex>);

template <class Body>
static void check_throws(tenure::errc expected, Body body) {
    try {
        body();
    } catch (const tenure::error &error) {
        CHECK(error.status() == expected);
        CHECK(error.code() == expected);
        return;
    }
    CHECK(!"it throws");
}

template <class Body>
static std::string text_of(Body body) {
    try {
        body();
    } catch (const tenure::error &error) {
        return error.what();
    }
    return "no error";
}

static tenure::client open(const std::string &endpoints) {
    tenure::client_options options;
    options.name = "cpp";
    options.connect_timeout = 60s;
    options.request_timeout = 60s;
    return tenure::client(endpoints, options);
}

static void errors_have_a_category_and_map_to_the_standard_conditions() {
    const std::error_code timeout = tenure::errc::timeout;
    CHECK(timeout == std::errc::timed_out);
    CHECK(timeout.category() == tenure::category());
    CHECK(!timeout.message().empty());
    check_throws(tenure::errc::invalid, [] { tenure::client("not an endpoint"); });
    check_throws(tenure::errc::invalid, [] { tenure::client(std::string("a\0b", 3)); });
}

static void a_failure_is_told_once_with_the_lock_and_the_reason(tenure::client client) {
    tenure::mutex mutex(client, "cpp/q"), same(client, "cpp/q");
    const std::lock_guard<tenure::mutex> guard(mutex);
    CHECK(text_of([&] { (void)client.acquire("cpp/q", 20ms); }) == "\"cpp/q\" was not granted within 20ms");
    CHECK(text_of([&] { (void)client.acquire("cpp/q", 0s); }) == "\"cpp/q\" is held by cpp");
    CHECK(text_of([&] { same.check(); }) == "\"cpp/q\" is not locked");
    client.break_lock("cpp/q", 0ms, "maintenance");
    while (!mutex.lost())
        std::this_thread::yield();
    const std::string broken = "the lease on \"cpp/q\" is lost: it was broken";
    CHECK(text_of([&] { mutex.check(); }).rfind(broken, 0) == 0);
    tenure::lease lease = client.acquire("cpp/r");
    lease.release();
    for (const std::string &text : {text_of([&] { lease.check(); }), text_of([&] { lease.release(); })})
        CHECK(text == "the lease on \"cpp/r\" was released before");
}

static void what_the_header_refuses_has_a_text_of_its_own(tenure::client client) {
    check_throws(tenure::errc::invalid, [&] { (void)client.acquire("\xff"); });
    tenure::acquire_options options;
    options.lock_delay = -1s;
    CHECK(text_of([&] { (void)client.acquire("cpp/s", 1s, options); }) == "lock_delay is negative");
    check_throws(tenure::errc::invalid, [&] { (void)client.acquire("\xff"); });
    std::error_code code;
    const std::string nul("a\0b", 3);
    CHECK(!client.holder_of(nul, code) && code == tenure::errc::invalid);
    CHECK(tenure::last_error() == std::string("a name contains a NUL"));
    CHECK(tenure::error(TENURE_INVALID).what() == std::string("a name contains a NUL"));
    CHECK(!client.acquire("\xff", 1s, code) && code == tenure::errc::invalid);
    CHECK(tenure::last_error() == std::string("the name is not UTF-8"));
    tenure::client_options bad;
    bad.progress = -1s;
    CHECK(text_of([&] { tenure::client("127.0.0.1:1", bad); }) == "progress is negative");
    std::error_code no_node;
    CHECK(tenure::node().metrics(no_node).empty() && no_node == tenure::errc::invalid);
    tenure::node_options node;
    node.data_dir = nul;
    CHECK(text_of([&] { tenure::node started(node); }) == "a text contains a NUL");
}

static void a_lease_is_released_when_it_goes(tenure::client client) {
    std::uint64_t token = 0;
    {
        tenure::lease lease = client.acquire("cpp/a");
        token = lease.token();
        CHECK(lease && !lease.lost() && lease.remaining() > 0ns && lease.name() == "cpp/a");
        CHECK(!client.try_acquire("cpp/a"));
        std::error_code code;
        CHECK(!client.acquire("cpp/a", 20ms, code) && code == tenure::errc::timeout);
        check_throws(tenure::errc::held, [&] { (void)client.acquire("cpp/a", 0ms); });
        tenure::lease moved = std::move(lease);
        CHECK(moved && !lease && lease.token() == 0 && moved.token() == token);
    }
    tenure::lease next = client.acquire("cpp/a");
    CHECK(next.token() > token);
    next.release();
    CHECK(next.lost() && !next);
    check_throws(tenure::errc::lost, [&] { next.release(); });
}

static void holders_and_tokens_are_read(tenure::client client) {
    tenure::acquire_options options;
    options.value = std::string("a\0b", 3);
    CHECK(!client.holder_of("cpp/b"));
    tenure::lease lease = client.acquire("cpp/b", tenure::forever, options);
    const auto holder = client.holder_of("cpp/b");
    CHECK(holder && holder->token == lease.token() && holder->client == "cpp" && holder->value == options.value);
    CHECK(client.validate("cpp/b", lease.token()));
    CHECK(!client.validate("cpp/b", lease.token() + 1));
    CHECK(client.session().leases == 1);
}

static void a_pending_is_taken_or_cancelled(tenure::client client) {
    tenure::pending granted = client.acquire_start("cpp/c");
    tenure::lease lease = granted.take();
    tenure::pending waiting = client.acquire_start("cpp/c");
    std::error_code code;
    CHECK(!waiting.take(0ms, code) && code == tenure::errc::again);
    std::thread([&] { waiting.cancel(); }).join();
    check_throws(tenure::errc::cancelled, [&] { (void)waiting.take(); });
}

static void threads_that_share_a_mutex_exclude_each_other(tenure::client client) {
    tenure::mutex mutex(client, "cpp/d");
    std::atomic<int> inside{0};
    std::vector<std::uint64_t> tokens;
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; thread++)
        threads.emplace_back([&] {
            for (int turn = 0; turn < 5; turn++) {
                const std::lock_guard lock(mutex);
                CHECK(inside.fetch_add(1) == 0);
                mutex.check();
                tokens.push_back(mutex.token());
                inside.fetch_sub(1);
            }
        });
    for (std::thread &thread : threads)
        thread.join();
    CHECK(tokens.size() == 20 && std::is_sorted(tokens.begin(), tokens.end()));
    CHECK(std::adjacent_find(tokens.begin(), tokens.end()) == tokens.end());
}

static void threads_that_share_a_client_exclude_each_other(tenure::client client) {
    std::atomic<int> inside{0};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; thread++)
        threads.emplace_back([&] {
            for (int turn = 0; turn < 5; turn++) {
                tenure::lease lease = client.acquire("cpp/i");
                CHECK(inside.fetch_add(1) == 0);
                inside.fetch_sub(1);
                lease.release(60s);
            }
        });
    for (std::thread &thread : threads)
        thread.join();
}

static void an_owner_enters_again_and_frees_with_its_last_lease(tenure::client client) {
    tenure::acquire_options mine;
    mine.owner = 7;
    tenure::lease first = client.acquire("cpp/j", tenure::forever, mine);
    tenure::lease again = client.try_acquire("cpp/j", mine);
    CHECK(again.token() == first.token() && !client.try_acquire("cpp/j"));
    first.release(60s);
    CHECK(again && !client.try_acquire("cpp/j"));
    again.release(60s);
    CHECK(client.try_acquire("cpp/j"));
}

static void readers_permits_and_several_names(tenure::client client) {
    tenure::acquire_options reader;
    reader.shared = true;
    tenure::acquire_options counted;
    counted.limit = 2;
    {
        const tenure::lease one = client.acquire("cpp/k", tenure::forever, reader);
        const tenure::lease two = client.acquire("cpp/k", tenure::forever, reader);
        CHECK(!client.try_acquire("cpp/k"));
        const tenure::lease first = client.acquire("cpp/l", tenure::forever, counted);
        counted.permits = 2;
        CHECK(!client.try_acquire("cpp/l", counted));
    }
    const tenure::lease both = client.acquire_all({"cpp/k", "cpp/m"});
    CHECK(both.name() == "cpp/k" && client.validate("cpp/m", both.token()));
    check_throws(tenure::errc::invalid, [&] { (void)client.acquire_all({}); });
    reader.lock_delay = -1ms;
    check_throws(tenure::errc::invalid, [&] { (void)client.acquire("cpp/n", tenure::forever, reader); });
}

static void an_election_is_won_proclaimed_observed_and_handed_on(tenure::client client) {
    tenure::election election(client, "cpp/o");
    tenure::observer observer = election.observe();
    CHECK(!election.leader() && !observer.next()->holder && !observer.next(0ms));
    tenure::lease lease = election.campaign("one");
    CHECK(observer.next()->holder->value == "one");
    lease.proclaim("two");
    CHECK(observer.next()->holder->value == "two" && election.leader()->value == "two");
    check_throws(tenure::errc::not_found, [&] { lease.transfer(); });
    CHECK(lease && !lease.asked() && lease.reason() == tenure::end_reason::none);
    tenure::pending waiting = client.acquire_start("cpp/o");
    for (std::error_code code = tenure::errc::not_found; code == tenure::errc::not_found;) {
        // Until the server has it in its queue.
        try {
            lease.transfer("cpp");
            code.clear();
        } catch (const tenure::error &error) {
            code = error.code();
        }
    }
    CHECK(!lease && lease.reason() == tenure::end_reason::transferred);
    CHECK(waiting.take().token() > lease.token());
}

static void a_lock_is_broken_with_or_without_grace(tenure::client client) {
    check_throws(tenure::errc::not_found, [&] { client.break_lock("cpp/p"); });
    tenure::lease asked = client.acquire("cpp/p");
    CHECK(!asked.order());
    client.break_lock("cpp/p", 1h, "maintenance");
    while (!asked.asked())
        CHECK(asked);
    CHECK(asked.remaining() > 0ns);
    CHECK(asked.order()->grace == 1h && asked.order()->reason == "maintenance");
    client.break_lock("cpp/p", 0ms, "now", asked.token());
    while (asked)
        ;
    CHECK(asked.reason() == tenure::end_reason::broken);
    CHECK(asked.order()->grace == 0ms && asked.order()->reason == "now");
}

static void a_mutex_meets_timed_lockable(tenure::client client) {
    tenure::mutex first(client, "cpp/e");
    tenure::mutex same(client, "cpp/e");
    tenure::mutex other(client, "cpp/f");
    {
        std::unique_lock lock(first, 60s);
        CHECK(lock && first.token() > 0 && first.remaining() > 0ns);
        CHECK(!same.try_lock());
        CHECK(!std::unique_lock(same, 20ms));
        CHECK(!same.try_lock_until(std::chrono::system_clock::now() + 20ms));
        CHECK(!std::unique_lock(first, std::try_to_lock));
    }
    check_throws(tenure::errc::lost, [&] { first.check(); });
    const std::scoped_lock both(same, other);
    CHECK(same.token() != other.token());
}

static void a_closed_client_loses_its_leases(tenure::client client) {
    tenure::mutex mutex(client, "cpp/g");
    const std::lock_guard lock(mutex);
    client.close();
    CHECK(mutex.lost());
    check_throws(tenure::errc::lost, [&] { mutex.check(); });
    check_throws(tenure::errc::closed, [&] { (void)client.acquire("cpp/g"); });
}

static void nodes_tell_who_leads(const std::string &directory) {
    int ports[3];
    cluster_choose_ports(ports);
    tenure::node_options options;
    for (int i = 0; i < 3; i++)
        options.cluster += (i ? "," : "") + std::to_string(i + 1) + "=127.0.0.1:" + std::to_string(ports[i]);
    std::vector<tenure::node> nodes;
    for (options.id = 1; options.id <= 3; options.id++) {
        options.data_dir = directory + "/own" + std::to_string(options.id);
        options.admin = "127.0.0.1:0";
        nodes.emplace_back(options);
        CHECK(nodes.back().fd() >= 0);
    }
    std::optional<tenure::leadership> leadership = nodes[0].next();
    while (leadership->leader_id == 0)
        leadership = nodes[0].next();
    CHECK(leadership->leader_id <= 3 && leadership->term > 0);
    tenure::client_options patient;
    patient.connect_timeout = 60s;
    CHECK(nodes[0].client(patient).acquire("cpp/h"));
    nodes[0].reload();
    CHECK(nodes[0].metrics().find("\ntenure_has_leader 1\n") != std::string::npos);
    CHECK(nodes[0].metrics().find('\0') == std::string::npos);
    std::error_code code;
    std::uint64_t token = 0;
    do {
        leadership = nodes[0].leadership();
        if (leadership->leader_id == 0)
            continue;
        tenure::node &leader = nodes[leadership->leader_id - 1];
        token = leader.leadership().token;
        leader.resign(0, 60s, code);
        CHECK(!code || code == tenure::errc::lost || code == tenure::errc::unavailable);
    } while (leadership->leader_id == 0 || code);
    while (!leadership->is_leader || leadership->token <= token) {
        leadership = nodes[0].leadership();
        if (leadership->leader_id != 0)
            leadership = nodes[leadership->leader_id - 1].leadership();
    }
    for (tenure::node &node : nodes) {
        node.stop();
        CHECK(!node.leadership().is_leader);
    }
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    struct cluster cluster;
    cluster_start(&cluster, argv[1]);
    errors_have_a_category_and_map_to_the_standard_conditions();
    tenure::client client = open(cluster.endpoints);
    a_lease_is_released_when_it_goes(client);
    a_failure_is_told_once_with_the_lock_and_the_reason(client);
    what_the_header_refuses_has_a_text_of_its_own(client);
    holders_and_tokens_are_read(client);
    a_pending_is_taken_or_cancelled(client);
    threads_that_share_a_mutex_exclude_each_other(client);
    a_mutex_meets_timed_lockable(client);
    threads_that_share_a_client_exclude_each_other(client);
    an_owner_enters_again_and_frees_with_its_last_lease(client);
    readers_permits_and_several_names(client);
    an_election_is_won_proclaimed_observed_and_handed_on(client);
    a_lock_is_broken_with_or_without_grace(client);
    nodes_tell_who_leads(argv[1]);
    a_closed_client_loses_its_leases(client);
    tenure_leadership leadership = TENURE_LEADERSHIP_INIT;
    cluster_leader(&cluster, -1, &leadership);
    cluster_stop(&cluster);
    std::puts("live: good");
    return 0;
}
