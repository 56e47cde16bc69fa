/* The kernel of a convolution: its parameter, and the linear map, its transpose and its gradient, by taps or by windows
 * as rows. */
#include "math/blas.h"
#include "net/conv.h"

enum { WEIGHT, BIAS };

/* Rows of a product that keep OpenBLAS busy, and the most images that are put together for them. */
enum { CHUNK_ROWS = 256, CHUNK_MOST = 4 };

/* Numbers of windows that are worth a thread's waking: each is multiplied by 8 and more. */
static const double part_work = 64 * 1024;

void conv_add_weight(struct unit *u, size_t out, size_t in, size_t kernel)
{
    const size_t shape[PARAM_MAX_RANK] = { out, in, kernel, kernel };
    layer_add_param(u, "weight", 4, out, in * kernel * kernel, false);
    struct param *weight = &u->params[u->n_params - 1];
    for (size_t i = 0; i < PARAM_MAX_RANK; i++)
        weight->shape[i] = shape[i];
    weight->fan_out = out * kernel * kernel;
}

static size_t at_most(size_t n, size_t most)
{
    return n < most ? n : most;
}

static int open_rows(struct unit *u, size_t images, struct arena *a, struct err *e)
{
    struct conv_state *s = u->state;
    const struct param *weight = &u->params[WEIGHT];
    const bool packs = s->window.kernel > 1 && weight->shape[1] > 1;
    s->w = unit_param(u, WEIGHT, u->weights);
    if (!s->direct)
        s->rows = mat_new(a, images * window_positions(&s->window), weight->cols).p;
    if (packs) {
        s->w = s->packed = mat_new(a, weight->rows, weight->cols);
        s->dw = mat_new(a, weight->rows, weight->cols);
    }
    if ((!s->direct && !s->rows) || (packs && (!s->packed.p || !s->dw.p)))
        return err_set(e, ERR_MEMORY, "not enough memory for a convolution of %zu x %zu windows a map",
                       s->window.height, s->window.width);
    return 0;
}

int conv_open_state(struct unit *u, size_t scratch_n, size_t rows, struct arena *a, struct err *e)
{
    struct conv_state *s = u->state;
    const size_t out = u->params[WEIGHT].rows, positions = window_positions(&s->window);
    s->by_taps = taps_fit(&s->window, out);
    s->chunk = s->by_taps ? 1 : at_most((CHUNK_ROWS + positions - 1) / positions, CHUNK_MOST);
    s->slots = s->by_taps && rows > 0 ? at_most(rows, TAPS_MOST_SLOTS) : 1;
    s->bias = u->n_params > BIAS ? u->weights + u->params[BIAS].offset : NULL;
    const size_t images = at_most(s->chunk, rows);
    s->scratch_n = images * scratch_n;
    s->scratch = arena_alloc(a, s->slots * s->scratch_n, sizeof(real));
    if (!s->scratch)
        return err_set(e, ERR_MEMORY, "not enough memory for a convolution's outputs");
    return s->by_taps ? taps_open(&s->taps, &s->window, out, rows, a, e) : open_rows(u, images, a, e);
}

/* [out, in, places] to [out, places, in], or to what taps read */
void conv_refresh(struct unit *u)
{
    struct conv_state *s = u->state;
    const size_t c = u->params[WEIGHT].shape[1], places = s->window.kernel * s->window.kernel;
    const struct mat weight = unit_param(u, WEIGHT, u->weights);
    if (s->by_taps)
        taps_refresh(&s->taps, weight);
    for (size_t o = 0; s->packed.p && o < weight.rows; o++)
        mat_transpose(mat_of(weight.p + o * weight.cols, c, places), mat_of(s->packed.p + o * weight.cols, places, c));
}

/* The outputs of images [from, from + n), a position by row. */
static struct mat positions(const struct conv_state *s, struct mat signal, size_t from, size_t n)
{
    const size_t rows = window_positions(&s->window);
    return mat_of(signal.p + from * signal.cols, n * rows, signal.cols / rows);
}

/* The windows of images [from, from + n), as rows: for the present chunk only. */
static struct mat windows(const struct conv_state *s, struct mat maps, size_t from, size_t n)
{
    const size_t rows = n * window_positions(&s->window);
    real *const p = maps.p + from * maps.cols;
    if (!s->direct)
        window_gather(&s->window, n, p, s->rows);
    return mat_of(s->direct ? p : s->rows, rows, window_n(&s->window));
}

void conv_run(const struct conv_state *s, size_t images, team_part *part, void *work)
{
    const double each = (double)window_positions(&s->window) * (double)window_n(&s->window);
    const size_t least = (size_t)(part_work / each) + 1;
    team_run(images, team_parts(images, least, s->slots), s->chunk, part, work);
}

void conv_add(const struct conv_state *s, size_t slot, struct mat maps, size_t from, size_t n, struct mat out)
{
    if (s->by_taps)
        taps_add(&s->taps, slot, n, maps.p + from * maps.cols, out.p);
    else
        blas_gemm(false, true, 1, windows(s, maps, from, n), s->w, 1,
                  mat_of(out.p, n * window_positions(&s->window), s->w.rows));
}

void conv_add_back(const struct conv_state *s, size_t slot, struct mat signal, size_t from, size_t n, struct mat out)
{
    if (s->by_taps) {
        taps_add_back(&s->taps, slot, n, signal.p + from * signal.cols, out.p);
        return;
    }
    const struct mat rows = positions(s, signal, from, n);
    const struct mat to = mat_of(s->direct ? out.p : s->rows, rows.rows, s->w.cols);
    blas_gemm(false, false, 1, rows, s->w, s->direct ? 1 : 0, to);
    if (!s->direct)
        window_scatter(&s->window, n, to.p, out.p);
}

/* [out, places, in] is added to [out, in, places]. */
static void unpack_gradient(const struct unit *u, struct mat to)
{
    const struct conv_state *s = u->state;
    const size_t c = u->params[WEIGHT].shape[1], places = s->window.kernel * s->window.kernel;
    for (size_t o = 0; o < to.rows; o++)
        for (size_t j = 0; j < c; j++)
            for (size_t k = 0; k < places; k++)
                to.p[(o * c + j) * places + k] += s->dw.p[(o * places + k) * c + j];
}

struct application {
    const struct conv_state *s;
    conv_product *product;
    struct mat in, out;
};

static void apply_some(void *work, size_t slot, size_t from, size_t to)
{
    const struct application *x = work;
    for (size_t i = from, n; i < to; i += n) {
        n = conv_chunk(x->s, i, to);
        const struct mat out = mat_rows(x->out, i, n);
        mat_zero(out);
        x->product(x->s, slot, x->in, i, n, out);
    }
}

void conv_apply(const struct conv_state *s, conv_product *product, struct mat in, struct mat out)
{
    conv_run(s, in.rows, apply_some, &(struct application){ s, product, in, out });
}

void conv_add_gradient(const struct unit *u, struct mat maps, struct mat signal, real scale, real *g)
{
    const struct conv_state *s = u->state;
    const struct mat into = unit_param(u, WEIGHT, g), to = s->dw.p ? s->dw : into;
    if (s->by_taps) {
        taps_add_gradient(&s->taps, maps.rows, maps.p, signal.p, scale, into);
        return;
    }
    if (s->dw.p)
        mat_zero(s->dw);
    for (size_t i = 0, n; i < maps.rows; i += n) {
        n = at_most(maps.rows - i, s->chunk);
        blas_gemm(true, false, scale, positions(s, signal, i, n), windows(s, maps, i, n), 1, to);
    }
    if (s->dw.p)
        unpack_gradient(u, into);
}
