#include "cli/run_table.h"

#include "base/clean.h"
#include "base/text.h"
#include "cli/generations.h"
#include "cli/tuned.h"
#include "report/selection.h"
#include "store/partial.h"
#include "store/table.h"
#include <stdio.h>
#include <string.h>

enum { N_COLUMNS = 7 };
enum { ROWS_SHOWN = 8 }; /* of a variant and metric: the best cells, as they come in order of their value */

/* clang-format off */

/* The metrics of split ?2, of the train split the loss; cells in order of metric ?3, whose best value is ?4. The last
 * means are those at the step that validation selects, where ?5 is 'selected', and else of the best step. */
static const char sql[] =
    "SELECT f.study, f.variant, f.cell, f.metric, f.n, f.n_asked, f.n_diverged, f.last_mean_finished, "
    "f.last_sd_finished, CASE ?5 WHEN 'selected' THEN g.mean_finished ELSE f.best_mean_finished END, "
    "CASE ?5 WHEN 'selected' THEN g.sd_finished ELSE f.best_sd_finished END, f.n_shorter, "
    "CASE ?5 WHEN 'selected' THEN max(f.n - coalesce(g.n, 0), 0) ELSE f.n_partial END FROM finals f "
    "LEFT JOIN finals o ON o.study = ?1 AND o.metric = ?3 AND o.variant = f.variant AND o.cell = f.cell "
    "LEFT JOIN selected_finals g ON g.study = ?1 AND ?5 = 'selected' AND g.variant = f.variant AND g.cell = f.cell "
    "AND g.metric = f.metric WHERE f.study = ?1 AND f.split = ?2 AND (?2 = 'test' OR f.metric = 'train_loss') "
    "ORDER BY f.variant, f.metric, o.last_mean_finished IS NULL, "
    "CASE ?4 WHEN 'max' THEN -o.last_mean_finished ELSE o.last_mean_finished END, "
    "f.cell COLLATE tprun_cells";
static const char sql_selected[] = "SELECT 1 FROM selected WHERE study = ?1 LIMIT 1";

/* As in view finals, of one-offs too. */
#define OF_DONE(x) \
    "CASE WHEN t.state = 'done' AND t.finished_budget >= t.budget AND NOT t.outdated AND u.last_step = u.end_step " \
    "AND u.end_step = t.step THEN " x " END"
/* The trials of the places of study ?1, one-offs, in the columns of a study's table. */
static const char sql_one_offs[] =
    "SELECT s.name AS study, t.variant, t.cell, k.name AS metric, count(" OF_DONE("u.last") ") AS n, "
    "count(*) AS n_asked, sum(t.state = 'diverged') AS n_diverged, avg(" OF_DONE("u.last") ") AS last_mean_finished, "
    "NULL AS last_sd_finished, CASE WHEN total(" OF_DONE(PARTIAL("u")) ") = 0 "
    "THEN avg(" OF_DONE("u.best") ") END AS best_mean_finished, NULL AS best_sd_finished, "
    "sum(t.state = 'done' AND t.step >= t.finished_budget AND t.step < t.longest) AS n_shorter, "
    "CAST(total(" OF_DONE(PARTIAL("u")) ") AS INTEGER) AS n_partial FROM study s JOIN "
    "(SELECT x.*, p.study_id AS place_study, "
    "max(CASE x.state WHEN 'done' THEN max(x.step, x.finished_budget) END) OVER "
    "(PARTITION BY p.study_id, x.variant, x.cell) AS longest FROM (SELECT DISTINCT study_id, trial_id FROM place) p "
    "JOIN trial x ON x.id = p.trial_id) t ON t.place_study = s.id "
    "JOIN summary u ON u.trial_id = t.id JOIN metric_key k ON k.id = u.key_id "
    "WHERE s.name = ?1 AND (k.split = 'test' OR (k.name = 'train_loss' AND NOT EXISTS "
    "(SELECT 1 FROM place o JOIN summary v ON v.trial_id = o.trial_id JOIN metric_key w ON w.id = v.key_id "
    "WHERE o.study_id = s.id AND w.split = 'test'))) "
    "GROUP BY s.name, t.variant, t.cell, k.name ORDER BY t.variant, k.name, "
    "t.cell COLLATE tprun_cells";

