/* Learned feedback: the losses are what their formulas say (by plain loops), and their gradients are derivatives of
 * their values. */
#include "../check_main.h"
#include "fixture.h"

static const char *const nets[] = {
    "{layers: [dense: {units: 5, activation: tanh}, dense: {units: 6, activation: sigmoid}, dense: {units: 4}]}",
    "{length: 4, layers: [rnn: {units: 5}, dense: {units: 4}]}",
    "{layers: [dense: {units: 5, activation: tanh, bias: false}, dense: {units: 6, activation: linear}, dense: {units: "
    "4}]}",
    NULL,
};
static const char net_of_units[] =
    "{layers: [dense: {units: 5, activation: tanh}, unit: [dense: {units: 6, activation: sigmoid}, dense: {units: 4, "
    "activation: elu}, dense: {units: 5, activation: tanh}], dense: {units: 4}]}";

/* Whether a loss trains a mapping on this net. */
static bool trains(const struct part *loss, const char *net)
{
    const struct fbloss_def *def = (const struct fbloss_def *)loss;
    const bool flat = def->grads_of_all || def->source_noise || strcmp(loss->name, "reverse_target") == 0;
    return def->grads && strcmp(loss->name, "settle") != 0 && !(flat && strstr(net, "rnn")); /* check_bengio.c */
}

/* The pass and its targets; then the feedback losses, without moving the targets. */
static void refresh(struct rig *r)
{
    struct err e = { 0 };
    must(credit_refresh(&r->credit, &r->net.pass, &e), &e);
    must(credit_feedback(&r->credit, &r->net.pass, NULL, &e), &e);
}

/* One feedback unit after the other gives what the stacked form gives; a unit that is not asked gets nothing. */
START_TEST(stacked_is_one_by_one)
{
    static const char *const chains[] = { "{batch: 3, layers: [dense: {units: 5, activation: tanh}, dense: {units: 6, "
                                          "activation: elu}, dense: {units: 5, "
                                          "activation: tanh}, dense: {units: 4}]}",
                                          "{batch: 3, layers: [unit: [dense: {units: 5, activation: tanh}, dense: "
                                          "{units: 6, activation: elu}], unit: [dense: {units: 5, activation: tanh}, "
                                          "unit: [dense: {units: 3}, dense: {units: 5}]], dense: {units: 4}]}",
                                          "{length: 4, layers: [rnn: {units: 5}, dense: {units: 4}]}", NULL };
    static const char *const forms[] = {
        "{head: 1, feedback_loss: {name: %s, noise: 0.3, reduction: unit_mean}}",
        "{head: 0, route: direct, feedback_loss: {name: %s, noise: 0.3, weight_decay: 0.01}}",
        ("{head: 0, route: direct, mapping: {hidden_units: 7, append_state: true},"
         " feedback_loss: {name: %s, noise: 0.3}}")
    };
    size_t tried = 0;
    for (size_t net = 0; chains[net]; net++)
        for (size_t i = 0; i < fbloss_registry.n_parts; i++)
            for (size_t j = 0; fbloss_registry.parts[i]->options && j < sizeof forms / sizeof *forms; j++) {
                struct rig r;
                struct err e = { 0 };
                char own[256];
                snprintf(own, sizeof own, forms[j], fbloss_registry.parts[i]->name);
                const int code = rig_try(&r, chains[net], "dtp", own, &e);
                err_clear(&e);
                rig_close(&r);
                if (code < 0)
                    continue;
                tried++;
                rig_open(&r, chains[net], "dtp", own);
                rig_step(&r);
                refresh(&r);
                const size_t n = r.credit.n_feedback_vector, bytes = n * sizeof(real);
                real *all = arena_need(&r.net.arena, 2 * n, sizeof *all), *sum = all + n;
                bool asked[8] = { false };
                memcpy(all, r.credit.feedback_gradient, bytes);
                for (size_t k = 0; k < r.credit.n_feedback; k++) {
                    asked[k] = true;
                    must(credit_feedback(&r.credit, &r.net.pass, asked, &e), &e);
                    asked[k] = false;
                    mat_add(mat_of(sum, 1, n), mat_of(r.credit.feedback_gradient, 1, n), mat_of(sum, 1, n));
                }
                ck_assert_msg(relative_error(n, sum, all) < BOUND(1e-12, 1e-5), "%s on %s", own, chains[net]);
                rig_close(&r);
            }
    ck_assert_uint_ge(tried, 7);
}
END_TEST

