#include "report/selection.h"

#include <stdio.h>
#include <string.h>

static const char sql[] =
    "SELECT k.name, k.goal, k.split FROM metric_key k WHERE k.goal IS NOT NULL AND k.split <> '' AND "
    "EXISTS (SELECT 1 FROM study s JOIN trial t ON t.study_id = s.id AND t.generation = s.generation JOIN summary u ON "
    "u.trial_id = t.id AND u.key_id = k.id WHERE s.name = ?1) "
    "ORDER BY k.split = 'valid' DESC, k.split = 'test' DESC, k.goal = 'max' DESC, k.name LIMIT 1";

static int take(void *self, int n, const char *const *values)
{
    struct selection *s = self;
    if (n < 3 || !values[0] || !values[1] || !values[2])
        return 0;
    snprintf(s->metric, sizeof s->metric, "%s", values[0]);
    s->largest = strcmp(values[1], "max") == 0;
    s->of_valid = strcmp(values[2], "valid") == 0;
    s->of_test = strcmp(values[2], "test") == 0;
    return 0;
}

int selection_find(struct selection *s, struct query *q, const char *study, struct err *e)
{
    *s = (struct selection){ 0 };
    return query_rows(q, sql, &study, 1, take, s, e);
}
