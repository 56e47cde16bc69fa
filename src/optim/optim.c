#include "optim/optim.h"

#define OPTIMIZERS(X) X(sgd) X(momentum) X(rmsprop) X(adam) X(adagrad)

#define DECLARE(name) extern const struct optim_def optim_##name;
OPTIMIZERS(DECLARE)
#undef DECLARE

#define ENTRY(name) &optim_##name.part,
static const struct part *const parts[] = { OPTIMIZERS(ENTRY) };
#undef ENTRY

const struct registry optim_registry = {
    .kind = "optimizer",
    .parts = parts,
    .n_parts = sizeof parts / sizeof *parts,
};
