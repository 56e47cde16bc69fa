/* What a plan is counted into, and what stored attempts say of its shapes. */
#include "fixture.h"

#include "run/price.h"

/* Opens the plan of the fixture's file again, and counts its trials against the database, if there is one. */
struct counted {
    struct plan plan;
    struct price_list list;
    struct query *q;
};

static void count(struct counted *x, struct fixture *f, const char *const *with, size_t n, bool stored)
{
    struct err e = { 0 };
    const char *const paths[] = { f->file };
    *x = (struct counted){ .q = NULL };
    if (stored)
        must(query_open(&x->q, f->db, &e), &e);
    price_open(&x->list, x->q);
    const struct plan_options options = {
        .code = "test 1", .n_overrides = n, .overrides = with, .visit = price_visit, .visitor = &x->list
    };
    must(plan_open(&x->plan, paths, 1, &options, &e), &e);
    ck_assert_int_eq(x->list.error.code, 0);
}

static void give_back(struct counted *x)
{
    price_close(&x->list);
    query_close(x->q);
    plan_close(&x->plan);
}

START_TEST(shapes_are_told_apart)
{
    struct fixture f;
    struct counted x;
    static const char *const same_shapes[] = { "train.iterations=20", "train.optimizer.stepsize=0.5" };
    fixture_folder(&f);
    count(&x, &f, NULL, 0, false);
    ck_assert_uint_eq(x.list.n_shapes, 2); /* batches of 4 and 5 */
    ck_assert_uint_eq(x.list.n_classes, 2);
    ck_assert_uint_eq(x.list.n_variants, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct price_class *c = &x.list.classes[i];
        ck_assert_uint_eq(c->n, 2);
        ck_assert_double_eq(c->left, 2);
        ck_assert_int_eq(c->budget, BUDGET);
        ck_assert_double_eq(c->work.steps, BUDGET);
        ck_assert_double_eq(c->work.logs, 2);
        ck_assert_uint_eq(price_find(&x.list, x.list.shapes[i].shape), i);
        ck_assert_double_gt(x.list.shapes[i].flops_per_step, 0);
        ck_assert_double_gt(x.list.shapes[i].checkpoint_bytes, 4 * (double)x.list.variants[i].first.n_weights);
    }
    struct counted y;
    count(&y, &f, same_shapes, 2, false);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_str_eq(y.list.shapes[i].shape, x.list.shapes[i].shape);
        ck_assert_int_eq(y.list.classes[i].budget, 20);
    }
    give_back(&y);
    give_back(&x);
    fixture_remove(&f);
}
END_TEST

/* An attempt on this machine, or on another, that took a second for each step and two for each log. */
static void store_attempt(struct fixture *f, int64_t trial, bool here, double seconds)
{
    struct err e = { 0 };
    char processor[160], host[256];
    int64_t run;
    snprintf(host, sizeof host, "name, system, %s, 2 processors",
             here ? status_processor(processor, sizeof processor) : "another processor");
    const struct store_run facts = { .trial = trial, .host = host, .code = "test 1", .kernel = "K", .pid = 1 };
    must(store_begin_run(f->r.store, &facts, &run, &e), &e);
    for (int64_t step = 0; step <= BUDGET; step += BUDGET) {
        must(store_metric(f->r.store, trial, run, "train_loss", step, 1, &e), &e);
        for (int64_t layer = 0; layer < 3; layer++)
            must(store_layer_metric(f->r.store, trial, run, "weight_norm", step, layer, 1, &e), &e);
    }
    const int64_t ns = (int64_t)(seconds * 1e9);
    must(store_cost(f->r.store, run, "train", 9 * ns, BUDGET * ns, 1, &e), &e);
    must(store_cost(f->r.store, run, "evaluate", 9 * ns, 4 * ns, 1, &e), &e);
    const struct store_end end = { .run = run, .trial = trial, .state = TRIAL_DONE, .step = BUDGET, .layer = -1 };
    must(store_end_run(f->r.store, &end, &e), &e);
}

