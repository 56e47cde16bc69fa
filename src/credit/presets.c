/* Presets: rows of choices. A file's `algorithm` is laid over the row it names, so any cell may be replaced. */
#include "credit/credit.h"

const struct preset presets[] = {
    { "bp", "back-propagation (through time on recurrent networks)", "Rumelhart, Hinton & Williams 1986",
      "{route: chain, target: gradient, target_stepsize: 1, mapping: adjoint, feedback_loss: none, propagate: linear,"
      " update: {name: gradient, reduction: per_stepsize}, head: 0}" },
    { "dfa", "direct feedback alignment", "Nokland 2016",
      "{route: direct, target: gradient, target_stepsize: 1, mapping: fixed, feedback_loss: none, propagate: linear,"
      " update: {name: gradient, reduction: per_stepsize}, head: 0}" },
    { "tp", "target propagation via regularized inversion", "Roulet & Harchaoui 2022",
      "{route: chain, target: gradient, mapping: inverse, feedback_loss: none, propagate: linear,"
      " update: {name: gradient, reduction: half_sum}, head: 1}" },
    { "tp_vanilla", "target propagation with learned inverses", "Bengio 2014; Lee 2015, Eq. (12)",
      "{route: chain, target: gradient, mapping: learned, feedback_loss: reconstruction, propagate: plain,"
      " update: {name: gradient, reduction: mean}, head: 1}" },
    { "dtp", "difference target propagation", "Lee 2015, Eq. (15)-(20); Manchev & Spratling 2020",
      "{route: chain, target: gradient, mapping: learned, feedback_loss: reconstruction, propagate: difference,"
      " update: {name: gradient, reduction: mean}, head: 1}" },
    { "dtp_autoencoder", "an auto-encoder of two layers without back-propagation", "Lee 2015, Sec. 3.4",
      "{route: chain, target: {name: gradient, gradient: per_sample}, target_stepsize: 0.5, mapping: encoder, feedback_loss: none,"
      " propagate: difference, update: {name: denoising, reduction: mean}, head: 0}" },
    { NULL }
};

const char *const preset_names[] = { "bp", "dfa", "tp", "tp_vanilla", "dtp", "dtp_autoencoder", NULL };
