/* flatten: a map's numbers channel by channel, as dense weights of other programs read them; in a map they lie pixel by
 * pixel. global_average_pool: the mean of every channel. */
#include "net/mirror.h"
#include "net/transpose.h"

static int open(struct unit *u, size_t rows, struct arena *a, struct err *e)
{
    (void)u, (void)rows, (void)a, (void)e;
    return 0;
}

static int flatten_shape(struct unit *u, struct shape in, struct arena *a, struct err *e)
{
    (void)a, (void)e;
    u->in = in;
    u->out = shape_flat(in.n);
    return 0;
}

/* Of every row a transposed matrix: [height * width][channels] becomes [channels][height * width], or back. */
static void turn(struct mat in, size_t rows, struct mat out)
{
    for (size_t i = 0; i < in.rows; i++)
        mat_transpose(mat_of(in.p + i * in.cols, rows, in.cols / rows),
                      mat_of(out.p + i * in.cols, in.cols / rows, rows));
}

static void flatten_forward(const struct unit *u, struct at at)
{
    turn(at.in, u->in.height * u->in.width, at.out);
}

static void flatten_vjp(const struct unit *u, struct at at, struct mat s, struct mat dh)
{
    (void)at;
    if (dh.p)
        turn(s, u->in.channels, dh);
}

static void flatten_jvp(const struct unit *u, struct at at, struct mat v, struct mat out)
{
    (void)at;
    turn(v, u->in.height * u->in.width, out);
}

static int average_shape(struct unit *u, struct shape in, struct arena *a, struct err *e)
{
    (void)a, (void)e;
    u->in = in;
    u->out = shape_flat(in.channels);
    return 0;
}

static void average(const struct unit *u, struct mat in, struct mat out)
{
    const size_t pixels = u->in.height * u->in.width, c = u->in.channels;
    mat_zero(out);
    for (size_t i = 0; i < in.rows; i++)
        mat_sum_rows(mat_of(in.p + i * in.cols, pixels, c), 1 / (real)pixels, out.p + i * c);
}

static void average_forward(const struct unit *u, struct at at)
{
    average(u, at.in, at.out);
}

static void average_vjp(const struct unit *u, struct at at, struct mat s, struct mat dh)
{
    (void)at;
    const size_t pixels = u->in.height * u->in.width, c = u->in.channels;
    for (size_t i = 0; dh.p && i < s.rows; i++) {
        const struct mat map = mat_of(dh.p + i * dh.cols, pixels, c);
        mat_set_rows(s.p + i * c, map);
        mat_scale(1 / (real)pixels, map, map);
    }
}

static void average_jvp(const struct unit *u, struct at at, struct mat v, struct mat out)
{
    (void)at;
    average(u, v, out);
}

static const struct transpose_def flatten_transpose = { .back = flatten_vjp };
static const struct transpose_def average_transpose = { .back = average_vjp };

extern const struct unit_def layer_flatten, layer_global_average_pool;
const struct unit_def layer_flatten = {
    .part = { .name = "flatten",
              .help = "the numbers of an image one after the other: channel by channel, row by row",
              .opts_size = sizeof(struct layer_options) },
    .shape = flatten_shape,
    .open = open,
    .forward = flatten_forward,
    .vjp = flatten_vjp,
    .grads = layer_no_grads,
    .difference_grads = layer_no_difference_grads,
    .flops = layer_no_flops,
    .jvp = flatten_jvp,
    .difference = flatten_jvp,
    .mirror = mirror_transpose,
    .transpose = &flatten_transpose,
};
const struct unit_def layer_global_average_pool = {
    .part = { .name = "global_average_pool",
              .help = "the mean of every channel of an image",
              .ref = "Bao 2024, Eq. (36)",
              .opts_size = sizeof(struct layer_options) },
    .shape = average_shape,
    .open = open,
    .forward = average_forward,
    .vjp = average_vjp,
    .grads = layer_no_grads,
    .difference_grads = layer_no_difference_grads,
    .flops = layer_no_flops,
    .jvp = average_jvp,
    .difference = average_jvp,
    .mirror = mirror_transpose,
    .transpose = &average_transpose,
};
