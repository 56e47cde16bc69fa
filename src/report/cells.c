#include "report/cells.h"

#include "report/scale.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char sql_cells[] =
    "SELECT t.variant, t.cell, p.key, p.num, p.text FROM study s JOIN trial t ON t.study_id = s.id AND t.generation = "
    "s.generation JOIN param p ON p.trial_id = t.id AND p.swept = 1 WHERE s.name = ?1 AND t.cell IS NOT t.tuning "
    "GROUP BY t.variant, t.cell, p.key ORDER BY p.key, min(t.id)";
/* A dotted key of the file is maps in maps, closed by the form of its draws. */
static const char sql_drawn[] =
    "SELECT replace(substr(p.path, 1 + length('$.sweep.random.parameters.')), '\"', ''), p.key GLOB '*log*' FROM study "
    "s, "
    "json_tree(CASE WHEN json_valid(s.spec) THEN s.spec ELSE '{}' END, '$.sweep.random.parameters') p WHERE s.name = "
    "?1 "
    "AND p.key IN ('uniform', 'loguniform', 'choice', 'randint', 'lograndint', 'quniform', 'qloguniform')";

#define SPREAD 50 /* the largest over the smallest value, from which an axis is logarithmic by itself */

struct reading {
    struct cells *c;
    const struct subject *s;
    struct arena *a;
    size_t group;
    const char **text; /* [n_keys][n_groups] what is no number, or NULL */
    double *number;    /* [n_keys][n_groups] */
};

static bool find_group(struct reading *r, const char *variant, const char *cell)
{
    const size_t n = r->s->n_groups;
    for (size_t i = 0; i < n; i++) { /* rows come in the order of the groups: mostly it is the next one */
        const size_t at = (r->group + i) % n;
        if (!strcmp(r->s->groups[at].variant, variant) && !strcmp(r->s->groups[at].cell, cell)) {
            r->group = at;
            return true;
        }
    }
    return false;
}

static int add_value(void *self, int n, const char *const *values)
{
    struct reading *r = self;
    struct cells *c = r->c;
    const size_t groups = r->s->n_groups;
    double x;
    if (n < 5 || !values[0] || !values[1] || !values[2] || !find_group(r, values[0], values[1]))
        return 0;
    if (c->n_keys == 0 || strcmp(c->keys[c->n_keys - 1].name, values[2]) != 0) {
        if (c->n_keys == CELLS_MAX_KEYS)
            return 0;
        c->keys[c->n_keys++] = (struct cells_key){ .name = arena_strdup(r->a, values[2]), .numeric = true };
    }
    const size_t at = (c->n_keys - 1) * groups + r->group;
    const bool number = values[3] && text_to_double(values[3], strlen(values[3]), &x) == 0;
    r->number[at] = number ? x : NAN;
    r->text[at] = arena_strdup(r->a, values[4] ? values[4] : values[3] ? values[3] : "");
    c->keys[c->n_keys - 1].numeric = c->keys[c->n_keys - 1].numeric && number;
    return 0;
}

