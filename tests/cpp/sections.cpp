// An end is final for the section that had it (L24), whoever of the same process comes and goes meanwhile. Against three
// nodes in this process; argument: an empty directory.
#include "../c/cluster.h"
#include "tenure.hpp"

#include <condition_variable>
#include <functional>
#include <thread>

using namespace std::chrono_literals;

// A thread that does what it is told, and nothing else.
class actor {
public:
    actor() : thread_([this] { run(); }) {}
    ~actor() {
        tell([this] { over_ = true; });
        thread_.join();
    }

    // Returns once it is done.
    void tell(std::function<void()> what) {
        std::unique_lock<std::mutex> lock(mutex_);
        task_ = std::move(what);
        changed_.notify_all();
        changed_.wait(lock, [this] { return !task_; });
    }

private:
    void run() {
        std::unique_lock<std::mutex> lock(mutex_);
        while (!over_) {
            changed_.wait(lock, [this] { return bool(task_); });
            task_();
            task_ = nullptr;
            changed_.notify_all();
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::function<void()> task_;
    bool over_ = false;
    std::thread thread_;
};

static tenure::client open(const std::string &endpoints) {
    tenure::client_options options;
    options.connect_timeout = 60s;
    options.request_timeout = 60s;
    return tenure::client(endpoints, options);
}

template <class Mutex>
static bool check_throws(const Mutex &mutex) {
    try {
        mutex.check();
        return false;
    } catch (const tenure::error &error) {
        CHECK(error.status() == tenure::errc::lost);
        return true;
    }
}

// The lock is taken from the holder under `token` (0: from all), and a writer of another client comes and goes.
static void take_away(tenure::client other, const std::string &name, std::uint64_t token) {
    other.break_lock(name, 0ms, "taken", token);
    if (token == 0)
        other.acquire(name).release(60s);
}

template <class Mutex>
static void wait_until_lost(actor &holder, const Mutex &mutex) {
    holder.tell([&] {
        while (!mutex.lost())
            std::this_thread::yield();
    });
}

static void a_reader_stays_lost_while_others_come_and_go(tenure::client client, tenure::client other) {
    tenure::shared_mutex mutex(client, "sections/a");
    actor holder, passer;
    std::uint64_t token = 0;
    holder.tell([&] {
        mutex.lock_shared();
        token = mutex.token();
    });
    take_away(other, "sections/a", 0);
    wait_until_lost(holder, mutex);
    CHECK(mutex.lost() && check_throws(mutex)); // and so it says to one who holds nothing
    for (int round = 0; round < 3; round++) {
        passer.tell([&] {
            CHECK(!mutex.try_lock());
            CHECK(mutex.try_lock_shared_for(60s));
            CHECK(!mutex.lost() && !check_throws(mutex) && mutex.token() > token);
        });
        holder.tell([&] { CHECK(mutex.lost() && check_throws(mutex) && mutex.token() == token); });
        passer.tell([&] { mutex.unlock_shared(); });
        holder.tell([&] { CHECK(mutex.lost() && check_throws(mutex) && mutex.token() == token); });
        CHECK(mutex.lost());
    }
    holder.tell([&] {
        mutex.unlock_shared();
        mutex.lock_shared();
        CHECK(!mutex.lost() && mutex.token() > token);
        mutex.unlock_shared();
    });
    CHECK(mutex.lost() && mutex.token() == 0);
}

static void a_reader_that_leaves_gives_back_its_own_lease(tenure::client client, tenure::client other) {
    tenure::shared_mutex mutex(client, "sections/b");
    actor first, second;
    std::uint64_t token = 0;
    first.tell([&] {
        mutex.lock_shared();
        token = mutex.token();
    });
    second.tell([&] { mutex.lock_shared(); });
    take_away(other, "sections/b", token);
    wait_until_lost(first, mutex);
    second.tell([&] { CHECK(!mutex.lost()); });
    first.tell([&] { mutex.unlock_shared(); });
    second.tell([&] {
        CHECK(!mutex.lost());
        CHECK(!other.try_acquire("sections/b"));
        mutex.unlock_shared();
    });
    CHECK(other.try_acquire_for("sections/b", 60s));
}

static void a_lock_that_moves_to_another_thread_forgets_no_end(tenure::client client, tenure::client other) {
    tenure::shared_mutex mutex(client, "sections/c");
    actor first, second, heir;
    std::shared_lock<tenure::shared_mutex> moved;
    first.tell([&] { moved = std::shared_lock<tenure::shared_mutex>(mutex); });
    take_away(other, "sections/c", 0);
    wait_until_lost(first, mutex);
    second.tell([&] {
        mutex.lock_shared();
        CHECK(!mutex.lost());
    });
    // It cannot be known which of the two is given back: what is lost is not forgotten.
    heir.tell([&] {
        CHECK(mutex.lost());
        moved.unlock();
    });
    CHECK(mutex.lost());
    second.tell([&] { mutex.unlock_shared(); });
    second.tell([&] {
        const std::lock_guard<tenure::shared_mutex> guard(mutex);
        CHECK(!mutex.lost() && !check_throws(mutex));
    });
}

// The same of `tenure::mutex` and of a writer: nobody of the process gets in before the lost section has left.
template <class Mutex>
static void a_writer_stays_lost_until_it_leaves(tenure::client client, tenure::client other, const std::string &name) {
    Mutex mutex(client, name);
    actor holder, passer;
    std::uint64_t token = 0;
    holder.tell([&] {
        mutex.lock();
        token = mutex.token();
    });
    take_away(other, name, 0);
    wait_until_lost(holder, mutex);
    passer.tell([&] { CHECK(!mutex.try_lock() && !mutex.try_lock_for(1ms)); });
    holder.tell([&] {
        CHECK(!mutex.try_lock());
        CHECK(mutex.lost() && check_throws(mutex) && mutex.token() == token);
        mutex.unlock();
    });
    passer.tell([&] {
        CHECK(mutex.try_lock_for(60s) && !mutex.lost() && mutex.token() > token);
        mutex.unlock();
    });
}

// With the servers away a stack of locks unwinds in the time of one: minutes, if each waited.
static void a_stack_of_locks_unwinds_while_the_servers_are_away(tenure::client client, struct cluster &cluster) {
    std::vector<std::unique_ptr<tenure::mutex>> mutexes;
    std::vector<std::unique_ptr<tenure::shared_mutex>> shared;
    std::vector<std::unique_lock<tenure::mutex>> locks;
    std::vector<std::shared_lock<tenure::shared_mutex>> readers;
    for (int i = 0; i < 100; i++) {
        mutexes.push_back(std::make_unique<tenure::mutex>(client, "sections/stack" + std::to_string(i)));
        shared.push_back(std::make_unique<tenure::shared_mutex>(client, "sections/readers" + std::to_string(i)));
        locks.emplace_back(*mutexes.back());
        readers.emplace_back(*shared.back());
    }
    cluster_stop(&cluster);
    locks.clear();
    readers.clear();
    CHECK(mutexes[0]->lost() && shared[0]->lost());
}

static void an_owner_that_enters_again_revives_no_lease(tenure::client client, tenure::client other) {
    tenure::acquire_options mine;
    mine.owner = 7;
    tenure::lease first = client.acquire("sections/f", tenure::forever, mine);
    tenure::lease again = client.acquire("sections/f", tenure::forever, mine);
    take_away(other, "sections/f", 0);
    while (first || again)
        std::this_thread::yield();
    const tenure::lease anew = client.acquire("sections/f", tenure::forever, mine);
    CHECK(anew && !first && !again && first.token() == again.token() && anew.token() > first.token());
    // What is lost gives nothing back of what is held.
    first = tenure::lease();
    again = tenure::lease();
    CHECK(anew && client.validate("sections/f", anew.token()));
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    struct cluster cluster;
    cluster_start(&cluster, argv[1]);
    {
        tenure::client client = open(cluster.endpoints), other = open(cluster.endpoints);
        a_reader_stays_lost_while_others_come_and_go(client, other);
        a_reader_that_leaves_gives_back_its_own_lease(client, other);
        a_lock_that_moves_to_another_thread_forgets_no_end(client, other);
        a_writer_stays_lost_until_it_leaves<tenure::mutex>(client, other, "sections/d");
        a_writer_stays_lost_until_it_leaves<tenure::shared_mutex>(client, other, "sections/e");
        an_owner_that_enters_again_revives_no_lease(client, other);
        other.close();
        a_stack_of_locks_unwinds_while_the_servers_are_away(client, cluster);
    }
    std::puts("sections: good");
    return 0;
}
