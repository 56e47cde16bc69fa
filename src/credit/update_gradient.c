/* Local losses: each layer descends its squared distance to its target, its input held fixed. Lee 2015, Eq. (19);
 * Roulet 2022, Eq. (3). Links that share weights are updated in one product over their stacked rows. */
#include "credit/update.h"

const char *const update_order_names[] = { "simultaneous", "sequential", "sequential_kept", NULL };

const struct option update_options_table[] = { UPDATE_OPTIONS, { 0 } };

int update_fits(const struct credit *c, struct err *e)
{
    const struct chain *chain = c->chain;
    if (update_options_of(c->choice.update)->order == ORDER_SIMULTANEOUS)
        return 0;
    if (chain_is_recurrent(chain))
        return err_about(e, "algorithm.update.order",
                         "the links of a recurrent layer share weights; only 'simultaneous' is defined there");
    for (size_t i = 0; i < chain->n_units; i++)
        if (chain->units[i].tied)
            return err_about(
                e, "algorithm.update.order",
                "network.layers.%zu and network.layers.%zu share weights; only 'simultaneous' is defined there",
                chain->units[i].tied->index, i);
    return 0;
}

double update_factor(const struct credit *c, size_t layer)
{
    const struct update_options *o = c->choice.update.opts;
    return reduction_factor(o->reduction, c->rows, c->chain->units[layer].out, c->choice.target_stepsize);
}

size_t update_below(const struct credit *c, size_t i, size_t first)
{
    const size_t from = c->chain->first_link[i], links = c->chain->links_of[i];
    return first <= from ? 0 : first - from < links ? first - from : links;
}

struct at update_rest(const struct credit *c, const struct pass *p, size_t i, size_t below)
{
    return at_rows(p->stacks[i], below * c->rows, (c->chain->links_of[i] - below) * c->rows);
}

void update_local(struct credit *c, struct pass *p, size_t i, real *g)
{
    const struct unit *l = &c->chain->units[i];
    const size_t below = update_below(c, i, c->first_nonzero), links = c->chain->links_of[i];
    credit_clear(c, l, g);
    if (below == links)
        return;
    const struct at rest = update_rest(c, p, i, below);
    if (!c->has_deltas)
        l->def->vjp(l, rest, mat_rows(c->d_stack[i], below * c->rows, (links - below) * c->rows), (struct mat){ 0 });
    else if (i == 0 && below == 0)
        l->def->vjp(l, p->links[0], c->d[0], (struct mat){ 0 });
    l->def->grads(l, rest, (real)-update_factor(c, i), g);
}

static void grads(struct credit *c, struct pass *p, real *g)
{
    for (size_t i = 0; i < c->chain->n_units && c->chain->first_link[i] < c->n; i++)
        update_local(c, p, i, g);
}

extern const struct update_def update_gradient;
const struct update_def update_gradient = {
    .part = { .name = "gradient",
              .help = "gradient of the local losses, each layer's input held fixed",
              .ref = "Lee 2015, Eq. (19); Roulet 2022, Eq. (3)",
              .options = update_options_table,
              .opts_size = sizeof(struct update_options),
              .gives = TAKES_BRANCHES },
    .fits = update_fits,
    .grads = grads,
};
