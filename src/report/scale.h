/* An axis: numbers to pixels, and the round numbers that are written beside it. */
#ifndef TPRUN_REPORT_SCALE_H
#define TPRUN_REPORT_SCALE_H

#include <stdbool.h>
#include <stddef.h>

struct scale {
    bool log;
    double low, high; /* of the data; low < high, and 0 < low if log */
    double from, to;  /* pixels of low and high */
};

enum { SCALE_MAX_TICKS = 16 };
struct ticks {
    size_t n;
    double value[SCALE_MAX_TICKS];
    int decimals; /* of all; < 0: "%g" */
};

/* Widens an empty or reversed range, so that low < high. */
struct scale scale_make(bool log, double low, double high, double from, double to);
/* The pixel of x, held within the axis. */
double scale_at(const struct scale *s, double x);
bool scale_holds(const struct scale *s, double x);
/* About n round numbers in the range: 1, 2 or 5 times a power of ten; powers of ten on a long logarithmic axis. */
struct ticks scale_ticks(const struct scale *s, size_t n);
const char *scale_label(const struct ticks *t, size_t i, char buffer[32]);
/* "0.05", and "10⁻⁴" for powers of ten outside 0.01 .. 100. */
const char *scale_number(double x, char buffer[32]);
/* The digits of an exponent as superscripts. */
const char *scale_superscript(int exponent, char buffer[32]);

#endif
