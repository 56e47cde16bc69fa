/* Every registered layer, with every activation it offers: its products are derivatives of its forward map, a stack is
 * its links one by one, and its regularized inverse is an inverse. */
#include "../check_main.h"
#include "../counted_products.h"
#include "fixture.h"

#include "math/solve.h"
#include "net/inverse.h"
#include <stdio.h>

enum { UNITS = 5, STEPS = 4 };

struct layer_case {
    struct net net;
    struct unit *layer;
    char name[96];
    bool corner; /* of its activation's slope */
};

/* false: there is no example number k. A layer of more than UNITS outputs stands under a dense one. */
static bool open_layer(struct layer_case *c, const struct part *part, size_t k, const struct part *activation,
                       bool bias, size_t features)
{
    const bool sequence = part->gives & GIVES_SEQUENCE;
    char text[64] = "", options[96] = "", layer[256], yaml[512];
    if (activation)
        snprintf(text, sizeof text, ", activation: %s", activation->name);
    if (has_option(part, "bias") || has_option(part, "layers"))
        snprintf(options, sizeof options, ", bias: %s", bias ? "true" : "false");
    strcat(options, text);
    const char *network = layer_yaml(part, k, features, UNITS, options, layer, sizeof layer);
    if (!network)
        return false;
    snprintf(c->name, sizeof c->name, "%s %zu%s, bias %d", part->name, k, text, bias);
    snprintf(yaml, sizeof yaml, "{length: %d, %s, outputs: %d, weights: {name: normal, std: 0.45}, layers: [%s%s]}",
             sequence ? STEPS : 0, network, UNITS, layer, has_option(part, "units") ? "" : ", dense: {units: 5}");
    net_open(&c->net, yaml);
    c->layer = &c->net.chain.units[0];
    c->corner = activation && act_has_corner(activation);
    chain_forward(&c->net.pass);
    return true;
}

/* Calls `test` for every layer, activation and bias. */
static void for_each_layer(void (*test)(struct layer_case *c), size_t features)
{
    for (size_t i = 0; i < layer_registry.n_parts; i++) {
        const struct part *part = layer_registry.parts[i];
        const bool with_activation = has_option(part, "activation");
        for (size_t j = 0; j < act_registry.n_parts && (with_activation || j == 0); j++)
            for (int bias = 0; bias < 2; bias++) {
                struct layer_case c;
                for (size_t k = 0;
                     open_layer(&c, part, k, with_activation ? act_registry.parts[j] : NULL, bias, features); k++) {
                    test(&c);
                    net_close(&c.net);
                }
            }
    }
}

/* An application that a test may overwrite: inputs of its own, outputs and deltas apart from the pass. */
static struct at own_link(struct layer_case *c, size_t rows)
{
    struct err e = { 0 };
    struct at at;
    must(at_open(&at, c->layer, rows, 1, AT_INPUT | AT_GRADIENTS, &c->net.arena, &e), &e);
    if (c->layer->n_side)
        at.side = net_matrix(&c->net, rows, c->layer->n_side);
    struct mat *const each[] = { &at.in, &at.out, &at.delta };
    for (size_t i = 0; i < sizeof each / sizeof *each; i++)
        if (each[i]->p)
            net_normal(&c->net.rng, 0.7, *each[i]);
    return at;
}

static void check_close(const struct layer_case *c, const char *what, double a, double b, double bound)
{
    ck_assert_msg(fabs(a - b) <= bound * (1 + fabs(b)), "%s: %s: %.17g and %.17g", c->name, what, a, b);
}

static void check_error(const struct layer_case *c, const char *what, double error, double bound)
{
    ck_assert_msg(error <= bound, "%s: %s: error %.3g exceeds %.3g", c->name, what, error, bound);
}

/* (f(h + eps v) - f(h - eps v)) / 2 eps */
static void derivative_along(struct layer_case *c, struct at at, struct mat v, double eps, struct mat out)
{
    struct at moved = at;
    struct mat in = net_matrix(&c->net, at.in.rows, at.in.cols), up = net_matrix(&c->net, at.out.rows, at.out.cols);
    moved.in = in;
    moved.out = up;
    mat_copy(at.in, in);
    mat_axpy((real)eps, v, in);
    at_forward(c->layer, moved);
    moved.out = out;
    mat_axpy((real)(-2 * eps), v, in);
    at_forward(c->layer, moved);
    mat_sub(up, out, out);
    mat_scale((real)(0.5 / eps), out, out);
}

