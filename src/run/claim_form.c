/* The canonical form of what a claim is about, which the store keeps. */
#include "run/claims.h"

#include <string.h>

static void put_key(struct text *out, const char *key)
{
    text_add(out, "%s\"%s\":", out->n > 1 ? "," : "", key);
}

void claim_put_text(struct text *out, const char *key, const char *value)
{
    put_key(out, key);
    if (value)
        text_json_string(out, value, strlen(value));
    else
        text_puts(out, "null");
}

static void put_names(struct text *out, const char *key, const struct names *names)
{
    put_key(out, key);
    text_putc(out, '[');
    for (size_t i = 0; i < names->n; i++) {
        text_puts(out, i ? "," : "");
        text_json_string(out, names->items[i], strlen(names->items[i]));
    }
    text_putc(out, ']');
}

void claim_put_quantity(struct text *out, const struct claim_quantity *q)
{
    static const char *const at[] = { "last", "best", "selected", "step", "from" };
    put_names(out, "better", &q->better);
    if (q->than.n)
        put_names(out, "than", &q->than);
    claim_put_text(out, "metric", q->metric);
    claim_put_text(out, "at", at[q->at]);
    if (q->at == CLAIM_STEP || q->at == CLAIM_FROM) {
        put_key(out, "step");
        text_json_int(out, q->step);
    }
    if (q->cell)
        claim_put_text(out, "cell", q->cell);
    if (q->has_layer) {
        put_key(out, "layer");
        text_json_int(out, q->layer);
    }
    if (q->as == CLAIM_AS_ERROR)
        claim_put_text(out, "as", "error");
}
