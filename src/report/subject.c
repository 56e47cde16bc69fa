#include "report/subject.h"

#include "base/text.h"
#include "report/scale.h"
#include "report/shorter.h"
#include "store/meant.h"
#include "store/table.h"
#include <string.h>

static const char sql_study[] =
    "SELECT name, title, paper, locator, path, profile, spec_sha256 FROM study WHERE name = ?1";
/* trial_id counts in the order of the file: variants, then cells, then seeds. */
static const char sql_trials[] =
    "SELECT o.trial_id, o.variant, o.cell, o.seed, o.outcome, o.cell IS o.tuning, " SHORTER(
        "o") " FROM outcomes o "
             "WHERE o.study = ?1 ORDER BY min(o.trial_id) OVER (PARTITION BY o.variant, o.cell), o.seed, o.trial_id";
static const char sql_metrics[] =
    "SELECT DISTINCT k.name FROM study s JOIN trial t ON t.study_id = s.id AND t.generation = s.generation "
    "JOIN summary u ON u.trial_id = t.id JOIN metric_key k ON k.id = u.key_id WHERE s.name = ?1 ORDER BY k.name";

static const char sql_units[] = "SELECT name, unit FROM metric_key WHERE unit <> '' ORDER BY name";

struct names {
    struct arena *a;
    size_t n, capacity;
    const char **items;
};

static void *grown(struct arena *a, const void *old, size_t n, size_t *capacity, size_t size)
{
    *capacity = 2 * n + 16;
    void *items = arena_need(a, *capacity, size);
    if (n)
        memcpy(items, old, n * size);
    return items;
}

static int add_name(void *self, int n, const char *const *values)
{
    struct names *names = self;
    if (n < 1 || !values[0])
        return 0;
    if (names->n == names->capacity)
        names->items = grown(names->a, names->items, names->n, &names->capacity, sizeof *names->items);
    names->items[names->n++] = arena_strdup(names->a, values[0]);
    return 0;
}

struct reading {
    struct subject *subject;
    struct arena *a;
    size_t groups_capacity, trials_capacity, units_capacity;
    bool found;
};

static int add_study(void *self, int n, const char *const *values)
{
    struct reading *r = self;
    struct subject *s = r->subject;
    const char **const fields[] = {
        &s->name, &s->title, &s->paper, &s->locator, &s->path, &s->profile, &s->spec_sha256
    };
    for (int i = 0; i < n; i++)
        *fields[i] = arena_strdup(r->a, values[i] ? values[i] : "");
    r->found = true;
    return 0;
}

static bool ends_in(const char *key, const char *end)
{
    const size_t n = strlen(key), m = strlen(end);
    return n >= m && strcmp(key + n - m, end) == 0 && (n == m || key[n - m - 1] == '.');
}

/* The last part of a dotted key, or as many of its last parts as no other key of the study ends in. */
static const char *short_key(const struct subject *s, const char *key)
{
    for (const char *end = key + strlen(key); end > key;) {
        do
            end--;
        while (end > key && end[-1] != '.');
        size_t others = 0;
        for (size_t i = 0; i < s->n_keys; i++)
            others += ends_in(s->keys[i], end) && strcmp(s->keys[i], key) != 0;
        if (others == 0)
            return end;
    }
    return key;
}

static int add_unit(void *self, int n, const char *const *values)
{
    struct reading *r = self;
    struct subject *s = r->subject;
    if (n < 2 || !values[0] || !values[1])
        return 0;
    if (s->n_units == r->units_capacity)
        s->units = grown(r->a, s->units, s->n_units, &r->units_capacity, sizeof *s->units);
    s->units[s->n_units++] = (struct subject_unit){ arena_strdup(r->a, values[0]), arena_strdup(r->a, values[1]) };
    return 0;
}

const char *subject_unit(const struct subject *s, const char *metric)
{
    for (size_t i = 0; i < s->n_units; i++)
        if (!strcmp(s->units[i].metric, metric))
            return s->units[i].unit;
    return "";
}

void subject_put_unit(struct text *out, const char *unit)
{
    if (*unit)
        text_add(out, " (%s)", unit);
}

bool subject_percent(const char *unit)
{
    return !strcmp(unit, "%");
}

const char *subject_variant(const struct subject *s, const char *variant)
{
    const char *shown = labels_find(&s->labels, "variants", variant);
    return shown ? shown : variant;
}

const char *subject_metric(const struct subject *s, const char *metric)
{
    const char *shown = labels_find(&s->labels, "metrics", metric);
    return shown ? shown : metric;
}

const char *subject_key(const struct subject *s, const char *key)
{
    const char *shown = labels_find(&s->labels, "keys", key);
    return shown ? shown : short_key(s, key);
}

/* A value of a cell as a figure tells it: a number in few digits, without its point if there is nothing behind it. */
static void put_value(struct text *t, const char *value)
{
    double number;
    char few[48];
    text_puts(t, text_to_double(value, strlen(value), &number) == 0 ? scale_number(number, few) : value);
}

