/* Trials that diverged, which is a result, or failed, which is none. */
#include "base/clean.h"
#include "report/section.h"

#include <string.h>

enum { STATE, VARIANT, CELL, SEED, STEP, LAYER, TENSOR, REASON, N_COLUMNS };
static const char sql_accidents[] =
    "SELECT state, variant, cell, seed, coalesce(diverged_step, step), diverged_layer, diverged_tensor, reason FROM "
    "trials "
    "WHERE study = ?1 AND current AND state IN ('diverged', 'failed') ORDER BY state, trial_id";

struct accidents {
    const struct subject *s;
    struct text *out;
    size_t n;
};

static int put_accident(void *self, int n, const char *const *values)
{
    static const char *const head[] = { "state", "variant, cell", "seed", "step", "reason", NULL };
    struct accidents *a = self;
    if (n < N_COLUMNS || !values[STATE] || !values[VARIANT] || !values[CELL] || !values[SEED] || !values[STEP])
        return 0;
    if (a->n++ == 0)
        section_head(a->out, head);
    if (a->n > SECTION_MAX_TRIALS)
        return 0;
    text_puts(a->out, "| ");
    clean_markdown(a->out, values[STATE]);
    text_puts(a->out, " | ");
    clean_code(a->out, subject_label(a->s, values[VARIANT], values[CELL]));
    text_puts(a->out, " | ");
    clean_markdown(a->out, values[SEED]);
    text_puts(a->out, " | ");
    clean_markdown(a->out, values[STEP]);
    text_puts(a->out, " | ");
    clean_markdown(a->out, values[REASON] ? values[REASON] : "not said");
    if (values[TENSOR] && (!values[REASON] || !strstr(values[REASON], values[TENSOR]))) {
        text_puts(a->out, " in ");
        clean_code(a->out, values[TENSOR]);
    }
    text_puts(a->out, " |\n");
    return 0;
}

int section_accidents(const struct section *s, struct err *e)
{
    struct accidents a = { .s = s->subject, .out = s->out };
    TRY(query_rows(s->q, sql_accidents, &s->subject->name, 1, put_accident, &a, e));
    if (a.n > SECTION_MAX_TRIALS) {
        text_add(s->out, "\nAnd %zu more: ", a.n - SECTION_MAX_TRIALS);
        clean_code(s->out, arena_printf(s->a, "tprun export %s", s->subject->name));
        text_puts(s->out, ".\n");
    }
    text_puts(s->out, a.n ? "\n" : "");
    return 0;
}
