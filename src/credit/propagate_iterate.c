/* Iterated inverses: the target of a link is what the forward link would take to the target above it, found by going up
 * and down again. Bengio 2020, Sec. 5, 6, Alg. 1. With g the mapping and f the link above, t and t' the targets of
 * their input and output:
 *
 *   output              t <- t + r (g(t') - g(f(t)))
 *   input               u <- u + t' - f(g(u)), from u = t';  t = g(u)
 *   input_then_correct  the same, then t = g(u) + g(t') - g(f(g(u))): one step of output
 *   output_from_input   the same, then output_iterations steps of output
 *
 * layer: one link after the other from the top, each until it rests. parallel, top_down: all links at once. Of a layer
 * that feeds several, each way back has a target of its own, with what the layer above reads beside it as it was; the
 * layer's is their mean (ways_mix). */
#include "credit/inverse_steps.h"

#include <math.h>

enum refinement { REFINE_OUTPUT, REFINE_INPUT, REFINE_INPUT_THEN_CORRECT, REFINE_OUTPUT_FROM_INPUT };
enum start { START_STATE, START_DECODER };
enum over { OVER_LAYER, OVER_PARALLEL, OVER_TOP_DOWN };
static const char *const refinement_names[] = { "output", "input", "input_then_correct", "output_from_input", NULL };
static const char *const start_names[] = { "state", "decoder", NULL };
static const char *const over_names[] = { "layer", "parallel", "top_down", NULL };

struct iterate_options {
    int refinement, start, over;
    int64_t iterations, output_iterations;
    double precision, relaxation, scaled_targets;
};

struct iterate {
    struct settling settling;
    struct inverse_input input;
    struct mat *offset; /* [n] what a link is to reach: the displacement, or one of constant norm in its direction */
    struct mat *scale;  /* [n] (B, 1): displacement over offset, of scaled targets */
    struct mat sweeps, last; /* (1, 1), shown */
};

#define FIELD(name) offsetof(struct iterate_options, name)
static const struct option table[] = {
    { "refinement", OPT_ENUM, FIELD(refinement), "output", .names = refinement_names,
      .help = "what is corrected until f(t) is the target above: the target itself (output), or what the mapping reads "
              "(input); input_then_correct and output_from_input correct the target after that" },
    { "start", OPT_ENUM, FIELD(start), "state", .names = start_names,
      .help = "of output: the state, or what the mapping makes of the target above; the latter keeps the mapping's "
              "error where a layer narrows" },
    { "sweep", OPT_ENUM, FIELD(over), "layer", .names = over_names,
      .help =
          "layer: one layer after the other, each until it rests; parallel: all at once, from the values before the "
          "sweep; top_down: all at once, from values that have moved already" },
    { "iterations", OPT_INT, FIELD(iterations), "5", 0, 1e6, .help = "sweeps at most" },
    { "output_iterations", OPT_INT, FIELD(output_iterations), "1", 0, 1e6, .beside = "refinement",
      .idle = "!output_from_input", .help = "sweeps of output_from_input after those of the input" },
    { "precision", OPT_REAL, FIELD(precision), "0", 0, 1e300,
      .help = "sweeps end when the lowest target of those that move changes by less than this in every sample "
              "(Euclidean norm); of all layers at once not before each has heard of the loss" },
    { "relaxation", OPT_REAL, FIELD(relaxation), "1", 0, 1, OPTION_ABOVE_MIN, .beside = "iterations", .idle = "0",
      .help = "factor on the corrections of output" },
    { "scaled_targets", OPT_REAL, FIELD(scaled_targets), "0", 0, 1e300,
      .help = "norm to which each sample's displacement is scaled before it goes down a layer, and back after it, "
              "against cancellation with small target stepsizes (Bengio 2020, Sec. 9.4); 0: as it is" },
    { 0 }
};

static const struct iterate_options *options_of(const struct credit *c)
{
    return c->choice.propagate.opts;
}

static struct iterate *iterate_of(const struct credit *c)
{
    return c->propagate_state;
}

static bool has_input(const struct iterate_options *o)
{
    return o->refinement != REFINE_OUTPUT;
}

/* Sweeps of output after those of input. */
static int64_t corrections_of(const struct iterate_options *o)
{
    return o->refinement == REFINE_INPUT ? 0 : o->refinement == REFINE_INPUT_THEN_CORRECT ? 1 : o->output_iterations;
}

