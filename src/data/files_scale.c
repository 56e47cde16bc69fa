/* Scaling of inputs by what the training set shows: of each feature (an image: of each channel) by itself. */
#include "data/files_set.h"

#include <math.h>

struct range {
    double least, most, mean, squares; /* squares: of the distances from the mean, summed */
    uint64_t n;
};

/* Welford's update: one pass, and no difference of large sums. */
static void add(struct range *r, double x)
{
    const double off = x - r->mean;
    r->least = r->n == 0 || x < r->least ? x : r->least;
    r->most = r->n == 0 || x > r->most ? x : r->most;
    r->n++;
    r->mean += off / (double)r->n;
    r->squares += off * (x - r->mean);
}

/* Which feature number i of a sample belongs to. */
static size_t feature_of(const struct data_shape *s, size_t i)
{
    return s->image.n ? i / (s->image.height * s->image.width) : i % s->features;
}

/* A feature that never changes becomes 0. */
static void scale_of(const struct range *r, int scaling, double *shift, double *factor)
{
    const double width = scaling == FILES_UNIT ? r->most - r->least : sqrt(r->squares / (double)r->n);
    *shift = scaling == FILES_UNIT ? r->least : r->mean;
    *factor = width > 0 ? 1 / width : 1;
}

static int measure(struct files_scale *scale, const struct files_set *set, int scaling, const uint32_t *places,
                   size_t n, struct arena *a, struct err *e)
{
    const struct data_shape *s = &set->shape;
    const struct array *x = &set->part[FILES_TRAIN].inputs;
    const size_t per_row = array_per_row(x), features = s->image.n ? s->image.channels : s->features;
    struct range *ranges = arena_alloc(a, features, sizeof *ranges);
    double *row = arena_alloc(a, per_row, sizeof *row);
    if (!ranges || !row)
        return err_set(e, ERR_MEMORY, "dataset: no memory for the scaling of %zu numbers", per_row);
    for (size_t k = 0; k < n; k++) {
        array_read(x, (places ? places[k] : k) * per_row, per_row, row);
        for (size_t i = 0; i < per_row; i++)
            add(&ranges[feature_of(s, i)], row[i]);
    }
    for (size_t i = 0; i < per_row; i++) {
        scale_of(&ranges[feature_of(s, i)], scaling, &scale->shift[i], &scale->factor[i]);
        if (!isfinite(scale->shift[i]) || !isfinite(scale->factor[i]))
            return err_set(e, ERR_FORMAT, "%s: numbers of column %zu are too far apart, or too near, to be scaled",
                           x->path, i);
    }
    return 0;
}

int files_scale_open(struct files_scale *scale, const struct files_set *set, int scaling, const uint32_t *places,
                     size_t n, struct arena *a, struct err *e)
{
    const struct array *x = &set->part[FILES_TRAIN].inputs;
    const size_t per_row = array_per_row(x);
    *scale = (struct files_scale){ 0 };
    if (scaling == FILES_UNSCALED)
        return 0;
    scale->shift = arena_alloc(a, per_row, sizeof *scale->shift);
    scale->factor = arena_alloc(a, per_row, sizeof *scale->factor);
    if (!scale->shift || !scale->factor)
        return err_set(e, ERR_MEMORY, "dataset: no memory for the scaling of %zu numbers", per_row);
    if (scaling == FILES_STANDARD || x->type != NUMBER_U1)
        return measure(scale, set, scaling, places, n, a, e);
    for (size_t i = 0; i < per_row; i++)
        scale->factor[i] = 1 / 255.0; /* bytes have a range of their own */
    return 0;
}
