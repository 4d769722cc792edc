// Three replicas of a service that elect their leader themselves: each carries a node of the cluster in itself, and no
// server is needed beside them.
//
//   c++ -std=c++17 -o replicas replicas.cpp -ltenure
//   MEMBERS=1=127.0.0.1:7411,2=127.0.0.1:7412,3=127.0.0.1:7413
//   ./replicas 1 /tmp/replica1 $MEMBERS & ./replicas 2 /tmp/replica2 $MEMBERS & ./replicas 3 /tmp/replica3 $MEMBERS &
//
// kill -TERM the leader: it hands over first. kill -KILL it: after an election timeout (150 to 300 ms) another is
// elected, under a larger token. Never do two lead at once.
#include <tenure.hpp>

#include <csignal>
#include <iostream>
#include <poll.h>
#include <sys/signalfd.h>

using namespace std::chrono_literals;

class replica {
public:
    explicit replica(const tenure::node_options &options) : id_(options.id), node_(options) {}

    int fd() const { return node_.fd(); }

    // Each change of leader, term or claim. Between two of them a program asks node.leadership(), which is local and
    // lock-free, before everything that only the leader may do, and sends its token with every read and write.
    void on_change() {
        while (const auto now = node_.next(0ms)) {
            if (now->is_leader && now->token != token_)
                std::cout << "replica " << id_ << " leads under token " << now->token << std::endl;
            else if (!now->is_leader && token_ != 0)
                std::cout << "replica " << id_ << " leads no more" << std::endl;
            if (!now->is_leader && now->leader_id != 0 && now->leader_id != id_ && now->leader_id != leader_)
                std::cout << "replica " << id_ << " follows " << now->leader_id << std::endl;
            token_ = now->token;
            leader_ = now->leader_id;
        }
    }

    // Hands over if it leads, and stops.
    void stop() {
        node_.stop(5s);
        std::cout << "replica " << id_ << " has stopped" << std::endl;
    }

private:
    std::uint64_t id_;
    tenure::node node_;
    std::uint64_t token_ = 0;
    std::uint64_t leader_ = 0;
};

// A descriptor that is readable when the process is to end.
static int termination() {
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ending, nullptr);
    return signalfd(-1, &ending, SFD_CLOEXEC);
}

static void run(const tenure::node_options &options) {
    const int end = termination();
    replica self(options);
    pollfd both[] = {{self.fd(), POLLIN, 0}, {end, POLLIN, 0}};
    while (both[1].revents == 0)
        if (poll(both, 2, -1) > 0 && both[0].revents != 0)
            self.on_change();
    self.stop();
}

int main(int argc, char **argv) {
    if (argc != 4) {
        std::cerr << "usage: replicas ID DATA_DIR 1=HOST:PORT,2=HOST:PORT,3=HOST:PORT\n";
        return 2;
    }
    try {
        tenure::node_options options;
        options.id = std::stoull(argv[1]);
        options.data_dir = argv[2];
        options.cluster = argv[3];
        run(options);
        return 0;
    } catch (const std::exception &error) {
        std::cerr << "replicas: " << error.what() << "\n";
        return 1;
    }
}
