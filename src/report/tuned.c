/* The cells that were chosen by validation, what they reach with fresh seeds, and what choosing took. */
#include "base/clean.h"
#include "report/section.h"
#include "report/tuned_rows.h"

#include <stdlib.h>

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

static void remark(struct putting *p, const struct tuned_row *t, const char *text, const char *end)
{
    text_puts(&p->remarks, "- ");
    clean_code(&p->remarks, t->variant);
    if (t->of_cell) {
        text_puts(&p->remarks, ", ");
        clean_code(&p->remarks, t->of_cell);
    }
    text_puts(&p->remarks, ": ");
    clean_markdown(&p->remarks, text);
    text_add(&p->remarks, "%s\n", end);
}

static void put_head(struct putting *p, const struct tuned_row *t)
{
    struct text metric = { 0 };
    clean_markdown(&metric, t->metric);
    const char *const head[] = { "variant", "chosen", metric.s, "test accuracy (%)", "test loss", "fresh seeds",
                                 "cells",   "trials", "steps",  "processor s",       "flop",      NULL };
    text_add(p->out, "Chosen by the %s ", t->best);
    text_puts(p->out, metric.s);
    text_puts(p->out, ", mean over the seeds of the sweep, then trained again with fresh seeds, mean ± sd; and what "
                      "choosing took:\n\n");
    section_head(p->out, head);
    text_free(&metric);
}

static int put_row(void *self, const struct tuned_row *t)
{
    struct putting *p = self;
    if (p->n++ == 0)
        put_head(p, t);
    text_puts(p->out, "| ");
    clean_code(p->out, t->variant);
    text_puts(p->out, " | ");
    if (t->chosen && *t->chosen)
        clean_code(p->out, t->chosen);
    else
        text_puts(p->out, t->chosen ? "the only one" : t->hopeless ? "nothing" : "nothing yet");
    text_puts(p->out, " | ");
    section_number(p->out, t->value);
    text_puts(p->out, " | ");
    put_mean(p->out, t->accuracy, t->accuracy_sd);
    text_puts(p->out, " | ");
    put_mean(p->out, t->loss, t->loss_sd);
    text_add(p->out, t->complete ? " | %s" : " | %s of %s", t->n, t->n_asked);
    const char *const took[] = { t->n_cells, t->n_trials, t->steps, t->cpu_s, t->flops };
    for (size_t i = 0; i < sizeof took / sizeof *took; i++) {
        text_puts(p->out, " | ");
        section_number(p->out, took[i]);
    }
    text_puts(p->out, " |\n");
    if (t->note)
        remark(p, t, t->note, ".");
    if (t->border)
        remark(p, t, t->border, " lies on the border of its grid: a better value may lie beyond.");
    return 0;
}

int section_tuned(const struct section *s, struct err *e)
{
    struct putting p = { .out = s->out };
    const int code = tuned_rows(s->q, s->subject->name, put_row, &p, e);
    if (code == 0 && p.n) {
        text_putc(s->out, '\n');
        if (p.remarks.n)
            text_add(s->out, "%s\n", p.remarks.s);
    }
    text_free(&p.remarks);
    return code;
}
