#include "report/compare_rows.h"

#include "report/sheet.h"
#include "stat/paired.h"
#include <math.h>

static const char *const end_names[COMPARE_ENDS] = { "finished",        "diverged",  "failed",   "unfinished",
                                                     "without a value", "unreached", "outdated", "mismatched" };

/* What the rows are about; a table tells once what is the same in all of them. */
static void name_columns(struct sheet *s, const struct compare_heading *h, bool cells)
{
    const bool all = s->format != FORMAT_TABLE;
    sheet_column(s, "a", all);
    sheet_column(s, "b", all);
    sheet_column(s, "study", all || h->several_studies);
    sheet_column(s, "metric", all || (h->several && h->targets));
    sheet_column(s, "layer", all || (h->several && !h->targets));
    sheet_column(s, "target", all || (h->several && h->targets));
    sheet_column(s, "at", all);
    sheet_column(s, "cell", all || cells);
}

static void put_names(struct sheet *s, const struct compare_heading *h, const struct compare_cell *c)
{
    sheet_text(s, h->a);
    sheet_text(s, h->b);
    sheet_text(s, c->study);
    sheet_text(s, c->what->metric);
    sheet_number(s, c->what->of_layer ? (double)c->what->layer : NAN);
    sheet_number(s, c->what->of_target ? c->what->target : NAN);
    sheet_text(s, h->at);
    sheet_text(s, c->name);
}

static bool any_name(const struct compare_cells *cells)
{
    for (size_t i = 0; i < cells->n; i++)
        if (cells->items[i].name[0])
            return true;
    return false;
}

/* Why a row says less than it could; NULL if it does not. */
static const char *remark(const struct compare_cell *c, struct arena *a)
{
    struct text t = { 0 };
    int listed = 0;
    if (!compare_complete(c)) {
        text_add(&t, "of %zu pairs", c->n_asked);
        for (int end = COMPARE_DIVERGED; end < COMPARE_ENDS; end++)
            if (c->n[end])
                text_add(&t, "%s%zu %s", listed++ ? ", " : ": ", c->n[end], end_names[end]);
        text_puts(&t, "; survivors are not a mean");
    } else if (c->n_asked < 2) {
        text_puts(&t, "one pair gives no interval");
    } else if (moments_are_equal(&c->difference)) {
        text_puts(&t, "all differences are equal: no p, and an interval without width");
    } else if (c->n_needed == 0) {
        text_add(&t, "more than %d seeds are needed", (int)PAIRED_MOST);
    }
    if (c->n_partial)
        text_add(&t, "%sin %zu the metric was in the log for a part of the training, so that this value is not known",
                 t.n ? "; " : "", c->n_partial);
    if (c->n_shorter)
        text_add(&t, "%s%zu of fewer steps than others of their cell", t.n ? "; " : "", c->n_shorter);
    if (c->n_unequal)
        text_add(&t, "%sin %zu A and B have different numbers of steps", t.n ? "; " : "", c->n_unequal);
    const char *copy = t.n ? arena_strdup(a, t.s) : NULL;
    text_free(&t);
    return copy;
}

static void put_cell(struct sheet *s, const struct compare_cell *c, struct arena *a)
{
    const size_t n = c->n[COMPARE_FINISHED];
    const bool complete = compare_complete(c);
    const double half = complete ? moments_half_width(&c->difference) : NAN;
    sheet_int(s, (int64_t)n);
    sheet_int(s, (int64_t)c->n_asked);
    for (int end = COMPARE_DIVERGED; end < COMPARE_ENDS; end++)
        sheet_int(s, (int64_t)c->n[end]);
    sheet_number(s, complete ? c->of_a.mean : NAN);
    sheet_number(s, complete ? c->of_b.mean : NAN);
    sheet_number(s, complete ? c->difference.mean : NAN);
    sheet_number(s, n ? c->difference.mean : NAN);
    sheet_number(s, complete ? moments_sd(&c->difference) : NAN);
    sheet_number(s, c->difference.mean - half);
    sheet_number(s, c->difference.mean + half);
    sheet_number(s, c->bootstrap.low);
    sheet_number(s, c->bootstrap.high);
    sheet_number(s, c->p);
    sheet_number(s, c->p_permutation);
    sheet_number(s, c->p_holm);
    sheet_number(s, c->effect);
    sheet_number(s, c->improvement);
    sheet_number(s, c->n_needed == 0 ? NAN : c->n_needed > n ? (double)(c->n_needed - n) : 0);
    sheet_text(s, remark(c, a));
}

