/* A network of a few units from a line of YAML, with a batch of random numbers: no value is 0 or 1, where mistakes
 * hide. Random numbers here come from the stream "test" alone, so a failure repeats. */
#ifndef TPRUN_TESTS_NET_FIXTURE_H
#define TPRUN_TESTS_NET_FIXTURE_H

#include "base/rng.h"
#include "math/blas.h"
#include "net/block.h"
#include "net/chain.h"
#include "net/init.h"
#include "spec/bind.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef TPRUN_DOUBLE
#define IS_DOUBLE 1
#else
#define IS_DOUBLE 0
#endif
/* A bound by precision. */
#define BOUND(in_double, in_single) (IS_DOUBLE ? (in_double) : (in_single))

struct net_spec {
    int64_t length, features, outputs, batch, seed;
    int labels, form;
    bool per_step;
    struct reals image;
    struct chosen_list layers;
    struct chosen weights, biases, loss;
};

static const char *const net_label_names[] = { "classes", "real", NULL };

/* clang-format off */
#define NET_OPTIONS(type, member)                                                                                                   \
    { "length", OPT_INT, offsetof(type, member length), "0", 0, 1e6, .help = "steps; 0 = flat" },                                   \
    { "features", OPT_INT, offsetof(type, member features), "3", 1, 1e6, .help = "inputs" },                                        \
    { "outputs", OPT_INT, offsetof(type, member outputs), "4", 1, 1e6, .help = "classes or targets" },                              \
    { "batch", OPT_INT, offsetof(type, member batch), "3", 1, 1e6, .help = "rows" },                                                \
    { "seed", OPT_INT, offsetof(type, member seed), "2385", 0, 1e9, .help = "of the weights" },                                     \
    { "labels", OPT_ENUM, offsetof(type, member labels), "classes", .names = net_label_names, .help = "kind of target" },           \
    { "form", OPT_ENUM, offsetof(type, member form), "sigma_w", .names = form_names, .help = "of the network" },                    \
    { "per_step", OPT_BOOL, offsetof(type, member per_step), "false", .help = "a label for every step" },                            \
    { "image", OPT_REALS, offsetof(type, member image), NULL, 1, 1e6, OPTION_NULLABLE, "channels, height, width of features" },     \
    { "layers", OPT_PARTS, offsetof(type, member layers), NULL, .flags = OPTION_REQUIRED, .registry = &layer_registry, .help = "chain" }, \
    { "weights", OPT_PART, offsetof(type, member weights), "xavier", .registry = &init_registry, .help = "weights" },               \
    { "biases", OPT_PART, offsetof(type, member biases), "{name: uniform, bound: 0.3}", .registry = &init_registry, .help = "biases" },   \
    { "loss", OPT_PART, offsetof(type, member loss), "cross_entropy", .registry = &loss_registry, .help = "loss" }
/* clang-format on */

struct net {
    struct arena arena;
    struct net_spec spec;
    struct chain chain;
    struct pass pass;
    struct rng rng;
};

/* Fails the test with all messages when a call did not succeed. */
static inline void must(int code, struct err *e)
{
    if (code < 0)
        err_print(e, stderr, false);
    ck_assert_int_ge(code, 0);
    err_clear(e);
}

static inline struct node *net_parse(const char *yaml, struct arena *a)
{
    struct err e = { 0 };
    struct node *tree = tree_parse("test", arena_strdup(a, yaml), strlen(yaml), a, &e);
    must(tree ? 0 : -1, &e);
    return tree;
}

static inline void net_normal(struct rng *r, double std, struct mat m)
{
    for (size_t i = 0; i < mat_n(m); i++)
        m.p[i] = (real)(std * rng_normal(r));
}

static inline struct mat net_matrix(struct net *f, size_t rows, size_t cols)
{
    const struct mat m = mat_new(&f->arena, rows, cols);
    ck_assert_ptr_nonnull(m.p);
    net_normal(&f->rng, 0.7, m);
    return m;
}

static inline void net_fill_batch(struct net *f)
{
    const struct data_shape *d = &f->chain.data;
    struct batch *b = &f->pass.batch;
    net_normal(&f->rng, 0.8, mat_of(b->x, d->length * b->rows, d->features));
    for (size_t i = 0; b->label && i < b->rows * f->chain.per_step; i++)
        b->label[i] = rng_below(&f->rng, (uint32_t)d->outputs);
    if (b->y.p)
        net_normal(&f->rng, 0.9, b->y);
}

