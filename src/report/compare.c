#include "report/compare.h"

#include "base/clean.h"
#include "report/compare_rows.h"
#include "report/compare_studies.h"
#include "report/quantity.h"
#include "store/rows.h"
#include <inttypes.h>
#include <string.h>

enum { MAX_WHATS = 20 }; /* layers, or targets */

struct targets {
    struct compare_what *what;
    size_t n;
    struct arena *a;
};

static int add_target(void *self, int n, const char *const *columns)
{
    struct targets *t = self;
    double value;
    if (n < 2 || !columns[0] || !columns[1] || text_to_double(columns[1], strlen(columns[1]), &value) < 0 ||
        t->n == MAX_WHATS)
        return 0;
    t->what[t->n++] =
        (struct compare_what){ .metric = arena_strdup(t->a, columns[0]), .of_target = true, .target = value };
    return 0;
}

/* The targets of a study, or those of one metric. */
static int find_targets(struct compare_what *what, size_t *n, struct query *q, struct arena *arena, const char *study,
                        const char *metric, struct err *e)
{
    const char *const arguments[] = { study, metric };
    struct targets t = { .what = what, .a = arena };
    TRY(query_rows(q,
                   "SELECT DISTINCT metric, value FROM targets WHERE study = ?1 AND (?2 IS NULL OR metric = ?2) "
                   "ORDER BY metric, value",
                   arguments, 2, add_target, &t, e));
    *n = t.n;
    return t.n ? 0
               : err_set(e, ERR_USAGE, "study '%s' has no targets%s%s: its file names them, targets: [{metric, value}]",
                         study, metric ? " of " : "", metric ? metric : "");
}

/* The metric that options name, or the main one of A's study; of every layer, unless they name one. */
static int find_what(struct compare_what *what, size_t *n, struct query *q, struct arena *arena,
                     struct compare_side side, const char **metric, const struct compare_options *o, struct err *e)
{
    struct subject s;
    struct quantity found[MAX_WHATS];
    TRY(subject_read(&s, q, arena, side.study, e));
    TRY(subject_filter(&s, &side.variant, 1, o->cell, e));
    if (o->cost) {
        TRY(find_targets(what, n, q, arena, side.study, *metric, e));
        for (size_t i = 0; i < *n; i++)
            what[i].unit = subject_unit(&s, what[i].metric);
        return 0;
    }
    *metric = *metric ? *metric : subject_main_metric(&s);
    if (!*metric)
        return err_set(e, ERR_USAGE, "study '%s' has logged nothing yet", side.study);
    const struct quantity_wish wish = { .metric = *metric, .has_layer = o->has_layer, .layer = o->layer };
    *n = 0;
    TRY(quantity_find(found, n, MAX_WHATS, &wish, &s, q, arena, e));
    for (size_t i = 0; i < *n; i++)
        what[i] = (struct compare_what){ .metric = *metric,
                                         .unit = subject_unit(&s, *metric),
                                         .of_layer = found[i].kind == QUANTITY_LAYER,
                                         .layer = found[i].layer };
    return 0;
}

static int find_goal(enum compare_goal *goal, struct query *q, const char *metric, struct err *e)
{
    bool found;
    double value = 0;
    TRY(query_number(q, "SELECT CASE goal WHEN 'min' THEN 1 WHEN 'max' THEN 2 END FROM metric_key WHERE name = ?1",
                     &metric, 1, &found, &value, e));
    *goal = !found ? COMPARE_NO_GOAL : value < 2 ? COMPARE_MIN : COMPARE_MAX;
    return 0;
}

static bool listed(const struct compare_what *what, const struct compare_what *others, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (others[i].of_layer == what->of_layer && others[i].layer == what->layer &&
            others[i].target == what->target && !strcmp(others[i].metric, what->metric))
            return true;
    return false;
}

/* Both sides of one study. */
static int add_study(struct compare_cells *cells, struct query *q, const struct compare_study *study,
                     const char **metric, enum compare_goal *goal, bool *several, const struct compare_options *o,
                     struct err *e)
{
    struct compare_what *what = arena_need(cells->arena, 2 * MAX_WHATS, sizeof *what), *others = what + MAX_WHATS;
    size_t n, n_others;
    TRY(find_what(what, &n, q, cells->arena, study->a, metric, o, e));
    TRY(find_what(others, &n_others, q, cells->arena, study->b, metric, o, e));
    if (o->cost)
        *goal = COMPARE_MIN;
    else
        TRY(find_goal(goal, q, *metric, e));
    *several = *several || n > 1;
    for (size_t i = 0; i < n; i++) {
        struct compare_values a, b;
        if (!listed(&what[i], others, n_others)) /* a layer or a target that B has not */
            continue;
        TRY(compare_values_read(&a, q, cells->arena, study->a, &what[i], o, e));
        TRY(compare_values_read(&b, q, cells->arena, study->b, &what[i], o, e));
        TRY(compare_cells_add(cells, q, study->a.study, &what[i], *goal, &a, &b, e));
    }
    return 0;
}