/* A unit of one layer is that layer: its feedback gradients are the same bits. */
START_TEST(a_unit_of_one_layer)
{
    static const char chain[] = "{layers: [dense: {units: 5, activation: tanh}, %s{units: 6, activation: sigmoid}%s, "
                                "%s{units: 5, activation: elu}%s, dense: {units: 4}]}";
    static const char *const losses[] = { "reconstruction", "inversion", "difference_reconstruction" };
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        struct rig layers, units;
        char own[128], net[2][256];
        snprintf(own, sizeof own, "{head: 1, feedback_loss: {name: %s, noise: 0.3}, mapping: {activation: tanh}}",
                 losses[i]);
        snprintf(net[0], sizeof net[0], chain, "dense: ", "", "dense: ", "");
        snprintf(net[1], sizeof net[1], chain, "unit: [dense: ", "]", "unit: [dense: ", "]");
        rig_open(&layers, net[0], "dtp", own);
        rig_open(&units, net[1], "dtp", own);
        const size_t n = layers.credit.n_feedback_vector;
        ck_assert_uint_eq(units.credit.n_feedback_vector, n);
        memcpy(units.net.chain.weights, layers.net.chain.weights, layers.net.chain.n_vector * sizeof(real));
        memcpy(units.credit.feedback_weights, layers.credit.feedback_weights, n * sizeof(real));
        rig_step(&layers);
        rig_step(&units);
        refresh(&layers);
        refresh(&units);
        ck_assert_mem_eq(layers.credit.feedback_gradient, units.credit.feedback_gradient, n * sizeof(real));
        ck_assert(mat_sum_squares(mat_of(units.credit.feedback_gradient, 1, n)) > 0);
        rig_close(&layers);
        rig_close(&units);
    }
}
END_TEST

static void by_differences(const char *net, const char *own)
{
    struct rig r;
    rig_open(&r, net, "dtp", own);
    rig_step(&r);
    refresh(&r);
    const double eps = BOUND(1e-5, 1e-2);
    for (size_t i = 0; i < r.credit.n_feedback; i++) {
        struct feedback *f = &r.credit.feedback[i];
        const size_t n = unit_n_weights(&f->unit);
        struct mat got = mat_new(&r.net.arena, 1, n), fd = mat_new(&r.net.arena, 1, n);
        refresh(&r);
        for (size_t j = 0; j < n; j++)
            got.p[j] = *layer_entry(&f->unit, r.credit.feedback_gradient, j);
        for (size_t j = 0; j < n; j++) {
            real *w = layer_entry(&f->unit, r.credit.feedback_weights, j);
            const real kept = *w;
            double value[2];
            for (int side = 0; side < 2; side++) {
                *w = (real)(kept + (side ? -eps : eps));
                refresh(&r);
                value[side] = f->loss;
            }
            *w = kept;
            fd.p[j] = (real)((value[0] - value[1]) / (2 * eps));
        }
        const double error = mat_relative_error(got, fd);
        ck_assert_msg(error < BOUND(1e-7, 1e-2), "%s, %s, feedback %zu: relative error %.3g", net, own, i, error);
    }
    rig_close(&r);
}

