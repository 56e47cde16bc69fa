#include "trial/measures.h"

#include <stdlib.h>
#include <string.h>

enum kind { METRIC, LAYER_METRIC, REMARK };

struct kept_row {
    enum kind kind;
    size_t name, words; /* where they begin in the texts; words: of a remark */
    int64_t step, layer;
    double value;
};

/* A text's place, where it stays whatever comes behind it. */
static size_t keep_text(struct kept_rows *k, const char *s)
{
    const size_t at = k->texts.n;
    text_put(&k->texts, s, strlen(s) + 1);
    return at;
}

static int add(struct sink *s, struct kept_row row, const char *name, const char *words, struct err *e)
{
    struct kept_rows *k = (struct kept_rows *)s;
    if (k->n == k->capacity) {
        const size_t capacity = 2 * k->capacity + 16;
        struct kept_row *grown = realloc(k->items, capacity * sizeof *grown);
        if (!grown)
            return err_set(e, ERR_MEMORY, "not enough memory for the rows of a log");
        k->items = grown;
        k->capacity = capacity;
    }
    row.name = keep_text(k, name);
    row.words = keep_text(k, words ? words : "");
    k->items[k->n++] = row;
    return 0;
}

static int keep_metric(struct sink *s, const char *name, int64_t step, double value, struct err *e)
{
    return add(s, (struct kept_row){ .kind = METRIC, .step = step, .value = value }, name, NULL, e);
}

static int keep_layer_metric(struct sink *s, const char *name, int64_t step, int64_t layer, double value, struct err *e)
{
    return add(s, (struct kept_row){ .kind = LAYER_METRIC, .step = step, .layer = layer, .value = value }, name, NULL,
               e);
}

static int keep_remark(struct sink *s, int64_t step, const char *kind, const char *text, struct err *e)
{
    return add(s, (struct kept_row){ .kind = REMARK, .step = step }, kind, text, e);
}

struct kept_rows kept_rows_new(void)
{
    return (
        struct kept_rows){ .sink = { .metric = keep_metric, .layer_metric = keep_layer_metric, .event = keep_remark } };
}

static int hand_on(const struct kept_rows *k, const struct kept_row *r, struct sink *to, struct err *e)
{
    const char *name = k->texts.s + r->name;
    if (r->kind == METRIC)
        return to->metric(to, name, r->step, r->value, e);
    if (r->kind == LAYER_METRIC)
        return to->layer_metric(to, name, r->step, r->layer, r->value, e);
    return to->event(to, r->step, name, k->texts.s + r->words, e);
}

int kept_rows_hand_on(struct kept_rows *k, struct sink *to, struct err *e)
{
    int code = 0;
    for (size_t i = 0; i < k->n && code == 0; i++)
        code = hand_on(k, &k->items[i], to, e);
    k->n = 0;
    text_clear(&k->texts);
    return code;
}

void kept_rows_free(struct kept_rows *k)
{
    free(k->items);
    text_free(&k->texts);
}
