// The header in two translation units of one program: no symbol twice, and one category.
#include "unit.hpp"

#include "../c/check.h"

int main() {
    CHECK(&other_category() == &tenure::category());
    CHECK(other_wait().ms() == tenure::forever.ms());
    std::puts("units: good");
}
