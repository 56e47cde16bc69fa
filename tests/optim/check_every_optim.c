/* What every optimizer of the registry promises: at its defaults, with each option at the ends of its range and
 * between, and in combinations that have a loop of their own. */
#include "optim/optim.h"

#include "../base/part_options.h"
#include "base/team.h"
#include "check_main.h"
#include "spec/bind.h"

#include <assert.h>

enum { N = 37, MOST_SLOTS = 8, MOST_CASES = 256 };

struct optim_case {
    const struct optim_def *def;
    const char *pairs[9]; /* name, value, ..., NULL; stepsize 0.5 beside them */
    char value[32];       /* of the one option that was taken from the table */
    bool plain;           /* all at their defaults */
};
static struct optim_case cases[MOST_CASES];
static int n_cases;

static const char *const combinations[][8] = {
    { "sgd", "momentum", "0.75", "nesterov", "true" },
    { "sgd", "weight_decay", "0.125", "momentum", "0.75" },
    { "sgd", "weight_decay", "0.125", "momentum", "0.75", "nesterov", "true" },
    { "rmsprop", "momentum", "0.5", "epsilon_inside", "true", "epsilon", "1e-3" },
    { "rmsprop", "centered", "true", "epsilon", "1e-3" },
};

static const struct optim_def *optim_at(size_t i)
{
    return (const struct optim_def *)(const void *)optim_registry.parts[i];
}

static struct optim_case *add_case(const struct optim_def *def)
{
    assert(n_cases < MOST_CASES); /* before the tests run */
    cases[n_cases].def = def;
    return &cases[n_cases++];
}

static void find_cases(void)
{
    for (size_t i = 0; i < optim_registry.n_parts; i++) {
        add_case(optim_at(i))->plain = true;
        for (const struct option *o = optim_at(i)->part.options; o->name; o++) {
            char value[32];
            for (size_t k = 0; strcmp(o->name, "stepsize") != 0 && option_example(o, k, value, sizeof value); k++) {
                struct optim_case *c = add_case(optim_at(i));
                memcpy(c->value, value, sizeof value);
                c->pairs[0] = o->name;
                c->pairs[1] = c->value;
            }
        }
    }
    for (size_t i = 0; i < sizeof combinations / sizeof *combinations; i++)
        memcpy(add_case((const void *)registry_find(&optim_registry, combinations[i][0]))->pairs, combinations[i] + 1,
               7 * sizeof(char *));
}

static void *opts_of(const struct optim_case *c, const char *stepsize)
{
    void *opts = options_new(&c->def->part);
    options_set(&c->def->part, opts, "stepsize", stepsize);
    for (const char *const *p = c->pairs; *p; p += 2)
        options_set(&c->def->part, opts, p[0], p[1]);
    return opts;
}

/* "adam, epsilon 0" */
static const char *text_of(const struct optim_case *c)
{
    static char text[128]; /* until the next call */
    int n = snprintf(text, sizeof text, "%s", c->def->part.name);
    for (const char *const *p = c->pairs; *p; p += 2)
        n += snprintf(text + n, sizeof text - (size_t)n, ", %s %s", p[0], p[1]);
    return text;
}

/* Numbers like 2.385, never 0 or 1. */
static real number(size_t i)
{
    return (real)(2.385 * sin(1.7 * (double)i + 0.3));
}

/* The same bits; steps at the end of a range may also end in NaN. */
static bool same(real a, real b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

static void check_same(const struct optim_case *c, const char *what, const real *a, const real *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!same(a[i], b[i]))
            ck_abort_msg("%s: %s: number %zu of %zu is %.17g and %.17g", text_of(c), what, i, n, (double)a[i],
                         (double)b[i]);
}

struct run {
    real w[N], slots[MOST_SLOTS * N + 1];
};

#define GUARD ((real)-77.25)

