#include "report/quantity.h"

#include <inttypes.h>
#include <string.h>

static const char sql_names[] =
    "SELECT k.name FROM metric_key k WHERE EXISTS (SELECT 1 FROM study s JOIN trial t ON t.study_id = s.id AND "
    "t.generation = s.generation JOIN layer_metric l ON l.trial_id = t.id AND l.key_id = k.id WHERE s.name = ?1) "
    "ORDER BY k.name";
#define ROWS                                                                                                           \
    " FROM study s JOIN trial t ON t.study_id = s.id AND t.generation = s.generation JOIN layer_metric l ON "          \
    "l.trial_id = t.id AND l.key_id = (SELECT id FROM metric_key WHERE name = ?2) WHERE s.name = ?1 "
static const char sql_layers[] = "SELECT DISTINCT l.layer" ROWS "ORDER BY l.layer";
static const char sql_steps[] = "SELECT DISTINCT l.step" ROWS "ORDER BY l.step";

enum { MAX_TOLD = 12 };

struct names {
    struct arena *a;
    size_t n;
    const char *items[256];
};

static int add_name(void *self, int n, const char *const *values)
{
    struct names *names = self;
    if (n > 0 && values[0] && names->n < sizeof names->items / sizeof names->items[0])
        names->items[names->n++] = arena_strdup(names->a, values[0]);
    return 0;
}

/* Distinct numbers in rising order; of very many only the first and the last few are held. */
struct numbers {
    size_t n;
    bool found; /* the one that is looked for */
    int64_t wanted, first[MAX_TOLD], last;
};

static int add_number(void *self, int n, const char *const *values)
{
    struct numbers *all = self;
    int64_t x;
    if (n < 1 || !values[0] || text_to_int(values[0], strlen(values[0]), &x) < 0)
        return 0;
    if (all->n < MAX_TOLD)
        all->first[all->n] = x;
    all->n++;
    all->last = x;
    all->found = all->found || x == all->wanted;
    return 0;
}

static void tell(const struct numbers *all, struct text *t)
{
    for (size_t i = 0; i < all->n && i < MAX_TOLD; i++)
        text_add(t, "%s%" PRId64, i ? ", " : "", all->first[i]);
    if (all->n > MAX_TOLD)
        text_add(t, "%s%" PRId64, all->n > MAX_TOLD + 1 ? ", ..., " : ", ", all->last);
}

static bool listed(const char *word, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(word, names[i]))
            return true;
    return false;
}

static int refuse_unknown(const struct subject *s, const char *metric, struct names *layered, struct err *e)
{
    struct text all = { 0 };
    for (size_t i = 0; i < s->n_metrics; i++)
        text_add(&all, "%s%s", i ? ", " : "", s->metrics[i]);
    for (size_t i = 0; i < layered->n; i++)
        text_add(&all, "%s%s", i ? ", " : s->n_metrics ? "; of layers: " : "of layers: ", layered->items[i]);
    for (size_t i = 0; i < s->n_metrics; i++)
        (void)add_name(layered, 1, &s->metrics[i]);
    const char *near = err_nearest(metric, layered->items, layered->n);
    const int code =
        err_set(e, ERR_USAGE, "study '%s' has no metric '%s'%s%s%s (it has: %s)", s->name, metric,
                near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "", all.s ? all.s : "none");
    text_free(&all);
    return code;
}

static int refuse_number(const struct subject *s, const char *metric, const char *what, const struct numbers *all,
                         struct err *e)
{
    struct text t = { 0 };
    tell(all, &t);
    const int code = err_set(e, ERR_USAGE, "study '%s': '%s' has no %s %" PRId64 " (it has: %s)", s->name, metric, what,
                             all->wanted, t.s);
    text_free(&t);
    return code;
}

static int put(struct quantity *at, size_t *n, size_t max, struct quantity what, struct err *e)
{
    if (*n == max)
        return err_set(e, ERR_USAGE, "a figure shows up to %zu panels", max);
    at[(*n)++] = what;
    return 0;
}