START_TEST(stored_attempts_tell)
{
    struct fixture f;
    struct counted x;
    struct err e = { 0 };
    int64_t ids[TRIALS];
    fixture_folder(&f);
    fixture_begin(&f, NULL, NULL, false);
    fixture_queue(&f);
    for (int i = 0; i < TRIALS; i++)
        ids[i] = f.r.pending[i].trial;
    store_attempt(&f, ids[0], true, 1);
    store_attempt(&f, ids[2], false, 1);
    fixture_end(&f);
    static const char *const other_seeds[] = { "seeds=[1, 5, 6]", "train.optimizer.stepsize=0.5",
                                               "train.iterations=40" };
    count(&x, &f, other_seeds, 3, true);
    must(price_by_rows(&x.list, &e), &e);
    const struct price_shape *a = &x.list.shapes[0], *b = &x.list.shapes[1];
    ck_assert_int_eq(a->source, PRICE_STORED);
    ck_assert_uint_eq(a->n, 1);
    ck_assert_double_eq_tol(a->each.step, 1, 1e-9);
    ck_assert_double_eq_tol(a->each.look, 2, 1e-9);
    ck_assert_double_eq_tol(a->each.rows, 1, 1e-9);
    ck_assert_double_eq_tol(a->each.layer_rows, 3, 1e-9);
    ck_assert_double_eq(a->each.start, PRICE_START_SECONDS); /* the phases are longer than the attempt was */
    ck_assert_int_eq(b->source, PRICE_UNKNOWN);              /* it ran elsewhere */
    price_scale(&x.list);
    ck_assert_int_eq(b->source, PRICE_SCALED);
    give_back(&x);
    fixture_remove(&f);
}
END_TEST

START_TEST(what_has_ended_is_counted)
{
    struct fixture f;
    struct counted x;
    static const char *const longer[] = { "train.iterations=40" };
    fixture_folder(&f);
    fixture_begin(&f, NULL, NULL, false);
    fixture_queue(&f);
    store_attempt(&f, f.r.pending[0].trial, true, 1);
    fixture_end(&f);
    count(&x, &f, NULL, 0, true);
    ck_assert_uint_eq(x.list.classes[0].n_finished, 1);
    ck_assert_double_eq(x.list.classes[0].left, 1);
    ck_assert_uint_eq(x.list.variants[0].n_finished, 1);
    ck_assert_uint_eq(x.list.classes[1].n_finished, 0);
    give_back(&x);
    count(&x, &f, longer, 1, true); /* of the longer one a quarter is done */
    ck_assert_uint_eq(x.list.classes[0].n_finished, 0);
    ck_assert_double_eq(x.list.classes[0].left, 1.75);
    give_back(&x);
    fixture_remove(&f);
}
END_TEST

START_TEST(only_what_is_asked_for)
{
    struct fixture f;
    struct counted x;
    static const char *const variant[] = { "b" };
    fixture_folder(&f);
    struct err e = { 0 };
    const char *const paths[] = { f.file };
    x = (struct counted){ .q = NULL };
    price_open(&x.list, NULL);
    const struct plan_options options = {
        .code = "test 1", .n_variants = 1, .variants = variant, .visit = price_visit, .visitor = &x.list
    };
    must(plan_open(&x.plan, paths, 1, &options, &e), &e);
    ck_assert_uint_eq(x.list.n_classes, 1);
    ck_assert_uint_eq(x.list.classes[0].variant, 1);
    give_back(&x);
    fixture_remove(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, shapes_are_told_apart);
    tcase_add_test(t, stored_attempts_tell);
    tcase_add_test(t, what_has_ended_is_counted);
    tcase_add_test(t, only_what_is_asked_for);
}
CHECK_MAIN("survey", add_tests)
