/* The damping search of Meulemans 2020: which damping makes the Gauss-Newton target update of each hidden layer most
 * like the update under test. The released code sweeps the list below after three epochs, with all weights frozen; here
 * every log does it on its own minibatch, and a mean over logs is a query. */
#include "trial/measures.h"

#include "credit/mapping_pinv.h"
#include <math.h>
#include <stdio.h>

static const double dampings[] = { 0, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10 };
enum { N_DAMPINGS = sizeof dampings / sizeof *dampings };

#define ANGLE(damping)                                                                                                 \
    {                                                                                                                  \
        .name = "angle_gnt_" damping, .goal = "min", .unit = "°", .split = "", .of_layers = true                       \
    }
const struct metric_facts gnt_search_emits[] = {
    /* as gnt_search_measure prints them */
    ANGLE("0"),     ANGLE("1e-05"), ANGLE("0.0001"),
    ANGLE("0.001"), ANGLE("0.01"),  ANGLE("0.1"),
    ANGLE("1"),     ANGLE("10"),    { .name = "angle_gnt_search", .unit = "", .split = "", .of_layers = true },
    { 0 },
};

struct gnt_search {
    real *gradient[N_DAMPINGS];
};

int gnt_search_open(struct trial *t, struct err *e)
{
    struct gnt_search *s = t->references->search = arena_alloc(&t->memory, 1, sizeof *s);
    for (size_t i = 0; s && i < N_DAMPINGS; i++) {
        s->gradient[i] = arena_alloc(&t->memory, t->chain.n_vector, sizeof(real));
        if (!s->gradient[i])
            s = NULL;
    }
    return s ? 0 : err_set(e, ERR_MEMORY, "not enough memory for the metric 'angle_gnt_search'");
}

int gnt_search_take(struct trial *t, struct err *e)
{
    struct reference *gnt = t->references->gnt;
    struct pinv_options *o = pinv_options_of(gnt->algorithm.mapping);
    const struct reals kept = o->damping;
    int code = 0;
    for (size_t i = 0; i < N_DAMPINGS && code == 0; i++) {
        o->damping = (struct reals){ 1, &dampings[i] };
        code = reference_take(t, gnt, t->references->search->gradient[i], e);
    }
    o->damping = kept;
    return code;
}

double gnt_search_flops(const struct trial *t)
{
    return N_DAMPINGS * reference_flops(t, t->references->gnt);
}

int gnt_search_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    if (!t->references->taken)
        return 0;
    for (size_t layer = 0; layer + 1 < t->chain.n_units; layer++) {
        double best = NAN, smallest = INFINITY;
        for (size_t i = 0; i < N_DAMPINGS; i++) {
            char name[32];
            double degrees;
            if (!angle_of_layer(t, layer, false, t->references->search->gradient[i], &degrees))
                continue; /* no direction, no angle */
            snprintf(name, sizeof name, "angle_gnt_%g", dampings[i]);
            TRY(sink->layer_metric(sink, name, t->step, (int64_t)layer, degrees, e));
            if (degrees < smallest) {
                smallest = degrees;
                best = dampings[i];
            }
        }
        if (!isnan(best))
            TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)layer, best, e));
    }
    return 0;
}
