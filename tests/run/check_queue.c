/* What is left to do, by what the database says of each trial. */
#include "fixture.h"

static const char sha[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
#define SAVED "0123456789abcdef.4.safetensors"

static int64_t begin(struct fixture *f, int64_t trial)
{
    struct err e = { 0 };
    int64_t run;
    const struct store_run facts = { .trial = trial, .host = "host", .code = "test 1", .kernel = "K", .pid = 1 };
    must(store_begin_run(f->r.store, &facts, &run, &e), &e);
    return run;
}

static void end(struct fixture *f, int64_t trial, int64_t run, enum trial_state state, int64_t step)
{
    struct err e = { 0 };
    const struct store_end facts = { .run = run, .trial = trial, .state = state, .step = step, .layer = -1 };
    must(store_end_run(f->r.store, &facts, &e), &e);
}

/* The first is done, the second diverged at step 3, the third was interrupted behind a checkpoint of step 4, the fourth
 * failed. */
static void four_ends(struct fixture *f, int64_t ids[TRIALS])
{
    struct err e = { 0 };
    char old[4096];
    fixture_begin(f, NULL, NULL, false);
    fixture_queue(f);
    ck_assert_uint_eq(f->r.n_pending, TRIALS);
    for (int i = 0; i < TRIALS; i++)
        ids[i] = f->r.pending[i].trial;
    end(f, ids[0], begin(f, ids[0]), TRIAL_DONE, BUDGET);
    end(f, ids[1], begin(f, ids[1]), TRIAL_DIVERGED, 3);
    const int64_t run = begin(f, ids[2]);
    must(store_checkpoint(f->r.store, ids[2], run, 4, SAVED, sha, (struct spent){ 0 }, old, &e), &e);
    end(f, ids[2], run, TRIAL_INTERRUPTED, 6);
    end(f, ids[3], begin(f, ids[3]), TRIAL_FAILED, 2);
    make_file(&f->r.own, SAVED);
    fixture_end(f);
}

/* Checks who waits, as a text of the numbers of trials ("2+ 3": the third has a checkpoint). */
static void waits(struct fixture *f, const int64_t ids[TRIALS], const char *expected, double steps)
{
    struct text t = { 0 };
    text_puts(&t, "");
    for (size_t i = 0; i < f->r.n_pending; i++)
        for (int k = 0; k < TRIALS; k++)
            if (f->r.pending[i].trial == ids[k])
                text_add(&t, "%s%d%s", t.n ? " " : "", k, f->r.pending[i].has_checkpoint ? "+" : "");
    ck_assert_str_eq(t.s ? t.s : "", expected);
    ck_assert_double_eq(f->r.steps_left, steps);
    ck_assert_uint_eq(f->result.total, f->result.skipped + f->r.n_pending);
    text_free(&t);
}

START_TEST(every_trial_is_put_once)
{
    struct fixture f;
    int64_t ids[TRIALS];
    fixture_folder(&f);
    for (int again = 0; again < 2; again++) {
        fixture_begin(&f, NULL, NULL, false);
        fixture_queue(&f);
        ck_assert_uint_eq(f.r.n_pending, TRIALS);
        struct err e = { 0 };
        bool queued = false; /* so that the next run need not compose them */
        must(store_is_queued(f.r.store, f.plan.studies[0].store_id, f.plan.studies[0].sha256, &queued, &e), &e);
        ck_assert(queued);
        for (int i = 0; i < TRIALS; i++) {
            char key[65];
            ck_assert(again == 0 || f.r.pending[i].trial == ids[i]);
            ids[i] = f.r.pending[i].trial;
            ck_assert_int_eq(row_of(&f, ids[i], key).state, TRIAL_QUEUED);
            for (int k = 0; k < i; k++)
                ck_assert_int_ne(ids[i], ids[k]);
        }
        waits(&f, ids, "0 1 2 3", TRIALS * BUDGET);
        fixture_end(&f);
    }
    fixture_remove(&f);
}
END_TEST

/* Seeds run fastest, then variants. */
START_TEST(they_wait_in_the_order_of_the_file)
{
    struct fixture f;
    fixture_folder(&f);
    fixture_begin(&f, NULL, NULL, false);
    fixture_queue(&f);
    for (size_t i = 0; i < TRIALS; i++) {
        struct err e = { 0 };
        struct store_described d = { 0 };
        must(store_describe_trial(f.r.store, f.r.pending[i].trial, &d, &e), &e);
        ck_assert_str_eq(d.variant, i < 2 ? "a" : "b");
        ck_assert_int_eq(d.seed, 1 + (int64_t)i % 2);
        ck_assert_int_eq(d.budget, BUDGET);
        store_free_described(&d);
    }
    fixture_end(&f);
    fixture_remove(&f);
}
END_TEST

START_TEST(the_finished_are_left_alone)
{
    struct fixture f;
    int64_t ids[TRIALS];
    fixture_folder(&f);
    four_ends(&f, ids);
    fixture_begin(&f, NULL, NULL, false);
    fixture_queue(&f);
    waits(&f, ids, "2+ 3", BUDGET - 4 + BUDGET);
    ck_assert_uint_eq(f.result.skipped, 2);
    ck_assert_uint_eq(f.r.n_absent, 0);
    fixture_end(&f);
    fixture_remove(&f);
}
END_TEST

/* A larger budget: the one that is done goes on, the one that diverged would diverge again. */
START_TEST(a_larger_budget)
{
    struct fixture f;
    int64_t ids[TRIALS];
    fixture_folder(&f);
    four_ends(&f, ids);
    fixture_begin(&f, "train.iterations=30", NULL, false);
    fixture_queue(&f);
    waits(&f, ids, "0 2+ 3", 30 + 26 + 30);
    fixture_end(&f);
    fixture_begin(&f, "train.iterations=5", NULL,
                  false); /* a smaller one is reached already; what is stopped goes on to it */
    fixture_queue(&f);
    waits(&f, ids, "2+ 3", 1 + 5);
    fixture_end(&f);
    fixture_remove(&f);
}
END_TEST

START_TEST(a_variant_alone)
{
    struct fixture f;
    int64_t ids[TRIALS];
    fixture_folder(&f);
    four_ends(&f, ids);
    fixture_begin(&f, NULL, "b", false);
    fixture_queue(&f);
    waits(&f, ids, "2+ 3", BUDGET - 4 + BUDGET);
    ck_assert_uint_eq(f.result.total, 2);
    fixture_end(&f);
    fixture_remove(&f);
}
END_TEST

/* What is asked for of the same file with the same budget may be more than last time, or other trials of it. */
static void longer(struct fixture *f, const char *seeds, const char *variant, const int64_t ids[TRIALS],
                   const char *expected)
{
    const char *const with[] = { "train.iterations=30", seeds };
    fixture_begin_with(f, with, seeds ? 2 : 1, variant, false);
    fixture_queue(f);
    struct text t = { 0 };
    text_puts(&t, "");
    for (size_t i = 0; i < f->r.n_pending; i++)
        for (int k = 0; k < TRIALS; k++)
            if (f->r.pending[i].trial == ids[k])
                text_add(&t, "%s%d", t.n ? " " : "", k);
    ck_assert_str_eq(t.s, expected);
    text_free(&t);
    fixture_end(f);
}

START_TEST(a_selection_is_not_the_whole)
{
    struct fixture f;
    int64_t ids[TRIALS];
    fixture_folder(&f);
    fixture_begin(&f, NULL, NULL, false);
    fixture_queue(&f);
    for (int i = 0; i < TRIALS; i++) {
        ids[i] = f.r.pending[i].trial;
        end(&f, ids[i], begin(&f, ids[i]), TRIAL_DONE, BUDGET);
    }
    fixture_end(&f);
    longer(&f, "seeds=[1]", NULL, ids, "0 2");
    longer(&f, "seeds=[2]", NULL, ids, "1 3");
    longer(&f, NULL, "b", ids, "2 3");
    longer(&f, "seeds=[1]", "a", ids, "0");
    longer(&f, NULL, NULL, ids, "0 1 2 3");
    longer(&f, "seeds=[1]", "b", ids, "2"); /* known from the whole */
    fixture_remove(&f);
}
END_TEST

/* --variant is about every file of the command. */
START_TEST(a_variant_of_each_file)
{
    struct fixture f;
    struct err e = { 0 };
    fixture_folder(&f);
    char other[96];
    snprintf(other, sizeof other, "%s/other.yaml", f.folder);
    FILE *out = fopen(other, "w");
    ck_assert_ptr_nonnull(out);
    ck_assert_int_gt(fprintf(out, "extends: small.yaml\nexperiment: other\n"), 0);
    ck_assert_int_eq(fclose(out), 0);
    const char *const paths[] = { f.file, other }, *variant = "b";
    const struct plan_options options = { .code = "test 1", .n_variants = 1, .variants = &variant };
    must(plan_open(&f.plan, paths, 2, &options, &e), &e);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_ptr_nonnull(f.plan.studies[i].wanted);
        ck_assert(!f.plan.studies[i].wanted[0] && f.plan.studies[i].wanted[1]);
    }
    plan_close(&f.plan);
    fixture_remove(&f);
}
END_TEST

