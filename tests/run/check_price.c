/* Prices from numbers that are given: no clock, no database. */
#include "../check_main.h"

#include "run/price.h"
#include <math.h>
#include <string.h>

/* Lists by hand: what price_survey.c makes of a plan. */
struct hand {
    struct price_list list;
    struct price_shape shapes[4];
    struct price_class classes[4];
};

static void hold(struct hand *h)
{
    *h = (struct hand){ .list = { .shapes = h->shapes, .classes = h->classes } };
    arena_init(&h->list.arena, 0);
}

static void let_go(struct hand *h)
{
    arena_finish(&h->list.arena);
}

/* A shape whose step takes `step` seconds, to be known from `source`. */
static size_t add_shape(struct hand *h, double step, enum price_source source)
{
    const size_t i = h->list.n_shapes++;
    h->shapes[i] = (struct price_shape){ .flops_per_step = step * 1e9,
                                         .memory_bytes = 1e6 * (double)(i + 1),
                                         .checkpoint_bytes = 1000,
                                         .feedback_steps = 2,
                                         .source = source,
                                         .each = { .step = step, .rows = 3, .layer_rows = 4 },
                                         .low = 0.5,
                                         .high = 3 };
    return i;
}

static struct price_class *add_class(struct hand *h, size_t shape, double steps, uint64_t n)
{
    const size_t i = h->list.n_classes++;
    h->classes[i] = (struct price_class){ .shape = shape,
                                          .threads = 1,
                                          .work = { .steps = steps, .logs = 2 },
                                          .n = n,
                                          .left = (double)n,
                                          .checkpoint_every = 30,
                                          .cell = "" };
    return &h->classes[i];
}

static struct price_work work_of(int64_t steps, int64_t every)
{
    struct config c = { .log = { .every = every } };
    const struct trial_size size = { .iterations = steps, .n_feedback = 7, .n_checks = 3 };
    return price_work_of(&c, &size);
}

/* trial/trial.c: a log at step 0, every so often, and at the end. */
START_TEST(work_is_counted_as_a_trial_does_it)
{
    ck_assert_double_eq(work_of(0, 10).logs, 1);
    ck_assert_double_eq(work_of(1, 10).logs, 2);
    ck_assert_double_eq(work_of(10, 10).logs, 2);
    ck_assert_double_eq(work_of(11, 10).logs, 3);
    ck_assert_double_eq(work_of(100, 10).logs, 11);
    ck_assert_double_eq(work_of(100, 10).steps, 100);
    ck_assert_double_eq(work_of(100, 10).feedback, 7);
    ck_assert_double_eq(work_of(100, 10).checks, 3);
}
END_TEST

START_TEST(a_trial_is_what_it_does)
{
    struct hand h;
    hold(&h);
    const size_t shape = add_shape(&h, 1, PRICE_TIMED);
    h.shapes[shape].each = (struct trial_timing){ 5, 1, 0.5, 2, 3, 7, 0, 0 };
    struct price_class *c = add_class(&h, shape, 10, 1);
    c->work = (struct price_work){ .steps = 10, .logs = 2, .checks = 4, .feedback = 3 };
    const double training = 10 + 2 * (0.5 + 2) + 4 * 3 + 3 * 7;
    const struct price_range r = price_trial(&h.list, c);
    ck_assert_double_ge(r.expected, 5 + training);
    ck_assert_double_le(r.expected, 5 + training + 0.1); /* and two checkpoints */
    ck_assert_double_eq_tol(r.low, r.expected / 2, 1e-9);
    ck_assert_double_eq_tol(r.high, r.expected * 3, 1e-9);
    let_go(&h);
}
END_TEST

