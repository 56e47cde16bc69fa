/* Local losses: each layer descends its squared distance to its target, its input held fixed. Lee 2015, Eq. (19);
 * Roulet 2022, Eq. (3). Links that share weights are updated in one product over their stacked rows. */
#include "credit/update.h"

const char *const update_order_names[] = { "simultaneous", "sequential", "sequential_kept", NULL };

const struct option update_options_table[] = { UPDATE_OPTIONS, { 0 } };

double update_factor(const struct credit *c, size_t layer)
{
    const struct update_options *o = c->choice.update.opts;
    return reduction_factor(o->reduction, c->rows, c->chain->units[layer].out, c->choice.target_stepsize);
}

void update_local(struct credit *c, struct pass *p, size_t i, real *g)
{
    const struct unit *l = &c->chain->units[i];
    if (!c->has_deltas)
        l->def->vjp(l, p->stacks[i], c->d_stack[i], (struct mat){ 0 });
    else if (i == 0)
        l->def->vjp(l, p->links[0], c->d[0], (struct mat){ 0 });
    l->def->grads(l, p->stacks[i], (real)-update_factor(c, i), g);
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
              .opts_size = sizeof(struct update_options) },
    .grads = grads,
};
