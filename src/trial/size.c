/* What a trial takes and costs, from shapes alone. */
#include "trial/measures.h"

#include <stdio.h>

/* The product of a feedback unit with `rows` rows; through the hidden one that too. */
static double feedback_product(const struct feedback *f, size_t rows)
{
    double product, n = f->unit.def->flops(&f->unit, rows, &product);
    return n + (f->by ? f->by->def->flops(f->by, rows, &product) : 0);
}

/* One product with the weights of link k. */
static double link_product(const struct chain *chain, size_t k, size_t rows)
{
    return unit_product(&chain->units[chain->unit_of[k]], rows);
}

/* One step of the feedback weights beside the mapping's refresh: for each layer the way up from its state, the way
 * back, and the gradient, as often as `steps` says (NULL: once). A loss that works on a block of rows for every layer
 * sends all of them up together, and on route chain down together; where g is linear, what its gradient at the state
 * would be cancels. */
static double loss_flops(const struct chain *chain, const struct credit *credit, const struct config_feedback *steps,
                         size_t rows)
{
    const struct fbloss_def *loss = fbloss_of(credit);
    const bool direct = credit->choice.route == ROUTE_DIRECT;
    double n = 0;
    for (size_t i = 0; loss->grads && i < credit->n_feedback; i++) {
        const struct feedback *f = &credit->feedback[i];
        const size_t links = direct ? 1 : chain->links_of[f->through];
        const double down = feedback_product(f, links * rows);
        const size_t last = direct && !loss->grads_of_all ? chain->unit_of[credit->n - 1] : f->through;
        const double times = steps ? (double)feedback_steps(steps, i) : 1;
        double up = 0;
        for (size_t j = f->through; j <= last; j++)
            up += (double)chain->links_of[j] * link_product(chain, chain->first_link[j], rows);
        if (loss->grads_of_all)
            n += times * ((double)(i + 1) * up + (direct ? 1 : (double)(i + 1)) * down +
                          (f->unit.act.def == &act_linear ? 1 : 2) * unit_product(&f->unit, rows));
        else
            n += times * (loss->flops ? loss->flops(credit, f, up, down)
                                      : up + 2 * down + unit_delta_product(&f->unit, links * rows));
    }
    return n;
}

static double refresh_flops(const struct credit *credit, size_t rows)
{
    return mapping_of(credit)->flops ? mapping_of(credit)->flops(credit, rows) : 0;
}

/* Down the mapping on way k: one product, with what the mapping has for the way. */
static double down_flops(const struct chain *chain, const struct credit *credit, size_t k, size_t rows)
{
    const struct feedback *f = credit_feedback_of(credit, k);
    if (f)
        return feedback_product(f, rows);
    if (credit->choice.route == ROUTE_DIRECT) /* a matrix per sample */
        return 2 * (double)rows * (double)chain->units[chain->unit_of[credit->ways[k].from]].out.n *
               (double)chain->units[chain->unit_of[credit->n - 1]].out.n;
    if (mapping_of(credit)->difference_flops)
        return mapping_of(credit)->difference_flops(credit, k, rows);
    return link_product(chain, credit->ways[k].to, rows);
}

/* Displacements of all links. */
static double propagate_flops(const struct chain *chain, const struct credit *credit, size_t rows)
{
    const struct propagate_def *propagate = propagate_of(credit);
    double n = 0;
    if (propagate->part.needs == 0)
        return 0;
    for (size_t k = 0; k < credit->n_ways; k++) {
        const struct trips trips = propagate->trips ? propagate->trips(credit, k) : (struct trips){ .down = 1 };
        n += trips.down * down_flops(chain, credit, k, rows) + trips.up * link_product(chain, credit->ways[k].to, rows);
    }
    return n;
}

/* The way of the local losses' signals through the layers of blocks. Where the way down went through the layers
 * themselves it has left the signals of all but the first. */
