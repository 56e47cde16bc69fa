#include "report/filters.h"

#include "base/png.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 11, PER_ROW = 10, TILES = 100 };

/* One filter, its mean removed. */
static void read_filter(const struct tensor *t, size_t row, size_t n, double *w)
{
    double mean = 0;
    for (size_t i = 0; i < n; i++)
        mean += (w[i] = tensor_get(t, row * n + i));
    mean /= (double)n;
    for (size_t i = 0; i < n; i++)
        w[i] -= mean;
}

static double sum_squares(const double *w, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += w[i] * w[i];
    return sum;
}

static double smoothness(const double *w, size_t side, double energy)
{
    double sum = 0;
    for (size_t i = 0; i + side < side * side; i++)
        sum += w[i] * w[i + side];
    return sum / energy;
}

static double localisation(const double *w, size_t side, double energy)
{
    const size_t window = side < WINDOW ? side : WINDOW;
    double largest = 0;
    for (size_t top = 0; top + window <= side; top++)
        for (size_t left = 0; left + window <= side; left++) {
            double sum = 0;
            for (size_t i = 0; i < window; i++)
                sum += sum_squares(w + (top + i) * side + left, window);
            largest = sum > largest ? sum : largest;
        }
    return largest / energy;
}

static double kurtosis(const double *w, size_t n, double energy)
{
    double fourth = 0;
    for (size_t i = 0; i < n; i++)
        fourth += w[i] * w[i] * w[i] * w[i];
    return fourth * (double)n / (energy * energy);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
    return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

/* A filter without contrast is grey. */
static void draw_tile(const double *w, size_t side, uint8_t *at, size_t width)
{
    double largest = 0;
    for (size_t i = 0; i < side * side; i++)
        largest = fmax(largest, fabs(w[i]));
    for (size_t i = 0; i < side * side; i++) {
        const double value = largest > 0 ? w[i] / largest : 0;
        at[i / side * width + i % side] = (uint8_t)lround(127.5 * (value + 1));
    }
}

static int check_shape(const struct tensor *t, struct filter_figures *f, struct err *e)
{
    char shape[128];
    tensor_shape_text(t, shape, sizeof shape);
    if (t->rank != 2 || t->n == 0 || t->dtype == DTYPE_I64)
        return err_set(e, ERR_USAGE, "%s %s is no matrix of weights", t->name, shape);
    f->n = t->shape[0];
    f->side = (size_t)lround(sqrt((double)t->shape[1]));
    if (f->side < 2 || f->side * f->side != t->shape[1])
        return err_set(e, ERR_USAGE, "%s %s: %zu inputs are no square image of one channel", t->name, shape,
                       t->shape[1]);
    for (size_t i = 0; i < t->n; i++)
        if (!isfinite(tensor_get(t, i)))
            return err_set(e, ERR_USAGE, "%s: not all weights are finite", t->name);
    return 0;
}

int filters_draw(const struct tensor *weight, struct text *png, struct filter_figures *figures, struct err *e)
{
    *figures = (struct filter_figures){ 0 };
    TRY(check_shape(weight, figures, e));
    const size_t n = figures->n, side = figures->side, tiles = n < TILES ? n : TILES;
    const size_t columns = tiles < PER_ROW ? tiles : PER_ROW, lines = (tiles + PER_ROW - 1) / PER_ROW;
    const size_t width = columns * (side + 1) - 1, height = lines * (side + 1) - 1;
    double *w = malloc(side * side * sizeof *w), *values = malloc(3 * n * sizeof *values);
    uint8_t *pixels = calloc(width, height);
    int code =
        w && values && pixels ? 0 : err_set(e, ERR_MEMORY, "not enough memory for a picture of %zu filters", tiles);
    for (size_t k = 0; code == 0 && k < n; k++) {
        read_filter(weight, k, side * side, w);
        const double energy = sum_squares(w, side * side);
        values[k] = energy > 0 ? smoothness(w, side, energy) : 0;
        values[n + k] = energy > 0 ? localisation(w, side, energy) : 0;
        values[2 * n + k] = energy > 0 ? kurtosis(w, side * side, energy) : 0;
        if (k < tiles)
            draw_tile(w, side, pixels + k / PER_ROW * (side + 1) * width + k % PER_ROW * (side + 1), width);
    }
    if (code == 0) {
        figures->smoothness = median(values, n);
        figures->localisation = median(values + n, n);
        figures->kurtosis = median(values + 2 * n, n);
        code = png_grey(png, pixels, width, height, e);
    }
    free(w);
    free(values);
    free(pixels);
    return code;
}
