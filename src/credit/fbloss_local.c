/* Local difference reconstruction (LDRL), of one unit f and its feedback g, with r = g(f(h)) and two draws e_x, e_y:
 *
 *   reduce -2 <e_x, g(f(h + e_x)) - r> + |g(f(h) + e_y) - r|^2
 *
 * Its minimum is where the derivative of g is the transposed derivative of f. r is differentiated too, f is not. The
 * feedback of the noisy pass reads that pass's cache, the others the clean one's. Ernoult 2022, code: twice the loss of
 * Bao 2024, Eq. (9)-(11). */
#include "credit/fbloss.h"

/* Of a feedback unit g(v) = A u(v) + b the two differences are A (u' - u) and A (u'' - u), u' of the noisy pass: a
 * product up, two down and two of gradients. */
static void grads_split(struct credit *c, struct pass *p, struct feedback *f)
{
    const struct mapping_def *m = mapping_of(c);
    const struct mat h = fbloss_state_of(p, f), y = p->stacks[f->through].out,
                     noisy = mat_of(c->scratch[0], h.rows, h.cols), moved = mat_of(c->scratch[1], y.rows, y.cols),
                     back = mat_of(c->scratch[2], h.rows, h.cols), error = mat_of(c->scratch[3], h.rows, h.cols);
    const double factor = fbloss_factor(c, f, h.cols);
    const struct mat u = m->front(c, p, NULL, f, (struct mat){ 0 });
    const struct mat apart = mat_of(c->scratch[4], u.rows, u.cols);

    fbloss_noisy(c, f, 1, (struct mat){ 0 }, error); /* e_x */
    mat_add(h, error, noisy);
    const struct at *up = fbloss_up(c, p, f, noisy);
    mat_sub(m->front(c, p, up, f, up->out), u, apart);
    m->back(c, f, apart, back);
    double loss = -2 * mat_dot(error, back);
    mat_scale((real)-factor, error, error);
    m->train_back(c, f, apart, error);

    mat_copy(y, moved);
    fbloss_add_source_noise(c, f, moved);
    mat_sub(m->front(c, p, &p->stacks[f->through], f, moved), u, apart);
    m->back(c, f, apart, back);
    loss += mat_sum_squares(back);
    mat_scale((real)factor, back, back);
    m->train_back(c, f, apart, back);
    f->loss = 0.5 * factor * loss;
}

/* What the loss is reduced from, and what the gradient is taken at: c->scratch 0 to 4. */
static void grads_whole(struct credit *c, struct pass *p, struct feedback *f)
{
    const struct mapping_def *m = mapping_of(c);
    const struct mat h = fbloss_state_of(p, f), y = p->stacks[f->through].out, r = f->ref.out,
                     noisy = mat_of(c->scratch[0], h.rows, h.cols), moved = mat_of(c->scratch[1], y.rows, y.cols),
                     back = mat_of(c->scratch[2], h.rows, h.cols), error = mat_of(c->scratch[3], h.rows, h.cols);
    const struct at *clean = &p->stacks[f->through];
    const double factor = fbloss_factor(c, f, h.cols);

    fbloss_noisy(c, f, 1, (struct mat){ 0 }, error); /* e_x */
    mat_add(h, error, noisy);
    const struct at *up = fbloss_up(c, p, f, noisy);
    mat_sub(m->value(c, p, up, f, up->out), r, back);
    double loss = -2 * mat_dot(error, back);
    mat_scale((real)-factor, error, back);
    m->train(c, up, f, back);

    mat_copy(y, moved);
    fbloss_add_source_noise(c, f, moved);
    mat_sub(m->value(c, p, clean, f, moved), r, back);
    loss += mat_sum_squares(back);
    mat_sub(error, back, error); /* what of the gradient goes through r */
    mat_scale((real)factor, error, error);
    mat_scale((real)factor, back, back);
    m->train(c, clean, f, back);
    m->train_reference(c, f, error);
    f->loss = 0.5 * factor * loss;
}

static int grads(struct credit *c, struct pass *p, struct feedback *f, struct err *e)
{
    (void)e;
    const struct mapping_def *m = mapping_of(c);
    m->refresh_unit(c, p, f);
    (m->splits(c, f) ? grads_split : grads_whole)(c, p, f);
    return 0;
}

/* The value at the true states is one of the products down; three gradients go through the unit's layers. */
static double flops(const struct credit *c, const struct feedback *f, double up, double down)
{
    return mapping_of(c)->splits(c, f) ? up + 4 * down : up + 6 * down + 3 * unit_delta_product(&f->unit, c->rows);
}

static int fits(const struct credit *c, struct err *e)
{
    if (c->choice.route == ROUTE_DIRECT)
        return err_about(e, "algorithm.route", "feedback_loss 'local_difference_reconstruction' needs route 'chain'");
    if (chain_is_recurrent(c->chain))
        return err_about(e, "algorithm.feedback_loss",
                         "'local_difference_reconstruction' is defined for feed-forward networks");
    for (size_t i = 0; i < c->n_feedback; i++)
        if (c->chain->units[c->feedback[i].target].transmit.part)
            return err_at(e, c->chain->units[c->feedback[i].target].where,
                          "algorithm.feedback_loss: 'local_difference_reconstruction' needs layers that send their "
                          "states: network.layers.%zu.transmit",
                          c->feedback[i].target);
    TRY(fbloss_fits_options(c, e));
    return fbloss_fits_noise(c, e);
}

extern const struct fbloss_def fbloss_local;
const struct fbloss_def fbloss_local = {
    .part = { .name = "local_difference_reconstruction",
              .help = "noise that goes up one layer and comes back, and noise on what is read: its minimum is the "
                      "transposed derivative",
              .ref = "Ernoult 2022, code; Bao 2024, Alg. 1",
              .options = fbloss_options_table,
              .opts_size = sizeof(struct fbloss_options),
              .state_size = sizeof(struct fbloss_state),
              .needs = GIVES_TRAIN },
    .source_noise = true,
    .refreshes = true,
    .flops = flops,
    .fits = fits,
    .open = fbloss_open,
    .grads = grads,
};