/* Feedback of a layer that feeds several, each way with a unit of its own, and past one that reads several. */
START_TEST(derivatives_of_branches)
{
    static const char *const branches[] = {
        "{layers: [dense: {units: 5, activation: tanh}, dense: {units: 3, activation: tanh}, {dense: {units: 6, "
        "activation: sigmoid}, from: [0]}, {dense: {units: 4}, from: [2, 0, 1], join: concat}]}",
        "{layers: [dense: {units: 5, activation: tanh}, dense: {units: 5, activation: sigmoid}, {dense: {units: 5, "
        "activation: tanh}, from: [0, 1]}, {dense: {units: 4}, from: [0, 2, 1]}]}",
        "{form: w_sigma, layers: [dense: {units: 5, activation: tanh}, dense: {units: 3, activation: tanh}, {dense: "
        "{units: 6, activation: sigmoid}, from: [0]}, {dense: {units: 4, activation: tanh}, from: [2, 1], join: "
        "concat}]}",
        "{image: [2, 4, 4], features: 32, layers: [conv: {channels: 3, kernel: 3, padding: 1, activation: tanh}, "
        "conv: {channels: 2, kernel: 3, padding: 1, activation: tanh}, {conv: {channels: 3, kernel: 1, activation: "
        "sigmoid}, from: [1, 0], join: concat}, dense: {units: 4}]}",
    };
    static const char *const losses[] = { "reconstruction", "inversion", "reverse_target" };
    for (size_t i = 0; i < sizeof branches / sizeof *branches; i++)
        for (size_t j = 0; j < sizeof losses / sizeof *losses; j++) {
            char own[128];
            snprintf(own, sizeof own, "{head: 0, feedback_loss: {name: %s, noise: 0.2, scale: 1.7}}", losses[j]);
            by_differences(branches[i], own);
        }
}
END_TEST

static void derivatives_on(const char *net)
{
    static const char *const forms[] = {
        "{feedback_loss: {name: %s, noise: 0.2, scale: 1.7}}",
        "{feedback_loss: {name: %s, noise: 0.3, reduction: unit_mean, noise_scaling: inverse_variance}, "
        "mapping: {activation: tanh, bias: false}}",
        "{feedback_loss: {name: %s, noise: 0.3}, mapping: {activation: tanh}, head: 0, route: direct}",
        "{feedback_loss: {name: %s, noise: 0.3}, mapping: {activation: tanh, hidden_units: 7}, head: 0, route: direct}",
        "{feedback_loss: {name: %s, noise: 0.3}, mapping: {hidden_units: 7, append_state: true}, head: 0, "
        "route: direct}",
    };
    for (size_t i = 0; i < fbloss_registry.n_parts; i++) {
        const struct fbloss_def *def = (const struct fbloss_def *)fbloss_registry.parts[i];
        for (size_t k = 0; k < sizeof forms / sizeof *forms && trains(&def->part, net); k++) {
            const bool direct = strstr(forms[k], "direct");
            char own[256];
            if (direct && (def->at_targets || def->source_noise || strstr(net, "rnn")))
                continue;
            snprintf(own, sizeof own, forms[k], def->part.name);
            by_differences(net, own);
        }
    }
}

START_TEST(gradients_are_derivatives_of_the_losses)
{
    for (size_t j = 0; nets[j]; j++)
        derivatives_on(nets[j]);
    derivatives_on(net_of_units);
}
END_TEST

/* ---- plain loops: a = act(in W^T + b [+ side U^T]) ---- */

static struct mat round_half(struct rig *r, struct act act, struct mat in, struct mat w, const real *bias,
                             struct mat side, struct mat u)
{
    const struct mat out = mat_new(&r->net.arena, in.rows, w.rows);
    for (size_t i = 0; i < in.rows; i++)
        for (size_t j = 0; j < w.rows; j++) {
            double sum = bias ? (double)bias[j] : 0;
            for (size_t k = 0; k < w.cols; k++)
                sum += (double)w.p[j * w.cols + k] * (double)in.p[i * in.cols + k];
            for (size_t k = 0; u.p && k < u.cols; k++)
                sum += (double)u.p[j * u.cols + k] * (double)side.p[i * side.cols + k];
            out.p[i * w.rows + j] = (real)sum;
        }
    act_apply(act, out, out);
    return out;
}

