/* max_pool and avg_pool: the largest number or the mean of every window of a map, channel by channel.
 *
 * The position of the largest is kept, row * width + column of the map, as a number: the first one where several are
 * equal, in the order of rows, and never one in the padding. NaN counts as the largest. */
#include "net/mirror.h"
#include "net/rows.h"
#include "net/transpose.h"
#include "net/window.h"

#include <string.h>

enum { LARGEST_POSITION = 1 << 24 }; /* that single precision can hold */

struct pool_options {
    struct layer_options common; /* not in the table: no parameters */
    int64_t kernel, stride, padding;
    int duplicates;
};

/* Where several windows have their largest number at one pixel, feedback has several numbers for it. */
enum { DUPLICATES_LAST, DUPLICATES_SUM, DUPLICATES_SUM_AFTER };
static const char *const duplicates_names[] = { "last", "sum", "sum_after", NULL };

struct pool_state {
    struct window window;
};

#define FIELD(name) offsetof(struct pool_options, name)
/* clang-format off */
#define POOL_OPTIONS(padding_help)                                                                                     \
    { "kernel", OPT_INT, FIELD(kernel), NULL, 1, 1e4, OPTION_REQUIRED, "rows and columns of a window" },               \
    { "stride", OPT_INT, FIELD(stride), "0", 1, 1e4, OPTION_NULLABLE,                                                  \
      "pixels from one window to the next, both ways; null = the kernel's size" },                                     \
    { "padding", OPT_INT, FIELD(padding), "0", 0, 1e4, .help = padding_help }
/* clang-format on */

static const struct option max_table[] = {
    POOL_OPTIONS("on each side of the map; nothing in it is ever the largest"),
    { "duplicates", OPT_ENUM, FIELD(duplicates), "last", .names = duplicates_names,
      .help =
          "what feedback puts on a pixel that is the largest of several windows: the number of the last one, row by "
          "row, or their sum; sum_after: their sum after the feedback of the activation below in the same unit "
          "(mapping 'transpose')" },
    { 0 }
};
static const struct option avg_table[] = { POOL_OPTIONS("zeros on each side of the map, which count in the mean"),
                                           { 0 } };

static int place(struct window *w, const struct unit *u, struct shape in, struct err *e)
{
    const struct pool_options *o = u->opts;
    return window_place(w, u, in, o->kernel, o->stride ? o->stride : o->kernel, o->padding, e);
}

static int shape(struct unit *u, struct shape in, struct arena *a, struct err *e)
{
    (void)a;
    struct window w;
    TRY(place(&w, u, in, e));
    u->in = in;
    return window_output(&w, u, in.channels, &u->out, e);
}

static int max_shape(struct unit *u, struct shape in, struct arena *a, struct err *e)
{
    TRY(shape(u, in, a, e));
    u->n_cache[0] = u->out.n;
    if (in.height * in.width > LARGEST_POSITION)
        return err_at(e, u->where, "network.layers.%zu: 'max_pool' of maps of %zu x %zu; there may be 2^24 pixels",
                      u->index, in.height, in.width);
    return 0;
}

static int open(struct unit *u, size_t rows, struct arena *a, struct err *e)
{
    (void)rows, (void)a;
    struct pool_state *s = u->state;
    return place(&s->window, u, u->in, e);
}

static const struct window *window_of(const struct unit *u)
{
    return &((const struct pool_state *)u->state)->window;
}

/* ---- the largest ---- */

static void larger(size_t n, const real *restrict x, real position, real *restrict best, real *restrict from)
{
    for (size_t c = 0; c < n; c++) {
        const bool take = (x[c] > best[c]) | (x[c] != x[c]);
        best[c] = take ? x[c] : best[c];
        from[c] = take ? position : from[c];
    }
}

static void start(size_t n, const real *restrict x, real position, real *restrict best, real *restrict from)
{
    for (size_t c = 0; c < n; c++) {
        best[c] = x[c];
        from[c] = position;
    }
}

