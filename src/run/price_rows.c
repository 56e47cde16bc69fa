/* Prices from what trials of the same shapes took: their rows of `cost`. */
#include "run/price.h"

#include "base/hash.h"
#include "run/private.h"
#include "run/read_trial.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    ENOUGH = 8,       /* samples of a shape: more tell nothing new */
    PAGE = 500,       /* attempts read at once, newest first */
    PAGES_MAX = 40,   /* older ones are not looked at */
    BINDS_MAX = 2000, /* configurations bound */
    N_SLOTS = 4096    /* of the table of those: more than half of it stays empty */
};

/* ---- medians ---- */

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, size_t n)
{
    qsort(x, n, sizeof *x, by_value);
    return n == 0 ? 0 : n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

static double steps_of(const struct price_shape *s, const struct price_sample *x)
{
    return fmax(x->work.steps + x->work.feedback * s->feedback_steps, 1);
}

/* A test of the loss evaluates one of the sets: about half of a log. */
static double looks_of(const struct price_sample *x)
{
    return fmax(x->work.logs + x->work.checks / 2, 1);
}

static void price_shape_by(struct price_shape *s, const struct price_sample *const *x, size_t n, double *scratch)
{
    s->source = PRICE_STORED;
    s->n = n;
    s->each = (struct trial_timing){ .start = x[0]->start };
    for (size_t i = 0; i < n; i++)
        scratch[i] = x[i]->train / steps_of(s, x[i]);
    s->each.step = median(scratch, n);
    s->each.feedback = s->each.step * s->feedback_steps;
    for (size_t i = 0; i < n; i++)
        scratch[i] = x[i]->evaluate / looks_of(x[i]);
    s->each.look = median(scratch, n);
    s->each.check = s->each.look / 2;
    s->low = 0.9;
    s->high = 1.1;
    for (size_t i = 0; i < n; i++) {
        const double expected = steps_of(s, x[i]) * s->each.step + looks_of(x[i]) * s->each.look;
        const double ratio = expected > 0 ? (x[i]->train + x[i]->evaluate) / expected : 1;
        s->low = fmin(s->low, ratio);
        s->high = fmax(s->high, ratio);
        s->each.rows = fmax(s->each.rows, x[i]->rows / x[i]->work.logs);
        s->each.layer_rows = fmax(s->each.layer_rows, x[i]->layer_rows / x[i]->work.logs);
        s->each.start = fmin(s->each.start, x[i]->start); /* of a clock on the wall: waiting is not to count */
    }
    s->each.start = fmax(s->each.start, PRICE_START_SECONDS); /* an attempt begins when its worker has started */
}

void price_by_samples(struct price_list *l, const struct price_sample *samples, size_t n, struct arena *a)
{
    const struct price_sample **of_shape = arena_need(a, n, sizeof(*of_shape));
    double *scratch = arena_need(a, n, sizeof *scratch);
    for (size_t i = 0; i < n; i++) {
        struct price_shape *s = &l->shapes[samples[i].shape];
        size_t m = 0;
        for (size_t k = i; k < n && s->source != PRICE_STORED; k++)
            if (samples[k].shape == samples[i].shape)
                of_shape[m++] = &samples[k];
        if (m > 0)
            price_shape_by(s, of_shape, m, scratch);
    }
}

/* ---- rows of the database ---- */

/* Attempts of one configuration and cell have one shape, whatever their seed. */
struct group {
    const char *name; /* "config cell"; NULL: an empty slot */
    size_t shape;     /* SIZE_MAX: none that is asked for */
    struct config config;
};

struct reader {
    struct price_list *list;
    struct arena arena;   /* of groups and samples */
    struct group *groups; /* [N_SLOTS] a hash table */
    size_t n_groups, n_samples, n_page, n_rows;
    int64_t last; /* the oldest attempt that was read */
    struct price_sample *samples;
    size_t *n_of_shape;
    struct attempt_row {
        int64_t id, trial, config, step;
        const char *cell;
        double train, evaluate, start;
    } page[PAGE];
};

static int add_attempt(void *self, int n, const char *const *v)
{
    struct reader *r = self;
    if (n < 8 || r->n_page == PAGE)
        return ERR_FORMAT;
    struct attempt_row *x = &r->page[r->n_page];
    r->n_rows++;
    int64_t *const integers[] = { &x->id, &x->trial, &x->config, &x->step };
    double *const reals[] = { &x->train, &x->evaluate, &x->start };
    for (int i = 0; i < 4; i++)
        if (!v[i] || text_to_int(v[i], strlen(v[i]), integers[i]) < 0)
            return 0; /* a row with gaps says nothing */
    r->last = x->id;
    for (int i = 0; i < 3; i++)
        if (!v[4 + i] || text_to_double(v[4 + i], strlen(v[4 + i]), reals[i]) < 0)
            return 0;
    x->cell = arena_strdup(&r->arena, v[7] ? v[7] : "");
    r->n_page++;
    return 0;
}

/* Whole attempts, from the first step to the last, that are the only one of their trial. */
static int read_page(struct reader *r, const char *processor, int64_t before, struct err *e)
{
    char limit[32], page[32];
    snprintf(limit, sizeof limit, "%lld", (long long)before);
    snprintf(page, sizeof page, "%d", PAGE);
    const char *const arguments[] = { processor, limit, page };
    r->n_page = r->n_rows = 0;
    return query_rows(
        r->list->q,
        "SELECT r.id, t.id, t.config_id, t.step,"
        " (SELECT c.cpu_ns / 1e9 FROM cost c WHERE c.run_id = r.id AND c.phase = 'train'),"
        " (SELECT sum(c.cpu_ns) / 1e9 FROM cost c WHERE c.run_id = r.id AND c.phase IN ('evaluate', 'log')),"
        " max(0, (r.ended_ms - r.started_ms) / 1e3 - (SELECT sum(c.wall_ns) FROM cost c WHERE c.run_id = r.id) / 1e9),"
        " t.cell FROM run r JOIN trial t ON t.id = r.trial_id JOIN host h ON h.id = r.host_id"
        " WHERE r.id < CAST(?2 AS INTEGER) AND r.state = 'done' AND r.from_step = 0 AND t.state = 'done'"
        " AND instr(h.description, ?1) > 0"
        " AND NOT EXISTS (SELECT 1 FROM run o WHERE o.trial_id = t.id AND o.id <> r.id)"
        " ORDER BY r.id DESC LIMIT CAST(?3 AS INTEGER)",
        arguments, 3, add_attempt, r, e);
}

/* The configuration of a trial as its description says it; one that this program cannot bind any more is of no shape.
 */
static int bind_group(struct reader *r, const struct attempt_row *x, struct group *g, struct err *e)
{
    char shape[65];
    struct store_described d = { 0 };
    struct err own = { 0 };
    g->shape = SIZE_MAX;
    TRY(read_described(r->list->q, x->trial, &d, &r->arena, e));
    if (d.config && stored_bind(&d, &g->config, &r->arena, &own) == 0) {
        config_shape(&g->config, shape);
        g->shape = price_find(r->list, shape);
    }
    err_clear(&own);
    return 0;
}

/* NULL: the table is full. */
static int find_group(struct reader *r, const struct attempt_row *x, struct group **g, struct err *e)
{
    const char *name = arena_printf(&r->arena, "%lld %s", (long long)x->config, x->cell);
    size_t i = hash_crc32(0, name, strlen(name)) % N_SLOTS;
    while (r->groups[i].name && strcmp(r->groups[i].name, name) != 0)
        i = (i + 1) % N_SLOTS;
    *g = r->groups[i].name ? &r->groups[i] : NULL;
    if (*g || r->n_groups == BINDS_MAX)
        return 0;
    r->n_groups++;
    *g = &r->groups[i];
    r->groups[i].name = name;
    return bind_group(r, x, &r->groups[i], e);
}

static int count_rows(struct reader *r, const struct attempt_row *x, struct price_sample *s, struct err *e)
{
    char id[32];
    bool found;
    snprintf(id, sizeof id, "%lld", (long long)x->trial);
    const char *const arguments[] = { id };
    TRY(query_number(r->list->q, "SELECT sum(n) FROM summary WHERE trial_id = CAST(?1 AS INTEGER)", arguments, 1,
                     &found, &s->rows, e));
    return query_number(r->list->q, "SELECT count(*) FROM layer_metric WHERE trial_id = CAST(?1 AS INTEGER)", arguments,
                        1, &found, &s->layer_rows, e);
}

static int add_sample(struct reader *r, const struct attempt_row *x, struct err *e)
{
    struct group *g;
    struct trial_size size;
    TRY(find_group(r, x, &g, e));
    if (!g || g->shape == SIZE_MAX || r->n_of_shape[g->shape] == ENOUGH)
        return 0;
    struct config config = g->config;
    config.train.iterations = x->step;
    config.train.epochs = -1;
    TRY(trial_measure(&config, &size, &r->arena, e));
    struct price_sample *s = &r->samples[r->n_samples];
    *s = (struct price_sample){ .shape = g->shape,
                                .work = price_work_of(&config, &size),
                                .train = x->train,
                                .evaluate = x->evaluate,
                                .start = x->start };
    TRY(count_rows(r, x, s, e));
    r->n_samples++;
    r->n_of_shape[g->shape]++;
    return 0;
}

/* Whether every shape has samples enough. */
static bool is_satisfied(const struct reader *r)
{
    return r->n_samples == ENOUGH * (r->list->n_shapes < BINDS_MAX ? r->list->n_shapes : BINDS_MAX);
}

static int read_samples(struct reader *r, struct err *e)
{
    char name[160], processor[168];
    int64_t before = INT64_MAX;
    (void)status_processor(name, sizeof name);
    snprintf(processor, sizeof processor, ", %s, ", name);
    for (int page = 0; page < PAGES_MAX; page++) {
        TRY(read_page(r, processor, before, e));
        for (size_t i = 0; i < r->n_page && !is_satisfied(r); i++)
            TRY(add_sample(r, &r->page[i], e));
        if (r->n_rows < PAGE || is_satisfied(r) || r->n_groups == BINDS_MAX || r->last >= before)
            break;
        before = r->last;
    }
    return 0;
}

int price_by_rows(struct price_list *l, struct err *e)
{
    if (!l->q || l->n_shapes == 0)
        return 0;
    struct reader *r = calloc(1, sizeof *r);
    if (!r)
        return err_set(e, ERR_MEMORY, "out of memory");
    r->list = l;
    arena_init(&r->arena, 0);
    r->groups = arena_need(&r->arena, N_SLOTS, sizeof *r->groups);
    r->samples =
        arena_need(&r->arena, ENOUGH * (l->n_shapes < BINDS_MAX ? l->n_shapes : BINDS_MAX), sizeof *r->samples);
    r->n_of_shape = arena_need(&r->arena, l->n_shapes, sizeof *r->n_of_shape);
    const int code = read_samples(r, e);
    if (code == 0)
        price_by_samples(l, r->samples, r->n_samples, &r->arena);
    arena_finish(&r->arena);
    free(r);
    return code;
}
