/* What a worker says before its rows: what its numbers come from, and what its metrics are. */
#include "run/private.h"

#include <inttypes.h>
#include <string.h>

/* The trial is left as it is: it was begun with other bytes or numbers than this worker has. */
static int leave_alone(struct runner *r, struct attempt *t, const char *why)
{
    t->ended = t->refused = true;
    t->state = TRIAL_FAILED;
    status_ended(r, t, why);
    worker_kill(&t->worker);
    return 0;
}

int attempt_check_origin(struct runner *r, struct attempt *t, const struct wire_record *m, bool *same, struct err *e)
{
    const struct store_origin origin = { .trial = t->trial_id, .numerics_version = m->numerics, .inputs = m->text };
    struct err why = { 0 };
    const int code = store_check_origin(r->store, &origin, &why);
    *same = code == 0;
    if (code < 0 && code != ERR_CONFLICT)
        return err_move(e, &why);
    if (code == ERR_CONFLICT)
        leave_alone(r, t, err_first(&why));
    err_clear(&why);
    return 0;
}

int attempt_hello(struct runner *r, struct attempt *t, const struct wire_record *m, struct err *e)
{
    const struct store_origin origin = { .trial = t->trial_id, .numerics_version = m->numerics, .inputs = m->text };
    bool same;
    int64_t n_outdated;
    TRY(attempt_check_origin(r, t, m, &same, e));
    if (!same)
        return 0;
    TRY(attempt_begin_run(r, t, m->name, m->step, e));
    TRY(store_put_origin(r->store, &origin, &n_outdated, e));
    if (n_outdated > 0)
        progress_say(&r->progress,
                     "%s: %" PRId64
                     " earlier trial%s of its cell read other files or have other numerics: in no mean any "
                     "more (`outdated`); --force trains them again",
                     t->label, n_outdated, n_outdated == 1 ? "" : "s");
    return 0;
}

int attempt_facts(struct runner *r, struct attempt *t, const struct wire_record *m, struct err *e)
{
    const struct store_facts facts = { m->name, m->goal, m->text, m->followed != 0, m->split };
    for (size_t i = 0; facts.followed && i < METRICS_SHOWN; i++)
        if (!t->shown[i].name[0]) {
            snprintf(t->shown[i].name, sizeof t->shown[i].name, "%s", m->name);
            break;
        }
    return store_put_facts(r->store, &facts, e);
}

void attempt_remember(struct attempt *t, const char *name, int64_t step, double value)
{
    for (size_t i = 0; i < METRICS_SHOWN && t->shown[i].name[0]; i++)
        if (!strncmp(t->shown[i].name, name, sizeof t->shown[i].name - 1)) {
            t->shown[i].value = value;
            t->shown[i].step = step;
            t->shown[i].seen = true;
        }
}
