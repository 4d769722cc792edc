// What there is, as JSON, through the C++ header, against three nodes in this process. Argument: an empty directory.
#include "../c/cluster.h"
#include "tenure.hpp"

using namespace std::chrono_literals;

static void what_there_is_is_described(tenure::client client) {
    std::error_code code;
    const tenure::lease held = client.acquire("cpp/held");
    const std::string lock = client.describe("lock", "cpp/held");
    CHECK(lock.front() == '{' && lock.find(std::to_string(held.token())) != std::string::npos);
    CHECK(client.describe("locks", "cpp/", code).find("cpp/held") != std::string::npos && !code);
    CHECK(client.describe("cluster").find("leader") != std::string::npos);
    CHECK(client.describe("session").find('\0') == std::string::npos);
    CHECK(client.describe("weather", "", code).empty() && code == tenure::errc::invalid);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    struct cluster cluster;
    tenure::client_options options;
    options.connect_timeout = 1min;
    options.request_timeout = 1min;
    cluster_start(&cluster, argv[1]);
    what_there_is_is_described(tenure::client(cluster.endpoints, options));
    cluster_stop(&cluster);
    std::puts("describe: good");
}
