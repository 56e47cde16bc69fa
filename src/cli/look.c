#include "cli/look.h"

#include "base/clean.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { SAMPLES_SHOWN = 3, NUMBERS_SHOWN = 8, COLUMNS_SHOWN = 20, CLASSES_SHOWN = 20 };

/* Of finite numbers. */
struct range {
    double least, mean, most;
    size_t n, not_finite;
};

struct summary {
    struct range all, *columns; /* [per_row], or NULL where there are too many to be shown */
    size_t *counts;             /* [classes] */
    size_t shown;
    double *first;  /* [shown][per_row] */
    int64_t *label; /* [shown] */
};

static void add(struct range *r, double x)
{
    if (!isfinite(x)) {
        r->not_finite++;
        return;
    }
    r->least = r->n == 0 || x < r->least ? x : r->least;
    r->most = r->n == 0 || x > r->most ? x : r->most;
    r->n++;
    r->mean += (x - r->mean) / (double)r->n;
}

static int summarize(const struct look_part *p, struct summary *s, struct arena *a, struct err *e)
{
    double *x = arena_alloc(a, p->per_row, sizeof *x);
    *s = (struct summary){ .shown = p->n < SAMPLES_SHOWN ? p->n : SAMPLES_SHOWN };
    s->columns = p->per_row <= COLUMNS_SHOWN ? arena_alloc(a, p->per_row, sizeof *s->columns) : NULL;
    s->counts = p->classes ? arena_alloc(a, p->classes, sizeof *s->counts) : NULL;
    s->first = arena_alloc(a, s->shown * p->per_row, sizeof *s->first);
    s->label = arena_alloc(a, s->shown, sizeof *s->label);
    if (!x || !s->first || !s->label || (p->classes && !s->counts))
        return err_set(e, ERR_MEMORY, "no memory for a summary of %zu numbers", p->per_row);
    for (size_t i = 0; i < p->n; i++) {
        int64_t label = 0;
        TRY(p->read(p->self, i, x, p->classes ? &label : NULL));
        for (size_t k = 0; k < p->per_row; k++) {
            add(&s->all, x[k]);
            if (s->columns)
                add(&s->columns[k], x[k]);
        }
        if (p->classes)
            s->counts[label]++;
        if (i < s->shown) {
            memcpy(s->first + i * p->per_row, x, p->per_row * sizeof *x);
            s->label[i] = label;
        }
    }
    return 0;
}

static void range_line(struct text *t, const struct range *r)
{
    const double width = r->most - r->least, mean = fabs(r->mean) < 1e-9 * width ? 0 : r->mean; /* what rounding left */
    text_add(t, "%.6g to %.6g, mean %.6g", r->least, r->most, mean);
    if (r->not_finite)
        text_add(t, "; %zu missing or not finite", r->not_finite);
    text_putc(t, '\n');
}

static void print_part(struct text *t, const struct look_part *p, const struct summary *s)
{
    text_add(t, "%s: %zu samples; numbers from ", p->name, p->n);
    range_line(t, &s->all);
    if (p->classes) {
        text_puts(t, "  classes:");
        for (size_t k = 0; k < p->classes && k < CLASSES_SHOWN; k++) {
            text_add(t, "%s %zu", k ? "," : "", k);
            if (p->names) {
                text_putc(t, ' ');
                clean_terminal(t, p->names[k], strlen(p->names[k]));
            }
            text_add(t, ": %zu", s->counts[k]);
        }
        text_puts(t, p->classes > CLASSES_SHOWN ? ", ..\n" : "\n");
    }
    for (size_t k = 0; s->columns && k < p->per_row && p->per_row > 1; k++) {
        text_add(t, "  column %zu ", k);
        if (p->columns) {
            clean_terminal(t, p->columns[k], strlen(p->columns[k]));
            text_putc(t, ' ');
        }
        range_line(t, &s->columns[k]);
    }
    for (size_t i = 0; i < s->shown; i++) {
        text_add(t, "  sample %zu:", i);
        for (size_t k = 0; k < p->per_row && k < NUMBERS_SHOWN; k++)
            text_add(t, " %.4g", s->first[i * p->per_row + k]);
        text_puts(t, p->per_row > NUMBERS_SHOWN ? " .." : "");
        if (p->classes)
            text_add(t, "  class %" PRId64, s->label[i]);
        text_putc(t, '\n');
    }
}

static void json_range(struct text *t, const struct range *r)
{
    text_puts(t, "\"least\":");
    text_json_number(t, r->n ? r->least : (double)NAN);
    text_puts(t, ",\"mean\":");
    text_json_number(t, r->n ? r->mean : (double)NAN);
    text_puts(t, ",\"most\":");
    text_json_number(t, r->n ? r->most : (double)NAN);
    text_add(t, ",\"not_finite\":%zu", r->not_finite);
}

static void json_part(struct text *t, const struct look_part *p, const struct summary *s)
{
    text_add(t, "{\"name\":\"%s\",\"samples\":%zu,\"numbers\":%zu,", p->name, p->n, p->per_row);
    json_range(t, &s->all);
    text_puts(t, ",\"classes\":[");
    for (size_t k = 0; k < p->classes; k++)
        text_add(t, "%s%zu", k ? "," : "", s->counts[k]);
    text_puts(t, "],\"names\":[");
    for (size_t k = 0; p->names && k < p->classes; k++) {
        text_puts(t, k ? "," : "");
        clean_json(t, p->names[k], strlen(p->names[k]));
    }
    text_puts(t, "],\"columns\":[");
    for (size_t k = 0; s->columns && k < p->per_row; k++) {
        text_puts(t, k ? ",{" : "{");
        if (p->columns) {
            text_puts(t, "\"name\":");
            clean_json(t, p->columns[k], strlen(p->columns[k]));
            text_putc(t, ',');
        }
        json_range(t, &s->columns[k]);
        text_putc(t, '}');
    }
    text_puts(t, "],\"first\":[");
    for (size_t i = 0; i < s->shown; i++) {
        text_add(t, "%s{\"class\":", i ? "," : "");
        if (p->classes)
            text_json_int(t, s->label[i]);
        else
            text_puts(t, "null");
        text_puts(t, ",\"x\":[");
        for (size_t k = 0; k < p->per_row && k < NUMBERS_SHOWN; k++) {
            text_puts(t, k ? "," : "");
            text_json_number(t, s->first[i * p->per_row + k]);
        }
        text_puts(t, "]}");
    }
    text_puts(t, "]}");
}

int look_print(const struct look *look, enum query_format format, struct arena *a, struct text *out, struct err *e)
{
    const bool json = format == FORMAT_JSON;
    if (json) {
        text_puts(out, "{\"name\":");
        clean_json(out, look->title, strlen(look->title));
        text_puts(out, ",\"what\":");
        clean_json(out, look->what, strlen(look->what));
        text_puts(out, ",\"parts\":[");
    } else {
        clean_terminal(out, look->title, strlen(look->title));
        text_add(out, ": %s\n", look->what);
    }
    for (size_t i = 0; i < look->n_parts; i++) {
        struct summary s;
        TRY(summarize(&look->parts[i], &s, a, e));
        text_puts(out, json && i ? "," : "");
        (json ? json_part : print_part)(out, &look->parts[i], &s);
    }
    text_puts(out, json ? "]}\n" : "");
    return 0;
}