/* Everything but reading the specification, which is in f->spec. */
static inline void net_build(struct net *f)
{
    struct err e = { 0 };
    const struct net_spec *s = &f->spec;
    f->rng = rng_stream((uint64_t)s->seed, "test");
    must(blas_start(&e), &e);
    const struct data_shape data = { .length = s->length ? (size_t)s->length : 1,
                                     .features = (size_t)s->features,
                                     .image =
                                         s->image.n == 3
                                             ? (struct shape){ (size_t)s->features, (size_t)s->image.items[0],
                                                               (size_t)s->image.items[1], (size_t)s->image.items[2] }
                                             : (struct shape){ 0 },
                                     .outputs = (size_t)s->outputs,
                                     .classes = s->labels == 0,
                                     .sequence = s->length > 0,
                                     .per_step = s->per_step };
    must(chain_shape_form(&f->chain, &s->layers, s->form, &data, NULL, &f->arena, &e), &e);
    must(chain_open(&f->chain, (size_t)s->batch, &f->arena, &e), &e);
    for (size_t i = 0; i < f->chain.n_units; i++)
        must(block_open_beside(&f->chain.units[i], true, &f->arena, &e), &e);
    must(pass_init(&f->pass, &f->chain, (size_t)s->batch, AT_GRADIENTS, &f->arena, &e), &e);
    must(chain_init(&f->chain, s->weights, s->biases, (uint64_t)s->seed, &f->arena, &e), &e);
    net_fill_batch(f);
}

static inline void net_open(struct net *f, const char *yaml)
{
    static const struct option table[] = { NET_OPTIONS(struct net_spec, ), { 0 } };
    struct err e = { 0 };
    *f = (struct net){ 0 };
    arena_init(&f->arena, 0);
    must(bind_tree(net_parse(yaml, &f->arena), table, &f->spec, "", &f->arena, &e), &e);
    net_build(f);
}

static inline void net_close(struct net *f)
{
    arena_finish(&f->arena);
}

/* The loss of the batch at the present weights. */
static inline double net_loss(struct net *f)
{
    chain_refresh(&f->chain);
    chain_forward(&f->pass);
    return chain_loss(&f->pass, f->spec.loss, false);
}

/* |a - b| / |b| in the Euclidean norm; |a| where b is zero. */
static inline double relative_error(size_t n, const real *a, const real *b)
{
    double difference = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
        difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        norm += (double)b[i] * (double)b[i];
    }
    return norm > 0 ? sqrt(difference / norm) : sqrt(difference);
}
static inline double mat_relative_error(struct mat a, struct mat b)
{
    ck_assert_uint_eq(mat_n(a), mat_n(b));
    return relative_error(mat_n(a), a.p, b.p);
}

/* Parameters of a layer one after the other: entry i of n; the vector itself has gaps. */
static inline real *layer_entry(const struct unit *l, real *vector, size_t i)
{
    for (size_t j = 0; j < l->n_params; j++) {
        const size_t n = l->params[j].rows * l->params[j].cols;
        if (i < n)
            return vector + l->params[j].offset + i;
        i -= n;
    }
    return NULL;
}

/* Whether a part has an option of this name. */
static inline bool has_option(const struct part *p, const char *name)
{
    for (const struct option *o = p->options; o && o->name; o++)
        if (strcmp(o->name, name) == 0)
            return true;
    return false;
}

/* Whether the slope of an activation, at its defaults, jumps anywhere in [-8, 8]: a finite step may go over such a
 * corner. */
static inline bool act_has_corner(const struct part *activation)
{
    enum { N = 16 * 1024 };
    struct arena a;
    struct err e = { 0 };
    struct chosen c = { 0 };
    const struct option row = { "activation", OPT_PART, .dflt = activation->name, .registry = &act_registry };
    bool corner = false;
    arena_init(&a, 0);
    must(bind_default_value(&row, &c, &a, &e), &e);
    const struct mat u = mat_new(&a, 1, N), h = mat_new(&a, 1, N), one = mat_new(&a, 1, N), slope = mat_new(&a, 1, N);
    for (size_t i = 0; i < N; i++) {
        u.p[i] = (real)(-8 + 16 * (double)i / N);
        one.p[i] = 1;
    }
    act_apply(act_of(c), u, h);
    act_times_slope(act_of(c), u, h, one, slope);
    for (size_t i = 1; i < N; i++)
        corner |= fabs((double)(slope.p[i] - slope.p[i - 1])) > 0.02;
    arena_finish(&a);
    return corner;
}

