#include "credit/feedback.h"
#include "credit/feedback_signs.h"

#include <string.h>

static void times_slope(struct act act, struct mat h, struct mat w)
{
    for (size_t row = 0; row < w.rows; row += h.rows) {
        const struct mat block = mat_rows(w, row, h.rows);
        act_times_slope(act, (struct mat){ 0 }, h, block, block);
    }
}

/* [left, right] with the rows of `right` repeated for every block of `left`; zeros where right is {NULL}. */
static struct mat beside(struct mat left, struct mat right, size_t n_right, real *to)
{
    const struct mat out = mat_of(to, left.rows, left.cols + n_right);
    for (size_t i = 0; i < left.rows; i++) {
        real *row = out.p + i * out.cols;
        memcpy(row, left.p + i * left.cols, left.cols * sizeof *row);
        if (right.p)
            memcpy(row + left.cols, right.p + i % right.rows * n_right, n_right * sizeof *row);
        else
            memset(row + left.cols, 0, n_right * sizeof *row);
    }
    return out;
}

/* Columns of f's input beside the hidden layer's. */
static size_t n_appended(const struct credit *c, const struct feedback *f)
{
    return f->layer.n_in - c->hidden->units;
}

struct mat feedback_reads(const struct credit *c, const struct pass *p, const struct feedback *f, struct mat v)
{
    v = feedback_signs(f, v);
    if (!f->through_hidden)
        return v;
    const struct layer *k = &c->hidden->layer;
    c->hidden->moved = NULL;
    const struct link at = { .in = v, .out = mat_of(c->hidden->work[0], v.rows, k->n_out) };
    k->def->forward(k, at);
    const size_t n = n_appended(c, f);
    return n ? beside(at.out, p->stacks[f->target].out, n, c->hidden->work[1]) : at.out;
}

struct mat feedback_moves(const struct credit *c, const struct pass *p, const struct feedback *f, size_t s, struct mat d, bool linear)
{
    if (f->source_slope) {
        const struct mat slope = mat_of(c->scratch[2], d.rows, d.cols);
        mat_copy(d, slope);
        times_slope(c->chain->layers[c->chain->layer_of[s]].act, p->links[s].out, slope);
        d = slope;
    }
    if (!f->through_hidden)
        return d;
    struct hidden *hidden = c->hidden;
    const struct mat w = mat_of(hidden->work[0], d.rows, hidden->units);
    if (hidden->moved != d.p || hidden->moved_linear != linear) {
        dense_linear(&hidden->layer, d, w);
        if (linear)
            times_slope(hidden->layer.act, hidden->out, w);
        else
            act_difference_blocks(hidden->layer.act, hidden->u, hidden->out, w);
        hidden->moved = d.p;
        hidden->moved_linear = linear;
    }
    const size_t n = n_appended(c, f);
    return n ? beside(w, (struct mat){ 0 }, n, hidden->work[1]) : w;
}

int feedback_hidden_shape(struct credit *c, const struct dense_options *options, size_t n_source, struct arena *a, struct err *e)
{
    struct hidden *hidden = arena_alloc(a, 1, sizeof *hidden);
    if (!hidden)
        return err_set(e, ERR_MEMORY, "not enough memory for the hidden layer of the feedback mapping");
    c->hidden = hidden;
    hidden->units = (size_t)options->units;
    hidden->layer = (struct layer){ .def = &layer_dense, .opts = options, .label = "hidden" };
    TRY(layer_dense.shape(&hidden->layer, n_source, e));
    credit_place_feedback(c, &hidden->layer);
    return 0;
}

int feedback_hidden_open(struct credit *c, struct arena *a, struct err *e)
{
    struct hidden *hidden = c->hidden;
    size_t widest = 0;
    for (size_t i = 0; i < c->n_feedback; i++)
        if (c->feedback[i].through_hidden && c->feedback[i].layer.n_in > widest)
            widest = c->feedback[i].layer.n_in;
    hidden->layer.weights = c->feedback_weights;
    hidden->layer.arena = a;
    hidden->layer.state = arena_alloc(a, 1, layer_dense.part.state_size);
    hidden->u = mat_new(a, c->rows, hidden->units);
    hidden->out = mat_new(a, c->rows, hidden->units);
    for (size_t i = 0; i < sizeof hidden->work / sizeof *hidden->work; i++)
        hidden->work[i] = arena_alloc(a, c->n * c->rows * widest, sizeof(real)); /* a block for every layer under the output */
    if (!hidden->layer.state || !hidden->u.p || !hidden->out.p || !hidden->work[0] || !hidden->work[1])
        return err_set(e, ERR_MEMORY, "not enough memory for the hidden layer of the feedback mapping");
    return layer_dense.open(&hidden->layer, c->rows, a, e);
}

void feedback_hidden_refresh(struct credit *c, const struct pass *p)
{
    struct hidden *hidden = c->hidden;
    hidden->moved = NULL;
    layer_dense.refresh(&hidden->layer);
    dense_linear(&hidden->layer, p->links[c->n - 1].out, hidden->u);
    if (dense_bias(&hidden->layer))
        mat_add_row(dense_bias(&hidden->layer), hidden->u);
    act_apply(hidden->layer.act, hidden->u, hidden->out);
}

void feedback_hidden_finish(struct credit *c)
{
    if (c->hidden && c->hidden->layer.state)
        layer_dense.finish(&c->hidden->layer);
}