static int fits(const struct credit *c, struct err *e)
{
    const struct iterate_options *o = options_of(c);
    const char *name = refinement_names[o->refinement];
    TRY(inverse_fits(c, "algorithm.propagate: 'iterate'", e));
    if (has_input(o) && o->over != OVER_LAYER)
        return err_about(e, "algorithm.propagate.sweep", "refinement '%s' goes layer by layer; use sweep: layer", name);
    if (has_input(o) && o->start != START_STATE)
        return err_about(e, "algorithm.propagate.start",
                         "refinement '%s' starts from the target above; 'decoder' is a "
                         "start of 'output'",
                         name);
    if (has_input(o) && o->relaxation != 1)
        return err_about(e, "algorithm.propagate.relaxation", "defined for refinement 'output', not for '%s'", name);
    if (o->scaled_targets > 0 && (has_input(o) || o->over != OVER_LAYER || o->start != START_STATE))
        return err_about(e, "algorithm.propagate.scaled_targets",
                         "defined for refinement 'output' from the state, layer by layer");
    return 0;
}

static int output_step(struct settling *s, size_t k, struct mat change, struct err *e)
{
    return inverse_output_step(s, k, iterate_of(s->c)->offset[s->c->ways[k].to], change, e);
}

/* A link's displacement follows those of its ways, of which the first moves last. */
static int output_moved(struct settling *s, size_t k, struct err *e)
{
    (void)e;
    const size_t link = s->c->ways[k].from;
    if (k == s->c->first_way[link])
        ways_mix(s->c, link);
    return 0;
}

static int open_scaled(struct credit *c, struct arena *a, struct err *e)
{
    struct iterate *it = iterate_of(c);
    struct mat *stacks;
    TRY(credit_alloc_links(c, &it->offset, &stacks, a, e));
    it->scale = arena_alloc(a, c->n, sizeof *it->scale);
    for (size_t k = 0; it->scale && k < c->n; k++) {
        it->scale[k] = mat_new(a, c->rows, 1);
        if (!it->scale[k].p)
            return err_set(e, ERR_MEMORY, "not enough memory for scaled targets");
        credit_show(c, it->offset[k], "offset.%zu", k);
        credit_show_each(c, it->scale[k], "scale.%zu", k);
    }
    return it->scale ? 0 : err_set(e, ERR_MEMORY, "not enough memory for scaled targets");
}

static int open(struct credit *c, struct arena *a, struct err *e)
{
    const struct iterate_options *o = options_of(c);
    struct iterate *it = iterate_of(c);
    char name[48];
    struct settling *s = &it->settling;
    *s = (struct settling){ .c = c, .sweep = o->over == OVER_TOP_DOWN ? SWEEP_TOP_DOWN : SWEEP_PARALLEL };
    TRY(inverse_alloc_ways(c, false, &s->change, a, e));
    s->of = arena_alloc(a, c->n_ways + 1, sizeof *s->of);
    it->sweeps = mat_new(a, 1, 1);
    it->last = mat_new(a, 1, 1);
    if (!s->of || !it->sweeps.p || !it->last.p)
        return err_set(e, ERR_MEMORY, "not enough memory for the targets of %zu links", c->n);
    it->offset = c->d;
    if (o->scaled_targets > 0)
        TRY(open_scaled(c, a, e));
    if (has_input(o))
        TRY(inverse_input_open(&it->input, c, a, e));
    c->settled = s->of;
    if (o->over != OVER_LAYER) {
        credit_show_number(c, it->sweeps, "sweeps");
        credit_show_number(c, it->last, "last_change");
    }
    for (size_t k = 0; has_input(o) && k < c->n_ways; k++)
        credit_show(c, it->input.change[k], "decoder_input.%s", way_name(c, k, name, sizeof name));
    return 0;
}

/* Corrections of the values of ways [lo, hi), from what they are. all: of layers that move at once. */
static int settle_output(struct credit *c, struct pass *p, size_t lo, size_t hi, bool all, int64_t steps, struct err *e)
{
    const struct iterate_options *o = options_of(c);
    struct iterate *it = iterate_of(c);
    struct settling s = it->settling;
    s.p = p;
    s.lo = lo;
    s.hi = hi;
    s.value = c->branch;
    s.factor = o->relaxation;
    s.steps = (size_t)steps;
    s.precision = o->precision;
    s.first_test = all ? c->n : 1; /* the paper's L: news of the loss come down one link a sweep */
    s.step = output_step;
    s.moved = all ? output_moved : NULL;
    return settle(&s, e);
}

/* u from the target above, corrected; then the displacement of way k is r + D g(u). */
static int settle_input(struct credit *c, struct pass *p, size_t k, struct err *e)
{
    const struct iterate_options *o = options_of(c);
    struct iterate *it = iterate_of(c);
    struct settling s = it->settling;
    s.p = p;
    s.lo = k;
    s.hi = k + 1;
    s.value = it->input.value;
    s.change = it->input.change;
    s.factor = 1;
    s.steps = (size_t)o->iterations;
    s.precision = o->precision;
    s.first_test = 1;
    s.rule = &it->input;
    s.step = inverse_input_step;
    s.moved = inverse_input_moved;
    it->input.share = 1;
    mat_copy(c->d[c->ways[k].to], s.value[k]);
    TRY(inverse_error(&s, k, it->input.r[k], e));
    TRY(inverse_input_moved(&s, k, e));
    return settle(&s, e);
}

