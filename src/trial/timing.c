/* What a step, a log and a feedback-only minibatch of a trial take, timed by doing some: `tprun plan` (run/price.h).
 *
 * Times are processor time, so that other work on the machine does not enter but by what it does to the caches. Each is
 * the median of several groups of steps; every group begins at the initial weights, as stepsizes may be such that the
 * trial diverges soon. */
#include "trial/measures.h"

#include <stdlib.h>
#include <string.h>

enum { GROUPS_MAX = 15, GROUPS_MIN = 3 };
static const double group_ns = 3e6, enough_ns = 45e6; /* of one group; of all groups of a kind */

/* Where rows are counted. */
struct counter {
    struct sink sink; /* first: the sink's functions cast back */
    double rows, layer_rows;
};

static int count_metric(struct sink *s, const char *name, int64_t step, double value, struct err *e)
{
    (void)name, (void)step, (void)value, (void)e;
    ((struct counter *)s)->rows++;
    return 0;
}

static int count_layer_metric(struct sink *s, const char *name, int64_t step, int64_t layer, double value,
                              struct err *e)
{
    (void)name, (void)step, (void)layer, (void)value, (void)e;
    ((struct counter *)s)->layer_rows++;
    return 0;
}

/* A trial that is timed, and its initial state to go back to. */
struct timed {
    struct trial *t;
    struct counter counter;
    real *weights, *feedback_weights;
};

/* In place of data that is not there: the same numbers in every sample. The state is the trial. */
static void fill_stand_in(const void *opts, void *state, enum split split, uint64_t first, struct batch *b)
{
    (void)opts, (void)split, (void)first;
    const struct data_shape *d = &((const struct trial *)state)->data;
    const size_t n = d->length * b->rows * d->features, labels = b->rows * (d->per_step ? d->length : 1);
    for (size_t i = 0; i < n; i++)
        b->x[i] = (real)(i % 7) / 7;
    for (size_t i = 0; d->classes && i < labels; i++)
        b->label[i] = (int64_t)(i % d->outputs);
    for (size_t i = 0; !d->classes && i < b->y.rows * b->y.cols; i++)
        b->y.p[i] = (real)0.5;
}

/* Opens the data, or stands in for it. */
static int open_data(struct trial *t, struct dataset_def *stand_in, struct err *e)
{
    struct err missing = { 0 };
    t->dataset_state = arena_alloc(&t->memory, 1, t->dataset->part.state_size);
    if (!t->dataset_state)
        return err_set(e, ERR_MEMORY, "not enough memory for the dataset");
    if (t->dataset->open(t->config->dataset.opts, (uint64_t)t->config->seed, t->dataset_state, &t->memory, &missing) <
        0) {
        *stand_in = *t->dataset;
        stand_in->fill = fill_stand_in;
        stand_in->close = NULL;
        t->dataset = stand_in;
        t->dataset_state = t;
    }
    err_clear(&missing);
    return 0;
}

static int keep_weights(struct timed *x, struct err *e)
{
    struct trial *t = x->t;
    x->weights = arena_alloc(&t->memory, t->chain.n_weights, sizeof *x->weights);
    x->feedback_weights = arena_alloc(&t->memory, t->credit.n_feedback_weights, sizeof *x->feedback_weights);
    if (!x->weights || !x->feedback_weights)
        return err_set(e, ERR_MEMORY, "not enough memory for initial weights");
    memcpy(x->weights, t->chain.weights, t->chain.n_weights * sizeof *x->weights);
    if (t->credit.n_feedback_weights)
        memcpy(x->feedback_weights, t->credit.feedback_weights,
               t->credit.n_feedback_weights * sizeof *x->feedback_weights);
    return 0;
}

static void restore_weights(const struct timed *x)
{
    memcpy(x->t->chain.weights, x->weights, x->t->chain.n_weights * sizeof *x->weights);
    if (x->t->credit.n_feedback_weights)
        memcpy(x->t->credit.feedback_weights, x->feedback_weights,
               x->t->credit.n_feedback_weights * sizeof *x->feedback_weights);
}

static double processor_ns(void)
{
    double now[2];
    clock_now(now);
    return now[1];
}

typedef int work(struct timed *x, struct err *e);

static int plain_step(struct timed *x, struct err *e)
{
    if (x->t->references)
        x->t->references->wanted = false;
    return trial_step(x->t, e);
}

static int logged_step(struct timed *x, struct err *e)
{
    x->t->references->wanted = true;
    return trial_step(x->t, e);
}

static int feedback_minibatch(struct timed *x, struct err *e)
{
    return feedback_only_minibatch(x->t, &x->counter.sink, e);
}

static int look(struct timed *x, struct err *e)
{
    evaluation_clear(x->t);
    return measure_all(x->t, &x->counter.sink, e);
}

