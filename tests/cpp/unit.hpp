// One header of a program of two files that both include tenure.hpp.
#include "tenure.hpp"

tenure::wait_limit other_wait();
const std::error_category &other_category();
