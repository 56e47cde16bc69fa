/* golden-part KIND INPUT OUTPUT [OPTIONS]: for golden cases that are no step of a network. Reads and writes
 * safetensors; the arithmetic is the program's own.
 *
 * optimizer   OPTIONS is the part as in a file, {name: rmsprop, stepsize: 0.1}. Reads layers.0.weight, gradient.<t>
 * and, with a schedule, epochs: the epoch of each t. Writes param.<t>, the vectors of state slot.<t>.<j> after each
 * step, and stepsize.<t>. orthogonal  Reads noise.uniform; writes its polar factor as layers.0.weight. images OPTIONS
 * is a set of images as in a file, {name: cifar10, crop: 4}, of whose channels and options alone something is made.
 * Reads batch.x [B, C, H, W] (byte / 255) and, of training, offsets [B, 2] and flags [B]; writes augmented (byte / 255)
 * and output, both [B, numbers]. layer OPTIONS is {layer: {dense: {units: 4}}, input: [7] or [C, H, W], activation:
 * zeta}: one layer and its analytic feedback G. Reads layers.0.*, x and t as rows of numbers in the order that they
 * have in memory (a map pixel by pixel); writes output = F(x), feedback.target = G(t), feedback.output = G(F(x)),
 * target.input = x + the difference of the two, taken without cancellation, and of a layer that keeps something beside
 * its values (positions of the largest) cache. */
#include "base/safetensors.h"
#include "data/image.h"
#include "math/blas.h"
#include "math/solve.h"
#include "net/layer.h"
#include "net/transpose.h"
#include "optim/optim.h"
#include "spec/bind.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define USAGE "usage: golden-part optimizer|orthogonal|images|layer INPUT OUTPUT [OPTIONS]"

struct job {
    struct safetensors in;
    struct safetensors_writer out;
    struct arena arena;
};

/* The numbers of a tensor; {NULL} if there is none of this name. A vector is a matrix of one column. */
static struct mat get(struct job *j, const char *name)
{
    const struct tensor *t = safetensors_find(&j->in, name);
    if (!t || t->rank < 1 || t->rank > 2)
        return (struct mat){ 0 };
    struct mat m = mat_of(arena_need(&j->arena, t->n + 1, sizeof(real)), t->shape[0], t->rank == 2 ? t->shape[1] : 1);
    for (size_t i = 0; i < t->n; i++)
        m.p[i] = (real)tensor_get(t, i);
    return m;
}

static void put(struct job *j, const char *name, const real *values, size_t rows, size_t cols)
{
    const size_t shape[2] = { rows, cols };
    real *copy = arena_need(&j->arena, rows * cols + 1, sizeof *copy);
    memcpy(copy, values, rows * cols * sizeof *copy);
    safetensors_add(&j->out, name, REAL_DTYPE, 2, shape, copy);
}

static int missing(const char *name, struct err *e)
{
    return err_set(e, ERR_FORMAT, "no tensor '%s' of rank 1 or 2", name);
}

/* A part of a registry as a file names it. */
static int choose(struct job *j, const struct registry *registry, const char *options, struct chosen *c, struct err *e)
{
    const struct option table[] = {
        { "part", OPT_PART, 0, NULL, .flags = OPTION_REQUIRED, .registry = registry, .help = "the part" }, { 0 }
    };
    char *text = arena_printf(&j->arena, "{part: %s}", options);
    const struct node *tree = tree_parse("options", text, strlen(text), &j->arena, e);
    return tree ? bind_tree(tree, table, c, "", &j->arena, e) : ERR_SPEC;
}

