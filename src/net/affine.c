#include "net/affine.h"
#include "net/transpose.h"

/* What follows from f->w and f->wt. A plan generates no code, but counts the packed copy. */
static int open_rest(struct affine *f, size_t rows, struct arena *a, struct err *e)
{
    if (!a->counting) {
        f->up = product_plan(rows, f->out, f->in, true);
        f->down = product_plan(rows, f->in, f->out, false);
    }
    const bool packs = product_is_small(rows, f->out, f->in) && !f->transposed;
    if (packs)
        f->wt = mat_new(a, f->in, f->out);
    f->scratch = mat_new(a, rows, f->out);
    if ((packs && !f->wt.p) || !f->w.p || !f->scratch.p)
        return err_set(e, ERR_MEMORY, "not enough memory for a layer of %zu x %zu", f->out, f->in);
    return 0;
}

int affine_open(struct affine *f, struct mat w, struct act act, size_t rows, struct arena *a, struct err *e)
{
    *f = (struct affine){ .in = w.cols, .out = w.rows, .rows = rows, .act = act, .w = w };
    return open_rest(f, rows, a, e);
}

int affine_open_transposed(struct affine *f, struct mat wt, struct act act, size_t rows, struct arena *a, struct err *e)
{
    *f = (struct affine){
        .in = wt.rows, .out = wt.cols, .rows = rows, .act = act, .wt = wt, .w = mat_new(a, wt.cols, wt.rows)
    };
    f->transposed = true;
    return open_rest(f, rows, a, e);
}

void affine_refresh(struct unit *u)
{
    struct affine *f = u->state;
    if (f->transposed)
        mat_transpose(f->wt, f->w);
    else if (f->wt.p)
        mat_transpose(f->w, f->wt);
}

/* out = [out +] a b by the planned product where the shape is the planned one. */
static void multiply(const struct product *p, struct mat a, struct mat b, struct mat out)
{
    if (a.rows == p->m)
        product_run(p, a.p, b.p, out.p);
    else
        blas_gemm(false, false, 1, a, b, p->accumulate ? 1 : 0, out);
}

void affine_add(const struct affine *f, struct mat in, struct mat out)
{
    if (f->wt.p && in.rows == f->rows)
        product_run(&f->up, in.p, f->wt.p, out.p);
    else
        blas_gemm(false, true, 1, in, f->w, 1, out);
}

void affine_forward(const struct unit *u, struct at at)
{
    const struct affine *f = u->state;
    affine_add(f, at.in, at.out);
    if (at.cache[0].p)
        mat_copy(at.out, at.cache[0]);
    act_apply(f->act, at.out, at.out);
}

void affine_linear(const struct affine *f, struct mat in, struct mat out)
{
    blas_gemm(false, true, 1, in, f->w, 0, out);
}

void affine_vjp(const struct unit *u, struct at at, struct mat s, struct mat dh)
{
    const struct affine *f = u->state;
    act_times_slope(f->act, at.cache[0], at.out, s, at.delta);
    if (dh.p)
        multiply(&f->down, at.delta, f->w, dh);
}

static void back(const struct unit *u, struct at at, struct mat t, struct mat out)
{
    (void)at;
    const struct affine *f = u->state;
    multiply(&f->down, t, f->w, out);
}

const struct transpose_def affine_transpose = { .back = back };

void affine_jvp(const struct unit *u, struct at at, struct mat v, struct mat out)
{
    const struct affine *f = u->state;
    affine_linear(f, v, out);
    act_times_slope(f->act, at.cache[0], at.out, out, out);
}

void affine_two_eye_minus(struct mat w, struct mat out)
{
    mat_scale(-1, w, out);
    for (size_t i = 0; i < w.rows && i < w.cols; i++)
        out.p[i * w.cols + i] += 2;
}

int affine_inverse_open(struct unit *u, const struct inverse_options *o, struct err *e)
{
    struct affine *f = u->state;
    struct arena *a = u->arena;
    const bool variant = o->matrix == INVERT_TWO_EYE_MINUS_W;
    if (!f->m.p) {
        TRY(o->matrix == INVERT_PSEUDO ? pinv_init(&f->pseudo, f->out, f->in, a, e)
                                       : ridge_init(&f->ridge, f->out, f->in, a, e));
        f->m = mat_new(a, f->out, f->in);
        if (!a->counting)
            f->back = product_plan(f->rows, f->in, f->out, false);
    }
    if (variant && !f->variant.p)
        f->variant = mat_new(a, f->out, f->in);
    return f->m.p && (!variant || f->variant.p)
               ? 0
               : err_set(e, ERR_MEMORY, "not enough memory for the inverse of a layer of %zu x %zu", f->out, f->in);
}

int affine_inverse_refresh(struct unit *u, const struct inverse_options *o, struct err *e)
{
    struct affine *f = u->state;
    if (o->matrix == INVERT_PSEUDO)
        return pinv_transposed(&f->pseudo, o->regularization, f->w.p, f->in, f->m.p, f->in, e);
    if (o->matrix != INVERT_TWO_EYE_MINUS_W)
        return ridge_inverse(&f->ridge, f->w, o->regularization, f->m, e);
    affine_two_eye_minus(f->w, f->variant);
    return ridge_inverse(&f->ridge, f->variant, 0, f->m, e);
}

/* Scratch for one call: links of a pass have at most `rows` rows on every way that inverts. */
static struct mat scratch_like(const struct affine *f, struct mat v)
{
    return mat_of(f->scratch.p, v.rows, f->out);
}

void affine_inverse_apply(const struct affine *f, struct mat v, struct mat offset, const real *bias, real clamp,
                          struct mat out)
{
    struct mat u = scratch_like(f, v);
    f->act.def->inverse(f->act.opts, v, clamp, u);
    if (offset.p)
        mat_sub(u, offset, u);
    if (bias)
        for (size_t i = 0; i < u.rows; i++)
            for (size_t j = 0; j < u.cols; j++)
                u.p[i * u.cols + j] -= bias[j];
    multiply(&f->back, u, f->m, out);
}

void affine_inverse_difference(const struct unit *u, struct at at, struct mat d, const struct inverse_options *o,
                               struct mat out)
{
    const struct affine *f = u->state;
    struct mat w = scratch_like(f, d);
    f->act.def->inverse_difference(f->act.opts, at.out, d, (real)o->clamp, w);
    multiply(&f->back, w, f->m, out);
}

void affine_inverse_jvp(const struct unit *u, struct at at, struct mat d, const struct inverse_options *o,
                        struct mat out)
{
    const struct affine *f = u->state;
    struct mat w = scratch_like(f, d);
    f->act.def->times_inverse_slope(f->act.opts, at.out, d, (real)o->clamp, w);
    multiply(&f->back, w, f->m, out);
}

static int shape_mirror(const struct unit *u, struct unit *g, const struct mirror *m, struct arena *a, struct err *e)
{
    return mirror_affine(g, u->out, u->in.n, m, a, e);
}

int affine_mirror(const struct unit *u, struct unit *g, const struct mirror *m, struct arena *a, struct err *e)
{
    if (m->argument && u->n_side)
        return err_at(e, u->where,
                      "algorithm.mapping.activation: 'argument' is for feed-forward layers; network.layers.%zu is "
                      "recurrent",
                      u->index);
    return mirror_behind_act(u, g, m, shape_mirror, a, e);
}

double affine_flops(const struct unit *u, size_t rows, double *product)
{
    *product = 2.0 * (double)rows * (double)u->in.n * (double)u->out.n;
    return *product + 2.0 * (double)rows * (double)u->n_side * (double)u->out.n;
}
