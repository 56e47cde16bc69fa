/* Feedback units with weights of their own, g_k(t) = a(V t + c [+ U x]): trained by a feedback loss ("learned"), or
 * left as drawn ("fixed"). A feedback unit is the mirror of the forward unit it leads back through; behind a recurrent
 * unit all steps share one, and it shares that unit's side input (Manchev & Spratling 2020; Roulet's oracle). Lee 2015,
 * Sec. 2; Nokland 2016 with route direct. */
#include "credit/mapping_learned.h"
#include "credit/fbloss.h"
#include "net/block.h"
#include "net/split.h"

/* Of a feedback unit's stack. */
static size_t rows_of(const struct credit *c, const struct feedback *f, size_t rows)
{
    return c->choice.route == ROUTE_CHAIN ? c->chain->links_of[f->through] * rows : rows;
}

/* Applications of a feedback unit, and what it reads signs with. */
static int open_one(struct credit *c, struct feedback *f, struct arena *a, struct err *e)
{
    const struct learned_options *o = options_of(c);
    struct learned *state = learned_of(c);
    struct reading *r = reading(c, f);
    struct at *other = &state->other[f - c->feedback], *single = &state->single[f - c->feedback];
    const size_t rows = rows_of(c, f, c->rows),
                 blocks = c->n * c->rows; /* a feedback loss may work on a block of rows for every unit */
    const bool own_input = o->transmit != READ_VALUES || r->n_appended;
    TRY(unit_open(&f->unit, c->feedback_weights, rows, a, e));
    if (fbloss_of(c)->grads_of_all)
        TRY(block_open_beside(&f->unit, false, a, e));
    TRY(at_open(&f->ref, &f->unit, rows, 1,
                AT_KEPT | AT_GRADIENTS | (own_input ? AT_INPUT : 0) | (fbloss_of(c)->grads_of_all ? AT_MOVED : 0), a,
                e));
    if (fbloss_of(c)->grads)
        TRY(at_open(other, &f->unit, rows, 1, AT_GRADIENTS, a, e));
    if (c->choice.propagate.part->needs & GIVES_APPLY)
        TRY(at_open(single, &f->unit, c->rows, 1, AT_KEPT, a, e));
    if (c->choice.route == ROUTE_CHAIN && through_of(c, f)->def->side_product)
        f->ref.side = mat_new(a, rows, f->unit.out.n);
    if (o->transmit != READ_VALUES) {
        r->sign_low = o->transmit == READ_SIGNS ? -1 : 0;
        r->signs = mat_new(a, rows > blocks ? rows : blocks, f->unit.in.n);
    }
    const bool enough = (f->ref.side.p || c->choice.route != ROUTE_CHAIN || !through_of(c, f)->def->side_product) &&
                        (r->signs.p || o->transmit == READ_VALUES);
    return enough ? 0 : err_set(e, ERR_MEMORY, "not enough memory for feedback layer %zu", f->target);
}

static int open(struct credit *c, struct arena *a, struct err *e)
{
    struct learned *state = learned_of(c);
    size_t widest = 0;
    state->other = arena_alloc(a, c->n_feedback, sizeof *state->other);
    state->single = arena_alloc(a, c->n_feedback, sizeof *state->single);
    if (!state->other || !state->single)
        return err_set(e, ERR_MEMORY, "not enough memory for feedback layers");
    for (size_t i = 0; i < c->n_feedback; i++) {
        TRY(open_one(c, &c->feedback[i], a, e));
        if (state->reading[i].hidden && c->feedback[i].unit.in.n > widest)
            widest = c->feedback[i].unit.in.n;
    }
    return c->untrained ? hidden_open(&state->hidden, c, c->n, widest, a, e) : 0;
}

/* What f reads where its source has its true value. */
static struct mat reads_now(const struct credit *c, const struct pass *p, const struct feedback *f)
{
    const struct reading *r = reading(c, f);
    const struct mat source = c->choice.route == ROUTE_CHAIN ? p->stacks[f->through].out : p->links[c->n - 1].out;
    if (!r->signs.p && !r->n_appended)
        return r->hidden ? r->hidden->ref.out : source;
    mat_copy(reading_of(p, f, r, source), f->ref.in);
    return f->ref.in;
}

/* On route chain, where a feedback unit reads its source's value itself. */
static bool splits(const struct credit *c, const struct feedback *f)
{
    const struct reading *r = reading(c, f);
    return c->choice.route == ROUTE_CHAIN && !r->signs.p && !r->n_appended && !f->ref.side.p && split_fits(&f->unit);
}