/* Small and large ones are added up each with its own price. */
START_TEST(every_shape_has_its_own_price)
{
    struct hand h;
    struct price p;
    hold(&h);
    add_class(&h, add_shape(&h, 1, PRICE_STORED), 10, 3);
    add_class(&h, add_shape(&h, 100, PRICE_TIMED), 10, 1);
    price_sum(&h.list, SIZE_MAX, 1, 8, &p);
    ck_assert_uint_eq(p.n, 4);
    ck_assert_double_eq_tol(p.processor.expected, 1030, 1);
    ck_assert_double_eq_tol(p.processor.low, 515, 1);
    ck_assert_double_eq_tol(p.processor.high, 3090, 1);
    ck_assert_double_eq_tol(p.wall.expected, p.processor.expected, 1e-6);
    ck_assert_double_eq(p.rows, 4 * 2 * (3 + 4));
    ck_assert_double_eq(p.database_bytes, 4 * PRICE_TRIAL_BYTES + p.rows * PRICE_ROW_BYTES);
    ck_assert_double_eq(p.checkpoint_bytes, 1000 * (3 + 2)); /* the long one writes one on its way */
    let_go(&h);
}
END_TEST

/* Three equal trials on two workers take as long as two after each other, and no machine is shorter than its longest
 * trial; more workers than processors do not help. */
START_TEST(workers_share_whole_trials)
{
    struct hand h;
    struct price p, one;
    hold(&h);
    struct price_class *c = add_class(&h, add_shape(&h, 1, PRICE_TIMED), 10, 3);
    price_sum(&h.list, SIZE_MAX, 1, 8, &one);
    price_sum(&h.list, SIZE_MAX, 2, 8, &p);
    ck_assert_double_eq_tol(p.wall.expected, one.wall.expected * 2 / 3, 1e-6);
    price_sum(&h.list, SIZE_MAX, 3, 8, &p);
    ck_assert_double_eq_tol(p.wall.expected, one.wall.expected / 3, 1e-6);
    price_sum(&h.list, SIZE_MAX, 64, 1, &p);
    ck_assert_double_eq_tol(p.wall.expected, one.wall.expected, 1e-6);
    c->n = 1000000; /* too many to be dealt one by one */
    c->left = 1e6;
    price_sum(&h.list, SIZE_MAX, 4, 4, &p);
    ck_assert_double_eq_tol(p.wall.expected, p.processor.expected / 4, 1e-3);
    let_go(&h);
}
END_TEST

START_TEST(what_is_finished_costs_nothing)
{
    struct hand h;
    struct price all, p;
    hold(&h);
    struct price_class *c = add_class(&h, add_shape(&h, 1, PRICE_TIMED), 10, 4);
    price_sum(&h.list, SIZE_MAX, 1, 1, &all);
    c->n_finished = 1;
    c->left = 2.5; /* and one has come half way */
    price_sum(&h.list, SIZE_MAX, 1, 1, &p);
    ck_assert_uint_eq(p.n_finished, 1);
    ck_assert_double_eq_tol(p.processor.expected, all.processor.expected * 2.5 / 4, 1e-9);
    ck_assert_double_eq_tol(p.wall.expected, p.processor.expected, 1e-9);
    c->n_finished = 4;
    c->left = 0;
    price_sum(&h.list, SIZE_MAX, 1, 1, &p);
    ck_assert_double_eq(p.wall.high, 0);
    ck_assert_double_eq(p.memory_bytes, 0);
    ck_assert_double_eq(p.checkpoint_bytes, 0);
    let_go(&h);
}
END_TEST

START_TEST(memory_is_of_the_largest_together)
{
    struct hand h;
    struct price p;
    hold(&h);
    add_class(&h, add_shape(&h, 1, PRICE_TIMED), 10, 5);
    add_class(&h, add_shape(&h, 1, PRICE_TIMED), 10, 2);
    price_sum(&h.list, SIZE_MAX, 1, 1, &p);
    ck_assert_double_eq(p.memory_bytes, 2e6 + PRICE_WORKER_BYTES);
    price_sum(&h.list, SIZE_MAX, 4, 1, &p);
    ck_assert_double_eq(p.memory_bytes, 2 * 2e6 + 2 * 1e6 + 4 * PRICE_WORKER_BYTES);
    price_sum(&h.list, SIZE_MAX, 100, 1, &p);
    ck_assert_double_eq(p.memory_bytes, 2 * 2e6 + 5 * 1e6 + 7 * PRICE_WORKER_BYTES);
    let_go(&h);
}
END_TEST

