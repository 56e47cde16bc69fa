#include "math/act.h"

#define PART_OF(name) &name.part,
static const struct part *const act_parts[] = { ACTIVATIONS(PART_OF) };
const struct registry act_registry = { "activation", act_parts, sizeof act_parts / sizeof *act_parts };

void act_difference_blocks(struct act a, struct mat u, struct mat h, struct mat w)
{
    if (a.def->difference_blocks) {
        a.def->difference_blocks(a.opts, u, w);
        return;
    }
    for (size_t row = 0; row < w.rows; row += u.rows) {
        const struct mat block = mat_rows(w, row, u.rows);
        a.def->difference(a.opts, u, h, block, block);
    }
}