/* The database was copied without its checkpoints. */
START_TEST(an_absent_checkpoint)
{
    struct fixture f;
    int64_t ids[TRIALS];
    fixture_folder(&f);
    four_ends(&f, ids);
    fixture_begin(&f, NULL, NULL, false);
    checkpoint_remove(&f.r.own, SAVED);
    fixture_queue(&f);
    waits(&f, ids, "2 3", 2 * BUDGET);
    ck_assert_uint_eq(f.r.n_absent, 1);
    fixture_end(&f);
    fixture_remove(&f);
}
END_TEST

START_TEST(force_forgets_what_is_asked_for)
{
    struct fixture f;
    int64_t ids[TRIALS];
    fixture_folder(&f);
    four_ends(&f, ids);
    fixture_begin(&f, NULL, "a", true);
    fixture_queue(&f);
    waits(&f, ids, "0 1", 2 * BUDGET);
    char key[65];
    struct err e = { 0 };
    ck_assert_int_eq(row_of(&f, ids[0], key).state, TRIAL_DONE); /* until it is known that its files can be read */
    must(queue_check_files(&f.r, &e), &e);
    static const enum trial_state states[TRIALS] = { TRIAL_QUEUED, TRIAL_QUEUED, TRIAL_INTERRUPTED, TRIAL_FAILED };
    for (int i = 0; i < TRIALS; i++) {
        const struct store_trial_row row = row_of(&f, ids[i], key);
        ck_assert_int_eq(row.state, states[i]);
        ck_assert_int_eq(row.step, i < 2 ? 0 : i == 2 ? 6 : 2);
    }
    fixture_end(&f);
    fixture_begin(&f, NULL, NULL, true);
    fixture_queue(&f);
    waits(&f, ids, "0 1 2 3", TRIALS * BUDGET);
    fixture_end(&f);
    fixture_remove(&f);
}
END_TEST

