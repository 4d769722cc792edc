/* What the pieces of docs/guide-c.md need around them. */
#include <poll.h>
#include <stdio.h>
#include <tenure.h>

static inline void do_a_short_piece(void) {}
static inline void write_for_its_user(const char *line) { (void)line; }
static inline void write_to_my_log(const char *line) { (void)line; }