/* A shape of which nothing is known follows the nearest one of its precision, with twice the doubt. */
START_TEST(unknown_shapes_are_scaled)
{
    struct hand h;
    hold(&h);
    add_shape(&h, 1, PRICE_TIMED);
    add_shape(&h, 100, PRICE_STORED);
    const size_t near = add_shape(&h, 50, PRICE_UNKNOWN), other = add_shape(&h, 1, PRICE_UNKNOWN);
    h.shapes[near].each = h.shapes[other].each = (struct trial_timing){ 0 };
    h.shapes[1].each.look = h.shapes[1].each.check = 30;
    h.shapes[1].flops_per_log = 3e9;
    h.shapes[near].flops_per_log = 1e9; /* a smaller set to evaluate */
    h.shapes[other].precision = PRECISION_DOUBLE;
    h.shapes[1].precision = PRECISION_DOUBLE;
    h.shapes[near].precision = PRECISION_DOUBLE;
    price_scale(&h.list);
    ck_assert_int_eq(h.shapes[near].source, PRICE_SCALED);
    ck_assert_double_eq_tol(h.shapes[near].each.step, 50, 1e-9);
    ck_assert_double_eq_tol(h.shapes[near].each.look, 10, 1e-9);
    ck_assert_double_eq_tol(h.shapes[near].each.check, 10, 1e-9);
    ck_assert_double_eq(h.shapes[near].each.rows, 3);
    ck_assert_double_eq(h.shapes[near].low, 0.25);
    ck_assert_double_eq(h.shapes[near].high, 6);
    ck_assert_double_eq_tol(h.shapes[other].each.step, 1, 1e-9);
    ck_assert_int_eq(h.shapes[0].source, PRICE_TIMED);
    let_go(&h);
}
END_TEST

START_TEST(nothing_known_is_said)
{
    struct hand h;
    struct price p;
    hold(&h);
    add_class(&h, add_shape(&h, 1, PRICE_UNKNOWN), 10, 3);
    price_scale(&h.list);
    price_sum(&h.list, SIZE_MAX, 2, 2, &p);
    ck_assert_uint_eq(p.n_unknown, 3);
    ck_assert_double_eq(p.wall.high, 0);
    let_go(&h);
}
END_TEST

/* One slow attempt among five moves the bounds, not the price. */
START_TEST(samples_give_medians_and_bounds)
{
    struct hand h;
    hold(&h);
    const size_t shape = add_shape(&h, 1, PRICE_UNKNOWN);
    struct price_sample x[5];
    for (int i = 0; i < 5; i++)
        x[i] = (struct price_sample){ .shape = shape,
                                      .work = { .steps = 100, .logs = 10, .feedback = 50 },
                                      .train = 200 * (i == 3 ? 3 : 1), /* 1 s a step, 2 s a feedback minibatch */
                                      .evaluate = 20 * (i == 3 ? 3 : 1),
                                      .start = 0.5 + i,
                                      .rows = 30,
                                      .layer_rows = 20 };
    price_by_samples(&h.list, x, 5, &h.list.arena);
    const struct price_shape *s = &h.shapes[shape];
    ck_assert_int_eq(s->source, PRICE_STORED);
    ck_assert_uint_eq(s->n, 5);
    ck_assert_double_eq_tol(s->each.step, 1, 1e-9);
    ck_assert_double_eq_tol(s->each.feedback, 2, 1e-9);
    ck_assert_double_eq_tol(s->each.look, 2, 1e-9);
    ck_assert_double_eq_tol(s->each.start, 0.5, 1e-9);
    ck_assert_double_eq_tol(s->each.rows, 3, 1e-9);
    ck_assert_double_eq_tol(s->each.layer_rows, 2, 1e-9);
    ck_assert_double_eq_tol(s->low, 0.9, 1e-9);
    ck_assert_double_eq_tol(s->high, 3, 1e-9);
    let_go(&h);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, work_is_counted_as_a_trial_does_it);
    tcase_add_test(t, a_trial_is_what_it_does);
    tcase_add_test(t, every_shape_has_its_own_price);
    tcase_add_test(t, workers_share_whole_trials);
    tcase_add_test(t, what_is_finished_costs_nothing);
    tcase_add_test(t, memory_is_of_the_largest_together);
    tcase_add_test(t, unknown_shapes_are_scaled);
    tcase_add_test(t, nothing_known_is_said);
    tcase_add_test(t, samples_give_medians_and_bounds);
}
CHECK_MAIN("price", add_tests)
