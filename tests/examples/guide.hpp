// What the pieces of docs/guide-cpp.md need around them.
#include <cstdint>
#include <iostream>
#include <poll.h>
#include <tenure.hpp>

using namespace std::chrono_literals;

inline void work(std::uint64_t) {}
inline void write_for_its_user(const std::string &) {}
inline bool more_to_do() { return false; }
inline void start_again() {}
