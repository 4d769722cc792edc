// Tenure for C++17: distributed locks, leases and embedded nodes. Header only, over tenure.h; link with -ltenure.
//
//     tenure::client client("10.0.0.1:7401,10.0.0.2:7401,10.0.0.3:7401");
//     tenure::mutex nightly(client, "jobs/nightly");
//     std::unique_lock lock(nightly, 5s);
//     if (lock) {
//         update(row, nightly.token());       // reads and writes; the row refuses tokens smaller than its largest
//         nightly.check();                    // throws once the lock is lost
//     }
//
// Each function that can fail has two overloads. Without a std::error_code& a failure throws tenure::error, a
// std::system_error of tenure::category(). With a std::error_code& as the last argument the call throws nothing but
// std::bad_alloc and returns an empty object on failure; programs built with -fno-exceptions use these overloads
// alone. With std::expected, tenure::expect wraps any of them.
//
// Objects are as thread-safe as the handles of tenure.h: clients, leases and nodes wholly; a pending has one taker, an
// observer one reader. Calls of an empty object (moved from, or after a failure) fail with errc::invalid.
#ifndef TENURE_HPP
#define TENURE_HPP

#include "tenure.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>
#if __has_include(<version>)
#include <version>
#endif
#ifdef __cpp_lib_expected
#include <expected>
#endif
#ifndef __cpp_exceptions
#include <cstdio>
#include <cstdlib>
#endif

// ---- errors

namespace tenure {

// Statuses, with the numbers of tenure.h.
enum class errc : int {
    timeout = TENURE_TIMEOUT,
    held = TENURE_HELD,
    lost = TENURE_LOST,
    cancelled = TENURE_CANCELLED,
    deadlock = TENURE_DEADLOCK,
    session_expired = TENURE_SESSION_EXPIRED,
    not_found = TENURE_NOT_FOUND,
    again = TENURE_AGAIN,
    unavailable = TENURE_UNAVAILABLE,
    busy = TENURE_BUSY,
    unknown = TENURE_UNKNOWN,
    invalid = TENURE_INVALID,
    denied = TENURE_DENIED,
    limit = TENURE_LIMIT,
    closed = TENURE_CLOSED,
    forked = TENURE_FORKED,
    unsupported = TENURE_UNSUPPORTED,
    too_small = TENURE_TOO_SMALL,
    io = TENURE_IO,
    corrupt = TENURE_CORRUPT,
    internal = TENURE_INTERNAL,
};

// Why a lease ended.
enum class end_reason : int {
    none = TENURE_REASON_NONE,
    released = TENURE_REASON_RELEASED,
    expired = TENURE_REASON_EXPIRED,
    session_closed = TENURE_REASON_SESSION_CLOSED,
    broken = TENURE_REASON_BROKEN,
    transferred = TENURE_REASON_TRANSFERRED,
    stalled = TENURE_REASON_STALLED,
    forked = TENURE_REASON_FORKED,
};

enum class session_state : int {
    valid = TENURE_SESSION_STATE_VALID,
    jeopardy = TENURE_SESSION_STATE_JEOPARDY,
    ended = TENURE_SESSION_STATE_ENDED,
};

} // namespace tenure

// Makes `code == tenure::errc::held` compile; precedes the first use of the trait.
template <>
struct std::is_error_code_enum<tenure::errc> : std::true_type {};

namespace tenure {

namespace detail {

class error_category final : public std::error_category {
public:
    const char *name() const noexcept override { return "tenure"; }

    std::string message(int status) const override { return tenure_status_text(status); }

    // Makes `error.code() == std::errc::timed_out` true for TENURE_TIMEOUT, and so on.
    std::error_condition default_error_condition(int status) const noexcept override {
        switch (status) {
        case TENURE_TIMEOUT: return std::errc::timed_out;
        case TENURE_HELD: return std::errc::device_or_resource_busy;
        case TENURE_CANCELLED: return std::errc::operation_canceled;
        case TENURE_DEADLOCK: return std::errc::resource_deadlock_would_occur;
        case TENURE_AGAIN: return std::errc::resource_unavailable_try_again;
        case TENURE_UNAVAILABLE: return std::errc::not_connected;
        case TENURE_INVALID: return std::errc::invalid_argument;
        case TENURE_DENIED: return std::errc::permission_denied;
        case TENURE_TOO_SMALL: return std::errc::no_buffer_space;
        case TENURE_UNSUPPORTED: return std::errc::not_supported;
        case TENURE_IO: return std::errc::io_error;
        default: return std::error_condition(status, *this);
        }
    }
};

} // namespace detail

inline const std::error_category &category() noexcept {
    static const detail::error_category instance;
    return instance;
}

inline std::error_code make_error_code(errc status) noexcept {
    return {static_cast<int>(status), category()};
}

namespace detail {

// The sentence of this thread's last failed call, if this header refused the call; null if the library did.
inline thread_local const char *refusal = nullptr;

inline std::error_code code(tenure_status status) noexcept {
    if (status == TENURE_OK)
        return std::error_code();
    refusal = nullptr;
    return std::error_code(status, category());
}

// errc::invalid for arguments that C cannot express. `why` is a literal.
inline std::error_code refuse(const char *why) noexcept {
    refusal = why;
    return make_error_code(errc::invalid);
}

} // namespace detail

// The sentence about this thread's last failed call, for programs that use error codes. Valid until the next failure.
inline const char *last_error() noexcept { return detail::refusal ? detail::refusal : tenure_last_error(); }

// Why the lease had ended about which this thread's last failed call gave errc::lost; none for any other failure.
inline end_reason last_reason() noexcept {
    return detail::refusal ? end_reason::none : static_cast<end_reason>(tenure_last_reason());
}

// A failed call; what() is the sentence about the failure alone.
class error : public std::system_error {
public:
    // With the text of last_error().
    explicit error(tenure_status status) : error(status, tenure::last_error()) {}
    error(tenure_status status, const std::string &what) : std::system_error(status, category()), what_(what) {}

    const char *what() const noexcept override { return what_.what(); }
    errc status() const noexcept { return static_cast<errc>(code().value()); }

private:
    // A runtime_error, since its copies share the text: copying an error does not throw.
    std::runtime_error what_;
};

namespace detail {

#ifdef __cpp_exceptions
[[noreturn]] inline void raise(std::error_code code) { throw error(code.value()); }
[[noreturn]] inline void raise(std::error_code code, const std::string &what) { throw error(code.value(), what); }
#else
// Without exceptions a call of a throwing overload does not compile, where the compiler can tell.
#if defined(__GNUC__)
[[noreturn]] void raise(std::error_code code, const std::string &what = std::string())
    __attribute__((error("built without exceptions: call the overload that takes a std::error_code&")));
#else
[[noreturn]] inline void raise(std::error_code code, const std::string &what = std::string()) {
    std::fprintf(stderr, "tenure: %s: %s\n", code.message().c_str(), what.c_str());
    std::abort();
}
#endif
#endif

inline bool has_nul(std::string_view text) noexcept { return text.find('\0') != std::string_view::npos; }

inline constexpr const char *name_has_nul = "a name contains a NUL";
inline constexpr const char *text_has_nul = "a text contains a NUL";

// The result of `call(code)`; throws on failure. No call of Tenure comes between a failure and reading its text.
template <class Call>
decltype(auto) throwing(Call call) {
    std::error_code code;
    if constexpr (std::is_void_v<decltype(call(code))>) {
        call(code);
        if (code)
            raise(code);
    } else {
        auto result = call(code);
        if (code)
            raise(code);
        return result;
    }
}

// The same for a call with strings; refuses a NUL, at which C would cut `text`.
template <class Call>
decltype(auto) throwing(std::string_view text, Call call) {
    if (has_nul(text))
        raise(make_error_code(errc::invalid), "a name or a text contains a NUL");
    return throwing(std::move(call));
}

} // namespace detail

#ifdef __cpp_lib_expected
// The result of a call that takes a std::error_code&, or its error:
//
//     auto lease = tenure::expect([&](std::error_code &code) { return client.acquire("jobs/nightly", 5s, code); });
template <class Call>
auto expect(Call &&call) -> std::expected<std::invoke_result_t<Call, std::error_code &>, std::error_code> {
    std::error_code code;
    if constexpr (std::is_void_v<std::invoke_result_t<Call, std::error_code &>>) {
        std::forward<Call>(call)(code);
        if (code)
            return std::unexpected(code);
        return {};
    } else {
        auto result = std::forward<Call>(call)(code);
        if (code)
            return std::unexpected(code);
        return result;
    }
}
#endif

// The library's version, which may be newer than this header's.
inline std::string_view version() noexcept { return tenure_version(); }

// Sends the log of the whole process, up to `level` (TENURE_LOG_...), to `callback`; null: to stderr. The callback runs
// on any thread, on several at once, and must not throw, block or call Tenure.
inline void log_to(tenure_log_fn callback, void *user, std::int32_t level, std::error_code &code) noexcept {
    code = detail::code(tenure_log_to(callback, user, level));
}
inline void log_to(tenure_log_fn callback, void *user = nullptr, std::int32_t level = TENURE_LOG_WARN) {
    detail::throwing([&](std::error_code &code) { log_to(callback, user, level, code); });
}

// Sets the level of the log of the whole process, whatever its sink. errc::invalid: an unknown level.
inline void log_level(std::int32_t level, std::error_code &code) noexcept { code = detail::code(tenure_log_level(level)); }
inline void log_level(std::int32_t level) {
    detail::throwing([&](std::error_code &code) { log_level(level, code); });
}

// Queues the log for log_read, until log_to is called. Returns a descriptor that is readable while lines are queued:
// poll it; never read or close it. errc::limit: no descriptor is left.
inline int log_fd(std::error_code &code) noexcept {
    int fd = tenure_log_fd();
    code = fd < 0 ? make_error_code(errc::limit) : std::error_code();
    return fd;
}
inline int log_fd() {
    return detail::throwing([&](std::error_code &code) { return log_fd(code); });
}

// The next line of the queue, "LEVEL UNIX_MS PART TEXT"; nullopt while the queue is empty. Any thread; never blocks.
inline std::optional<std::string> log_read(std::error_code &code) {
    // No line needs more, its NUL included.
    std::string line(9216, '\0');
    std::size_t len = line.size();
    tenure_status status = tenure_log_read(line.data(), &len);
    code = status == TENURE_AGAIN ? std::error_code() : detail::code(status);
    if (status != TENURE_OK)
        return std::nullopt;
    line.resize(len - 1);
    return line;
}
inline std::optional<std::string> log_read() {
    return detail::throwing([](std::error_code &code) { return log_read(code); });
}

// ---- time

namespace detail {

// 292 years: the most that 64-bit nanoseconds can count.
constexpr std::int64_t longest_ms = std::numeric_limits<std::int64_t>::max() / 1000000;

// Milliseconds, rounded up, at most `longest_ms`; -2, which C refuses, for a negative length or NaN.
template <class Rep, class Period>
constexpr std::int64_t whole_ms(std::chrono::duration<Rep, Period> length) {
    // No duration of any unit overflows a long double.
    using seconds = std::chrono::duration<long double>;
    const seconds rough(length);
    if (!(rough.count() >= 0))
        return -2;
    if (rough >= seconds(std::chrono::milliseconds(longest_ms)))
        return longest_ms;
    return static_cast<std::int64_t>(std::chrono::ceil<std::chrono::milliseconds>(length).count());
}

inline std::chrono::nanoseconds nanoseconds(std::uint64_t count) noexcept {
    const std::uint64_t most = std::numeric_limits<std::int64_t>::max();
    return std::chrono::nanoseconds(static_cast<std::int64_t>(count < most ? count : most));
}

} // namespace detail

// How long a call waits: any duration, rounded up to milliseconds, any time point, or `forever`. A negative duration and
// a past time point are a try, as 0.
class wait_limit {
public:
    template <class Rep, class Period>
    constexpr wait_limit(std::chrono::duration<Rep, Period> length) : ms_(detail::whole_ms(length)) {
        if (ms_ < 0)
            ms_ = 0;
        else if (ms_ == detail::longest_ms)
            ms_ = TENURE_FOREVER;
    }

