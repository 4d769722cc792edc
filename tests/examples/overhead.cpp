// As overhead.c, in C++.
#include "../c/check.h"
#include "tenure.hpp"

#include <iostream>

int main(int argc, char **argv) {
    CHECK(argc == 3);
    const int turns = std::stoi(argv[2]);
    std::vector<std::chrono::nanoseconds> lengths;
    tenure::client client(argv[1]);
    for (int turn = 0; turn < turns; turn++) {
        const auto begin = std::chrono::steady_clock::now();
        {
            tenure::lease lease = client.acquire("overhead");
            lease.release(tenure::forever);
        }
        lengths.push_back(std::chrono::steady_clock::now() - begin);
    }
    // At the end: what is written in between gives the nodes a rest.
    for (const std::chrono::nanoseconds length : lengths)
        std::cout << length.count() << "\n";
}