static void max_forward_rows(const struct unit *u, struct at at, struct mat none, struct mat none_either)
{
    (void)none, (void)none_either;
    const struct window *w = window_of(u);
    const size_t c = u->in.channels;
    real *out = at.out.p, *from = at.cache[0].p;
    for (const real *map = at.in.p; map < at.in.p + mat_n(at.in); map += u->in.n)
        for (size_t y = 0; y < w->height; y++)
            for (size_t x = 0; x < w->width; x++, out += c, from += c) {
                const struct span s = window_span(w, y, x);
                for (size_t i = s.y0; i < s.y1; i++)
                    for (size_t j = s.x0; j < s.x1; j++) {
                        const size_t position = i * u->in.width + j;
                        (i == s.y0 && j == s.x0 ? start : larger)(c, map + position * c, (real)position, out, from);
                    }
            }
}

static void max_forward(const struct unit *u, struct at at)
{
    rows_run(u, at, (struct mat){ 0 }, (struct mat){ 0 }, max_forward_rows);
}

/* The entry of the input that gave entry k of a sample's output. */
static size_t origin(const struct unit *u, const real *positions, size_t k)
{
    return (size_t)positions[k] * u->in.channels + k % u->in.channels;
}

static void max_vjp_rows(const struct unit *u, struct at at, struct mat s, struct mat dh)
{
    const size_t c = u->in.channels;
    mat_zero(dh);
    for (size_t row = 0; row < s.rows; row++) {
        const real *signal = s.p + row * s.cols, *from = at.cache[0].p + row * s.cols;
        real *to = dh.p + row * dh.cols;
        for (size_t k = 0; k < s.cols; k += c)
            for (size_t j = 0; j < c; j++)
                to[(size_t)from[k + j] * c + j] += signal[k + j];
    }
}

static void max_vjp(const struct unit *u, struct at at, struct mat s, struct mat dh)
{
    if (dh.p)
        rows_run(u, at, s, dh, max_vjp_rows);
}

static void max_jvp(const struct unit *u, struct at at, struct mat v, struct mat out)
{
    for (size_t row = 0; row < out.rows; row++)
        for (size_t k = 0; k < out.cols; k++)
            out.p[row * out.cols + k] = v.p[row * v.cols + origin(u, at.cache[0].p + row * out.cols, k)];
}

/* out becomes the larger one of itself and (h - that of the largest) + d. */
static void larger_moved(const struct unit *u, size_t pixel, const real *h, const real *positions, const real *d,
                         real *out)
{
    const size_t c = u->in.channels;
    for (size_t j = 0; j < c; j++) {
        const real moved = (h[pixel * c + j] - h[origin(u, positions, j)]) + d[pixel * c + j];
        out[j] = ((moved > out[j]) | (moved != moved)) ? moved : out[j];
    }
}

/* max (h + d) - max h = max ((h - max h) + d), where nothing cancels. */
static void max_difference_row(const struct unit *u, const real *h, const real *positions, const real *d, real *out)
{
    const struct window *w = window_of(u);
    const size_t c = u->in.channels;
    for (size_t y = 0; y < w->height; y++)
        for (size_t x = 0; x < w->width; x++, positions += c, out += c) {
            const struct span s = window_span(w, y, x);
            for (size_t j = 0; j < c; j++)
                out[j] = d[origin(u, positions, j)];
            for (size_t i = s.y0; i < s.y1; i++)
                for (size_t j = s.x0; j < s.x1; j++)
                    larger_moved(u, i * u->in.width + j, h, positions, d, out);
        }
}

static void max_difference_rows(const struct unit *u, struct at at, struct mat d, struct mat out)
{
    for (size_t row = 0; row < d.rows; row++)
        max_difference_row(u, at.in.p + row * at.in.cols, at.cache[0].p + row * out.cols, d.p + row * d.cols,
                           out.p + row * out.cols);
}