    // The time left until `end` by its clock, read now.
    template <class Clock, class Duration>
    wait_limit(std::chrono::time_point<Clock, Duration> end) : wait_limit(left(end)) {}

    static constexpr wait_limit without_end() noexcept { return wait_limit(); }

    constexpr std::int64_t ms() const noexcept { return ms_; }

private:
    constexpr wait_limit() noexcept = default;

    // Only a near `end` is subtracted exactly: a far one of coarse units overflows nanoseconds.
    template <class Clock, class Duration>
    static std::chrono::nanoseconds left(std::chrono::time_point<Clock, Duration> end) {
        using seconds = std::chrono::duration<long double>;
        const auto now = Clock::now();
        const seconds rough = seconds(end.time_since_epoch()) - seconds(now.time_since_epoch());
        if (!(rough.count() > 0))
            return std::chrono::nanoseconds::zero();
        if (rough >= seconds(std::chrono::milliseconds(detail::longest_ms)))
            return std::chrono::nanoseconds::max();
        return std::chrono::ceil<std::chrono::nanoseconds>(end - now);
    }

    std::int64_t ms_ = TENURE_FOREVER;
};

// A wait without an end.
inline constexpr wait_limit forever = wait_limit::without_end();

// A length of time in options: any duration, rounded up to milliseconds. Lengths beyond the range of C are cut to its
// largest value; a negative length is refused by the call that takes the options.
class interval {
public:
    constexpr interval() noexcept = default;
    template <class Rep, class Period>
    constexpr interval(std::chrono::duration<Rep, Period> length) : ms_(detail::whole_ms(length)) {}

    constexpr std::chrono::milliseconds count() const noexcept { return std::chrono::milliseconds(ms_); }

private:
    std::int64_t ms_ = 0;
};

// The grace of a broken lock's holder: any duration, rounded up to milliseconds, or `session_ttl`.
class grace_limit {
public:
    template <class Rep, class Period>
    constexpr grace_limit(std::chrono::duration<Rep, Period> length) : ms_(detail::whole_ms(length)) {}

    // The TTL of the holder's session.
    static constexpr grace_limit of_session() noexcept { return grace_limit(); }

    constexpr std::int64_t ms() const noexcept { return ms_; }

private:
    constexpr grace_limit() noexcept = default;

    std::int64_t ms_ = -1;
};

inline constexpr grace_limit session_ttl = grace_limit::of_session();

namespace detail {

// Writes milliseconds to `option`, at most its largest value; false for a negative length.
inline bool put(std::uint32_t &option, interval given) noexcept {
    const std::int64_t most = std::numeric_limits<std::uint32_t>::max();
    const std::int64_t ms = given.count().count();
    option = static_cast<std::uint32_t>(ms < most ? ms : most);
    return ms >= 0;
}

struct free_handle {
    void operator()(tenure_client *handle) const noexcept { tenure_client_free(handle); }
    void operator()(tenure_lease *handle) const noexcept { tenure_lease_free(handle); }
    void operator()(tenure_pending *handle) const noexcept { tenure_pending_free(handle); }
    void operator()(tenure_holder *handle) const noexcept { tenure_holder_free(handle); }
    void operator()(tenure_observer *handle) const noexcept { tenure_observer_free(handle); }
    void operator()(tenure_node *handle) const noexcept { tenure_node_free(handle); }
};

template <class Handle>
using owned = std::unique_ptr<Handle, free_handle>;

// State shared by the copies of a client.
struct shared_client {
    explicit shared_client(owned<tenure_client> opened) noexcept : handle(std::move(opened)) {}

    owned<tenure_client> handle;
    // True from an unlock that was not answered in time until the next grant.
    std::atomic<bool> is_silent{false};
};

} // namespace detail

// ---- leases

// An order to end a lease, within `grace` after the holder heard of the order; `reason` is for people.
struct end_order {
    std::chrono::milliseconds grace{0};
    std::string reason;
};

// A grant. Move-only; released in the background when it is destroyed or assigned to.
class [[nodiscard]] lease {
public:
    lease() noexcept = default;
    explicit lease(tenure_lease *handle) noexcept : handle_(handle) {}

    // True while the lease may be believed in.
    explicit operator bool() const noexcept { return !lost(); }

    std::string name() const {
        const char *name = handle_ ? tenure_lease_name(handle_.get()) : nullptr;
        return name ? name : "";
    }

    // The fencing token, for every read and write of the protected resource (SQL at tenure_lease_token); 0 if empty.
    std::uint64_t token() const noexcept { return handle_ ? tenure_lease_token(handle_.get()) : 0; }

    // How long the lease may still be believed in; zero is final.
    std::chrono::nanoseconds remaining() const noexcept {
        return detail::nanoseconds(handle_ ? tenure_lease_remaining_ns(handle_.get()) : 0);
    }

    // True of an ended and of an empty lease. Keeps last_error() of an empty one, for use in `if (!lease)`.
    bool lost() const noexcept { return !handle_ || tenure_lease_remaining_ns(handle_.get()) == 0; }

    // Held, and asked to end: remaining() is the time left. Finish, then release.
    bool asked() const noexcept { return state_and_reason().first == TENURE_LEASE_STATE_ASKED; }

    // The order to end, also readable after the end; of several the one that leaves the least time. A grace of 0: the lock
    // was taken at once. nullopt: no order, or the lock was taken while this client could not be reached.
    std::optional<end_order> order() const {
        char reason[256];
        std::size_t size = sizeof reason;
        std::int64_t grace_ms = 0;
        if (!handle_ || tenure_lease_asked(handle_.get(), &grace_ms, reason, &size) != TENURE_OK)
            return std::nullopt;
        return end_order{std::chrono::milliseconds(grace_ms), std::string(reason, size - 1)};
    }

    end_reason reason() const noexcept { return static_cast<end_reason>(state_and_reason().second); }

    // Readable once lost, for good; and when asked to end, until asked(), order() or reason() is called. -1 if empty.
    // Borrowed: poll it, never read or close it.
    int fd() const noexcept { return handle_ ? tenure_lease_fd(handle_.get()) : -1; }

    // Throws errc::lost once lost(); what() says why.
    void check() const {
        if (lost())
            detail::raise(make_error_code(errc::lost), lost_text(name()));
    }

    // Replaces the value that others see, at most 4096 bytes. errc::lost if the lease had ended.
    void proclaim(std::string_view value) {
        detail::throwing([&](std::error_code &code) { proclaim(value, code); });
    }
    void proclaim(std::string_view value, std::error_code &code) noexcept {
        code = detail::code(tenure_proclaim(handle_.get(), value.data(), value.size()));
    }

    // Ends the lease and hands the lock to the next in the queue, or to the first waiter of the client `to_client`.
    // errc::not_found if nobody (of that name) waits; errc::lost if the lease had ended.
    void transfer() {
        detail::throwing([&](std::error_code &code) { transfer(code); });
    }
    void transfer(std::error_code &code) noexcept { code = detail::code(tenure_transfer(handle_.get(), nullptr)); }
    void transfer(const std::string &to_client) {
        detail::throwing(to_client, [&](std::error_code &code) { transfer(to_client, code); });
    }
    void transfer(const std::string &to_client, std::error_code &code) noexcept {
        code = detail::has_nul(to_client) ? detail::refuse(detail::name_has_nul)
                                          : detail::code(tenure_transfer(handle_.get(), to_client.c_str()));
    }

    // Gives the lock back, then waits at most `wait` for the server's answer. errc::lost if the lease had ended before;
    // errc::unknown if no answer came: the release goes on in the background.
    void release(wait_limit wait = std::chrono::seconds(5)) {
        detail::throwing([&](std::error_code &code) { release(wait, code); });
    }
    void release(wait_limit wait, std::error_code &code) noexcept {
        code = detail::code(tenure_release(handle_.get(), wait.ms()));
    }

    tenure_lease *native_handle() const noexcept { return handle_.get(); }

private:
    friend class mutex;
    friend class shared_mutex;

