// Tenure for C++17: distributed locks, leases and embedded nodes. Header only, over tenure.h; link with -ltenure.
//
//     tenure::client client("10.0.0.1:7401,10.0.0.2:7401,10.0.0.3:7401");
//     tenure::mutex nightly(client, "jobs/nightly");
//     std::unique_lock lock(nightly, 5s);
//     if (lock) {
//         write(row, nightly.token());        // the resource refuses smaller tokens than it has seen
//         nightly.check();                    // throws once the lock is lost
//     }
//
// Failures throw tenure::error, a std::system_error of tenure::category(). The overloads that take a
// std::error_code& do not throw, and return an empty object on failure.
#ifndef TENURE_HPP
#define TENURE_HPP

#include "tenure.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

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

namespace detail {

class error_category final : public std::error_category {
public:
    const char *name() const noexcept override { return "tenure"; }

    std::string message(int status) const override { return tenure_status_text(status); }

    // So that `error.code() == std::errc::timed_out` says what it seems to.
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

// A call that failed; what() is the library's own sentence about it.
class error : public std::system_error {
public:
    explicit error(tenure_status status) : error(status, tenure_last_error()) {}
    error(tenure_status status, const std::string &what)
        : std::system_error(status, category(), what) {}

    errc status() const noexcept { return static_cast<errc>(code().value()); }
};

// For waits: until it is decided.
constexpr std::chrono::milliseconds forever{-1};

namespace detail {

inline void check(tenure_status status) {
    if (status != TENURE_OK)
        throw error(status);
}

inline std::error_code code(tenure_status status) noexcept {
    return status == TENURE_OK ? std::error_code() : std::error_code(status, category());
}

// A wait that is asked for: rounded up, and at least a try. Only `forever` is for ever.
template <class Rep, class Period>
std::int64_t wait_ms(std::chrono::duration<Rep, Period> wait) {
    using limit = std::chrono::duration<double>;
    constexpr std::chrono::milliseconds longest{std::numeric_limits<std::int32_t>::max()};
    if (limit(wait) >= limit(longest))
        return longest.count();
    return std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::milliseconds>(wait).count());
}

inline std::int64_t wait_ms(std::chrono::milliseconds wait) {
    return wait == forever ? TENURE_FOREVER : std::max<std::int64_t>(0, wait.count());
}

inline std::uint32_t option_ms(std::chrono::milliseconds value, const char *what) {
    if (value.count() < 0 || value.count() > std::numeric_limits<std::uint32_t>::max())
        throw error(TENURE_INVALID, std::string(what) + " is out of range");
    return static_cast<std::uint32_t>(value.count());
}

inline const char *text(const std::string &value, const char *what) {
    if (value.find('\0') != std::string::npos)
        throw error(TENURE_INVALID, std::string(what) + " contains a NUL");
    return value.c_str();
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

} // namespace detail

// A grant. Move-only; released in the background when it is destroyed.
class lease {
public:
    lease() noexcept = default;
    explicit lease(tenure_lease *handle) noexcept : handle_(handle) {}

    // Held, as far as may be believed at this instant.
    explicit operator bool() const noexcept { return handle_ && !lost(); }

    std::string name() const {
        const char *name = handle_ ? tenure_lease_name(handle_.get()) : nullptr;
        return name ? name : "";
    }

    // The fencing token; 0 if there is no lease.
    std::uint64_t token() const noexcept { return handle_ ? tenure_lease_token(handle_.get()) : 0; }

    // How long it may still be believed in; zero means never again.
    std::chrono::nanoseconds remaining() const noexcept {
        const std::uint64_t left = handle_ ? tenure_lease_remaining_ns(handle_.get()) : 0;
        const std::uint64_t most = std::numeric_limits<std::int64_t>::max();
        return std::chrono::nanoseconds(static_cast<std::int64_t>(std::min(left, most)));
    }

    bool lost() const noexcept { return remaining() == std::chrono::nanoseconds::zero(); }

    // Held, but somebody wants it: remaining() says how soon it ends. Finish, then release it.
    bool asked() const noexcept { return state_and_reason().first == TENURE_LEASE_STATE_ASKED; }

    // Why it ended, one of TENURE_REASON_...; TENURE_REASON_NONE before.
    int reason() const noexcept { return state_and_reason().second; }

