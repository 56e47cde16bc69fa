/* Inside of the reading of curves: what curves.c, from rows, and curve_kept.c, from what the database keeps, share. */
#ifndef TPRUN_REPORT_CURVE_PARTS_H
#define TPRUN_REPORT_CURVE_PARTS_H

#include "report/curves.h"
#include "stat/moments.h"

/* A trial's rows, as far as the range of a figure needs them. Zero-initialised: no rows. */
struct curve_outline {
    size_t n_rows;
    bool any;             /* a finite value: */
    double low, high;     /* the least and the largest */
    double first;         /* of the first row, NaN if that is not finite */
    bool ends_finite;     /* the last row is finite */
    struct curve_end end; /* the last finite row; NaN without one */
};

/* Ends, and the range of what went well. */
void curve_survey(struct curve *c, const struct curve_outline *outlines, const struct group_trial *trials, size_t n,
                  bool over_steps, struct arena *a);
/* Of the values of a step, or of their logarithms (o->geometric). sd: of the band BAND_SD, from three values on. */
struct curve_point curve_point_of(double step, const struct moments *m, double sd, const struct curve_options *o);
/* Of the n values of a step, of which those that are not finite, and without a logarithm, are left out; reorders and
 * changes them. n = 0: without a value. */
struct curve_point curve_point_of_values(double step, double *values, size_t n, const struct curve_options *o);
/* Fills an empty curve from view kept_curves; *found = false where it is not kept. */
int curve_read_kept(struct curve *c, bool *found, const struct subject *s, struct query *q,
                    const struct group_trial *trials, size_t n, const struct quantity *what,
                    const struct curve_options *o, struct arena *a, struct err *e);
/* Puts in the place of steps what runs along the axis; what has no such value is dropped. */
int curves_place(struct curve *curves, const struct subject *s, struct query *q, enum curve_along along,
                 struct arena *a, struct err *e);

#endif
