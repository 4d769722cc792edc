// The C header in C++: twice, its constants in a switch, its initializers complete.
#include "tenure.h"
#include "tenure.h"

#include "tenure.hpp"
#include "tenure.hpp"

static_assert(sizeof(tenure_status) == 4, "tenure_status is 32 bits");
static_assert(sizeof(tenure_acquire_options) == 48, "no padding");
static_assert(TENURE_FOREVER == -1, "");

static int number(tenure_status status) {
    switch (status) {
    case TENURE_OK: return 0;
    case TENURE_TIMEOUT: return 1;
    case TENURE_INTERNAL: return 2;
    default: return 3;
    }
}

int main() {
    tenure_client_options client = TENURE_CLIENT_OPTIONS_INIT;
    tenure_session_info session = TENURE_SESSION_INFO_INIT;
    tenure_acquire_options acquire = TENURE_ACQUIRE_OPTIONS_INIT;
    tenure_node_options node = TENURE_NODE_OPTIONS_INIT;
    tenure_leadership leadership = TENURE_LEADERSHIP_INIT;
    return number(static_cast<tenure_status>(client.flags + session.leases + acquire.flags + node.flags +
                                             leadership.struct_size));
}