    // Readable once lost, or asked to end. Borrowed: poll it, never read or close it.
    int fd() const noexcept { return handle_ ? tenure_lease_fd(handle_.get()) : -1; }

    // Replaces the value that others see. Throws errc::lost if the lease had ended.
    void proclaim(std::string_view value) {
        detail::check(tenure_proclaim(handle_.get(), value.data(), value.size()));
    }

    // Ends it, and hands what it held to the next in the queue, or to the first waiter of that client name. Throws
    // errc::not_found if nobody (of that name) waits: then the lease goes on.
    void transfer() { detail::check(tenure_transfer(handle_.get(), nullptr)); }
    void transfer(const std::string &to_client) {
        detail::check(tenure_transfer(handle_.get(), detail::text(to_client, "the client's name")));
    }

    // Throws errc::lost if the lease had ended before.
    void release(std::chrono::milliseconds wait = std::chrono::seconds(5)) {
        detail::check(tenure_release(handle_.get(), detail::wait_ms(wait)));
    }
    void release(std::chrono::milliseconds wait, std::error_code &code) noexcept {
        code = detail::code(tenure_release(handle_.get(), detail::wait_ms(wait)));
    }

    tenure_lease *native_handle() const noexcept { return handle_.get(); }

private:
    std::pair<int, int> state_and_reason() const noexcept {
        std::int32_t state = TENURE_LEASE_STATE_ENDED;
        std::int32_t reason = TENURE_REASON_NONE;
        if (handle_)
            tenure_lease_state(handle_.get(), &state, &reason);
        return {state, reason};
    }

    detail::owned<tenure_lease> handle_;
};

// An acquire that is under way. Move-only; withdrawn when it is destroyed.
class pending {
public:
    pending() noexcept = default;
    explicit pending(tenure_pending *handle) noexcept : handle_(handle) {}

    explicit operator bool() const noexcept { return handle_ != nullptr; }

    // Readable once decided. Borrowed: poll it, never read or close it.
    int fd() const noexcept { return handle_ ? tenure_pending_fd(handle_.get()) : -1; }

    // Throws errc::again if it is not decided within `wait`.
    lease take(std::chrono::milliseconds wait = forever) {
        tenure_lease *taken = nullptr;
        detail::check(tenure_pending_take(handle_.get(), detail::wait_ms(wait), &taken));
        return lease(taken);
    }
    lease take(std::chrono::milliseconds wait, std::error_code &code) noexcept {
        tenure_lease *taken = nullptr;
        code = detail::code(tenure_pending_take(handle_.get(), detail::wait_ms(wait), &taken));
        return lease(taken);
    }

    // From any thread; take() then throws errc::cancelled.
    void cancel() noexcept { tenure_pending_cancel(handle_.get()); }

private:
    detail::owned<tenure_pending> handle_;
};

// Who holds a lock.
struct holder {
    std::uint64_t token = 0;
    std::string client;
    std::string value;
    // The wall clock of the server that led then: for people.
    std::chrono::system_clock::time_point since;
};

namespace detail {

inline holder copied(const tenure_holder *found) {
    std::size_t length = 0;
    const void *value = tenure_holder_value(found, &length);
    holder result;
    result.token = tenure_holder_token(found);
    result.client = tenure_holder_client(found);
    result.value.assign(static_cast<const char *>(value), length);
    result.since = std::chrono::system_clock::time_point(
        std::chrono::milliseconds(tenure_holder_since_unix_ms(found)));
    return result;
}

} // namespace detail

// What an observer is told.
struct observed {
    // Nothing: nobody holds it.
    std::optional<tenure::holder> holder;
    // Changes before this one that were not told: at least so many.
    std::uint64_t missed = 0;
};

// Follows who holds one lock or leads one election. Move-only; one reader.
class observer {
public:
    explicit observer(tenure_observer *handle) noexcept : handle_(handle) {}

    // Readable while next() has something. Borrowed: poll it, never read or close it.
    int fd() const noexcept { return tenure_observer_fd(handle_.get()); }

