#include "run/price.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const price_source_names[] = { "unknown", "scaled", "timed", "database", NULL };

/* Of shapes that are scaled from another: half to twice. */
static const double scaled_low = 0.5, scaled_high = 2;
/* A checkpoint: its hash and its copy into the page cache, and what it takes in any case. */
static const double checkpoint_seconds = 2e-3, checkpoint_bytes_per_second = 5e8;
/* Above so many trials they are no longer dealt to the workers one by one. */
static const double dealt_most = 20000;

struct price_work price_work_of(const struct config *c, const struct trial_size *size)
{
    const double steps = (double)size->iterations, every = (double)c->log.every;
    struct price_work w = { .steps = steps, .logs = 1, .checks = size->n_checks, .feedback = size->n_feedback };
    if (steps > 0)
        w.logs += 1 + floor((steps - 1) / every); /* at step 0, every so often, and at the end */
    return w;
}

double price_operations(const struct config *c, const struct trial_size *size)
{
    const struct price_work w = price_work_of(c, size);
    return PRICE_START_OPERATIONS + w.steps * size->flops_per_step + (w.logs + w.checks / 2) * size->flops_per_log +
           w.feedback * size->flops_per_feedback;
}

static double seconds_of(const struct price_shape *s, const struct price_work *w)
{
    return w->steps * s->each.step + w->logs * (s->each.logged_step + s->each.look) + w->checks * s->each.check +
           w->feedback * s->each.feedback;
}

/* How many checkpoints a trial of so many seconds writes: the one at its end is always there. */
static double checkpoints_of(const struct price_class *c, double seconds)
{
    return 1 + (c->checkpoint_every > 0 ? floor(seconds / c->checkpoint_every) : 0);
}

struct price_range price_trial(const struct price_list *l, const struct price_class *c)
{
    const struct price_shape *s = &l->shapes[c->shape];
    const double training = seconds_of(s, &c->work);
    const double rows = c->work.logs * (s->each.rows + s->each.layer_rows) * PRICE_ROW_SECONDS; /* of the runner */
    const double checkpoint = checkpoint_seconds + s->checkpoint_bytes / checkpoint_bytes_per_second;
    const double all = s->each.start + training + rows + checkpoints_of(c, training) * checkpoint;
    return (struct price_range){ all * s->low, all, all * s->high };
}

size_t price_variant_of(const struct price_list *l, const struct price_shape *s)
{
    for (size_t i = s->classes; i > 0; i = l->classes[i - 1].next)
        if (l->classes[i - 1].next == 0) /* the first one was put last */
            return l->classes[i - 1].study * 65536 + l->classes[i - 1].variant;
    return 0;
}

/* How far two shapes are apart; those of another precision are never near. */
static double distance(const struct price_list *l, const struct price_shape *a, const struct price_shape *b)
{
    const double x = a->flops_per_step > 0 ? a->flops_per_step : 1, y = b->flops_per_step > 0 ? b->flops_per_step : 1;
    return fabs(log(x / y)) + (price_variant_of(l, a) != price_variant_of(l, b)) + 100 * (a->precision != b->precision);
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 1;
}

/* The price of `near`, by operations: of a step, and of an evaluation. */
static void scale_from(struct price_shape *s, const struct price_shape *near)
{
    const double factor = ratio(s->flops_per_step, near->flops_per_step);
    const double look = ratio(s->flops_per_log, near->flops_per_log);
    s->source = PRICE_SCALED;
    s->each = near->each;
    s->each.step *= factor;
    s->each.logged_step *= factor;
    s->each.look *= look;
    s->each.check *= look;
    s->each.feedback *= factor;
    s->low = near->low * scaled_low;
    s->high = near->high * scaled_high;
}

void price_scale(struct price_list *l)
{
    const struct price_shape **known = arena_need(&l->arena, l->n_shapes, sizeof(*known));
    size_t n = 0;
    for (size_t i = 0; i < l->n_shapes; i++)
        if (l->shapes[i].source > PRICE_SCALED)
            known[n++] = &l->shapes[i];
    for (size_t i = 0; i < l->n_shapes && n > 0; i++) {
        const struct price_shape *near = known[0];
        for (size_t k = 1; k < n && l->shapes[i].source == PRICE_UNKNOWN; k++)
            if (distance(l, &l->shapes[i], known[k]) < distance(l, &l->shapes[i], near))
                near = known[k];
        if (l->shapes[i].source == PRICE_UNKNOWN)
            scale_from(&l->shapes[i], near);
    }
}

/* ---- sums ---- */

/* Workers that take the next trial whenever one has ended. */
struct dealing {
    size_t n;
    double *busy; /* [n] seconds */
};