/* Variant b has larger minibatches. What is behind a checkpoint is not counted. */
START_TEST(the_longest_come_first)
{
    struct fixture f;
    int64_t ids[TRIALS];
    fixture_folder(&f);
    fixture_begin(&f, NULL, NULL, false);
    fixture_queue(&f);
    for (int i = 0; i < TRIALS; i++)
        ids[i] = f.r.pending[i].trial;
    ck_assert_double_gt(f.r.pending[2].operations, f.r.pending[0].operations);
    ck_assert_double_eq(f.r.pending[1].operations, f.r.pending[0].operations);
    ck_assert_double_gt(f.r.pending[0].memory_bytes, 1 << 20);
    queue_order(&f.r);
    waits(&f, ids, "2 3 0 1", TRIALS * BUDGET);
    fixture_end(&f);
    fixture_remove(&f);
    fixture_folder(&f);
    four_ends(&f, ids);
    fixture_begin(&f, NULL, NULL, false);
    fixture_queue(&f);
    queue_order(&f.r);
    waits(&f, ids, "3 2+", BUDGET + BUDGET - 4);
    fixture_end(&f);
    fixture_remove(&f);
}
END_TEST

/* Trials that take 6, 5, 1 and 2 of 8. */
START_TEST(large_ones_wait_for_each_other)
{
    static const double bytes[TRIALS] = { 6, 5, 1, 2 };
    struct pending all[TRIALS];
    struct attempt slots[TRIALS] = { 0 };
    struct runner r = { .slots = slots, .n_slots = TRIALS, .pending = all, .n_pending = TRIALS, .memory = 8 };
    progress_init(&r.progress, false, false, true);
    for (int i = 0; i < TRIALS; i++)
        all[i] = (struct pending){ .trial = i, .memory_bytes = bytes[i] };
    static const int64_t order[] = { 0, 2 };
    for (size_t i = 0; i < 2; i++) {
        ck_assert(queue_take(&r));
        ck_assert_int_eq(all[r.next - 1].trial, order[i]);
        slots[i] = (struct attempt){ .active = true, .pending = all[r.next - 1] };
        r.n_active++;
    }
    ck_assert(!queue_take(&r)); /* 5 and 2 are too many beside 6 and 1 */
    slots[1].active = false;
    r.n_active--;
    ck_assert(queue_take(&r));
    ck_assert_int_eq(all[r.next - 1].trial, 3);
    r.n_active = slots[0].active = 0;
    ck_assert(queue_take(&r));
    ck_assert_int_eq(all[r.next - 1].trial, 1);
    ck_assert(!queue_take(&r));
    ck_assert(!r.told_large);
    r.next--;
    r.memory = 4;
    ck_assert(queue_take(&r)); /* alone, and that is told */
    ck_assert(r.told_large);
}
END_TEST