int compare_print_cells(const struct compare_cells *cells, const struct compare_heading *h, enum query_format format,
                        FILE *out, const char *section, struct err *e)
{
    struct sheet s = { .format = format };
    const bool all = format != FORMAT_TABLE;
    bool incomplete = all, remarks = all;
    for (size_t i = 0; i < cells->n; i++) {
        incomplete = incomplete || !compare_complete(&cells->items[i]);
        remarks = remarks || remark(&cells->items[i], cells->arena);
    }
    name_columns(&s, h, any_name(cells));
    sheet_column(&s, "n", true);
    sheet_column(&s, "n_asked", true);
    sheet_column(&s, "n_diverged", all);
    sheet_column(&s, "n_failed", all);
    sheet_column(&s, "n_unfinished", all);
    sheet_column(&s, "n_without_value", all);
    sheet_column(&s, "n_unreached", all);
    sheet_column(&s, "n_outdated", all);
    sheet_column(&s, "n_mismatched", all);
    sheet_column(&s, "mean_a", true);
    sheet_column(&s, "mean_b", true);
    sheet_column(&s, "difference", true);
    sheet_column(&s, "difference_finished", incomplete);
    sheet_column(&s, "sd", true);
    sheet_column(&s, "low", true);
    sheet_column(&s, "high", true);
    sheet_column(&s, "bootstrap_low", true);
    sheet_column(&s, "bootstrap_high", true);
    sheet_column(&s, "p", true);
    sheet_column(&s, "p_permutation", true);
    sheet_column(&s, "p_holm", true);
    sheet_column(&s, "effect", true);
    sheet_column(&s, "improvement", true);
    sheet_column(&s, "seeds_needed", true);
    sheet_column(&s, "note", remarks);
    for (size_t i = 0; i < cells->n; i++) {
        put_names(&s, h, &cells->items[i]);
        put_cell(&s, &cells->items[i], cells->arena);
    }
    const int code = sheet_print(&s, out, section, e);
    sheet_free(&s);
    return code;
}

static void put_value(struct sheet *s, const struct compare_value *v)
{
    sheet_number(s, v->end == COMPARE_FINISHED ? v->value : NAN);
}

int compare_print_pairs(const struct compare_cells *cells, const struct compare_heading *h, enum query_format format,
                        FILE *out, struct err *e)
{
    struct sheet s = { .format = format };
    name_columns(&s, h, any_name(cells));
    sheet_column(&s, "seed", true);
    sheet_column(&s, "value_a", true);
    sheet_column(&s, "value_b", true);
    sheet_column(&s, "difference", true);
    sheet_column(&s, "state_a", true);
    sheet_column(&s, "state_b", true);
    for (size_t i = 0; i < cells->n; i++)
        for (size_t k = 0; k < cells->items[i].n_asked; k++) {
            const struct compare_pair *p = &cells->items[i].pairs[k];
            put_names(&s, h, &cells->items[i]);
            sheet_int(&s, p->a->seed);
            put_value(&s, p->a);
            put_value(&s, p->b);
            sheet_number(&s, p->end == COMPARE_FINISHED ? p->a->value - p->b->value : NAN);
            sheet_text(&s, end_names[p->a->end]);
            sheet_text(&s, end_names[p->b->end]);
        }
    const int code = sheet_print(&s, out, NULL, e);
    sheet_free(&s);
    return code;
}
