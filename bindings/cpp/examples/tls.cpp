// A node and a client that speak TLS, in one program: certificates are made on the first run. On more machines `tenure certs`
// makes them on one of them, where ca.key stays.
//
//   c++ -std=c++17 -o tls tls.cpp -ltenure
//   ./tls /var/tmp/tls 127.0.0.1:7401
#include <tenure.hpp>

#include <filesystem>
#include <iostream>

static void make_certificates(const std::string &directory, const std::string &host) {
    if (std::filesystem::exists(directory + "/client-example.key"))
        return;
    tenure::certificate_options hosts;
    hosts.hosts = host;
    tenure::write_certificate(directory, "ca");
    tenure::write_certificate(directory, "node/1", hosts);
    tenure::write_certificate(directory, "client/example");
}

int main(int argc, char **argv) {
    const std::string directory = argc > 1 ? argv[1] : "", address = argc > 2 ? argv[2] : "";
    if (address.rfind(':') == std::string::npos) {
        std::cerr << "usage: tls DIRECTORY HOST:PORT\n";
        return 2;
    }
    try {
        make_certificates(directory, address.substr(0, address.rfind(':')));
        tenure::node_options own;
        own.id = 1;
        own.data_dir = directory + "/data";
        own.cluster = "1=" + address;
        own.ca = directory + "/ca.crt";
        own.cert = directory + "/node-1.crt";
        own.key = directory + "/node-1.key";
        tenure::node node(own);

        // A client has a certificate of its own: a node's is no client's.
        tenure::client_options shown;
        shown.ca = own.ca;
        shown.cert = directory + "/client-example.crt";
        shown.key = directory + "/client-example.key";
        tenure::client client(address, shown);
        tenure::lease lease = client.acquire("jobs/x", tenure::forever);
        std::cout << "jobs/x: token " << lease.token() << ", over TLS\n";
        lease.release();
        try {
            client.move_leader();
        } catch (const tenure::error &error) {
            std::cout << "denied: " << error.what() << "\n";
        }
        return 0;
    } catch (const tenure::error &error) {
        std::cerr << "tls: " << error.what() << "\n";
        return 1;
    }
}