/* f of the layer that feedback f leads back through. Its parameters are, in this order, [weight_ih,] weight, bias. */
static struct mat forward(struct rig *r, const struct feedback *f, struct mat in)
{
    const struct unit *l = &r->net.chain.units[f->through];
    const bool recurrent = l->n_side > 0;
    const size_t bias = recurrent ? 2 : 1;
    real *w = r->net.chain.weights;
    return round_half(r, l->act, in, unit_param(l, bias - 1, w), l->n_params > bias ? unit_param(l, bias, w).p : NULL,
                      r->net.pass.stacks[f->through].side, recurrent ? unit_param(l, 0, w) : (struct mat){ 0 });
}

/* g: shares the recurrent layer's side input (Roulet's learned reverse layer: a(V h + c + U x)). */
static struct mat backward(struct rig *r, const struct feedback *f, struct mat in)
{
    const struct unit *l = &f->unit, *through = &r->net.chain.units[f->through];
    real *w = r->credit.feedback_weights;
    return round_half(r, l->act, in, unit_param(l, 0, w), l->n_params > 1 ? unit_param(l, 1, w).p : NULL,
                      r->net.pass.stacks[f->through].side,
                      through->n_side ? unit_param(through, 0, r->net.chain.weights) : (struct mat){ 0 });
}

static struct mat noisy(struct rig *r, const struct feedback *f, struct mat a, double noise)
{
    const struct mat out = rig_scaled(r, 1, a);
    mat_axpy((real)noise, rig_draws(&r->credit, "noise.feedback.%zu", f->target), out);
    return out;
}

static void compare_loss(const char *net, const char *loss, double got, double rows, struct mat a, struct mat b)
{
    mat_sub(a, b, a);
    const double expected = 1.7 / rows * mat_sum_squares(a);
    ck_assert_msg(fabs(got - expected) <= BOUND(1e-12, 1e-5) * expected, "%s, %s: %.17g instead of %.17g", net, loss,
                  got, expected);
}

/* (1/B) sum |g(f(h + n)) - (h + n)|^2 over all links, times the scale. */
START_TEST(reconstruction_by_plain_loops)
{
    for (size_t i = 0; nets[i]; i++) {
        struct rig r;
        rig_open(&r, nets[i], "dtp", "{feedback_loss: {name: reconstruction, noise: 0.2, scale: 1.7}}");
        rig_step(&r);
        refresh(&r);
        for (size_t j = 0; j < r.credit.n_feedback; j++) {
            const struct feedback *f = &r.credit.feedback[j];
            const struct mat h = noisy(&r, f, r.net.pass.stacks[f->through].in, 0.2);
            compare_loss(nets[i], "reconstruction", f->loss, 3, backward(&r, f, forward(&r, f, h)), h);
        }
        rig_close(&r);
    }
}
END_TEST

/* (1/B) sum |f(g(t + n)) - (t + n)|^2 */
START_TEST(inversion_by_plain_loops)
{
    for (size_t i = 0; nets[i]; i++) {
        struct rig r;
        rig_open(&r, nets[i], "dtp", "{feedback_loss: {name: inversion, noise: 0.2, scale: 1.7}}");
        rig_step(&r);
        refresh(&r);
        for (size_t j = 0; j < r.credit.n_feedback; j++) {
            const struct feedback *f = &r.credit.feedback[j];
            const struct mat target = rig_scaled(&r, 1, r.net.pass.stacks[f->through].out);
            mat_axpy(1, r.credit.d_stack[f->through], target);
            const struct mat t = noisy(&r, f, target, 0.2);
            compare_loss(nets[i], "inversion", f->loss, 3, forward(&r, f, backward(&r, f, t)), t);
        }
        rig_close(&r);
    }
}
END_TEST

