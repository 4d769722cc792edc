// As overhead.c, in C++.
#include "../c/check.h"
#include "tenure.hpp"

#include <iostream>

int main(int argc, char **argv) {
    CHECK(argc == 3);
    tenure::client client(argv[1]);
    for (int turn = 0; turn < std::stoi(argv[2]); turn++) {
        const auto begin = std::chrono::steady_clock::now();
        {
            tenure::lease lease = client.acquire("overhead");
            lease.release(tenure::forever);
        }
        const std::chrono::nanoseconds length = std::chrono::steady_clock::now() - begin;
        std::cout << length.count() << "\n";
    }
}
