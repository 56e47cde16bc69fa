#include "credit/jacobian.h"

#include "net/transmit.h"

int jacobian_check(const struct chain *chain, size_t last, const char *who, struct err *e)
{
    for (size_t i = 0; i < chain->n_units && chain->first_link[i] <= last; i++) {
        const struct unit *l = &chain->units[i];
        if (unit_is_recurrent(l))
            return err_at(e, l->where, "%s needs a feed-forward network; network.layers.%zu (%s) is recurrent", who,
                          l->index, l->def->part.name);
        if (l->min_rows > 1)
            return err_at(e, l->where,
                          "%s takes a Jacobian for each sample, and in network.layers.%zu (%s) samples depend on "
                          "each other",
                          who, l->index, l->def->part.name);
        if (chain->first_link[i] < last && !transmit_passes_gradient(l->transmit))
            return err_at(e, l->where, "%s needs gradients through what network.layers.%zu sends; it passes none", who,
                          l->index);
    }
    return 0;
}

static const struct unit *unit_of(const struct jacobian *j, size_t link)
{
    return &j->chain->units[j->chain->unit_of[link]];
}

int jacobian_open(struct jacobian *j, const struct chain *chain, size_t last, size_t rows, bool signals,
                  struct arena *a, struct err *e)
{
    *j = (struct jacobian){ .chain = chain, .last = last, .rows = rows };
    j->outputs = unit_of(j, last)->out.n;
    j->seed = mat_new(a, rows, j->outputs);
    j->state = arena_alloc(a, last + 1, sizeof *j->state);
    if (signals)
        j->signal = arena_alloc(a, last + 1, sizeof *j->signal);
    bool enough = j->seed.p && j->state && (!signals || j->signal);
    for (size_t i = 0; enough && i <= last; i++) {
        const struct unit *l = unit_of(j, i);
        if (i < last)
            j->state[i] = mat_new(a, j->outputs * rows, l->out.n);
        if (signals)
            j->signal[i] = mat_new(a, j->outputs * rows, l->n_delta);
        enough = (i == last || j->state[i].p) && (!signals || j->signal[i].p);
    }
    return enough ? 0
                  : err_set(e, ERR_MEMORY, "not enough memory for the Jacobians of %zu samples and %zu outputs", rows,
                            j->outputs);
}

void jacobian_take(struct jacobian *j, struct pass *p)
{
    const size_t b = j->rows;
    for (size_t c = 0; c < j->outputs; c++) {
        mat_zero(j->seed);
        for (size_t i = 0; i < b; i++)
            j->seed.p[i * j->outputs + c] = 1;
        struct mat s = j->seed;
        for (size_t k = j->last + 1; k-- > 0;) {
            const struct unit *l = unit_of(j, k);
            const struct mat below = k > 0 ? mat_rows(j->state[k - 1], c * b, b) : (struct mat){ 0 };
            l->def->vjp(l, p->links[k], s, below);
            if (j->signal && l->n_delta) /* blocks and layers without weights have none of their own */
                mat_copy(p->links[k].delta, mat_rows(j->signal[k], c * b, b));
            s = below;
        }
    }
}
