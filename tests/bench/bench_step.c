/* Prints `name median unit` per line: the rate of one large product, one training step of the algorithms that are
 * compared, with the operations of its products behind it, and the time from nothing to the first step. Run with
 * OPENBLAS_NUM_THREADS=1. An argument restricts the lines after the first to names that contain it; a second one is the
 * number of blocks that a median is of. With --yaml NAME the configuration of that row is printed, for programs that
 * are compared with this one. */
#include "trial/private.h"

#include "../counted_products.h"
#include "spec/tree.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BLOCKS = 21 };
#define BLOCK_SECONDS 0.05

/* Of processor time: there is one thread, and the machine may be shared. */
static double seconds(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) != 0)
        abort();
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
    return values[n / 2];
}

static void must(int code, struct err *e)
{
    if (code >= 0)
        return;
    err_print(e, stderr, false);
    exit(EXIT_FAILURE);
}

/* ---- one large product ---- */

static double product_rate(int n_blocks)
{
    enum { M = 128, N = 256, K = 784 };
    struct arena a;
    arena_init(&a, 0);
    struct rng r = rng_stream(1, "bench");
    struct mat x = mat_new(&a, M, K), y = mat_new(&a, K, N), z = mat_new(&a, M, N);
    for (size_t i = 0; i < mat_n(x); i++)
        x.p[i] = (real)rng_normal(&r);
    for (size_t i = 0; i < mat_n(y); i++)
        y.p[i] = (real)rng_normal(&r);
    double rates[BLOCKS];
    for (int i = 0; i < n_blocks; i++) {
        const double from = seconds();
        for (int j = 0; j < 50; j++)
            blas_gemm(false, false, 1, x, y, 0, z);
        rates[i] = 50 * 2.0 * M * N * K / (seconds() - from) / 1e9;
    }
    arena_finish(&a);
    return median(rates, (size_t)n_blocks);
}

/* ---- training steps ---- */

#define TRAIN(optimizer)                                                                                               \
    "loss: cross_entropy, train: {optimizer: " optimizer                                                               \
    ", batch_size: %d, iterations: 1}, log: {metrics: [train_loss]}"
#define SGD "{name: sgd, stepsize: 1e-3}"
#define MOMENTUM "{name: sgd, stepsize: 1e-3, momentum: 0.9, weight_decay: 1e-4}"
#define ADAM "{name: adam, stepsize: 1e-3}"
#define RNN                                                                                                            \
    "{dataset: {name: given, length: %d, features: %d, outputs: %d}, network: {layers: [%s: {units: 100}, dense: "     \
    "{units: %d}],"                                                                                                    \
    " init: {weights: orthogonal}}, " TRAIN(SGD) ", algorithm: %s}"
#define DENSE                                                                                                          \
    "{dataset: {name: given, features: 784, outputs: 10}, network: {layers: [{dense: {units: 256, activation: tanh}, " \
    "repeat: 5}, dense: {units: 10}],"                                                                                 \
    " init: {weights: xavier}}, " TRAIN(ADAM) ", algorithm: %s}"
/* Networks of Bengio 2020, through a layer that narrows. */
#define W_SIGMA                                                                                                        \
    "{dataset: {name: given, features: 784, outputs: 10}, network: {form: w_sigma, layers: [{dense: {units: 128, "     \
    "activation: {name: leaky_relu, slope: 0.5}}, repeat: 3}, dense: {units: 10, activation: {name: leaky_relu, "      \
    "slope: 0.5}}], init: {weights: orthogonal}}, " TRAIN(ADAM) ", algorithm: %s}"
#define IMAGES                                                                                                         \
    "{dataset: {name: given, features: 3072, outputs: 10, image: [3, 32, 32]}, network: {layers: [%s],"                \
    " init: {weights: fan_in_uniform, biases: fan_in_uniform}}, " TRAIN(MOMENTUM) ", algorithm: %s}"
#define CONV(channels, kernel, padding, pool)                                                                          \
    "{unit: [conv: {channels: " #channels ", kernel: " #kernel ", padding: " #padding                                  \
    ", activation: elu}, max_pool: {" pool "}]}, "
#define LENET                                                                                                          \
    CONV(32, 5, 2, "kernel: 3, stride: 2, padding: 1")                                                                 \
    CONV(64, 5, 2, "kernel: 3, stride: 2, padding: 1")                                                                 \
    "{unit: [flatten, dense: {units: 512, activation: elu}]}, dense: {units: 10}"
#define VGG                                                                                                            \
    CONV(128, 3, 1, "kernel: 2")                                                                                       \
    CONV(128, 3, 1, "kernel: 2")                                                                                       \
    CONV(256, 3, 1, "kernel: 2")                                                                                       \
    CONV(256, 3, 1, "kernel: 2") CONV(512, 3, 1, "kernel: 2") "{unit: [flatten, dense: {units: 10}]}"