static int add_drawn(void *self, int n, const char *const *values)
{
    struct reading *r = self;
    for (size_t k = 0; n >= 2 && values[0] && k < r->c->n_keys; k++)
        if (!strcmp(r->c->keys[k].name, values[0])) {
            r->c->keys[k].drawn = true;
            r->c->keys[k].log = values[1] && !strcmp(values[1], "1");
        }
    return 0;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Numbers are the values; the place of a word is its number. */
static void number_words(struct reading *r, size_t key)
{
    struct cells_key *k = &r->c->keys[key];
    const size_t groups = r->s->n_groups;
    k->words = arena_need(r->a, groups + 1, sizeof *k->words);
    for (size_t g = 0; g < groups; g++) {
        const char *text = r->text[key * groups + g];
        size_t at = 0;
        if (!text)
            continue;
        while (at < k->n_values && strcmp(k->words[at], text) != 0)
            at++;
        if (at == k->n_values)
            k->words[k->n_values++] = text;
        r->number[key * groups + g] = (double)at;
    }
}

static void survey(struct reading *r, size_t key)
{
    struct cells_key *k = &r->c->keys[key];
    const size_t groups = r->s->n_groups;
    size_t n = 0, kept = 0;
    if (!k->numeric)
        number_words(r, key);
    k->values = arena_need(r->a, groups + 1, sizeof *k->values);
    for (size_t g = 0; g < groups; g++) {
        r->c->number[g * r->c->n_keys + key] = r->number[key * groups + g];
        if (isfinite(r->number[key * groups + g]))
            k->values[n++] = r->number[key * groups + g];
    }
    qsort(k->values, n, sizeof *k->values, by_size);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || k->values[i] != k->values[kept - 1])
            k->values[kept++] = k->values[i];
    k->n_values = kept;
    const bool positive = k->numeric && kept > 0 && k->values[0] > 0;
    k->log = positive && (k->log || (!k->drawn && k->values[kept - 1] >= SPREAD * k->values[0]));
}

int cells_read(struct cells *c, const struct subject *s, struct query *q, struct arena *a, struct err *e)
{
    const size_t n = CELLS_MAX_KEYS * s->n_groups;
    *c = (struct cells){ 0 };
    struct reading r = {
        .c = c, .s = s, .a = a, .text = arena_need(a, n, sizeof *r.text), .number = arena_need(a, n, sizeof *r.number)
    };
    for (size_t i = 0; i < n; i++)
        r.number[i] = NAN;
    TRY(query_rows(q, sql_cells, &s->name, 1, add_value, &r, e));
    TRY(query_rows(q, sql_drawn, &s->name, 1, add_drawn, &r, e));
    c->number = arena_need(a, s->n_groups * c->n_keys + 1, sizeof *c->number);
    for (size_t k = 0; k < c->n_keys; k++)
        survey(&r, k);
    return 0;
}

double cells_at(const struct cells *c, size_t group, size_t key)
{
    return c->number[group * c->n_keys + key];
}

static bool ends_in(const char *key, const char *end)
{
    const size_t n = strlen(key), m = strlen(end);
    return n == m ? !strcmp(key, end) : n > m && key[n - m - 1] == '.' && !strcmp(key + n - m, end);
}

int cells_find(const struct cells *c, const struct subject *s, const char *end, size_t *key, struct err *e)
{
    size_t n_found = 0;
    struct text all = { 0 };
    for (size_t i = 0; i < c->n_keys; i++) {
        text_add(&all, "%s%s", i ? ", " : "", c->keys[i].name);
        if (ends_in(c->keys[i].name, end)) {
            n_found++;
            *key = i;
        }
    }
    const int code = n_found == 1 ? 0
                                  : err_set(e, ERR_USAGE, "study '%s' has %s swept key '%s' (it has: %s)", s->name,
                                            n_found ? "more than one" : "no", end, all.s ? all.s : "none");
    text_free(&all);
    return code;
}

const char *cells_rest(const struct cells *c, const struct subject *s, struct arena *a, size_t group,
                       const size_t *without, size_t n)
{
    struct text t = { 0 };
    char few[48];
    for (size_t k = 0; k < c->n_keys; k++) {
        bool left_out = isnan(cells_at(c, group, k));
        for (size_t i = 0; i < n; i++)
            left_out = left_out || without[i] == k;
        if (left_out)
            continue;
        const double x = cells_at(c, group, k);
        text_add(&t, "%s%s=%s", t.n ? ", " : "", subject_key(s, c->keys[k].name),
                 c->keys[k].numeric ? scale_number(x, few) : c->keys[k].words[(size_t)x]);
    }
    const char *rest = arena_strdup(a, t.s ? t.s : "");
    text_free(&t);
    return rest;
}