/* The finite step of single precision steps over a corner. */
static bool too_coarse(const struct layer_case *c)
{
    return !IS_DOUBLE && c->corner;
}

static bool can_jvp(const struct unit *l)
{
    return unit_abilities(l) & CAN_JVP;
}

/* <s, J v> = <J^T s, v>; J v by differences of a layer that has no jvp. */
static void dot_identity(struct layer_case *c)
{
    const struct unit *l = c->layer;
    const size_t b = c->net.pass.rows;
    const struct at at = own_link(c, b);
    at_forward(l, at);
    const struct mat s = net_matrix(&c->net, b, l->out.n), v = net_matrix(&c->net, b, l->in.n);
    const struct mat jv = net_matrix(&c->net, b, l->out.n), js = net_matrix(&c->net, b, l->in.n);
    if (!can_jvp(l) && too_coarse(c))
        return;
    l->def->vjp(l, at, s, js);
    if (can_jvp(l))
        l->def->jvp(l, at, v, jv);
    else
        derivative_along(c, at, v, BOUND(1e-5, 1e-2), jv);
    check_close(c, "<s, Jv> and <J's, v>", mat_dot(s, jv), mat_dot(js, v),
                can_jvp(l) ? BOUND(1e-13, 1e-5) : BOUND(1e-8, 5e-3));
}

START_TEST(vjp_is_the_transpose_of_jvp)
{
    for_each_layer(dot_identity, 3);
}
END_TEST

/* What plan says of a layer is what its forward map multiplies. */
static void count_products(struct layer_case *c)
{
    double product;
    const struct unit *l = c->layer;
    const size_t b = c->net.pass.rows;
    const struct at at = own_link(c, b);
    const double planned = l->def->flops(l, b, &product);
    counted = 0;
    at_forward(l, at);
    ck_assert_msg(2 * counted == planned, "%s: %.15g multiply-adds are called, %.15g planned", c->name, counted,
                  planned / 2);
    ck_assert_msg(product >= 0 && product <= planned, "%s: the largest product has %.15g of %.15g", c->name, product,
                  planned);
}

START_TEST(flops_are_of_the_products_that_are_called)
{
    for_each_layer(count_products, 3);
}
END_TEST

/* A matrix with one row more behind it, which nobody may write. */
static struct mat guarded(struct layer_case *c, size_t rows, size_t cols)
{
    const struct mat m = net_matrix(&c->net, rows + 1, cols);
    for (size_t j = 0; j < cols; j++)
        m.p[rows * cols + j] = (real)(17 + j);
    return mat_rows(m, 0, rows);
}

static void check_guard(const struct layer_case *c, const char *what, struct mat m)
{
    for (size_t j = 0; m.p && j < m.cols; j++)
        ck_assert_msg(m.p[mat_n(m) + j] == (real)(17 + j), "%s: %s: written beyond its last row", c->name, what);
}

static void guard_all(struct layer_case *c)
{
    const struct unit *l = c->layer;
    const size_t b = c->net.pass.rows;
    struct at at = own_link(c, b);
    struct mat *const each[] = { &at.out, &at.delta, &at.cache[0], &at.cache[1] };
    for (size_t i = 0; i < sizeof each / sizeof *each; i++)
        if (each[i]->p)
            *each[i] = guarded(c, each[i]->rows, each[i]->cols);
    const struct mat dh = guarded(c, b, l->in.n), jv = guarded(c, b, l->out.n);
    at_forward(l, at);
    l->def->vjp(l, at, net_matrix(&c->net, b, l->out.n), dh);
    if (can_jvp(l))
        l->def->jvp(l, at, net_matrix(&c->net, b, l->in.n), jv);
    check_guard(c, "out", at.out);
    check_guard(c, "delta", at.delta);
    check_guard(c, "cache", at.cache[0]);
    check_guard(c, "second cache", at.cache[1]);
    check_guard(c, "vjp", dh);
    check_guard(c, "jvp", jv);
}