#define ORDER(T) T, 6, 4, 4, 20    /* temporal order: features, classes, units of the readout, batch */
#define PIXELS(T) T, 1, 10, 10, 16 /* images pixel by pixel */

#define BP "bp"
#define TP "{name: tp, target_stepsize: 1e-2, mapping: {regularization: 10}, update: through_chain}"
#define TP_MNIST "{name: tp, target_stepsize: 1e-4, mapping: {regularization: 1}, update: through_chain}"
#define TP_DETACHED "{name: tp, target_stepsize: 1e-2, mapping: {regularization: 10}}"
#define TP_DIFFERENCE                                                                                                  \
    "{name: tp, target_stepsize: 1e-2, mapping: {regularization: 10}, propagate: difference, update: through_chain}"
#define DTP                                                                                                            \
    "{name: dtp, target_stepsize: 1e-1, feedback_loss: {name: reconstruction, noise: 0.1}, feedback: {optimizer: "     \
    "{name: sgd, stepsize: 1e-3}}}"
/* Feed-forward methods of Meulemans 2020, both gradients of a minibatch and both optimizers' steps. */
#define JOINT(preset, own) "{name: " preset ", target_stepsize: 0.06, " own "feedback: {optimizer: " ADAM "}}"

/* Two feedback steps of every unit, as in the reduced protocol for Bao 2024. */
#define LDRL                                                                                                           \
    "{name: ldrl, target_stepsize: 0.5, mapping: {bias: false}, feedback_loss: {noise: [0.4, 0.38, 0.14]}, feedback: " \
    "{steps: 2, stepsize: [7e-4, 5e-3, 0.1], optimizer: {name: sgd, stepsize: 1, momentum: 0.9}}}"

/* Alg. 1 from the states. */
#define IDTP                                                                                                           \
    "{name: idtp, target_stepsize: 0.2, mapping: {transpose_gain: 1.6}, feedback_loss: {noise: 0.3}, propagate: "      \
    "{iterations: 5}, update: {eps: 4e-10}, feedback: {optimizer: {name: sgd, stepsize: 1}}}"

struct bench {
    struct arena arena;
    struct config config;
    struct trial *trial;
};

/* A random batch stands for the samples: their making is not measured. */
static void open_bench(struct bench *b, const char *yaml)
{
    struct err e = { 0 };
    arena_init(&b->arena, 0);
    struct node *tree = tree_parse("bench", yaml, strlen(yaml), &b->arena, &e);
    must(tree ? config_bind(tree, &b->config, &b->arena, &e) : -1, &e);
    b->trial = calloc(1, sizeof *b->trial);
    if (!b->trial)
        abort();
    must(trial_setup(b->trial, &b->config, true, &e), &e);
    struct trial *t = b->trial;
    struct rng r = rng_stream(1, "bench");
    for (size_t i = 0; i < t->data.length * t->pass.rows * t->data.features; i++)
        t->pass.batch.x[i] = (real)rng_uniform(&r);
    for (size_t i = 0; i < t->pass.rows; i++)
        t->pass.batch.label[i] = rng_below(&r, (uint32_t)t->data.outputs);
}

static void close_bench(struct bench *b)
{
    trial_close(b->trial);
    arena_finish(&b->arena);
}

static void step(struct bench *b)
{
    struct err e = { 0 };
    must(step_train(b->trial, true, &e), &e);
    b->trial->step++;
}

static void report_steps(const char *name, const char *yaml, int n_blocks)
{
    struct bench b;
    open_bench(&b, yaml);
    step(&b);
    counted = 0;
    step(&b);
    const double operations = 2 * counted;
    double from = seconds();
    step(&b);
    const int n = 1 + (int)(BLOCK_SECONDS / (seconds() - from));
    double blocks[BLOCKS];
    for (int i = 0; i < n_blocks; i++) {
        from = seconds();
        for (int j = 0; j < n; j++)
            step(&b);
        blocks[i] = 1e3 * (seconds() - from) / n;
    }
    printf("%s %.4g ms %.6g\n", name, median(blocks, (size_t)n_blocks), operations);
    fflush(stdout);
    close_bench(&b);
}

/* From reading the text to the end of the first step. */
static void report_start(const char *name, const char *yaml)
{
    double times[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        struct bench b;
        const double from = seconds();
        open_bench(&b, yaml);
        step(&b);
        times[i] = 1e3 * (seconds() - from);
        close_bench(&b);
    }
    printf("%s %.4g ms\n", name, median(times, BLOCKS));
}

