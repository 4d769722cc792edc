// Takes a lock, works under it, and gives it back.
//
//   c++ -std=c++17 -o lock lock.cpp -ltenure
//   ./lock jobs/nightly                         against TENURE_ENDPOINTS, or 127.0.0.1:7401,7402,7403
#include <tenure.hpp>

#include <iostream>

int main(int argc, char **argv) {
    using namespace std::chrono_literals;
    const std::string name = argc > 1 ? argv[1] : "jobs/nightly";
    try {
        tenure::client client;
        tenure::mutex mutex(client, name);
        std::unique_lock lock(mutex, 10s);
        if (!lock) {
            std::cerr << "lock: somebody else holds " << name << "\n";
            return 1;
        }
        // Send this number with every read and write, to a resource that refuses smaller ones than it has seen.
        std::cout << name << ": token " << mutex.token() << "\n";
        for (int piece = 1; piece <= 3; piece++) {
            mutex.check(); // throws once the lock is lost
            std::cout << name << ": piece " << piece << ", "
                      << std::chrono::duration<double>(mutex.remaining()).count() << " s left\n";
        }
        lock.unlock();
        std::cout << name << ": released\n";
        return 0;
    } catch (const tenure::error &error) {
        std::cerr << "lock: " << error.what() << "\n";
        return 1;
    }
}