static void max_difference(const struct unit *u, struct at at, struct mat d, struct mat out)
{
    for (size_t row = 0, n = at.in.rows; row < d.rows; row += n)
        rows_run(u, at, mat_rows(d, row, n), mat_rows(out, row, n), max_difference_rows);
}

/* ---- its mirror: what is read goes to where the largest numbers were, the rest is 0 ---- */

struct unpool_state {
    size_t *last; /* of one sample, for each pixel and channel: the last window with its largest there */
};

static int unpool_open(struct unit *g, size_t rows, struct arena *a, struct err *e)
{
    (void)rows;
    struct unpool_state *s = g->state;
    s->last = arena_alloc(a, g->out.n, sizeof *s->last);
    return s->last ? 0 : err_set(e, ERR_MEMORY, "not enough memory for feedback layer %zu", g->index);
}

static size_t place_of(struct shape maps, const real *positions, size_t k)
{
    return (size_t)positions[k] * maps.channels + k % maps.channels;
}

static void scatter_last(struct shape maps, struct mat positions, struct mat d, struct mat out)
{
    mat_zero(out);
    for (size_t row = 0; row < d.rows; row++) {
        const real *from = positions.p + row % positions.rows * d.cols;
        for (size_t k = 0; k < d.cols; k++)
            out.p[row * out.cols + place_of(maps, from, k)] = d.p[row * d.cols + k];
    }
}

static void unpool(const struct unit *g, struct at at, struct mat d, struct mat out)
{
    scatter_last(g->out, mirrored(at).cache[0], d, out);
}

static void unpool_forward(const struct unit *g, struct at at)
{
    unpool(g, at, at.in, at.out);
}

static void unpool_vjp(const struct unit *g, struct at at, struct mat s, struct mat dh)
{
    size_t *last = ((const struct unpool_state *)g->state)->last;
    const struct mat positions = mirrored(at).cache[0];
    for (size_t row = 0; dh.p && row < s.rows; row++) {
        const real *from = positions.p + row * dh.cols;
        for (size_t k = 0; k < dh.cols; k++)
            last[place_of(g->out, from, k)] = k;
        for (size_t k = 0; k < dh.cols; k++) {
            const size_t place = place_of(g->out, from, k);
            dh.p[row * dh.cols + k] = last[place] == k ? s.p[row * s.cols + place] : 0;
        }
    }
}

static const struct unit_def net_unpool = {
    .part = { .name = "unpool",
              .help = "the mirror of a pool of the largest",
              .opts_size = sizeof(struct pool_options),
              .state_size = sizeof(struct unpool_state) },
    .open = unpool_open,
    .forward = unpool_forward,
    .vjp = unpool_vjp,
    .grads = layer_no_grads,
    .difference_grads = layer_no_difference_grads,
    .flops = layer_no_flops,
    .jvp = unpool,
    .difference = unpool,
};

static int max_mirror(const struct unit *u, struct unit *g, const struct mirror *m, struct arena *a, struct err *e)
{
    const int duplicates = ((const struct pool_options *)u->opts)->duplicates;
    if (duplicates == DUPLICATES_SUM_AFTER)
        return err_at(e, u->where,
                      "network.layers.%zu: duplicates 'sum_after' is for the mapping 'transpose'; feedback units sum "
                      "with 'sum'",
                      u->index);
    TRY(mirror_transpose(u, g, m, a, e));
    if (duplicates == DUPLICATES_LAST)
        g->def = &net_unpool;
    return 0;
}

/* ---- the analytic feedback ---- */

static void max_back_rows(const struct unit *u, struct at at, struct mat t, struct mat out)
{
    scatter_last(u->in, at.cache[0], t, out);
}

static void max_back(const struct unit *u, struct at at, struct mat t, struct mat out)
{
    if (((const struct pool_options *)u->opts)->duplicates != DUPLICATES_LAST)
        max_vjp(u, at, t, out);
    else if (t.rows == at.cache[0].rows)
        rows_run(u, at, t, out, max_back_rows);
    else
        max_back_rows(u, at, t, out);
}