START_TEST(nothing_is_written_beyond_the_last_row)
{
    for_each_layer(guard_all, 3);
}
END_TEST

/* An application holds what was asked for and nothing else; the states of a recurrent unit are one buffer. */
static void open_with_flags(struct layer_case *c)
{
    const struct unit *l = c->layer;
    const unsigned all = AT_GRADIENTS | AT_KEPT | AT_INPUT | AT_STEPS;
    for (unsigned flags = 0; flags <= all; flags++) {
        struct err e = { 0 };
        struct at at;
        must(at_open(&at, l, 2, 3, flags, &c->net.arena, &e), &e);
        const bool steps = (flags & AT_STEPS) && unit_is_recurrent(l);
        ck_assert_uint_eq(at.out.rows, 6);
        ck_assert_uint_eq(at.out.cols, l->out.n);
        ck_assert_int_eq(at.in.p != NULL, (flags & AT_INPUT) || steps);
        ck_assert(!at.in.p || (at.in.rows == 6 && at.in.cols == l->in.n));
        ck_assert(!steps || at.out.p == at.in.p + 2 * l->in.n);
        ck_assert(!at.in.p || steps || at.out.p >= at.in.p + mat_n(at.in) || at.in.p >= at.out.p + mat_n(at.out));
        ck_assert_int_eq(at.delta.p != NULL, (flags & AT_GRADIENTS) && l->n_delta > 0);
        ck_assert_int_eq(at.inner != NULL, l->n_inner > 0);
        ck_assert_ptr_null(at.side.p);
    }
}

START_TEST(an_application_holds_what_was_asked_for)
{
    for_each_layer(open_with_flags, 3);
}
END_TEST

/* Parameters lie one after another from where the vector ends, each on a boundary of 64 bytes. */
START_TEST(parameters_have_places)
{
    struct param params[] = { { .rows = 5, .cols = 7 }, { .rows = 33, .cols = 1 }, { .rows = 1000, .cols = 1000 } };
    struct unit u = { .n_params = 2, .params = params };
    const size_t line = 64 / sizeof(real);
    size_t length = 3 * line;
    ck_assert_uint_eq(unit_place(&u, &length), 5 * 7 + 33);
    ck_assert_uint_eq(unit_n_weights(&u), 5 * 7 + 33);
    ck_assert_uint_eq(params[0].offset, 3 * line);
    ck_assert_uint_eq(params[1].offset, (3 + (35 + line - 1) / line) * line);
    ck_assert_uint_eq(length, params[1].offset + (33 + line - 1) / line * line);
    ck_assert_uint_eq(params[2].offset, 0);
}
END_TEST

static void jvp_by_differences(struct layer_case *c)
{
    if (too_coarse(c) || !can_jvp(c->layer))
        return;
    const struct unit *l = c->layer;
    const size_t b = c->net.pass.rows;
    const struct at at = own_link(c, b);
    at_forward(l, at);
    const struct mat v = net_matrix(&c->net, b, l->in.n), jv = net_matrix(&c->net, b, l->out.n),
                     fd = net_matrix(&c->net, b, l->out.n);
    l->def->jvp(l, at, v, jv);
    derivative_along(c, at, v, BOUND(1e-5, 1e-2), fd);
    check_error(c, "jvp and finite differences", mat_relative_error(jv, fd), BOUND(1e-8, 5e-3));
}

START_TEST(jvp_is_the_derivative_of_forward)
{
    for_each_layer(jvp_by_differences, 3);
}
END_TEST

