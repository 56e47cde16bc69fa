#include "serve/views.h"

#include "report/lists.h"
#include "serve/target.h"
#include "store/partial.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STRING(x) STRING_(x)
#define STRING_(x) #x

/* Of an absolute path, which says something about a machine, the name of the file alone: a report goes to others. */
static const char sql_study[] =
    "SELECT name, title, paper, locator, CASE WHEN path LIKE '/%' THEN replace(path, rtrim(path, replace(path, '/', "
    "'')), '') ELSE path END AS path, profile, substr(spec_sha256, 1, 16) AS spec, generation, " LIST_COMMIT(
        "study") " FROM study WHERE name = ?1";

/* How far the study is. The time that is left: the steps that are left, by the speed of an attempt so far, for as many
 * attempts as run now. */
/* A heartbeat of one that lives is up to ten seconds old, and its steps are newer. */
#define NOW_MS "(julianday('now') - 2440587.5) * 86400000"
#define HEARD_MS                                                                                                       \
    "CASE WHEN " NOW_MS " BETWEEN r.heartbeat_ms AND r.heartbeat_ms + 15000 THEN " NOW_MS " ELSE r.heartbeat_ms END"
static const char sql_pace[] =
    "WITH t AS (SELECT o.trial_id, o.outcome, t.step, t.budget, t.state FROM outcomes o JOIN trial t ON t.id = "
    "o.trial_id "
    "WHERE o.study = ?1), "
    "r AS (SELECT t.step - r.from_step AS steps, (coalesce(r.ended_ms, " HEARD_MS ") - r.started_ms) / 1000.0 AS "
    "seconds, "
    "r.heartbeat_ms FROM t JOIN run r ON r.id = (SELECT max(x.id) FROM run x WHERE x.trial_id = t.trial_id)), "
    "p AS (SELECT count(*) AS trials, sum(outcome <> 'unfinished') AS ended, sum(state = 'running') AS running, "
    "sum(budget) AS steps, sum(CASE outcome WHEN 'unfinished' THEN min(step, budget) ELSE budget END) AS steps_done, "
    "(SELECT sum(steps) / sum(seconds) FROM r WHERE seconds > 0) AS speed, (SELECT max(heartbeat_ms) FROM r) AS "
    "heard_ms "
    "FROM t) "
    "SELECT trials, ended, running, steps, steps_done, speed * running AS steps_per_s, "
    "CASE WHEN running > 0 AND speed > 0 THEN (steps - steps_done) / (speed * running) END AS eta_s, heard_ms FROM p";
static const char sql_running[] =
    "SELECT t.id AS trial_id, t.variant, t.cell, t.seed, t.step, t.budget, r.started_ms, r.heartbeat_ms, r.pid "
    "FROM outcomes o JOIN trial t ON t.id = o.trial_id JOIN run r ON r.id = (SELECT max(x.id) FROM run x WHERE "
    "x.trial_id = t.id) "
    "WHERE o.study = ?1 AND t.state = 'running' ORDER BY t.id LIMIT 200";

/* The trials of the present specification; keys in which they differ, of configurations (config_param) and of single
 * trials (param); last and best values. */
#define TRIALS_OF_STUDY                                                                                                \
    "WITH s AS (SELECT id, generation FROM study WHERE name = ?1), "                                                   \
    "a AS (SELECT t.id, t.config_id FROM s JOIN trial t ON t.study_id = s.id AND t.generation = s.generation), "       \
    "t AS (SELECT id, config_id FROM a ORDER BY id LIMIT " STRING(VIEW_MAX_TRIALS) ") "
static const char sql_trials[] = TRIALS_OF_STUDY
    "SELECT x.trial_id, substr(x.key, 1, 8) AS \"key\", x.variant, x.cell, x.seed, x.state, x.step, x.budget, "
    "x.wall_s, x.reason "
    "FROM t JOIN all_trials x ON x.trial_id = t.id ORDER BY x.variant, x.cell COLLATE tprun_cells, x.seed";