static double local_flops(const struct chain *chain, const struct credit *credit, size_t rows)
{
    const bool left = mapping_of(credit)->leaves_deltas || update_of(credit)->goes_through;
    double n = 0;
    for (size_t i = 0; i < (left ? 1 : chain->n_units) && chain->first_link[i] < credit->n; i++)
        n += unit_delta_product(&chain->units[i], rows * chain->links_of[i]);
    return n;
}

/* Products of a forward pass, and as many of the gradients: one per parameter matrix. */
static double forward_flops(const struct chain *chain, size_t rows)
{
    double n = 0, product;
    for (size_t i = 0; i < chain->n_units; i++)
        n += (double)chain->links_of[i] *
             chain->units[i].def->flops(&chain->units[i], i > 0 ? rows * chain->per_step : rows, &product);
    return n;
}

double credit_flops(const struct chain *chain, const struct credit *credit, size_t rows)
{
    double back = 0;
    for (size_t k = update_of(credit)->goes_through ? 1 : credit->n; k < chain->n_links; k++)
        back += link_product(chain, k, k < credit->n ? rows : rows * chain->per_step);
    return forward_flops(chain, rows) + back + refresh_flops(credit, rows) + propagate_flops(chain, credit, rows) +
           local_flops(chain, credit, rows);
}

double reverse_flops(const struct chain *chain, size_t last, size_t rows)
{
    double n = 0;
    for (size_t k = 1; k <= last; k++)
        n += link_product(chain, k, rows);
    return n;
}

/* Products of one training step: forward, what its method does, and the feedback steps that go with it. In sequential
 * order all but the latter once for each layer. */
double step_flops(const struct config *c, const struct chain *chain, const struct credit *credit)
{
    const struct update_options *o = credit->choice.update.opts;
    const struct config_feedback *feedback = &c->algorithm.feedback;
    const size_t rows = (size_t)c->train.batch_size;
    const double refresh = refresh_flops(credit, rows);
    const double once = forward_flops(chain, rows) + credit_flops(chain, credit, rows);
    const double steps = (double)feedback_most_steps(feedback);
    return (o->order == ORDER_SIMULTANEOUS ? 1 : (double)chain->n_units) * once +
           (feedback->optimizer.n
                ? loss_flops(chain, credit, feedback, rows) +
                      (feedback->schedule == FEEDBACK_FIRST && !fbloss_of(credit)->refreshes ? steps * refresh : 0)
                : 0);
}

/* A forward pass, and a step of the feedback weights. */
double feedback_flops(const struct chain *chain, const struct credit *credit, size_t rows)
{
    return chain_flops(chain, rows) + (fbloss_of(credit)->refreshes ? 0 : refresh_flops(credit, rows)) +
           loss_flops(chain, credit, NULL, rows);
}

/* Bytes that are counted, where a number of the trial takes `width` of them. */
static double bytes_of(const struct arena *a, double width)
{
    return (double)(a->used - (a->numbers - a->doubles)) +
           (double)(a->numbers - a->doubles) * width / (double)sizeof(real);
}

/* The state of one optimizer in a checkpoint, in numbers. */
static double slots_of(const struct optimizer *o)
{
    double n = 0;
    for (size_t i = 0; i < o->n_groups; i++)
        n += (double)((const struct optim_def *)o->groups[i].choice.part)->n_slots * (double)o->groups[i].n;
    return n;
}

/* Parameters, slots, and a header with a name for each. */
static double checkpoint_bytes(const struct trial *t, double width)
{
    const double header = 512 + 100 * (double)(3 * t->chain.n_units + 3 * t->credit.n_feedback);
    return header + width * ((double)(t->chain.n_weights + t->credit.n_feedback_weights) + slots_of(&t->forward) +
                             slots_of(&t->feedback));
}