static int by_seconds(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A trial of several threads takes as many workers, from when all of them are free, and shares its work among them. */
static void deal(struct dealing *d, double seconds, size_t threads)
{
    size_t first = 0;
    for (size_t i = 1; i < d->n; i++)
        first = d->busy[i] < d->busy[first] ? i : first;
    if (threads == 1) {
        d->busy[first] += seconds;
        return;
    }
    qsort(d->busy, d->n, sizeof *d->busy, by_seconds);
    const double end = d->busy[threads - 1] + seconds / (double)threads;
    for (size_t i = 0; i < threads; i++)
        d->busy[i] = end;
}

static size_t threads_of(const struct price_class *c, size_t at_once, double trials)
{
    const double n = c->threads != THREADS_AUTO ? (double)c->threads : floor((double)at_once / fmax(trials, 1));
    return n < 1 ? 1 : n < (double)at_once ? (size_t)n : at_once;
}

static double longest(const struct dealing *d)
{
    double most = 0;
    for (size_t i = 0; i < d->n; i++)
        most = fmax(most, d->busy[i]);
    return most;
}

static double pick(const struct price_range *r, int which)
{
    return which == 0 ? r->low : which == 1 ? r->expected : r->high;
}

static bool counts(const struct price_list *l, const struct price_class *c, size_t study)
{
    return (study == SIZE_MAX || c->study == study) && c->left > 0 && l->shapes[c->shape].source != PRICE_UNKNOWN;
}

/* Seconds until the last trial has ended, in the order in which they are queued. */
static double wall_of(const struct price_list *l, size_t study, size_t at_once, double trials, double processor,
                      int which)
{
    struct dealing d = { .n = at_once, .busy = calloc(at_once, sizeof *d.busy) };
    double most = 0;
    if (!d.busy)
        err_no_memory("the price of a plan");
    for (size_t i = 0; i < l->n_classes; i++) {
        const struct price_class *c = &l->classes[i];
        if (!counts(l, c, study))
            continue;
        const struct price_range r = price_trial(l, c);
        const double seconds = pick(&r, which), n = (double)(c->n - c->n_finished);
        const size_t threads = threads_of(c, at_once, trials);
        most = fmax(most, seconds / (double)threads * fmin(1, c->left));
        for (double k = 0; trials <= dealt_most && k < n; k++)
            deal(&d, seconds * c->left / n, threads);
    }
    const double wall =
        trials <= dealt_most ? longest(&d) : fmax(processor / (double)at_once, most); /* more trials than workers */
    free(d.busy);
    return wall;
}

static int by_memory(const void *a, const void *b)
{
    const double x = ((const struct price_shape *const *)a)[0]->memory_bytes,
                 y = ((const struct price_shape *const *)b)[0]->memory_bytes;
    return (x < y) - (x > y);
}

/* The largest trials that may run together. */
static double memory_of(const struct price_list *l, size_t study, size_t jobs)
{
    const struct price_shape **sorted = calloc(l->n_shapes + 1, sizeof(*sorted));
    double *n = calloc(l->n_shapes + 1, sizeof *n), bytes = 0, room = (double)jobs;
    if (!sorted || !n)
        err_no_memory("the price of a plan");
    for (size_t i = 0; i < l->n_classes; i++)
        if ((study == SIZE_MAX || l->classes[i].study == study) && l->classes[i].left > 0)
            n[l->classes[i].shape] += (double)(l->classes[i].n - l->classes[i].n_finished);
    for (size_t i = 0; i < l->n_shapes; i++)
        sorted[i] = &l->shapes[i];
    qsort(sorted, l->n_shapes, sizeof(*sorted), by_memory);
    for (size_t i = 0; i < l->n_shapes && room > 0; i++) {
        const double taken = fmin(room, n[sorted[i] - l->shapes]);
        bytes += taken * (sorted[i]->memory_bytes + PRICE_WORKER_BYTES);
        room -= taken;
    }
    free(n);
    free(sorted);
    return bytes;
}

/* What one class adds: rows and files that are to be written. */
static void add_class(const struct price_list *l, const struct price_class *c, struct price *p, double *trials)
{
    const struct price_shape *s = &l->shapes[c->shape];
    const struct price_range each = price_trial(l, c);
    const double n = (double)(c->n - c->n_finished), rows = c->work.logs * (s->each.rows + s->each.layer_rows);
    p->processor.low += c->left * each.low;
    p->processor.expected += c->left * each.expected;
    p->processor.high += c->left * each.high;
    p->rows += c->left * rows;
    p->database_bytes += n * PRICE_TRIAL_BYTES + c->left * rows * PRICE_ROW_BYTES;
    p->checkpoint_bytes += n * fmin(2, checkpoints_of(c, each.expected)) * s->checkpoint_bytes;
    *trials += n;
}

void price_sum(const struct price_list *l, size_t study, size_t jobs, size_t processors, struct price *p)
{
    const size_t at_once = jobs < processors ? jobs : processors;
    double trials = 0;
    *p = (struct price){ 0 };
    for (size_t i = 0; i < l->n_classes; i++) {
        const struct price_class *c = &l->classes[i];
        if (study != SIZE_MAX && c->study != study)
            continue;
        p->n += c->n;
        p->n_finished += c->n_finished;
        if (counts(l, c, study))
            add_class(l, c, p, &trials);
        else if (c->left > 0)
            p->n_unknown += c->n - c->n_finished;
    }
    p->wall = (struct price_range){ wall_of(l, study, at_once, trials, p->processor.low, 0),
                                    wall_of(l, study, at_once, trials, p->processor.expected, 1),
                                    wall_of(l, study, at_once, trials, p->processor.high, 2) };
    p->memory_bytes = memory_of(l, study, jobs);
}