    // The text of check().
    std::string lost_text(const std::string &name) const {
        if (!handle_)
            return "\"" + name + "\" is not locked";
        const std::string text = "the lease on \"" + name + "\" ";
        switch (reason()) {
        case end_reason::released: return text + "was released before";
        case end_reason::session_closed: return text + "has ended: its client was closed";
        case end_reason::transferred: return text + "has ended: it was handed over before";
        case end_reason::stalled: return text + "is lost: the program did not say in time that it moves (progress)";
        case end_reason::forked: return text + "is the parent's: this process was forked";
        case end_reason::broken: {
            const auto asked = order();
            const bool told = asked && !asked->reason.empty();
            return text + "is lost: it was broken" + (told ? ", with the reason \"" + asked->reason + "\"" : "");
        }
        case end_reason::none:
        case end_reason::expired: break;
        }
        return text + "is lost: it expired, since the session was not renewed in time";
    }

    std::pair<int, int> state_and_reason() const noexcept {
        std::int32_t state = TENURE_LEASE_STATE_ENDED;
        std::int32_t reason = TENURE_REASON_NONE;
        if (handle_)
            tenure_lease_state(handle_.get(), &state, &reason);
        return {state, reason};
    }

    detail::owned<tenure_lease> handle_;
};

// An acquire or campaign in flight. Move-only; withdrawn when destroyed.
class [[nodiscard]] pending {
public:
    pending() noexcept = default;
    explicit pending(tenure_pending *handle) noexcept : handle_(handle) {}

    explicit operator bool() const noexcept { return handle_ != nullptr; }

    // Readable once decided. Borrowed: poll it, never read or close it.
    int fd() const noexcept { return tenure_pending_fd(handle_.get()); }

    // The lease; succeeds once. errc::again if undecided within `wait`.
    lease take(wait_limit wait = forever) {
        return detail::throwing([&](std::error_code &code) { return take(wait, code); });
    }
    lease take(wait_limit wait, std::error_code &code) noexcept {
        tenure_lease *taken = nullptr;
        code = detail::code(tenure_pending_take(handle_.get(), wait.ms(), &taken));
        return lease(taken);
    }

    // Withdraws an undecided request, from any thread; take() then fails with errc::cancelled.
    void cancel() noexcept { tenure_pending_cancel(handle_.get()); }

    tenure_pending *native_handle() const noexcept { return handle_.get(); }

private:
    detail::owned<tenure_pending> handle_;
};

// ---- who holds what

// The holder of a lock, copied.
struct holder {
    std::uint64_t token = 0;
    std::string client;
    std::string value;
    // The time of the grant by the wall clock of the leader of that time: for people.
    std::chrono::system_clock::time_point since;
};

// A change seen by an observer.
struct observed {
    // nullopt: nobody holds the lock.
    std::optional<tenure::holder> holder;
    // The least number of skipped changes before this one.
    std::uint64_t missed = 0;
};

namespace detail {

inline holder copied(const tenure_holder *found) {
    std::size_t length = 0;
    const void *value = tenure_holder_value(found, &length);
    holder result;
    result.token = tenure_holder_token(found);
    result.client = tenure_holder_client(found);
    result.value.assign(static_cast<const char *>(value), length);
    result.since =
        std::chrono::system_clock::time_point(std::chrono::milliseconds(tenure_holder_since_unix_ms(found)));
    return result;
}

} // namespace detail

// Follows the holder of one lock or the leader of one election. Move-only; one reader.
class [[nodiscard]] observer {
public:
    observer() noexcept = default;
    explicit observer(tenure_observer *handle) noexcept : handle_(handle) {}

    explicit operator bool() const noexcept { return handle_ != nullptr; }

    // Readable while next() has something. Borrowed: poll it, never read or close it.
    int fd() const noexcept { return tenure_observer_fd(handle_.get()); }

    // First the present holder, then each change; nullopt without an error if none comes within `wait`. errc::closed once
    // all is read and the client is closed.
    std::optional<observed> next(wait_limit wait = forever) {
        return detail::throwing([&](std::error_code &code) { return next(wait, code); });
    }
    std::optional<observed> next(wait_limit wait, std::error_code &code) {
        tenure_holder *found = nullptr;
        const tenure_status status = tenure_observer_next(handle_.get(), wait.ms(), &found);
        code = detail::code(status == TENURE_AGAIN ? TENURE_OK : status);
        if (status != TENURE_OK)
            return std::nullopt;
        const detail::owned<tenure_holder> owner(found);
        observed result;
        if (tenure_holder_token(found) != 0)
            result.holder = detail::copied(found);
        result.missed = tenure_holder_missed(found);
        return result;
    }

    tenure_observer *native_handle() const noexcept { return handle_.get(); }

private:
    detail::owned<tenure_observer> handle_;
};

// ---- clients

// How the certificate of a dialed node is verified. host: it names the dialed name or address; node: it is that of any
// node of the authority, at any address.
enum class verify_by : std::uint32_t {
    host = TENURE_VERIFY_HOST,
    node = TENURE_VERIFY_NODE,
};

struct client_options {
    // The name of the client, shown to others; empty: host:pid.
    std::string name;
    // How long leases outlive this process; zero: the default, 10 s. A session ends 0.52 to 0.86 TTL after the last contact
    // with the leader: to survive 5 s without contact, and the second that reconnecting may take, choose 12 s.
    interval ttl;
    // Zero: the default, 5 s.
    interval connect_timeout;
    // Zero: the default, 5 s.
    interval request_timeout;
    // Not zero: the session is renewed only while client::progress() is called at least once per `progress`.
    interval progress;
    // Pins the expected cluster: the id as `tenure status` shows it, or at least its first eight hex digits; nodes of other
    // clusters are passed over. Empty: the environment's TENURE_CLUSTER_ID, else no pin.
    std::string cluster_id;
    // Return from opening at once, and connect in the background.
    bool background = false;
    // A file (PEM) with the authority of the nodes, which are then reached over TLS alone. Files are read on opening. If none
    // of ca, cert, key, credential_file and verify is given, the environment's TENURE_CA, TENURE_CERT, TENURE_KEY,
    // TENURE_CREDENTIAL_FILE and TENURE_VERIFY count (not for node::client); without these nothing is encrypted.
    std::string ca;
    // Files (PEM): the certificate of this client, and the key.
    std::string cert;
    std::string key;
    verify_by verify = verify_by::host;
    // A file with a credential (`tenure access credential create`), instead of cert and key; ca is given too.
    std::string credential_file;
};

struct acquire_options {
    // A text shown with the holder; at most 4 KiB.
    std::string value;
    // 0: each acquire is an owner of its own. Acquires of one other number are reentrant. Deadlocks are found among owners
    // other than 0 alone.
    std::uint64_t owner = 0;
    // Acquire as one of many readers.
    bool shared = false;
    // limit: the size of a semaphore, 0: no semaphore; permits: how many to take.
    std::uint32_t limit = 0;
    std::uint32_t permits = 1;
    // How long the lock stays taken after an expiry of this lease.
    interval lock_delay;
};

struct session {
    session_state state = session_state::ended;
    std::uint64_t id = 0;
    std::chrono::nanoseconds remaining{0};
    std::chrono::milliseconds ttl{0};
    std::uint32_t leases = 0;
};

class access_control;

// A connection to a cluster, and its session. Copies share both; thread-safe. Destroying the last copy ends the session
// in the background.
class client {
public:
    // Connects to TENURE_ENDPOINTS, else to 127.0.0.1:7401, 7402 and 7403.
    client() : client(std::string()) {}
    explicit client(const std::string &endpoints, const client_options &options = client_options())
        : client(detail::throwing(endpoints, [&](std::error_code &code) { return open(endpoints, options, code); })) {}
    explicit client(tenure_client *handle) : client(detail::owned<tenure_client>(handle)) {}

    // Empty `endpoints`: as client(). The result is empty on failure.
    static client open(const std::string &endpoints, const client_options &options, std::error_code &code) {
        tenure_client_options given = TENURE_CLIENT_OPTIONS_INIT;
        tenure_client *opened = nullptr;
        if (const char *wrong = detail::has_nul(endpoints) ? detail::text_has_nul : c_options(options, given))
            code = detail::refuse(wrong);
        else
            code = detail::code(
                tenure_client_open(endpoints.empty() ? nullptr : endpoints.c_str(), &given, &opened));
        return client(opened);
    }
    static client open(const std::string &endpoints, std::error_code &code) {
        return open(endpoints, client_options(), code);
    }

    explicit operator bool() const noexcept { return shared_ != nullptr; }

    // Waits for the lock. errc::timeout after `wait`, errc::held if that is 0.
    lease acquire(const std::string &name, wait_limit wait = forever,
                  const acquire_options &options = acquire_options()) {
        return detail::throwing(name, [&](std::error_code &code) { return acquire(name, wait, options, code); });
    }
    lease acquire(const std::string &name, wait_limit wait, const acquire_options &options,
                  std::error_code &code) noexcept {
        tenure_acquire_options given = TENURE_ACQUIRE_OPTIONS_INIT;
        tenure_lease *granted = nullptr;
        const char *wrong = c_options(name, options, given);
        code = wrong ? detail::refuse(wrong)
                     : detail::code(tenure_acquire(native_handle(), name.c_str(), wait.ms(), &given, &granted));
        return lease(granted);
    }
    lease acquire(const std::string &name, wait_limit wait, std::error_code &code) {
        return acquire(name, wait, acquire_options(), code);
    }

    // Empty if the lock is taken. Takes as long as the leader's answer.
    lease try_acquire(const std::string &name, const acquire_options &options = acquire_options()) {
        return try_acquire_for(name, std::chrono::milliseconds(0), options);
    }

    // Empty if not granted within `wait`, a duration or a time point.
    lease try_acquire_for(const std::string &name, wait_limit wait,
                          const acquire_options &options = acquire_options()) {
        return detail::throwing(name, [&](std::error_code &code) {
            lease granted = acquire(name, wait, options, code);
            if (code == errc::held || code == errc::timeout)
                code.clear();
            return granted;
        });
    }

