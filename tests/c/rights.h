/* Rights are changed by the program: what programs that use locks have no call for. */
#ifndef RIGHTS_H
#define RIGHTS_H

#include "check.h"

/* `tenure access WORDS` as alice. Arguments: a directory with certificates, the endpoints, the program. */
static inline void access_of(char **arguments, const char *words) {
    char line[4096];
    const char *at = arguments[1];
    int length = snprintf(line, sizeof line,
                          "%s access %s --timeout 60s --endpoints %s --ca %s/ca.crt --cert %s/operator-alice.crt "
                          "--key %s/operator-alice.key >/dev/null",
                          arguments[3], words, arguments[2], at, at, at);
    CHECK(length > 0 && (size_t)length < sizeof line);
    CHECK(system(line) == 0);
}

#endif