    // Who holds it: first as it is, then each change; nothing if there is none within `wait`. Throws errc::closed once
    // all is read and the client is closed.
    std::optional<observed> next(std::chrono::milliseconds wait = forever) {
        tenure_holder *found = nullptr;
        const tenure_status status = tenure_observer_next(handle_.get(), detail::wait_ms(wait), &found);
        if (status == TENURE_AGAIN)
            return std::nullopt;
        detail::check(status);
        const detail::owned<tenure_holder> owner(found);
        observed result;
        if (tenure_holder_token(found) != 0)
            result.holder = detail::copied(found);
        result.missed = tenure_holder_missed(found);
        return result;
    }

private:
    detail::owned<tenure_observer> handle_;
};

struct client_options {
    std::string name;
    // Zero: the default, 10 s.
    std::chrono::milliseconds ttl{0};
    // Zero: the default, 5 s.
    std::chrono::milliseconds connect_timeout{0};
    // Zero: the default, 5 s.
    std::chrono::milliseconds request_timeout{0};
    // Not zero: the session is renewed only while client::progress() is called at least so often.
    std::chrono::milliseconds progress{0};
    bool background = false;
};

struct acquire_options {
    // Shown to whoever asks who holds it; at most 4 KiB.
    std::string value;
    // 0: each acquire is an owner of its own. The same other number enters again what it holds.
    std::uint64_t owner = 0;
    // One of many readers.
    bool shared = false;
    // Not 0: a semaphore of this size, and how many of its permits.
    std::uint32_t limit = 0;
    std::uint32_t permits = 1;
    // After an expiry of this lease the lock stays taken for so long.
    std::chrono::milliseconds lock_delay{0};
};

// For break_lock: the holder may go on for its session's TTL.
constexpr std::chrono::milliseconds session_ttl{-1};

struct session {
    int state = TENURE_SESSION_STATE_ENDED;
    std::uint64_t id = 0;
    std::chrono::nanoseconds remaining{0};
    std::chrono::milliseconds ttl{0};
    std::uint32_t leases = 0;
};

// A connection to a cluster, and the session in it. Copies share it; thread-safe.
class client {
public:
    // Of TENURE_ENDPOINTS, else of 127.0.0.1:7401, 7402 and 7403.
    client() : client(nullptr, client_options()) {}
    explicit client(const std::string &endpoints, const client_options &options = client_options())
        : client(detail::text(endpoints, "endpoints"), options) {}
    explicit client(tenure_client *handle) : handle_(handle, detail::free_handle()) {}

    lease acquire(const std::string &name, std::chrono::milliseconds wait = forever,
                  const acquire_options &options = acquire_options()) {
        tenure_lease *granted = nullptr;
        const tenure_acquire_options given = c_options(options);
        detail::check(tenure_acquire(handle_.get(), detail::text(name, "the name"), detail::wait_ms(wait),
                                     &given, &granted));
        return lease(granted);
    }
    lease acquire(const std::string &name, std::chrono::milliseconds wait, std::error_code &code,
                  const acquire_options &options = acquire_options()) noexcept {
        tenure_lease *granted = nullptr;
        const tenure_acquire_options given = c_options(options);
        const bool whole = name.find('\0') == std::string::npos;
        code = whole ? detail::code(tenure_acquire(handle_.get(), name.c_str(), detail::wait_ms(wait), &given,
                                                   &granted))
                     : make_error_code(errc::invalid);
        return lease(granted);
    }

    // Empty if somebody else has it.
    lease try_acquire(const std::string &name, const acquire_options &options = acquire_options()) {
        std::error_code code;
        lease granted = acquire(name, std::chrono::milliseconds(0), code, options);
        if (code && code != make_error_code(errc::held))
            throw error(code.value());
        return granted;
    }

    // All of `names` in one step, under one lease and token.
    lease acquire_all(const std::vector<std::string> &names, std::chrono::milliseconds wait = forever,
                      const acquire_options &options = acquire_options()) {
        tenure_lease *granted = nullptr;
        const tenure_acquire_options given = c_options(options);
        std::vector<const char *> texts;
        for (const std::string &name : names)
            texts.push_back(detail::text(name, "the name"));
        // An empty vector's data may be null: how many there are is checked first.
        const char *none = nullptr;
        detail::check(tenure_acquire_all(handle_.get(), texts.empty() ? &none : texts.data(), texts.size(),
                                         detail::wait_ms(wait), &given, &granted));
        return lease(granted);
    }