/* The displacement of way k before it is corrected. */
static int begin(struct credit *c, struct pass *p, size_t k, struct err *e)
{
    const struct iterate *it = iterate_of(c);
    const struct settling s = { .c = c, .p = p };
    const struct mat d = c->branch[k];
    if (options_of(c)->start == START_STATE) {
        mat_zero(d);
        return 0;
    }
    const struct mat error = mat_of(c->scratch[2], d.rows, d.cols);
    TRY(inverse_error(&s, k, error, e));
    TRY(inverse_down(&s, k, it->offset[c->ways[k].to], d, e));
    mat_add(d, error, d);
    return 0;
}

/* Each row by the factor that scales that row of `from`, a displacement above, to the norm; down: back again, below. */
static void scale_rows(const struct credit *c, struct mat from, struct mat of, struct mat to, bool down)
{
    const double norm = options_of(c)->scaled_targets;
    for (size_t i = 0; i < of.rows; i++) {
        const double own = sqrt(mat_sum_squares(mat_rows(from, i, 1)));
        const double factor = own == 0 ? 0 : down ? own / norm : norm / own;
        mat_scale((real)factor, mat_rows(of, i, 1), mat_rows(to, i, 1));
    }
}

/* The displacement of link k as an offset of constant norm, for the link below and to be shown. */
static void set_offset(const struct credit *c, size_t k)
{
    const struct iterate *it = iterate_of(c);
    for (size_t i = 0; i < c->rows; i++)
        it->scale[k].p[i] = (real)(sqrt(mat_sum_squares(mat_rows(c->d[k], i, 1))) / options_of(c)->scaled_targets);
    scale_rows(c, c->d[k], c->d[k], it->offset[k], false);
}

/* Way k alone. */
static int refine(struct credit *c, struct pass *p, size_t k, struct err *e)
{
    const struct iterate_options *o = options_of(c);
    struct iterate *it = iterate_of(c);
    const size_t to = c->ways[k].to;
    if (has_input(o)) {
        TRY(settle_input(c, p, k, e));
        mat_add(p->links[to].out, it->input.value[k], it->input.change[k]); /* shown */
        const int64_t steps = corrections_of(o);
        return steps > 0 ? settle_output(c, p, k, k + 1, false, steps, e) : 0;
    }
    TRY(begin(c, p, k, e));
    TRY(settle_output(c, p, k, k + 1, false, o->iterations, e));
    if (o->scaled_targets > 0)
        scale_rows(c, c->d[to], c->branch[k], c->branch[k], true);
    return 0;
}

static int back(struct credit *c, struct pass *p, size_t lo, struct err *e)
{
    const struct iterate_options *o = options_of(c);
    const struct iterate *it = iterate_of(c);
    const size_t top = c->n - 1, lowest = c->first_way[lo];
    const bool scales = o->scaled_targets > 0;
    if (scales)
        set_offset(c, top);
    for (size_t k = top; k-- > lo;) {
        for (size_t w = c->first_way[k]; w < c->first_way[k + 1]; w++)
            TRY(o->over == OVER_LAYER ? refine(c, p, w, e) : begin(c, p, w, e));
        ways_mix(c, k);
        if (scales)
            set_offset(c, k);
    }
    if (o->over == OVER_LAYER)
        return 0;
    TRY(settle_output(c, p, lowest, c->n_ways, true, o->iterations, e));
    *it->sweeps.p = (real)it->settling.of[lowest].steps;
    *it->last.p = (real)it->settling.of[lowest].last;
    return 0;
}

/* A sweep of output goes down with the target and with what goes up; one of input goes up and down once. Of all layers
 * at once from the states, link k stays at rest until the loss has come down to it, one link a sweep. */
static struct trips trips(const struct credit *c, size_t k)
{
    const struct iterate_options *o = options_of(c);
    const double sweeps = (double)o->iterations, late = (double)c->ways[k].late;
    if (has_input(o)) {
        const double corrections = (double)corrections_of(o);
        return (struct trips){ 2 + sweeps + 2 * corrections, sweeps + corrections };
    }
    if (o->start == START_DECODER)
        return (struct trips){ 2 + 2 * sweeps, sweeps };
    const double moves = o->over == OVER_PARALLEL ? fmax(sweeps - late, 0) : sweeps;
    return (struct trips){ 2 * moves, moves };
}

extern const struct propagate_def propagate_iterate;
const struct propagate_def propagate_iterate = {
    .part = { .name = "iterate",
              .help = "an approximate inverse, corrected by going up and down again",
              .ref = "Bengio 2020, Sec. 5, 6, Alg. 1",
              .options = table,
              .opts_size = sizeof(struct iterate_options),
              .state_size = sizeof(struct iterate),
              .needs = GIVES_APPLY,
              .gives = TAKES_BRANCHES },
    .fits = fits,
    .open = open,
    .back = back,
    .iterates = true,
    .trips = trips,
};