static const char sql_count[] =
    "SELECT count(*) AS trials, " STRING(VIEW_MAX_TRIALS) " AS most FROM outcomes WHERE study = ?1";
static const char sql_params[] = TRIALS_OF_STUDY
    ", c AS (SELECT DISTINCT config_id FROM a), "
    "k AS (SELECT p.key FROM c JOIN config_param p ON p.config_id = c.config_id GROUP BY p.key "
    "HAVING count(DISTINCT coalesce(p.text, p.num)) > 1 OR count(*) < (SELECT count(*) FROM c) "
    "OR count(coalesce(p.text, p.num)) BETWEEN 1 AND count(*) - 1 "
    "UNION SELECT p.key FROM a JOIN param p ON p.trial_id = a.id GROUP BY p.key HAVING count(DISTINCT coalesce(p.text, "
    "p.num)) > 1) "
    "SELECT t.id AS trial_id, k.key AS param, coalesce("
    "(SELECT coalesce(p.text, p.num) FROM param p WHERE p.trial_id = t.id AND p.key = k.key), "
    "(SELECT coalesce(p.text, p.num) FROM config_param p WHERE p.config_id = t.config_id AND p.key = k.key)) AS value "
    "FROM k CROSS JOIN t WHERE k.key NOT IN ('variant', 'seed', 'experiment', 'title') AND k.key NOT LIKE 'log.%' "
    "AND k.key NOT LIKE 'checkpoint.%' AND k.key NOT LIKE 'source.%' ORDER BY k.key, t.id";
static const char sql_values[] = TRIALS_OF_STUDY
    "SELECT u.trial_id, k.name AS metric, CASE WHEN u.last_step = u.end_step THEN u.last END AS last, "
    "CASE WHEN NOT " PARTIAL_SUMMARY " THEN u.best END AS best FROM t CROSS JOIN summary u ON u.trial_id = t.id "
    "JOIN metric_key k ON k.id = u.key_id ORDER BY k.name, u.trial_id";

const char view_metrics[] =
    "SELECT k.name AS metric, k.unit, k.goal, k.split FROM metric_key k WHERE EXISTS (SELECT 1 FROM outcomes o "
    "JOIN summary u ON u.trial_id = o.trial_id AND u.key_id = k.id WHERE o.study = ?1) ORDER BY k.name";
const char view_layer_metrics[] =
    "SELECT k.name AS metric, k.unit, (SELECT max(l.layer) FROM layer_metric l WHERE l.key_id = k.id AND l.trial_id = "
    "(SELECT min(o.trial_id) FROM outcomes o JOIN layer_metric x ON x.trial_id = o.trial_id AND x.key_id = k.id WHERE "
    "o.study = ?1)) AS last_layer FROM metric_key k WHERE EXISTS (SELECT 1 FROM outcomes o JOIN layer_metric l "
    "ON l.trial_id = o.trial_id AND l.key_id = k.id WHERE o.study = ?1) ORDER BY k.name";
const char view_n_numeric[] =
    "SELECT count(DISTINCT p.key) FROM study s JOIN trial t ON t.study_id = s.id AND t.generation = s.generation "
    "JOIN param p ON p.trial_id = t.id WHERE s.name = ?1 AND p.swept = 1 AND p.num IS NOT NULL";
static const char sql_variants[] = "SELECT DISTINCT variant FROM outcomes WHERE study = ?1 ORDER BY variant";
static const char sql_phases[] = "SELECT variant, phase, sum(wall_s) AS wall_s, sum(cpu_s) AS cpu_s, sum(flops) AS "
                                 "flops FROM costs WHERE study = ?1 "
                                 "GROUP BY variant, phase ORDER BY variant, phase";
static const char sql_tuning[] = "SELECT * FROM tuning_costs WHERE study = ?1";
static const char sql_is_study[] = "SELECT 1 FROM study WHERE name = ?1";
static const char sql_is_trial[] = "SELECT 1 FROM trial WHERE CAST(id AS TEXT) = ?1";

/* clang-format off */

