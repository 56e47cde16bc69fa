#include "spec/labels.h"

#include "spec/bind.h"
#include "spec/sweep.h"
#include <string.h>

enum { MAX_LABEL = 200 }; /* bytes */
enum { VARIANTS, KEYS, METRICS, KINDS };
static const char *const kinds[] = { [VARIANTS] = "variants", [KEYS] = "keys", [METRICS] = "metrics" };

/* A label is a word or a sentence on one line; a number may be one as well. */
static void check_label(const struct node *label, const char *path, struct err *e)
{
    char found[100];
    if (label->kind != NODE_SCALAR || node_is_null(label))
        err_at(e, label->where, "%s: expected the words that figures show, found %s", path, node_found(label, found));
    else if (label->length == 0 || label->length > MAX_LABEL || strpbrk(label->text, "\n\r"))
        err_at(e, label->where, "%s: expected one line of 1 to %d bytes", path, MAX_LABEL);
}

static void check_variant(const struct study *s, const struct node *name, struct err *e)
{
    for (size_t i = 0; i < s->n_variants; i++)
        if (!strcmp(s->variants[i], name->text))
            return;
    err_at(e, name->where, "labels.variants: the study has no variant '%s'%s", name->text,
           bind_advice(name->text, s->variants, s->n_variants, s->arena));
}

static void check_key(const struct study *s, const char *key, struct where where, struct err *e)
{
    const struct study_sweep *w = s->sweep;
    if (!w)
        return; /* it has mistakes of its own */
    const char **known = arena_need(s->arena, w->n_axes + 1, sizeof *known);
    const struct axis *axis;
    if (sweep_find_ending(w, key, &axis) > 0)
        return;
    for (size_t i = 0; i < w->n_axes; i++)
        known[i] = w->axes[i].key;
    err_at(e, where, "labels.keys: '%s' is no swept key of the study%s", key,
           w->n_axes ? bind_advice(key, known, w->n_axes, s->arena) : ": it sweeps none");
}

/* A dotted key of the file is a map of maps here. */
static void check_keys(const struct study *s, const struct node *map, const char *above, struct err *e)
{
    for (size_t i = 0; i < map->n; i++) {
        const char *key = arena_printf(s->arena, "%s%s%s", above, *above ? "." : "", map->keys[i]->text);
        if (map->items[i]->kind == NODE_MAP && map->items[i]->n > 0) {
            check_keys(s, map->items[i], key, e);
            continue;
        }
        check_key(s, key, map->keys[i]->where, e);
        check_label(map->items[i], arena_printf(s->arena, "labels.keys.%s", key), e);
    }
}

static void check_kind(struct study *s, int kind, const struct node *map, struct err *e)
{
    char found[100];
    if (node_is_null(map))
        return;
    if (map->kind != NODE_MAP) {
        err_at(e, map->where, "labels.%s: expected a map of names, found %s", kinds[kind], node_found(map, found));
        return;
    }
    if (kind == KEYS) {
        check_keys(s, map, "", e);
        return;
    }
    if (kind == METRICS)
        s->metric_labels = map;
    for (size_t i = 0; i < map->n; i++) {
        if (kind == VARIANTS)
            check_variant(s, map->keys[i], e);
        check_label(map->items[i], arena_printf(s->arena, "labels.%s.%s", kinds[kind], map->keys[i]->text), e);
    }
}

void labels_read(struct study *s, const struct node *map, struct err *e)
{
    char found[100];
    if (!map || node_is_null(map))
        return;
    if (map->kind != NODE_MAP) {
        err_at(e, map->where, "labels: expected a map with variants, keys and metrics, found %s",
               node_found(map, found));
        return;
    }
    for (size_t i = 0; i < map->n; i++) {
        int kind = 0;
        while (kind < KINDS && strcmp(kinds[kind], map->keys[i]->text) != 0)
            kind++;
        if (kind < KINDS)
            check_kind(s, kind, map->items[i], e);
        else
            err_at(e, map->keys[i]->where, "unknown key '%s' in labels%s", map->keys[i]->text,
                   bind_advice(map->keys[i]->text, kinds, KINDS, s->arena));
    }
}

void labels_check_metrics(const struct study *s, const struct study_form *form, struct err *e)
{
    const struct node *map = s->metric_labels;
    for (size_t i = 0; map && i < map->n; i++)
        (void)study_check_metric(s, form, map->keys[i]->where, "labels.metrics", map->keys[i]->text,
                                 e); /* counted in e */
}
