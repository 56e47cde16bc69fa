#include "credit/feedback.h"

#include "net/transmit.h"
#include <string.h>

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

static struct mat signs_of(const struct reading *r, struct mat v)
{
    const struct mat out = mat_rows(r->signs, 0, v.rows);
    transmit_signs(v, r->sign_low, out);
    return out;
}

struct mat reading_of(const struct pass *p, const struct feedback *f, const struct reading *r, struct mat v)
{
    struct hidden *h = r->hidden;
    if (r->signs.p)
        return signs_of(r, v);
    if (!h)
        return v;
    struct at at = h->other;
    at.in = v;
    at_forward(&h->unit, at);
    return r->n_appended ? beside(at.out, p->stacks[f->target].out, r->n_appended, h->beside) : at.out;
}

struct mat reading_moves(const struct credit *c, const struct pass *p, const struct reading *r, size_t s, struct mat d,
                         bool linear)
{
    struct hidden *h = r->hidden;
    if (r->source_slope) { /* what vjp leaves as the source's delta */
        const struct unit *source = &c->chain->units[c->chain->unit_of[s]];
        source->def->vjp(source, p->links[s], d, (struct mat){ 0 });
        d = p->links[s].delta;
    }
    if (!h)
        return d;
    const struct mat w = mat_of(h->moves, d.rows, h->unit.out.n);
    if (h->moved != d.p || h->moved_linear != linear) {
        (linear ? h->unit.def->jvp : h->unit.def->difference)(&h->unit, h->ref, d, w);
        h->moved = d.p;
        h->moved_linear = linear;
    }
    return r->n_appended ? beside(w, (struct mat){ 0 }, r->n_appended, h->beside) : w;
}

struct mat reading_sign_moves(const struct reading *r, struct mat read, struct mat v, struct mat d)
{
    const struct mat out = mat_rows(r->signs, 0, v.rows);
    mat_add(v, d, out);
    transmit_signs(out, r->sign_low, out);
    mat_sub(out, read, out);
    return out;
}

int hidden_open(struct hidden *h, const struct credit *c, size_t blocks, size_t widest, struct arena *a, struct err *e)
{
    TRY(unit_open(&h->unit, c->feedback_weights, c->rows, a, e));
    TRY(at_open(&h->ref, &h->unit, c->rows, 1, AT_KEPT, a, e));
    TRY(at_open(&h->other, &h->unit, c->rows, 1, 0, a, e));
    h->moves = arena_alloc(a, blocks * c->rows * h->unit.out.n, sizeof(real));
    h->beside = arena_alloc(a, blocks * c->rows * widest, sizeof(real));
    return h->moves && h->beside
               ? 0
               : err_set(e, ERR_MEMORY, "not enough memory for the hidden layer of the feedback mapping");
}

void hidden_refresh(struct hidden *h, struct mat source)
{
    h->moved = NULL;
    unit_refresh(&h->unit);
    h->ref.in = source;
    at_forward(&h->unit, h->ref);
}
