#include "net/loss.h"

#include <assert.h>
#include <math.h>

struct cross_entropy_options {
    int64_t outputs;
};
static const struct option cross_entropy_table[] = {
    { "outputs", OPT_INT, offsetof(struct cross_entropy_options, outputs), "0", 0, 1e7, .flags = OPTION_NULLABLE,
      .help = "the first so many outputs of the network are the classes, and the others have gradient 0; 0: all are" },
    { 0 }
};

/* Classes among so many outputs: all, or the first ones that the loss is about. */
static size_t classes_of(const struct cross_entropy_options *o, size_t outputs)
{
    return o && o->outputs ? (size_t)o->outputs : outputs;
}

int loss_shape(struct chosen loss, struct data_shape *data, struct err *e)
{
    const size_t n = loss_def_of(loss)->classes ? classes_of(loss.opts, 0) : 0;
    if (n == 0)
        return 0;
    if (!data->classes || n != data->outputs)
        return err_about(e, "loss.outputs", "%zu, but the dataset has %zu %s", n, data->outputs,
                         data->classes ? "classes" : "real targets");
    data->more_outputs = true;
    return 0;
}

/* -(1/B) sum_b log softmax(out_b)[label_b], by log-sum-exp; gradient (softmax - onehot) / B. */
static double cross_entropy_value(const void *opts, struct mat out, const struct batch *b, struct mat gradient)
{
    const size_t n = classes_of(opts, out.cols);
    const double scale = 1.0 / (double)out.rows;
    double sum = 0;
    for (size_t i = 0; i < out.rows; i++) {
        const real *o = out.p + i * out.cols;
        assert((size_t)b->label[i] < n); /* who reads labels has refused others */
        double top = o[0];
        for (size_t j = 1; j < n; j++)
            top = o[j] > top ? o[j] : top;
        double z = 0;
        for (size_t j = 0; j < n; j++)
            z += exp(o[j] - top);
        sum += (top - o[b->label[i]]) + log(z);
        if (!gradient.p)
            continue;
        real *g = gradient.p + i * out.cols;
        for (size_t j = 0; j < n; j++)
            g[j] = (real)(scale / z * exp(o[j] - top));
        for (size_t j = n; j < out.cols; j++)
            g[j] = 0;
        g[b->label[i]] -= (real)scale;
    }
    return sum * scale;
}

/* log(exp(a) + exp(b)) */
static double log_add(double a, double b)
{
    return a > b ? a + log1p(exp(b - a)) : b + log1p(exp(a - b));
}

/* In logarithms, where no probability is too small: p <- (n p + softmax(out)) / (n + 1). Outputs that are no classes
 * stay those of the first pass. */
static void cross_entropy_average(const void *opts, struct mat out, size_t n, struct mat mean)
{
    const size_t classes = classes_of(opts, out.cols);
    for (size_t i = 0; i < out.rows; i++) {
        const real *o = out.p + i * out.cols;
        real *m = mean.p + i * out.cols;
        double z = (double)o[0];
        for (size_t j = 1; j < classes; j++)
            z = log_add(z, (double)o[j]);
        for (size_t j = classes; j < out.cols && n == 0; j++)
            m[j] = o[j];
        for (size_t j = 0; j < classes; j++) {
            const double log_p = (double)o[j] - z;
            m[j] = (real)(n ? log_add((double)m[j] + log((double)n), log_p) - log((double)n + 1) : log_p);
        }
    }
}

enum { OUTPUTS_SUM, OUTPUTS_MEAN };
static const char *const outputs_names[] = { "sum", "mean", NULL };
struct squared_error_options {
    int outputs;
};
static const struct option squared_error_table[] = {
    { "outputs", OPT_ENUM, offsetof(struct squared_error_options, outputs), "sum", .names = outputs_names,
      .help = "sum or mean over the outputs of one sample; the batch is always averaged" },
    { 0 }
};

/* (1/B) sum_b sum_j (out - y)^2, over C where outputs: mean. */
static double squared_error_value(const void *opts, struct mat out, const struct batch *b, struct mat gradient)
{
    const struct squared_error_options *o = opts;
    const double scale = 1.0 / (double)(o->outputs == OUTPUTS_MEAN ? mat_n(out) : out.rows);
    double sum = 0;
    for (size_t i = 0; i < mat_n(out); i++) {
        const double d = (double)out.p[i] - (double)b->y.p[i];
        sum += d * d;
        if (gradient.p)
            gradient.p[i] = (real)(2 * scale * d);
    }
    return sum * scale;
}

static void squared_error_average(const void *opts, struct mat out, size_t n, struct mat mean)
{
    (void)opts;
    for (size_t i = 0; i < mat_n(out); i++)
        mean.p[i] = n ? mean.p[i] + (out.p[i] - mean.p[i]) / (real)(n + 1) : out.p[i];
}

static const struct loss_def loss_cross_entropy = {
    { .name = "cross_entropy",
      .help = "mean negative log likelihood of softmax(output); the softmax is part of it",
      .options = cross_entropy_table,
      .opts_size = sizeof(struct cross_entropy_options) },
    true,
    cross_entropy_value,
    cross_entropy_average
};
static const struct loss_def loss_squared_error = { { .name = "squared_error",
                                                      .help = "squared distance to the target, without a factor 1/2",
                                                      .options = squared_error_table,
                                                      .opts_size = sizeof(struct squared_error_options) },
                                                    false,
                                                    squared_error_value,
                                                    squared_error_average };

static const struct part *const loss_parts[] = { &loss_cross_entropy.part, &loss_squared_error.part };
const struct registry loss_registry = { "loss", loss_parts, sizeof loss_parts / sizeof *loss_parts };