static int optimizer(struct job *j, const char *options, struct err *e)
{
    struct chosen choice = { 0 };
    TRY(choose(j, &optim_registry, options, &choice, e));
    const struct optim_def *def = optim_def_of(choice);
    struct optim_common *common = choice.opts;
    const double stepsize = common->stepsize;
    const struct mat epochs = get(j, "epochs");
    const struct mat w = get(j, "layers.0.weight");
    if (!w.p)
        return missing("layers.0.weight", e);
    const size_t n = mat_n(w);
    real *slots = arena_need(&j->arena, n * def->n_slots + 1, sizeof *slots);
    for (int64_t t = 0;; t++) {
        char name[64];
        snprintf(name, sizeof name, "gradient.%lld", (long long)t);
        const struct mat g = get(j, name);
        if (!g.p)
            return t > 0 ? 0 : missing(name, e);
        if (mat_n(g) != n)
            return err_set(e, ERR_FORMAT, "'%s' has another size than layers.0.weight", name);
        if (common->schedule.part && (!epochs.p || mat_n(epochs) <= (size_t)t))
            return err_set(e, ERR_FORMAT, "the schedule needs 'epochs', one for each step");
        if (common->schedule.part)
            common->stepsize = schedule_stepsize(common->schedule, stepsize, t, (int64_t)epochs.p[t]);
        def->step(choice.opts, t + 1, n, w.p, g.p, NULL, slots);
        const real now = (real)common->stepsize;
        put(j, arena_printf(&j->arena, "stepsize.%lld", (long long)t), &now, 1, 1);
        put(j, arena_printf(&j->arena, "param.%lld", (long long)t), w.p, w.rows, w.cols);
        for (size_t s = 0; s < def->n_slots; s++)
            put(j, arena_printf(&j->arena, "slot.%lld.%zu", (long long)t, s), slots + s * n, w.rows, w.cols);
    }
}

static int orthogonal(struct job *j, struct err *e)
{
    const struct mat a = get(j, "noise.uniform");
    if (!a.p)
        return missing("noise.uniform", e);
    struct mat out = mat_of(arena_need(&j->arena, mat_n(a) + 1, sizeof(real)), a.rows, a.cols);
    TRY(solve_polar(a, out, e));
    put(j, "layers.0.weight", out.p, out.rows, out.cols);
    return 0;
}

static int images(struct job *j, const char *options, struct err *e)
{
    struct chosen choice = { 0 };
    TRY(choose(j, &dataset_registry, options, &choice, e));
    const struct tensor *x = safetensors_find(&j->in, "batch.x");
    const struct mat offsets = get(j, "offsets"), flags = get(j, "flags");
    const struct image_opts *o = choice.opts;
    const struct image_set *set = NULL;
    for (size_t i = 0; image_sets[i]; i++)
        set = strcmp(image_sets[i]->name, choice.part->name) == 0 ? image_sets[i] : set;
    if (!set || !x || x->rank != 4 || x->shape[1] != set->channels || (!offsets.p != !flags.p))
        return err_set(e, ERR_FORMAT, "no images, or not batch.x, offsets and flags of them");
    const struct transform t = { .channels = set->channels,
                                 .height = x->shape[2],
                                 .width = x->shape[3],
                                 .pad = (size_t)o->pad,
                                 .crop = (size_t)o->crop,
                                 .flip = o->flip };
    const size_t rows = x->shape[0], n = x->n / rows, plane = (t.height + 2 * t.pad) * (t.width + 2 * t.pad),
                 m = plane * t.channels;
    uint8_t *in = arena_need(&j->arena, n, 1), *out = arena_need(&j->arena, m, 1);
    real *augmented = arena_need(&j->arena, rows * m, sizeof *augmented),
         *output = arena_need(&j->arena, rows * m, sizeof *output);
    for (size_t row = 0; row < rows; row++) {
        struct view view = transform_plain(&t);
        if (offsets.p)
            view = (struct view){ flags.p[row] != 0, (size_t)offsets.p[2 * row], (size_t)offsets.p[2 * row + 1] };
        for (size_t i = 0; i < n; i++)
            in[i] = (uint8_t)lround(255 * tensor_get(x, row * n + i));
        transform_apply(&t, view, in, out);
        for (size_t i = 0; i < m; i++) {
            augmented[row * m + i] = (real)(out[i] / 255.0);
            output[row * m + i] = (real)image_scaled(set, o, i / plane, out[i]);
        }
    }
    put(j, "augmented", augmented, rows, m);
    put(j, "output", output, rows, m);
    return 0;
}

struct layer_job {
    struct chosen_list layers;
    struct reals input;
    int activation;
};
static const char *const activation_names[] = { "zeta", "hadamard", "jacobian", NULL };
static const struct option layer_table[] = {
    { "layer", OPT_PARTS, offsetof(struct layer_job, layers), NULL, .flags = OPTION_REQUIRED,
      .registry = &layer_registry, .help = "one layer" },
    { "input", OPT_REALS, offsetof(struct layer_job, input), NULL, 1, 1e6, OPTION_REQUIRED, "the shape of x" },
    { "activation", OPT_ENUM, offsetof(struct layer_job, activation), "zeta", .names = activation_names, .help = "" },
    { 0 }
};

