// What the C++ header has over locks alone, against three nodes in this process: session events, shared mutexes,
// deadlines, pendings of every kind, std::expected. Argument: an empty directory.
#include "../c/cluster.h"
#include "tenure.hpp"

#include <atomic>
#include <poll.h>
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

static bool readable(int fd, int timeout_ms) {
    pollfd wait = {fd, POLLIN, 0};
    CHECK(fd >= 0);
    return poll(&wait, 1, timeout_ms) == 1;
}

static void a_text_with_a_nul_is_refused_everywhere(tenure::client client) {
    const std::string nul("a\0b", 3);
    tenure::client_options options;
    options.name = nul;
    tenure::lease lease = client.acquire("service/a");
    check_throws(tenure::errc::invalid, [&] { tenure::client("127.0.0.1:1", options); });
    check_throws(tenure::errc::invalid, [&] { (void)client.acquire(nul); });
    check_throws(tenure::errc::invalid, [&] { (void)client.try_acquire(nul); });
    check_throws(tenure::errc::invalid, [&] { (void)client.acquire_all({"a", nul}); });
    check_throws(tenure::errc::invalid, [&] { (void)client.acquire_start(nul); });
    check_throws(tenure::errc::invalid, [&] { (void)client.acquire_all_start({nul}); });
    check_throws(tenure::errc::invalid, [&] { (void)client.campaign(nul); });
    check_throws(tenure::errc::invalid, [&] { (void)client.campaign_start(nul); });
    check_throws(tenure::errc::invalid, [&] { client.holder_of(nul); });
    check_throws(tenure::errc::invalid, [&] { (void)client.observe(nul); });
    check_throws(tenure::errc::invalid, [&] { client.validate(nul, 1); });
    check_throws(tenure::errc::invalid, [&] { client.break_lock(nul); });
    check_throws(tenure::errc::invalid, [&] { client.break_lock("service/a", 1h, nul); });
    check_throws(tenure::errc::invalid, [&] { client.describe("locks", nul); });
    check_throws(tenure::errc::invalid, [&] { lease.transfer(nul); });
    check_throws(tenure::errc::invalid, [&] { tenure::mutex(client, nul).lock(); });
    tenure::node_options node;
    node.id = 1;
    node.cluster = "1=127.0.0.1:1";
    node.data_dir = nul;
    check_throws(tenure::errc::invalid, [&] { tenure::node started(node); });
    lease.check();
}

static void what_is_empty_is_refused() {
    tenure::client client(static_cast<tenure_client *>(nullptr));
    tenure::lease lease;
    tenure::pending pending;
    tenure::observer observer;
    tenure::node node;
    CHECK(!client && !lease && !pending && !observer && !node);
    CHECK(lease.lost() && lease.token() == 0 && lease.name().empty() && lease.fd() == -1 && !lease.asked());
    CHECK(lease.reason() == tenure::end_reason::none && lease.remaining() == 0ns);
    CHECK(pending.fd() == -1 && observer.fd() == -1 && node.fd() == -1 && client.fd() == -1);
    check_throws(tenure::errc::invalid, [&] { (void)client.acquire("a"); });
    check_throws(tenure::errc::invalid, [&] { client.session(); });
    check_throws(tenure::errc::lost, [&] { lease.check(); });
    check_throws(tenure::errc::invalid, [&] { lease.release(); });
    check_throws(tenure::errc::invalid, [&] { (void)pending.take(); });
    check_throws(tenure::errc::invalid, [&] { observer.next(); });
    check_throws(tenure::errc::invalid, [&] { node.leadership(); });
    pending.cancel();
}

static void waits_are_durations_of_any_unit_or_time_points(tenure::client client) {
    const tenure::lease held = client.acquire("service/b", std::chrono::hours::max());
    CHECK(!client.try_acquire_for("service/b", 0.001s));
    CHECK(!client.try_acquire_for("service/b", std::chrono::microseconds(1)));
    CHECK(!client.try_acquire_until("service/b", std::chrono::steady_clock::now() + 5ms));
    CHECK(!client.try_acquire_until("service/b", std::chrono::system_clock::time_point::min()));
    check_throws(tenure::errc::timeout,
                 [&] { (void)client.acquire("service/b", std::chrono::steady_clock::now() + 5ms); });
    check_throws(tenure::errc::held, [&] { (void)client.acquire("service/b", -1ms); });
    CHECK(client.try_acquire_for("service/c", tenure::forever));
    CHECK(client.try_acquire_until("service/c2", std::chrono::steady_clock::time_point::max()));
    check_throws(tenure::errc::not_found, [&] { client.break_lock("service/d", 0.5ms * 3); });
    check_throws(tenure::errc::invalid, [&] { client.break_lock("service/d", -1ms); });
}

static void pendings_of_every_kind_are_polled_and_taken(tenure::client client) {
    tenure::pending both = client.acquire_all_start({"service/e", "service/f"});
    CHECK(both && readable(both.fd(), -1));
    const tenure::lease first = both.take(0ms);
    CHECK(first.name() == "service/e" && client.validate("service/f", first.token()));
    tenure::election election(client, "service/g");
    tenure::pending campaign = election.campaign_start("me");
    CHECK(readable(campaign.fd(), -1));
    tenure::lease elected = campaign.take();
    CHECK(election.leader()->value == "me" && elected.native_handle() && election.name() == "service/g");
}