static void grads_by_differences(struct layer_case *c)
{
    if (too_coarse(c))
        return;
    const struct unit *l = c->layer;
    const size_t b = c->net.pass.rows, n = unit_n_weights(l);
    const struct at at = own_link(c, b);
    const double eps = BOUND(1e-5, 1e-2), scale = 1.7;
    const struct mat s = net_matrix(&c->net, b, l->out.n);
    real *g = arena_need(&c->net.arena, c->net.chain.n_vector, sizeof *g);
    at_forward(l, at);
    l->def->vjp(l, at, s, (struct mat){ 0 });
    for (size_t i = 0; i < n; i++)
        *layer_entry(l, g, i) = (real)0.3; /* gradients are added */
    l->def->grads(l, at, (real)scale, g);
    struct mat got = net_matrix(&c->net, 1, n), fd = net_matrix(&c->net, 1, n);
    for (size_t i = 0; i < n; i++) {
        real *w = layer_entry(l, c->net.chain.weights, i);
        const real kept = *w;
        double value[2];
        for (int side = 0; side < 2; side++) {
            *w = (real)(kept + (side ? -eps : eps));
            chain_refresh(&c->net.chain);
            at_forward(l, at);
            value[side] = mat_dot(s, at.out);
        }
        *w = kept;
        got.p[i] = (real)(*layer_entry(l, g, i) - 0.3);
        fd.p[i] = (real)(scale * (value[0] - value[1]) / (2 * eps));
    }
    check_error(c, "grads and finite differences", mat_relative_error(got, fd), BOUND(1e-8, 5e-3));
}

START_TEST(grads_are_derivatives_along_the_weights)
{
    for_each_layer(grads_by_differences, 3);
}
END_TEST

/* f(h + d) - f(h), for two blocks of displacements at once, from the application as it is and with what differences
 * start from kept. */
static void difference_of_values(struct layer_case *c)
{
    const struct unit *l = c->layer;
    const size_t b = c->net.pass.rows;
    if (!(unit_abilities(l) & CAN_DIFFERENCE))
        return;
    for (int kept = 0; kept < 2; kept++) {
        struct at at = own_link(c, b), moved = own_link(c, b);
        struct err e = { 0 };
        const struct mat in = at.in;
        must(at_open(&at, l, b, 1, kept ? AT_KEPT : 0, &c->net.arena, &e), &e);
        at.in = in;
        at_forward(l, at);
        const struct mat d = net_matrix(&c->net, 2 * b, l->in.n), got = net_matrix(&c->net, 2 * b, l->out.n);
        l->def->difference(l, at, d, got);
        for (size_t block = 0; block < 2; block++) {
            mat_add(at.in, mat_rows(d, block * b, b), moved.in);
            at_forward(l, moved);
            mat_sub(moved.out, at.out, moved.out);
            check_error(c, kept ? "difference, kept" : "difference",
                        mat_relative_error(mat_rows(got, block * b, b), moved.out), BOUND(1e-12, 1e-5));
        }
        mat_scale((real)1e-9, d, d);
        const struct mat small = net_matrix(&c->net, b, l->out.n);
        if (c->corner || !can_jvp(l))
            continue;
        l->def->difference(l, at, mat_rows(d, 0, b), small);
        l->def->jvp(l, at, mat_rows(d, 0, b), moved.out);
        check_error(c, "small difference and jvp", mat_relative_error(small, moved.out), BOUND(1e-7, 1e-5));
    }
}

START_TEST(difference_is_of_two_values)
{
    for_each_layer(difference_of_values, 3);
}
END_TEST

/* d<s, f(h + d) - f(h)>/dtheta */
static void grads_of_difference(struct layer_case *c)
{
    if (too_coarse(c) || !(unit_abilities(c->layer) & CAN_LEARN_DIFFERENCE))
        return;
    const struct unit *l = c->layer;
    const size_t b = c->net.pass.rows, n = unit_n_weights(l);
    struct err e = { 0 };
    struct at at;
    must(at_open(&at, l, b, 1, AT_INPUT | AT_GRADIENTS | AT_KEPT | AT_MOVED, &c->net.arena, &e), &e);
    net_normal(&c->net.rng, 0.7, at.in);
    const double eps = BOUND(1e-5, 1e-2);
    const struct mat d = net_matrix(&c->net, b, l->in.n), s = net_matrix(&c->net, b, l->out.n),
                     spent = net_matrix(&c->net, b, l->out.n), moved = net_matrix(&c->net, b, l->out.n);
    real *g = arena_need(&c->net.arena, c->net.chain.n_vector, sizeof *g);
    struct mat got = net_matrix(&c->net, 1, n), fd = net_matrix(&c->net, 1, n);
    at_forward(l, at);
    l->def->difference(l, at, d, moved);
    mat_copy(s, spent);
    l->def->difference_grads(l, at, d, moved, spent, (real)1.7, g);
    for (size_t i = 0; i < n; i++) {
        real *w = layer_entry(l, c->net.chain.weights, i);
        const real kept = *w;
        double value[2];
        for (int side = 0; side < 2; side++) {
            *w = (real)(kept + (side ? -eps : eps));
            chain_refresh(&c->net.chain);
            at_forward(l, at);
            l->def->difference(l, at, d, moved);
            value[side] = mat_dot(s, moved);
        }
        *w = kept;
        got.p[i] = *layer_entry(l, g, i);
        fd.p[i] = (real)(1.7 * (value[0] - value[1]) / (2 * eps));
    }
    check_error(c, "grads of the difference", mat_relative_error(got, fd), BOUND(1e-8, 1e-2));
}

