#include "cli/tuned.h"

#include "base/clean.h"
#include "base/duration.h"
#include "base/text.h"
#include "report/tuned_rows.h"
#include "store/table.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_SHOWN = 30 };

struct rows {
    bool accuracies, losses; /* of the test set: some row has one */
    size_t n, left_out;
    struct table table;
    struct text remarks;
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

static void remark(struct rows *r, const struct tuned_row *t, const char *before, const char *text, const char *after)
{
    text_add(&r->remarks, "%s%s%s: %s%s%s\n", t->variant, t->of_cell ? " " : "", t->of_cell ? t->of_cell : "", before,
             text, after);
}

/* Which columns there is anything to say in. */
static int look_at(void *self, const struct tuned_row *t)
{
    struct rows *r = self;
    r->accuracies |= t->accuracy != NULL;
    r->losses |= t->loss != NULL;
    return 0;
}

static void add(struct rows *r, const char *text, bool number)
{
    (void)table_add(&r->table, text, strlen(text), number); /* far from TABLE_MAX */
}

static void add_head(struct rows *r, const struct tuned_row *t)
{
    clean_print_line(stdout, "chosen by the %s mean %s of the sweep, trained again with fresh seeds:", t->best,
                     t->metric);
    r->table.n_columns = (size_t)5 + r->accuracies + r->losses;
    add(r, "variant", false);
    add(r, t->metric, true);
    if (r->accuracies)
        add(r, "test_accuracy", false);
    if (r->losses)
        add(r, "test_loss", false);
    add(r, "seeds", false);
    add(r, "tuning cpu", false);
    add(r, "chosen", false);
}

static void add_chosen(struct rows *r, const struct tuned_row *t)
{
    struct text chosen = { 0 };
    if (t->chosen && *t->chosen)
        table_short_cell(&chosen, t->chosen);
    else
        text_puts(&chosen, t->chosen ? "the only one" : t->hopeless ? "nothing" : "nothing yet");
    if (t->of_cell) {
        text_puts(&chosen, " for ");
        table_short_cell(&chosen, t->of_cell);
    }
    add(r, chosen.s, false);
    text_free(&chosen);
}

static int add_row(void *self, const struct tuned_row *t)
{
    struct rows *r = self;
    char value[48], mean[48], seeds[48], took[DURATION_SIZE];
    if (r->n == ROWS_SHOWN) {
        r->left_out++;
        return 0;
    }
    if (r->n++ == 0)
        add_head(r, t);
    put_mean(value, sizeof value, t->value, NULL);
    snprintf(seeds, sizeof seeds, t->complete ? "%s" : "%s of %s", t->n, t->n_asked);
    add(r, t->variant, false);
    add(r, value, true);
    if (r->accuracies) {
        put_mean(mean, sizeof mean, t->accuracy, t->accuracy_sd);
        add(r, mean, false);
    }
    if (r->losses) {
        put_mean(mean, sizeof mean, t->loss, t->loss_sd);
        add(r, mean, false);
    }
    add(r, seeds, true);
    add(r, duration_text(t->cpu_s ? strtod(t->cpu_s, NULL) : 0, took), true);
    add_chosen(r, t);
    if (t->note)
        remark(r, t, "", t->note, "");
    if (t->border)
        remark(r, t, "warning: ", t->border, " lies on the border of its grid; a better value may lie beyond");
    return 0;
}

int tuned_print(struct query *q, const char *study, bool *tunes, struct err *e)
{
    struct rows r = { 0 };
    TRY(tuned_rows(q, study, look_at, &r, e));
    const int code = tuned_rows(q, study, add_row, &r, e);
    *tunes = r.n > 0;
    if (r.n)
        table_print(&r.table, stdout);
    table_free(&r.table);
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

/* ---- what is left ---- */

/* Of a variant that diverges in every cell there is nothing to choose, and nothing is left. */
static const char left_sql[] =
    "SELECT t.study, max(s.path), sum(t.n_asked - t.n - t.n_diverged), sum(t.n_asked), max(t.note) FROM tuned t JOIN "
    "study s ON s.id = t.study_id WHERE ?1 IN ('', t.study) AND (t.chosen IS NOT NULL OR t.note IS NULL OR t.note NOT "
    "LIKE 'every cell %') GROUP BY t.study HAVING sum(t.n + t.n_diverged) < "
    "sum(t.n_asked) ORDER BY t.study";

static int tell_left(void *self, int n, const char *const *v)
{
    const char *db = self;
    if (n == 5 && v[0])
        clean_print_line(
            stderr,
            "tprun: note: %s: %s of %s trials with the fresh seeds of `tune` are left%s%s%s; `tprun run %s "
            "--db %s` chooses the cells and trains them",
            v[0], v[2], v[3], v[4] ? " (" : "", v[4] ? v[4] : "", v[4] ? ")" : "", v[1] && *v[1] ? v[1] : "SPEC", db);
    return 0;
}

int tuned_tell_left(struct query *q, const char *db, const char *study, struct err *e)
{
    const char *which = study ? study : "";
    return query_rows(q, left_sql, &which, 1, tell_left, (void *)db, e);
}

void tuned_tell_of_shards(const struct plan *p)
{
    for (size_t i = 0; i < p->n_studies; i++) {
        const struct plan_study *s = &p->studies[i];
        if (s->study.tune && !s->one_off)
            clean_print_line(stderr,
                             "tprun: note: %s: shards train the sweep of `tune` alone; when all are merged, `tprun run "
                             "%s --db MERGED` chooses the cells and trains them with the fresh seeds",
                             s->study.name, s->study.path);
    }
}