    // Waits to be elected as `name`; others see `value`. The lease held at the instant of the return.
    lease campaign(const std::string &name, std::string_view value = std::string_view(),
                   std::chrono::milliseconds wait = forever) {
        tenure_lease *granted = nullptr;
        detail::check(tenure_campaign(handle_.get(), detail::text(name, "the name"), detail::wait_ms(wait),
                                      value.data(), value.size(), &granted));
        return lease(granted);
    }

    pending acquire_start(const std::string &name, std::chrono::milliseconds wait = forever,
                          const acquire_options &options = acquire_options()) {
        tenure_pending *started = nullptr;
        const tenure_acquire_options given = c_options(options);
        detail::check(tenure_acquire_start(handle_.get(), detail::text(name, "the name"),
                                           detail::wait_ms(wait), &given, &started));
        return pending(started);
    }

    // Who holds `name`; nothing if nobody does.
    std::optional<holder> holder_of(const std::string &name) {
        tenure_holder *found = nullptr;
        const tenure_status status = tenure_holder_of(handle_.get(), detail::text(name, "the name"), &found);
        if (status == TENURE_NOT_FOUND)
            return std::nullopt;
        detail::check(status);
        const detail::owned<tenure_holder> owner(found);
        return detail::copied(found);
    }

    // Follows who holds `name`, any lock or election.
    observer observe(const std::string &name) {
        tenure_observer *started = nullptr;
        detail::check(tenure_observe(handle_.get(), detail::text(name, "the name"), &started));
        return observer(started);
    }

    // Takes `name` from whoever holds it under `token` (0: from all who hold it), who may go on for `grace` and is told;
    // after no grace at all only tokens protect. Throws errc::not_found if nobody holds it so.
    void break_lock(const std::string &name, std::chrono::milliseconds grace = session_ttl,
                    const std::string &reason = std::string(), std::uint64_t token = 0) {
        detail::check(tenure_break(handle_.get(), detail::text(name, "the name"), token, grace.count(),
                                   detail::text(reason, "the reason")));
    }

    // Whether `token` holds `name` now, at the server.
    bool validate(const std::string &name, std::uint64_t token) {
        const tenure_status status = tenure_validate(handle_.get(), detail::text(name, "the name"), token);
        if (status == TENURE_LOST)
            return false;
        detail::check(status);
        return true;
    }

    tenure::session session() const {
        tenure_session_info info = TENURE_SESSION_INFO_INIT;
        detail::check(tenure_client_session(handle_.get(), &info));
        tenure::session result;
        result.state = info.state;
        result.id = info.id;
        result.remaining = std::chrono::nanoseconds(static_cast<std::int64_t>(info.remaining_ns));
        result.ttl = std::chrono::milliseconds(info.ttl_ms);
        result.leases = info.leases;
        return result;
    }

    // "I still move": see client_options::progress.
    void progress() { detail::check(tenure_client_progress(handle_.get())); }

    // Ends the session and its leases; waiting calls throw errc::closed.
    void close(std::chrono::milliseconds wait = std::chrono::seconds(5)) {
        detail::check(tenure_client_close(handle_.get(), detail::wait_ms(wait)));
    }
    void close(std::chrono::milliseconds wait, std::error_code &code) noexcept {
        code = detail::code(tenure_client_close(handle_.get(), detail::wait_ms(wait)));
    }

    tenure_client *native_handle() const noexcept { return handle_.get(); }

private:
    friend class node;

    client(const char *endpoints, const client_options &options) {
        tenure_client *opened = nullptr;
        const tenure_client_options given = c_options(options);
        detail::check(tenure_client_open(endpoints, &given, &opened));
        handle_.reset(opened, detail::free_handle());
    }

    static tenure_client_options c_options(const client_options &options) {
        tenure_client_options given = TENURE_CLIENT_OPTIONS_INIT;
        given.name = options.name.empty() ? nullptr : detail::text(options.name, "the client's name");
        given.ttl_ms = detail::option_ms(options.ttl, "ttl");
        given.connect_timeout_ms = detail::option_ms(options.connect_timeout, "connect_timeout");
        given.request_timeout_ms = detail::option_ms(options.request_timeout, "request_timeout");
        given.progress_ms = detail::option_ms(options.progress, "progress");
        given.flags = options.background ? TENURE_OPEN_BACKGROUND : 0;
        return given;
    }

