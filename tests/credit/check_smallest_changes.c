/* Bengio 2020, Sec. 3, 8: the smallest changes that reach targets, all layers at once, and in other coordinates (sheet,
 * V5, V6, V7). Double precision. */
#include "../check_main.h"
#include "bengio.h"

/* x with a x = b, for a small symmetric a that is used up. */
static void solve(size_t n, double *a, double *b)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++) {
            const double factor = a[j * n + i] / a[i * n + i];
            for (size_t k = i; k < n; k++)
                a[j * n + k] -= factor * a[i * n + k];
            b[j] -= factor * b[i];
        }
    for (size_t i = n; i-- > 0;) {
        for (size_t k = i + 1; k < n; k++)
            b[i] -= a[i * n + k] * b[k];
        b[i] /= a[i * n + i];
    }
}

/* V5: the closed form is J^T (J J^T)^-1 d, J with a row for every output of the layer. */
START_TEST(the_smallest_change_is_that_of_its_jacobian)
{
    static const char *const nets[] = {
        "{batch: 1, layers: [dense: {units: 6, activation: tanh}, dense: {units: 5, activation: sigmoid}, dense: "
        "{units: 4}]}",
        "{form: w_sigma, batch: 1, layers: [dense: {units: 6, activation: tanh, bias: false}, " LAYER(5) ", " LAYER(
            4) "]}",
    };
    for (size_t i = 0; i < 2; i++) {
        struct rig r;
        open_step(&r, nets[i], "dtp1", "{mapping: fixed, feedback_loss: none, target_stepsize: 0.3}");
        for (size_t l = 0; l < r.credit.n; l++) {
            const struct unit *u = &r.net.chain.units[l];
            const size_t n = u->out.n, m = unit_n_weights(u);
            const struct mat jacobian = net_matrix(&r.net, n, m), seed = net_matrix(&r.net, 1, n),
                             change = net_matrix(&r.net, 1, m);
            real *g = arena_need(&r.net.arena, r.net.chain.n_vector, sizeof *g);
            double squares[36], x[6];
            for (size_t a = 0; a < n; a++) {
                mat_zero(seed);
                mat_zero(mat_of(g, 1, r.net.chain.n_vector));
                seed.p[a] = 1;
                u->def->vjp(u, r.net.pass.stacks[l], seed, (struct mat){ 0 });
                u->def->grads(u, r.net.pass.stacks[l], 1, g);
                for (size_t j = 0; j < m; j++)
                    jacobian.p[a * m + j] = *layer_entry(u, g, j);
                x[a] = (double)r.credit.d[l].p[a];
            }
            for (size_t a = 0; a < n; a++)
                for (size_t b = 0; b < n; b++)
                    squares[a * n + b] = mat_dot(mat_rows(jacobian, a, 1), mat_rows(jacobian, b, 1));
            solve(n, squares, x);
            mat_zero(change);
            for (size_t a = 0; a < n; a++)
                mat_axpy((real)-x[a], mat_rows(jacobian, a, 1), change);
            check_near("smallest change", rig_updates(&r, l, l + 1), change, 1e-9);
        }
        rig_close(&r);
    }
}
END_TEST

/* Of one network: the cosine of the change of the output with the displacement wanted, what the gain is off from the
 * sum of the influences, and the loss from what the gain promises. */
struct outcome {
    double cosine, gain, loss, sum;
};

