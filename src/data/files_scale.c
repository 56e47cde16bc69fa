/* Scaling of inputs by what the training set shows: of each feature (an image: of each channel) by itself. */
#include "data/files_set.h"

#include <float.h>
#include <math.h>

struct range {
    double least, most, mean, squares; /* squares: of the distances from the mean, summed */
    double second, second_last;        /* the numbers beside least and most, others than these; infinite: none */
    uint64_t n;
    size_t least_row, most_row; /* of the file */
};

/* Welford's update: one pass, and no difference of large sums. */
static void add(struct range *r, double x, size_t row)
{
    const double off = x - r->mean;
    if (r->n == 0) {
        r->second = INFINITY;
        r->second_last = -INFINITY;
    }
    if (r->n == 0 || x < r->least) {
        r->second = r->n ? r->least : r->second;
        r->least = x;
        r->least_row = row;
    } else if (x > r->least && x < r->second) {
        r->second = x;
    }
    if (r->n == 0 || x > r->most) {
        r->second_last = r->n ? r->most : r->second_last;
        r->most = x;
        r->most_row = row;
    } else if (x < r->most && x > r->second_last) {
        r->second_last = x;
    }
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

/* Numbers from least to most differ, and once they are scaled, to numbers near 1, what they differ by is less than the
 * precision keeps beside 1. */
static bool become_one(double least, double most, double shift, double factor, bool single)
{
    const double low = 1 + (least - shift) * factor, high = 1 + (most - shift) * factor;
    return least < most && (single ? (float)low == (float)high : low == high);
}

/* A huge number at one end, or both, leaves nothing of the others. Below 1/epsilon they may be what rounding left of
 * zeros. */
static bool is_wiped_out(const struct range *r, double shift, double factor, bool single)
{
    return (r->most - r->least) * (single ? (double)FLT_EPSILON : DBL_EPSILON) > 1 &&
           (become_one(r->least, r->second_last, shift, factor, single) ||
            become_one(r->second, r->most, shift, factor, single) ||
            become_one(r->second, r->second_last, shift, factor, single));
}

static int measure(struct files_scale *scale, const struct files_set *set, int scaling, const uint32_t *places,
                   size_t n, double most, struct arena *a, struct err *e)
{
    const struct data_shape *s = &set->shape;
    const struct array *x = &set->part[FILES_TRAIN].inputs;
    const size_t per_row = array_per_row(x), features = s->image.n ? s->image.channels : s->features;
    struct range *ranges = arena_alloc(a, features, sizeof *ranges);
    double *row = arena_alloc(a, per_row, sizeof *row);
    if (!ranges || !row)
        return err_set(e, ERR_MEMORY, "dataset: no memory for the scaling of %zu numbers", per_row);
    for (size_t k = 0; k < n; k++) {
        const size_t place = places ? places[k] : k;
        array_read(x, place * per_row, per_row, row);
        for (size_t i = 0; i < per_row; i++)
            add(&ranges[feature_of(s, i)], row[i], place);
    }
    for (size_t i = 0; i < per_row; i++) {
        const struct range *r = &ranges[feature_of(s, i)];
        scale_of(r, scaling, &scale->shift[i], &scale->factor[i]);
        if (!isfinite(scale->shift[i]) || !isfinite(scale->factor[i]) || scale->factor[i] == 0 ||
            is_wiped_out(r, scale->shift[i], scale->factor[i], most <= (double)FLT_MAX))
            return err_set(e, ERR_FORMAT,
                           "%s: column %zu (counted from 0): its numbers are too far apart, or too near, to be scaled: "
                           "from %g in row %zu to %g in row %zu",
                           x->path, i, r->least, r->least_row, r->most, r->most_row);
    }
    return 0;
}

int files_scale_open(struct files_scale *scale, const struct files_set *set, int scaling, const uint32_t *places,
                     size_t n, double most, struct arena *a, struct err *e)
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
        return measure(scale, set, scaling, places, n, most, a, e);
    for (size_t i = 0; i < per_row; i++)
        scale->factor[i] = 1 / 255.0; /* bytes have a range of their own */
    return 0;
}

/* The numbers of one array, scaled where scale is not NULL. row: room for a sample's. */
static int check_array(const struct array *x, const struct files_scale *scale, double most, double *row, struct err *e)
{
    const size_t per_row = array_per_row(x);
    for (size_t k = 0; k < x->dim[0]; k++) {
        array_read(x, k * per_row, per_row, row);
        for (size_t i = 0; i < per_row; i++) {
            const double value = scale ? (row[i] - scale->shift[i]) * scale->factor[i] : row[i];
            if (!(fabs(value) <= most))
                return err_set(e, ERR_FORMAT,
                               "%s: row %zu, column %zu (counted from 0) is %g%s: beyond the numbers of this "
                               "precision, which end at %.2g",
                               x->path, k, i, row[i], scale ? ", and scaled" : "", most);
        }
    }
    return 0;
}

int files_scale_check(const struct files_scale *scale, const struct files_set *set, double most, struct arena *a,
                      struct err *e)
{
    const struct array *first = &set->part[FILES_TRAIN].inputs, *targets = &set->part[FILES_TRAIN].labels;
    const size_t n = array_per_row(first), m = array_per_row(targets);
    double *row = arena_alloc(a, n > m ? n : m, sizeof *row);
    if (!row)
        return err_set(e, ERR_MEMORY, "dataset: no memory for a sample of %zu numbers", n > m ? n : m);
    for (size_t i = 0; i < N_FILES; i++) {
        const struct files_part *p = &set->part[i];
        if (p->inputs.rank == 0)
            continue;
        if (number_is_real(p->inputs.type) && (scale->factor || p->inputs.type == NUMBER_F8))
            TRY(check_array(&p->inputs, scale->factor ? scale : NULL, most, row, e));
        if (!set->shape.classes && p->labels.type == NUMBER_F8)
            TRY(check_array(&p->labels, NULL, most, row, e));
    }
    return 0;
}