static const struct {
    const char *name, *algorithm;
    int length, features, outputs, units, batch; /* length 0: the flat network, of which only the batch is read */
    const char *cell;                            /* NULL: rnn */
    const char *images;                          /* layers of a network of images, of which only the batch is read */
    const char *whole;                           /* all but batch and algorithm */
} steps[] = {
    { "order_60_bp", BP, ORDER(60) },
    { "order_60_tp", TP, ORDER(60) },
    { "order_60_tp_detached", TP_DETACHED, ORDER(60) },
    { "order_60_tp_difference", TP_DIFFERENCE, ORDER(60) },
    { "order_60_dtp", DTP, ORDER(60) },
    { "order_120_bp", BP, ORDER(120) },
    { "order_120_tp", TP, ORDER(120) },
    { "pixels_784_bp", BP, PIXELS(784) },
    { "pixels_784_tp", TP_MNIST, PIXELS(784) },
    { "pixels_3072_bp", BP, PIXELS(3072) },
    { "pixels_3072_tp", TP, PIXELS(3072) },
    { "gru_784_bp", BP, PIXELS(784), "gru" },
    { "gru_784_tp", TP_MNIST, PIXELS(784), "gru" },
    { "dense_5x256_bp", BP, 0, 784, 10, 10, 128 },
    { "dense_5x256_dfa", "dfa", 0, 784, 10, 10, 128 },
    { "dense_5x256_dtp", JOINT("dtp_pretrained", ""), 0, 784, 10, 10, 128 },
    { "dense_5x256_dtp_drl", JOINT("dtp_drl", ""), 0, 784, 10, 10, 128 },
    { "dense_5x256_ddtp_linear", JOINT("ddtp_linear", ""), 0, 784, 10, 10, 128 },
    { "dense_5x256_ddtp_control", JOINT("ddtp_control", ""), 0, 784, 10, 10, 128 },
    { "dense_5x256_ddtp_rhl", JOINT("ddtp_rhl", ""), 0, 784, 10, 10, 128 },
    { "w_sigma_3x128_bp", BP, 0, 784, 10, 10, 20, .whole = W_SIGMA },
    { "w_sigma_3x128_idtp", IDTP, 0, 784, 10, 10, 20, .whole = W_SIGMA },
    { "lenet_bp", BP, 0, 3072, 10, 10, 128, .images = LENET },
    { "lenet_tjml", "tjml", 0, 3072, 10, 10, 128, .images = LENET },
    { "lenet_ldrl", LDRL, 0, 3072, 10, 10, 128, .images = LENET },
    { "vgg_bp", BP, 0, 3072, 10, 10, 128, .images = VGG },
    { "vgg_tjml", "tjml", 0, 3072, 10, 10, 128, .images = VGG },
};

static const char *yaml_of(size_t i, char *yaml, size_t size)
{
    if (steps[i].whole)
        snprintf(yaml, size, steps[i].whole, steps[i].batch, steps[i].algorithm);
    else if (steps[i].images)
        snprintf(yaml, size, IMAGES, steps[i].images, steps[i].batch, steps[i].algorithm);
    else if (steps[i].length)
        snprintf(yaml, size, RNN, steps[i].length, steps[i].features, steps[i].outputs,
                 steps[i].cell ? steps[i].cell : "rnn", steps[i].units, steps[i].batch, steps[i].algorithm);
    else
        snprintf(yaml, size, DENSE, steps[i].batch, steps[i].algorithm);
    return yaml;
}

int main(int argc, char **argv)
{
    const bool says_yaml = argc > 2 && !strcmp(argv[1], "--yaml");
    const char *wanted = argc > 1 ? argv[1 + says_yaml] : "";
    const int n_blocks = argc > 2 && !says_yaml ? atoi(argv[2]) : BLOCKS;
    char yaml[2048];
    struct err e = { 0 };
    if (n_blocks < 1 || n_blocks > BLOCKS)
        return EXIT_FAILURE;
    for (size_t i = 0; i < sizeof steps / sizeof *steps && says_yaml; i++)
        if (!strcmp(steps[i].name, wanted))
            puts(yaml_of(i, yaml, sizeof yaml));
    if (says_yaml)
        return 0;
    must(blas_start(&e), &e);
    printf("# %s, %s\n", REAL_NAME, blas_kernel());
    printf("gemm_128x256x784 %.4g GFLOP/s\n", product_rate(n_blocks));
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (strstr(steps[i].name, wanted))
            report_steps(steps[i].name, yaml_of(i, yaml, sizeof yaml), n_blocks);
    if (strstr("start", wanted))
        report_start("start_order_60_tp", yaml_of(1, yaml, sizeof yaml));
    return 0;
}
