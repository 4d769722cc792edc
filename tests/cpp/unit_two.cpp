// The other translation unit.
#include "unit.hpp"

tenure::wait_limit other_wait() { return tenure::forever; }
const std::error_category &other_category() { return tenure::category(); }
