// Threads that share what the C++ header has, against three nodes in this process: made to be run under the thread
// sanitizer, which sees all of the header's own code, and nothing of a library that is not built with it. Argument: an
// empty directory.
//
// `guarded` is a plain number: threads of one process exclude each other by the header's mutexes alone, whatever the
// lease says.
#include "../c/cluster.h"
#include "clocklock.hpp"
#include "tenure.hpp"

#include <atomic>
#include <mutex>
#include <poll.h>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

static const int rounds = 12;

static tenure::client open(const std::string &endpoints, const std::string &name) {
    tenure::client_options options;
    options.name = name;
    options.connect_timeout = 1min;
    options.request_timeout = 1min;
    return tenure::client(endpoints, options);
}

template <class Body>
static void in_threads(int count, Body body) {
    std::vector<std::thread> threads;
    for (int i = 0; i < count; i++)
        threads.emplace_back(body, i);
    for (std::thread &thread : threads)
        thread.join();
}

template <class Body>
static void check_throws(tenure::errc expected, Body body) {
    try {
        body();
    } catch (const tenure::error &error) {
        CHECK(error.status() == expected);
        return;
    }
    CHECK(!"it throws");
}

static void a_mutex_guards_what_its_threads_share(tenure::client client) {
    tenure::mutex mutex(client, "threads/mutex");
    int guarded = 0;
    in_threads(3, [&](int) {
        for (int round = 0; round < rounds; round++) {
            const std::lock_guard<tenure::mutex> guard(mutex);
            mutex.check();
            CHECK(mutex.token() > 0 && mutex.remaining() > 0ns);
            guarded++;
        }
    });
    CHECK(guarded == 3 * rounds);
}

static void a_try_that_fails_leaves_a_mutex_alone(tenure::client client) {
    tenure::mutex mutex(client, "threads/tries");
    int guarded = 0;
    std::atomic<int> taken{0};
    in_threads(3, [&](int) {
        for (int round = 0; round < rounds; round++) {
            const std::unique_lock<tenure::mutex> guard(mutex, std::try_to_lock);
            if (guard) {
                guarded++;
                taken++;
            }
        }
    });
    CHECK(guarded == taken);
}

static void a_shared_mutex_guards_what_its_threads_share(tenure::client client) {
    tenure::shared_mutex mutex(client, "threads/shared");
    int guarded = 0;
    in_threads(4, [&](int thread) {
        for (int round = 0; round < rounds; round++) {
            if (thread == 0) {
                const std::lock_guard<tenure::shared_mutex> guard(mutex);
                guarded++;
            } else {
                const std::shared_lock<tenure::shared_mutex> guard(mutex);
                CHECK(!mutex.lost() && mutex.token() > 0);
                CHECK(guarded <= rounds);
            }
        }
    });
    CHECK(guarded == rounds);
}

// Copies of a client share it; each thread has its own, and the last one to go ends the session.
static void copies_of_a_client_go_in_any_order(const std::string &endpoints) {
    std::vector<std::thread> threads;
    {
        const tenure::client client = open(endpoints, "copies");
        for (int thread = 0; thread < 3; thread++)
            threads.emplace_back([copy = client, thread]() mutable {
                tenure::lease lease = copy.acquire("threads/copies-" + std::to_string(thread));
                tenure::lease moved = std::move(lease);
                CHECK(moved && !lease && moved.remaining() > 0ns);
            });
    }
    for (std::thread &thread : threads)
        thread.join();
}

static void a_lease_ends_while_many_threads_ask_it(tenure::client client) {
    tenure::lease lease = client.acquire("threads/asked");
    std::atomic<int> begun{0};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; thread++)
        threads.emplace_back([&lease, &begun] {
            for (begun++; lease; std::this_thread::yield())
                CHECK(lease.token() > 0 && !lease.asked());
            pollfd wait = {lease.fd(), POLLIN, 0};
            CHECK(poll(&wait, 1, -1) == 1);
        });
    while (begun < 4)
        std::this_thread::yield();
    lease.release();
    for (std::thread &thread : threads)
        thread.join();
    check_throws(tenure::errc::lost, [&] { lease.check(); });
}

static void any_thread_cancels_what_another_waits_for(tenure::client client) {
    const tenure::lease holder = client.acquire("threads/held");
    for (int round = 0; round < rounds; round++) {
        tenure::pending pending = client.acquire_start("threads/held");
        std::thread taker([&] { check_throws(tenure::errc::cancelled, [&] { (void)pending.take(); }); });
        std::thread canceller([&] { pending.cancel(); });
        canceller.join();
        taker.join();
    }
}

static void a_close_ends_what_another_thread_waits_for(const std::string &endpoints) {
    tenure::client client = open(endpoints, "closed");
    const tenure::lease kept = client.acquire("threads/kept");
    tenure::mutex mutex(client, "threads/kept");
    std::thread waiter([&] { check_throws(tenure::errc::closed, [&] { mutex.lock(); }); });
    client.close();
    waiter.join();
    CHECK(kept.lost());
}

static void what_a_thread_corks_leaves_with_its_cork(tenure::client client) {
    in_threads(3, [client](int place) mutable {
        std::vector<tenure::pending> asked;
        const auto name = [place](int slot) { return "corked/" + std::to_string(place) + "/" + std::to_string(slot); };
        {
            tenure::cork corked(client);
            for (int slot = 0; slot < 100; slot++)
                asked.push_back(client.acquire_start(name(slot)));
            std::error_code code;
            client.flush(code);
            CHECK(!code);
        }
        std::vector<tenure::lease> held;
        for (tenure::pending &one : asked)
            held.push_back(one.take());
        try {
            tenure::cork corked(client);
            for (tenure::lease &one : held)
                one.release(0ms);
            throw std::runtime_error("the program's own");
        } catch (const std::runtime_error &) {
        }
        // Behind all of that.
        client.acquire(name(99)).release();
    });
    std::error_code code;
    tenure::cork of_none(tenure::client(nullptr), code);
    CHECK(code == tenure::errc::invalid);
    check_throws(tenure::errc::invalid, [] { tenure::cork of_none_either{tenure::client(nullptr)}; });
}

int main(int argc, char **argv) {
    struct cluster cluster;
    CHECK(argc == 2);
    cluster_start(&cluster, argv[1]);
    {
        const tenure::client client = open(cluster.endpoints, "threads");
        a_mutex_guards_what_its_threads_share(client);
        a_try_that_fails_leaves_a_mutex_alone(client);
        a_shared_mutex_guards_what_its_threads_share(client);
        copies_of_a_client_go_in_any_order(cluster.endpoints);
        a_lease_ends_while_many_threads_ask_it(client);
        what_a_thread_corks_leaves_with_its_cork(client);
        any_thread_cancels_what_another_waits_for(client);
        a_close_ends_what_another_thread_waits_for(cluster.endpoints);
    }
    cluster_stop(&cluster);
    puts("threads: good");
    return 0;
}