    // Empty if not granted until `end`.
    template <class Clock, class Duration>
    lease try_acquire_until(const std::string &name, std::chrono::time_point<Clock, Duration> end,
                            const acquire_options &options = acquire_options()) {
        return try_acquire_for(name, wait_limit(end), options);
    }

    // All of `names` (1 to 32, none twice) in one step, under one lease and token.
    lease acquire_all(const std::vector<std::string> &names, wait_limit wait = forever,
                      const acquire_options &options = acquire_options()) {
        return detail::throwing([&](std::error_code &code) { return acquire_all(names, wait, options, code); });
    }
    lease acquire_all(const std::vector<std::string> &names, wait_limit wait, const acquire_options &options,
                      std::error_code &code) {
        return all<tenure_lease, lease>(tenure_acquire_all, names, wait, options, code);
    }
    lease acquire_all(const std::vector<std::string> &names, wait_limit wait, std::error_code &code) {
        return acquire_all(names, wait, acquire_options(), code);
    }

    // Waits to be elected as `name`; others see `value`. The lease was held on return. errc::lost: elected, but the lease
    // ended before the return.
    lease campaign(const std::string &name, std::string_view value = std::string_view(), wait_limit wait = forever) {
        return detail::throwing(name, [&](std::error_code &code) { return campaign(name, value, wait, code); });
    }
    lease campaign(const std::string &name, std::string_view value, wait_limit wait, std::error_code &code) noexcept {
        tenure_lease *granted = nullptr;
        code = detail::has_nul(name) ? detail::refuse(detail::name_has_nul)
                                     : detail::code(tenure_campaign(native_handle(), name.c_str(), wait.ms(),
                                                                    value.data(), value.size(), &granted));
        return lease(granted);
    }

    // acquire() without blocking: poll fd() of the result, then take(). `wait` bounds the request, not this call.
    pending acquire_start(const std::string &name, wait_limit wait = forever,
                          const acquire_options &options = acquire_options()) {
        return detail::throwing(name, [&](std::error_code &code) { return acquire_start(name, wait, options, code); });
    }
    pending acquire_start(const std::string &name, wait_limit wait, const acquire_options &options,
                          std::error_code &code) noexcept {
        tenure_acquire_options given = TENURE_ACQUIRE_OPTIONS_INIT;
        tenure_pending *started = nullptr;
        const char *wrong = c_options(name, options, given);
        code = wrong ? detail::refuse(wrong)
                     : detail::code(tenure_acquire_start(native_handle(), name.c_str(), wait.ms(), &given, &started));
        return pending(started);
    }
    pending acquire_start(const std::string &name, wait_limit wait, std::error_code &code) {
        return acquire_start(name, wait, acquire_options(), code);
    }

    pending acquire_all_start(const std::vector<std::string> &names, wait_limit wait = forever,
                              const acquire_options &options = acquire_options()) {
        return detail::throwing([&](std::error_code &code) { return acquire_all_start(names, wait, options, code); });
    }
    pending acquire_all_start(const std::vector<std::string> &names, wait_limit wait, const acquire_options &options,
                              std::error_code &code) {
        return all<tenure_pending, pending>(tenure_acquire_all_start, names, wait, options, code);
    }

    pending campaign_start(const std::string &name, std::string_view value = std::string_view(),
                           wait_limit wait = forever) {
        return detail::throwing(name, [&](std::error_code &code) { return campaign_start(name, value, wait, code); });
    }
    pending campaign_start(const std::string &name, std::string_view value, wait_limit wait,
                           std::error_code &code) noexcept {
        tenure_pending *started = nullptr;
        code = detail::has_nul(name) ? detail::refuse(detail::name_has_nul)
                                     : detail::code(tenure_campaign_start(native_handle(), name.c_str(), wait.ms(),
                                                                          value.data(), value.size(), &started));
        return pending(started);
    }

    // The holder of `name` at some instant during the call (linearizable); nullopt without an error if there is none.
    std::optional<holder> holder_of(const std::string &name) {
        return detail::throwing(name, [&](std::error_code &code) { return holder_of(name, code); });
    }
    std::optional<holder> holder_of(const std::string &name, std::error_code &code) {
        tenure_holder *found = nullptr;
        if (detail::has_nul(name)) {
            code = detail::refuse(detail::name_has_nul);
            return std::nullopt;
        }
        const tenure_status status = tenure_holder_of(native_handle(), name.c_str(), &found);
        code = detail::code(status == TENURE_NOT_FOUND ? TENURE_OK : status);
        if (status != TENURE_OK)
            return std::nullopt;
        const detail::owned<tenure_holder> owner(found);
        return detail::copied(found);
    }

    // Follows the holder of `name`, any lock or election.
    observer observe(const std::string &name) {
        return detail::throwing(name, [&](std::error_code &code) { return observe(name, code); });
    }
    observer observe(const std::string &name, std::error_code &code) noexcept {
        tenure_observer *started = nullptr;
        code = detail::has_nul(name) ? detail::refuse(detail::name_has_nul)
                                     : detail::code(tenure_observe(native_handle(), name.c_str(), &started));
        return observer(started);
    }

    // Asks the server whether `token` holds `name` now.
    bool validate(const std::string &name, std::uint64_t token) {
        return detail::throwing(name, [&](std::error_code &code) { return validate(name, token, code); });
    }
    bool validate(const std::string &name, std::uint64_t token, std::error_code &code) noexcept {
        if (detail::has_nul(name)) {
            code = detail::refuse(detail::name_has_nul);
            return false;
        }
        const tenure_status status = tenure_validate(native_handle(), name.c_str(), token);
        code = detail::code(status == TENURE_LOST ? TENURE_OK : status);
        return status == TENURE_OK;
    }

    // Takes `name` from the holder with this `token` (0: from all holders). A holder is asked to end and may go on for
    // `grace`; with a grace of 0 the lock is free at once, and only tokens protect. errc::not_found: no such holder.
    void break_lock(const std::string &name, grace_limit grace = session_ttl,
                    const std::string &reason = std::string(), std::uint64_t token = 0) {
        detail::throwing(name + reason,
                         [&](std::error_code &code) { break_lock(name, grace, reason, token, code); });
    }
    void break_lock(const std::string &name, grace_limit grace, const std::string &reason, std::uint64_t token,
                    std::error_code &code) noexcept {
        code = detail::has_nul(name) || detail::has_nul(reason)
                   ? detail::refuse(detail::text_has_nul)
                   : detail::code(tenure_break(native_handle(), name.c_str(), token, grace.ms(), reason.c_str()));
    }

    // Asks the holder of `name` to end, and hands the lock to the first waiter whose client is called `to`, empty: to the next
    // in the queue; nobody else gets the lock between. Returns once the lock has passed, at once if `to` holds it already.
    // errc::not_found: no holder, or no such waiter; errc::timeout: the holder was asked, and has not ended yet.
    void handover(const std::string &name, const std::string &to = std::string(), grace_limit grace = session_ttl,
                  const std::string &reason = std::string()) {
        detail::throwing(name + to + reason, [&](std::error_code &code) { handover(name, to, grace, reason, code); });
    }
    void handover(const std::string &name, const std::string &to, grace_limit grace, const std::string &reason,
                  std::error_code &code) noexcept {
        const char *heir = to.empty() ? nullptr : to.c_str();
        code = detail::has_nul(name) || detail::has_nul(to) || detail::has_nul(reason)
                   ? detail::refuse(detail::text_has_nul)
                   : detail::code(tenure_handover(native_handle(), name.c_str(), heir, grace.ms(), reason.c_str()));
    }

    // Adds a node without a vote, under an id that was never used; the other nodes dial `address`. Then start the node
    // there, with `join`, and promote it.
    void add_member(std::uint64_t id, const std::string &address) {
        detail::throwing(address, [&](std::error_code &code) { add_member(id, address, code); });
    }
    void add_member(std::uint64_t id, const std::string &address, std::error_code &code) noexcept {
        code = detail::has_nul(address) ? detail::refuse(detail::text_has_nul)
                                        : detail::code(tenure_member_add(native_handle(), id, address.c_str()));
    }

    // Waits until a node has joined and caught up, and gives it a vote. errc::not_found: no such member;
    // errc::unavailable: the node is not started, or has not caught up yet.
    void promote_member(std::uint64_t id) {
        detail::throwing([&](std::error_code &code) { promote_member(id, code); });
    }
    void promote_member(std::uint64_t id, std::error_code &code) noexcept {
        code = detail::code(tenure_member_promote(native_handle(), id));
    }

    // Takes a node's vote; a leader hands leadership over first.
    void demote_member(std::uint64_t id) {
        detail::throwing([&](std::error_code &code) { demote_member(id, code); });
    }
    void demote_member(std::uint64_t id, std::error_code &code) noexcept {
        code = detail::code(tenure_member_demote(native_handle(), id));
    }

    // Removes a node for good: the node ends by itself, and its id is never used again. A leader hands leadership over first.
    void remove_member(std::uint64_t id) {
        detail::throwing([&](std::error_code &code) { remove_member(id, code); });
    }
    void remove_member(std::uint64_t id, std::error_code &code) noexcept {
        code = detail::code(tenure_member_remove(native_handle(), id));
    }

    // Changes the address at which the other nodes dial a node: start the node there.
    void move_member(std::uint64_t id, const std::string &address) {
        detail::throwing(address, [&](std::error_code &code) { move_member(id, address, code); });
    }
    void move_member(std::uint64_t id, const std::string &address, std::error_code &code) noexcept {
        code = detail::has_nul(address) ? detail::refuse(detail::text_has_nul)
                                        : detail::code(tenure_member_move(native_handle(), id, address.c_str()));
    }

    // Moves leadership to the voter `to`, or, if that is 0, to the one with the longest log; then waits at most `wait` for the
    // next leader. errc::timeout: none yet; errc::unavailable: another node leads, or nothing was done.
    void move_leader(std::uint64_t to = 0, wait_limit wait = forever) {
        detail::throwing([&](std::error_code &code) { move_leader(to, wait, code); });
    }
    void move_leader(std::uint64_t to, wait_limit wait, std::error_code &code) noexcept {
        code = detail::code(tenure_move_leader(native_handle(), to, wait.ms()));
    }