static void a_shared_mutex_has_many_readers_or_one_writer(tenure::client client, tenure::client other) {
    tenure::shared_mutex table(client, "service/h");
    tenure::shared_mutex elsewhere(other, "service/h");
    {
        const std::shared_lock reader(table);
        const std::shared_lock second(table, 1min);
        const std::shared_lock third(elsewhere);
        CHECK(table.token() > 0 && !table.lost());
        table.check();
        CHECK(!table.try_lock() && !elsewhere.try_lock_for(5ms));
        CHECK(!std::unique_lock(elsewhere, std::chrono::steady_clock::now() + 5ms));
    }
    CHECK(table.token() == 0 && table.lost());
    check_throws(tenure::errc::lost, [&] { table.check(); });
    {
        const std::unique_lock writer(table);
        CHECK(!table.try_lock_shared() && !elsewhere.try_lock_shared_for(5ms));
        CHECK(!elsewhere.try_lock_shared_until(std::chrono::steady_clock::now() + 5ms));
        table.check();
    }
    std::error_code code;
    CHECK(elsewhere.try_lock_for(tenure::forever, code) && !code);
    CHECK(!table.try_lock_shared_for(0ms, code) && !code);
    elsewhere.unlock();
    CHECK(table.try_lock_shared_for(1min, code) && !code);
    table.unlock_shared();
}

static void readers_and_writers_of_one_shared_mutex_exclude_each_other(tenure::client client) {
    tenure::shared_mutex table(client, "service/i");
    std::uint64_t value = 0;
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; thread++)
        threads.emplace_back([&, thread] {
            for (int turn = 0; turn < 5; turn++)
                if (thread % 2 == 0) {
                    const std::unique_lock writer(table);
                    CHECK(table.token() > value);
                    value = table.token();
                } else {
                    const std::shared_lock reader(table);
                    CHECK(value == 0 || value < table.token());
                }
        });
    for (std::thread &thread : threads)
        thread.join();
}

static void a_lost_mutex_says_so_until_it_is_unlocked(tenure::client client) {
    tenure::acquire_options options;
    options.value = "shown";
    tenure::mutex mutex(client, "service/j", options);
    std::unique_lock lock(mutex);
    CHECK(client.holder_of("service/j")->value == "shown" && mutex.name() == "service/j");
    client.break_lock("service/j", 1h, "please");
    CHECK(readable(mutex.fd(), -1) && mutex.asked());
    mutex.check();
    client.break_lock("service/j", 0ms);
    while (!mutex.lost())
        ;
    check_throws(tenure::errc::lost, [&] { mutex.check(); });
    // Others may have the lock now, but no other thread through this mutex: its holder may still be at work.
    tenure::mutex elsewhere(client, "service/j");
    CHECK(elsewhere.try_lock_for(1min));
    elsewhere.unlock();
    std::thread([&] { CHECK(!mutex.try_lock()); }).join();
    lock.unlock();
    CHECK(lock.try_lock());
    mutex.check();
}

static void changes_of_the_session_are_told(tenure::client client) {
    CHECK(client.session().state == tenure::session_state::valid && client.session().ttl == 10s);
    CHECK(!client.next(0ms) && !readable(client.fd(), 0));
    client.progress();
    client.close(1min);
    CHECK(readable(client.fd(), -1));
    CHECK(client.next()->state == tenure::session_state::ended);
    check_throws(tenure::errc::closed, [&] { client.next(); });
    check_throws(tenure::errc::closed, [&] { client.progress(); });
}

#ifdef __cpp_lib_expected
static void what_may_fail_is_expected(tenure::client client) {
    auto held = tenure::expect([&](std::error_code &code) { return client.acquire("service/l", 1min, code); });
    CHECK(held && held->token() > 0);
    const auto tried = tenure::expect([&](std::error_code &code) { return client.acquire("service/l", 0ms, code); });
    CHECK(!tried && tried.error() == tenure::errc::held);
    CHECK(tenure::expect([&](std::error_code &code) { held->release(1min, code); }));
    CHECK(tenure::expect([&](std::error_code &code) { held->release(1min, code); }).error() == tenure::errc::lost);
}
#endif

static void count_line(void *lines, std::int32_t, const char *line) {
    CHECK(line[0] != 0);
    ++*static_cast<std::atomic<int> *>(lines);
}

// A client that is not connected anywhere says so.
static void the_log_is_read_from_a_queue() {
    int fd = tenure::log_fd();
    CHECK(fd >= 0 && tenure::log_fd() == fd);
    tenure::log_level(TENURE_LOG_INFO);
    CHECK(!tenure::log_read());
    std::error_code code;
    CHECK(!tenure::log_read(code) && !code);
    tenure::log_to(nullptr);
}

int main(int argc, char **argv) {
    CHECK(argc == 2 && !tenure::version().empty());
    struct cluster cluster;
    // To the end of the process: its threads may still write some.
    static std::atomic<int> lines{0};
    tenure::log_to(count_line, &lines, TENURE_LOG_TRACE);
    cluster_start(&cluster, argv[1]);
    tenure::client client = open(cluster.endpoints, "service");
    a_text_with_a_nul_is_refused_everywhere(client);
    what_is_empty_is_refused();
    waits_are_durations_of_any_unit_or_time_points(client);
    pendings_of_every_kind_are_polled_and_taken(client);
    a_shared_mutex_has_many_readers_or_one_writer(client, open(cluster.endpoints, "other"));
    readers_and_writers_of_one_shared_mutex_exclude_each_other(client);
    a_lost_mutex_says_so_until_it_is_unlocked(client);
#ifdef __cpp_lib_expected
    what_may_fail_is_expected(client);
#endif
    changes_of_the_session_are_told(client);
    cluster_stop(&cluster);
    CHECK(lines > 0);
    check_throws(tenure::errc::invalid, [] { tenure::log_to(nullptr, nullptr, 99); });
    check_throws(tenure::errc::invalid, [] { tenure::log_read(); });
    check_throws(tenure::errc::invalid, [] { tenure::log_level(99); });
    the_log_is_read_from_a_queue();
    std::puts("service: good");
    return 0;
}
