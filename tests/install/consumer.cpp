// What a C++ program needs of an installation: <tenure.hpp> finds tenure.h, and the library what it calls.
#include <tenure.hpp>

#include <iostream>

int main() {
    if (tenure_abi_version() != TENURE_ABI_VERSION) {
        std::cerr << "built for ABI " << TENURE_ABI_VERSION << ", run with " << tenure_abi_version() << '\n';
        return 1;
    }
    std::cout << tenure::category().name() << ' ' << tenure_version() << '\n';
}