static const char *side_name(struct arena *a, struct compare_side side, bool several)
{
    return several ? side.variant : arena_printf(a, "%s:%s", side.study, side.variant);
}

static struct compare_heading heading_of(const struct compare_study *studies, size_t n, const struct compare_options *o,
                                         struct arena *a)
{
    static const char *const names[] = {
        [COMPARE_LAST] = "last", [COMPARE_BEST] = "best", [COMPARE_SELECTED] = "selected", [COMPARE_STEP] = NULL
    };
    return (struct compare_heading){ .a = side_name(a, studies->a, n > 1),
                                     .b = side_name(a, studies->b, n > 1),
                                     .at = o->cost        ? o->cost
                                           : names[o->at] ? names[o->at]
                                                          : arena_printf(a, "%" PRId64, o->step),
                                     .targets = o->cost != NULL,
                                     .several_studies = n > 1 };
}

/* What all rows of a table are about. */
static void print_heading(const struct compare_cells *cells, const struct compare_heading *h,
                          const struct compare_options *o, FILE *out)
{
    const struct compare_what *what = cells->items[0].what;
    const char *metric = clean_copy(cells->arena, what->metric);
    struct text t = { 0 };
    if (o->cost && h->several) {
        text_add(&t, "%s until a target is reached", o->cost);
    } else if (o->cost) {
        text_add(&t, "%s until %s", o->cost, metric);
        subject_put_unit(&t, clean_copy(cells->arena, what->unit));
        text_add(&t, " reaches %.6g", what->target);
    } else {
        text_puts(&t, metric);
        if (what->of_layer && !h->several)
            text_add(&t, " of layer %" PRId64, what->layer);
        subject_put_unit(&t, clean_copy(cells->arena, what->unit));
        text_add(&t, o->at == COMPARE_STEP ? ", at step %s" : ", %s values", h->at);
    }
    text_add(&t, "\nA = %s\nB = %s\n\n", clean_copy(cells->arena, h->a), clean_copy(cells->arena, h->b));
    fwrite(t.s, 1, t.n, out); /* ferror is read at the end */
    text_free(&t);
}

static int print(const struct compare_cells *cells, const struct compare_heading *h, enum compare_goal goal,
                 const struct compare_options *o, FILE *out, struct err *e)
{
    if (o->format == FORMAT_TABLE)
        print_heading(cells, h, o, out);
    if (o->pairs)
        return compare_print_pairs(cells, h, o->format, out, e);
    if (!h->several_studies)
        return compare_print_cells(cells, h, o->format, out, NULL, e);
    section_heading("cells", true, o->format, out);
    TRY(compare_print_cells(cells, h, o->format, out, "cells", e));
    TRY(compare_print_studies(cells, goal, o->format, out, e));
    section_end(o->format, out);
    return 0;
}

static int compare(FILE *out, struct query *q, struct arena *arena, const struct compare_study *studies, size_t n,
                   const struct compare_options *o, struct err *e)
{
    struct compare_cells cells = { .arena = arena };
    struct compare_heading h = heading_of(studies, n, o, arena);
    enum compare_goal goal = COMPARE_NO_GOAL;
    const char *metric = o->metric;
    for (size_t i = 0; i < n; i++) {
        const size_t before = cells.n;
        TRY(add_study(&cells, q, &studies[i], &metric, &goal, &h.several, o, e));
        if (cells.n == before)
            return err_set(e, ERR_USAGE, "%s:%s and %s:%s have no cell and seed in common", studies[i].a.study,
                           studies[i].a.variant, studies[i].b.study, studies[i].b.variant);
    }
    if (h.several && n > 1)
        return err_set(e, ERR_USAGE,
                       o->cost ? "of several studies one target is compared: choose with --metric NAME"
                               : "of several studies one layer is compared: choose with --layer N");
    TRY(compare_cells_correct(&cells, e));
    TRY(print(&cells, &h, goal, o, out, e));
    if (!o->quiet && (cells.n_unpaired[0] || cells.n_unpaired[1]))
        clean_print_line(stderr, "tprun: note: without a partner of the same cell and seed: %zu trials of A, %zu of B",
                         cells.n_unpaired[0], cells.n_unpaired[1]);
    return 0;
}

int compare_write(FILE *out, struct query *q, const struct compare_study *studies, size_t n,
                  const struct compare_options *o, struct err *e)
{
    struct arena arena;
    arena_init(&arena, 0);
    const int code = compare(out, q, &arena, studies, n, o, e);
    arena_finish(&arena);
    return code;
}
