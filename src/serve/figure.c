/* A figure for a page: the one that `tprun plot` draws, and the data of its points. */
#include "base/clean.h"
#include "report/wanted.h"
#include "serve/target.h"
#include "serve/views.h"

#include <string.h>

static int word_of(const struct target *t, const char *name, const char *const *words, int *index, struct err *e)
{
    const char *value = target_value(t, name);
    if (!value)
        return 0;
    for (*index = 0; words[*index]; ++*index)
        if (!strcmp(words[*index], value))
            return 0;
    return err_set(e, ERR_USAGE, "'%s' is no %s of a figure", value, name);
}

static int integer_of(const struct target *t, const char *name, int64_t most, bool *given, int64_t *n, struct err *e)
{
    const char *value = target_value(t, name);
    *given = value != NULL;
    *n = 0;
    if (value && (text_to_int(value, strlen(value), n) < 0 || *n < 0 || *n > most))
        return err_set(e, ERR_USAGE, "'%s' is no %s of a figure", value, name);
    return 0;
}

/* Names of arguments as options of `plot`. */
static int read_options(struct figure_options *o, const struct target *t, const char **metric, const char **variant,
                        struct err *e)
{
    static const char *const known[] = { "study", "kind", "metric", "variant", "cell",    "x",    "y", "layer",
                                         "step",  "band", "log",    "log_x",   "rolling", "size", NULL };
    static const char *const kinds[] = { [FIGURE_USUAL] = "usual",
                                         [FIGURE_CURVES] = "curves",
                                         [FIGURE_BARS] = "bars",
                                         [FIGURE_LAYERS] = "layers",
                                         [FIGURE_HEATMAP] = "heatmap",
                                         [FIGURE_WINNERS] = "winners",
                                         NULL };
    int kind = FIGURE_USUAL, band = BAND_SD, ignored = 0;
    int64_t rolling;
    int64_t size;
    bool given;
    for (size_t i = 0; i < t->n; i++)
        TRY(word_of(&(struct target){ .n = 1, .names = { "argument" }, .values = { t->names[i] } }, "argument", known,
                    &ignored, e));
    TRY(word_of(t, "kind", kinds, &kind, e));
    TRY(word_of(t, "band", curve_bands, &band, e));
    TRY(integer_of(t, "layer", 1000000, &o->has_layer, &o->layer, e));
    TRY(integer_of(t, "step", INT64_MAX, &o->has_step, &o->step, e));
    TRY(integer_of(t, "rolling", 10000, &given, &rolling, e));
    TRY(integer_of(t, "size", 2000, &given, &size, e));
    if (given && size < 30)
        return err_set(e, ERR_USAGE, "a figure is at least 30 mm wide");
    o->look.width = (double)size * 96 / 25.4;
    *metric = target_value(t, "metric");
    *variant = target_value(t, "variant");
    o->kind = (enum figure_kind)kind;
    o->band = (enum curve_band)band;
    o->metrics = metric;
    o->n_metrics = *metric != NULL;
    o->variants = variant;
    o->n_variants = *variant != NULL;
    o->cell = target_value(t, "cell");
    o->x = target_value(t, "x");
    o->y = target_value(t, "y");
    o->rolling = (size_t)rolling;
    o->log = target_value(t, "log") != NULL;
    o->log_x = target_value(t, "log_x") != NULL;
    return 0;
}

static void put_string(struct text *json, const char *s)
{
    clean_json(json, s, strlen(s));
}

static void put_one_series(struct text *json, const struct picture *p, const struct picture_series *s)
{
    const struct picture_mark *marks = picture_marks(p, s);
    text_puts(json, "{\"name\": ");
    put_string(json, picture_words(p, s->name));
    text_puts(json, ", \"color\": ");
    put_string(json, s->color);
    text_puts(json, ", \"columns\": [");
    for (size_t i = 0; i < s->n_columns; i++) {
        text_puts(json, i ? ", " : "");
        put_string(json, picture_words(p, s->columns[i]));
    }
    text_puts(json, "], \"points\": [");
    for (size_t i = 0; i < s->n_marks; i++) {
        text_add(json, "%s[%.1f,%.1f", i ? "," : "", marks[i].x, marks[i].y);
        for (size_t k = 0; k < s->n_columns; k++) {
            text_putc(json, ',');
            text_json_number(json, marks[i].values[k]);
        }
        text_putc(json, ']');
    }
    text_puts(json, "]}");
}

static void put_picture(struct text *json, const struct picture *p)
{
    struct text svg = { 0 };
    picture_svg(p, &svg);
    text_puts(json, "{\"svg\": ");
    text_json_string(json, svg.s, svg.n);
    text_puts(json, ",\n\"series\": [");
    for (size_t i = 0; i < picture_n_series(p); i++) {
        text_puts(json, i ? ",\n" : "");
        put_one_series(json, p, &picture_all_series(p)[i]);
    }
    text_puts(json, "]}\n");
    text_free(&svg);
}

int view_figure(struct text *json, struct query *q, const struct target *t, struct err *e)
{
    struct figure_options o = { .kind = FIGURE_USUAL };
    const char *study = target_value(t, "study"), *metric, *variant;
    struct picture p = { 0 };
    struct err drawing = { 0 };
    TRY(read_options(&o, t, &metric, &variant, e));
    if (!study)
        return err_set(e, ERR_USAGE, "a figure has the argument 'study'");
    int code = wanted_picture(&p, q, study, &o, &drawing);
    if (code == 0) {
        put_picture(json, &p);
    } else if (code == ERR_USAGE) { /* that a study has no such figure is an answer */
        text_puts(json, "{\"none\": ");
        const char *why = err_first(&drawing);
        put_string(json, why);
        text_puts(json, "}\n");
        code = 0;
    } else {
        err_move(e, &drawing);
    }
    err_clear(&drawing);
    picture_free(&p);
    return code;
}
