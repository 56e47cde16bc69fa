/* No feedback loss: for mappings that do not learn. */
#include "credit/credit.h"

extern const struct fbloss_def fbloss_none;
const struct fbloss_def fbloss_none = {
    .part = { .name = "none", .gives = TAKES_BRANCHES, .help = "no feedback loss: for mappings that do not learn" },
};