enum { MAX_SECTIONS = 12 };
/* What a view is about, and its SELECTs. An SQL of NULL: that of the section's name in a list of report/lists.h. */
static const struct view {
    const char *name, *argument, *exists;
    struct query_section sections[MAX_SECTIONS];
} views[] = {
    { "studies", NULL, NULL, { { "studies", list_studies } } },
    { "progress", "study", sql_is_study,
      { { "study", sql_study }, { "pace", sql_pace }, { "running", sql_running }, { "variants", NULL }, { "tags", NULL },
        { "notes", NULL } } },
    { "trials", "study", sql_is_study,
      { { "trials", sql_trials }, { "count", sql_count }, { "params", sql_params }, { "values", sql_values } } },
    { "choices", "study", sql_is_study,
      { { "metrics", view_metrics }, { "layer_metrics", view_layer_metrics }, { "variants", sql_variants },
        { "swept", NULL } } },
    { "claims", "study", sql_is_study, { { "claims", list_claims } } },
    { "costs", "study", sql_is_study,
      { { "costs", list_costs }, { "phases", sql_phases }, { "tuning", sql_tuning }, { "machines", list_machines } } },
};
/* clang-format on */

static const char *listed(const char *name)
{
    for (const struct query_section *s = list_of_study; s->name; s++)
        if (!strcmp(s->name, name))
            return s->sql;
    return NULL; /* tests/serve asks for every view */
}

/* The rows of all sections as members of one object. */
static int put_sections(struct text *json, struct query *q, const struct query_section *sections,
                        const char *const *arguments, size_t n, struct err *e)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&bytes, &size);
    if (!out)
        return err_set(e, ERR_MEMORY, "out of memory");
    const int code = query_print_sections(q, sections, arguments, n, FORMAT_JSON, out, e);
    const bool whole = fclose(out) == 0;
    if (code == 0 && whole)
        text_put(json, bytes, size);
    free(bytes);
    return code == 0 && !whole ? err_set(e, ERR_MEMORY, "out of memory") : code;
}

static int check(struct query *q, const struct target *t, const char *argument, const char *exists, const char **value,
                 struct err *e)
{
    bool found;
    double one;
    *value = argument ? target_value(t, argument) : NULL;
    if (t->n > (argument ? 1 : 0) || (argument && !*value))
        return argument ? err_set(e, ERR_USAGE, "the view '%s' has the argument '%s' alone", t->view, argument)
                        : err_set(e, ERR_USAGE, "the view '%s' has no arguments", t->view);
    if (!argument)
        return 0;
    TRY(query_number(q, exists, value, 1, &found, &one, e));
    return found ? 0 : err_set(e, ERR_USAGE, "no %s '%s'", argument, *value);
}

static int put_view(struct text *json, struct query *q, const struct view *v, const struct target *t, struct err *e)
{
    const char *value;
    struct query_section sections[MAX_SECTIONS + 1] = { { 0 } };
    TRY(check(q, t, v->argument, v->exists, &value, e));
    for (size_t i = 0; i < MAX_SECTIONS && v->sections[i].name; i++) {
        sections[i] = v->sections[i];
        if (!sections[i].sql)
            sections[i].sql = listed(sections[i].name);
    }
    return put_sections(json, q, sections, &value, v->argument ? 1 : 0, e);
}

static int answer(struct text *json, struct query *q, const struct target *t, struct err *e)
{
    const char *trial;
    if (!strcmp(t->view, "figure"))
        return view_figure(json, q, t, e);
    if (!strcmp(t->view, "trial")) {
        TRY(check(q, t, "trial", sql_is_trial, &trial, e));
        return put_sections(json, q, list_of_trial, &trial, 1, e);
    }
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++)
        if (!strcmp(views[i].name, t->view))
            return put_view(json, q, &views[i], t, e);
    return err_set(e, ERR_USAGE, "there is no view '%s'", t->view);
}

int view_answer(struct text *json, struct query *q, const char *request, struct err *e)
{
    struct target t;
    struct arena a;
    arena_init(&a, 0);
    int code = target_read(&t, &a, request, e);
    if (code == 0)
        code = answer(json, q, &t, e);
    arena_finish(&a);
    return code;
}