/* Steps first .. last of n weights from a start that depends on the weight's number only. */
static void go_on(const struct optim_case *c, struct run *r, size_t n, size_t number_of_first, int64_t first,
                  int64_t last, const real *factor, const char *stepsize)
{
    const struct optim_def *def = c->def;
    void *opts = opts_of(c, stepsize);
    ck_assert_uint_le(def->n_slots, MOST_SLOTS);
    if (first == 1) {
        memset(r->slots, 0, sizeof r->slots);
        r->slots[def->n_slots * n] = GUARD;
        for (size_t i = 0; i < n; i++)
            r->w[i] = number(1000 + number_of_first + i);
    }
    for (int64_t t = first; t <= last; t++) {
        real g[N];
        for (size_t i = 0; i < n; i++)
            g[i] = number((size_t)t * 100 + number_of_first + i);
        def->step(opts, t, n, r->w, g, factor, r->slots);
        for (size_t i = 0; i < n; i++)
            ck_assert_msg(same(g[i], number((size_t)t * 100 + number_of_first + i)), "%s: changes the direction",
                          text_of(c));
    }
    ck_assert_msg(r->slots[def->n_slots * n] == GUARD, "%s: writes behind its slots", text_of(c));
    free(opts);
}

START_TEST(descriptions)
{
    registry_check(&optim_registry);
    for (size_t i = 0; i < optim_registry.n_parts; i++) {
        ck_assert(optim_at(i)->step);
        ck_assert_str_eq(optim_registry.parts[i]->options[0].name, "stepsize"); /* STEP_OPTIONS_COMMON */
        ck_assert_uint_eq(optim_registry.parts[i]->options[0].offset, offsetof(struct optim_common, stepsize));
    }
}
END_TEST

static int bind_one(const struct optim_def *def, const char *option, const char *value, struct err *e)
{
    struct arena a;
    char yaml[128];
    arena_init(&a, 0);
    snprintf(yaml, sizeof yaml, "{%s%s: %s}", strcmp(option, "stepsize") == 0 ? "" : "stepsize: 0.5, ", option, value);
    struct node *tree = tree_parse("test", arena_strdup(&a, yaml), strlen(yaml), &a, e);
    void *opts = arena_alloc(&a, 1, def->part.opts_size);
    ck_assert(tree && opts);
    const int code = bind_tree(tree, def->part.options, opts, "", &a, e);
    arena_finish(&a);
    return code;
}

/* Every number has a range: its ends are taken, and what lies beyond is refused with the name of the option. */
START_TEST(numbers_out_of_range_are_refused)
{
    for (size_t i = 0; i < optim_registry.n_parts; i++)
        for (const struct option *o = optim_at(i)->part.options; o->name; o++) {
            char value[32];
            struct err e = { 0 };
            if (o->type != OPT_INT && o->type != OPT_REAL)
                continue;
            ck_assert_msg(o->min < o->max, "%s.%s has no range", optim_at(i)->part.name, o->name);
            for (size_t k = 0; option_example(o, k, value, sizeof value); k++)
                ck_assert_msg(bind_one(optim_at(i), o->name, value, &e) == 0, "%s: %s", o->name, value);
            for (int end = 0; end < 2; end++) {
                const double beyond = end ? o->max + fmax(1, fabs(o->max)) : o->min - fmax(1, fabs(o->min));
                snprintf(value, sizeof value, "%.17g", beyond);
                ck_assert_msg(bind_one(optim_at(i), o->name, value, &e) == ERR_SPEC, "%s: %s", o->name, value);
                ck_assert_ptr_nonnull(strstr(err_first(&e), o->name));
                err_clear(&e);
            }
        }
}
END_TEST

