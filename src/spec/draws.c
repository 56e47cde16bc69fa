/* Random draws that come again: choices coincide sooner or later, and spaced numbers have six digits. Equal draws are
 * one trial, the first of them; which they are depends on the swept keys that the trial has. */
#include "spec/sweep.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_DRAWS = 1 << 20 }; /* of more, repeats are not looked for: the database has each trial once all the same */

struct drawn {
    const char *text;
    uint64_t index;
};

static int compare(const void *x, const void *y)
{
    const struct drawn *a = x, *b = y;
    const int order = strcmp(a->text, b->text);
    return order ? order : (a->index > b->index) - (a->index < b->index);
}

/* The values of draw i on the axes that the trial has. */
static const char *values_text(const struct study_sweep *w, const struct dimension *d, const bool *has, uint64_t i,
                               struct arena *a)
{
    struct text t = { 0 };
    for (size_t k = 0; k < d->n_axes; k++)
        if (has[k]) {
            text_putc(&t, ' ');
            tree_json(axis_value(&w->axes[d->first + k], i, w->random_seed, a), &t);
        }
    const char *copy = arena_strdup(a, t.n ? t.s : "");
    text_free(&t);
    return copy;
}

static struct draws *look(struct study_sweep *w, const struct dimension *d, const bool *has)
{
    struct draws *x = arena_need(w->arena, 1, sizeof *x);
    *x = (struct draws){ .next = w->draws, .n = d->n, .n_different = d->n };
    x->has = memcpy(arena_need(w->arena, d->n_axes, sizeof *has), has, d->n_axes * sizeof *has);
    w->draws = x;
    if (d->n > MAX_DRAWS)
        return x;
    struct arena scratch;
    arena_init(&scratch, 0);
    struct drawn *all = arena_need(&scratch, (size_t)d->n, sizeof *all);
    for (uint64_t i = 0; i < d->n; i++)
        all[i] = (struct drawn){ values_text(w, d, has, i, &scratch), i };
    qsort(all, (size_t)d->n, sizeof *all, compare);
    x->repeats = arena_need(w->arena, (size_t)d->n, sizeof *x->repeats);
    for (uint64_t i = 1; i < d->n; i++)
        if (!strcmp(all[i - 1].text, all[i].text)) {
            x->repeats[all[i].index] = true;
            x->n_different--;
        }
    arena_finish(&scratch);
    return x;
}

const struct draws *sweep_draws(struct study_sweep *w, const struct dimension *d, const bool *has)
{
    for (const struct draws *x = w->draws; x; x = x->next)
        if (!memcmp(x->has, has + d->first, d->n_axes * sizeof *has))
            return x;
    return look(w, d, has + d->first);
}

const struct draws *sweep_all_draws(struct study_sweep *w)
{
    const struct dimension *d = w->n_dimensions ? &w->dimensions[w->n_dimensions - 1] : NULL;
    if (!d || w->overflow || w->axes[d->first].kind < AXIS_UNIFORM)
        return NULL;
    bool *all = arena_need(w->arena, w->n_axes, sizeof *all);
    for (size_t i = 0; i < w->n_axes; i++)
        all[i] = true;
    return sweep_draws(w, d, all);
}
