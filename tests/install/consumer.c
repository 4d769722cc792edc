/* What a C program needs of an installation. */
#include <tenure.h>

#include <stdio.h>

int main(void)
{
    if (tenure_abi_version() != TENURE_ABI_VERSION) {
        fprintf(stderr, "built for ABI %d, run with %u\n", TENURE_ABI_VERSION, (unsigned)tenure_abi_version());
        return 1;
    }
    printf("tenure %s\n", tenure_version());
    return 0;
}
