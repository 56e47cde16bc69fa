/* What a panel shows: a metric of the trials, or of one layer, against the step; or a metric of all layers at one step.
 */
#ifndef TPRUN_REPORT_QUANTITY_H
#define TPRUN_REPORT_QUANTITY_H

#include "base/text.h"
#include "report/subject.h"

enum quantity_kind {
    QUANTITY_TRIAL, /* table metric */
    QUANTITY_LAYER, /* table layer_metric, one layer */
    QUANTITY_STEP   /* table layer_metric, one step: what runs along the axis are the layers */
};

struct quantity {
    const char *metric;
    enum quantity_kind kind;
    int64_t layer, step; /* of QUANTITY_LAYER; of QUANTITY_STEP */
    const char *unit;    /* of the metric, "" for none */
    const char *shown;   /* what figures call the metric */
};

struct quantity_wish {
    const char *metric;
    bool by_layer; /* a QUANTITY_STEP */
    bool has_layer, has_step;
    int64_t layer, step; /* without a step: the last one logged */
};

/* Appends what is meant to at[0 .. *n): one quantity, or one for each layer of a layer metric without `layer`. More
 * than max, or what the study has not logged, is an error that says what there is. */
int quantity_find(struct quantity *at, size_t *n, size_t max, const struct quantity_wish *wish, const struct subject *s,
                  struct query *q, struct arena *a, struct err *e);
/* "angle_bp of layer 4 (°)". */
void quantity_title(const struct quantity *what, struct text *out);

#endif
