#include "report/wanted.h"

#include "report/heading.h"
#include "report/names.h"
#include "report/words.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Values as the specification room has checked and written them. */
static const char sql_figures[] =
    "SELECT f.value ->> 'kind', f.value ->> 'metric', f.value ->> 'layer', f.value ->> 'step', f.value ->> 'rolling', "
    "f.value ->> 'log', f.value ->> 'title', f.value ->> 'x', f.value ->> 'y', f.value ->> 'band', "
    "f.value ->> 'smooth', f.value ->> 'log_x', f.value ->> 'cell' FROM study s, json_each(s.spec, '$.figures') f "
    "WHERE s.name = ?1 "
    "ORDER BY f.key";
static const char sql_is_json[] = "SELECT json_valid(spec) FROM study WHERE name = ?1";
static const char sql_variants[] =
    "SELECT v.value FROM study s, json_each(s.spec, '$.figures[' || ?2 || '].variants') v "
    "WHERE s.name = ?1 ORDER BY v.key";

enum { GAP = 18 };

struct reading {
    struct wanted *w;
    struct arena *a;
    size_t capacity;
    const char *bad; /* a kind that this program does not know */
};

static void *grown(struct arena *a, const void *old, size_t n, size_t *capacity, size_t size)
{
    *capacity = 2 * n + 8;
    void *items = arena_need(a, *capacity, size);
    if (n)
        memcpy(items, old, n * size);
    return items;
}

static int64_t integer(const char *s)
{
    int64_t x = 0;
    return s && text_to_int(s, strlen(s), &x) == 0 ? x : 0;
}

static int add_figure(void *self, int n, const char *const *values)
{
    static const char *const kinds[] = { [FIGURE_CURVES] = "curves",
                                         [FIGURE_BARS] = "bars",
                                         [FIGURE_LAYERS] = "layers",
                                         [FIGURE_HEATMAP] = "heatmap",
                                         [FIGURE_WINNERS] = "winners" };
    struct reading *r = self;
    struct wanted *w = r->w;
    double smooth;
    if (n < 13)
        return 0;
    if (w->n == r->capacity)
        w->items = grown(r->a, w->items, w->n, &r->capacity, sizeof *w->items);
    struct figure_options *o = &w->items[w->n++];
    *o = (struct figure_options){ .kind = FIGURE_CURVES };
    if (values[0]) {
        size_t kind = FIGURE_CURVES;
        while (kind < sizeof kinds / sizeof kinds[0] && strcmp(kinds[kind], values[0]) != 0)
            kind++;
        if (kind == sizeof kinds / sizeof kinds[0])
            r->bad = arena_strdup(r->a, values[0]);
        else
            o->kind = (enum figure_kind)kind;
    }
    if (values[1]) {
        const char **metric = arena_need(r->a, 1, sizeof *metric);
        *metric = arena_strdup(r->a, values[1]);
        o->metrics = metric;
        o->n_metrics = 1;
    }
    o->has_layer = values[2] != NULL;
    o->layer = integer(values[2]);
    o->has_step = values[3] != NULL;
    o->step = integer(values[3]);
    o->rolling = (size_t)integer(values[4]);
    o->log = integer(values[5]) != 0;
    o->title = values[6] ? arena_strdup(r->a, values[6]) : NULL;
    o->x = values[7] ? arena_strdup(r->a, values[7]) : NULL;
    o->y = values[8] ? arena_strdup(r->a, values[8]) : NULL;
    for (size_t i = 0; values[9] && curve_bands[i]; i++)
        if (!strcmp(curve_bands[i], values[9]))
            o->band = (enum curve_band)i;
    o->smooth = values[10] && text_to_double(values[10], strlen(values[10]), &smooth) == 0 ? smooth : 0;
    o->log_x = integer(values[11]) != 0;
    o->cell = values[12] ? arena_strdup(r->a, values[12]) : NULL;
    return 0;
}

int wanted_read(struct wanted *w, struct query *q, struct arena *a, const char *study, struct err *e)
{
    *w = (struct wanted){ 0 };
    struct reading r = { .w = w, .a = a };
    bool found;
    double is_json;
    TRY(query_number(q, sql_is_json, &study, 1, &found, &is_json, e));
    if (found && is_json == 0)
        return err_set(e, ERR_STORAGE,
                       "study '%s': the specification that the database has of it is no JSON: another program changed "
                       "it",
                       study);
    TRY(query_rows(q, sql_figures, &study, 1, add_figure, &r, e));
    if (r.bad)
        return err_set(e, ERR_USAGE, "study '%s' asks for a figure of the kind '%s', which this program does not know",
                       study, r.bad);
    for (size_t i = 0; i < w->n; i++) {
        const char *const arguments[] = { study, arena_printf(a, "%zu", i) };
        struct names names = { .a = a };
        TRY(query_rows(q, sql_variants, arguments, 2, names_add, &names, e));
        w->items[i].variants = names.items;
        w->items[i].n_variants = names.n;
    }
    return 0;
}

