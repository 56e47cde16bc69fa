/* Direct random target projection: hidden layers hear of the label alone and not of the output, d_k = beta g_k'(h_s) y,
 * y one-hot or the real target; the last layer keeps its own target. Frenkel, Lefebvre & Bol 2021. */
#include "credit/credit.h"

#include <assert.h>

struct label {
    struct mat y; /* (B, outputs): beta y, with 1/B as the last displacement has it */
};

static int fits(const struct credit *c, struct err *e)
{
    const struct chain *chain = c->chain;
    const size_t n = chain->units[chain->n_units - 1].out.n;
    if (c->choice.route != ROUTE_DIRECT || c->choice.head > 0)
        return err_about(e, "algorithm.propagate",
                         "'label' goes from the output to each layer: it needs route 'direct' and head 0");
    if (n < chain->data.outputs)
        return err_about(e, "algorithm.propagate", "'label' needs an output for each of the %zu numbers of a label",
                         chain->data.outputs);
    return 0;
}

static int open(struct credit *c, struct arena *a, struct err *e)
{
    struct label *s = c->propagate_state;
    s->y = mat_new(a, c->rows, c->d[c->n - 1].cols);
    return s->y.p ? 0 : err_set(e, ERR_MEMORY, "not enough memory for labels");
}

static int back(struct credit *c, struct pass *p, size_t lo, struct err *e)
{
    const struct target_options *o = c->choice.target.opts;
    const struct mat y = ((struct label *)c->propagate_state)->y;
    const real beta = (real)(c->choice.target_stepsize / (o->gradient == TARGET_PER_SAMPLE ? 1 : (double)c->rows));
    mat_zero(y);
    for (size_t b = 0; b < y.rows; b++)
        if (p->batch.label) {
            assert((size_t)p->batch.label[b] < y.cols);
            y.p[b * y.cols + (size_t)p->batch.label[b]] = beta;
        } else {
            mat_scale(beta, mat_rows(p->batch.y, b, 1), mat_of(y.p + b * y.cols, 1, p->batch.y.cols));
        }
    for (size_t k = c->n - 1; k-- > lo;)
        TRY(mapping_of(c)->jvp(c, p, &p->links[k + 1], k, y, c->d[k], e));
    return 0;
}

extern const struct propagate_def propagate_label;
const struct propagate_def propagate_label = {
    .part = { .name = "label",
              .help = "the label in the place of the last displacement, times the derivative of the feedback mapping",
              .ref = "Frenkel, Lefebvre & Bol 2021",
              .state_size = sizeof(struct label),
              .needs = GIVES_JVP },
    .fits = fits,
    .open = open,
    .back = back,
};