static int find_layers(struct quantity *at, size_t *n, size_t max, const struct quantity_wish *w,
                       const struct subject *s, struct query *q, struct err *e)
{
    const char *const arguments[] = { s->name, w->metric };
    struct numbers layers = { .wanted = w->layer };
    TRY(query_rows(q, sql_layers, arguments, 2, add_number, &layers, e));
    if (w->has_layer && !layers.found)
        return refuse_number(s, w->metric, "layer", &layers, e);
    if (w->has_layer)
        return put(at, n, max, (struct quantity){ w->metric, QUANTITY_LAYER, w->layer, 0 }, e);
    if (layers.n > MAX_TOLD || *n + layers.n > max) {
        struct text t = { 0 };
        tell(&layers, &t);
        const int code = err_set(e, ERR_USAGE,
                                 "study '%s': '%s' has %zu layers (%s), and up to %zu are shown at once: choose with "
                                 "--layer N; plot --layers draws it over the layers",
                                 s->name, w->metric, layers.n, t.s, max);
        text_free(&t);
        return code;
    }
    for (size_t i = 0; i < layers.n; i++)
        TRY(put(at, n, max, (struct quantity){ w->metric, QUANTITY_LAYER, layers.first[i], 0 }, e));
    return 0;
}

static int find_step(struct quantity *at, size_t *n, size_t max, const struct quantity_wish *w, const struct subject *s,
                     struct query *q, struct err *e)
{
    const char *const arguments[] = { s->name, w->metric };
    struct numbers steps = { .wanted = w->step };
    TRY(query_rows(q, sql_steps, arguments, 2, add_number, &steps, e));
    if (w->has_step && !steps.found)
        return refuse_number(s, w->metric, "values of step", &steps, e);
    return put(at, n, max, (struct quantity){ w->metric, QUANTITY_STEP, 0, w->has_step ? w->step : steps.last }, e);
}

static int find(struct quantity *at, size_t *n, size_t max, const struct quantity_wish *wish, const struct subject *s,
                struct query *q, struct arena *a, struct err *e)
{
    struct names layered = { .a = a };
    TRY(query_rows(q, sql_names, &s->name, 1, add_name, &layered, e));
    const bool of_layers = listed(wish->metric, layered.items, layered.n);
    const bool of_trial = listed(wish->metric, s->metrics, s->n_metrics);
    if (!of_layers && !of_trial)
        return refuse_unknown(s, wish->metric, &layered, e);
    if (!of_layers && (wish->has_layer || wish->by_layer))
        return err_set(e, ERR_USAGE, "study '%s': '%s' is a metric of the whole trial; it has no layers", s->name,
                       wish->metric);
    if (wish->by_layer)
        return find_step(at, n, max, wish, s, q, e);
    if (of_trial && !wish->has_layer)
        return put(at, n, max, (struct quantity){ wish->metric, QUANTITY_TRIAL, 0, 0 }, e);
    return find_layers(at, n, max, wish, s, q, e);
}

int quantity_find(struct quantity *at, size_t *n, size_t max, const struct quantity_wish *wish, const struct subject *s,
                  struct query *q, struct arena *a, struct err *e)
{
    const size_t before = *n;
    TRY(find(at, n, max, wish, s, q, a, e));
    for (size_t i = before; i < *n; i++) {
        at[i].unit = subject_unit(s, at[i].metric);
        at[i].shown = subject_metric(s, at[i].metric);
    }
    return 0;
}

void quantity_title(const struct quantity *what, struct text *out)
{
    text_puts(out, what->shown);
    if (what->kind == QUANTITY_LAYER)
        text_add(out, " of layer %" PRId64, what->layer);
    if (what->kind == QUANTITY_STEP)
        text_add(out, " at iteration %" PRId64, what->step);
    subject_put_unit(out, what->unit);
}