/* Targets by plain loops: g(t) for plain, h + g(t) - g(h) for difference. Links of a recurrent layer share one g. */
START_TEST(learned_targets_by_plain_loops)
{
    for (size_t i = 0; nets[i]; i++)
        for (int difference = 0; difference < 2; difference++) {
            struct rig r;
            rig_open(&r, nets[i], difference ? "dtp" : "tp_vanilla", "{target_stepsize: 0.9}");
            rig_step(&r);
            const size_t b = r.net.pass.rows;
            for (size_t k = 0; k + 1 < r.credit.n; k++) {
                const struct feedback *f = credit_feedback_of(&r.credit, k);
                const struct at *above = &r.net.pass.links[k + 1];
                const struct unit *through = &r.net.chain.units[f->through];
                const struct mat v = unit_param(&f->unit, 0, r.credit.feedback_weights);
                const real *c = f->unit.n_params > 1 ? unit_param(&f->unit, 1, r.credit.feedback_weights).p : NULL;
                const struct mat u = through->n_side ? unit_param(through, 0, r.net.chain.weights) : (struct mat){ 0 };
                struct mat t = mat_new(&r.net.arena, b, above->out.cols);
                mat_add(above->out, r.credit.d[k + 1], t);
                struct mat d = round_half(&r, f->unit.act, t, v, c, above->side, u);
                mat_sub(d,
                        difference ? round_half(&r, f->unit.act, above->out, v, c, above->side, u)
                                   : r.net.pass.links[k].out,
                        d);
                check_near(nets[i], r.credit.d[k], d, BOUND(1e-12, 1e-4));
            }
            rig_close(&r);
        }
}
END_TEST

/* What a feedback unit behind the fixed random layer reads at the output v: k(v) = a(R v + r), with the targeted state
 * of the same sample beside. */
static struct mat behind_hidden(struct rig *r, const struct feedback *f, struct mat v, bool append)
{
    const struct unit *hidden = r->credit.untrained;
    real *w = r->credit.feedback_weights;
    const struct mat k = round_half(r, hidden->act, v, unit_param(hidden, 0, w), unit_param(hidden, 1, w).p,
                                    (struct mat){ 0 }, (struct mat){ 0 });
    const struct mat h = r->net.pass.stacks[f->target].out;
    const struct mat in = mat_new(&r->net.arena, v.rows, k.cols + (append ? h.cols : 0));
    for (size_t i = 0; i < v.rows; i++)
        for (size_t j = 0; j < in.cols; j++)
            in.p[i * in.cols + j] = j < k.cols ? k.p[i * k.cols + j] : h.p[i * h.cols + j - k.cols];
    return round_half(r, f->unit.act, in, unit_param(&f->unit, 0, w), unit_param(&f->unit, 1, w).p, (struct mat){ 0 },
                      (struct mat){ 0 });
}

/* The targets of the units that read it: g(t) for plain, h + g(t) - g(h) for difference, in plain loops over samples of
 * their own. */
START_TEST(targets_behind_the_fixed_layer_by_plain_loops)
{
    static const char net[] = "{batch: 3, layers: [dense: {units: 5, activation: tanh}, dense: {units: 6, activation: "
                              "tanh}, dense: {units: 5, "
                              "activation: sigmoid}, dense: {units: 4}]}";
    for (int difference = 0; difference < 2; difference++)
        for (int append = 0; append < 2; append++) {
            char own[192];
            struct rig r;
            size_t n = 0;
            snprintf(own, sizeof own,
                     "{target_stepsize: 0.9, head: 0, route: direct, mapping: {hidden_units: 7, append_state: %s}}",
                     append ? "true" : "false");
            rig_open(&r, net, difference ? "dtp" : "tp_vanilla", own);
            rig_step(&r);
            const struct mat v = r.net.pass.links[r.credit.n - 1].out, t = rig_scaled(&r, 1, v);
            mat_add(v, r.credit.d[r.credit.n - 1], t);
            for (size_t k = 0; k + 1 < r.credit.n; k++) {
                const struct feedback *f = credit_feedback_of(&r.credit, k);
                if (!f->by) /* the last hidden layer's reads v */
                    continue;
                const struct mat d = behind_hidden(&r, f, t, append);
                mat_sub(d, difference ? behind_hidden(&r, f, v, append) : r.net.pass.links[k].out, d);
                check_near(own, r.credit.d[k], d, BOUND(1e-12, 1e-4));
                n++;
            }
            ck_assert_uint_eq(n, 2);
            rig_close(&r);
        }
}
END_TEST

