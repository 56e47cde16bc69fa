/* Student and teacher: labels of a fixed, wide, random network on uniform inputs. Meulemans 2020, Fig. 2 and its code.
 *
 * The teacher has `hidden` relu layers of `units` and a linear output, no biases, and weights N(0, gain^2 2/(fan in +
 * fan out)) (Glorot's normal with a gain). Inputs are uniform in [-1, 1). Sample i of a split is a function of (seed,
 * split, i); all samples are made when the set is opened, so that the teacher is needed no longer. */
#include "data/dataset.h"

#include "base/rng.h"
#include "math/act.h"
#include "math/blas.h"
#include "math/normal.h"
#include <math.h>
#include <string.h>

enum { ROWS = 100 }; /* samples that go through the teacher together: a fixed partition, for labels that never vary */

struct opts {
    int64_t features, outputs, hidden, units;
    double gain;
    int64_t train_size, validation_size, eval_size, test_size, data_seed; /* data_seed 0: the trial's */
};

/* Samples of a split, [n][features] and [n][outputs]. */
struct samples {
    size_t n;
    struct mat x, y;
};

struct state {
    uint64_t seed;                    /* of the order of the training samples */
    struct samples samples[N_SPLITS]; /* eval: none of its own */
};

#define FIELD(name) offsetof(struct opts, name)
static const struct option options[] = {
    { "features", OPT_INT, FIELD(features), "6", 1, 1e5, .help = "size of an input" },
    { "outputs", OPT_INT, FIELD(outputs), "2", 1, 1e5, .help = "size of a label" },
    { "hidden", OPT_INT, FIELD(hidden), "4", 0, 100, .help = "hidden layers of the teacher; 0 = a linear map" },
    { "units", OPT_INT, FIELD(units), "1000", 1, 1e4, .beside = "hidden", .idle = "0",
      .help = "relu units in each of them" },
    { "gain", OPT_REAL, FIELD(gain), "3", 0, 1e6, OPTION_ABOVE_MIN,
      "the teacher's weights have standard deviation gain * sqrt(2 / (fan in + fan out))" },
    { "train_size", OPT_INT, FIELD(train_size), "400", 1, 1e7,
      .help = "training samples, met in a new order each epoch" },
    { "validation_size", OPT_INT, FIELD(validation_size), "1000", 0, 1e7,
      .help = "samples of the validation set; 0 = none" },
    { "eval_size", OPT_INT, FIELD(eval_size), "0", 0, 1e7,
      .help = "the first so many training samples measure the training loss; 0 = all" },
    { "test_size", OPT_INT, FIELD(test_size), "200", 1, 1e7, .help = "samples of the test set" },
    { "data_seed", OPT_INT, FIELD(data_seed), NULL, 1, 9e15, OPTION_NULLABLE,
      "seed of teacher and samples (Meulemans 2020: 42); null = the trial's own seed" },
    { 0 },
};
#undef FIELD

static int shape(const void *opts, struct data_shape *s, struct err *e)
{
    const struct opts *o = opts;
    const size_t train = (size_t)o->train_size, eval = o->eval_size ? (size_t)o->eval_size : train;
    if (eval > train)
        return err_about(e, "dataset.eval_size", "%zu, but there are %zu training samples", eval, train);
    *s = (struct data_shape){
        .length = 1,
        .features = (size_t)o->features,
        .outputs = (size_t)o->outputs,
        .train_size = train,
        .eval_size = eval,
        .test_size = (size_t)o->test_size,
        .valid_size = (size_t)o->validation_size,
    };
    return 0;
}

static int no_memory(struct err *e)
{
    return err_set(e, ERR_MEMORY, "dataset: no memory for the samples of student_teacher");
}

static int draw_inputs(struct samples *s, size_t n, const struct opts *o, uint64_t seed, enum split split,
                       struct arena *a, struct err *e)
{
    *s = (struct samples){ n, mat_new(a, n, (size_t)o->features), mat_new(a, n, (size_t)o->outputs) };
    if (!s->x.p || !s->y.p)
        return no_memory(e);
    struct rng r = rng_stream(seed, dataset_stream(split));
    for (size_t i = 0; i < n; i++) {
        rng_seek(&r, i);
        for (size_t j = 0; j < s->x.cols; j++)
            s->x.p[i * s->x.cols + j] = (real)(2 * rng_uniform(&r) - 1);
    }
    return 0;
}

/* ---- the teacher ---- */

