#include "cli/tuned.h"

#include "base/clean.h"
#include "base/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_SHOWN = 30 };

struct rows {
    size_t n, left_out;
    struct text remarks;
};

static const char sql[] =
    "SELECT t.variant, t.cell, t.chosen, t.metric, t.goal, t.value, t.test_accuracy, t.test_accuracy_sd, t.test_loss, "
    "t.test_loss_sd, t.n, t.n_asked, c.n_trials, c.cpu_s, t.note, t.border FROM tuned t JOIN tuning_costs c "
    "ON c.study_id = t.study_id AND c.variant = t.variant AND c.cell = t.cell WHERE t.study = ?1 "
    "ORDER BY t.variant, t.cell";
enum column {
    VARIANT,
    CELL,
    CHOSEN,
    METRIC,
    GOAL,
    VALUE,
    ACCURACY,
    ACCURACY_SD,
    LOSS,
    LOSS_SD,
    N,
    N_ASKED,
    N_TRIALS,
    CPU,
    NOTE,
    BORDER,
    N_COLUMNS
};

static void put_mean(char *out, size_t size, const char *mean, const char *sd)
{
    if (!mean)
        snprintf(out, size, "-");
    else if (!sd)
        snprintf(out, size, "%.4g", strtod(mean, NULL));
    else
        snprintf(out, size, "%.4g +- %.2g", strtod(mean, NULL), strtod(sd, NULL));
}

static void remark(struct rows *r, const char *const *v, const char *format, const char *text)
{
    text_add(&r->remarks, "%s", v[VARIANT]);
    if (strcmp(v[CELL], "tuned") != 0)
        text_add(&r->remarks, " %s", v[CELL]);
    text_add(&r->remarks, format, text);
}

static int print_row(void *self, int n, const char *const *v)
{
    struct rows *r = self;
    char value[48], accuracy[48], loss[48], seeds[48];
    if (n < N_COLUMNS || !v[VARIANT] || !v[CELL] || !v[METRIC] || !v[GOAL] || !v[N] || !v[N_ASKED] || !v[N_TRIALS])
        return 0;
    if (r->n++ == ROWS_SHOWN) {
        r->left_out++;
        r->n--;
        return 0;
    }
    if (r->n == 1) {
        clean_print_line(stdout, "chosen by the %s mean %s of the sweep, trained again with fresh seeds:",
                         strcmp(v[GOAL], "max") == 0 ? "largest" : "smallest", v[METRIC]);
        printf("%-12s %-12s %-16s %-16s %11s %12s  %s\n", "variant", "validation", "test_accuracy", "test_loss",
               "fresh seeds", "tuning cpu s", "chosen");
    }
    put_mean(value, sizeof value, v[VALUE], NULL);
    put_mean(accuracy, sizeof accuracy, v[ACCURACY], v[ACCURACY_SD]);
    put_mean(loss, sizeof loss, v[LOSS], v[LOSS_SD]);
    snprintf(seeds, sizeof seeds, strcmp(v[N], v[N_ASKED]) == 0 ? "%s" : "%s of %s", v[N], v[N_ASKED]);
    clean_print_line(stdout, "%-12s %-12s %-16s %-16s %11s %12.4g  %s%s%s", v[VARIANT], value, accuracy, loss, seeds,
                     v[CPU] ? strtod(v[CPU], NULL) : 0,
                     !v[CHOSEN]   ? "nothing yet"
                     : *v[CHOSEN] ? v[CHOSEN]
                                  : "the only one",
                     strcmp(v[CELL], "tuned") ? " for " : "", strcmp(v[CELL], "tuned") ? v[CELL] : "");
    if (v[NOTE])
        remark(r, v, ": %s\n", v[NOTE]);
    if (v[BORDER])
        remark(r, v, ": warning: %s lies on the border of its grid; a better value may lie beyond\n", v[BORDER]);
    return 0;
}

int tuned_print(struct query *q, const char *study, bool *tunes, struct err *e)
{
    struct rows r = { 0 };
    const int code = query_rows(q, sql, &study, 1, print_row, &r, e);
    *tunes = r.n > 0;
    if (r.left_out)
        printf("... and %zu more rows\n", r.left_out);
    for (char *line = r.remarks.s, *end; line && (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        clean_print_line(stdout, "%s", line);
    }
    if (r.n)
        puts("The cells of the sweep, and other metrics: tprun sql \"SELECT * FROM candidates\", \"SELECT * FROM "
             "finals\"");
    text_free(&r.remarks);
    return code;
}
