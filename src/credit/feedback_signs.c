#include "credit/feedback_signs.h"

#include "net/transmit.h"

int feedback_signs_open(const struct credit *c, struct feedback *f, real low, size_t rows, struct arena *a,
                        struct err *e)
{
    /* a feedback loss may work on a block of rows for every layer */
    const size_t blocks = c->n * c->rows;
    f->sign_low = low;
    f->signs = mat_new(a, rows > blocks ? rows : blocks, f->layer.n_in);
    return f->signs.p ? 0 : err_set(e, ERR_MEMORY, "not enough memory for feedback layer %zu", f->target);
}

struct mat feedback_signs(const struct feedback *f, struct mat v)
{
    if (!f->signs.p)
        return v;
    const struct mat out = mat_rows(f->signs, 0, v.rows);
    transmit_signs(v, f->sign_low, out);
    return out;
}

struct mat feedback_sign_moves(const struct feedback *f, struct mat read, struct mat v, struct mat d)
{
    if (!f->signs.p)
        return d;
    const struct mat out = mat_rows(f->signs, 0, v.rows);
    mat_add(v, d, out);
    transmit_signs(out, f->sign_low, out);
    mat_sub(out, read, out);
    return out;
}