bool wanted_replaced(const struct figure_options *o)
{
    return o->n_metrics || o->n_variants || o->cell || o->x || o->y || o->has_layer || o->has_step || o->rolling ||
           o->smooth > 0 || o->band != BAND_SD || o->log || o->log_x || o->kind != FIGURE_USUAL;
}

/* In the place of figure i: which it is, and why it is not drawn. */
static void draw_reason(struct picture *out, const struct wanted *w, size_t i, const char *reason)
{
    enum { WIDTH = 480, MARGIN = 12, LETTERS = 13, LINE = 18 };
    struct arena a;
    arena_init(&a, 0);
    const double width = w->items[i].look.width > 0 ? w->items[i].look.width : WIDTH;
    const char *lines =
        words_wrap(&a, arena_printf(&a, "No figure %zu of %zu: %s.", i + 1, w->n, reason), LETTERS, width - 2 * MARGIN);
    picture_open(out, width, (double)(2 * MARGIN + LINE * words_lines(lines)), "no figure", reason);
    (void)heading_lines(out, MARGIN, MARGIN + LETTERS, LETTERS, PICTURE_SOFT, lines);
    picture_close(out);
    arena_finish(&a);
}

/* All figures of the file; of those that cannot be drawn the reasons, unless that is all of them. */
static int draw_parts(struct picture *parts, const struct wanted *w, struct query *q, const char *study, struct err *e)
{
    size_t n_drawn = 0;
    struct err reasons = { 0 };
    int code = 0;
    for (size_t i = 0; i < w->n && code == 0; i++) {
        struct err own = { 0 };
        code = figure_picture(&parts[i], q, study, &w->items[i], &own);
        n_drawn += code == 0;
        if (code == ERR_USAGE) {
            picture_free(&parts[i]);
            parts[i] = (struct picture){ 0 };
            draw_reason(&parts[i], w, i, err_first(&own));
            code = 0;
        }
        err_move(code < 0 ? e : &reasons, &own);
        err_clear(&own);
    }
    if (code == 0 && n_drawn == 0)
        code = err_move(e, &reasons);
    for (size_t i = 0; code == 0 && i < reasons.n_messages; i++)
        if (reasons.messages[i].level == ERR_LEVEL_ERROR)
            err_warn(e, (struct where){ 0 }, "not drawn: %s", reasons.messages[i].text);
    err_clear(&reasons);
    return code;
}

int wanted_draw(struct picture *out, const struct wanted *w, struct query *q, const char *study, struct err *e)
{
    if (w->n == 1)
        return figure_picture(out, q, study, &w->items[0], e);
    struct picture *parts = calloc(w->n, sizeof *parts);
    double width = 0, height = 0;
    int code =
        parts ? draw_parts(parts, w, q, study, e) : err_set(e, ERR_MEMORY, "not enough memory for %zu figures", w->n);
    for (size_t i = 0; i < w->n && code == 0; i++) {
        width = fmax(width, parts[i].width);
        height += parts[i].height + (i ? GAP : 0);
    }
    if (code == 0) {
        char about[64];
        double y = 0;
        snprintf(about, sizeof about, "%zu figures, one below the other.", w->n);
        picture_open(out, width, height, study, about);
        for (size_t i = 0; i < w->n; y += parts[i++].height + GAP)
            picture_put(out, &parts[i], 0, y);
        picture_close(out);
    }
    for (size_t i = 0; parts && i < w->n; i++)
        picture_free(&parts[i]);
    free(parts);
    return code;
}

int wanted_picture(struct picture *out, struct query *q, const char *study, const struct figure_options *o,
                   struct err *e)
{
    struct wanted wanted = { 0 };
    struct arena a;
    arena_init(&a, 0);
    int code = wanted_replaced(o) ? 0 : wanted_read(&wanted, q, &a, study, e);
    for (size_t i = 0; i < wanted.n; i++)
        wanted.items[i].look = o->look;
    if (code == 0)
        code = wanted.n ? wanted_draw(out, &wanted, q, study, e) : figure_picture(out, q, study, o, e);
    arena_finish(&a);
    return code;
}
