/* glorot_normal: std = gain * sqrt(2 / (inputs + outputs)), the variance that keeps signals and gradients alike between
 * layers (Glorot & Bengio 2010, Eq. (12)). Meulemans 2020 draws all forward and feedback weights with gain 1, and its
 * toy teacher with gain 3. */
#include "net/init.h"

#include <math.h>

struct glorot_options {
    double gain;
};

static const struct option glorot_table[] = { { "gain", OPT_REAL, offsetof(struct glorot_options, gain), "1", 0, 1e12,
                                                .help = "multiplies the standard deviation" },
                                              { 0 } };

static int glorot_fill(const void *opts, struct rng *r, size_t fan_in, size_t fan_out, struct mat w,
                       struct arena *scratch, struct err *e)
{
    (void)scratch, (void)e;
    const struct glorot_options *o = opts;
    const double std = o->gain * sqrt(2.0 / (double)(fan_in + fan_out));
    for (size_t i = 0; i < mat_n(w); i++)
        w.p[i] = (real)(std * rng_normal(r));
    return 0;
}

extern const struct init_def init_glorot_normal;
const struct init_def init_glorot_normal = {
    { .name = "glorot_normal",
      .help = "normal with mean 0 and standard deviation gain * sqrt(2 / (inputs + outputs))",
      .ref = "Glorot & Bengio 2010, Eq. (12); Meulemans 2020, code",
      .options = glorot_table,
      .opts_size = sizeof(struct glorot_options) },
    glorot_fill
};