/* A weight's course depends on nothing beside it: not on the vector's length, nor on its place in it. Bit for bit. */
START_TEST(weights_do_not_see_each_other)
{
    const struct optim_case *c = &cases[_i];
    struct run all, one;
    go_on(c, &all, N, 0, 1, 5, NULL, "0.5");
    for (size_t i = 0; i < N; i++) {
        go_on(c, &one, 1, i, 1, 5, NULL, "0.5");
        check_same(c, "a weight alone", one.w, &all.w[i], 1);
    }
    go_on(c, &one, 0, 0, 1, 5, NULL, "0.5"); /* no weights at all */
}
END_TEST

/* As many weights as a team shares, against pieces of them one after the other. */
START_TEST(a_team_gives_the_same)
{
    enum { MANY = 3 * 16 * 1024 + 5, PIECE = 1000 };
    const struct optim_case *c = &cases[_i];
    const size_t n_slots = c->def->n_slots;
    real *w = malloc(MANY * sizeof *w), *alone = malloc(MANY * sizeof *w), *g = malloc(MANY * sizeof *w),
         *factor = malloc(MANY * sizeof *w), *slots = calloc((n_slots + 1) * MANY, sizeof *w),
         *own = calloc((n_slots + 1) * PIECE, sizeof *w);
    void *opts = opts_of(c, "0.5");
    struct team *team;
    struct err e = { 0 };
    ck_assert(w && alone && g && factor && slots && own);
    for (size_t i = 0; i < MANY; i++)
        alone[i] = w[i] = number(i), g[i] = number(i + 7), factor[i] = (real)(1 + i % 3);
    ck_assert_int_eq(team_open(&team, 3, &e), 0);
    for (int64_t t = 1; t <= 3; t++)
        c->def->step(opts, t, MANY, w, g, t == 2 ? factor : NULL, slots);
    team_close(team);
    for (size_t from = 0; from < MANY; from += PIECE) {
        const size_t n = MANY - from < PIECE ? MANY - from : PIECE;
        memset(own, 0, (n_slots + 1) * PIECE * sizeof *own);
        for (int64_t t = 1; t <= 3; t++)
            c->def->step(opts, t, n, alone + from, g + from, t == 2 ? factor + from : NULL, own);
    }
    check_same(c, "by a team and by pieces", w, alone, MANY);
    free(w), free(alone), free(g), free(factor), free(slots), free(own), free(opts);
}
END_TEST

/* t, w and the slots are the whole state: going on with a copy of them gives what it gave before. */
START_TEST(resumed_equals_unbroken)
{
    const struct optim_case *c = &cases[_i];
    struct run whole, part, resumed;
    go_on(c, &whole, N, 0, 1, 9, NULL, "0.5");
    go_on(c, &part, N, 0, 1, 4, NULL, "0.5");
    memcpy(&resumed, &part, sizeof part);
    for (int again = 0; again < 2; again++, resumed = part) {
        go_on(c, &resumed, N, 0, 5, 9, NULL, "0.5");
        check_same(c, "resumed and unbroken", resumed.w, whole.w, N);
        check_same(c, "slots, resumed and unbroken", resumed.slots, whole.slots, N * c->def->n_slots);
    }
}
END_TEST

/* Ones change no bit, a factor of 4 is four times the stepsize, and 0 keeps the weight, of that weight only. (Weight
 * decay feeds the weights back, so there the state follows.) */
