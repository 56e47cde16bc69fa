#include "credit/inverse_steps.h"

int inverse_fits(const struct credit *c, const char *who, struct err *e)
{
    const struct chain *chain = c->chain;
    if (c->choice.route == ROUTE_DIRECT)
        return err_about(e, "algorithm.route", "%s goes layer by layer: it needs route 'chain'", who);
    if (chain_is_recurrent(chain))
        return err_about(e, "algorithm.propagate", "%s is defined for feed-forward networks", who);
    for (size_t i = 0; i < c->n; i++) {
        if (i > 0)
            TRY(unit_check(&chain->units[i], CAN_DIFFERENCE, who, e));
        if (chain->units[i].transmit.part && i + 1 < c->n)
            return err_at(e, chain->units[i].where,
                          "%s needs layers that send their states: network.layers.%zu.transmit", who, i);
    }
    return 0;
}

void inverse_up(const struct settling *s, size_t k, struct mat d, struct mat out)
{
    const struct unit *above = &s->c->chain->units[k + 1]; /* feed-forward: link k is unit k */
    above->def->difference(above, s->p->links[k + 1], d, out);
}

int inverse_down(const struct settling *s, size_t k, struct mat d, struct mat out, struct err *e)
{
    return mapping_of(s->c)->difference(s->c, s->p, &s->p->links[k + 1], k, d, out, e);
}

int inverse_error(const struct settling *s, size_t k, struct mat out, struct err *e)
{
    const struct at *above = &s->p->links[k + 1];
    TRY(mapping_of(s->c)->apply(s->c, s->p, above, k, above->out, out, e));
    mat_sub(out, s->p->links[k].out, out);
    return 0;
}

/* As it is before anything has come down to it. */
static bool is_zero(struct mat a)
{
    return mat_max_abs(a) == 0;
}

int inverse_output_step(struct settling *s, size_t k, struct mat target, struct mat change, struct err *e)
{
    struct credit *c = s->c;
    const struct mat d = s->value[k], up = mat_of(c->scratch[2], target.rows, target.cols),
                     down = mat_of(c->scratch[3], d.rows, d.cols);
    if (is_zero(d) && is_zero(target)) {
        mat_zero(change);
        return 0;
    }
    TRY(inverse_down(s, k, target, change, e));
    inverse_up(s, k, d, up);
    TRY(inverse_down(s, k, up, down, e));
    mat_sub(change, down, change);
    return 0;
}

/* ---- input rule ---- */

/* Matrices of the link above each, from those by link. */
static int above_each(const struct credit *c, struct mat *by_link, struct mat **out, struct arena *a, struct err *e)
{
    *out = arena_alloc(a, c->n, sizeof **out);
    if (!*out)
        return err_set(e, ERR_MEMORY, "not enough memory for the arguments of %zu links", c->n);
    for (size_t k = 0; k + 1 < c->n; k++)
        (*out)[k] = by_link[k + 1];
    return 0;
}

int inverse_input_open(struct inverse_input *in, const struct credit *c, struct arena *a, struct err *e)
{
    struct mat *change, *stacks;
    TRY(credit_alloc_links(c, &in->u, &stacks, a, e));
    TRY(credit_alloc_links(c, &in->q, &stacks, a, e));
    TRY(credit_alloc_links(c, &in->r, &stacks, a, e));
    TRY(credit_alloc_links(c, &change, &stacks, a, e));
    TRY(above_each(c, in->u, &in->value, a, e));
    return above_each(c, change, &in->change, a, e);
}

int inverse_input_moved(struct settling *s, size_t k, struct err *e)
{
    const struct inverse_input *in = s->rule;
    TRY(inverse_down(s, k, s->value[k], in->q[k], e));
    mat_add(in->q[k], in->r[k], in->q[k]);
    mat_scale((real)in->share, in->q[k], s->c->d[k]);
    return 0;
}

int inverse_input_step(struct settling *s, size_t k, struct mat change, struct err *e)
{
    (void)e;
    const struct inverse_input *in = s->rule;
    const struct mat q = in->q[k], share = mat_of(s->c->scratch[2], q.rows, q.cols);
    mat_scale((real)in->share, q, share);
    inverse_up(s, k, share, change);
    mat_sub(s->c->d[k + 1], change, change);
    return 0;
}
