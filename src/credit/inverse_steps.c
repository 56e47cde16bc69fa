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
    const struct credit *c = s->c;
    const size_t link = c->ways[k].to;
    const struct unit *above = &c->chain->units[link]; /* feed-forward: a link is a unit */
    above->def->difference(above, s->p->links[link], edge_moves(c->chain, credit_edge(c, k), d, c->scratch[4]), out);
}

int inverse_down(const struct settling *s, size_t k, struct mat d, struct mat out, struct err *e)
{
    return mapping_of(s->c)->difference(s->c, s->p, credit_ref(s->c, s->p, k), k, d, out, e);
}

int inverse_error(const struct settling *s, size_t k, struct mat out, struct err *e)
{
    const struct at *above = credit_ref(s->c, s->p, k);
    TRY(mapping_of(s->c)->apply(s->c, s->p, above, k, above->out, out, e));
    mat_sub(out, s->p->links[s->c->ways[k].from].out, out);
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

int inverse_alloc_ways(const struct credit *c, bool upper, struct mat **out, struct arena *a, struct err *e)
{
    *out = arena_alloc(a, c->n_ways + 1, sizeof **out);
    bool enough = *out;
    for (size_t k = 0; enough && k < c->n_ways; k++)
        enough = ((*out)[k] = mat_new(a, c->rows, c->d[upper ? c->ways[k].to : c->ways[k].from].cols)).p;
    return enough ? 0 : err_set(e, ERR_MEMORY, "not enough memory for the arguments of %zu links", c->n);
}

int inverse_input_open(struct inverse_input *in, const struct credit *c, struct arena *a, struct err *e)
{
    TRY(inverse_alloc_ways(c, true, &in->value, a, e));
    TRY(inverse_alloc_ways(c, true, &in->change, a, e));
    TRY(inverse_alloc_ways(c, false, &in->q, a, e));
    return inverse_alloc_ways(c, false, &in->r, a, e);
}

int inverse_input_moved(struct settling *s, size_t k, struct err *e)
{
    const struct inverse_input *in = s->rule;
    TRY(inverse_down(s, k, s->value[k], in->q[k], e));
    mat_add(in->q[k], in->r[k], in->q[k]);
    mat_scale((real)in->share, in->q[k], s->c->branch[k]);
    return 0;
}

int inverse_input_step(struct settling *s, size_t k, struct mat change, struct err *e)
{
    (void)e;
    const struct inverse_input *in = s->rule;
    const struct mat q = in->q[k], share = mat_of(s->c->scratch[2], q.rows, q.cols);
    mat_scale((real)in->share, q, share);
    inverse_up(s, k, share, change);
    mat_sub(s->c->d[s->c->ways[k].to], change, change);
    return 0;
}