/* "tp stepsize=0.1, units=50" of "tp" and "train.optimizer.stepsize=0.1, network.layers.0.rnn.units=50"; a study
 * without variants calls its one "base". shown: as figures tell it. */
static const char *label_of(struct arena *a, const struct subject *s, const char *variant, const char *cell, bool shown)
{
    const char *name = shown ? subject_variant(s, variant) : variant;
    if (!*cell)
        return name;
    struct text t = { 0 };
    text_puts(&t, strcmp(variant, "base") ? name : "");
    for (const char *part = cell; *part;) {
        const size_t n = strcspn(part, ",");
        char *key = arena_strndup(a, part, n), *equals = strchr(key, '=');
        text_puts(&t, t.n ? (part == cell ? " " : ", ") : "");
        if (equals) {
            *equals = '\0';
            text_add(&t, "%s=", shown ? subject_key(s, key) : short_key(s, key));
        }
        if (shown && equals)
            put_value(&t, equals + 1);
        else
            text_puts(&t, equals ? equals + 1 : key);
        part += n + strspn(part + n, ", ");
    }
    const char *label = arena_strdup(a, t.s);
    text_free(&t);
    return label;
}

const char *subject_name(struct arena *a, const struct subject *s, const char *variant, const char *cell)
{
    return label_of(a, s, variant, cell, true);
}

static size_t group_of(struct reading *r, const char *variant, const char *cell)
{
    struct subject *s = r->subject;
    const struct group *last = s->n_groups ? &s->groups[s->n_groups - 1] : NULL;
    if (last && !strcmp(last->variant, variant) && !strcmp(last->cell, cell))
        return s->n_groups - 1;
    if (s->n_groups == r->groups_capacity)
        s->groups = grown(r->a, s->groups, s->n_groups, &r->groups_capacity, sizeof *s->groups);
    struct group *g = &s->groups[s->n_groups];
    *g = (struct group){ .variant = arena_strdup(r->a, variant), .cell = arena_strdup(r->a, cell) };
    return s->n_groups++;
}

static int add_trial(void *self, int n, const char *const *values)
{
    struct reading *r = self;
    struct subject *s = r->subject;
    int64_t seed = 0;
    if (n < 7 || !values[0] || !values[1] || !values[2] || !values[3] || !values[4])
        return 0;
    if (s->n_trials == r->trials_capacity)
        s->trials = grown(r->a, s->trials, s->n_trials, &r->trials_capacity, sizeof *s->trials);
    if (text_to_int(values[3], strlen(values[3]), &seed) < 0)
        return 0;
    const size_t at = group_of(r, values[1], values[2]);
    struct group *g = &s->groups[at];
    const bool done = !strcmp(values[4], "done"), diverged = !strcmp(values[4], "diverged");
    g->retrained = values[5] && !strcmp(values[5], "1");
    g->n_trials++;
    g->n_done += done;
    g->n_diverged += diverged;
    const bool outdated = !strcmp(values[4], "outdated");
    g->n_failed += !strcmp(values[4], "failed");
    g->n_outdated += outdated;
    g->n_shorter += values[6] && !strcmp(values[6], "1");
    s->trials[s->n_trials++] = (struct group_trial){ .id = arena_strdup(r->a, values[0]),
                                                     .group = at,
                                                     .seed = seed,
                                                     .done = done,
                                                     .diverged = diverged,
                                                     .outdated = outdated,
                                                     .ended = done || diverged };
    return 0;
}

size_t group_waiting(const struct group *g)
{
    return g->n_trials - g->n_done - g->n_diverged - g->n_failed - g->n_outdated;
}

static void list_variants(struct subject *s)
{
    s->n_variants = 0;
    for (size_t i = 0; i < s->n_groups; i++) {
        bool known = false;
        for (size_t j = 0; j < s->n_variants && !known; j++)
            known = !strcmp(s->variants[j], s->groups[i].variant);
        if (!known)
            s->variants[s->n_variants++] = s->groups[i].variant;
    }
}

/* The keys that cells have values of, without repetition. */
static void list_keys(struct subject *s, struct arena *a)
{
    size_t capacity = 0;
    for (size_t i = 0; i < s->n_groups; i++)
        for (const char *part = s->groups[i].cell; *part;) {
            const size_t n = strcspn(part, ","), length = strcspn(part, "=,");
            bool known = length == n; /* no key at all */
            for (size_t j = 0; j < s->n_keys && !known; j++)
                known = strncmp(s->keys[j], part, length) == 0 && s->keys[j][length] == '\0';
            if (!known && s->n_keys == capacity)
                s->keys = grown(a, s->keys, s->n_keys, &capacity, sizeof *s->keys);
            if (!known)
                s->keys[s->n_keys++] = arena_strndup(a, part, length);
            part += n + strspn(part + n, ", ");
        }
}

