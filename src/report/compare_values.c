#include "report/compare_values.h"

#include "base/text.h"
#include "report/shorter.h"
#include "store/partial.h"
#include "store/table.h"
#include <inttypes.h>
#include <string.h>

/* ?1 study, ?2 variant, ?3 metric; values are scalar subqueries of trial t. */
#define KEY "(SELECT id FROM metric_key WHERE name = ?3)"
#define OF_TRIAL(table) "FROM " table " x WHERE x.trial_id = t.trial_id AND x.key_id = " KEY
#define SELECTED_STEP                                                                                                  \
    "(SELECT v.best_step FROM summary v WHERE v.trial_id = t.trial_id AND v.key_id = "                                 \
    "(SELECT id FROM metric_key WHERE name = 'valid_accuracy'))"

static void put_value(struct text *sql, const struct compare_what *what, const struct compare_options *o)
{
    const bool layers = what->of_layer;
    text_puts(sql, "(SELECT ");
    if (o->at == COMPARE_LAST && !layers)
        text_puts(sql, "x.last " OF_TRIAL("summary") " AND x.last_step = x.end_step AND x.end_step = t.step");
    else if (o->at == COMPARE_BEST && !layers)
        text_puts(sql, "x.best " OF_TRIAL("summary"));
    else if (o->at == COMPARE_BEST)
        text_puts(sql, "CASE (SELECT goal FROM metric_key WHERE name = ?3) WHEN 'max' THEN max(x.value) "
                       "WHEN 'min' THEN min(x.value) END " OF_TRIAL("layer_metric"));
    else
        text_add(sql, "x.value %s", layers ? OF_TRIAL("layer_metric") : OF_TRIAL("metric"));
    if (layers)
        text_add(sql, " AND x.layer = %" PRId64, what->layer);
    if (o->at == COMPARE_STEP)
        text_add(sql, " AND x.step = %" PRId64, o->step);
    else if (o->at == COMPARE_SELECTED)
        text_puts(sql, " AND x.step = " SELECTED_STEP);
    else if (o->at == COMPARE_LAST && layers)
        text_puts(sql, " AND " AT_END("x", "t.step") " ORDER BY x.step DESC LIMIT 1");
    text_puts(sql, ")");
}

/* Whether the trial logged what the value follows from later than its other metrics, so that it has none. */
static void put_partial(struct text *sql, const struct compare_what *what, const struct compare_options *o)
{
    const bool of_metric = o->cost || (o->at == COMPARE_BEST && !what->of_layer);
    if (of_metric)
        text_puts(sql, "(SELECT " PARTIAL("x") " " OF_TRIAL("summary") ")");
    else if (o->at == COMPARE_BEST)
        text_add(sql, LATE_LAYER("t.trial_id", "t.step", "0", "m.key_id = " KEY " AND m.layer = %" PRId64), what->layer,
                 what->layer);
    else if (o->at == COMPARE_SELECTED)
        text_puts(sql, "(SELECT " PARTIAL("v") " FROM summary v WHERE v.trial_id = t.trial_id AND v.key_id = "
                                               "(SELECT id FROM metric_key WHERE name = 'valid_accuracy'))");
    else
        text_puts(sql, "0");
}

/* Outcome, and what reaching a target took. */
static void put_cost(struct text *sql, const struct compare_what *what, const char *cost)
{
    struct text from = { 0 };
    text_puts(&from, "FROM targets x WHERE x.trial_id = t.trial_id AND x.metric = ?3 AND x.value = ");
    text_json_number(&from, what->target);
    text_add(sql,
             "CASE WHEN t.outcome = 'done' AND NOT (SELECT x.reached %s) THEN 'unreached' ELSE t.outcome END, "
             "(SELECT x.%s %s)",
             from.s, cost, from.s);
    text_free(&from);
}

static enum compare_end end_of(const char *outcome)
{
    return !strcmp(outcome, "done")        ? COMPARE_WITHOUT
           : !strcmp(outcome, "diverged")  ? COMPARE_DIVERGED
           : !strcmp(outcome, "failed")    ? COMPARE_FAILED
           : !strcmp(outcome, "unreached") ? COMPARE_UNREACHED
           : !strcmp(outcome, "outdated")  ? COMPARE_OUTDATED
                                           : COMPARE_UNFINISHED;
}

