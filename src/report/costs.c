#include "base/clean.h"
#include "base/duration.h"
#include "report/lists.h"
#include "report/section.h"

#include <math.h>
#include <string.h>

struct costs {
    struct text *out;
    size_t n;
};

static double number(const char *s)
{
    double x;
    return s && text_to_double(s, strlen(s), &x) == 0 ? x : NAN;
}

static void put(struct text *out, const char *format, double x)
{
    text_puts(out, " | ");
    if (isfinite(x))
        text_add(out, format, x);
    else
        text_puts(out, "–");
}

static int put_costs(void *self, int n, const char *const *values)
{
    static const char *const head[] = { "variant",
                                        "trials",
                                        "iterations",
                                        "ms per iteration, wall",
                                        "ms per iteration, processor",
                                        "share of evaluation",
                                        "wall time of all",
                                        NULL };
    struct costs *c = self;
    if (n < 7 || !values[0] || !values[1])
        return 0;
    if (c->n++ == 0)
        section_head(c->out, head);
    const double steps = number(values[2]), total = number(values[6]);
    text_puts(c->out, "| ");
    clean_code(c->out, values[0]);
    put(c->out, "%.0f", number(values[1]));
    put(c->out, "%.0f", steps);
    put(c->out, "%.3g", number(values[3]) / steps);
    put(c->out, "%.3g", number(values[4]) / steps);
    put(c->out, "%.0f %%", 100 * number(values[5]) / total);
    char took[DURATION_SIZE];
    text_add(c->out, " | %s |\n", duration_text(total / 1000, took));
    return 0;
}

static int put_machine(void *self, int n, const char *const *values)
{
    struct costs *c = self;
    if (n < 3 || !values[0] || !values[1])
        return 0;
    text_puts(c->out, "- ");
    clean_markdown(c->out, values[0]);
    text_puts(c->out, "; ");
    clean_markdown(c->out, values[1]);
    text_puts(c->out, values[2] ? "; " : "");
    clean_markdown(c->out, values[2] ? values[2] : "");
    text_putc(c->out, '\n');
    c->n++;
    return 0;
}

int section_costs(const struct section *s, struct err *e)
{
    struct costs c = { .out = s->out };
    TRY(query_rows(s->q, list_costs, &s->subject->name, 1, put_costs, &c, e));
    text_puts(s->out, c.n ? "\n" : "");
    c.n = 0;
    TRY(query_rows(s->q, list_machines, &s->subject->name, 1, put_machine, &c, e));
    text_puts(s->out, c.n ? "\n" : "");
    return 0;
}
