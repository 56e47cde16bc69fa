#include "report/tuned_rows.h"

#include <string.h>

static const char sql[] =
    "SELECT t.variant, t.cell, t.metric, t.goal, t.n, t.n_asked, c.n_trials, t.chosen, t.value, t.test_accuracy, "
    "t.test_accuracy_sd, t.test_loss, t.test_loss_sd, c.n_cells, c.steps, c.cpu_s, c.flops, t.note, t.border "
    "FROM tuned t JOIN tuning_costs c ON c.study_id = t.study_id AND c.variant = t.variant AND c.cell = t.cell "
    "WHERE t.study = ?1 ORDER BY (SELECT min(o.trial_id) FROM outcomes o WHERE o.study_id = t.study_id "
    "AND o.variant = t.variant), t.cell";
static const char hopeless[] = "every cell "; /* how the note begins then, see view tuned */
enum { N_GIVEN = 7, N_COLUMNS = 19 };

struct visitor {
    int (*visit)(void *self, const struct tuned_row *r);
    void *self;
};

static int take(void *self, int n, const char *const *v)
{
    const struct visitor *x = self;
    for (int i = 0; i < N_GIVEN; i++)
        if (n < N_COLUMNS || !v[i])
            return 0;
    const struct tuned_row row = { .variant = v[0],
                                   .cell = v[1],
                                   .metric = v[2],
                                   .n = v[4],
                                   .n_asked = v[5],
                                   .n_trials = v[6],
                                   .chosen = v[7],
                                   .value = v[8],
                                   .accuracy = v[9],
                                   .accuracy_sd = v[10],
                                   .loss = v[11],
                                   .loss_sd = v[12],
                                   .n_cells = v[13],
                                   .steps = v[14],
                                   .cpu_s = v[15],
                                   .flops = v[16],
                                   .note = v[17],
                                   .border = v[18],
                                   .best = strcmp(v[3], "max") == 0 ? "largest" : "smallest",
                                   .of_cell = strcmp(v[1], "tuned") != 0 ? v[1] : NULL,
                                   .complete = strcmp(v[4], v[5]) == 0,
                                   .hopeless = !v[7] && v[17] && strncmp(v[17], hopeless, sizeof hopeless - 1) == 0 };
    return x->visit(x->self, &row);
}

int tuned_rows(struct query *q, const char *study, int (*visit)(void *self, const struct tuned_row *r), void *self,
               struct err *e)
{
    return query_rows(q, sql, &study, 1, take, &(struct visitor){ visit, self }, e);
}