struct ticks {
    size_t n;
    uint64_t done[8];
};

static void record_tick(void *self, const struct plan_study *s, uint64_t done)
{
    struct ticks *ticks = self;
    ck_assert_uint_eq(s->n, 2 * 70 * 2);
    ck_assert_uint_lt(ticks->n, 8);
    ticks->done[ticks->n++] = done;
}

/* A long check shows how many trials it has looked at: every 64 cells, each with two seeds. */
START_TEST(a_check_counts_trials)
{
    struct fixture f;
    struct err e = { 0 };
    struct ticks ticks = { 0 };
    fixture_folder(&f);
    FILE *out = fopen(f.file, "a");
    ck_assert_ptr_nonnull(out);
    fputs("sweep: {grid: {train.optimizer.stepsize: {linspace: [0.1, 0.8, 70]}}}\n", out);
    ck_assert_int_eq(fclose(out), 0);
    const char *const paths[] = { f.file };
    const struct plan_options options = { .code = "test 1", .keep = true, .tick = record_tick, .self = &ticks };
    must(plan_open(&f.plan, paths, 1, &options, &e), &e);
    ck_assert_uint_eq(ticks.n, 3);
    for (size_t i = 0; i < ticks.n; i++)
        ck_assert_uint_eq(ticks.done[i], i * 64 * 2);
    plan_close(&f.plan);
    ck_assert_int_eq(unlink(f.file), 0);
    ck_assert_int_eq(rmdir(f.folder), 0);
}
END_TEST

/* A machine of so many processors (-j), on which trials of so many threads run. */
struct busy {
    struct attempt slots[8];
    struct pending pending[8];
    struct runner r;
};