static double median(double *x, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && x[k] < x[k - 1]; k--) {
            const double swap = x[k];
            x[k] = x[k - 1];
            x[k - 1] = swap;
        }
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* Seconds of one `what`: the median over groups, each as many as take group_ns. A trial that diverges ends its group:
 * what it did until then took its time. */
static double time_one(struct timed *x, work *what)
{
    double of_group[GROUPS_MAX], all = 0;
    size_t n_groups = 0;
    struct err ignored = { 0 };
    if (what != look) /* the first one fills the caches */
        (void)what(x, &ignored);
    while (n_groups < GROUPS_MAX && (all < enough_ns || (n_groups < GROUPS_MIN && all < 2 * enough_ns))) {
        int code = 0;
        double n = 0, took = 0;
        restore_weights(x);
        for (const double start = processor_ns(); code == 0 && took < group_ns; took = processor_ns() - start, n++) {
            err_clear(&ignored);
            code = what(x, &ignored);
        }
        of_group[n_groups++] = took / n;
        all += took;
    }
    err_clear(&ignored);
    restore_weights(x);
    return median(of_group, n_groups) * 1e-9;
}

/* What a log evaluates. */
struct evaluated {
    bool used[N_SPLITS], of_batches;
};

static struct evaluated find_evaluated(const struct trial *t)
{
    struct evaluated x = { .of_batches = false };
    for (size_t i = 0; i < t->config->log.metrics.n; i++) {
        const struct measure_def *m =
            (const struct measure_def *)registry_find(&measure_registry, t->config->log.metrics.items[i]);
        x.used[m->split] |= m->of_samples;
        x.of_batches |= m->of_batches;
    }
    return x;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Samples that a log evaluates where no split has more than `most`; cut: those splits. */
static double cut_splits(const struct data_shape *whole, const struct evaluated *x, size_t most, struct data_shape *cut)
{
    *cut = *whole;
    cut->eval_size = least(whole->eval_size, most);
    cut->test_size = least(whole->test_size, most);
    cut->valid_size = least(whole->valid_size, most);
    return (double)((x->used[SPLIT_EVAL] ? cut->eval_size : 0) + (x->used[SPLIT_TEST] ? cut->test_size : 0) +
                    (x->used[SPLIT_VALID] ? cut->valid_size : 0));
}

/* Logs over one and over three passes of each split tell what a whole one takes; where one takes long, it alone. */
static void time_looks(struct timed *x, struct trial_timing *out)
{
    struct trial *t = x->t;
    const struct data_shape whole = t->data;
    const struct evaluated e = find_evaluated(t);
    struct data_shape few, more, all;
    const size_t pass = evaluation_rows(&t->chain, SIZE_MAX, (double)sizeof(real));
    const size_t rows = e.of_batches && t->pass.rows > pass ? t->pass.rows : pass;
    const double n[3] = { cut_splits(&whole, &e, rows, &few), cut_splits(&whole, &e, 3 * rows, &more),
                          cut_splits(&whole, &e, SIZE_MAX, &all) };
    t->data = few;
    x->counter.rows = x->counter.layer_rows = 0;
    (void)look(x, &(struct err){ 0 });
    out->rows = x->counter.rows;
    out->layer_rows = x->counter.layer_rows;
    const double one = time_one(x, look);
    double each = n[0] > 0 ? one / n[0] : 0;
    out->look = one + each * (n[2] - n[0]);
    if (n[1] > n[0] && one < enough_ns * 1e-9) {
        t->data = more;
        const double three = time_one(x, look);
        each = three > one ? (three - one) / (n[1] - n[0]) : three / n[1];
        out->look = three + each * (n[2] - n[1]);
    }
    out->check = each * (double)whole.eval_size;
    t->data = whole;
}

static void time_all(struct timed *x, struct trial_timing *out)
{
    struct trial *t = x->t;
    out->step = time_one(x, plain_step);
    if (t->references) {
        const double logged = time_one(x, logged_step);
        out->logged_step = logged > out->step ? logged - out->step : 0;
    }
    if (t->feedback_only.per_epoch > 0)
        out->feedback = time_one(x, feedback_minibatch);
    t->batch_loss_count = t->batch_loss_count > 0 ? t->batch_loss_count : 1;
    time_looks(x, out);
}

int trial_time(const struct config *c, struct trial_timing *out, struct err *e)
{
    struct trial *t = calloc(1, sizeof *t);
    struct timed x = { .t = t, .counter = { .sink = { .metric = count_metric, .layer_metric = count_layer_metric } } };
    struct dataset_def stand_in;
    *out = (struct trial_timing){ 0 };
    if (!t)
        return err_set(e, ERR_MEMORY, "not enough memory for a trial");
    int code = trial_setup(t, c, true, e);
    if (code == 0)
        code = open_data(t, &stand_in, e);
    if (code == 0)
        code = keep_weights(&x, e);
    out->start = processor_ns() * 1e-9;
    if (code == 0)
        time_all(&x, out);
    trial_close(t);
    return code;
}