/* The reconstruction g(h_s) of every place, which `difference` and `jvp` start from: of a unit that splits they need
 * what its linear part reads alone. */
static void refresh_unit(struct credit *c, const struct pass *p, struct feedback *f)
{
    unit_refresh(&f->unit);
    if (f->ref.side.p)
        through_of(c, f)->def->side_product(through_of(c, f), p->stacks[f->through], f->ref.side);
    f->ref.in = reads_now(c, p, f);
    f->ref.of = c->choice.route == ROUTE_CHAIN ? &p->stacks[f->through] : NULL;
    if (!fbloss_of(c)->reads_value && splits(c, f))
        (void)split_front(&f->unit, f->ref);
    else
        at_forward(&f->unit, f->ref);
}

static int refresh(struct credit *c, struct pass *p, struct err *e)
{
    (void)e;
    if (c->untrained)
        hidden_refresh(&learned_of(c)->hidden, p->links[c->n - 1].out);
    for (size_t i = 0; i < c->n_feedback; i++)
        refresh_unit(c, p, &c->feedback[i]);
    return 0;
}

/* Rows of f's reference that belong to way k. */
static struct at block(const struct credit *c, const struct feedback *f, size_t k)
{
    if (c->choice.route == ROUTE_DIRECT)
        return f->ref;
    return at_rows(f->ref, (c->ways[k].to - c->chain->first_link[f->through]) * c->rows, c->rows);
}

static int apply(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat t, struct mat out,
                 struct err *e)
{
    (void)e;
    const struct feedback *f = credit_feedback_of(c, k);
    struct at at = learned_of(c)->single[f - c->feedback];
    at.in = reading_of(p, f, reading(c, f), t);
    at.side = block(c, f, k).side;
    at.of = ref;
    at_forward(&f->unit, at);
    mat_copy(at.out, out);
    return 0;
}

/* How far what f reads has moved. */
static struct mat moves(const struct credit *c, const struct pass *p, const struct feedback *f, size_t k, struct mat d,
                        bool linear)
{
    const size_t s = credit_source(c, k);
    const struct reading *r = reading(c, f);
    return r->signs.p ? reading_sign_moves(r, block(c, f, k).in, p->links[s].out, d)
                      : reading_moves(c, p, r, s, d, linear);
}

static int difference(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat d, struct mat out,
                      struct err *e)
{
    (void)ref, (void)e;
    const struct feedback *f = credit_feedback_of(c, k);
    f->unit.def->difference(&f->unit, block(c, f, k), moves(c, p, f, k, d, false), out);
    return 0;
}

static int jvp(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat d, struct mat out,
               struct err *e)
{
    (void)ref, (void)e;
    const struct feedback *f = credit_feedback_of(c, k);
    if (reading(c, f)->signs.p) /* their derivative */
        mat_zero(out);
    else
        f->unit.def->jvp(&f->unit, block(c, f, k), moves(c, p, f, k, d, true), out);
    return 0;
}

static struct at *other_of(const struct credit *c, const struct feedback *f)
{
    return &learned_of(c)->other[f - c->feedback];
}

static struct mat value(struct credit *c, struct pass *p, const struct at *ref, struct feedback *f, struct mat v)
{
    struct at *at = other_of(c, f);
    at->of = ref;
    at->in = reading_of(p, f, reading(c, f), v);
    at->side = f->ref.side;
    at_forward(&f->unit, *at);
    return at->out;
}

static void train(struct credit *c, const struct at *ref, struct feedback *f, struct mat error)
{
    (void)ref;
    const struct at at = *other_of(c, f);
    f->unit.def->vjp(&f->unit, at, error, (struct mat){ 0 });
    f->unit.def->grads(&f->unit, at, 1, c->feedback_gradient);
}

static void normalise(struct credit *c, struct feedback *f, double *squares, struct mat error)
{
    f->unit.def->input_squares(&f->unit, *other_of(c, f), squares);
    for (size_t i = 0; i < error.rows; i++)
        mat_scale((real)(squares[i] > 0 ? 1 / squares[i] : 0), mat_rows(error, i, 1), mat_rows(error, i, 1));
}

static void train_reference(struct credit *c, struct feedback *f, struct mat error)
{
    f->unit.def->vjp(&f->unit, f->ref, error, (struct mat){ 0 });
    f->unit.def->grads(&f->unit, f->ref, 1, c->feedback_gradient);
}

static void train_difference(struct credit *c, struct pass *p, const struct at *ref, struct feedback *f, struct mat d,
                             struct mat moved, struct mat error)
{
    (void)ref;
    const size_t k = c->chain->first_link[f->target]; /* feed-forward: the unit's only link */
    f->unit.def->difference_grads(&f->unit, f->ref, moves(c, p, f, k, d, false), moved, error, 1, c->feedback_gradient);
    learned_of(c)->hidden.moved = NULL; /* a loss uses its buffers for the next unit */
}