    static tenure_acquire_options c_options(const acquire_options &options) noexcept {
        tenure_acquire_options given = TENURE_ACQUIRE_OPTIONS_INIT;
        const std::int64_t longest = std::numeric_limits<std::uint32_t>::max();
        given.mode = options.shared ? TENURE_SHARED : TENURE_EXCLUSIVE;
        given.permits = options.permits;
        given.limit = options.limit;
        // What is out of range is refused as too long.
        given.lock_delay_ms = static_cast<std::uint32_t>(
            options.lock_delay.count() < 0 ? longest : std::min<std::int64_t>(options.lock_delay.count(), longest));
        given.value = options.value.data();
        given.value_len = options.value.size();
        given.owner = options.owner;
        return given;
    }

    std::shared_ptr<tenure_client> handle_;
};

// An election: the lock of its name, with a value that others see.
class election {
public:
    election(client owner, std::string name) : client_(std::move(owner)), name_(std::move(name)) {}

    // Waits to be elected. To resign, release the lease.
    lease campaign(std::string_view value = std::string_view(), std::chrono::milliseconds wait = forever) {
        return client_.campaign(name_, value, wait);
    }

    // Who leads; nothing if nobody does.
    std::optional<holder> leader() { return client_.holder_of(name_); }

    // Follows who leads.
    observer observe() { return client_.observe(name_); }

    const std::string &name() const noexcept { return name_; }

private:
    client client_;
    std::string name_;
};

// A lock that meets TimedLockable, for std::unique_lock, std::scoped_lock and their like. Threads that share it
// exclude each other, also when the lease is lost while one of them still works under it.
//
// A lock_guard alone does not notice a loss: call check() between steps, and send token() with every write.
class mutex {
public:
    mutex(client owner, std::string name) : client_(std::move(owner)), name_(std::move(name)) {}
    mutex(const mutex &) = delete;
    mutex &operator=(const mutex &) = delete;

    void lock() {
        std::unique_lock local(local_);
        lease_ = client_.acquire(name_);
        local.release();
    }

    bool try_lock() {
        std::unique_lock local(local_, std::try_to_lock);
        return local && acquired(local, std::chrono::milliseconds(0));
    }

    template <class Rep, class Period>
    bool try_lock_for(const std::chrono::duration<Rep, Period> &wait) {
        const std::chrono::milliseconds longest(detail::wait_ms(wait));
        return try_lock_until(std::chrono::steady_clock::now() + longest);
    }

    template <class Clock, class Duration>
    bool try_lock_until(const std::chrono::time_point<Clock, Duration> &end) {
        std::unique_lock local(local_, end);
        if (!local)
            return false;
        return acquired(local, std::chrono::milliseconds(detail::wait_ms(end - Clock::now())));
    }

    // Never throws: a lease that was lost, or a server that does not answer, is the lease's matter. Waits for
    // the server, at most 5 s, so that whoever tries next finds the lock free.
    void unlock() noexcept {
        std::unique_lock local(local_, std::adopt_lock);
        std::error_code ignored;
        lease_.release(std::chrono::seconds(5), ignored);
        lease_ = lease();
    }

    // Throws errc::lost once the lease may not be believed in any more. Call it while locked.
    void check() const {
        if (lease_.lost())
            throw error(TENURE_LOST, "the lease on " + name_ + " is lost");
    }

    // The rest is of the lease that is held; call them while locked.
    std::uint64_t token() const noexcept { return lease_.token(); }
    std::chrono::nanoseconds remaining() const noexcept { return lease_.remaining(); }
    bool lost() const noexcept { return lease_.lost(); }
    int fd() const noexcept { return lease_.fd(); }
    const std::string &name() const noexcept { return name_; }

private:
    bool acquired(std::unique_lock<std::timed_mutex> &local, std::chrono::milliseconds wait) {
        std::error_code code;
        lease granted = client_.acquire(name_, wait, code);
        if (code == make_error_code(errc::held) || code == make_error_code(errc::timeout))
            return false;
        if (code)
            throw error(code.value());
        lease_ = std::move(granted);
        local.release();
        return true;
    }

