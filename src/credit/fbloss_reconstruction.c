/* Reconstruction: reduce |g(f(h + noise)) - (h + noise)|^2, the corrupted state being input and target alike, f held
 * constant. On route direct f is all of the network above the layer, up to the output that g reads (Meulemans 2020,
 * DDTP-control). Lee 2015 prints f(g(h)) in Eq. (16); the authors' scripts and Eq. (32) train this one, and so do
 * Roulet's and Manchev's learned reverse layers. */
#include "credit/fbloss.h"

static const char *const corrupts_names[] = { "state", "sent", NULL };

/* Behind a layer that sends samples of its state (Lee 2015, Sec. 3.3): c = state + noise, a new sample s of it,
 * |g(f(s)) - c|^2, which is what the authors' script does; or c = sent + noise, |g(f(c)) - c|^2, Eq. (36) to the
 * letter. */
static const struct option reconstruction_table[] = {
    FBLOSS_OPTIONS,
    FBLOSS_NORMALISED,
    { "corrupts", OPT_ENUM, offsetof(struct fbloss_options, corrupts), "state", .names = corrupts_names,
      .help = "what the noise is added to, for layers that transmit something else than their state: the state, which "
              "is then sent anew "
              "(samples are drawn anew), or what was sent" },
    { 0 }
};

/* What of f's target is corrupted and reconstructed. */
static struct mat original(const struct credit *c, const struct pass *p, const struct feedback *f)
{
    const struct fbloss_options *o = c->choice.feedback_loss.opts;
    return o->corrupts == CORRUPTS_SENT ? fbloss_sent_of(p, f) : fbloss_state_of(p, f);
}

static int grads(struct credit *c, struct pass *p, struct feedback *f, struct err *e)
{
    (void)e;
    const struct fbloss_options *o = c->choice.feedback_loss.opts;
    const struct mat h = original(c, p, f), corrupted = mat_of(c->scratch[0], h.rows, h.cols),
                     error = mat_of(c->scratch[4], h.rows, h.cols);
    fbloss_noisy(c, f, 1, h, corrupted);
    const struct at *up =
        fbloss_up(c, p, f, o->corrupts == CORRUPTS_SENT ? corrupted : fbloss_send(c, f, corrupted, c->scratch[1]));
    mat_sub(mapping_of(c)->value(c, p, up, f, up->out), corrupted, error);
    fbloss_reduce(c, f, error);
    fbloss_train(c, up, f, error);
    return 0;
}

extern const struct fbloss_def fbloss_reconstruction;
const struct fbloss_def fbloss_reconstruction = {
    .part = { .name = "reconstruction",
              .help = "g(f(h)) against h",
              .ref = "Lee 2015, Eq. (32), scripts; Roulet 2022, code; Meulemans 2020",
              .options = reconstruction_table,
              .opts_size = sizeof(struct fbloss_options),
              .state_size = sizeof(struct fbloss_state),
              .needs = GIVES_TRAIN,
              .gives = TAKES_BRANCHES },
    .reads_value = true,
    .fits = fbloss_fits,
    .open = fbloss_open,
    .grads = grads,
};
