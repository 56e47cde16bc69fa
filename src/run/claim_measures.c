/* The measures of claims are compiled when their file is read: by the process that would run them, on an empty
 * database. Nothing here ever runs SQL of a file. */
#include "run/claims.h"

#include "store/bounded.h"

void claim_measures_check(struct plan_study *s, const char *const *keys, size_t n_keys, struct err *e)
{
    const struct study *f = &s->study;
    struct err own = { 0 };
    const char **measures = arena_need(s->arena, f->n_claims, sizeof *measures);
    struct bounded_answer *answers = arena_need(s->arena, f->n_claims, sizeof *answers);
    size_t n = 0;
    for (size_t i = 0; i < f->n_claims; i++)
        if (f->claims[i].measure)
            measures[n++] = f->claims[i].measure;
    if (n == 0)
        return;
    if (bounded_compile(f->name ? f->name : "", keys, n_keys, measures, n, answers, &own) < 0) {
        err_move(e, &own);
        err_clear(&own);
        return;
    }
    n = 0;
    for (size_t i = 0; i < f->n_claims; i++)
        if (f->claims[i].measure && answers[n++].note[0])
            err_at(e, f->claims[i].what, "%s.measure: %s", f->claims[i].path, answers[n - 1].note);
}
