/* Timings of this machine, kept in $XDG_CACHE_HOME/tprun/calibration-<16 digits>: one file for each processor and
 * build, which names both, and then a line for each shape. A file that is missing, damaged or of another build is made
 * anew. */
#ifndef TPRUN_RUN_CALIBRATION_H
#define TPRUN_RUN_CALIBRATION_H

#include "base/arena.h"
#include "base/err.h"
#include "trial/trial.h"

enum { CALIBRATION_MAX = 4096 }; /* shapes that are kept: beyond, the oldest half is dropped */

struct calibration_entry {
    char shape[65];
    struct trial_timing each;
};
struct calibration {
    const char *path, *head; /* head: the lines that name processor and build; path: NULL if there is no cache folder */
    size_t n;
    struct calibration_entry items[CALIBRATION_MAX];
    bool changed;
};

/* The place of the file. build: what else the timings depend on. Text lives in a. */
void calibration_init(struct calibration *c, const char *processor, const char *build, struct arena *a);
/* Reads what is there. Only want of memory is an error: anything else is as good as no file. */
int calibration_read(struct calibration *c, struct err *e);
/* The same from a text. */
void calibration_parse(struct calibration *c, const char *text);
/* Writes it if it was changed, whole or not at all. ERR_IO. */
int calibration_write(struct calibration *c, struct err *e);
const struct trial_timing *calibration_find(const struct calibration *c, const char *shape);
void calibration_add(struct calibration *c, const char *shape, const struct trial_timing *each);
/* The eight numbers of a timing as a worker prints them; false if they are no such numbers. */
bool calibration_numbers(const char *text, struct trial_timing *each);

#endif
