// Waits of std::timed_mutex and std::shared_timed_mutex that a thread sanitizer sees. The standard library waits by
// pthread_mutex_clocklock and its like, which not all sanitizers know (that of GCC 12 does not): then whatever such a
// mutex guards looks unguarded. These take the place of the C library's, and call the functions that all of them know.
// Include it in one file of a program.
#ifndef CLOCKLOCK_HPP
#define CLOCKLOCK_HPP

#include <pthread.h>
#include <time.h>

namespace clocklock {

// The instant `end` of `clock` on CLOCK_REALTIME, as far as one can say now.
inline timespec on_realtime(clockid_t clock, const timespec &end) {
    timespec now, real;
    clock_gettime(clock, &now);
    clock_gettime(CLOCK_REALTIME, &real);
    const long nanos = real.tv_nsec + end.tv_nsec - now.tv_nsec + 1'000'000'000;
    real.tv_sec += end.tv_sec - now.tv_sec - 1 + nanos / 1'000'000'000;
    real.tv_nsec = nanos % 1'000'000'000;
    return real;
}

} // namespace clocklock

extern "C" {

int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const timespec *end) noexcept {
    const timespec real = clocklock::on_realtime(clock, *end);
    return pthread_mutex_timedlock(mutex, &real);
}

int pthread_rwlock_clockrdlock(pthread_rwlock_t *lock, clockid_t clock, const timespec *end) noexcept {
    const timespec real = clocklock::on_realtime(clock, *end);
    return pthread_rwlock_timedrdlock(lock, &real);
}

int pthread_rwlock_clockwrlock(pthread_rwlock_t *lock, clockid_t clock, const timespec *end) noexcept {
    const timespec real = clocklock::on_realtime(clock, *end);
    return pthread_rwlock_timedwrlock(lock, &real);
}

}

#endif
