/* Which trials a metric is defined for: `fits` of metrics, asked while the file is read. */
#include "trial/measures.h"

#include "credit/inverse_steps.h"
#include "net/inverse.h"
#include <stdio.h>
#include <string.h>

/* The first layer that recurs and the first that is no dense one; n_units if there is none. */
static size_t first_recurrent(const struct chain *c)
{
    size_t i = 0;
    while (i < c->n_units && !unit_is_recurrent(&c->units[i]))
        i++;
    return i;
}

static size_t first_other(const struct chain *c)
{
    size_t i = 0;
    while (i < c->n_units && strcmp(c->units[i].def->part.name, "dense") == 0)
        i++;
    return i;
}

static int refuse_layer(const struct measure_def *m, const struct measured *on, const char *networks, size_t layer,
                        struct err *e)
{
    return err_at(e, on->where, "log.metrics: '%s' is defined for %s; network.layers.%zu is '%s'", m->part.name,
                  networks, layer, on->chain->units[layer].def->part.name);
}

/* For what goes up or down one link after the other. */
static int fits_chain(const struct measure_def *m, const struct measured *on, struct err *e)
{
    if (!on->chain || !on->chain->branching)
        return 0;
    return err_at(e, on->where,
                  "log.metrics: '%s' is defined for networks where each layer reads the one below it alone; "
                  "network.layers.%zu.from says otherwise",
                  m->part.name, on->chain->branching->index);
}

/* Jacobians are products through what every layer sends. */
static int fits_transmissions(const struct measure_def *m, const struct measured *on, struct err *e)
{
    int code = 0;
    for (size_t k = 0; on->credit && k + 1 < on->chain->n_units; k++)
        if (!transmit_passes_gradient(on->chain->units[k].transmit))
            code = err_about(e, "log.metrics", "'%s' needs gradients through what network.layers.%zu sends",
                             m->part.name, k);
    return code;
}

static int fits_without_steps(const struct measure_def *m, const struct measured *on, struct err *e)
{
    if (!on->chain)
        return 0;
    const size_t layer = first_recurrent(on->chain);
    if (layer < on->chain->n_units)
        TRY(refuse_layer(m, on, "feed-forward networks", layer, e));
    return fits_transmissions(m, on, e);
}

/* Whether a layer from `first` on normalises over the minibatch. */
static bool couples_samples(const struct measured *on, size_t first)
{
    bool couples = false;
    for (size_t i = first; on->chain && i < on->chain->n_units; i++)
        couples |= on->chain->units[i].min_rows > 1;
    return couples;
}

static int refuse_coupled(const struct measure_def *m, const struct measured *on, struct err *e)
{
    return err_at(e, on->where,
                  "log.metrics: '%s' takes a Jacobian for each sample, and samples that are normalised over their "
                  "minibatch depend on each other",
                  m->part.name);
}

/* Of Jacobians of the output at states, which layers below `first` have no part in. */
static int fits_jacobians(const struct measure_def *m, const struct measured *on, size_t first, struct err *e)
{
    TRY(fits_without_steps(m, on, e));
    TRY(fits_chain(m, on, e));
    return couples_samples(on, first) ? refuse_coupled(m, on, e) : 0;
}

int fits_gauss_newton_targets(const struct measure_def *m, const struct measured *on, struct err *e)
{
    return fits_jacobians(m, on, 0, e); /* 'pinv' asks all layers */
}

int fits_output_jacobians(const struct measure_def *m, const struct measured *on, struct err *e)
{
    return fits_jacobians(m, on, 1, e);
}

int fits_dense(const struct measure_def *m, const struct measured *on, struct err *e)
{
    int code = 0;
    if (!on->chain)
        return 0;
    const size_t layer = first_other(on->chain);
    if (layer < on->chain->n_units)
        TRY(refuse_layer(m, on, "networks of dense layers", layer, e));
    for (size_t k = 0; on->credit && k < on->chain->n_units; k++)
        if (on->chain->units[k].tied)
            code = err_about(e, "log.metrics",
                             "'%s' is defined for layers with weights of their own; network.layers.%zu is tied",
                             m->part.name, k);
    TRY(code);
    TRY(fits_transmissions(m, on, e));
    return fits_chain(m, on, e);
}

int fits_update(const struct measure_def *m, const struct measured *on, struct err *e)
{
    if (update_options_of(on->config->algorithm.update)->order == ORDER_SIMULTANEOUS)
        return 0;
    return err_at(
        e, on->where,
        "log.metrics: '%s' is taken of all layers at one moment; it needs algorithm.update.order: simultaneous",
        m->part.name);
}

int fits_dense_update(const struct measure_def *m, const struct measured *on, struct err *e)
{
    TRY(fits_update(m, on, e));
    return fits_dense(m, on, e);
}

