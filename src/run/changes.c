/* A file that was edited between two runs: its changed trials have new keys and start anew beside the old ones. That is
 * meant, but a person who mistyped should hear of it. */
#include "run/private.h"

#include "store/query.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { TRIALS_COMPARED = 200, NOTES = 20 };

struct leaf {
    const char *path, *text;
    double number;
    bool met;
};
struct comparison {
    struct arena *arena;
    const struct config *config; /* of the trial in the file */
    size_t n, capacity;
    struct leaf *leaves;
    const char *notes[NOTES];
    size_t n_notes;
    bool more;
};

static void add_leaf(void *self, const char *path, const char *text, double number)
{
    struct comparison *c = self;
    if (c->n == c->capacity) {
        struct leaf *grown = arena_need(c->arena, 2 * c->capacity + 64, sizeof *grown);
        if (c->n)
            memcpy(grown, c->leaves, c->n * sizeof *grown);
        c->leaves = grown;
        c->capacity = 2 * c->capacity + 64;
    }
    c->leaves[c->n++] =
        (struct leaf){ arena_strdup(c->arena, path), text ? arena_strdup(c->arena, text) : NULL, number, false };
}

static const char *value_text(struct arena *a, const char *text, double number)
{
    if (text)
        return text;
    struct text t = { 0 };
    text_json_number(&t, number);
    const char *s = arena_strdup(a, t.s);
    text_free(&t);
    return s;
}

static void add_note(struct comparison *c, const char *text)
{
    for (size_t i = 0; i < c->n_notes; i++)
        if (!strcmp(c->notes[i], text))
            return;
    if (c->n_notes < NOTES)
        c->notes[c->n_notes++] = text;
    else
        c->more = true;
}

static void note(struct comparison *c, const char *path, const char *old, const char *new)
{
    add_note(c, arena_printf(c->arena, "%s: %s in the database, %s in the file", path, old, new));
}

static bool is_value(const struct leaf *l, double number, const char *text)
{
    return text || l->text ? text && l->text && !strcmp(text, l->text)
                           : fabs(number - l->number) <= 1e-14 * fabs(l->number);
}

/* A stored leaf: key, num, text. Numbers come as decimal text. */
static int compare_row(void *self, int n, const char *const *values)
{
    struct comparison *c = self;
    if (n < 3 || !values[0] || config_is_budget(values[0], c->config))
        return 0;
    double number = NAN;
    if (values[1] && text_to_double(values[1], strlen(values[1]), &number) < 0)
        number = NAN;
    for (size_t i = 0; i < c->n; i++) {
        struct leaf *l = &c->leaves[i];
        if (strcmp(l->path, values[0]) != 0)
            continue;
        l->met = true;
        if (!is_value(l, number, values[2]))
            note(c, l->path, value_text(c->arena, values[2], number), value_text(c->arena, l->text, l->number));
        return 0;
    }
    note(c, values[0], value_text(c->arena, values[2], number), "nothing");
    return 0;
}

static int compare_trial(struct query *q, struct comparison *c, const char *study, const struct plan_trial *t,
                         struct err *e)
{
    static const char older[] = "SELECT p.param, p.num, p.text FROM all_params p WHERE p.trial_id ="
                                " (SELECT t.id FROM trial t JOIN study s ON s.id = t.study_id WHERE s.name = ?1 AND "
                                "t.variant = ?2 AND t.cell = ?3 AND t.generation > 0"
                                "  AND t.seed = CAST(?4 AS INTEGER) AND NOT EXISTS (SELECT 1 FROM trial WHERE key = ?5)"
                                "  ORDER BY t.generation DESC, t.id DESC LIMIT 1)";
    char seed[32];
    snprintf(seed, sizeof seed, "%" PRId64, t->spec.seed);
    const char *const arguments[] = { study, t->spec.variant, t->cell, seed, t->key };
    c->n = 0;
    c->config = &t->config;
    bind_leaves(config_options, &t->config, add_leaf, c);
    const size_t notes = c->n_notes;
    TRY(query_rows(q, older, arguments, 5, compare_row, c, e));
    bool any = c->n_notes > notes;
    for (size_t i = 0; i < c->n; i++)
        any |= c->leaves[i].met;
    for (size_t i = 0; any && i < c->n; i++)
        if (!c->leaves[i].met && !config_is_budget(c->leaves[i].path, c->config))
            note(c, c->leaves[i].path, "nothing", value_text(c->arena, c->leaves[i].text, c->leaves[i].number));
    return 0;
}