/* Sum of squares of a feedback unit's bias; -1 if it has none. */
static double bias_of(const struct rig *r, const struct unit *u)
{
    for (size_t j = 0; j < u->n_params; j++)
        if (u->params[j].is_bias)
            return mat_sum_squares(unit_param(u, j, r->credit.feedback_weights));
    return -1;
}

/* A feedback unit has a bias if the mapping gives biases and the layer whose target it yields has one; the fixed random
 * layer always has. */
START_TEST(who_has_a_bias)
{
    static const char *const flat[] = { "{layers: [dense: {units: 5, bias: false}, dense: {units: 6}, dense: {units: "
                                        "5, bias: false}, dense: {units: 4}]}",
                                        "{layers: [dense: {units: 5}, dense: {units: 6, bias: false}, dense: {units: "
                                        "5}, dense: {units: 4, bias: false}]}" };
    static const char *const forms[] = { "{head: 0}", "{head: 0, mapping: {bias: false}}",
                                         "{head: 0, mapping: {biases_init: zeros}}", "{head: 0, route: direct}",
                                         "{head: 0, route: direct, mapping: {hidden_units: 7, biases_init: zeros}}" };
    for (size_t net = 0; net < 2; net++)
        for (size_t form = 0; form < 5; form++) {
            struct rig r;
            rig_open(&r, flat[net], "dtp", forms[form]);
            ck_assert_uint_eq(r.credit.n_feedback, 3);
            for (size_t i = 0; i < 3; i++) {
                const double bias = bias_of(&r, &r.credit.feedback[i].unit);
                if (form == 1 || i % 2 == net)
                    ck_assert_double_eq(bias, -1);
                else if (strstr(forms[form], "biases_init"))
                    ck_assert_double_eq(bias, 0);
                else
                    ck_assert_double_gt(bias, 0);
            }
            if (r.credit.untrained)
                ck_assert_double_gt(bias_of(&r, r.credit.untrained), 0);
            ck_assert(!r.credit.untrained == (form < 4));
            rig_close(&r);
        }
    for (int with = 0; with < 2; with++) {
        struct rig r;
        rig_open(&r,
                 with ? "{length: 4, layers: [rnn: {units: 5}, dense: {units: 4}]}"
                      : "{length: 4, layers: [rnn: {units: 5, bias: false}, dense: {units: 4}]}",
                 "dtp", "{head: 1}");
        ck_assert_int_eq(bias_of(&r, &r.credit.feedback[0].unit) > 0, with);
        rig_close(&r);
    }
}
END_TEST

/* The gradients of two steps are not added up, and a loss reads nothing of the update rule. */
START_TEST(a_second_call_is_the_same)
{
    for (size_t i = 0; i < fbloss_registry.n_parts; i++)
        for (size_t j = 0; nets[j]; j++) {
            if (!trains(fbloss_registry.parts[i], nets[j]))
                continue;
            char own[160];
            struct rig r;
            snprintf(own, sizeof own, "{feedback_loss: {name: %s, noise: 0.2}}", fbloss_registry.parts[i]->name);
            rig_open(&r, nets[j], "dtp", own);
            rig_step(&r);
            refresh(&r);
            const size_t n = r.credit.n_feedback_vector;
            real *first = arena_need(&r.net.arena, n, sizeof *first);
            memcpy(first, r.credit.feedback_gradient, n * sizeof *first);
            const struct mat updates = rig_all_updates(&r);
            rig_step(&r);
            refresh(&r);
            ck_assert_msg(memcmp(first, r.credit.feedback_gradient, n * sizeof *first) == 0, "%s on %s", own, nets[j]);
            check_near(own, rig_all_updates(&r), updates, 0);
            rig_close(&r);
        }
}
END_TEST