    // Writes the state of the cluster, with every earlier grant, to the file `path`, which appears whole or not at all and
    // is readable by its owner alone. restore_snapshot begins a new cluster with the file.
    void save_snapshot(const std::string &path) {
        detail::throwing(path, [&](std::error_code &code) { save_snapshot(path, code); });
    }
    void save_snapshot(const std::string &path, std::error_code &code) noexcept {
        code = detail::has_nul(path) ? detail::refuse(detail::text_has_nul)
                                     : detail::code(tenure_snapshot_save(native_handle(), path.c_str()));
    }

    // The rules and credentials of the cluster.
    access_control access() const noexcept;

    std::string describe(const std::string &what, const std::string &name = std::string()) {
        return detail::throwing(what + name, [&](std::error_code &code) { return describe(what, name, code); });
    }
    std::string describe(const std::string &what, const std::string &name, std::error_code &code) {
        std::string json;
        std::size_t size = 0;
        if (detail::has_nul(what) || detail::has_nul(name)) {
            code = detail::refuse(detail::text_has_nul);
            return json;
        }
        tenure_status status = TENURE_TOO_SMALL;
        while (status == TENURE_TOO_SMALL) {
            json.resize(size);
            status = tenure_describe(native_handle(), what.c_str(), name.c_str(), json.data(), &size);
        }
        code = detail::code(status);
        json.resize(status == TENURE_OK ? size - 1 : 0);
        return json;
    }

    // The session as known here; no server is asked.
    tenure::session session() const {
        return detail::throwing([&](std::error_code &code) { return session(code); });
    }
    tenure::session session(std::error_code &code) const noexcept {
        tenure_session_info info = TENURE_SESSION_INFO_INIT;
        code = detail::code(tenure_client_session(native_handle(), &info));
        return code ? tenure::session() : converted(info);
    }

    // Readable while next() has something. Borrowed: poll it, never read or close it.
    int fd() const noexcept { return tenure_client_fd(native_handle()); }

    // The session at its next change of state; nullopt without an error if none comes within `wait`. errc::closed once all
    // is read and the client is closed. One reader.
    std::optional<tenure::session> next(wait_limit wait = forever) {
        return detail::throwing([&](std::error_code &code) { return next(wait, code); });
    }
    std::optional<tenure::session> next(wait_limit wait, std::error_code &code) noexcept {
        tenure_session_info info = TENURE_SESSION_INFO_INIT;
        const tenure_status status = tenure_client_next(native_handle(), wait.ms(), &info);
        code = detail::code(status == TENURE_AGAIN ? TENURE_OK : status);
        return status == TENURE_OK ? std::optional<tenure::session>(converted(info)) : std::nullopt;
    }

    // Sends the calls collected under a cork; the cork stays. For loops that poll descriptors.
    void flush() {
        detail::throwing([&](std::error_code &code) { flush(code); });
    }
    void flush(std::error_code &code) noexcept { code = detail::code(tenure_client_flush(native_handle())); }

    // A sign of life, for client_options::progress.
    void progress() {
        detail::throwing([&](std::error_code &code) { progress(code); });
    }
    void progress(std::error_code &code) noexcept { code = detail::code(tenure_client_progress(native_handle())); }

    // Ends the session and its leases; waiting calls fail with errc::closed. errc::timeout: no answer within `wait`; the TTL
    // then frees the locks.
    void close(wait_limit wait = std::chrono::seconds(5)) {
        detail::throwing([&](std::error_code &code) { close(wait, code); });
    }
    void close(wait_limit wait, std::error_code &code) noexcept {
        code = detail::code(tenure_client_close(native_handle(), wait.ms()));
    }

    tenure_client *native_handle() const noexcept { return shared_ ? shared_->handle.get() : nullptr; }

private:
    friend class node;
    friend class mutex;
    friend class shared_mutex;

    explicit client(detail::owned<tenure_client> handle)
        : shared_(handle ? std::make_shared<detail::shared_client>(std::move(handle)) : nullptr) {}

    // Release of an unlock: waits for the server's answer, at most 1 s, so that the next try finds the lock free. While the
    // servers are silent only the first unlock waits, not each lock of a stack that unwinds.
    void give_back(lease &held) noexcept {
        if (!held.native_handle())
            return;
        std::error_code code;
        if (shared_ && shared_->is_silent) {
            held.release(std::chrono::milliseconds(0), code);
            return;
        }
        held.release(std::chrono::seconds(1), code);
        if (shared_ && code == errc::unknown)
            shared_->is_silent = true;
    }

    // A grant: the servers answer again.
    void note_granted() noexcept {
        if (shared_)
            shared_->is_silent = false;
    }

    // Fills in `given`; returns why an option cannot be expressed in C, else null.
    static const char *c_options(const client_options &options, tenure_client_options &given) noexcept {
        given.name = options.name.empty() ? nullptr : options.name.c_str();
        given.flags = options.background ? TENURE_OPEN_BACKGROUND : 0;
        given.cluster_id = options.cluster_id.empty() ? nullptr : options.cluster_id.c_str();
        given.ca = options.ca.empty() ? nullptr : options.ca.c_str();
        given.cert = options.cert.empty() ? nullptr : options.cert.c_str();
        given.key = options.key.empty() ? nullptr : options.key.c_str();
        given.credential_file = options.credential_file.empty() ? nullptr : options.credential_file.c_str();
        given.verify = static_cast<std::uint32_t>(options.verify);
        if (detail::has_nul(options.name))
            return detail::name_has_nul;
        if (detail::has_nul(options.cluster_id))
            return "cluster_id has a NUL byte";
        for (const std::string *text : {&options.ca, &options.cert, &options.key, &options.credential_file})
            if (detail::has_nul(*text))
                return detail::text_has_nul;
        if (!detail::put(given.ttl_ms, options.ttl))
            return "ttl is negative";
        if (!detail::put(given.connect_timeout_ms, options.connect_timeout))
            return "connect_timeout is negative";
        if (!detail::put(given.request_timeout_ms, options.request_timeout))
            return "request_timeout is negative";
        return detail::put(given.progress_ms, options.progress) ? nullptr : "progress is negative";
    }

    static const char *c_options(std::string_view name, const acquire_options &options,
                                 tenure_acquire_options &given) noexcept {
        given.mode = options.shared ? TENURE_SHARED : TENURE_EXCLUSIVE;
        given.permits = options.permits;
        given.limit = options.limit;
        given.value = options.value.data();
        given.value_len = options.value.size();
        given.owner = options.owner;
        if (detail::has_nul(name))
            return detail::name_has_nul;
        return detail::put(given.lock_delay_ms, options.lock_delay) ? nullptr : "lock_delay is negative";
    }

    template <class Handle, class Result, class Function>
    Result all(Function function, const std::vector<std::string> &names, wait_limit wait,
               const acquire_options &options, std::error_code &code) {
        tenure_acquire_options given = TENURE_ACQUIRE_OPTIONS_INIT;
        Handle *made = nullptr;
        const char *wrong = c_options(std::string_view(), options, given);
        std::vector<const char *> texts;
        for (const std::string &name : names) {
            texts.push_back(name.c_str());
            if (detail::has_nul(name))
                wrong = detail::name_has_nul;
        }
        // Keeps data() non-null for an empty vector; C refuses the count of 0.
        texts.push_back(nullptr);
        code = wrong ? detail::refuse(wrong)
                     : detail::code(
                           function(native_handle(), texts.data(), names.size(), wait.ms(), &given, &made));
        return Result(made);
    }

    static tenure::session converted(const tenure_session_info &info) noexcept {
        tenure::session result;
        result.state = static_cast<session_state>(info.state);
        result.id = info.id;
        result.remaining = detail::nanoseconds(info.remaining_ns);
        result.ttl = std::chrono::milliseconds(info.ttl_ms);
        result.leases = info.leases;
        return result;
    }

    std::shared_ptr<detail::shared_client> shared_;
};

// The rules and credentials of the client's cluster. Each change is durable and in force when its call returns; a change
// that is in force already succeeds. errc::unavailable: surely nothing was done; errc::denied: what() names who lacks which
// right.
class access_control {
public:
    // Denies from now on every call that no rule allows. errc::unavailable: nobody has "admin", or a node takes connections
    // without TLS; what() says which.
    void on() {
        detail::throwing([&](std::error_code &code) { on(code); });
    }
    void on(std::error_code &code) noexcept { code = detail::code(tenure_access_on(client_.native_handle())); }

    // Lets the kind of identity alone decide from now on; rules and credentials stay.
    void off() {
        detail::throwing([&](std::error_code &code) { off(code); });
    }
    void off(std::error_code &code) noexcept { code = detail::code(tenure_access_off(client_.native_handle())); }

    // Allows `rights` ("acquire,read") on `names` ("jobs/nightly", "jobs/", "*") to `principal` ("client/billing",
    // "client/bill*", "*"). Rights of the cluster ("operate", "admin") take empty `names`.
    void allow(const std::string &principal, const std::string &rights, const std::string &names = std::string()) {
        detail::throwing(principal + rights + names,
                         [&](std::error_code &code) { allow(principal, rights, names, code); });
    }
    void allow(const std::string &principal, const std::string &rights, const std::string &names,
               std::error_code &code) noexcept {
        code = has_nul(principal, rights, names)
                   ? detail::refuse(detail::text_has_nul)
                   : detail::code(tenure_access_allow(client_.native_handle(), principal.c_str(), rights.c_str(),
                                                      or_null(names)));
    }