/* For programs: in order of names. */
static const char sql_rows[] =
    "SELECT study, variant, cell, metric, n, n_asked, n_diverged, n_unfinished, n_failed, n_nonfinite, n_outdated, "
    "n_shorter, n_partial, last_mean, last_sd, best_mean, best_sd, last_mean_finished, best_mean_finished "
    "FROM finals WHERE study = ?1 AND (split = 'test' OR (metric = 'train_loss' AND NOT EXISTS (SELECT 1 FROM "
    "finals WHERE study = ?1 AND split = 'test'))) ORDER BY variant, metric, cell";
/* clang-format on */

/* Of the variant that has most. */
static const char sql_most_cells[] = "SELECT max(n) FROM (SELECT count(DISTINCT cell) AS n FROM outcomes WHERE study = "
                                     "?1 GROUP BY variant)";
/* Which metrics are shown is asked first: a column of the view that is compared with a constant reaches the tables
 * below it, an OR with EXISTS would make all groups of all metrics. */
static const char sql_tested[] =
    "SELECT 1 FROM summary u JOIN metric_key k ON k.id = u.key_id AND k.split = 'test' WHERE u.trial_id IN (SELECT "
    "t.id FROM trial t JOIN study s ON s.id = t.study_id AND s.generation = t.generation WHERE s.name = ?1) LIMIT 1";

struct results {
    struct table rows;
    char group[256];        /* variant and metric of the row before */
    size_t shown, left_out; /* shown: of the group */
    bool incomplete;        /* a row lacks seeds */
    bool shorter;           /* a row has trials of different lengths */
    bool partial;           /* a row has trials without the last column's value */
    const char *last;       /* name of the last column of means */
};

/* A mean that lacks seeds stands in parentheses. */
static void put_mean(char *out, size_t size, const char *mean, const char *sd, bool complete)
{
    double m, s;
    const char *before = complete ? "" : "(", *after = complete ? "" : ")";
    if (!mean || text_to_double(mean, strlen(mean), &m) < 0)
        snprintf(out, size, "-");
    else if (!sd || text_to_double(sd, strlen(sd), &s) < 0)
        snprintf(out, size, "%s%.4g%s", before, m, after);
    else
        snprintf(out, size, "%s%.4g +- %.2g%s", before, m, s, after);
}

/* study, variant, cell, metric, n, n_asked, n_diverged, means of what is finished: last, sd, best or selected, sd; how
 * many are shorter than others, how many of the n have no best or selected value */
static int print_row(void *self, int n, const char *const *v)
{
    struct results *s = self;
    char last[48], best[48], trials[96], group[256];
    if (n < 13 || !v[1] || !v[3] || !v[4] || !v[5])
        return 0;
    snprintf(group, sizeof group, "%s %s", v[1], v[3]);
    if (strcmp(group, s->group) != 0)
        s->shown = 0;
    memcpy(s->group, group, sizeof group);
    if (s->shown == ROWS_SHOWN) {
        s->left_out++;
        return 0;
    }
    s->shown++;
    const char *const headings[] = { "variant", "metric", "trials", "diverged", "last", s->last, "cell" };
    for (size_t i = 0; s->rows.n_cells < N_COLUMNS && i < N_COLUMNS; i++)
        (void)table_add(&s->rows, headings[i], strlen(headings[i]), false); /* far from TABLE_MAX */
    const bool complete = strcmp(v[4], v[5]) == 0;
    s->incomplete |= !complete;
    const bool shorter = v[11] && strcmp(v[11], "0") != 0;
    s->shorter |= shorter;
    const bool partial = v[12] && strcmp(v[12], "0") != 0;
    s->partial |= partial;
    snprintf(trials, sizeof trials, "%s%s%s%s%s%s%s%s%s", v[4], complete ? "" : " of ", complete ? "" : v[5],
             shorter ? ", " : "", shorter ? v[11] : "", shorter ? " shorter" : "", partial ? ", " : "",
             partial ? v[12] : "", partial ? " partial" : "");
    put_mean(last, sizeof last, v[7], v[8], complete);
    put_mean(best, sizeof best, v[9], v[10], complete && !partial);
    const char *const cells[] = { v[1], v[3], trials, v[6] ? v[6] : "", last, best };
    for (size_t i = 0; i + 1 < N_COLUMNS; i++)
        (void)table_add(&s->rows, cells[i], strlen(cells[i]), i == 2 || i == 3);
    (void)table_add_swept(&s->rows, v[2] ? v[2] : "");
    return 0;
}