START_TEST(difference_grads_are_derivatives)
{
    for_each_layer(grads_of_difference, 3);
}
END_TEST

/* A plan opens on memory that only counts: nobody follows the address of numbers. */
static void dry_run(struct layer_case *c)
{
    struct arena counting;
    struct err e = { 0 };
    struct chain chain = c->net.chain;
    struct pass p;
    arena_init_counting(&counting);
    must(chain_open(&chain, c->net.pass.rows, &counting, &e), &e);
    must(pass_init(&p, &chain, c->net.pass.rows, AT_GRADIENTS, &counting, &e), &e);
    ck_assert_uint_gt(counting.used, 0);
    arena_finish(&counting);
}

START_TEST(a_plan_opens_every_layer)
{
    for_each_layer(dry_run, 3);
}
END_TEST

/* Everything over T links at once is the same as link by link. */
static void stack_and_links(struct layer_case *c)
{
    const struct unit *l = c->layer;
    const struct pass *p = &c->net.pass;
    const struct at stack = p->stacks[0];
    const size_t links = c->net.chain.links_of[0], b = p->rows;
    const double bound = BOUND(1e-13, 1e-5);
    struct mat out = net_matrix(&c->net, stack.out.rows, l->out.n);
    struct err e = { 0 };
    struct at again;
    must(at_open(&again, l, stack.out.rows, 1, 0, &c->net.arena, &e), &e);
    again.in = stack.in;
    again.side = stack.side;
    at_forward(l, again);
    check_error(c, "forward of the stack", mat_relative_error(again.out, stack.out), bound);

    const struct mat s = net_matrix(&c->net, stack.out.rows, l->out.n), v = net_matrix(&c->net, stack.in.rows, l->in.n);
    struct mat dh = net_matrix(&c->net, stack.in.rows, l->in.n), each = net_matrix(&c->net, stack.in.rows, l->in.n);
    struct mat jv = net_matrix(&c->net, stack.out.rows, l->out.n);
    real *g = arena_need(&c->net.arena, 2 * c->net.chain.n_vector, sizeof *g), *sum = g + c->net.chain.n_vector;
    const bool whole = unit_abilities(l) & CAN_MIRROR; /* feedback losses lead back through the stack of such a layer */
    l->def->vjp(l, stack, s, whole ? dh : (struct mat){ 0 });
    if (whole && can_jvp(l))
        l->def->jvp(l, stack, v, out);
    l->def->grads(l, stack, (real)0.7, g);
    for (size_t k = 0; k < links; k++) {
        const struct at at = p->links[k];
        l->def->vjp(l, at, mat_rows(s, k * b, b), mat_rows(each, k * b, b));
        if (can_jvp(l))
            l->def->jvp(l, at, mat_rows(v, k * b, b), mat_rows(jv, k * b, b));
        l->def->grads(l, at, (real)0.7, sum);
    }
    if (whole) {
        check_error(c, "vjp of the stack", mat_relative_error(dh, each), bound);
        if (can_jvp(l))
            check_error(c, "jvp of the stack", mat_relative_error(out, jv), bound);
    }
    check_error(c, "grads of the stack", relative_error(c->net.chain.n_vector, g, sum), bound);
    l->def->vjp(l, stack, s, (struct mat){ 0 });
    real *last = arena_need(&c->net.arena, c->net.chain.n_vector, sizeof *last);
    l->def->grads(l, stack, (real)0.7, last);
    check_error(c, "delta without the state's gradient", relative_error(c->net.chain.n_vector, g, last), 0);
}

START_TEST(a_stack_is_its_links)
{
    for_each_layer(stack_and_links, 3);
}
END_TEST