static struct outcome outcome_of(const char *rule, double beta, int seed)
{
    struct rig r;
    struct outcome o = { 0 };
    char net[512], own[192];
    snprintf(net, sizeof net, "{form: w_sigma, batch: 1, seed: %d, " CHAIN, seed);
    snprintf(own, sizeof own,
             "{target_stepsize: %g, mapping: learned, propagate: {sweep: layer, iterations: 60}, update: %s}", beta,
             rule);
    rig_open(&r, net, "idtp", own);
    standard_chain(&r);
    rig_step(&r);
    const size_t n = r.credit.n;
    for (size_t k = 0; k < n; k++)
        o.sum += (double)r.credit.influence[k].p[0];
    const struct mat wanted = rig_scaled(&r, 1, r.credit.d[n - 1]),
                     moved = rig_scaled(&r, -1, pass_output(&r.net.pass));
    const double before = chain_loss(&r.net.pass, r.net.spec.loss, true), slope = mat_sum_squares(r.net.pass.gradient);
    move_weights(&r, 0, n, 1);
    mat_add(moved, pass_output(&r.net.pass), moved);
    o.cosine = mat_dot(moved, wanted) / norm(moved) / norm(wanted);
    o.gain = fabs(norm(moved) / norm(wanted) / o.sum - 1);
    o.loss = fabs((before - net_loss(&r.net)) / (beta * o.sum * slope) - 1);
    rig_close(&r);
    return o;
}

/* The worst of ten networks. */
static struct outcome worst_of(const char *rule, double beta)
{
    struct outcome worst = { .cosine = 1 };
    for (int seed = 1; seed <= 10; seed++) {
        const struct outcome o = outcome_of(rule, beta, seed);
        worst.cosine = fmin(worst.cosine, o.cosine);
        worst.gain = fmax(worst.gain, o.gain);
        worst.loss = fmax(worst.loss, o.loss);
        worst.sum = fmax(worst.sum, o.sum);
    }
    return worst;
}

/* V6: together they move the output by the sum of the influences times the displacement, up to an error that is
 * proportional to beta. */
START_TEST(all_layers_together_have_the_gain_of_their_influences)
{
    static const char *const rules[] = { "influence", "unit", "equal" };
    double large[3];
    for (size_t i = 0; i < 3; i++) {
        const struct outcome o = worst_of(rules[i], 1e-4), fine = worst_of(rules[i], 1e-5);
        ck_assert_msg(o.cosine >= 0.99999, "%s: cosine %.7f", rules[i], o.cosine);
        ck_assert_msg(o.gain <= 1e-3, "%s: gain off by %g", rules[i], o.gain);
        ck_assert_msg(o.loss <= 1e-3, "%s: loss off by %g", rules[i], o.loss);
        ck_assert_msg(fine.gain < 0.2 * o.gain, "%s: off by %g and %g", rules[i], o.gain, fine.gain);
        ck_assert_msg(i == 0 ? o.sum > 1 && o.sum < 5 : fabs(o.sum - (i == 1 ? 5 : 1)) < 1e-12, "%s: sum %g", rules[i],
                      o.sum);
        large[i] = worst_of(rules[i], 0.1).gain;
    }
    ck_assert_msg(large[0] > 0.01 && large[0] < large[1], "at 0.1: %g, %g", large[0], large[1]);
}
END_TEST

/* Layers without parameters move nothing, so the others share the way among them. */
START_TEST(equal_shares_of_the_layers_that_move)
{
    struct rig r;
    double sum = 0;
    rig_open(&r,
             "{batch: 1, features: 12, outputs: 12, labels: real, loss: squared_error, weights: orthogonal, layers: "
             "[dense: {units: 12}, activation: {activation: leaky_relu}, dense: {units: 12}, activation: {activation: "
             "leaky_relu}, dense: {units: 12}]}",
             "bp",
             "{target_stepsize: 1e-7, mapping: {name: inverse, regularization: 0}, propagate: linear, update: equal, "
             "head: 0}");
    rig_step(&r);
    for (size_t k = 0; k < r.credit.n; k++)
        sum += (double)r.credit.influence[k].p[0];
    ck_assert_double_eq_tol(sum, 1, 1e-15);
    const struct mat moved = rig_scaled(&r, -1, pass_output(&r.net.pass)),
                     wanted = rig_scaled(&r, 1, r.credit.d[r.credit.n - 1]);
    move_weights(&r, 0, r.credit.n, 1);
    mat_add(moved, pass_output(&r.net.pass), moved);
    check_near("output", moved, wanted, 1e-4);
    rig_close(&r);
}
END_TEST

