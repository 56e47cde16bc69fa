/* A small network with an algorithm on it, from two lines of YAML. Random numbers as in net/fixture.h. */
#ifndef TPRUN_TESTS_CREDIT_FIXTURE_H
#define TPRUN_TESTS_CREDIT_FIXTURE_H

#include "../net/fixture.h"
#include "credit/credit.h"
#include <stdio.h>

/* What `algorithm` holds in a file, without the training of feedback weights. */
struct algorithm {
    struct chosen target, mapping, feedback_loss, propagate, update;
    int route;
    int64_t head;
    double target_stepsize;
};

/* clang-format off */
static const struct option algorithm_table[] = {
    { "target", OPT_PART, offsetof(struct algorithm, target), "gradient", .registry = &target_registry, .help = "" },
    { "mapping", OPT_PART, offsetof(struct algorithm, mapping), "adjoint", .registry = &mapping_registry, .help = "" },
    { "feedback_loss", OPT_PART, offsetof(struct algorithm, feedback_loss), "none", .registry = &fbloss_registry, .help = "" },
    { "propagate", OPT_PART, offsetof(struct algorithm, propagate), "linear", .registry = &propagate_registry, .help = "" },
    { "update", OPT_PART, offsetof(struct algorithm, update), "gradient", .registry = &update_registry, .help = "" },
    { "route", OPT_ENUM, offsetof(struct algorithm, route), "chain", .names = route_names, .help = "" },
    { "head", OPT_INT, offsetof(struct algorithm, head), "0", 0, 100, .help = "" },
    { "target_stepsize", OPT_REAL, offsetof(struct algorithm, target_stepsize), "0.7", 0, 1e300, .help = "" },
    { 0 }
};
/* clang-format on */

struct rig {
    struct net net;
    struct algorithm algorithm;
    struct credit credit;
    real *g; /* update directions of all weights */
};

/* The parts of a preset with `own` laid over them. */
static inline struct node *algorithm_tree(const char *preset, const char *own, struct arena *a)
{
    struct err e = { 0 };
    const struct preset *p = presets;
    while (p->name && strcmp(p->name, preset) != 0)
        p++;
    ck_assert_msg(p->name != NULL, "no preset '%s'", preset);
    struct node *tree = tree_overlay(net_parse(p->parts, a), net_parse(own, a), a, &e);
    must(tree ? 0 : -1, &e);
    tree_remove(tree, "feedback"); /* training: of the trial */
    return tree;
}

/* Returns the code of credit_shape; only 0 gives a rig that may be used. */
static inline int rig_try(struct rig *r, const char *net, const char *preset, const char *own, struct err *e)
{
    *r = (struct rig){ 0 };
    net_open(&r->net, net);
    struct arena *a = &r->net.arena;
    must(bind_tree(algorithm_tree(preset, own, a), algorithm_table, &r->algorithm, "algorithm", a, e), e);
    const struct algorithm *o = &r->algorithm;
    const struct credit_choice choice = { o->target, o->mapping, o->feedback_loss, o->propagate,
                                          o->update, o->route,   (size_t)o->head,  o->target_stepsize };
    return credit_shape(&r->credit, &choice, &r->net.chain, a, e);
}

/* Whether parts fit a network; those that do not, here, are for feed-forward ones or for route direct. */
static inline bool rig_fits(const char *net, const char *preset, const char *own)
{
    struct rig r;
    struct err e = { 0 };
    const int code = rig_try(&r, net, preset, own, &e);
    ck_assert_msg(code == 0 || strstr(err_first(&e), "route 'direct'") ||
                      (strstr(err_first(&e), "feed-forward") && chain_is_recurrent(&r.net.chain)),
                  "%s: %s", own, err_first(&e));
    err_clear(&e);
    net_close(&r.net);
    return code == 0;
}

/* The random numbers of this name that a part has asked for; {NULL} if none has. */
static inline struct mat rig_draws(const struct credit *c, const char *name, size_t i)
{
    char whole[64];
    snprintf(whole, sizeof whole, name, i);
    for (size_t k = 0; k < c->n_draws; k++)
        if (strcmp(c->draws[k].name, whole) == 0)
            return c->draws[k].to;
    return (struct mat){ 0 };
}

