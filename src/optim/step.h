/* For the optimizers' loops only: one pass over memory, made of straight-line arithmetic that the compiler vectorises.
 * A loop is written once as an inline function of constants and is called once per case, so that no test remains
 * inside. No operation drops a NaN. */
#ifndef TPRUN_OPTIM_STEP_H
#define TPRUN_OPTIM_STEP_H

#include "base/team.h"
#include "optim/optim.h"

#define STEP_INLINE static inline __attribute__((always_inline))

/* The stepsize of weight i; `factor` is a constant NULL in one of the two calls. */
STEP_INLINE real step_size(real stepsize, const real *factor, size_t i)
{
    return factor ? stepsize * factor[i] : stepsize;
}

/* sqrtf or sqrt: correctly rounded, and one instruction. */
STEP_INLINE real step_sqrt(real x)
{
#ifdef TPRUN_DOUBLE
    return __builtin_sqrt(x);
#else
    return __builtin_sqrtf(x);
#endif
}

/* A step as optim_def has it. */
struct step {
    const void *opts;
    int64_t t;
    size_t n;
    real *w;
    const real *g, *factor;
    real *slots;
};

/* Weights [from, to) of it, whose slot i begins at step_slot. */
static inline struct step step_some(const struct step *s, size_t from, size_t to)
{
    return (struct step){ s->opts,
                          s->t,
                          to - from,
                          s->w + from,
                          s->g + from,
                          s->factor ? s->factor + from : NULL,
                          s->slots ? s->slots + from : NULL };
}
static inline real *step_slot(const struct step *whole, const struct step *some, size_t i)
{
    return some->slots + i * whole->n;
}

/* Weights are independent of each other: some of them for each thread of a team. */
static inline void step_share(team_part *part, struct step s)
{
    enum { PART_WEIGHTS = 16 * 1024 }; /* worth a thread's waking */
    team_run(s.n, team_parts(s.n, PART_WEIGHTS, TEAM_MOST_PARTS), 64 / sizeof(real), part, &s);
}

/* The rows of struct optim_common, which is the first field of every optimizer's options. */
#define STEP_OPTIONS_COMMON                                                                                            \
    { .name = "stepsize",                                                                                              \
      .type = OPT_REAL,                                                                                                \
      .offset = offsetof(struct optim_common, stepsize),                                                               \
      .min = 0,                                                                                                        \
      .max = 1e30,                                                                                                     \
      .flags = OPTION_REQUIRED,                                                                                        \
      .help = "multiplies the direction; 0 leaves the weights as they are" },                                          \
    {                                                                                                                  \
        .name = "schedule", .type = OPT_PART, .offset = offsetof(struct optim_common, schedule),                       \
        .flags = OPTION_NULLABLE | OPTION_PLAIN, .registry = &schedule_registry,                                       \
        .help = "how the stepsize changes in the course of training; without it, it does not"                          \
    }

#endif