struct teacher {
    size_t n_layers;
    struct mat *weights; /* (fan in, fan out) */
    struct mat states[2];
};

static int teacher_open(struct teacher *t, const struct opts *o, uint64_t seed, struct arena *a, struct err *e)
{
    const size_t widest = (size_t)(o->hidden && o->units > o->outputs ? o->units : o->outputs);
    *t = (struct teacher){ .n_layers = (size_t)o->hidden + 1 };
    t->weights = arena_alloc(a, t->n_layers, sizeof *t->weights);
    for (int i = 0; i < 2; i++)
        t->states[i] = mat_new(a, ROWS, widest);
    if (!t->weights || !t->states[0].p || !t->states[1].p)
        return no_memory(e);
    struct rng r = rng_stream(seed, "data.teacher");
    for (size_t k = 0; k < t->n_layers; k++) {
        const size_t in = (size_t)(k == 0 ? o->features : o->units);
        const size_t out = (size_t)(k + 1 == t->n_layers ? o->outputs : o->units);
        const double deviation = o->gain * sqrt(2.0 / (double)(in + out));
        const struct mat w = t->weights[k] = mat_new(a, in, out);
        if (!w.p)
            return no_memory(e);
        rng_seek(&r, k);
        normal_fill(&r, w);
        mat_scale((real)deviation, w, w);
    }
    return 0;
}

/* y = W_n relu(... relu(W_1 x)), for at most ROWS rows. */
static void teacher_run(const struct teacher *t, struct mat x, struct mat y)
{
    struct mat in = x;
    for (size_t k = 0; k < t->n_layers; k++) {
        const bool last = k + 1 == t->n_layers;
        const struct mat out = last ? y : mat_of(t->states[k % 2].p, x.rows, t->weights[k].cols);
        blas_gemm(false, false, 1, in, t->weights[k], 0, out);
        if (!last)
            act_relu.apply(NULL, out, out);
        in = out;
    }
}

static void label(const struct teacher *t, struct samples *s)
{
    for (size_t i = 0; i < s->n; i += ROWS) {
        const size_t rows = s->n - i < ROWS ? s->n - i : ROWS;
        teacher_run(t, mat_rows(s->x, i, rows), mat_rows(s->y, i, rows));
    }
}

static int open_samples(const void *opts, uint64_t trial_seed, void *state, struct arena *a, struct err *e)
{
    const struct opts *o = opts;
    struct state *s = state;
    const uint64_t seed = o->data_seed == 0 ? trial_seed : (uint64_t)o->data_seed;
    const int64_t sizes[N_SPLITS] = {
        [SPLIT_TRAIN] = o->train_size, [SPLIT_TEST] = o->test_size, [SPLIT_VALID] = o->validation_size
    };
    s->seed = trial_seed;
    for (enum split split = 0; split < N_SPLITS; split++)
        if (sizes[split] > 0)
            TRY(draw_inputs(&s->samples[split], (size_t)sizes[split], o, seed, split, a, e));
    struct arena scratch;
    struct teacher teacher;
    arena_init(&scratch, 0);
    const int code = teacher_open(&teacher, o, seed, &scratch, e);
    for (enum split split = 0; code == 0 && split < N_SPLITS; split++)
        label(&teacher, &s->samples[split]);
    arena_finish(&scratch);
    return code;
}

static void fill(const void *opts, void *state, enum split split, uint64_t first, struct batch *b)
{
    (void)opts;
    const struct state *s = state;
    const struct samples *from = &s->samples[split == SPLIT_EVAL ? SPLIT_TRAIN : split];
    for (size_t row = 0; row < b->rows; row++) {
        const uint64_t number = first + row, n = from->n;
        const uint64_t i = split == SPLIT_TRAIN ? dataset_shuffled(s->seed, number / n, n, number % n) : number;
        memcpy(b->x + row * from->x.cols, from->x.p + i * from->x.cols, from->x.cols * sizeof(real));
        memcpy(b->y.p + row * from->y.cols, from->y.p + i * from->y.cols, from->y.cols * sizeof(real));
    }
}

extern const struct dataset_def dataset_student_teacher;
const struct dataset_def dataset_student_teacher = {
    .part = { .name = "student_teacher",
              .help = "regression on the outputs of a wide random relu network, with a finite training set",
              .ref = "Meulemans 2020, Fig. 2",
              .options = options,
              .opts_size = sizeof(struct opts),
              .state_size = sizeof(struct state) },
    .shape = shape,
    .open = open_samples,
    .fill = fill,
};