int subject_read(struct subject *s, struct query *q, struct arena *a, const char *name, struct err *e)
{
    *s = (struct subject){ 0 };
    struct reading r = { .subject = s, .a = a };
    struct names metrics = { .a = a };
    TRY(query_rows(q, sql_study, &name, 1, add_study, &r, e));
    if (!r.found)
        return meant_no_study(q, name, "; `tprun ls` lists them", e);
    TRY(labels_load(&s->labels, q, a, name, e));
    TRY(query_rows(q, sql_trials, &name, 1, add_trial, &r, e));
    list_keys(s, a);
    for (size_t i = 0; i < s->n_groups; i++) {
        struct group *g = &s->groups[i];
        g->label = label_of(a, s, g->variant, g->cell, false);
        g->shown = label_of(a, s, g->variant, g->cell, true);
    }
    TRY(query_rows(q, sql_metrics, &name, 1, add_name, &metrics, e));
    TRY(query_rows(q, sql_units, NULL, 0, add_unit, &r, e));
    s->metrics = metrics.items;
    s->n_metrics = metrics.n;
    s->variants = arena_need(a, s->n_groups + 1, sizeof *s->variants);
    list_variants(s);
    return 0;
}

static bool listed(const char *word, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(word, names[i]))
            return true;
    return false;
}

static int unknown(const struct subject *s, const char *what, const char *word, const char *const *names, size_t n,
                   struct err *e)
{
    const char *near = err_nearest(word, names, n);
    struct text all = { 0 };
    for (size_t i = 0; i < n && i < 20; i++)
        text_add(&all, "%s%s", i ? ", " : "", names[i]);
    const int code = err_set(e, ERR_USAGE, "study '%s' has no %s '%s'%s%s%s (it has: %s%s)", s->name, what, word,
                             near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "", all.s ? all.s : "none",
                             n > 20 ? ", ..." : "");
    text_free(&all);
    return code;
}

int subject_check_metric(const struct subject *s, const char *metric, struct err *e)
{
    return listed(metric, s->metrics, s->n_metrics) ? 0 : unknown(s, "metric", metric, s->metrics, s->n_metrics, e);
}

static bool shows(const struct group *g, const char *const *variants, size_t n, const char *cell)
{
    return (n == 0 || listed(g->variant, variants, n)) && (!cell || table_cell_has(g->cell, cell));
}

/* With the nearest cell, as tables show it. */
static int no_cell(const struct subject *s, const char *cell, struct err *e)
{
    struct arena a;
    arena_init(&a, 0);
    const char **names = arena_need(&a, s->n_groups + 1, sizeof *names);
    for (size_t i = 0; i < s->n_groups; i++) {
        struct text shown = { 0 };
        table_short_cell(&shown, s->groups[i].cell);
        names[i] = arena_strdup(&a, shown.s);
        text_free(&shown);
    }
    const char *near = err_nearest(cell, names, s->n_groups);
    const int code = err_set(e, ERR_USAGE, "study '%s' has no cell with '%s'%s%s%s", s->name, cell,
                             near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    arena_finish(&a);
    return code;
}

int subject_filter(struct subject *s, const char *const *variants, size_t n, const char *cell, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (!listed(variants[i], s->variants, s->n_variants))
            return unknown(s, "variant", variants[i], s->variants, s->n_variants, e);
    size_t n_groups = 0, n_trials = 0;
    bool any = !cell;
    for (size_t i = 0; i < s->n_groups && !any; i++)
        any = shows(&s->groups[i], variants, n, cell);
    if (!any)
        return no_cell(s, cell, e);
    for (size_t i = 0, t = 0; i < s->n_groups; i++) {
        const struct group g = s->groups[i];
        const bool kept = shows(&g, variants, n, cell);
        for (; t < s->n_trials && s->trials[t].group == i; t++)
            if (kept) {
                s->trials[n_trials] = s->trials[t];
                s->trials[n_trials++].group = n_groups;
            }
        if (kept)
            s->groups[n_groups++] = g;
    }
    s->n_groups = n_groups;
    s->n_trials = n_trials;
    list_variants(s);
    if (n_groups == 0)
        return err_set(e, ERR_USAGE, "study '%s' has no trials", s->name);
    return 0;
}

const char *subject_label(const struct subject *s, const char *variant, const char *cell)
{
    for (size_t i = 0; i < s->n_groups; i++)
        if (!strcmp(s->groups[i].variant, variant) && !strcmp(s->groups[i].cell, cell))
            return s->groups[i].label;
    return variant;
}

const char *subject_main_metric(const struct subject *s)
{
    static const char *const order[] = { "test_accuracy", "valid_accuracy", "train_accuracy",
                                         "test_loss",     "valid_loss",     "train_loss" };
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if (listed(order[i], s->metrics, s->n_metrics))
            return order[i];
    return s->n_metrics ? s->metrics[0] : NULL;
}