    client client_;
    std::string name_;
    std::timed_mutex local_;
    lease lease_;
};

// What a node knows of the leader lease at one instant.
struct leadership {
    bool is_leader = false;
    std::uint64_t leader_id = 0;
    std::uint64_t term = 0;
    std::uint64_t token = 0;
    std::chrono::nanoseconds remaining{0};
};

struct node_options {
    std::uint64_t id = 0;
    std::string data_dir;
    // "1=host:port,2=host:port,3=host:port".
    std::string cluster;
    // Empty: this node's own address in `cluster`.
    std::string listen;
    // Zero: the defaults, 30, 150 and 150 ms.
    std::chrono::milliseconds heartbeat{0};
    std::chrono::milliseconds election{0};
    std::chrono::milliseconds lease{0};
    bool insecure = false;
};

// A node of the cluster in this process. Move-only; stopped when it is destroyed.
class node {
public:
    explicit node(const node_options &options) {
        tenure_node_options given = TENURE_NODE_OPTIONS_INIT;
        tenure_node *started = nullptr;
        given.flags = options.insecure ? TENURE_NODE_INSECURE : 0;
        given.id = options.id;
        given.data_dir = detail::text(options.data_dir, "data_dir");
        given.cluster = detail::text(options.cluster, "cluster");
        given.listen = options.listen.empty() ? nullptr : detail::text(options.listen, "listen");
        given.heartbeat_ms = detail::option_ms(options.heartbeat, "heartbeat");
        given.election_ms = detail::option_ms(options.election, "election");
        given.lease_ms = detail::option_ms(options.lease, "lease");
        detail::check(tenure_node_start(&given, &started));
        handle_.reset(started);
    }

    // Whether this node leads, until when, under which token. Local and lock-free.
    tenure::leadership leadership() const {
        tenure_leadership now = TENURE_LEADERSHIP_INIT;
        detail::check(tenure_node_leadership(handle_.get(), &now));
        return converted(now);
    }

    // Readable while next() has something. Borrowed: poll it, never read or close it.
    int fd() const noexcept { return tenure_node_fd(handle_.get()); }

    // The next change of leader, term or claim; nothing if there is none within `wait`.
    std::optional<tenure::leadership> next(std::chrono::milliseconds wait = forever) {
        tenure_leadership now = TENURE_LEADERSHIP_INIT;
        const tenure_status status = tenure_node_next(handle_.get(), detail::wait_ms(wait), &now);
        if (status == TENURE_AGAIN)
            return std::nullopt;
        detail::check(status);
        return converted(now);
    }

    // A client of this node's cluster.
    tenure::client client(const client_options &options = client_options()) {
        tenure_client *opened = nullptr;
        const tenure_client_options given = tenure::client::c_options(options);
        detail::check(tenure_node_client(handle_.get(), &given, &opened));
        return tenure::client(opened);
    }

    // Hands leadership to `to`, or to the node with most of the log (0). leadership() reads nothing from the call on,
    // and more again only if this fails: errc::lost if this node does not lead, errc::unavailable if no other took
    // over.
    void resign(std::uint64_t to = 0, std::chrono::milliseconds wait = forever) {
        detail::check(tenure_node_resign(handle_.get(), to, detail::wait_ms(wait)));
    }
    void resign(std::uint64_t to, std::chrono::milliseconds wait, std::error_code &code) noexcept {
        code = detail::code(tenure_node_resign(handle_.get(), to, detail::wait_ms(wait)));
    }

    // Hands leadership over first, if this node leads.
    void stop(std::chrono::milliseconds wait = forever) {
        detail::check(tenure_node_stop(handle_.get(), detail::wait_ms(wait)));
    }
    void stop(std::chrono::milliseconds wait, std::error_code &code) noexcept {
        code = detail::code(tenure_node_stop(handle_.get(), detail::wait_ms(wait)));
    }

    tenure_node *native_handle() const noexcept { return handle_.get(); }

private:
    static tenure::leadership converted(const tenure_leadership &now) {
        tenure::leadership result;
        result.is_leader = now.is_leader != 0;
        result.leader_id = now.leader_id;
        result.term = now.term;
        result.token = now.token;
        result.remaining = std::chrono::nanoseconds(static_cast<std::int64_t>(now.remaining_ns));
        return result;
    }

    detail::owned<tenure_node> handle_;
};

} // namespace tenure

template <>
struct std::is_error_code_enum<tenure::errc> : std::true_type {};

#endif
