/* Which variant is best where, in the form of Roulet & Harchaoui 2022, Fig. 6b. In every cell of two swept keys each
 * variant is tuned over the other swept keys: by the metric of the file's `tune`, or else by the last value of a metric
 * of validation, or else by the smallest area under the train loss, or else by what is compared; the tuned variants are
 * compared by the area under the accuracy, and the best gives the cell its colour, by how much its strength. Areas that
 * end at different steps do not compare. */
#ifndef TPRUN_REPORT_WINNERS_H
#define TPRUN_REPORT_WINNERS_H

#include "base/arena.h"
#include "base/text.h"
#include "report/grid.h"
#include "report/picture.h"
#include "report/subject.h"

enum winners_kind {
    WINNERS_WON,          /* by a margin */
    WINNERS_ALONE,        /* the others diverged with all their settings */
    WINNERS_TIE,          /* equal areas */
    WINNERS_DIVERGED,     /* all of all variants */
    WINNERS_INCOMPARABLE, /* what is compared ended at different steps; or a variant did not diverge and has no value */
    WINNERS_OPEN,         /* a trial has not ended, or failed, or a variant has none here */
    WINNERS_KINDS
};

struct winners_cell {
    double x, y;
    enum winners_kind kind;
    size_t winner;     /* index into subject.variants, of WON and ALONE */
    double margin;     /* > 0, of WON: distance of the areas of the best and the second best */
    const char *about; /* why it is INCOMPARABLE; the tuned setting and the area of each variant */
};

struct winners {
    struct grid grid; /* without keys: nothing that can be drawn by default */
    const char *metric;
    const char *tuned_by; /* what settings are chosen by, in words */
    size_t n;
    struct winners_cell *cells;
};

/* Keys may be given by their end: "units" for "network.layers.0.rnn.units". NULL: the two numeric keys that every
 * variant varies; those that only some do are what they are tuned over. `must`: what cannot be drawn is an error;
 * otherwise grid.x_key stays NULL. */
struct winners_options {
    const char *x, *y, *metric; /* metric: what is compared, NULL: the accuracy */
    bool must;
};

int winners_read(struct winners *w, const struct subject *s, const struct winners_options *o, struct query *q,
                 struct arena *a, struct err *e);
int winners_draw(struct picture *out, const struct subject *s, struct winners *w, const struct look *look,
                 struct arena *a, struct err *e);

#endif