/* Columns: cell, seed, outcome, value, numerics version, inputs, whether it is shorter than others, length, whether
 * it is partial. */
static int add_value(void *self, int n, const char *const *columns)
{
    struct compare_values *v = self;
    double value = 0;
    int64_t seed = 0, numerics = 0, length = 0;
    if (n < 9 || !columns[0] || !columns[1] || !columns[2] || text_to_int(columns[1], strlen(columns[1]), &seed) < 0 ||
        !columns[4] || text_to_int(columns[4], strlen(columns[4]), &numerics) < 0)
        return 0;
    if (v->chosen && !table_cell_has(columns[0], v->chosen))
        return 0;
    if (!v->at_once && columns[7] && text_to_int(columns[7], strlen(columns[7]), &length) < 0)
        return 0;
    if (v->n == v->capacity) {
        v->capacity = 2 * v->n + 32;
        struct compare_value *items = arena_need(v->a, v->capacity, sizeof *items);
        if (v->n)
            memcpy(items, v->items, v->n * sizeof *items);
        v->items = items;
    }
    enum compare_end end = end_of(columns[2]);
    const bool partial = columns[8] && !strcmp(columns[8], "1");
    if (!partial && (end == COMPARE_WITHOUT || (v->at_once && end != COMPARE_OUTDATED)) && columns[3] &&
        text_to_double(columns[3], strlen(columns[3]), &value) == 0)
        end = COMPARE_FINISHED;
    v->items[v->n] = (struct compare_value){ .cell = arena_strdup(v->a, columns[0]),
                                             .inputs = columns[5] ? arena_strdup(v->a, columns[5]) : "",
                                             .seed = seed,
                                             .numerics = numerics,
                                             .end = end,
                                             .shorter = !v->at_once && columns[6] && !strcmp(columns[6], "1"),
                                             .length = length,
                                             .partial = partial,
                                             .value = value };
    v->one_cell = v->n == 0 || (v->one_cell && !strcmp(v->items[0].cell, v->items[v->n].cell));
    v->n++;
    return 0;
}

static int check_selected(struct query *q, struct compare_side side, struct err *e)
{
    double n = 0;
    bool found;
    TRY(query_number(q,
                     "SELECT count(*) FROM study s JOIN trial t ON t.study_id = s.id AND t.generation = s.generation "
                     "JOIN summary u ON u.trial_id = t.id AND u.key_id = (SELECT id FROM metric_key WHERE name = "
                     "'valid_accuracy') WHERE s.name = ?1",
                     &side.study, 1, &found, &n, e));
    return n > 0 ? 0
                 : err_set(e, ERR_USAGE, "study '%s' has logged no valid_accuracy, by which --at selected chooses",
                           side.study);
}

int compare_values_read(struct compare_values *v, struct query *q, struct arena *a, struct compare_side side,
                        const struct compare_what *what, const struct compare_options *o, struct err *e)
{
    const char *const arguments[] = { side.study, side.variant, what->metric };
    *v = (struct compare_values){ .a = a, .chosen = o->cell, .at_once = o->cost || o->at == COMPARE_STEP };
    if (o->at == COMPARE_SELECTED)
        TRY(check_selected(q, side, e));
    struct text sql = { 0 };
    text_puts(&sql, "SELECT t.cell, t.seed, ");
    if (o->cost) {
        put_cost(&sql, what, o->cost);
    } else {
        text_puts(&sql, "t.outcome, ");
        put_value(&sql, what, o);
    }
    text_puts(&sql, ", y.numerics_version, y.inputs, " SHORTER("t") ", t.length, ");
    put_partial(&sql, what, o);
    text_puts(&sql, " FROM outcomes t JOIN trial y ON y.id = t.trial_id "
                    "WHERE t.study = ?1 AND t.variant = ?2 "
                    "ORDER BY min(t.trial_id) OVER (PARTITION BY t.cell), t.seed, t.trial_id");
    const int code = query_rows(q, sql.s, arguments, 3, add_value, v, e);
    text_free(&sql);
    return code;
}
