/* The trials of cells that a study will choose when its sweep has ended, as far as they can be told before. */
#include "run/price.h"

#include "run/cells.h"
#include <string.h>

static struct price_choice *find(struct price_variant *v, const char *name)
{
    for (size_t i = v->n_choices; i-- > 0;) /* cells of one choice stand near each other */
        if (strcmp(v->choices[i].name, name) == 0)
            return &v->choices[i];
    return NULL;
}

static struct price_choice *add(struct price_list *l, struct price_variant *v, const char *name, size_t x)
{
    if ((v->n_choices & (v->n_choices - 1)) == 0) { /* 0, 1, 2, 4, ...: full */
        struct price_choice *grown = arena_need(&l->arena, v->n_choices ? 2 * v->n_choices : 1, sizeof *grown);
        if (v->n_choices)
            memcpy(grown, v->choices, v->n_choices * sizeof *grown);
        v->choices = grown;
    }
    v->choices[v->n_choices] = (struct price_choice){ .name = arena_strdup(&l->arena, name), .of_class = x };
    return &v->choices[v->n_choices++];
}

void price_visit_tuned(struct price_list *l, const struct study *s, const struct study_trial *t, struct config *c,
                       size_t x, struct price_variant *v)
{
    const uint64_t n = s->tune->n_seeds;
    const char *name = cells_tuning(s, t, &l->arena);
    struct price_choice *choice = find(v, name);
    if (!choice) {
        choice = add(l, v, name, x);
        v->n_tuned += n;
        l->classes[x].n += n;
        l->classes[x].left += (double)n;
    }
    struct price_class *first = &l->classes[choice->of_class];
    for (uint64_t k = 0; k < n && choice->n_finished < n; k++) {
        c->seed = s->tune->seeds[k];
        if (price_reached(l, c) < l->classes[x].budget)
            continue;
        choice->n_finished++;
        v->n_tuned_finished++;
        first->n_finished++;
        first->left -= 1;
    }
}
