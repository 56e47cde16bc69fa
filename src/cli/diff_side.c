#include "cli/diff_side.h"

#include "report/subject.h"
#include "store/meant.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void add(struct diff_side *s, const char *variant, const char *key, const char *value)
{
    if (s->n == s->capacity) {
        struct diff_value *grown = arena_need(s->arena, 2 * s->capacity + 256, sizeof *grown);
        if (s->n)
            memcpy(grown, s->items, s->n * sizeof *grown);
        s->items = grown;
        s->capacity = 2 * s->capacity + 256;
    }
    s->items[s->n++] = (struct diff_value){ variant, arena_strdup(s->arena, key), arena_strdup(s->arena, value) };
}

static const char *value_text(struct arena *a, const char *text, double number)
{
    if (text)
        return text;
    struct text t = { 0 };
    text_json_number(&t, number);
    const char *copy = arena_strdup(a, t.s);
    text_free(&t);
    return copy;
}

/* Numbers in their order, and before words. */
static int compare_values(const char *x, const char *y)
{
    double a, b;
    const bool na = text_to_double(x, strlen(x), &a) == 0, nb = text_to_double(y, strlen(y), &b) == 0;
    if (na && nb && a != b)
        return a < b ? -1 : 1;
    return na != nb ? nb - na : strcmp(x, y);
}

static int compare(const void *x, const void *y)
{
    const struct diff_value *a = x, *b = y;
    int order = strcmp(a->variant, b->variant);
    order = order ? order : strcmp(a->key, b->key);
    return order ? order : compare_values(a->value, b->value);
}

static void sort(struct diff_side *s)
{
    size_t n = 0;
    if (s->n > 1)
        qsort(s->items, s->n, sizeof *s->items, compare);
    for (size_t i = 0; i < s->n; i++)
        if (n == 0 || compare(&s->items[n - 1], &s->items[i]) != 0)
            s->items[n++] = s->items[i];
    s->n = n;
}

void diff_side_merge(struct diff_side *s)
{
    for (size_t i = 0; i < s->n; i++)
        s->items[i].variant = "";
    sort(s);
}

/* ---- files ---- */

struct leaves {
    struct diff_side *side;
    const char *variant;
};

static void add_leaf(void *self, const char *path, const char *text, double number)
{
    const struct leaves *l = self;
    add(l->side, l->variant, path, value_text(l->side->arena, text, number));
}

static int add_trials(struct diff_side *s, struct plan *p, struct err *e)
{
    for (size_t k = 0; k < p->n_studies; k++)
        for (uint64_t i = 0; i < p->studies[k].n; i++) {
            struct plan_trial t;
            if (plan_left_out(p, k, i))
                continue;
            TRY(plan_trial(p, k, i, &t, e));
            if (t.excluded)
                continue;
            struct leaves l = { s, arena_strdup(s->arena, t.spec.variant) };
            bind_leaves(config_options, &t.config, add_leaf, &l);
            if (s->n > 100000)
                sort(s); /* what trials have in common is kept once */
        }
    return 0;
}

static int read_file(struct diff_side *s, const struct cli *c, const char *path, struct err *e)
{
    struct plan p = { 0 };
    const struct plan_options o = cli_plan_options(c);
    struct err own = { 0 };
    int code = plan_open(&p, &path, 1, &o, &own);
    if (code == 0)
        code = add_trials(s, &p, &own);
    if (code < 0) /* its places point into the plan: it is told here */
        err_print(&own, stderr, c->color_err);
    const bool mistakes = code < 0;
    err_clear(&own);
    plan_close(&p);
    s->by_variant = true;
    return mistakes ? err_set(e, code, "%s: cannot be compared", path) : 0;
}

/* ---- the database ---- */

/* variant, param, text, num */
static int add_row(void *self, int n, const char *const *v)
{
    struct diff_side *s = self;
    double number = NAN;
    if (n < 4 || !v[0] || !v[1])
        return 0;
    if (v[3] && text_to_double(v[3], strlen(v[3]), &number) < 0)
        number = NAN;
    add(s, arena_strdup(s->arena, v[0]), v[1], value_text(s->arena, v[2], number));
    return 0;
}

