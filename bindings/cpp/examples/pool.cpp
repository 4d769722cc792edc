// A pool of workers on several machines, of which one works: the others stand by, connected and queued, and take over
// when it ends, hangs or is cut off.
//
//   c++ -std=c++17 -pthread -o pool pool.cpp -ltenure
//   ./pool host-1 & ./pool host-2 &             against TENURE_ENDPOINTS, or 127.0.0.1:7401,7402,7403
//
// kill -TERM hands over at once; kill -KILL when the TTL is over, here 5 s.
#include <tenure.hpp>

#include <atomic>
#include <csignal>
#include <iostream>
#include <poll.h>
#include <sstream>
#include <sys/signalfd.h>
#include <thread>

using namespace std::chrono_literals;

// Whole lines, from any thread.
template <class... Parts>
static void say(const Parts &...parts) {
    std::ostringstream line;
    ((line << parts), ...) << "\n";
    std::cout << line.str() << std::flush;
}

// Threads that work as long as the lease may be believed in, and not longer than the pool is there.
class pool {
public:
    pool(const tenure::lease &lease, int size) {
        for (int worker = 1; worker <= size; worker++)
            threads_.emplace_back([this, &lease, worker] { work(lease, worker); });
    }

    // Returns when nobody works any more: only then give the lease back.
    ~pool() {
        stopped_ = true;
        for (std::thread &thread : threads_)
            thread.join();
    }

private:
    void work(const tenure::lease &lease, int worker) {
        say("worker ", worker, ": works under token ", lease.token());
        // A piece of work must be short against the TTL; with less left than it takes, do not begin it.
        while (!stopped_ && lease.remaining() > piece)
            do_piece(lease.token());
    }

    // Where a real worker takes a job from a table, does it, and marks it done, with the token in both conditions. The
    // first statement is the read: from then on nothing of an earlier leader is accepted. No row: stop.
    //     UPDATE job SET fence = :token WHERE id = :id AND fence <= :token RETURNING state;
    //     UPDATE job SET state = 'done', fence = :token WHERE id = :id AND fence <= :token;
    static void do_piece(std::uint64_t) { std::this_thread::sleep_for(piece); }

    static constexpr auto piece = 10ms;

    std::atomic<bool> stopped_{false};
    std::vector<std::thread> threads_;
};

// A descriptor that is readable when the process is to end.
static int termination() {
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    // Before any thread is there, so that all threads have it.
    pthread_sigmask(SIG_BLOCK, &ending, nullptr);
    return signalfd(-1, &ending, SFD_CLOEXEC);
}

// True when it is the process that is to end.
static bool wait_for(int fd, int end) {
    pollfd both[] = {{fd, POLLIN, 0}, {end, POLLIN, 0}};
    while (poll(both, 2, -1) <= 0)
        continue;
    return both[1].revents != 0;
}

static void run(const std::string &host) {
    const int end = termination();
    tenure::client_options options;
    options.name = host;
    options.ttl = 5s;
    tenure::client client(std::string(), options);
    tenure::election election(client, "pool/leader");
    for (;;) {
        tenure::pending standby = election.campaign_start(host);
        say(host, ": stands by");
        if (wait_for(standby.fd(), end))
            return; // which withdraws the candidacy
        std::error_code code;
        tenure::lease lease = standby.take(tenure::forever, code);
        if (code == tenure::errc::lost)
            continue; // elected, and not in time to believe it
        if (code)
            throw tenure::error(code.value());
        say(host, ": leads under token ", lease.token());
        bool ends;
        {
            const pool workers(lease, 3);
            ends = wait_for(lease.fd(), end); // or lost, or wanted back
        }
        say(host, lease ? ": resigns" : ": leads no more");
        lease.release(5s, code);
        if (ends)
            return;
    }
}

int main(int argc, char **argv) {
    try {
        run(argc > 1 ? argv[1] : "somebody");
        return 0;
    } catch (const tenure::error &error) {
        std::cerr << "pool: " << error.what() << "\n";
        return 1;
    }
}
