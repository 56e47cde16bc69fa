/* Filters of a first layer as pictures, and how much they look like strokes. Lee 2015, Fig. 4.
 *
 * A filter is a row of the weight matrix, seen as a square image. Its mean is removed first, for the picture and for
 * the figures. */
#ifndef TPRUN_REPORT_FILTERS_H
#define TPRUN_REPORT_FILTERS_H

#include "base/err.h"
#include "base/safetensors.h"
#include "base/text.h"

/* Medians over all filters; E is a filter's sum of squares. Independent uniform weights of 28 x 28: 0.00, 0.18, 1.80.
 */
struct filter_figures {
    size_t n, side;      /* filters; pixels of a side */
    double smoothness;   /* sum of products of vertically adjacent pixels / E */
    double localisation; /* largest share of E in a window of 11 x 11 */
    double kurtosis;     /* mean fourth power / squared mean square */
};

/* weight: [filters, inputs], inputs a square. Appends a PNG of the first 100 filters, ten in a row with a gap of one
 * pixel: each from its
 * [-largest, largest] to black .. white. ERR_USAGE for a tensor of another shape. */
int filters_draw(const struct tensor *weight, struct text *png, struct filter_figures *figures, struct err *e);

#endif