    // Takes `rights` away from the rule of exactly this `principal` and `names`: waiters that lost the right are refused, held
    // locks stay. Returns another rule that still allows some of `rights`, as "client/bill* acquire,read jobs/"; empty if none
    // does. errc::not_found: no such rule, or it allowed none of `rights`.
    std::string deny(const std::string &principal, const std::string &rights,
                     const std::string &names = std::string()) {
        return detail::throwing(principal + rights + names,
                                [&](std::error_code &code) { return deny(principal, rights, names, code); });
    }
    // Returns the other rule with errc::not_found, too.
    std::string deny(const std::string &principal, const std::string &rights, const std::string &names,
                     std::error_code &code) {
        if (has_nul(principal, rights, names)) {
            code = detail::refuse(detail::text_has_nul);
            return std::string();
        }
        std::string still;
        const tenure_status status = sized(still, 512, [&](char *text, std::size_t *size) {
            return tenure_access_deny(client_.native_handle(), principal.c_str(), rights.c_str(), or_null(names), text, size);
        });
        code = detail::code(status);
        return still;
    }

    // Whether the rules, on or off, allow `right` on the lock `name` (empty: of the cluster) to `principal`.
    bool test(const std::string &principal, const std::string &right, const std::string &name = std::string()) {
        return detail::throwing(principal + right + name,
                                [&](std::error_code &code) { return test(principal, right, name, code); });
    }
    bool test(const std::string &principal, const std::string &right, const std::string &name,
              std::error_code &code) noexcept {
        std::int32_t is_allowed = 0;
        code = has_nul(principal, right, name)
                   ? detail::refuse(detail::text_has_nul)
                   : detail::code(tenure_access_test(client_.native_handle(), principal.c_str(), right.c_str(),
                                                     or_null(name), &is_allowed));
        return is_allowed != 0;
    }

    // All rules, and the principals with a credential, as the JSON of `tenure access list --json`.
    std::string list() { return client_.describe("access"); }
    std::string list(std::error_code &code) { return client_.describe("access", std::string(), code); }

    // Returns a new credential of `principal` ("client/billing"), for a client without a certificate: the line of a file that
    // its user alone reads (client_options::credential_file). Shown once; an earlier credential of `principal` is void.
    std::string create_credential(const std::string &principal) {
        return detail::throwing(principal, [&](std::error_code &code) { return create_credential(principal, code); });
    }
    std::string create_credential(const std::string &principal, std::error_code &code) {
        std::string line;
        if (detail::has_nul(principal)) {
            code = detail::refuse(detail::text_has_nul);
            return line;
        }
        code = detail::code(sized(line, principal.size() + 66, [&](char *text, std::size_t *size) {
            return tenure_credential_create(client_.native_handle(), principal.c_str(), text, size);
        }));
        return line;
    }

    // Voids the credential of `principal` and disconnects its clients. errc::not_found: `principal` has none.
    void revoke_credential(const std::string &principal) {
        detail::throwing(principal, [&](std::error_code &code) { revoke_credential(principal, code); });
    }
    void revoke_credential(const std::string &principal, std::error_code &code) noexcept {
        code = detail::has_nul(principal)
                   ? detail::refuse(detail::text_has_nul)
                   : detail::code(tenure_credential_revoke(client_.native_handle(), principal.c_str()));
    }

private:
    friend class client;

    explicit access_control(client owner) noexcept : client_(std::move(owner)) {}

    static bool has_nul(const std::string &one, const std::string &two, const std::string &three) noexcept {
        return detail::has_nul(one) || detail::has_nul(two) || detail::has_nul(three);
    }

    static const char *or_null(const std::string &text) noexcept { return text.empty() ? nullptr : text.c_str(); }

    // Calls with a buffer of `size` bytes, and again with the size that a TENURE_TOO_SMALL asks for, which had no effect.
    template <class Call>
    static tenure_status sized(std::string &text, std::size_t size, Call call) {
        tenure_status status = TENURE_TOO_SMALL;
        while (status == TENURE_TOO_SMALL) {
            text.assign(size, '\0');
            status = call(text.data(), &size);
        }
        // Cuts at the NUL; empty if nothing was written.
        text.resize(std::char_traits<char>::length(text.c_str()));
        return status;
    }

    client client_;
};

inline access_control client::access() const noexcept { return access_control(*this); }

// Collects this thread's acquires and releases with the client, while the cork lives, and sends them together: fewer
// packets and system calls, a fraction of the processor time of both sides.
//
//     {
//         tenure::cork corked(client);
//         for (const auto &name : names)
//             pending.push_back(client.acquire_start(name));
//     }
//
// The destructor of this thread's last cork on the client sends all of them, also under an exception. They leave earlier
// once 64 calls are collected, 5 ms have passed, any thread waits for anything of the client, another thread calls, or a
// renewal is due. Programs that poll descriptors call client::flush first. A release still ends the lease at once. Destroy
// on the thread of construction.
class [[nodiscard]] cork {
public:
    explicit cork(client owner) : client_(std::move(owner)) {
        detail::throwing([&](std::error_code &code) { begin(code); });
    }
    cork(client owner, std::error_code &code) noexcept : client_(std::move(owner)) { begin(code); }
    cork(const cork &) = delete;
    cork &operator=(const cork &) = delete;
    ~cork() {
        if (is_on_)
            tenure_client_uncork(client_.native_handle());
    }

private:
    void begin(std::error_code &code) noexcept {
        code = detail::code(tenure_client_cork(client_.native_handle()));
        is_on_ = !code;
    }

    client client_;
    bool is_on_ = false;
};

// An election: the lock of its name, with a value that others see.
class election {
public:
    election(client owner, std::string name) : client_(std::move(owner)), name_(std::move(name)) {}

    // Waits to be elected; see client::campaign. To resign, release the lease.
    lease campaign(std::string_view value = std::string_view(), wait_limit wait = forever) {
        return client_.campaign(name_, value, wait);
    }
    lease campaign(std::string_view value, wait_limit wait, std::error_code &code) noexcept {
        return client_.campaign(name_, value, wait, code);
    }

    // campaign() without blocking.
    pending campaign_start(std::string_view value = std::string_view(), wait_limit wait = forever) {
        return client_.campaign_start(name_, value, wait);
    }
    pending campaign_start(std::string_view value, wait_limit wait, std::error_code &code) noexcept {
        return client_.campaign_start(name_, value, wait, code);
    }

    // The leader at some instant during the call; nullopt if there is none.
    std::optional<holder> leader() { return client_.holder_of(name_); }
    std::optional<holder> leader(std::error_code &code) { return client_.holder_of(name_, code); }

    observer observe() { return client_.observe(name_); }
    observer observe(std::error_code &code) noexcept { return client_.observe(name_, code); }

    const std::string &name() const noexcept { return name_; }

private:
    client client_;
    std::string name_;
};

// ---- mutexes

namespace detail {

// The end of a wait by steady_clock, for locks of the standard library; at most a century ahead.
inline std::chrono::steady_clock::time_point after(wait_limit wait) {
    constexpr std::chrono::milliseconds century = std::chrono::hours(24 * 36525);
    const std::chrono::milliseconds length(wait.ms());
    return std::chrono::steady_clock::now() + (wait.ms() < 0 || length > century ? century : length);
}

// The rest of `wait`, whose end is `end`.
inline wait_limit left(wait_limit wait, std::chrono::steady_clock::time_point end) {
    return wait.ms() == TENURE_FOREVER ? wait : wait_limit(end);
}

} // namespace detail

// A TimedLockable, for std::unique_lock and std::scoped_lock. Threads that share a mutex exclude each other, also while one
// of them still works under a lost lease. Not recursive.
//
// A lock_guard alone does not notice a loss: call check() between steps, and send token() with every read and write.
class mutex {
public:
    // `options`: for each acquire, say a value or a lock delay.
    mutex(client owner, std::string name, acquire_options options = acquire_options())
        : client_(std::move(owner)), name_(std::move(name)), options_(std::move(options)) {}
    mutex(const mutex &) = delete;
    mutex &operator=(const mutex &) = delete;

    void lock() { throwing(forever); }
    bool try_lock() { return throwing(std::chrono::milliseconds(0)); }
    template <class Rep, class Period>
    bool try_lock_for(const std::chrono::duration<Rep, Period> &wait) {
        return throwing(wait);
    }
    template <class Clock, class Duration>
    bool try_lock_until(const std::chrono::time_point<Clock, Duration> &end) {
        return throwing(end);
    }

    // The non-throwing form of all of these: a duration, a time point, or `forever`. False without an error: taken.
    bool try_lock_for(wait_limit wait, std::error_code &code) {
        code.clear();
        const auto end = detail::after(wait);
        std::unique_lock<std::timed_mutex> local(local_, end);
        if (!local)
            return false;
        lease granted = client_.acquire(name_, detail::left(wait, end), options_, code);
        if (code == errc::held || code == errc::timeout)
            code.clear();
        if (!granted.native_handle())
            return false;
        client_.note_granted();
        lease_ = std::move(granted);
        local.release();
        return true;
    }

    // Reports neither a lost lease nor a silent server. Waits for the server's answer, at most 1 s, so that the next try finds
    // the lock free; not at all after an unlock of the same client that was not answered, until the next grant. The release
    // then goes on in the background.
    void unlock() noexcept {
        std::unique_lock<std::timed_mutex> local(local_, std::adopt_lock);
        client_.give_back(lease_);
        lease_ = lease();
    }

    // Throws errc::lost once lost(). Call while locked.
    void check() const {
        if (lost())
            detail::raise(make_error_code(errc::lost), lease_.lost_text(name_));
    }

    // Of the held lease; call while locked.
    bool lost() const noexcept { return lease_.lost(); }
    bool asked() const noexcept { return lease_.asked(); }
    std::optional<end_order> order() const { return lease_.order(); }
    std::uint64_t token() const noexcept { return lease_.token(); }
    std::chrono::nanoseconds remaining() const noexcept { return lease_.remaining(); }
    int fd() const noexcept { return lease_.fd(); }

    const std::string &name() const noexcept { return name_; }

private:
    bool throwing(wait_limit wait) {
        return detail::throwing(name_, [&](std::error_code &code) { return try_lock_for(wait, code); });
    }

