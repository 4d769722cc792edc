// What rights deny by the C++ header, on three processes that speak TLS: what is thrown, and what those hear who wait or observe while
// their right is taken away. Arguments: a directory with certificates, the endpoints, the program.
#include "../c/rights.h"
#include "tenure.hpp"
#include <cstring>
#include <thread>

using namespace std::chrono_literals;

static tenure::client_options shows(const std::string &certificates, const std::string &name) {
    tenure::client_options options;
    options.name = name;
    options.connect_timeout = 1min;
    options.request_timeout = 1min;
    options.ca = certificates + "/ca.crt";
    options.cert = certificates + "/" + name + ".crt";
    options.key = certificates + "/" + name + ".key";
    return options;
}

// It throws that this right is missing for this name.
template <class Body>
static void lacks(const std::string &right, const std::string &name, Body body) {
    const std::string of = name.empty() ? "the cluster" : "\"" + name + "\"";
    const std::string told = "client/billing lacks the right " + right + " for " + of + ": whoever has admin";
    try {
        body();
    } catch (const tenure::error &error) {
        CHECK(error.status() == tenure::errc::denied);
        CHECK(error.code() == std::errc::permission_denied);
        if (std::strstr(error.what(), told.c_str()) == nullptr) {
            fprintf(stderr, "\"%s\" is not in: %s\n", told.c_str(), error.what());
            abort();
        }
        return;
    }
    CHECK(!"it throws");
}

static void each_call_throws(tenure::client &client) {
    lacks("acquire", "no/a", [&] { (void)client.acquire("no/a", 1min); });
    lacks("acquire", "no/a", [&] { (void)client.try_acquire("no/a"); });
    lacks("acquire", "no/a", [&] {
        tenure::mutex mutex{client, "no/a"};
        mutex.lock();
    });
    lacks("acquire", "no/a", [&] {
        tenure::mutex mutex{client, "no/a"};
        (void)mutex.try_lock();
    });
    lacks("read", "no/a", [&] { (void)client.holder_of("no/a"); });
    lacks("read", "no/a", [&] {
        tenure::observer observer = client.observe("no/a");
        (void)observer.next(1min);
    });
    lacks("break", "no/a", [&] { client.break_lock("no/a", 1s); });
    lacks("operate", "", [&] { client.move_leader(); });
    std::error_code code;
    (void)client.acquire("no/a", 1min, code);
    CHECK(code == tenure::errc::denied);
}

static void who_waits_and_who_observes_is_told(tenure::client &client, tenure::client &other, char **arguments) {
    access_of(arguments, "allow 'client/*' acquire,read cpp/");
    tenure::lease lease = other.acquire("cpp/a", 1min);
    tenure::observer observer = client.observe("cpp/a");
    CHECK(observer.next()->holder->client == "client-other");
    std::thread waits([&] { lacks("acquire", "cpp/a", [&] { (void)client.acquire("cpp/a"); }); });
    std::thread observes([&] { lacks("read", "cpp/a", [&] { (void)observer.next(); }); });
    while (other.describe("lock", "cpp/a").find("\"waiting\":1") == std::string::npos)
        std::this_thread::yield();
    access_of(arguments, "deny 'client/*' acquire,read cpp/");
    waits.join();
    observes.join();
    CHECK(lease.remaining() > 0s);
    lease.release();
}

int main(int count, char **arguments) {
    CHECK(count == 4);
    access_of(arguments, "on --admin operator/alice");
    tenure::client client(arguments[2], shows(arguments[1], "client-billing"));
    tenure::client other(arguments[2], shows(arguments[1], "client-other"));
    each_call_throws(client);
    who_waits_and_who_observes_is_told(client, other, arguments);
    printf("rights: good\n");
    return 0;
}
