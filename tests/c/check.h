/* A check that says what failed, with the library's own words. */
#ifndef CHECK_H
#define CHECK_H

#include "tenure.h"
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s (last error: %s)\n", __FILE__, __LINE__,            \
                    #condition, tenure_last_error());                                              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#define CHECK_STATUS(call, expected)                                                               \
    do {                                                                                           \
        tenure_status check_status_ = (call);                                                      \
        if (check_status_ != (expected)) {                                                         \
            fprintf(stderr, "%s:%d: %s is %s, not %s (last error: %s)\n", __FILE__, __LINE__,      \
                    #call, tenure_status_name(check_status_), #expected, tenure_last_error());     \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