struct logs {
    const struct config *config;
    struct comparison *c; /* with the leaves of config */
};

/* stored: log.metrics of a finished trial, as the database has it: ["train_loss","test_loss"]. */
static void compare_metrics(const struct logs *l, const char *stored)
{
    const struct names *metrics = &l->config->log.metrics;
    for (size_t i = 0; i < metrics->n; i++) {
        const char *quoted = arena_printf(l->c->arena, "\"%s\"", metrics->items[i]);
        if (!strstr(stored, quoted))
            add_note(l->c,
                     arena_printf(l->c->arena, "%s was not logged by trials that are finished; %s", metrics->items[i],
                                  trial_metric_is_of_weights(metrics->items[i])
                                      ? "--relog writes its last row from their checkpoints, --force trains them "
                                        "again"
                                      : "--force trains them again"));
    }
}

/* What a finished trial's logs followed from: key, num, text. */
static int compare_log(void *self, int n, const char *const *values)
{
    const struct logs *l = self;
    double number = NAN;
    if (n < 3 || !values[0])
        return 0;
    if (!strcmp(values[0], "log.metrics")) {
        compare_metrics(l, values[2] ? values[2] : "");
        return 0;
    }
    if (values[1] && text_to_double(values[1], strlen(values[1]), &number) < 0)
        number = NAN;
    for (size_t i = 0; i < l->c->n; i++) {
        const struct leaf *x = &l->c->leaves[i];
        if (!strcmp(x->path, values[0]) && !is_value(x, number, values[2]))
            add_note(l->c, arena_printf(l->c->arena,
                                        "%s was %s when trials that are finished were logged, and is %s now; --force "
                                        "trains them again",
                                        x->path, value_text(l->c->arena, values[2], number),
                                        value_text(l->c->arena, x->text, x->number)));
    }
    return 0;
}

/* A budget key makes no other trial, so one that is finished is not trained for what is to be logged now. */
static int compare_logs(struct query *q, struct comparison *c, const struct plan_trial *t, struct err *e)
{
    static const char finished[] =
        "SELECT p.param, p.num, p.text FROM trial t JOIN all_params p ON p.trial_id = t.id AND p.param IN "
        "('log.metrics', 'log.every', 'log.samples', 'log.damping') WHERE t.key = ?1 AND"
        " (t.state = 'diverged' OR (t.state = 'done' AND t.step >= CAST(?2 AS INTEGER)))";
    char budget[32];
    snprintf(budget, sizeof budget, "%" PRId64, t->budget);
    const char *const arguments[] = { t->key, budget };
    struct logs l = { &t->config, c };
    c->n = 0;
    bind_leaves(config_options, &t->config, add_leaf, c);
    return query_rows(q, finished, arguments, 2, compare_log, &l, e);
}

int changes_note(struct runner *r, size_t study, struct err *e)
{
    const struct plan_study *s = &r->plan->studies[study];
    struct arena arena;
    struct query *q;
    TRY(query_open(&q, r->options->db, e));
    arena_init(&arena, 0);
    struct comparison c = { .arena = &arena }, logs = { .arena = &arena };
    bool found;
    double n_old = 0;
    int code = query_number(q, "SELECT count(*) FROM trial t JOIN study s ON s.id = t.study_id WHERE s.name = ?1",
                            &s->study.name, 1, &found, &n_old, e);
    for (uint64_t i = 0, n = 0; i < s->n && n < TRIALS_COMPARED && n_old > 0 && code == 0; i += s->study.n_seeds, n++) {
        struct plan_trial t;
        code = plan_trial(r->plan, study, i, &t, e);
        if (code == 0 && !t.excluded)
            code = compare_trial(q, &c, s->study.name, &t, e);
        if (code == 0 && !t.excluded && !r->options->force && !plan_left_out(r->plan, study, i))
            code = compare_logs(q, &logs, &t, e);
    }
    query_close(q);
    for (size_t i = 0; i < c.n_notes; i++)
        progress_say(&r->progress, "tprun: note: %s: %s%s", s->study.name, c.notes[i],
                     i + 1 == c.n_notes ? ": these are new trials; the old ones stay" : "");
    for (size_t i = 0; i < logs.n_notes && !r->options->relog; i++)
        progress_say(&r->progress, "tprun: note: %s: %s", s->study.name, logs.notes[i]);
    if (c.more)
        progress_say(&r->progress, "tprun: note: %s: and more", s->study.name);
    arena_finish(&arena);
    return code;
}