/* ---- other coordinates ---- */

#define LINEAR_CHAIN                                                                                                   \
    "{batch: 1, features: 12, outputs: 12, labels: real, loss: squared_error, weights: orthogonal, layers: [{dense: "  \
    "{units: 12, bias: false}, repeat: 4}]}"
#define EXACT                                                                                                          \
    "{target_stepsize: 0.1, mapping: {name: inverse, regularization: 0}, propagate: linear, update: unit, head: 0}"

/* h -> A h of the output of `layer`, the weights around it changed so that the network stays the same function. */
static void change_coordinates(struct rig *r, size_t layer)
{
    const struct mat a = weight_of(r, 3), below = weight_of(r, layer), above = weight_of(r, layer + 1);
    const struct mat stretched = rig_scaled(r, 1, a), inverse = stretch(r, stretched, 0.3, 3);
    blas_gemm(false, false, 1, stretched, rig_scaled(r, 1, below), 0, below);
    blas_gemm(false, false, 1, rig_scaled(r, 1, above), inverse, 0, above);
}

/* How far the output moves if one layer alone does what the rule says. */
static struct mat moved_by(struct rig *r, size_t layer)
{
    const struct mat before = rig_scaled(r, -1, pass_output(&r->net.pass));
    move_weights(r, layer, layer + 1, 1);
    mat_add(before, pass_output(&r->net.pass), before);
    move_weights(r, layer, layer + 1, -1);
    return before;
}

/* How far it moves if the layer's output takes a gradient step. */
static struct mat pushed_by(struct rig *r, size_t layer)
{
    struct mat d = rig_scaled(r, 1, r->credit.d[layer]);
    for (size_t l = layer + 1; l < r->credit.n; l++) {
        const struct mat up = net_matrix(&r->net, 1, 12);
        blas_gemm(false, true, 1, d, weight_of(r, l), 0, up);
        d = up;
    }
    return d;
}

/* V7: the smallest change moves the output as far in any coordinates of the layer; a gradient step does not. */
START_TEST(smallest_changes_do_not_depend_on_coordinates)
{
    for (size_t layer = 0; layer < 2; layer++) {
        struct rig plain, other, bp, other_bp;
        rig_open(&plain, LINEAR_CHAIN, "bp", EXACT);
        rig_open(&other, LINEAR_CHAIN, "bp", EXACT);
        rig_open(&bp, LINEAR_CHAIN, "bp", "{target_stepsize: 0.1}");
        rig_open(&other_bp, LINEAR_CHAIN, "bp", "{target_stepsize: 0.1}");
        struct rig *const all[] = { &plain, &other, &bp, &other_bp };
        for (size_t i = 0; i < 4; i++) {
            if (i % 2)
                change_coordinates(all[i], layer);
            rig_step(all[i]);
        }
        check_near("output", pass_output(&other.net.pass), pass_output(&plain.net.pass), 1e-12);
        check_near("smallest change", moved_by(&other, layer), moved_by(&plain, layer), 1e-10);
        check_near("smallest change above", moved_by(&other, layer + 1), moved_by(&plain, layer + 1), 1e-10);
        const double apart = mat_relative_error(pushed_by(&other_bp, layer), pushed_by(&bp, layer));
        ck_assert_msg(apart > 0.3, "gradient step: %g", apart);
        for (size_t i = 0; i < 4; i++)
            rig_close(all[i]);
    }
}
END_TEST

static void add_tests(TCase *t)
{
    if (!IS_DOUBLE)
        return; /* the bounds are of double precision */
    tcase_add_test(t, the_smallest_change_is_that_of_its_jacobian);
    tcase_add_test(t, all_layers_together_have_the_gain_of_their_influences);
    tcase_add_test(t, equal_shares_of_the_layers_that_move);
    tcase_add_test(t, smallest_changes_do_not_depend_on_coordinates);
}

CHECK_MAIN("smallest_changes", add_tests)