static int read_trial(struct diff_side *s, struct query *q, int64_t id, struct err *e)
{
    char digits[32];
    const char *argument = digits;
    snprintf(digits, sizeof digits, "%" PRId64, id);
    s->is_trial = true;
    return query_rows(q,
                      "SELECT t.variant, p.param, p.text, p.num FROM all_params p JOIN all_trials t USING (trial_id)"
                      " WHERE p.trial_id = CAST(?1 AS INTEGER)",
                      &argument, 1, add_row, s, e);
}

/* STUDY:VARIANT:CELL:SEED; a cell may contain colons. */
static int read_place(struct diff_side *s, struct query *q, const char *study, const char *variant, const char *rest,
                      struct err *e)
{
    const char *last = strrchr(rest, ':');
    bool found = false;
    double id = 0;
    if (!last)
        return err_set(e, ERR_USAGE, "'%s:%s:%s' is not STUDY:VARIANT:CELL:SEED (without a sweep: STUDY:VARIANT::SEED)",
                       study, variant, rest);
    const char *cell = arena_strndup(s->arena, rest, (size_t)(last - rest));
    if (*cell)
        TRY(meant_cell(q, study, cell, s->arena, &cell, e));
    const char *const arguments[] = { study, variant, cell, last + 1 };
    TRY(query_number(
        q,
        "SELECT trial_id FROM trials WHERE study = ?1 AND variant = ?2 AND cell = ?3 AND seed = CAST(?4 AS "
        "INTEGER)",
        arguments, 4, &found, &id, e));
    return found ? read_trial(s, q, (int64_t)id, e)
                 : err_set(e, ERR_USAGE, "study '%s' has no trial of variant '%s' in the cell '%s' with seed %s", study,
                           variant, cell, last + 1);
}

static int read_study(struct diff_side *s, struct query *q, const char *name, struct err *e)
{
    const char *const colon = strchr(name, ':');
    const char *study = colon ? arena_strndup(s->arena, name, (size_t)(colon - name)) : name;
    const char *const second = colon ? strchr(colon + 1, ':') : NULL;
    const char *variant = !colon   ? NULL
                          : second ? arena_strndup(s->arena, colon + 1, (size_t)(second - colon) - 1)
                                   : colon + 1;
    struct subject subject;
    TRY(subject_read(&subject, q, s->arena, study, e)); /* names the nearest study if there is none */
    if (variant && subject.n_trials > 0)
        TRY(subject_filter(&subject, &variant, 1, NULL, e)); /* and the nearest variant */
    if (second)
        return read_place(s, q, study, variant, second + 1, e);
    const char *const arguments[] = { study, variant };
    s->by_variant = !variant;
    /* a chosen cell, with its fresh seeds, is one of the sweep once more */
    TRY(query_rows(q,
                   "SELECT DISTINCT variant, param, text, num FROM params WHERE study = ?1"
                   " AND variant = coalesce(?2, variant) AND cell <> 'tuned' AND cell NOT LIKE 'tuned, %'",
                   arguments, 2, add_row, s, e));
    return s->n || !variant ? 0 : err_set(e, ERR_USAGE, "study '%s' has no variant '%s'", study, variant);
}

static int read_database(struct diff_side *s, const struct cli *c, const char *name, struct err *e)
{
    struct query *q;
    bool found;
    double n = 0;
    int64_t id;
    TRY(query_open(&q, c->db, e));
    int code = query_number(q, "SELECT count(*) FROM study WHERE name = ?1", &name, 1, &found, &n, e);
    if (code == 0 && n == 0 && cli_is_key(name)) {
        code = cli_find_trial(c, q, name, &id, e);
        code = code == 0 ? read_trial(s, q, id, e) : code;
    } else if (code == 0) {
        code = read_study(s, q, name, e);
    }
    query_close(q);
    return code;
}

static bool is_file(const char *name)
{
    struct stat st;
    const char *dot = strrchr(name, '.');
    return strchr(name, '/') || (dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"))) ||
           (stat(name, &st) == 0 && S_ISREG(st.st_mode));
}

int diff_side_read(struct diff_side *s, const struct cli *c, const char *name, struct err *e)
{
    TRY(is_file(name) ? read_file(s, c, name, e) : read_database(s, c, name, e));
    sort(s);
    return 0;
}