/* The layer with the weights of the file. */
static int open_layer(struct job *j, const struct layer_job *o, struct unit *u, size_t rows, struct err *e)
{
    const double *n = o->input.items;
    size_t length = 0;
    const struct shape map = { (size_t)(n[0] * n[1] * n[2]), (size_t)n[0], (size_t)n[1], (size_t)n[2] };
    TRY(unit_shape(u, o->layers.items[0], o->input.n == 3 ? map : shape_flat((size_t)n[0]), &j->arena, e));
    unit_place(u, &length);
    real *weights = arena_need(&j->arena, length + 1, sizeof *weights);
    for (size_t i = 0; i < u->n_params; i++) {
        char name[96];
        const struct tensor *t = safetensors_find(&j->in, unit_param_name(u, i, "layers", name, sizeof name));
        const struct mat w = unit_param(u, i, weights);
        if (!t || t->n != mat_n(w))
            return err_set(e, ERR_FORMAT, "no tensor '%s' of %zu numbers", name, mat_n(w));
        for (size_t k = 0; k < t->n; k++)
            w.p[k] = (real)tensor_get(t, k);
    }
    TRY(unit_open(u, weights, rows, &j->arena, e));
    unit_refresh(u);
    return 0;
}

static int layer(struct job *j, const char *options, struct err *e)
{
    struct layer_job o = { 0 };
    struct unit u = { 0 };
    struct at at;
    const struct node *tree = tree_parse("options", options, strlen(options), &j->arena, e);
    TRY(tree ? bind_tree(tree, layer_table, &o, "", &j->arena, e) : ERR_SPEC);
    const struct mat x = get(j, "x"), t = get(j, "t");
    if (!x.p || !t.p || o.layers.n != 1 || (o.input.n != 1 && o.input.n != 3))
        return err_set(e, ERR_FORMAT, "x, t, one layer and the shape of x are needed");
    TRY(open_layer(j, &o, &u, x.rows, e));
    TRY(transpose_check(&u, o.activation, "golden-part", e));
    TRY(transpose_open(&u, &j->arena, e));
    if (x.cols != u.in.n || t.cols != u.out.n || t.rows != x.rows)
        return err_set(e, ERR_FORMAT, "the layer leads from %zu numbers to %zu", u.in.n, u.out.n);
    TRY(at_open(&at, &u, x.rows, 1, AT_INPUT | AT_GRADIENTS | AT_KEPT, &j->arena, e));
    mat_copy(x, at.in);
    at_forward(&u, at);
    const struct mat d = mat_new(&j->arena, t.rows, t.cols), back = mat_new(&j->arena, x.rows, x.cols);
    put(j, "output", at.out.p, at.out.rows, at.out.cols);
    if (at.cache[0].p)
        put(j, "cache", at.cache[0].p, at.cache[0].rows, at.cache[0].cols);
    transpose_apply(&u, at, o.activation, t, back);
    put(j, "feedback.target", back.p, back.rows, back.cols);
    transpose_apply(&u, at, o.activation, at.out, back);
    put(j, "feedback.output", back.p, back.rows, back.cols);
    mat_sub(t, at.out, d);
    transpose_difference(&u, at, o.activation, at.out, d, back);
    mat_add(x, back, back);
    put(j, "target.input", back.p, back.rows, back.cols);
    return 0;
}

static int run(struct job *j, int argc, char **argv, struct err *e)
{
    const bool is_optimizer = argc == 5 && strcmp(argv[1], "optimizer") == 0;
    const bool is_images = argc == 5 && strcmp(argv[1], "images") == 0;
    const bool is_layer = argc == 5 && strcmp(argv[1], "layer") == 0;
    if (!is_optimizer && !is_images && !is_layer && !(argc == 4 && strcmp(argv[1], "orthogonal") == 0))
        return err_set(e, ERR_USAGE, USAGE);
    TRY(blas_start(e));
    TRY(safetensors_open(&j->in, argv[2], (size_t)1 << 30, e));
    TRY(is_optimizer ? optimizer(j, argv[4], e)
        : is_images  ? images(j, argv[4], e)
        : is_layer   ? layer(j, argv[4], e)
                     : orthogonal(j, e));
    return safetensors_write(&j->out, argv[3], NULL, e);
}

int main(int argc, char **argv)
{
    struct job j = { 0 };
    struct err e = { 0 };
    arena_init(&j.arena, 0);
    const int code = run(&j, argc, argv, &e);
    err_print(&e, stderr, false);
    err_clear(&e);
    safetensors_writer_free(&j.out);
    safetensors_close(&j.in);
    arena_finish(&j.arena);
    return code < 0 ? err_exit_status(code) : 0;
}