/* side_product is what the side input adds to the pre-activation: the difference that it makes to a linear layer. */
static void side_share(struct layer_case *c)
{
    const struct unit *l = c->layer;
    if (!l->def->side_product || l->act.def != &act_linear)
        return;
    const size_t b = c->net.pass.rows;
    struct at at = own_link(c, b), silent = at;
    silent.side = net_matrix(&c->net, b, l->n_side);
    mat_zero(silent.side);
    silent.out = net_matrix(&c->net, b, l->out.n);
    struct mat share = net_matrix(&c->net, b, l->out.n);
    at_forward(l, at);
    at_forward(l, silent);
    l->def->side_product(l, at, share);
    mat_sub(at.out, silent.out, silent.out);
    check_error(c, "side_product", mat_relative_error(share, silent.out), BOUND(1e-13, 1e-5));
}

START_TEST(side_product_is_the_side_inputs_share)
{
    for_each_layer(side_share, 3);
}
END_TEST

/* ---- the regularized inverse ---- */

static const struct inverse_options inverse_options = { .regularization = 0, .clamp = 1e-3 };

/* Values that the layer can take, well inside the range of its activation. */
static struct mat reachable(struct layer_case *c, size_t rows)
{
    struct mat v = net_matrix(&c->net, rows, c->layer->out.n);
    for (size_t i = 0; i < mat_n(v); i++)
        v.p[i] = (real)(0.2 + fabs(v.p[i]));
    act_apply(c->layer->act, v, v);
    return v;
}

static bool inverts(const struct layer_case *c)
{
    /* of one matrix, or of an activation alone; check_block.c */
    return (unit_abilities(c->layer) & CAN_INVERT_VALUES) && !c->layer->n_inner;
}

static void refresh_inverse(struct layer_case *c, double r)
{
    struct err e = { 0 };
    const struct inverse_options o = { .regularization = r, .clamp = inverse_options.clamp };
    must(c->layer->def->inverse->open(c->layer, &o, &e), &e);
    must(c->layer->def->inverse->refresh(c->layer, &o, &e), &e);
}

/* f(finv(v)) = v for a square matrix, r = 0, nothing clipped */
static void round_trip(struct layer_case *c)
{
    if (!inverts(c))
        return;
    const struct unit *l = c->layer;
    const size_t b = c->net.pass.rows;
    refresh_inverse(c, 0);
    struct at at = own_link(c, b);
    const struct mat v = reachable(c, b);
    l->def->inverse->apply(l, at, v, &inverse_options, at.in);
    at_forward(l, at);
    check_error(c, "f(finv(v)) and v", mat_relative_error(at.out, v), BOUND(1e-11, 2e-3));
}

START_TEST(inverse_undoes_forward)
{
    for_each_layer(round_trip, UNITS);
}
END_TEST

/* finv(h + d) - finv(h), also where the clip acts, and for matrices that are not square */
static void difference_of_inverses(struct layer_case *c)
{
    if (!inverts(c))
        return;
    const struct unit *l = c->layer;
    const size_t b = c->net.pass.rows;
    refresh_inverse(c, 0.3);
    struct at at = own_link(c, b);
    at.out = reachable(c, b);
    for (int large = 0; large < 2; large++) {
        struct mat d = net_matrix(&c->net, b, l->out.n), got = net_matrix(&c->net, b, l->in.n);
        struct mat from = net_matrix(&c->net, b, l->in.n), to = net_matrix(&c->net, b, l->in.n),
                   target = net_matrix(&c->net, b, l->out.n);
        mat_scale((real)(large ? 3 : 0.05), d, d);
        mat_add(at.out, d, target);
        l->def->inverse->apply(l, at, at.out, &inverse_options, from);
        l->def->inverse->apply(l, at, target, &inverse_options, to);
        mat_sub(to, from, to);
        l->def->inverse->difference(l, at, d, &inverse_options, got);
        check_error(c, large ? "difference, clipped" : "difference", mat_relative_error(got, to), BOUND(1e-11, 1e-3));
    }
}

START_TEST(inverse_difference_is_a_difference)
{
    for_each_layer(difference_of_inverses, UNITS);
    for_each_layer(difference_of_inverses, 3);
    for_each_layer(difference_of_inverses, 8);
}
END_TEST

