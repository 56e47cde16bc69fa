/* Durations as people write and read them: one form for all commands. What is printed can be read. */
#ifndef TPRUN_BASE_DURATION_H
#define TPRUN_BASE_DURATION_H

#include <stddef.h>

enum { DURATION_SIZE = 32 };
/* "79 ms", "6.4 s", "17 s", "12 min 5 s", "3 h 20 min", "2 d 4 h" into buffer, which is returned; "?" for what is no
 * number, or beyond 3e9 s. Negative ones count as 0. */
const char *duration_text(double seconds, char buffer[DURATION_SIZE]);
/* A number alone counts `unit` seconds each; else numbers with ms, s, min (m), h or d, the larger unit first: "90 s",
 * "1.5h", "1h 30min", "2d4h". Returns 0, -1 if it is none or not above 0, or DURATION_TOO_LONG. */
int duration_read(const char *text, double unit, double *seconds);
#define DURATION_TOO_LONG (-2)
#define DURATION_MOST "36500d" /* a hundred years */
/* What a message says of a text that is none. */
#define DURATION_FORMS "a time above 0, such as 90s, 15min, 1h30min or 2d"

#endif
