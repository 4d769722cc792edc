// Lengths of time on their way to C: rounded up, and never overflowing.
#include "../c/check.h"
#include "tenure.hpp"

#include <cmath>

using namespace std::chrono_literals;

static std::int64_t wait(tenure::wait_limit limit) { return limit.ms(); }

static_assert(tenure::wait_limit(5s).ms() == 5000);
static_assert(tenure::forever.ms() == TENURE_FOREVER);

static void waits_are_rounded_up_and_what_is_over_is_a_try() {
    CHECK(wait(1ns) == 1 && wait(1ms) == 1 && wait(1001us) == 2 && wait(1.5s) == 1500 && wait(0s) == 0);
    CHECK(wait(-1ms) == 0 && wait(-1ns) == 0 && wait(std::chrono::hours::min()) == 0);
    CHECK(wait(std::chrono::duration<double>(std::nan(""))) == 0);
}

static void waits_that_are_too_long_are_for_ever() {
    CHECK(wait(std::chrono::hours::max()) == TENURE_FOREVER);
    CHECK(wait(std::chrono::duration<double>(INFINITY)) == TENURE_FOREVER);
    CHECK(wait(std::chrono::duration<std::int64_t, std::ratio<31556952000>>::max()) == TENURE_FOREVER);
    CHECK(wait(std::chrono::nanoseconds::max() / 2) > 0);
}

static void time_points_are_what_remains_of_them() {
    using days = std::chrono::duration<std::int64_t, std::ratio<86400>>;
    using far = std::chrono::time_point<std::chrono::system_clock, days>;
    const auto hour = wait(std::chrono::steady_clock::now() + 1h);
    CHECK(hour > 0 && hour <= 3600000);
    CHECK(wait(std::chrono::steady_clock::now() - 1ns) == 0);
    CHECK(wait(std::chrono::steady_clock::time_point::min()) == 0);
    CHECK(wait(far::max()) == TENURE_FOREVER && wait(far::min()) == 0);
}

static void options_are_bounded_and_refuse_what_is_negative() {
    std::uint32_t option = 0;
    CHECK(tenure::detail::put(option, 10s) && option == 10000);
    CHECK(tenure::detail::put(option, std::chrono::hours::max()) && option == UINT32_MAX);
    CHECK(tenure::detail::put(option, tenure::interval()) && option == 0);
    CHECK(!tenure::detail::put(option, -1ns));
}

static void graces_keep_apart_now_and_a_little() {
    CHECK(tenure::grace_limit(0ms).ms() == 0 && tenure::grace_limit(1us).ms() == 1);
    CHECK(tenure::session_ttl.ms() == -1 && tenure::grace_limit(-1ms).ms() == -2);
}

static void locks_of_the_standard_library_wait_a_century_at_most() {
    const auto now = std::chrono::steady_clock::now();
    const auto end = tenure::detail::after(tenure::forever);
    CHECK(end > now + std::chrono::hours(24 * 36500));
    CHECK(tenure::detail::after(std::chrono::hours::max()) >= end);
    CHECK(tenure::detail::left(tenure::forever, end).ms() == TENURE_FOREVER);
    CHECK(tenure::detail::left(1s, now).ms() == 0);
}

int main() {
    waits_are_rounded_up_and_what_is_over_is_a_try();
    waits_that_are_too_long_are_for_ever();
    time_points_are_what_remains_of_them();
    options_are_bounded_and_refuse_what_is_negative();
    graces_keep_apart_now_and_a_little();
    locks_of_the_standard_library_wait_a_century_at_most();
    std::puts("time: good");
}
