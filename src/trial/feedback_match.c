/* How well the feedback of a layer matches the layer: the Jacobian matching losses of Bao 2024.
 *
 * J_F (n_out x n_in) is the derivative of a layer at its input, J_G (n_in x n_out) that of its feedback at the layer's
 * output, both per sample. Row r of J_F and column r of J_G are what the unit vector e_r becomes on its way back
 * through the transposed layer and through the feedback. Taken in the step before a log, once the feedback weights have
 * moved (those that move last, behind layers in turn, have not) and before the others do. */
#include "trial/measures.h"

#include "math/pinv.h"
#include <math.h>
#include <string.h>

/* A derivative by a difference that has no cancellation: what it leaves out is as small as this. */
static const double tiny = 0x1p-60;

/* Of every layer above the first one; NaN where there is none. */
struct matched {
    double values[MATCH_VALUES];
};

struct match {
    size_t rows;
    struct matched *layers; /* [n_units] */
    real *seed, *row, *column;
    double *apart, *of_f, *of_g; /* [rows]: |J_G - J_F^T|^2, |J_F|^2, |J_G|^2 */
    real *f, *g;                 /* J_F and J_G^T of a small layer: row r of sample b is row r * rows + b */
    real *plus;                  /* (J_F^+)^T of one sample */
    struct pinv *pinv;           /* [n_units] of small layers; NULL if none is asked for */
};

static const struct unit *layer_above(const struct trial *t, size_t k)
{
    return &t->chain.units[t->chain.unit_of[k + 1]];
}

static bool is_measured(const struct unit *u)
{
    return u->out.n <= MATCH_MOST_OUTPUTS;
}

static bool is_small(const struct unit *u)
{
    return u->out.n <= MATCH_MOST_INVERTED && u->in.n <= MATCH_MOST_INVERTED;
}

static int no_memory(struct err *e)
{
    return err_set(e, ERR_MEMORY, "not enough memory for the Jacobians of the feedback");
}

/* Room for both matrices of the largest layer that is inverted. */
static int open_inverses(struct trial *t, struct match *m, struct err *e)
{
    struct arena *a = &t->memory;
    size_t largest = 1;
    m->pinv = arena_alloc(a, t->chain.n_units, sizeof *m->pinv);
    for (size_t k = 0; m->pinv && k + 1 < t->credit.n; k++) {
        const struct unit *u = layer_above(t, k);
        if (!is_small(u))
            continue;
        TRY(pinv_init(&m->pinv[u->index], u->out.n, u->in.n, a, e));
        largest = u->in.n * u->out.n > largest ? u->in.n * u->out.n : largest;
    }
    m->f = arena_alloc(a, largest * m->rows, sizeof *m->f);
    m->g = arena_alloc(a, largest * m->rows, sizeof *m->g);
    m->plus = arena_alloc(a, largest, sizeof *m->plus);
    return m->pinv && m->f && m->g && m->plus ? 0 : no_memory(e);
}

int match_open(struct trial *t, bool inverses, struct err *e)
{
    struct arena *a = &t->memory;
    size_t widest = 1;
    struct match *m = t->references->match = arena_alloc(a, 1, sizeof *m);
    if (!m)
        return no_memory(e);
    m->rows = t->pass.rows;
    for (size_t k = 0; k + 1 < t->credit.n; k++) {
        const struct unit *u = layer_above(t, k);
        const size_t wide = u->in.n > u->out.n ? u->in.n : u->out.n;
        widest = wide > widest && is_measured(u) ? wide : widest;
    }
    m->layers = arena_alloc(a, t->chain.n_units, sizeof *m->layers);
    m->seed = arena_alloc(a, m->rows * widest, sizeof *m->seed);
    m->row = arena_alloc(a, m->rows * widest, sizeof *m->row);
    m->column = arena_alloc(a, m->rows * widest, sizeof *m->column);
    m->apart = arena_doubles(a, 3 * m->rows);
    if (!m->layers || !m->seed || !m->row || !m->column || !m->apart)
        return no_memory(e);
    m->of_f = m->apart + m->rows;
    m->of_g = m->of_f + m->rows;
    return inverses ? open_inverses(t, m, e) : 0;
}

/* Column r of J_G for every sample. */
static int column_of(struct trial *t, size_t k, struct mat seed, struct mat out, struct err *e)
{
    struct credit *c = &t->credit;
    const struct mapping_def *g = mapping_of(c);
    const struct at *ref = &t->pass.links[k + 1];
    if (g->jvp)
        return g->jvp(c, &t->pass, ref, k, seed, out, e);
    mat_scale((real)tiny, seed, seed);
    TRY(g->difference(c, &t->pass, ref, k, seed, out, e));
    mat_scale((real)(1 / tiny), out, out);
    return 0;
}

