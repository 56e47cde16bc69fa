/* `tprun plan --format=json`: one object, times in seconds, sizes in bytes. */
#include "cli/kept.h"
#include "cli/plan_price.h"

#include <string.h>

static void key(struct text *t, const char *name)
{
    if (t->n && t->s[t->n - 1] != '{' && t->s[t->n - 1] != '[')
        text_putc(t, ',');
    text_json_string(t, name, strlen(name));
    text_putc(t, ':');
}

static void put_string(struct text *t, const char *name, const char *value)
{
    key(t, name);
    if (value)
        text_json_string(t, value, strlen(value));
    else
        text_puts(t, "null");
}

static void put_number(struct text *t, const char *name, double value)
{
    key(t, name);
    text_json_number(t, value);
}

static void put_range(struct text *t, const char *name, const struct price_range *r)
{
    key(t, name);
    if (!r) {
        text_puts(t, "null");
        return;
    }
    text_putc(t, '{');
    put_number(t, "low", r->low);
    put_number(t, "expected", r->expected);
    put_number(t, "high", r->high);
    text_putc(t, '}');
}

static void put_price(struct text *t, const struct price *p)
{
    key(t, "price");
    text_putc(t, '{');
    put_number(t, "trials", (double)p->n);
    put_number(t, "finished", (double)p->n_finished);
    put_number(t, "unpriced", (double)p->n_unknown);
    put_range(t, "processor_seconds", &p->processor);
    put_range(t, "seconds", &p->wall);
    put_number(t, "memory_bytes", p->memory_bytes);
    put_number(t, "rows", p->rows);
    put_number(t, "database_bytes", p->database_bytes);
    put_number(t, "checkpoint_bytes", p->checkpoint_bytes);
    text_putc(t, '}');
}

static void put_layers(struct text *t, const struct trial_size *size)
{
    key(t, "layers");
    text_putc(t, '[');
    for (size_t i = 0; i < size->n_layers; i++) {
        text_puts(t, i ? ",{" : "{");
        put_string(t, "kind", size->layers[i].kind);
        put_string(t, "shape", size->layers[i].shape);
        put_number(t, "weights", (double)size->layers[i].n_weights);
        if (size->layers[i].from) {
            key(t, "from");
            text_add(t, "[%s]", size->layers[i].from);
            put_string(t, "join", size->layers[i].beside ? "concat" : "add");
        }
        text_putc(t, '}');
    }
    text_putc(t, ']');
}

static void put_class(struct text *t, const struct price_list *l, const struct price_class *c)
{
    const struct price_shape *s = &l->shapes[c->shape];
    const struct price_range each = price_trial(l, c);
    const bool known = s->source != PRICE_UNKNOWN;
    put_string(t, "cell", c->cell);
    put_number(t, "trials", (double)c->n);
    put_number(t, "finished", (double)c->n_finished);
    put_number(t, "steps", (double)c->budget);
    put_string(t, "source", price_source_names[s->source]);
    put_number(t, "runs", (double)s->n);
    put_range(t, "processor_seconds_each", known ? &each : NULL);
    put_number(t, "rows_each", c->work.logs * (s->each.rows + s->each.layer_rows));
    put_number(t, "memory_bytes", s->memory_bytes + PRICE_WORKER_BYTES);
    put_number(t, "checkpoint_bytes", s->checkpoint_bytes);
    put_number(t, "flop_per_step", s->flops_per_step);
}

static int put_variant(struct text *t, struct plan *p, const struct price_list *l, const struct price_variant *v,
                       struct err *e)
{
    put_string(t, "variant", p->studies[v->study].study.variants[v->variant]);
    put_number(t, "trials", (double)v->n);
    put_number(t, "finished", (double)v->n_finished);
    put_number(t, "tuned", (double)v->n_tuned);
    put_number(t, "tuned_finished", (double)v->n_tuned_finished);
    put_number(t, "weights", (double)v->first.n_weights);
    put_number(t, "feedback_weights", (double)v->first.n_feedback_weights);
    put_layers(t, &v->first);
    struct text kept = { 0 };
    text_puts(&kept, "");
    const int code = kept_add(&kept, KEPT_JSON, p, l, v->study, v->variant, e);
    key(t, "replaced_parts");
    text_add(t, "[%s]", kept.s);
    text_free(&kept);
    key(t, "shapes");
    text_putc(t, '[');
    bool first = true;
    for (size_t i = 0; i < l->n_classes; i++) {
        if (l->classes[i].study != v->study || l->classes[i].variant != v->variant)
            continue;
        text_puts(t, first ? "{" : ",{");
        first = false;
        put_class(t, l, &l->classes[i]);
        text_putc(t, '}');
    }
    text_putc(t, ']');
    return code;
}

static int put_study(struct text *t, struct plan *p, const struct plan_price *x, size_t study, struct err *e)
{
    struct price price;
    const struct study *s = &p->studies[study].study;
    put_string(t, "study", s->name);
    put_string(t, "title", s->title);
    key(t, "variants");
    text_putc(t, '[');
    bool first = true;
    for (size_t i = 0; i < x->list.n_variants; i++) {
        if (x->list.variants[i].study != study)
            continue;
        text_puts(t, first ? "{" : ",{");
        first = false;
        TRY(put_variant(t, p, &x->list, &x->list.variants[i], e));
        text_putc(t, '}');
    }
    text_putc(t, ']');
    price_sum(&x->list, study, x->jobs, x->processors, &price);
    put_price(t, &price);
    return 0;
}

int plan_json(struct plan *p, const struct plan_price *x, struct text *t, struct err *e)
{
    struct price price;
    text_putc(t, '{');
    put_number(t, "jobs", (double)x->jobs);
    put_number(t, "processors", (double)x->processors);
    key(t, "studies");
    text_putc(t, '[');
    for (size_t i = 0; i < p->n_studies; i++) {
        text_puts(t, i ? ",{" : "{");
        TRY(put_study(t, p, x, i, e));
        text_putc(t, '}');
    }
    text_putc(t, ']');
    price_sum(&x->list, SIZE_MAX, x->jobs, x->processors, &price);
    put_price(t, &price);
    text_puts(t, "}\n");
    return 0;
}