/* Small valid layers of each kind that has no `units`, with what else their network says; %s: more options. */
struct layer_example {
    const char *name, *yaml, *network;
};
static const struct layer_example layer_examples[] = {
    { "conv", "conv: {channels: 3, kernel: 3, stride: 2, padding: 1%s}", "image: [2, 5, 4], features: 40" },
    { "conv", "conv: {channels: 2, kernel: 2%s}", "image: [3, 3, 4], features: 36" },
    { "conv", "conv: {channels: 4, kernel: 1%s}", "image: [3, 2, 3], features: 18" },
    { "conv", "conv: {channels: 2, kernel: 3%s}", "image: [1, 4, 4], features: 16" },
    { "conv", "conv: {channels: 8, kernel: 3, padding: 1%s}", "image: [1, 8, 8], features: 64" }, /* by taps */
    { "patches", "patches: {channels: 3, size: 2%s}", "image: [2, 4, 4], features: 32" },
    { "max_pool", "max_pool: {kernel: 3, stride: 2, padding: 1%s}", "image: [2, 5, 4], features: 40" },
    { "max_pool", "max_pool: {kernel: 2%s}", "image: [3, 4, 4], features: 48" },
    { "avg_pool", "avg_pool: {kernel: 3, stride: 2, padding: 1%s}", "image: [2, 5, 4], features: 40" },
    { "global_average_pool", "global_average_pool", "image: [3, 2, 4], features: 24" },
    { "flatten", "flatten", "image: [3, 2, 4], features: 24" },
    { "activation", "activation: {%s}", "image: [2, 3, 2], features: 12" },
    { "layer_norm", "layer_norm", "image: [4, 2, 3], features: 24" },
    { "layer_norm", "layer_norm", "features: 7" },
    { "batch_norm", "batch_norm", "image: [4, 2, 3], features: 24" },
    { "batch_norm", "batch_norm", "features: 5, batch: 4" },
    { "spatial_mlp", "spatial_mlp: {%s}", "image: [4, 2, 3], features: 24" },
    { "channel_mlp", "channel_mlp: {hidden: 5%s}", "image: [4, 2, 3], features: 24" },
    { "mixer", "mixer: {hidden: 5%s}", "image: [4, 2, 3], features: 24" },
    { "coupling", "coupling: {hidden: 5%s}", "image: [6, 2, 3], features: 36" },
    { "residual", "residual: [dense: {units: 6, activation: tanh}, dense: {units: 3%s}]", "features: 3" },
    { "residual", "residual: [layer_norm, conv: {channels: 2, kernel: 3, padding: 1%s}]",
      "image: [2, 3, 2], features: 12" },
    { "unit",
      "unit: [conv: {channels: 2, kernel: 2, activation: tanh}, max_pool: {kernel: 2}, flatten, dense: {units: 5%s}]",
      "image: [2, 5, 4], features: 40" },
    { "unit", "unit: [unit: [dense: {units: 6, activation: tanh}, dense: {units: 3}], dense: {units: 5%s}]",
      "features: 3" },
};
enum { N_LAYER_EXAMPLES = sizeof layer_examples / sizeof *layer_examples };

/* Example number k of a layer, "rnn: {units: 5, bias: true}", into buffer, and what else its network says, or NULL
 * after the last one. options: "" or ", bias: true"; a unit of layers gives them to its last one. */
static inline const char *layer_yaml(const struct part *part, size_t k, size_t features, int units, const char *options,
                                     char *buffer, size_t size)
{
    static char own[32]; /* until the next call */
    size_t n = 0;
    snprintf(own, sizeof own, "features: %zu", features);
    for (size_t i = 0; i < N_LAYER_EXAMPLES; i++) {
        const struct layer_example *x = &layer_examples[i];
        if (strcmp(x->name, part->name) == 0 && n++ == k) {
            const char *at = strstr(x->yaml, "%s");
            snprintf(buffer, size, x->yaml, at && at[-1] == '{' && *options ? options + 2 : options);
            return x->network;
        }
    }
    if (strcmp(part->name, "unit") == 0 && k == n) {
        snprintf(buffer, size, "unit: [dense: {units: 6, activation: tanh}, dense: {units: %d%s}]", units, options);
        return own;
    }
    if (k > 0 || n > 0)
        return NULL;
    snprintf(buffer, size, "%s: {units: %d%s}", part->name, units, options);
    return own;
}

#endif
