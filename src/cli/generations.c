#include "cli/generations.h"

#include "base/clean.h"

/* One trial of each variant is compared with the present one of its name: what was edited differs in all of them. */
const char generations_sql[] =
    "WITH old AS (SELECT t.generation, t.variant, min(t.id) AS id, t.study_id, s.generation AS present"
    "  FROM trial t JOIN study s ON s.id = t.study_id WHERE s.name = ?1 AND t.generation <> s.generation"
    "  GROUP BY t.generation, t.variant, t.study_id, s.generation), "
    "pair AS (SELECT o.generation, o.id AS old_id, (SELECT n.id FROM trial n JOIN trial t ON n.study_id = t.study_id"
    "  AND n.variant = t.variant AND n.cell = t.cell AND n.seed = t.seed WHERE t.id = o.id AND n.generation = "
    "o.present)"
    "  AS new_id FROM old o), "
    "difference AS (SELECT DISTINCT p.generation, a.param || ' ' || a.value || ', now ' ||"
    "  coalesce((SELECT b.value FROM all_params b WHERE b.trial_id = p.new_id AND b.param = a.param), 'nothing') AS "
    "text"
    "  FROM pair p JOIN all_params a ON a.trial_id = p.old_id WHERE p.new_id IS NOT NULL AND a.value IS NOT"
    "  (SELECT b.value FROM all_params b WHERE b.trial_id = p.new_id AND b.param = a.param)) "
    "SELECT t.generation, count(*) AS trials, sum(t.state = 'done') AS done,"
    " coalesce((SELECT group_concat(d.text, '; ') FROM (SELECT text FROM difference x WHERE x.generation = t.generation"
    "  ORDER BY text LIMIT 8) d), 'variants, cells or seeds that are not there now') AS differs"
    " FROM trial t JOIN study s ON s.id = t.study_id WHERE s.name = ?1 AND t.generation <> s.generation"
    " GROUP BY t.generation ORDER BY t.generation DESC";

static int print(void *self, int n, const char *const *v)
{
    (void)self;
    if (n < 4 || !v[0] || !v[1])
        return 0;
    if (v[0][0] == '0' && !v[0][1])
        clean_print_line(stdout, "not above: %s one-off %s (%s)", v[1], v[1][0] == '1' && !v[1][1] ? "trial" : "trials",
                         v[3] ? v[3] : "");
    else if (v[0][0] == '-')
        clean_print_line(stdout, "not above: %s replaced %s (%s)", v[1],
                         v[1][0] == '1' && !v[1][1] ? "trial" : "trials", v[3] ? v[3] : "");
    else
        clean_print_line(stdout, "not above: %s %s of generation %s (%s)", v[1],
                         v[1][0] == '1' && !v[1][1] ? "trial" : "trials", v[0], v[3] ? v[3] : "");
    return 0;
}

int generations_tell(struct query *q, const char *study, struct err *e)
{
    return query_rows(q, generations_sql, &study, 1, print, NULL, e);
}