static void make_busy(struct busy *b, size_t processors, size_t waiting, size_t n, const size_t *threads)
{
    *b = (struct busy){ .r = { .n_slots = processors, .n_active = n, .memory = 1e9 } };
    b->r.slots = b->slots;
    b->r.pending = b->pending;
    b->r.next = 1; /* the one that asks was taken */
    b->r.n_pending = 1 + waiting;
    for (size_t i = 0; i < n; i++)
        b->slots[i] = (struct attempt){ .active = true, .threads = threads[i] };
    progress_init(&b->r.progress, false, false, true);
}

START_TEST(threads_that_a_trial_gets)
{
    static const struct {
        size_t processors, waiting, n, running[4];
        int64_t wanted;
        size_t gets;
    } cases[] = {
        { 1, 0, 0, { 0 }, 1, 1 },
        { 2, 0, 0, { 0 }, 2, 2 },
        { 2, 5, 0, { 0 }, 2, 2 },
        { 2, 0, 0, { 0 }, 16, 2 }, /* all there are */
        { 4, 0, 1, { 3 }, 1, 1 },
        { 4, 0, 1, { 3 }, 2, 0 }, /* it waits */
        { 4, 0, 2, { 2, 2 }, 1, 0 },
        { 1, 0, 0, { 0 }, THREADS_AUTO, 1 },
        { 8, 0, 0, { 0 }, THREADS_AUTO, 8 },
        { 8, 1, 0, { 0 }, THREADS_AUTO, 4 },
        { 8, 2, 0, { 0 }, THREADS_AUTO, 2 },
        { 8, 1, 1, { 2 }, THREADS_AUTO, 3 }, /* the three of the line above: 2, 3, 3 */
        { 8, 0, 2, { 2, 3 }, THREADS_AUTO, 3 },
        { 8, 6, 0, { 0 }, THREADS_AUTO, 1 }, /* more wait than there are processors */
        { 8, 0, 2, { 4, 4 }, THREADS_AUTO, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct busy b;
        make_busy(&b, cases[i].processors, cases[i].waiting, cases[i].n, cases[i].running);
        ck_assert_msg(queue_threads(&b.r, cases[i].wanted) == cases[i].gets, "case %zu: %zu threads", i,
                      queue_threads(&b.r, cases[i].wanted));
    }
}
END_TEST

/* A trial of several threads is not passed by shorter ones, and nothing starts where no processor is left. */
START_TEST(a_trial_waits_for_its_threads)
{
    struct busy b;
    make_busy(&b, 4, 1, 1, (size_t[]){ 3 });
    b.r.next = 0;
    b.r.pending[0].threads = 2;
    ck_assert(!queue_take(&b.r));
    b.r.pending[0].threads = 0; /* not known yet */
    ck_assert(queue_take(&b.r));
    b.r.next = 0;
    b.r.pending[0].threads = 2;
    b.slots[0].threads = 2;
    ck_assert(queue_take(&b.r));
    b.slots[0].threads = 4;
    ck_assert(!queue_take(&b.r));
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, threads_that_a_trial_gets);
    tcase_add_test(t, a_trial_waits_for_its_threads);
    tcase_add_test(t, a_check_counts_trials);
    tcase_add_test(t, the_longest_come_first);
    tcase_add_test(t, large_ones_wait_for_each_other);
    tcase_add_test(t, every_trial_is_put_once);
    tcase_add_test(t, they_wait_in_the_order_of_the_file);
    tcase_add_test(t, the_finished_are_left_alone);
    tcase_add_test(t, a_larger_budget);
    tcase_add_test(t, a_variant_alone);
    tcase_add_test(t, a_selection_is_not_the_whole);
    tcase_add_test(t, a_variant_of_each_file);
    tcase_add_test(t, an_absent_checkpoint);
    tcase_add_test(t, force_forgets_what_is_asked_for);
}

CHECK_MAIN("queue", add_tests)