static int take_columns(struct trial *t, size_t k, bool keep, struct err *e)
{
    struct match *m = t->references->match;
    const struct unit *u = layer_above(t, k);
    const size_t b = m->rows, n = u->in.n;
    const struct mat seed = mat_of(m->seed, b, u->out.n), row = mat_of(m->row, b, n), column = mat_of(m->column, b, n);
    memset(m->apart, 0, 3 * b * sizeof *m->apart);
    for (size_t r = 0; r < u->out.n; r++) {
        for (int back = 0; back < 2; back++) { /* either product may use its argument up */
            mat_zero(seed);
            for (size_t i = 0; i < b; i++)
                seed.p[i * seed.cols + r] = 1;
            if (back)
                u->def->vjp(u, t->pass.links[k + 1], seed, row);
            else
                TRY(column_of(t, k, seed, column, e));
        }
        for (size_t i = 0; i < b * n; i++) {
            const double f = (double)row.p[i], g = (double)column.p[i];
            m->apart[i / n] += (g - f) * (g - f);
            m->of_f[i / n] += f * f;
            m->of_g[i / n] += g * g;
        }
        if (keep) {
            memcpy(m->f + r * b * n, row.p, b * n * sizeof *m->f);
            memcpy(m->g + r * b * n, column.p, b * n * sizeof *m->g);
        }
    }
    return 0;
}

/* Mean over the samples that have a value. */
struct mean {
    double sum, n;
};
static double mean_of(struct mean m)
{
    return m.n > 0 ? m.sum / m.n : NAN;
}
static void add(struct mean *m, double value)
{
    m->sum += value;
    m->n++;
}

/* J_F J_F^+ = 1, up to rounding: J_F is square and regular. inverse: (J_F^+)^T, f: J_F with rows stride apart, of
 * one sample. */
static bool is_inverse(size_t n, size_t stride, const real *f, const real *inverse)
{
    double residue = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = i == j ? -1 : 0;
            for (size_t k = 0; k < n; k++)
                sum += (double)f[i * stride + k] * (double)inverse[j * n + k];
            residue += sum * sum;
        }
    return residue < 0.25; /* of a matrix that is not regular it is at least 1 */
}

/* |J_G - J_F^+| and, of square layers, |J_G - J_F^-1| over the samples where that is defined. */
static int take_inverses(struct trial *t, size_t k, double *values, struct err *e)
{
    struct match *m = t->references->match;
    const struct unit *u = layer_above(t, k);
    const size_t n = u->in.n, stride = m->rows * n;
    struct mean pinv = { 0 }, inverse = { 0 };
    for (size_t b = 0; b < m->rows; b++) {
        const real *f = m->f + b * n, *g = m->g + b * n;
        const int code = pinv_transposed(&m->pinv[u->index], 0, f, stride, m->plus, n, e);
        double apart = code < 0 ? NAN : 0;
        if (code == ERR_SINGULAR) /* not finite */
            err_clear(e);
        else
            TRY(code);
        for (size_t r = 0; r < u->out.n && code == 0; r++)
            for (size_t i = 0; i < n; i++)
                apart += pow((double)g[r * stride + i] - (double)m->plus[r * n + i], 2);
        add(&pinv, sqrt(apart));
        if (u->in.n == u->out.n && code == 0 && is_inverse(n, stride, f, m->plus))
            add(&inverse, sqrt(apart));
    }
    values[MATCH_PINV] = mean_of(pinv);
    values[MATCH_INVERSE] = mean_of(inverse);
    return 0;
}

static void take_transposes(const struct match *m, double *values)
{
    struct mean apart = { 0 }, angle = { 0 };
    for (size_t b = 0; b < m->rows; b++) {
        add(&apart, sqrt(m->apart[b]));
        if (m->of_f[b] > 0 && m->of_g[b] > 0)
            add(&angle, degrees_between(m->apart[b], m->of_f[b], m->of_g[b]));
    }
    values[MATCH_TRANSPOSE] = mean_of(apart);
    values[MATCH_ANGLE] = mean_of(angle);
}

int match_take(struct trial *t, struct err *e)
{
    struct match *m = t->references->match;
    TRY(credit_refresh(&t->credit, &t->pass, e));
    for (size_t k = 0; k + 1 < t->credit.n; k++) {
        const struct unit *u = layer_above(t, k);
        double *values = m->layers[u->index].values;
        const bool inverted = m->pinv && is_small(u);
        if (!is_measured(u))
            continue;
        TRY(take_columns(t, k, inverted, e));
        take_transposes(m, values);
        if (inverted)
            TRY(take_inverses(t, k, values, e));
    }
    return 0;
}

double match_flops(const struct trial *t)
{
    double n = 0;
    for (size_t k = 0; k + 1 < t->credit.n; k++) {
        const struct unit *u = layer_above(t, k);
        const double outputs = (double)u->out.n, inputs = (double)u->in.n, shorter = fmin(outputs, inputs);
        if (is_measured(u))
            n += 2 * outputs * unit_product(u, t->pass.rows);
        if (t->references->match->pinv && is_small(u)) /* singular values of every sample's matrix */
            n += (double)t->pass.rows * (14 * outputs * inputs * shorter + 8 * shorter * shorter * shorter);
    }
    return n;
}

int match_measure(struct trial *t, const struct measure_def *d, struct sink *sink, struct err *e)
{
    if (!t->references->taken)
        return 0;
    for (size_t k = 0; k + 1 < t->credit.n; k++) {
        const struct unit *u = layer_above(t, k);
        const bool has = d->match == MATCH_PINV || d->match == MATCH_INVERSE ? is_small(u) : is_measured(u);
        const double value = t->references->match->layers[u->index].values[d->match];
        if (has && !(d->match == MATCH_INVERSE && u->in.n != u->out.n))
            TRY(sink->layer_metric(sink, d->part.name, t->step, (int64_t)u->index, value, e));
    }
    return 0;
}