    client client_;
    std::string name_;
    acquire_options options_;
    std::timed_mutex local_;
    lease lease_;
};

// A SharedTimedLockable: a lock of readers and writers, for std::shared_lock too. Threads that share a shared_mutex exclude
// each other as processes do, also while one of them still works under a lost lease; a reader behind a waiting writer
// waits.
//
// Each reader has a lease of its own; lost(), check() and token() are about the calling thread's lease. A loss is final for
// the section that had the lease, until the section has left, and for no other. A thread that holds nothing, say one to
// which a std::shared_lock was moved, asks about all leases.
class shared_mutex {
public:
    // `options`: for each acquire, say a value or a lock delay; `shared` is ignored.
    shared_mutex(client owner, std::string name, acquire_options options = acquire_options())
        : client_(std::move(owner)), name_(std::move(name)), options_(std::move(options)) {}
    shared_mutex(const shared_mutex &) = delete;
    shared_mutex &operator=(const shared_mutex &) = delete;

    void lock() { throwing<writer>(forever); }
    bool try_lock() { return throwing<writer>(std::chrono::milliseconds(0)); }
    template <class Rep, class Period>
    bool try_lock_for(const std::chrono::duration<Rep, Period> &wait) {
        return throwing<writer>(wait);
    }
    template <class Clock, class Duration>
    bool try_lock_until(const std::chrono::time_point<Clock, Duration> &end) {
        return throwing<writer>(end);
    }
    bool try_lock_for(wait_limit wait, std::error_code &code) { return enter<writer>(wait, code); }
    // As mutex::unlock.
    void unlock() noexcept {
        const writer local(local_, std::adopt_lock);
        leave();
    }

    void lock_shared() { throwing<reader>(forever); }
    bool try_lock_shared() { return throwing<reader>(std::chrono::milliseconds(0)); }
    template <class Rep, class Period>
    bool try_lock_shared_for(const std::chrono::duration<Rep, Period> &wait) {
        return throwing<reader>(wait);
    }
    template <class Clock, class Duration>
    bool try_lock_shared_until(const std::chrono::time_point<Clock, Duration> &end) {
        return throwing<reader>(end);
    }
    bool try_lock_shared_for(wait_limit wait, std::error_code &code) { return enter<reader>(wait, code); }
    void unlock_shared() noexcept {
        const reader local(local_, std::adopt_lock);
        leave();
    }

    // Throws errc::lost once lost(). Call while locked.
    void check() const {
        std::string lost;
        bool any = false;
        of_this_thread([&](const lease &held) {
            any = true;
            if (lost.empty() && held.lost())
                lost = held.lost_text(name_);
        });
        if (!any)
            lost = lease().lost_text(name_);
        if (!lost.empty())
            detail::raise(make_error_code(errc::lost), lost);
    }

    bool lost() const {
        bool any = false, any_lost = false;
        of_this_thread([&](const lease &held) {
            any = true;
            any_lost = any_lost || held.lost();
        });
        return any_lost || !any;
    }

    // The fencing token, of several the smallest; 0 if not locked.
    std::uint64_t token() const {
        std::uint64_t smallest = 0;
        of_this_thread([&](const lease &held) {
            if (smallest == 0 || held.token() < smallest)
                smallest = held.token();
        });
        return smallest;
    }

    const std::string &name() const noexcept { return name_; }

private:
    using writer = std::unique_lock<std::shared_timed_mutex>;
    using reader = std::shared_lock<std::shared_timed_mutex>;

    // A section: the lease that covers it, and the thread that entered it.
    struct section {
        std::thread::id entered_by;
        lease held;
    };

    // Calls `each` with the leases of this thread, or with all leases if this thread has none.
    template <class Each>
    void of_this_thread(Each each) const {
        const std::thread::id self = std::this_thread::get_id();
        const std::lock_guard<std::mutex> guard(sections_mutex_);
        bool mine = false;
        for (const section &one : sections_)
            mine = mine || one.entered_by == self;
        for (const section &one : sections_)
            if (!mine || one.entered_by == self)
                each(one.held);
    }

    template <class Local>
    bool throwing(wait_limit wait) {
        return detail::throwing(name_, [&](std::error_code &code) { return enter<Local>(wait, code); });
    }

    template <class Local>
    bool enter(wait_limit wait, std::error_code &code) {
        code.clear();
        const auto end = detail::after(wait);
        // A writer that waits for this process's readers holds the turn, so that no new reader enters.
        std::unique_lock<std::timed_mutex> turn(turn_, end);
        if (!turn)
            return false;
        Local local(local_, end);
        turn.unlock();
        if (!local)
            return false;
        acquire_options options = options_;
        options.shared = std::is_same_v<Local, reader>;
        lease granted = client_.acquire(name_, detail::left(wait, end), options, code);
        if (code == errc::held || code == errc::timeout)
            code.clear();
        if (!granted.native_handle())
            return false;
        client_.note_granted();
        const std::lock_guard<std::mutex> guard(sections_mutex_);
        sections_.push_back(section{std::this_thread::get_id(), std::move(granted)});
        local.release();
        return true;
    }

    // Gives back this thread's lease. If the thread has several, or left a lock that another thread took, prefers a lease that
    // is not lost: a loss stays known until nothing else is left (L24).
    void leave() noexcept {
        const std::thread::id self = std::this_thread::get_id();
        lease ended;
        {
            const std::lock_guard<std::mutex> guard(sections_mutex_);
            std::size_t at = 0;
            int best = -1;
            for (std::size_t i = 0; i < sections_.size(); i++) {
                const int fit = (sections_[i].entered_by == self ? 2 : 0) + (sections_[i].held.lost() ? 0 : 1);
                if (fit > best) {
                    best = fit;
                    at = i;
                }
            }
            std::swap(sections_[at], sections_.back());
            ended = std::move(sections_.back().held);
            sections_.pop_back();
        }
        client_.give_back(ended);
    }

    client client_;
    std::string name_;
    acquire_options options_;
    std::timed_mutex turn_;
    std::shared_timed_mutex local_;
    mutable std::mutex sections_mutex_;
    std::vector<section> sections_;
};

// ---- nodes

// The leader lease as a node knows it at one instant.
struct leadership {
    bool is_leader = false;
    std::uint64_t leader_id = 0;
    std::uint64_t term = 0;
    // The fencing token of this node's leadership; 0 if another node leads, or none.
    std::uint64_t token = 0;
    // How long this node may still believe in its leadership.
    std::chrono::nanoseconds remaining{0};
};

// Whether a node speaks TLS. by_itself: required with a certificate, else off; optional: TLS and plaintext are accepted,
// while a cluster changes over.
enum class tls_mode : std::uint32_t {
    by_itself = TENURE_TLS_DEFAULT,
    off = TENURE_TLS_OFF,
    optional = TENURE_TLS_OPTIONAL,
    required = TENURE_TLS_REQUIRED,
};

struct node_options {
    std::uint64_t id = 0;
    // The directory of this node alone, created if missing, and locked.
    std::string data_dir;
    // "1=host:port,2=host:port,3=host:port". With `join` it may be empty.
    std::string cluster;
    // Empty: this node's address in `cluster`, or as the nodes at `join` know it.
    std::string listen;
    // "host:port,host:port" of a running cluster to which this node was added (client::add_member, `tenure member add`), from
    // which the members are learned; else empty. errc::invalid: this node is no member; errc::unavailable: no answer.
    std::string join;
    // Zero: the defaults, 30, 150 and 150 ms.
    interval heartbeat;
    interval election;
    interval lease;
    // Listen on more than loopback although nothing is encrypted.
    bool insecure = false;
    // The largest TTL of a session; zero: the default, 1 h. A restored cluster grants nothing for that long.
    interval ttl_max;
    // Bytes of log after which a snapshot is made; 0: the default, 64 MiB.
    std::uint64_t snapshot_every_bytes = 0;
    // "host:port" of loopback for HTTP (/metrics, /livez, /readyz, /status); empty: none.
    std::string admin;
    // Files (PEM): the authority of the nodes (and of clients and operators, unless client_ca is given), this node's
    // certificate, and the key. All three: every connection that leaves the process is over TLS. write_certificate makes them.
    std::string ca;
    std::string cert;
    std::string key;
    // Files (PEM): the authority of clients and operators, empty: `ca`; the revoked certificates, empty: none.
    std::string client_ca;
    std::string crl;
    tls_mode tls = tls_mode::by_itself;
    // How the nodes at `join` are verified.
    verify_by verify = verify_by::host;
    // The file to which the audit trail is appended, one JSON object per line; empty: the log alone.
    std::string audit;
};

// Options of restore_snapshot, for one node of the new cluster.
struct restore_options {
    std::uint64_t id = 0;
    // The directory of this node alone: empty or missing.
    std::string data_dir;
    // All nodes of the new cluster: "1=host:port,2=host:port,3=host:port".
    std::string cluster;
    // 0: the snapshot's plus one. Give one larger than all before if this snapshot or an older one was restored already.
    std::uint64_t epoch = 0;
    // The largest ttl_max and the longest lease that any node ever ran with: how long the new cluster grants nothing.
    // Zero: the largest possible, 1 h and a minute.
    interval largest_ttl_max;
    interval largest_lease;
    // The whole ids, with commas between, of more clusters whose clients come over by themselves, besides those in the file.
    std::string ancestors;
    // Grant locks at once, although programs may still believe in earlier leases: only tokens protect.
    bool waive_wait = false;
};

// Makes the data directory of one node of a new cluster from the file `path` of client::save_snapshot. Use the same file for
// each node, and start the nodes with the same `cluster`; no node of the old cluster may run. Returns how long the new
// cluster, once it has a leader, grants nothing.
inline std::chrono::milliseconds restore_snapshot(const std::string &path, const restore_options &options,
                                                  std::error_code &code) noexcept {
    tenure_restore_options given = TENURE_RESTORE_OPTIONS_INIT;
    std::uint64_t wait_ms = 0;
    for (const std::string *text : {&path, &options.data_dir, &options.cluster, &options.ancestors})
        if (detail::has_nul(*text)) {
            code = detail::refuse(detail::text_has_nul);
            return std::chrono::milliseconds(0);
        }
    const std::int64_t ttl_ms = options.largest_ttl_max.count().count(), lease_ms = options.largest_lease.count().count();
    if (ttl_ms < 0 || lease_ms < 0) {
        code = detail::refuse(ttl_ms < 0 ? "largest_ttl_max is negative" : "largest_lease is negative");
        return std::chrono::milliseconds(0);
    }
    given.flags = options.waive_wait ? TENURE_RESTORE_WAIVE_WAIT : 0;
    given.id = options.id;
    given.data_dir = options.data_dir.c_str();
    given.cluster = options.cluster.c_str();
    given.epoch = options.epoch;
    given.largest_ttl_max_ms = static_cast<std::uint64_t>(ttl_ms);
    given.largest_lease_ms = static_cast<std::uint64_t>(lease_ms);
    given.ancestors = options.ancestors.empty() ? nullptr : options.ancestors.c_str();
    code = detail::code(tenure_snapshot_restore(path.c_str(), &given, &wait_ms));
    return std::chrono::milliseconds(wait_ms);
}
inline std::chrono::milliseconds restore_snapshot(const std::string &path, const restore_options &options) {
    return detail::throwing(path,
                            [&](std::error_code &code) { return restore_snapshot(path, options, code); });
}

struct certificate_options {
    // For a node: the dialed names and addresses, without ports ("db1.example,10.0.0.1"); else empty.
    std::string hosts;
    // The directory of the authority; empty: that of the new certificate.
    std::string ca_dir;
    // Days of validity; 0: 365, an authority 3650.
    std::uint32_t days = 0;
    // Replace files of the same name; else they are errc::invalid.
    bool replace = false;
};

// Makes a certificate and its key in `directory`, as `tenure certs` does. `what`: "ca" (an authority: ca.crt, ca.key), or the
// identity: "node/1" (node-1.crt, node-1.key), "client/NAME", "operator/NAME". With ca.key one can pose as any of them.
inline void write_certificate(const std::string &directory, const std::string &what, const certificate_options &options,
                              std::error_code &code) noexcept {
    tenure_certs_options given = TENURE_CERTS_OPTIONS_INIT;
    for (const std::string *text : {&directory, &what, &options.hosts, &options.ca_dir})
        if (detail::has_nul(*text)) {
            code = detail::refuse(detail::text_has_nul);
            return;
        }
    given.flags = options.replace ? TENURE_CERTS_REPLACE : 0;
    given.hosts = options.hosts.empty() ? nullptr : options.hosts.c_str();
    given.ca_dir = options.ca_dir.empty() ? nullptr : options.ca_dir.c_str();
    given.days = options.days;
    code = detail::code(tenure_certs_write(directory.c_str(), what.c_str(), &given));
}
inline void write_certificate(const std::string &directory, const std::string &what,
                              const certificate_options &options = certificate_options()) {
    detail::throwing(what, [&](std::error_code &code) { write_certificate(directory, what, options, code); });
}

// A node of the cluster in this process. Move-only; the destructor stops the node in the background.
class node {
public:
    node() noexcept = default;
    explicit node(const node_options &options)
        : node(detail::throwing([&](std::error_code &code) { return start(options, code); })) {}
    explicit node(tenure_node *handle) noexcept : handle_(handle) {}