/* What a trial takes beside its data: a dry run of its opening, and of an evaluation. */
static int measure_memory(struct trial *t, const struct config *c, struct trial_size *size, struct arena *a,
                          struct err *e)
{
    const double width = c->precision == PRECISION_DOUBLE ? 8 : 4;
    struct pass p;
    arena_init_counting(&t->memory);
    arena_init_counting(&t->scratch);
    int code = trial_open_parts(t, c, a, e);
    if (code == 0) {
        const size_t split = t->data.eval_size > t->data.test_size ? t->data.eval_size : t->data.test_size;
        if (split > 0)
            code = pass_init(&p, &t->chain, evaluation_rows(&t->chain, split, width), AT_LAST, &t->scratch, e);
    }
    if (code == 0) {
        size->memory_bytes = bytes_of(&t->memory, width) + bytes_of(&t->scratch, width) + 65536; /* and small things */
        size->checkpoint_bytes = checkpoint_bytes(t, width);
    }
    arena_finish(&t->memory);
    arena_finish(&t->scratch);
    return code;
}

/* "dense", "unit (dense, dense)" */
static const char *kind_of(const struct unit *u, struct arena *a)
{
    const char *text = u->def->part.name;
    for (size_t j = 0; j < u->n_inner; j++)
        text = arena_printf(a, "%s%s%s", text, j ? ", " : " (", kind_of(&u->inner[j], a));
    return u->n_inner ? arena_printf(a, "%s)", text) : text;
}

/* "(20, 3, 32, 32)", "(20, 100)" */
static const char *shape_of(size_t rows, struct shape s, struct arena *a)
{
    return shape_is_map(s) ? arena_printf(a, "(%zu, %zu, %zu, %zu)", rows, s.channels, s.height, s.width)
                           : arena_printf(a, "(%zu, %zu)", rows, s.n);
}

/* "0, 2" */
static const char *sources_of(const struct reads *r, struct arena *a)
{
    const char *text = "";
    for (size_t j = 0; j < r->n; j++)
        text = arena_printf(a, "%s%s%zu", text, j ? ", " : "", r->from[j]);
    return text;
}

static void describe(const struct chain *chain, size_t i, size_t rows, struct trial_layer_size *s, struct arena *a)
{
    const struct unit *u = &chain->units[i];
    const size_t steps = i > 0 ? chain->per_step : chain->links_of[i];
    double product;
    s->multiply_adds = u->def->flops(u, 1, &product) / 2 * (double)steps;
    s->kind = kind_of(u, a);
    s->n_weights = unit_n_weights(u);
    s->from = chain->branching && i > 0 ? sources_of(&chain->reads[i], a) : NULL;
    s->beside = chain->reads[i].join == JOIN_CONCAT;
    if (unit_is_recurrent(u))
        snprintf(s->shape, sizeof s->shape, "(%zu, %zu, %zu) -> (%zu, %zu)", rows, chain->links_of[i], u->n_side, rows,
                 u->out.n);
    else
        snprintf(s->shape, sizeof s->shape, "%s -> %s", shape_of(rows, u->in, a), shape_of(rows, u->out, a));
}

int trial_measure(const struct config *c, struct trial_size *size, struct arena *a, struct err *e)
{
    struct trial t = { 0 };
    const struct chain *chain = &t.chain;
    const size_t rows = (size_t)c->train.batch_size;
    *size = (struct trial_size){ 0 };
    TRY(measure_memory(&t, c, size, a, e));
    size->n_checks = stop_work(c, &t.data);
    size->n_layers = chain->n_units;
    size->n_links = chain->n_links;
    size->n_weights = chain->n_weights;
    size->n_feedback_weights = t.credit.n_feedback_weights;
    size->layers = arena_need(a, chain->n_units, sizeof *size->layers);
    for (size_t i = 0; i < chain->n_units; i++)
        describe(chain, i, rows, &size->layers[i], a);
    size->flops_per_step = step_flops(c, chain, &t.credit);
    size->flops_per_log = chain_flops(chain, t.data.eval_size + t.data.test_size);
    size->flops_per_feedback = feedback_flops(chain, &t.credit, rows);
    size->n_feedback = feedback_only_total(c, &t.data);
    if (chain_first_random(chain) < chain->n_units)
        size->flops_per_log *= (double)c->log.samples;
    size->iterations = config_budget(c, &t.data);
    return 0;
}
