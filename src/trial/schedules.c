/* Stepsizes that change in the course of training. Time is that of the coming training step, for feedback weights and
 * feedback-only minibatches too: a schedule per epoch and one per step see the same course, and the number of steps
 * done says all that a resumed trial needs. */
#include "trial/private.h"

#include <string.h>

static struct optim_common *common_of(const struct group *g)
{
    return g->choice.opts;
}

int schedule_open(struct group *g, struct arena *a, struct err *e)
{
    if (!common_of(g)->schedule.part)
        return 0;
    const size_t n = g->choice.part->opts_size;
    void *own = arena_alloc(a, 1, n); /* the file's options may serve many layers, whose stepsizes differ */
    if (!own)
        return err_set(e, ERR_MEMORY, "not enough memory for a schedule");
    g->choice.opts = memcpy(own, g->choice.opts, n);
    g->stepsize = common_of(g)->stepsize;
    return 0;
}

static void move(struct optimizer *o, int64_t step, int64_t epoch)
{
    for (size_t i = 0; i < o->n_groups; i++) {
        struct optim_common *c = common_of(&o->groups[i]);
        if (c->schedule.part)
            c->stepsize = schedule_stepsize(c->schedule, o->groups[i].stepsize, step, epoch);
    }
}

void schedules_set(struct trial *t, int64_t epoch)
{
    move(&t->forward, t->step, epoch);
    move(&t->feedback, t->step, epoch);
}

int schedule_check(struct chosen optimizer, double stepsize, bool endless, const char *key, struct err *e)
{
    const struct optim_common *c = optimizer.opts;
    if (!c->schedule.part)
        return 0;
    if (endless && schedule_common_of(c->schedule)->per == PER_EPOCH)
        return err_about(e, key,
                         "schedule '%s' counts epochs, but the dataset draws fresh samples without end; use "
                         "per: step",
                         c->schedule.part->name);
    if (schedule_minimum(c->schedule) > stepsize)
        return err_about(e, key, "schedule '%s' ends at %g, which is more than the stepsize %g that it begins with",
                         c->schedule.part->name, schedule_minimum(c->schedule), stepsize);
    return 0;
}