/* Meulemans 2020, Theorem 4: for direct linear feedback and small noise the difference reconstruction loss with weight
 * decay is least at V = J^T (J J^T + lambda I)^-1, J = dh_out/dh of the layer, lambda = weight_decay n / 2 under the
 * mean over n units. One sample; the draws are
 * +-sqrt(n) e_k, whose covariance is the identity without a Monte-Carlo error, so the gradient averaged over them must
 * vanish there. */
START_TEST(theorem_4)
{
    static const char net[] = "{batch: 1, layers: [dense: {units: 5, activation: tanh}, dense: {units: 6, activation: "
                              "tanh}, dense: {units: 4}]}";
    const double noise = BOUND(1e-3, 1e-2), decay = 0.05;
    char own[160];
    struct rig r;
    snprintf(own, sizeof own, "{feedback_loss: {name: difference_reconstruction, noise: %g, weight_decay: %g}}", noise,
             decay);
    rig_open(&r, net, "ddtp_linear", own);
    rig_step(&r);
    struct arena *a = &r.net.arena;
    for (size_t i = 0; i < r.credit.n_feedback; i++) {
        struct feedback *f = &r.credit.feedback[i];
        const size_t n = f->unit.out.n, n_top = f->unit.in.n;
        const double lambda = decay * (double)n / 2;
        /* J^T, row by row: the displacement of the output when one unit moves, by the layers' own derivative */
        struct mat jt = mat_new(a, n, n_top), best = unit_param(&f->unit, 0, r.credit.feedback_weights);
        for (size_t k = 0; k < n; k++) {
            struct mat v = mat_new(a, 1, n);
            v.p[k] = 1;
            for (size_t l = i + 1; l < r.net.chain.n_units; l++) {
                const struct unit *up = &r.net.chain.units[l];
                struct mat next = mat_new(a, 1, up->out.n);
                up->def->jvp(up, r.net.pass.links[l], v, next);
                v = next;
            }
            memcpy(jt.p + k * n_top, v.p, n_top * sizeof *v.p);
        }
        /* (J J^T + lambda I) V^T = J by Gauss elimination: symmetric and positive definite */
        double m[4][4 + 6];
        for (size_t p = 0; p < n_top; p++) {
            for (size_t q = 0; q < n_top; q++) {
                m[p][q] = p == q ? lambda : 0;
                for (size_t k = 0; k < n; k++)
                    m[p][q] += (double)jt.p[k * n_top + p] * (double)jt.p[k * n_top + q];
            }
            for (size_t k = 0; k < n; k++)
                m[p][n_top + k] = (double)jt.p[k * n_top + p];
        }
        for (size_t p = 0; p < n_top; p++)
            for (size_t q = 0; q < n_top; q++)
                for (size_t k = n_top + n; q != p && k-- > p;)
                    m[q][k] -= m[q][p] / m[p][p] * m[p][k];
        double at_best = 0, at_zero = 0;
        for (int zero = 0; zero < 2; zero++) {
            struct mat sum = mat_new(a, n, n_top);
            for (size_t k = 0; k < n; k++)
                for (size_t p = 0; p < n_top; p++)
                    best.p[k * n_top + p] = zero ? 0 : (real)(m[p][n_top + k] / m[p][p]);
            for (size_t draw = 0; draw < 2 * n; draw++) {
                const struct mat unit = rig_draws(&r.credit, "noise.feedback.%zu", f->target);
                mat_zero(unit);
                unit.p[draw / 2] = (real)((draw % 2 ? -1 : 1) * sqrt((double)n));
                refresh(&r);
                mat_add(sum, unit_param(&f->unit, 0, r.credit.feedback_gradient), sum);
            }
            *(zero ? &at_zero : &at_best) = sqrt(mat_sum_squares(sum));
        }
        ck_assert_msg(at_best < BOUND(1e-5, 1e-3) * at_zero, "layer %zu: gradient %.3g at the minimum, %.3g at V = 0",
                      i, at_best, at_zero);
    }
    rig_close(&r);
}
END_TEST

