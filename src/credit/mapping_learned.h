/* What the mappings `learned` and `fixed` are made of: mapping_learned_shape.c reads their options and shapes the
 * feedback units, mapping_learned.c uses them. */
#ifndef TPRUN_CREDIT_MAPPING_LEARNED_H
#define TPRUN_CREDIT_MAPPING_LEARNED_H

#include "credit/feedback.h"
#include "net/layer.h"

struct learned_options {
    struct layer_options common; /* of the feedback units */
    struct chosen activation;
    bool append_state, source_slope, batch_norm;
    int64_t hidden_units;
    struct chosen hidden_activation, hidden_init;
    int transmit;          /* index in transmit_names */
    double scale;          /* of fixed ones */
    double transpose_gain; /* of learned ones; 0: as drawn */
};

struct learned {
    struct hidden hidden;    /* if any reads it */
    struct reading *reading; /* [n_feedback] */
    struct at *other;        /* [n_feedback]: applications beside ref, at values that a feedback loss gives */
    struct at *single;       /* [n_feedback]: of one link, at a target */
};

/* What feedback layers get of their argument: learned_options.transmit. */
enum { READ_VALUES, READ_SIGNS, READ_STEPS };
extern const struct option learned_table[], fixed_table[];

static inline const struct learned_options *options_of(const struct credit *c)
{
    return c->choice.mapping.opts;
}
static inline struct learned *learned_of(const struct credit *c)
{
    return c->mapping_state;
}
static inline struct reading *reading(const struct credit *c, const struct feedback *f)
{
    return &learned_of(c)->reading[f - c->feedback];
}
static inline const struct unit *through_of(const struct credit *c, const struct feedback *f)
{
    return &c->chain->units[f->through];
}

/* Weights of a unit that a transpose may stand for: its only matrix; NULL if there is none. */
const struct param *learned_matrix(const struct unit *u);
/* One feedback unit for every unit under the head but the last one's output; for a recurrent unit its own, shared by
 * all its steps. ERR_SPEC, with its key, where the options do not fit each other or the network. */
int learned_shape(struct credit *c, struct arena *a, struct err *e);

#endif
