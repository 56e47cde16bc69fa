/* Difference target propagation, t_k = h_k + g_k(t_s) - g_k(h_s). Lee 2015, Eq. (18).
 * The last two terms cancel at t_s = h_s, so a poor g_k does not move a layer that already fits. */
#include "credit/credit.h"

#include "net/batch_norm.h"

struct difference_options {
    bool batch_norm;
};
static const struct option table[] = {
    { "batch_norm", OPT_BOOL, offsetof(struct difference_options, batch_norm), "false", .flags = OPTION_NULLABLE,
      .help = "normalise targets below the last one over the minibatch, channel by channel (Shibuya 2023)" },
    { 0 }
};

struct difference_state {
    double *sums; /* of batch_norm_displaced; NULL if targets stay as they are */
};

static bool normalises(const struct credit *c)
{
    return ((const struct difference_options *)c->choice.propagate.opts)->batch_norm;
}

static size_t min_rows(const struct credit *c)
{
    return normalises(c) ? BATCH_NORM_MIN_ROWS : 0;
}

static int open(struct credit *c, struct arena *a, struct err *e)
{
    struct difference_state *s = c->propagate_state;
    size_t channels = 0;
    for (size_t i = 0; i < c->chain->n_units; i++)
        channels = c->chain->units[i].out.channels > channels ? c->chain->units[i].out.channels : channels;
    if (normalises(c) && !(s->sums = arena_doubles(a, BATCH_NORM_SUMS * channels)))
        return err_set(e, ERR_MEMORY, "not enough memory for targets of %zu channels", channels);
    return 0;
}

static int back(struct credit *c, struct pass *p, size_t lo, struct err *e)
{
    const struct difference_state *s = c->propagate_state;
    for (size_t k = c->n - 1; k-- > lo;) {
        for (size_t w = c->first_way[k]; w < c->first_way[k + 1]; w++)
            TRY(mapping_of(c)->difference(c, p, credit_ref(c, p, w), w, credit_incoming(c, w), c->branch[w], e));
        ways_mix(c, k);
        if (s->sums)
            batch_norm_displaced(p->links[k].out, c->d[k], c->chain->units[c->chain->unit_of[k]].out.channels, s->sums);
        credit_add_own(c, k);
        if (c->choice.route == ROUTE_CHAIN && credit_vanished(c, k))
            return 0;
    }
    return 0;
}

extern const struct propagate_def propagate_difference;
const struct propagate_def propagate_difference = {
    .part = { .name = "difference",
              .help = "h + g(t) - g(h): the target less the reconstruction error",
              .ref = "Lee 2015, Eq. (18)",
              .options = table,
              .opts_size = sizeof(struct difference_options),
              .state_size = sizeof(struct difference_state),
              .needs = GIVES_APPLY,
              .gives = TAKES_BRANCHES },
    .min_rows = min_rows,
    .open = open,
    .back = back,
};
