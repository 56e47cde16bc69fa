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

/* One way to write all numbers of an axis, so that they can be compared at a glance. */
struct scale_form {
    enum { SCALE_PLAIN, SCALE_POWERS, SCALE_SCIENTIFIC } kind; /* 0.05; 10⁻⁴; 5×10⁻⁵ */
    int digits;                                                /* significant ones */
};
/* Powers of ten where all numbers are one and some lies outside 0.01 .. 1000; digits times a power where one lies
 * outside 0.001 .. 99999; else plain. Three digits, or up to six where neighbours would look the same. */
struct scale_form scale_form_of(const double *values, size_t n);
const char *scale_write(const struct scale_form *form, double x, char buffer[48]);
/* A number alone, of four digits: plain from 0.0001 to 99999. */
const char *scale_number(double x, char buffer[48]);

enum { SCALE_MAX_TICKS = 16 };
struct ticks {
    size_t n;
    double value[SCALE_MAX_TICKS];
    int decimals; /* of all; < 0: written in the form */
    int power;    /* what is written beside an axis is value / 10^power, a multiple of 3 that the axis's name tells */
    struct scale_form form;
};

/* Widens an empty or reversed range, so that low < high; of zeros alone the axis is 0 .. 1. */
struct scale scale_make(bool log, double low, double high, double from, double to);
/* The pixel of x, held within the axis. */
double scale_at(const struct scale *s, double x);
/* The same beyond its ends; x > 0 if log. */
double scale_place(const struct scale *s, double x);
/* About n round numbers in the range: 1, 2 or 5 times a power of ten; powers of ten on a long logarithmic axis. */
struct ticks scale_ticks(const struct scale *s, size_t n);
const char *scale_label(const struct ticks *t, size_t i, char buffer[48]);
/* " (10³)", or "" where the numbers are as they are. */
const char *scale_power(const struct ticks *t, char buffer[48]);

#endif
