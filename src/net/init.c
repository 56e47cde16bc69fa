#include "net/init.h"

#include "math/solve.h"
#include <math.h>

static int zeros_fill(const void *opts, struct rng *r, size_t fan_in, size_t fan_out, struct mat w,
                      struct arena *scratch, struct err *e)
{
    (void)opts, (void)r, (void)fan_in, (void)fan_out, (void)scratch, (void)e;
    mat_zero(w);
    return 0;
}

static void fill_uniform(struct rng *r, double bound, struct mat w)
{
    for (size_t i = 0; i < mat_n(w); i++)
        w.p[i] = (real)(bound * (2 * rng_uniform(r) - 1));
}

struct uniform_options {
    double bound;
};
static const struct option uniform_table[] = { { "bound", OPT_REAL, offsetof(struct uniform_options, bound), NULL, 0,
                                                 1e12, OPTION_REQUIRED, "entries are uniform in [-bound, bound]" },
                                               { 0 } };
static int uniform_fill(const void *opts, struct rng *r, size_t fan_in, size_t fan_out, struct mat w,
                        struct arena *scratch, struct err *e)
{
    (void)fan_in, (void)fan_out, (void)scratch, (void)e;
    const struct uniform_options *o = opts;
    fill_uniform(r, o->bound, w);
    return 0;
}

static int fan_in_fill(const void *opts, struct rng *r, size_t fan_in, size_t fan_out, struct mat w,
                       struct arena *scratch, struct err *e)
{
    (void)opts, (void)fan_out, (void)scratch, (void)e;
    fill_uniform(r, 1 / sqrt((double)fan_in), w);
    return 0;
}

static int xavier_fill(const void *opts, struct rng *r, size_t fan_in, size_t fan_out, struct mat w,
                       struct arena *scratch, struct err *e)
{
    (void)opts, (void)scratch, (void)e;
    fill_uniform(r, sqrt(6.0 / (double)(fan_in + fan_out)), w);
    return 0;
}

struct normal_options {
    double std;
};
static const struct option normal_table[] = { { "std", OPT_REAL, offsetof(struct normal_options, std), "0.01", 0, 1e12,
                                                .help = "standard deviation; the mean is 0" },
                                              { 0 } };
static int normal_fill(const void *opts, struct rng *r, size_t fan_in, size_t fan_out, struct mat w,
                       struct arena *scratch, struct err *e)
{
    (void)fan_in, (void)fan_out, (void)scratch, (void)e;
    const struct normal_options *o = opts;
    for (size_t i = 0; i < mat_n(w); i++)
        w.p[i] = (real)(o->std * rng_normal(r));
    return 0;
}

/* The polar factor of a matrix with uniform entries: all singular values 1 (sheet 4; the range of the entries does not
 * matter). */
static int orthogonal_fill(const void *opts, struct rng *r, size_t fan_in, size_t fan_out, struct mat w,
                           struct arena *scratch, struct err *e)
{
    (void)opts, (void)fan_in, (void)fan_out;
    struct arena_mark mark = arena_mark(scratch);
    struct mat a = mat_new(scratch, w.rows, w.cols);
    if (!a.p)
        return err_set(e, ERR_MEMORY, "not enough memory to initialise a matrix of %zu x %zu", w.rows, w.cols);
    fill_uniform(r, 1, a);
    const int code = solve_polar(a, w, e);
    arena_rewind(scratch, mark);
    return code;
}

static const struct init_def init_zeros = { { .name = "zeros", .help = "all entries 0" }, zeros_fill };
static const struct init_def init_orthogonal = { { .name = "orthogonal",
                                                   .help = "polar factor of a random matrix: all singular values are 1",
                                                   .ref = "Roulet 2022, code; Lee 2015, scripts" },
                                                 orthogonal_fill };
static const struct init_def init_uniform = { { .name = "uniform",
                                                .help = "uniform in [-bound, bound]",
                                                .options = uniform_table,
                                                .opts_size = sizeof(struct uniform_options) },
                                              uniform_fill };
static const struct init_def init_xavier = {
    { .name = "xavier", .help = "uniform in +-sqrt(6 / (inputs + outputs))", .ref = "Glorot & Bengio 2010, Eq. (16)" },
    xavier_fill
};
static const struct init_def init_normal = { { .name = "normal",
                                               .help = "normal with mean 0",
                                               .options = normal_table,
                                               .opts_size = sizeof(struct normal_options) },
                                             normal_fill };
static const struct init_def init_fan_in = {
    { .name = "fan_in_uniform", .help = "uniform in +-1/sqrt(inputs): PyTorch's default for dense layers and biases" },
    fan_in_fill
};

extern const struct init_def init_glorot_normal;

static const struct part *const init_parts[] = { &init_zeros.part,        &init_orthogonal.part, &init_uniform.part,
                                                 &init_xavier.part,       &init_normal.part,     &init_fan_in.part,
                                                 &init_glorot_normal.part };
const struct registry init_registry = { "initialisation", init_parts, sizeof init_parts / sizeof *init_parts };