/* Those of one feedback unit. */
static inline struct mat rig_noise(const struct credit *c, const struct feedback *f, const char *kind)
{
    char name[64];
    if (!f->unit.label)
        snprintf(name, sizeof name, "%s.%%zu", kind);
    else
        snprintf(name, sizeof name, "%s.%s", kind, f->unit.label);
    return rig_draws(c, name, f->target);
}

static inline void rig_open(struct rig *r, const char *net, const char *preset, const char *own)
{
    struct err e = { 0 };
    must(rig_try(r, net, preset, own, &e), &e);
    struct arena *a = &r->net.arena;
    const struct net_spec *s = &r->net.spec;
    must(credit_open(&r->credit, (size_t)s->batch, a, &e), &e);
    r->g = arena_need(a, r->net.chain.n_vector, sizeof *r->g);
    for (size_t i = 0; i < r->credit.n_feedback; i++) {
        struct feedback *f = &r->credit.feedback[i];
        must(chain_init_unit(&f->unit, "feedback", s->weights, s->biases, (uint64_t)s->seed, a, &e), &e);
        const struct mat noise = rig_noise(&r->credit, f, "noise.feedback");
        const struct mat source = rig_noise(&r->credit, f, "noise.feedback_source");
        if (noise.p)
            net_normal(&r->net.rng, 1, noise);
        if (source.p)
            net_normal(&r->net.rng, 1, source);
    }
    if (r->credit.untrained)
        must(chain_init_unit(credit_feedback_unit(&r->credit, r->credit.n_feedback), "feedback", s->weights, s->biases,
                             (uint64_t)s->seed, a, &e),
             &e);
}

static inline void rig_close(struct rig *r)
{
    net_close(&r->net);
}

/* Forward pass, targets and update directions at the present weights. */
static inline void rig_step(struct rig *r)
{
    struct err e = { 0 };
    struct pass *p = &r->net.pass;
    chain_refresh(&r->net.chain);
    chain_forward(p);
    must(credit_head(&r->credit, p, r->net.spec.loss, r->g, &e), &e);
    must(credit_refresh(&r->credit, p, &e), &e);
    must(credit_targets(&r->credit, p, &e), &e);
    must(credit_update(&r->credit, p, r->g, &e), &e);
}

/* One of the mapping's products at link k, on the pass's own applications. */
typedef int rig_product(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat in, struct mat out,
                        struct err *e);
static inline void rig_map(struct rig *r, rig_product *product, size_t k, struct mat in, struct mat out)
{
    struct err e = { 0 };
    must(product(&r->credit, &r->net.pass, &r->net.pass.links[k + 1], k, in, out, &e), &e);
}

/* The update directions of layers [from, to) as one vector without gaps, in the arena. */
static inline struct mat rig_updates(struct rig *r, size_t from, size_t to)
{
    size_t n = 0, at = 0;
    for (size_t i = from; i < to; i++)
        n += unit_n_weights(&r->net.chain.units[i]);
    const struct mat out = mat_new(&r->net.arena, 1, n);
    ck_assert_ptr_nonnull(out.p);
    for (size_t i = from; i < to; i++)
        for (size_t j = 0; j < unit_n_weights(&r->net.chain.units[i]); j++)
            out.p[at++] = *layer_entry(&r->net.chain.units[i], r->g, j);
    return out;
}
static inline struct mat rig_all_updates(struct rig *r)
{
    return rig_updates(r, 0, r->net.chain.n_units);
}

/* a * s, in the arena. */
static inline struct mat rig_scaled(struct rig *r, double s, struct mat a)
{
    const struct mat out = mat_new(&r->net.arena, a.rows, a.cols);
    mat_scale((real)s, a, out);
    return out;
}

static inline void check_near(const char *what, struct mat a, struct mat b, double bound)
{
    const double error = mat_relative_error(a, b);
    ck_assert_msg(error <= bound, "%s: relative error %.3g exceeds %.3g", what, error, bound);
}

#endif