    // The node is empty on failure.
    static node start(const node_options &options, std::error_code &code) noexcept {
        tenure_node_options given = TENURE_NODE_OPTIONS_INIT;
        tenure_node *started = nullptr;
        const char *wrong = c_options(options, given);
        code = wrong ? detail::refuse(wrong) : detail::code(tenure_node_start(&given, &started));
        return node(started);
    }

    explicit operator bool() const noexcept { return handle_ != nullptr; }

    // Whether this node leads, for how long, under which token. Local and lock-free. Compare the token with that of the work's
    // beginning, not is_leader alone: with another token others may have led in between.
    tenure::leadership leadership() const {
        return detail::throwing([&](std::error_code &code) { return leadership(code); });
    }
    tenure::leadership leadership(std::error_code &code) const noexcept {
        tenure_leadership now = TENURE_LEADERSHIP_INIT;
        code = detail::code(tenure_node_leadership(handle_.get(), &now));
        return converted(now);
    }

    // Readable while next() has something. Borrowed: poll it, never read or close it.
    int fd() const noexcept { return tenure_node_fd(handle_.get()); }

    // First the present state, then each change of leader, term or claim; nullopt without an error if none comes within
    // `wait`. errc::closed: stopped; io, limit, internal, denied, corrupt: the node ended by itself. One reader.
    std::optional<tenure::leadership> next(wait_limit wait = forever) {
        return detail::throwing([&](std::error_code &code) { return next(wait, code); });
    }
    std::optional<tenure::leadership> next(wait_limit wait, std::error_code &code) noexcept {
        tenure_leadership now = TENURE_LEADERSHIP_INIT;
        const tenure_status status = tenure_node_next(handle_.get(), wait.ms(), &now);
        code = detail::code(status == TENURE_AGAIN ? TENURE_OK : status);
        return status == TENURE_OK ? std::optional<tenure::leadership>(converted(now)) : std::nullopt;
    }

    // A client of this node's cluster: without a socket to this node, over TCP to the others. Where these speak TLS the client
    // needs ca, cert and key of its own.
    tenure::client client(const client_options &options = client_options()) {
        return detail::throwing([&](std::error_code &code) { return client(options, code); });
    }
    tenure::client client(const client_options &options, std::error_code &code) {
        tenure_client_options given = TENURE_CLIENT_OPTIONS_INIT;
        tenure_client *opened = nullptr;
        const char *wrong = tenure::client::c_options(options, given);
        code = wrong ? detail::refuse(wrong) : detail::code(tenure_node_client(handle_.get(), &given, &opened));
        return tenure::client(opened);
    }

    // Hands leadership to `to`, or, if that is 0, to the node with the longest log. From the call on leadership() has nothing
    // remaining, unless the call fails: errc::lost: this node does not lead; errc::unavailable: no other node took over;
    // errc::timeout: undecided within `wait`.
    void resign(std::uint64_t to = 0, wait_limit wait = forever) {
        detail::throwing([&](std::error_code &code) { resign(to, wait, code); });
    }
    void resign(std::uint64_t to, wait_limit wait, std::error_code &code) noexcept {
        code = detail::code(tenure_node_resign(handle_.get(), to, wait.ms()));
    }

    // Stops the node; a leader hands leadership over first. errc::timeout: the node still runs after `wait`.
    void stop(wait_limit wait = forever) {
        detail::throwing([&](std::error_code &code) { stop(wait, code); });
    }
    void stop(wait_limit wait, std::error_code &code) noexcept {
        code = detail::code(tenure_node_stop(handle_.get(), wait.ms()));
    }

    // Reads certificate, key, authorities and revoked certificates again; without TLS does nothing. errc::invalid: a file
    // cannot be used, and the former files stay in use. The node also reads changed files by itself, after some seconds.
    void reload() {
        detail::throwing([&](std::error_code &code) { reload(code); });
    }
    void reload(std::error_code &code) noexcept { code = detail::code(tenure_node_reload(handle_.get())); }

    // The metrics of this node and its process, in the text format of Prometheus. Does not wait for the node.
    std::string metrics() const {
        return detail::throwing([&](std::error_code &code) { return metrics(code); });
    }
    std::string metrics(std::error_code &code) const {
        std::string text;
        std::size_t size = 0;
        tenure_status status = TENURE_TOO_SMALL;
        while (status == TENURE_TOO_SMALL) {
            text.resize(size);
            status = tenure_node_metrics(handle_.get(), text.data(), &size);
        }
        code = detail::code(status);
        text.resize(code || size == 0 ? 0 : size - 1);
        return text;
    }

    tenure_node *native_handle() const noexcept { return handle_.get(); }

private:
    // Fills in `given`; returns why an option cannot be expressed in C, else null.
    static const char *c_options(const node_options &options, tenure_node_options &given) noexcept {
        given.flags = options.insecure ? TENURE_NODE_INSECURE : 0;
        given.id = options.id;
        given.data_dir = options.data_dir.c_str();
        given.cluster = options.cluster.empty() ? nullptr : options.cluster.c_str();
        given.listen = options.listen.empty() ? nullptr : options.listen.c_str();
        given.join = options.join.empty() ? nullptr : options.join.c_str();
        given.admin = options.admin.empty() ? nullptr : options.admin.c_str();
        given.ca = options.ca.empty() ? nullptr : options.ca.c_str();
        given.cert = options.cert.empty() ? nullptr : options.cert.c_str();
        given.key = options.key.empty() ? nullptr : options.key.c_str();
        given.client_ca = options.client_ca.empty() ? nullptr : options.client_ca.c_str();
        given.crl = options.crl.empty() ? nullptr : options.crl.c_str();
        given.audit = options.audit.empty() ? nullptr : options.audit.c_str();
        given.tls = static_cast<std::uint32_t>(options.tls);
        given.verify = static_cast<std::uint32_t>(options.verify);
        for (const std::string *text :
             {&options.data_dir, &options.cluster, &options.listen, &options.join, &options.admin, &options.ca, &options.cert,
              &options.key, &options.client_ca, &options.crl, &options.audit})
            if (detail::has_nul(*text))
                return detail::text_has_nul;
        const std::int64_t ttl_max_ms = options.ttl_max.count().count();
        if (ttl_max_ms < 0)
            return "ttl_max is negative";
        given.ttl_max_ms = static_cast<std::uint64_t>(ttl_max_ms);
        given.snapshot_every_bytes = options.snapshot_every_bytes;
        if (!detail::put(given.heartbeat_ms, options.heartbeat))
            return "heartbeat is negative";
        if (!detail::put(given.election_ms, options.election))
            return "election is negative";
        return detail::put(given.lease_ms, options.lease) ? nullptr : "lease is negative";
    }

    static tenure::leadership converted(const tenure_leadership &now) noexcept {
        tenure::leadership result;
        result.is_leader = now.is_leader != 0;
        result.leader_id = now.leader_id;
        result.term = now.term;
        result.token = now.token;
        result.remaining = detail::nanoseconds(now.remaining_ns);
        return result;
    }

    detail::owned<tenure_node> handle_;
};

} // namespace tenure

#endif
