#include "base/clean.h"
#include "report/section.h"

#include <string.h>

enum { ID, TEXT, REPORTED, SD, MEASURED, N, INTERVAL_LOW, INTERVAL_HIGH, EXPECTED, VERDICT, NOTE, N_COLUMNS };
static const char sql_claims[] =
    "SELECT id, text, reported, reported_sd, measured, n, interval_low, interval_high, expected, "
    "verdict, note FROM claims WHERE study = ?1";

struct claims {
    struct text *table, reasons;
    size_t n, n_waiting; /* waiting: trials that have not ended */
};

static void put_interval(struct text *t, const char *low, const char *high)
{
    if (!low || !high) {
        text_puts(t, "–");
        return;
    }
    text_putc(t, '[');
    section_number(t, low);
    text_puts(t, ", ");
    section_number(t, high);
    text_putc(t, ']');
}

/* What to know beside the table's row; why it is undecided. */
static void put_reason(struct claims *c, const char *const *values)
{
    struct text *t = &c->reasons;
    const bool undecided = !strcmp(values[VERDICT], "undecided");
    if (!undecided && !values[NOTE])
        return;
    text_puts(t, "- ");
    clean_code(t, values[ID]);
    text_puts(t, undecided ? " is undecided: " : ": ");
    if (values[NOTE])
        clean_markdown(t, values[NOTE]);
    else if (c->n_waiting)
        text_add(t, "%zu of the study's trials %s not finished", c->n_waiting, c->n_waiting == 1 ? "is" : "are");
    else if (!values[INTERVAL_LOW])
        text_puts(t, "it has not been measured; run `tprun claims`");
    else
        text_puts(t, "its interval lies on both sides of a bound");
    text_puts(t, ".\n");
}

static void put_numbers(struct text *t, const char *const *values)
{
    section_number(t, values[REPORTED]);
    if (values[SD]) {
        text_puts(t, " ± ");
        section_number(t, values[SD]);
    }
    text_puts(t, " | ");
    section_number(t, values[MEASURED]);
    text_puts(t, " | ");
    section_number(t, values[N]);
    text_puts(t, " | ");
    put_interval(t, values[INTERVAL_LOW], values[INTERVAL_HIGH]);
    text_puts(t, " | ");
    clean_markdown(t, values[EXPECTED] ? values[EXPECTED] : "–");
}

static int put_claim(void *self, int n, const char *const *values)
{
    static const char *const head[] = { "claim",         "what",     "reported", "measured", "n",
                                        "95 % interval", "expected", "verdict",  NULL };
    struct claims *c = self;
    if (n < N_COLUMNS || !values[ID] || !values[VERDICT])
        return 0;
    if (c->n++ == 0)
        section_head(c->table, head);
    text_puts(c->table, "| ");
    clean_code(c->table, values[ID]);
    text_puts(c->table, " | ");
    clean_markdown(c->table, values[TEXT] ? values[TEXT] : "");
    text_puts(c->table, " | ");
    put_numbers(c->table, values);
    text_puts(c->table, " | **");
    clean_markdown(c->table, values[VERDICT]);
    text_puts(c->table, "** |\n");
    put_reason(c, values);
    return 0;
}

int section_claims(const struct section *s, struct err *e)
{
    struct claims c = { .table = s->out };
    for (size_t i = 0; i < s->subject->n_trials; i++)
        c.n_waiting += !s->subject->trials[i].ended;
    const int code = query_rows(s->q, sql_claims, &s->subject->name, 1, put_claim, &c, e);
    if (c.n)
        text_add(s->out, "\n%s%s", c.reasons.n ? c.reasons.s : "", c.reasons.n ? "\n" : "");
    text_free(&c.reasons);
    return code;
}
