// As cycles.c, in C++: leases, pendings, mutexes, and failures that throw. Arguments: endpoints, how many times.
#include "../c/check.h"
#include "growth.h"
#include "tenure.hpp"

using namespace std::chrono_literals;

static void cycle(tenure::client &client, tenure::mutex &mutex, int turn) {
    if (turn % 3 == 0) {
        const std::unique_lock lock(mutex, 1h);
        CHECK(lock && mutex.fd() >= 0);
        try {
            (void)client.acquire("cycles/cpp", 0ms);
            CHECK(!"it throws");
        } catch (const tenure::error &error) {
            CHECK(error.status() == tenure::errc::held);
        }
    } else if (turn % 3 == 1) {
        tenure::lease lease = client.acquire_start("cycles/cpp").take();
        lease.release(1h);
    } else {
        tenure::acquire_options options;
        options.value = std::string(100, 'v');
        tenure::lease lease = client.acquire("cycles/cpp", tenure::forever, options);
        lease.release(1h);
    }
}

int main(int argc, char **argv) {
    CHECK(argc == 3);
    const int turns = std::stoi(argv[2]);
    growth growth = {0, 0};
    tenure::client client(argv[1]);
    tenure::mutex mutex(client, "cycles/cpp");
    for (int turn = 0; turn < turns; turn++) {
        if (turn == turns / 10)
            growth_begin(&growth);
        cycle(client, mutex, turn);
    }
    growth_print(&growth);
}