/* On route chain, and feed-forward. */
static int fits_layers(const struct measure_def *m, const struct measured *on, struct err *e)
{
    TRY(fits_without_steps(m, on, e));
    if (!on->credit || on->credit->choice.route == ROUTE_CHAIN)
        return 0;
    return err_at(e, on->where, "log.metrics: '%s' compares each layer with its feedback; it needs route: chain",
                  m->part.name);
}

int fits_feedback(const struct measure_def *m, const struct measured *on, struct err *e)
{
    TRY(fits_layers(m, on, e));
    TRY(fits_chain(m, on, e));
    if (!on->credit || on->credit->n_feedback > 0)
        return 0;
    return err_at(e, on->where, "log.metrics: '%s' is about feedback weights; mapping '%s' has none", m->part.name,
                  on->config->algorithm.mapping.part->name);
}

int fits_targets(const struct measure_def *m, const struct measured *on, struct err *e)
{
    char who[96];
    TRY(fits_layers(m, on, e));
    snprintf(who, sizeof who, "log.metrics: '%s'", m->part.name);
    return on->credit ? inverse_fits(on->credit, who, e) : 0;
}

int fits_values(const struct measure_def *m, const struct measured *on, struct err *e)
{
    const struct part *propagate = on->config->algorithm.propagate.part;
    TRY(fits_layers(m, on, e));
    if (propagate->needs & GIVES_APPLY)
        return 0;
    return err_at(e, on->where,
                  "log.metrics: '%s' is about what the mapping makes of a state, and propagate '%s' asks for its "
                  "derivative alone",
                  m->part.name, propagate->name);
}

int fits_iterated(const struct measure_def *m, const struct measured *on, struct err *e)
{
    const struct chosen propagate = on->config->algorithm.propagate;
    if (propagate_def_of(propagate)->iterates)
        return 0;
    return err_at(e, on->where, "log.metrics: '%s' is about propagate rules that iterate; '%s' does not", m->part.name,
                  propagate.part->name);
}

int fits_influence(const struct measure_def *m, const struct measured *on, struct err *e)
{
    const struct chosen update = on->config->algorithm.update;
    if (update_def_of(update)->weighs)
        return 0;
    return err_at(
        e, on->where,
        "log.metrics: '%s' is about update rules with a factor for each sample (unit, influence, equal); '%s' "
        "has none",
        m->part.name, update.part->name);
}

int fits_match(const struct measure_def *m, const struct measured *on, struct err *e)
{
    TRY(fits_layers(m, on, e));
    TRY(fits_chain(m, on, e));
    const bool couples = couples_samples(on, 0) || (on->credit && credit_min_rows(on->credit) > 1);
    return couples ? refuse_coupled(m, on, e) : 0;
}

int fits_inverse(const struct measure_def *m, const struct measured *on, struct err *e)
{
    const char *mapping = on->config->algorithm.mapping.part->name;
    if (strcmp(mapping, "inverse") == 0)
        return 0;
    return err_at(e, on->where, "log.metrics: '%s' is about the mapping 'inverse'; this one is '%s'", m->part.name,
                  mapping);
}

/* Whether the inverse clamps what the unit gives, where its metric looks, or nothing. Of several layers each clamps its
 * own, a gru its gates. */
static bool clamps_states(const struct unit *u)
{
    while (u->n_inner == 1)
        u = &u->inner[0];
    return u->def->inverse->exact || (u->n_inner == 0 && u->act.def);
}

int fits_clamp(const struct measure_def *m, const struct measured *on, struct err *e)
{
    char text[96];
    TRY(fits_inverse(m, on, e));
    for (size_t k = 1; on->credit && k < on->credit->n; k++) {
        const struct unit *u = &on->chain->units[on->chain->unit_of[k]];
        if (!clamps_states(u))
            return err_at(e, on->where,
                          "log.metrics: '%s' counts states that the inverse clamps, and in network.layers.%zu (%s) it "
                          "clamps other values",
                          m->part.name, u->index, unit_text(u, text, sizeof text));
    }
    return 0;
}

int fits_recurrence(const struct measure_def *m, const struct measured *on, struct err *e)
{
    TRY(fits_inverse(m, on, e));
    const struct inverse_options *o = on->config->algorithm.mapping.opts;
    if (o->matrix == INVERT_TWO_EYE_MINUS_W)
        return err_at(e, on->where,
                      "log.metrics: '%s' is about propagate 'linear', for which algorithm.mapping.matrix: "
                      "two_eye_minus_w is not defined",
                      m->part.name);
    if (!on->chain)
        return 0;
    const struct unit *first = &on->chain->units[0];
    if (unit_is_recurrent(first) && (unit_abilities(first) & CAN_SLOPE) && on->chain->per_step == 1 &&
        (size_t)on->config->algorithm.head + 1 == on->chain->n_units)
        return 0;
    return err_at(e, on->where,
                  "log.metrics: '%s' is defined for one rnn under a head (algorithm.head: %zu), with one loss at the "
                  "end of the sequence; network.layers.0 is '%s'",
                  m->part.name, on->chain->n_units - 1, first->def->part.name);
}
