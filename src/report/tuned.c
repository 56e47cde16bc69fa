/* The cells that were chosen by validation, what they reach with fresh seeds, and what choosing took. */
#include "base/clean.h"
#include "report/section.h"

#include <stdlib.h>
#include <string.h>

static const char sql_tuned[] =
    "SELECT t.variant, t.cell, t.chosen, t.metric, t.goal, t.value, t.test_accuracy, t.test_accuracy_sd, t.test_loss, "
    "t.test_loss_sd, t.n, t.n_asked, c.n_cells, c.n_trials, c.steps, c.cpu_s, c.flops, t.note, t.border "
    "FROM tuned t JOIN tuning_costs c ON c.study_id = t.study_id AND c.variant = t.variant AND c.cell = t.cell "
    "WHERE t.study = ?1 ORDER BY (SELECT min(o.trial_id) FROM outcomes o WHERE o.study_id = t.study_id "
    "AND o.variant = t.variant), t.cell";

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
    N_CELLS,
    N_TRIALS,
    STEPS,
    CPU,
    FLOPS,
    NOTE,
    BORDER,
    N_COLUMNS
};

struct putting {
    struct text *out;
    struct text remarks; /* below the table */
    size_t n;
};

/* "12.3 ± 0.4", or a dash. */
static void put_mean(struct text *out, const char *mean, const char *sd)
{
    section_number(out, mean);
    if (mean && sd)
        text_add(out, " ± %.2g", strtod(sd, NULL));
}

static void remark(struct putting *p, const char *const *v, const char *text, const char *end)
{
    text_puts(&p->remarks, "- ");
    clean_code(&p->remarks, v[VARIANT]);
    if (strcmp(v[CELL], "tuned") != 0) {
        text_puts(&p->remarks, ", ");
        clean_code(&p->remarks, v[CELL]);
    }
    text_puts(&p->remarks, ": ");
    clean_markdown(&p->remarks, text);
    text_add(&p->remarks, "%s\n", end);
}

static void put_head(struct putting *p, const char *const *v)
{
    static const char *const head[] = { "variant",   "chosen",      "validation", "test accuracy (%)",
                                        "test loss", "fresh seeds", "cells",      "trials",
                                        "steps",     "processor s", "flop",       NULL };
    text_puts(p->out, "Chosen by the ");
    text_puts(p->out, strcmp(v[GOAL], "max") == 0 ? "largest " : "smallest ");
    clean_markdown(p->out, v[METRIC]);
    text_puts(p->out, ", mean over the seeds of the sweep, then trained again with fresh seeds, mean ± sd; and what "
                      "choosing took:\n\n");
    section_head(p->out, head);
}

static int put_row(void *self, int n, const char *const *v)
{
    struct putting *p = self;
    if (n < N_COLUMNS || !v[VARIANT] || !v[CELL] || !v[METRIC] || !v[GOAL] || !v[N] || !v[N_ASKED])
        return 0;
    if (p->n++ == 0)
        put_head(p, v);
    text_puts(p->out, "| ");
    clean_code(p->out, v[VARIANT]);
    text_puts(p->out, " | ");
    if (v[CHOSEN] && *v[CHOSEN])
        clean_code(p->out, v[CHOSEN]);
    else
        text_puts(p->out, v[CHOSEN] ? "the only one" : "nothing yet");
    text_puts(p->out, " | ");
    section_number(p->out, v[VALUE]);
    text_puts(p->out, " | ");
    put_mean(p->out, v[ACCURACY], v[ACCURACY_SD]);
    text_puts(p->out, " | ");
    put_mean(p->out, v[LOSS], v[LOSS_SD]);
    text_add(p->out, strcmp(v[N], v[N_ASKED]) != 0 ? " | %s of %s" : " | %s", v[N], v[N_ASKED]);
    for (size_t i = N_CELLS; i <= FLOPS; i++) {
        text_puts(p->out, " | ");
        section_number(p->out, v[i]);
    }
    text_puts(p->out, " |\n");
    if (v[NOTE])
        remark(p, v, v[NOTE], ".");
    if (v[BORDER])
        remark(p, v, v[BORDER], " lies on the border of its grid: a better value may lie beyond.");
    return 0;
}

int section_tuned(const struct section *s, struct err *e)
{
    struct putting p = { .out = s->out };
    const int code = query_rows(s->q, sql_tuned, &s->subject->name, 1, put_row, &p, e);
    if (code == 0 && p.n) {
        text_putc(s->out, '\n');
        if (p.remarks.n)
            text_add(s->out, "%s\n", p.remarks.s);
    }
    text_free(&p.remarks);
    return code;
}