START_TEST(factor_multiplies_the_stepsize)
{
    const struct optim_case *c = &cases[_i];
    struct run plain, ones, mixed, fourfold;
    real factor[N], one[N], start[N];
    for (size_t i = 0; i < N; i++) {
        one[i] = 1;
        factor[i] = i % 3 == 0 ? 4 : (real)(i % 3 == 1);
        start[i] = number(1000 + i);
    }
    go_on(c, &plain, N, 0, 1, 5, NULL, "0.5");
    go_on(c, &ones, N, 0, 1, 5, one, "0.5");
    go_on(c, &mixed, N, 0, 1, 5, factor, "0.5");
    go_on(c, &fourfold, N, 0, 1, 5, NULL, "2");
    check_same(c, "factor 1", ones.w, plain.w, N);
    for (size_t i = 0; i < N; i++)
        check_same(c,
                   i % 3 == 0   ? "factor 4"
                   : i % 3 == 1 ? "factor 1 beside others"
                                : "factor 0",
                   &mixed.w[i],
                   i % 3 == 0   ? &fourfold.w[i]
                   : i % 3 == 1 ? &plain.w[i]
                                : &start[i],
                   1);
    ck_assert_msg(!c->plain || memcmp(fourfold.w, plain.w, sizeof plain.w) != 0, "%s: does not move", text_of(c));
    if (!c->pairs[0] || strcmp(c->pairs[0], "weight_decay") != 0)
        check_same(c, "slots with factors", mixed.slots, plain.slots, N * c->def->n_slots);
}
END_TEST

/* A NaN or infinity in a direction reaches its weight, and no other. */
START_TEST(nonfinite_directions_reach_the_weight)
{
    const struct optim_case *c = &cases[_i];
    static const real kinds[] = { NAN, INFINITY, -INFINITY };
    void *opts = opts_of(c, "0.5");
    for (size_t kind = 0; kind < 6; kind++) {
        real w[N], g[N], ones[N], slots[MOST_SLOTS * N] = { 0 };
        for (size_t i = 0; i < N; i++) {
            w[i] = number(i);
            g[i] = number(i + 7);
            ones[i] = 1;
        }
        g[5] = g[33] = kinds[kind / 2];
        c->def->step(opts, 1, N, w, g, kind % 2 ? ones : NULL, slots);
        for (size_t i = 0; i < N; i++)
            ck_assert_msg(!isfinite(w[i]) == (i == 5 || i == 33), "%s: a direction of %g makes weight %zu %g",
                          text_of(c), (double)g[i], i, (double)w[i]);
    }
    free(opts);
}
END_TEST

/* The first step of every rule goes down: against the direction, over all weights. */
START_TEST(the_first_step_descends)
{
    const struct optim_case *c = &cases[_i];
    real w[N] = { 0 }, g[N], slots[MOST_SLOTS * N] = { 0 };
    void *opts = opts_of(c, "0.5");
    double along = 0;
    for (size_t i = 0; i < N; i++)
        g[i] = number(i + 7);
    c->def->step(opts, 1, N, w, g, NULL, slots);
    for (size_t i = 0; i < N; i++)
        along += (double)w[i] * (double)g[i];
    ck_assert_msg(along < 0, "%s: <direction, change> = %g", text_of(c), along);
    free(opts);
}
END_TEST

START_TEST(stepsize_zero_keeps_the_weights)
{
    struct run r;
    real start[N];
    for (size_t i = 0; i < N; i++)
        start[i] = number(1000 + i);
    go_on(&cases[_i], &r, N, 0, 1, 5, NULL, "0");
    check_same(&cases[_i], "stepsize 0", r.w, start, N);
}
END_TEST

static void add_tests(TCase *tcase)
{
    find_cases();
    tcase_add_test(tcase, descriptions);
    tcase_add_test(tcase, numbers_out_of_range_are_refused);
    tcase_add_loop_test(tcase, weights_do_not_see_each_other, 0, n_cases);
    tcase_add_loop_test(tcase, a_team_gives_the_same, 0, n_cases);
    tcase_add_loop_test(tcase, resumed_equals_unbroken, 0, n_cases);
    tcase_add_loop_test(tcase, factor_multiplies_the_stepsize, 0, n_cases);
    tcase_add_loop_test(tcase, nonfinite_directions_reach_the_weight, 0, n_cases);
    tcase_add_loop_test(tcase, the_first_step_descends, 0, n_cases);
    tcase_add_loop_test(tcase, stepsize_zero_keeps_the_weights, 0, n_cases);
}

CHECK_MAIN("every_optim", add_tests)