static void derivative_of_inverse(struct layer_case *c)
{
    if (!inverts(c))
        return;
    const struct unit *l = c->layer;
    const size_t b = c->net.pass.rows;
    const double eps = BOUND(1e-5, 3e-3);
    refresh_inverse(c, 0.3);
    struct at at = own_link(c, b);
    at.out = reachable(c, b);
    struct mat d = net_matrix(&c->net, b, l->out.n), got = net_matrix(&c->net, b, l->in.n),
               t = net_matrix(&c->net, b, l->out.n);
    struct mat up = net_matrix(&c->net, b, l->in.n), down = net_matrix(&c->net, b, l->in.n);
    l->def->inverse->jvp(l, at, d, &inverse_options, got);
    mat_copy(at.out, t);
    mat_axpy((real)eps, d, t);
    l->def->inverse->apply(l, at, t, &inverse_options, up);
    mat_axpy((real)(-2 * eps), d, t);
    l->def->inverse->apply(l, at, t, &inverse_options, down);
    mat_sub(up, down, up);
    mat_scale((real)(0.5 / eps), up, up);
    check_error(c, "inverse_jvp and finite differences", mat_relative_error(got, up), BOUND(1e-7, 2e-2));
}

START_TEST(inverse_jvp_is_the_derivative_of_inverse)
{
    for_each_layer(derivative_of_inverse, UNITS);
    for_each_layer(derivative_of_inverse, 3);
    for_each_layer(derivative_of_inverse, 8);
}
END_TEST

/* With a linear activation z = (finv's displacement of d) solves (W^T W + r I) z = W^T d, written with the layer's own
 * products J = W: J^T J z + r z = J^T d. A layer that is not one matrix and an activation has no such equation. */
static void normal_equations(struct layer_case *c)
{
    if (!inverts(c) || !can_jvp(c->layer) || c->layer->n_params == 0 || c->layer->act.def != &act_linear)
        return;
    const struct unit *l = c->layer;
    const size_t b = c->net.pass.rows;
    const double r = 0.37;
    refresh_inverse(c, r);
    struct at at = own_link(c, b);
    at_forward(l, at);
    struct mat d = net_matrix(&c->net, b, l->out.n), z = net_matrix(&c->net, b, l->in.n),
               right = net_matrix(&c->net, b, l->in.n);
    struct mat wz = net_matrix(&c->net, b, l->out.n), left = net_matrix(&c->net, b, l->in.n);
    l->def->inverse->jvp(l, at, d, &inverse_options, z);
    l->def->jvp(l, at, z, wz);
    l->def->vjp(l, at, wz, left);
    l->def->vjp(l, at, d, right);
    mat_axpy((real)r, z, left);
    check_error(c, "normal equations", mat_relative_error(left, right), BOUND(1e-12, 1e-4));
}

START_TEST(inverse_solves_the_normal_equations)
{
    for_each_layer(normal_equations, UNITS);
    for_each_layer(normal_equations, 3);
    for_each_layer(normal_equations, 8);
}
END_TEST

/* 2 I - W in the place of W, r = 0: with a linear activation the displacement z of d solves 2 z - W z = d. */
static void near_the_identity(struct layer_case *c)
{
    if (!inverts(c) || !can_jvp(c->layer) || c->layer->n_params == 0 || c->layer->act.def != &act_linear)
        return;
    const struct unit *l = c->layer;
    const size_t b = c->net.pass.rows;
    const struct inverse_options o = { .regularization = 0.7, .clamp = 1e-3, .matrix = INVERT_TWO_EYE_MINUS_W };
    struct err e = { 0 };
    must(c->layer->def->inverse->open(c->layer, &o, &e), &e);
    must(c->layer->def->inverse->refresh(c->layer, &o, &e), &e);
    struct at at = own_link(c, b);
    at_forward(l, at);
    struct mat d = net_matrix(&c->net, b, UNITS), z = net_matrix(&c->net, b, UNITS), wz = net_matrix(&c->net, b, UNITS);
    l->def->inverse->jvp(l, at, d, &o, z);
    l->def->jvp(l, at, z, wz);
    mat_axpy(-2, z, wz);
    mat_scale(-1, wz, wz);
    check_error(c, "2 z - W z and d", mat_relative_error(wz, d), BOUND(1e-11, 2e-3));
}