static void print_end(struct results *s)
{
    if (s->rows.n_cells)
        table_print(&s->rows, stdout);
    table_free(&s->rows);
    if (s->left_out)
        printf("... and %zu more rows: the best %d of each variant and metric are shown\n", s->left_out, ROWS_SHOWN);
    if (s->incomplete)
        puts("(in parentheses: of the finished trials only; the others diverged, failed, are outdated or not "
             "finished)");
    if (s->shorter)
        puts("(shorter: done after fewer steps than the longest trial of the cell, and averaged with it; a larger "
             "budget, such as train.iterations=N, trains them on)");
    if (s->partial)
        printf("(partial: what was in the log for a part of the training has no value that is %s; --force trains them "
               "again)\n",
               s->last);
}

/* What the order of several cells is. */
static int tell_order(struct query *q, const char *study, const struct selection *by, struct err *e)
{
    bool any;
    double n_cells = 0;
    TRY(query_number(q, sql_most_cells, &study, 1, &any, &n_cells, e));
    if (n_cells > 1 && by->metric[0])
        clean_print_line(stdout, "(cells in order of their mean last %s%s)", by->metric,
                         by->of_test ? ", selected on the test set: to take the first is to choose on it; see 'tune'"
                                     : "");
    return 0;
}

static int print_study(struct query *q, const char *study, struct err *e)
{
    bool tested, tunes, selected;
    double one;
    struct selection by;
    TRY(tuned_print(q, study, &tunes, e));
    if (tunes)
        return generations_tell(q, study, e);
    TRY(query_number(q, sql_tested, &study, 1, &tested, &one, e));
    TRY(query_number(q, sql_selected, &study, 1, &selected, &one, e));
    TRY(selection_find(&by, q, study, e));
    struct results s = { .rows.n_columns = N_COLUMNS, .last = selected ? "selected" : "best" };
    const char *const arguments[] = { study, tested ? "test" : "train", by.metric, by.largest ? "max" : "min", s.last };
    const int code = query_rows(q, sql, arguments, 5, print_row, &s, e);
    const bool empty = s.rows.n_cells == 0;
    print_end(&s);
    TRY(code);
    if (empty)
        clean_print_line(stdout,
                         "(no table: nothing of the test set and no train_loss was logged; what was is in tprun "
                         "show %s)",
                         study);
    TRY(tell_order(q, study, &by, e));
    return generations_tell(q, study, e);
}

int run_table_print(struct query *q, const char *study, bool one_off, struct err *e)
{
    struct results s = { .rows.n_columns = N_COLUMNS, .last = "best" };
    if (!one_off)
        return print_study(q, study, e);
    const int code = query_rows(q, sql_one_offs, &study, 1, print_row, &s, e);
    print_end(&s);
    return code;
}

int run_table_write(struct query *q, const char *const *studies, size_t n, bool one_off, enum query_format format,
                    struct err *e)
{
    return query_print_each(q, one_off ? sql_one_offs : sql_rows, studies, n, format, stdout, e);
}
