/* golden-part KIND INPUT OUTPUT [OPTIONS]: for golden cases that are no step of a network. Reads and writes
 * safetensors; the arithmetic is the program's own. optimizer   OPTIONS is the part as in a file, {name: rmsprop,
 * stepsize: 0.1}. Reads layers.0.weight and gradient.<t>; writes param.<t> and the vectors of state slot.<t>.<j> after
 * each step. orthogonal  Reads noise.uniform; writes its polar factor as layers.0.weight. */
#include "base/safetensors.h"
#include "math/blas.h"
#include "math/solve.h"
#include "optim/optim.h"
#include "spec/bind.h"
#include <stdio.h>
#include <string.h>

#define USAGE "usage: golden-part optimizer|orthogonal INPUT OUTPUT [OPTIONS]"

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

struct choice {
    struct chosen optimizer;
};
static const struct option choice_table[] = { { "optimizer", OPT_PART, offsetof(struct choice, optimizer), NULL,
                                                .flags = OPTION_REQUIRED, .registry = &optim_registry,
                                                .help = "the part" },
                                              { 0 } };

static int optimizer(struct job *j, const char *options, struct err *e)
{
    struct choice choice = { 0 };
    char *text = arena_printf(&j->arena, "{optimizer: %s}", options);
    const struct node *tree = tree_parse("options", text, strlen(text), &j->arena, e);
    TRY(tree ? bind_tree(tree, choice_table, &choice, "", &j->arena, e) : ERR_SPEC);
    const struct optim_def *def = (const struct optim_def *)choice.optimizer.part;
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
        def->step(choice.optimizer.opts, t + 1, n, w.p, g.p, NULL, slots);
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

static int run(struct job *j, int argc, char **argv, struct err *e)
{
    const bool is_optimizer = argc == 5 && strcmp(argv[1], "optimizer") == 0;
    if (!is_optimizer && !(argc == 4 && strcmp(argv[1], "orthogonal") == 0))
        return err_set(e, ERR_USAGE, USAGE);
    TRY(blas_start(e));
    TRY(safetensors_open(&j->in, argv[2], (size_t)1 << 30, e));
    TRY(is_optimizer ? optimizer(j, argv[4], e) : orthogonal(j, e));
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