START_TEST(inverse_of_two_eye_minus_w)
{
    for_each_layer(near_the_identity, UNITS);
}
END_TEST

/* ---- options that every layer has ---- */

START_TEST(stepsize_factors_reach_their_parameters)
{
    struct net f;
    net_open(&f, "{layers: [{dense: {units: 5, stepsize_factor: 3, bias_stepsize_factor: 2}}, {dense: {units: 6, "
                 "trainable: false}},"
                 " {dense: {units: 4}}]}");
    const double expected[3][2] = { { 3, 6 }, { 0, 0 }, { 1, 1 } };
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 2; j++) {
            const struct param *p = &f.chain.units[i].params[j];
            for (size_t n = 0; n < p->rows * p->cols; n++)
                ck_assert_double_eq((double)f.chain.stepsize_factors[p->offset + n], expected[i][j]);
        }
    net_close(&f);
    net_open(&f, "{layers: [{dense: {units: 4}}]}");
    ck_assert_ptr_null(f.chain.stepsize_factors);
    net_close(&f);
}
END_TEST

/* A layer takes LAYER_OPTIONS where these say something: with `bias` it has a bias and without it none, and it has
 * weights. An option that is read by nobody would make a second trial of the same numbers. */
static void own_parameters(struct layer_case *c)
{
    const struct unit *l = c->layer;
    size_t biases = 0;
    for (size_t i = 0; i < l->n_params; i++)
        biases += l->params[i].is_bias;
    if (has_option(&l->def->part, "bias"))
        ck_assert_msg((biases > 0) == ((const struct layer_options *)l->opts)->bias, "%s: %zu biases", c->name, biases);
    if (has_option(&l->def->part, "weights_init"))
        ck_assert_msg(l->n_params > biases, "%s: has no weights", c->name);
    if (has_option(&l->def->part, "bias") || has_option(&l->def->part, "biases_init"))
        ck_assert_msg(has_option(&l->def->part, "bias") && has_option(&l->def->part, "biases_init"), "%s", c->name);
}

START_TEST(options_of_parameters_have_parameters)
{
    for_each_layer(own_parameters, 3);
}
END_TEST

START_TEST(repeat_makes_layers_of_their_own)
{
    struct net f;
    net_open(&f, "{layers: [{dense: {units: 4}, repeat: 3}]}");
    ck_assert_uint_eq(f.chain.n_units, 3);
    ck_assert_uint_eq(f.chain.n_weights, 3 * 4 + 4 + 2 * (4 * 4 + 4));
    ck_assert(memcmp(f.chain.weights + f.chain.units[1].params[0].offset,
                     f.chain.weights + f.chain.units[2].params[0].offset, 16 * sizeof(real)) != 0);
    net_close(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, vjp_is_the_transpose_of_jvp);
    tcase_add_test(t, flops_are_of_the_products_that_are_called);
    tcase_add_test(t, nothing_is_written_beyond_the_last_row);
    tcase_add_test(t, an_application_holds_what_was_asked_for);
    tcase_add_test(t, parameters_have_places);
    tcase_add_test(t, jvp_is_the_derivative_of_forward);
    tcase_add_test(t, grads_are_derivatives_along_the_weights);
    tcase_add_test(t, difference_is_of_two_values);
    tcase_add_test(t, difference_grads_are_derivatives);
    tcase_add_test(t, a_plan_opens_every_layer);
    tcase_add_test(t, a_stack_is_its_links);
    tcase_add_test(t, side_product_is_the_side_inputs_share);
    tcase_add_test(t, inverse_undoes_forward);
    tcase_add_test(t, inverse_difference_is_a_difference);
    tcase_add_test(t, inverse_jvp_is_the_derivative_of_inverse);
    tcase_add_test(t, inverse_solves_the_normal_equations);
    tcase_add_test(t, inverse_of_two_eye_minus_w);
    tcase_add_test(t, stepsize_factors_reach_their_parameters);
    tcase_add_test(t, options_of_parameters_have_parameters);
    tcase_add_test(t, repeat_makes_layers_of_their_own);
}

CHECK_MAIN("layer", add_tests)
