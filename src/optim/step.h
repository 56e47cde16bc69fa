/* For the optimizers' loops only: one pass over memory, made of straight-line arithmetic that the compiler vectorises.
 * A loop is written once as an inline function of constants and is called once per case, so that no test remains
 * inside. No operation drops a NaN. */
#ifndef TPRUN_OPTIM_STEP_H
#define TPRUN_OPTIM_STEP_H

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
