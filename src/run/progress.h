/* What a person sees on standard error while trials run: permanent lines, and below them, on a terminal, a block of
 * live lines that is rewritten in place with one write, so that it does not flicker. */
#ifndef TPRUN_RUN_PROGRESS_H
#define TPRUN_RUN_PROGRESS_H

#include "base/text.h"
#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool live; /* draws the block */
    bool color, quiet;
    size_t drawn; /* lines of the block on the screen */
    int width;
    struct text block;
    size_t n_lines;      /* of the block being built */
    int64_t queueing_ns; /* when progress_queueing drew last */
};

void progress_init(struct progress *p, bool live, bool color, bool quiet);
/* A line that stays; ends with a newline of its own. Nothing if quiet. */
void progress_say(struct progress *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The live block: begin, lines, end. */
void progress_begin(struct progress *p);
void progress_line(struct progress *p, bool bold, const char *format, ...) __attribute__((format(printf, 3, 4)));
void progress_end(struct progress *p);
/* Before the first trial of a large study of n trials starts: "temporal_order: 20000 trials, queueing 3400" as a live
 * line, ten times a second; or, without a terminal, one line that stays. */
void progress_queueing(struct progress *p, const char *study, uint64_t n, const char *doing, uint64_t done);
void progress_announce(struct progress *p, const char *study, uint64_t n);
void progress_finish(struct progress *p);

/* "1234", "12.3 k", "4.56 M" into buffer. */
const char *progress_count(double n, char *buffer, size_t size);

#endif