/* v = the transpose of the columns of w that belong to the edge. */
static void start_one(const struct edge *edge, struct mat w, struct mat v)
{
    if (edge_is_whole(edge)) {
        mat_transpose(w, v);
        return;
    }
    for (size_t i = 0; i < v.rows; i++)
        for (size_t j = 0; j < v.cols; j++)
            v.p[i * v.cols + j] = w.p[j * w.cols + edge_column(edge, i)];
}

static void start(struct credit *c)
{
    const double gain = options_of(c)->transpose_gain;
    for (size_t i = 0; i < c->n_feedback && gain > 0; i++) {
        const struct feedback *f = &c->feedback[i];
        const struct unit *through = through_of(c, f);
        const struct param *up = learned_matrix(through), *down = learned_matrix(&f->unit);
        const struct mat w = mat_of(through->weights + up->offset, up->rows, up->cols),
                         v = mat_of(c->feedback_weights + down->offset, down->rows, down->cols);
        start_one(credit_edge(c, f->way), w, v);
        mat_scale((real)gain, v, v);
    }
}

static struct mat front(struct credit *c, struct pass *p, const struct at *ref, struct feedback *f, struct mat v)
{
    (void)p;
    if (!v.p)
        return split_front(&f->unit, f->ref);
    struct at *at = other_of(c, f);
    at->of = ref;
    at->in = v;
    return split_front(&f->unit, *at);
}

static void back(struct credit *c, struct feedback *f, struct mat moved, struct mat out)
{
    split_back(&f->unit, f->ref, moved, c->scratch[5], out);
}

static void train_back(struct credit *c, struct feedback *f, struct mat moved, struct mat error)
{
    split_grads(&f->unit, f->ref, moved, error, c->scratch[5], 1, c->feedback_gradient);
}

static void drawn(struct credit *c)
{
    const struct mat all = mat_of(c->feedback_weights, 1, c->n_feedback_vector);
    if (options_of(c)->scale != 1)
        mat_scale((real)options_of(c)->scale, all, all);
}

/* What every feedback unit reads at the true states. */
static double flops(const struct credit *c, size_t rows)
{
    double n = 0, product;
    for (size_t i = 0; i < c->n_feedback; i++)
        if (fbloss_of(c)->reads_value || !splits(c, &c->feedback[i]))
            n += c->feedback[i].unit.def->flops(&c->feedback[i].unit, rows_of(c, &c->feedback[i], rows), &product);
    return n + (c->untrained ? c->untrained->def->flops(c->untrained, rows, &product) : 0);
}

extern const struct mapping_def mapping_learned, mapping_fixed;
const struct mapping_def mapping_learned = {
    .part = { .name = "learned",
              .help = "feedback layers with weights of their own, trained by a feedback loss",
              .ref = "Lee 2015, Sec. 2; Manchev & Spratling 2020",
              .options = learned_table,
              .opts_size = sizeof(struct learned_options),
              .state_size = sizeof(struct learned),
              .gives = GIVES_APPLY | GIVES_JVP | GIVES_TRAIN | GIVES_DIRECT | TAKES_BRANCHES },
    .shape = learned_shape,
    .open = open,
    .refresh = refresh,
    .refresh_unit = refresh_unit,
    .splits = splits,
    .front = front,
    .back = back,
    .train_back = train_back,
    .apply = apply,
    .difference = difference,
    .jvp = jvp,
    .value = value,
    .train = train,
    .normalise = normalise,
    .train_reference = train_reference,
    .train_difference = train_difference,
    .start = start,
    .flops = flops,
};
const struct mapping_def mapping_fixed = {
    .part = { .name = "fixed",
              .help = "feedback layers with random weights that never change",
              .ref = "Nokland 2016; Lillicrap 2016",
              .options = fixed_table,
              .opts_size = sizeof(struct learned_options),
              .state_size = sizeof(struct learned),
              .gives = GIVES_APPLY | GIVES_JVP | GIVES_DIRECT | TAKES_BRANCHES },
    .shape = learned_shape,
    .open = open,
    .refresh = refresh,
    .refresh_unit = refresh_unit,
    .splits = splits,
    .front = front,
    .back = back,
    .train_back = train_back,
    .apply = apply,
    .difference = difference,
    .jvp = jvp,
    .value = value,
    .train = train,
    .train_reference = train_reference,
    .train_difference = train_difference,
    .drawn = drawn,
    .flops = flops,
};