/* With weights that are each other's inverses nothing is left to reconstruct, and every method's update is 2 eta times
 * the gradient. */
START_TEST(exact_inverses_leave_no_loss)
{
    static const char net[] =
        "{features: 4, outputs: 4, labels: real, weights: orthogonal, biases: zeros, loss: {name: squared_error},"
        " layers: [dense: {units: 4}, dense: {units: 4}, dense: {units: 4}]}";
    static const char *const methods[] = { "tp_vanilla", "dtp_pretrained", "dtp_drl", "ddtp_linear", NULL };
    struct rig bp;
    rig_open(&bp, net, "bp", "{}");
    rig_step(&bp);
    for (size_t i = 0; methods[i]; i++) {
        struct rig r;
        rig_open(&r, net, methods[i],
                 "{target_stepsize: 0.3, head: 0, target: {name: gradient, gradient: per_sample}, mapping: {name: "
                 "learned, activation: linear},"
                 " feedback_loss: {noise: 0.1}}");
        rig_step(&r);
        for (size_t j = 0; j < r.credit.n_feedback;
             j++) { /* V = W^T, or the product of the transposes down from the output */
            struct feedback *f = &r.credit.feedback[j];
            struct mat v = unit_param(&r.net.chain.units[j + 1], 0, r.net.chain.weights),
                       t = mat_new(&r.net.arena, 4, 4);
            for (size_t k = j + 2; r.credit.choice.route == ROUTE_DIRECT && k < 3; k++) {
                struct mat product = mat_new(&r.net.arena, 4, 4);
                blas_gemm(false, false, 1, unit_param(&r.net.chain.units[k], 0, r.net.chain.weights), v, 0, product);
                v = product;
            }
            mat_transpose(v, t);
            mat_copy(t, unit_param(&f->unit, 0, r.credit.feedback_weights));
        }
        rig_step(&r);
        refresh(&r);
        check_near(methods[i], rig_all_updates(&r), rig_scaled(&r, 2 * 0.3, rig_all_updates(&bp)), BOUND(1e-12, 1e-4));
        for (size_t j = 0; j < r.credit.n_feedback; j++)
            ck_assert_msg(r.credit.feedback[j].loss < BOUND(1e-25, 1e-9), "%s: feedback loss %g", methods[i],
                          r.credit.feedback[j].loss);
        rig_close(&r);
    }
    rig_close(&bp);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, derivatives_of_branches);
    tcase_add_test(t, stacked_is_one_by_one);
    tcase_add_test(t, a_unit_of_one_layer);
    tcase_add_test(t, theorem_4);
    tcase_add_test(t, exact_inverses_leave_no_loss);
    tcase_add_test(t, gradients_are_derivatives_of_the_losses);
    tcase_add_test(t, reconstruction_by_plain_loops);
    tcase_add_test(t, inversion_by_plain_loops);
    tcase_add_test(t, learned_targets_by_plain_loops);
    tcase_add_test(t, targets_behind_the_fixed_layer_by_plain_loops);
    tcase_add_test(t, who_has_a_bias);
    tcase_add_test(t, a_second_call_is_the_same);
}

CHECK_MAIN("feedback", add_tests)