static bool sums_after(const struct unit *u)
{
    return ((const struct pool_options *)u->opts)->duplicates == DUPLICATES_SUM_AFTER;
}

static const struct transpose_def max_transpose = { max_back, sums_after };

/* ---- the mean ---- */

static void mean(const struct unit *u, struct at at, struct mat in, struct mat out)
{
    (void)at;
    const struct window *w = window_of(u);
    const size_t c = u->in.channels;
    const real share = 1 / (real)(w->kernel * w->kernel);
    real *to = out.p;
    mat_zero(out);
    for (const real *map = in.p; map < in.p + mat_n(in); map += u->in.n)
        for (size_t y = 0; y < w->height; y++)
            for (size_t x = 0; x < w->width; x++, to += c) {
                const struct span s = window_span(w, y, x);
                for (size_t i = s.y0; i < s.y1; i++)
                    for (size_t j = s.x0; j < s.x1; j++)
                        for (size_t k = 0; k < c; k++)
                            to[k] += share * map[(i * u->in.width + j) * c + k];
            }
}

static void avg_forward(const struct unit *u, struct at at)
{
    rows_run(u, (struct at){ 0 }, at.in, at.out, mean);
}

static void avg_jvp(const struct unit *u, struct at at, struct mat v, struct mat out)
{
    rows_run(u, at, v, out, mean);
}

static void avg_vjp_rows(const struct unit *u, struct at at, struct mat signal, struct mat dh)
{
    (void)at;
    const struct window *w = window_of(u);
    const size_t c = u->in.channels;
    const real share = 1 / (real)(w->kernel * w->kernel), *from = signal.p;
    mat_zero(dh);
    for (real *map = dh.p; map < dh.p + mat_n(dh); map += u->in.n)
        for (size_t y = 0; y < w->height; y++)
            for (size_t x = 0; x < w->width; x++, from += c) {
                const struct span s = window_span(w, y, x);
                for (size_t i = s.y0; i < s.y1; i++)
                    for (size_t j = s.x0; j < s.x1; j++)
                        for (size_t k = 0; k < c; k++)
                            map[(i * u->in.width + j) * c + k] += share * from[k];
            }
}

static void avg_vjp(const struct unit *u, struct at at, struct mat signal, struct mat dh)
{
    (void)at;
    if (dh.p)
        rows_run(u, (struct at){ 0 }, signal, dh, avg_vjp_rows);
}

static const struct transpose_def avg_transpose = { .back = avg_vjp };

extern const struct unit_def layer_max_pool, layer_avg_pool;
const struct unit_def layer_max_pool = {
    .part = { .name = "max_pool",
              .help = "the largest number of every window of an image, channel by channel",
              .ref = "Bao 2024",
              .options = max_table,
              .opts_size = sizeof(struct pool_options),
              .state_size = sizeof(struct pool_state) },
    .shape = max_shape,
    .open = open,
    .forward = max_forward,
    .vjp = max_vjp,
    .grads = layer_no_grads,
    .difference_grads = layer_no_difference_grads,
    .flops = layer_no_flops,
    .jvp = max_jvp,
    .difference = max_difference,
    .mirror = max_mirror,
    .transpose = &max_transpose,
};
const struct unit_def layer_avg_pool = {
    .part = { .name = "avg_pool",
              .help = "the mean of every window of an image, channel by channel",
              .options = avg_table,
              .opts_size = sizeof(struct pool_options),
              .state_size = sizeof(struct pool_state) },
    .shape = shape,
    .open = open,
    .forward = avg_forward,
    .vjp = avg_vjp,
    .grads = layer_no_grads,
    .difference_grads = layer_no_difference_grads,
    .flops = layer_no_flops,
    .jvp = avg_jvp,
    .difference = avg_jvp,
    .mirror = mirror_transpose,
    .transpose = &avg_transpose,
};
