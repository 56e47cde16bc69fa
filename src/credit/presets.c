/* Presets: rows of choices. A file's `algorithm` is laid over the row it names, so any cell may be replaced. */
#include "credit/credit.h"

/* What the methods of Meulemans 2020 share that are trained with it: the loss without its clamp of the noise, and a
 * target for every layer. */
#define DIFFERENCE_RECONSTRUCTION                                                                                      \
    "feedback_loss: {name: difference_reconstruction, reduction: unit_mean, noise: 0.1, noise_scaling: "               \
    "inverse_variance},"                                                                                               \
    " update: {name: gradient, reduction: mean}, head: 0, feedback: {schedule: joint}"

/* Decoders before targets, each sample's step divided by the squared norm of what they read (Bengio 2020, Alg. 1). */
#define NORMALISED_RECONSTRUCTION                                                                                      \
    "feedback_loss: {name: reconstruction, reduction: half_mean, normalised: true}, feedback: {schedule: first}"

/* clang-format off */
const struct preset presets[] = {
    { "bp", "back-propagation (through time on recurrent networks)", "Rumelhart, Hinton & Williams 1986",
      "{route: chain, target: gradient, target_stepsize: 1, mapping: adjoint, feedback_loss: none, propagate: linear,"
      " update: {name: gradient, reduction: per_stepsize}, head: 0}" },
    { "dfa", "direct feedback alignment", "Nokland 2016",
      "{route: direct, target: gradient, target_stepsize: 1, mapping: fixed, feedback_loss: none, propagate: linear,"
      " update: {name: gradient, reduction: per_stepsize}, head: 0}" },
    { "fa", "feedback alignment: back-propagation with fixed random weights on the way back", "Lillicrap 2016",
      "{route: chain, target: gradient, target_stepsize: 1, mapping: {name: fixed, source_slope: true}, feedback_loss: "
      "none, propagate: linear,"
      " update: {name: gradient, reduction: per_stepsize}, head: 0}" },
    { "sign_symmetry", "back-propagation with the signs of the weights on the way back", "Liao, Leibo & Poggio 2016",
      "{route: chain, target: gradient, target_stepsize: 1, mapping: sign_symmetry, feedback_loss: none, propagate: "
      "linear,"
      " update: {name: gradient, reduction: per_stepsize}, head: 0}" },
    { "drtp", "direct random target projection: hidden layers learn from the label alone",
      "Frenkel, Lefebvre & Bol 2021",
      "{route: direct, target: gradient, target_stepsize: 1, mapping: fixed, feedback_loss: none, propagate: label,"
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
    { "dtp_pretrained",
      "difference target propagation with feedback layers that train first and longer, and a target for the output",
      "Meulemans 2020",
      "{route: chain, target: gradient, mapping: learned, propagate: difference,"
      " feedback_loss: {name: reconstruction, reduction: unit_mean, noise: 0.1, noise_scaling: inverse_variance, "
      "noise_floor: 0.02},"
      " update: {name: gradient, reduction: mean}, head: 0, feedback: {schedule: joint}}" },
    { "dtp_drl", "difference target propagation with the difference reconstruction loss", "Meulemans 2020, DTPDRL",
      "{route: chain, target: gradient, mapping: learned, propagate: difference, " DIFFERENCE_RECONSTRUCTION "}" },
    { "ddtp_linear", "direct difference target propagation, linear feedback", "Meulemans 2020, DDTP-linear",
      "{route: direct, target: gradient, mapping: {name: learned, activation: linear}, propagate: difference, "
      DIFFERENCE_RECONSTRUCTION "}" },
    { "ddtp_rhl", "direct difference target propagation, feedback through a fixed random hidden layer",
      "Meulemans 2020, DDTP-RHL",
      "{route: direct, target: gradient, mapping: {name: learned, activation: tanh, hidden_units: 1024}, propagate: "
      "difference, "
      DIFFERENCE_RECONSTRUCTION "}" },
    { "ddtp_control",
      "direct linear feedback trained for plain reconstruction: the control of the difference reconstruction loss",
      "Meulemans 2020, DDTP-control",
      "{route: direct, target: gradient, mapping: {name: learned, activation: linear}, propagate: difference,"
      " feedback_loss: {name: reconstruction, reduction: unit_mean, noise: 0.1},"
      " update: {name: gradient, reduction: mean}, head: 0, feedback: {schedule: joint}}" },
    { "gnt", "Gauss-Newton targets: pseudo-inverse of each sample's Jacobian", "Meulemans 2020, Condition 2",
      "{route: direct, target: gradient, target_stepsize: 1, mapping: pinv, feedback_loss: none, propagate: linear,"
      " update: {name: gradient, reduction: mean}, head: 0}" },
    { "tjml", "difference target propagation by analytic feedback with the transposed derivative of each layer",
      "Bao 2024, TJML-DTP",
      "{route: chain, target: {name: gradient, gradient: per_sample}, target_stepsize: 0.5, mapping: transpose, "
      "feedback_loss: none,"
      " propagate: difference, update: {name: gradient, reduction: half_mean}, head: 0}" },
    { "ldrl",
      "difference target propagation with feedback layers trained towards the transposed derivative of their layer",
      "Ernoult 2022; Bao 2024, LDRL",
      "{route: chain, target: {name: gradient, gradient: per_sample}, mapping: {name: learned, activation: argument},"
      " feedback_loss: {name: local_difference_reconstruction, noise: 0.2, reduction: mean}, propagate: difference,"
      " update: {name: gradient, reduction: half_mean}, head: 0}" },
    { "fwdtp", "difference target propagation with feedback layers as of `ldrl` that stay as drawn",
      "Shibuya 2023; Bao 2024, FWDTP",
      "{route: chain, target: {name: gradient, gradient: per_sample}, mapping: {name: fixed, activation: argument, "
      "bias: false, scale: 0.1},"
      " feedback_loss: none, propagate: difference, update: {name: gradient, reduction: half_mean}, head: 0}" },
    { "fwdtp_bn",
      "difference target propagation with fixed random feedback layers and normalised targets, for networks whose "
      "layers end in batch_norm",
      "Shibuya 2023, code; Bao 2024, FWDTP",
      "{route: chain, target: {name: gradient, gradient: per_sample}, mapping: {name: fixed, activation: tanh, bias: "
      "false, weights_init: {name: uniform, bound: 0.001}, batch_norm: true},"
      " feedback_loss: none, propagate: {name: difference, batch_norm: true}, update: {name: gradient, reduction: "
      "mean}, head: 0}" },
    { "ijml", "difference target propagation by the inverses of square layers", "Bao 2024, IJML-DTP",
      "{route: chain, target: {name: gradient, gradient: per_sample}, target_stepsize: 0.5, mapping: {name: inverse, "
      "regularization: 0, clamp: 1e-6},"
      " feedback_loss: none, propagate: difference, update: {name: gradient, reduction: half_mean}, head: 0}" },
    { "pjml", "difference target propagation by the pseudo-inverses of the layers' weights", "Bao 2024, PJML-DTP",
      "{route: chain, target: {name: gradient, gradient: per_sample}, target_stepsize: 0.5, mapping: {name: pinv, of: "
      "weights},"
      " feedback_loss: none, propagate: difference, update: {name: gradient, reduction: half_mean}, head: 0}" },
    { "dtp1", "differential target propagation: the smallest changes of the layers' parameters that reach their targets",
      "Bengio 2020, Eq. (10), (33)",
      "{route: chain, target: {name: gradient, gradient: per_sample}, target_stepsize: 0.1, mapping: learned, "
      NORMALISED_RECONSTRUCTION ", propagate: difference, update: unit, head: 0}" },
    { "idtp", "differential target propagation by inverses that all layers iterate at once", "Bengio 2020, Alg. 1",
      "{route: chain, target: {name: gradient, gradient: per_sample}, target_stepsize: 0.1, mapping: learned, "
      NORMALISED_RECONSTRUCTION ", propagate: {name: iterate, sweep: parallel}, update: influence, head: 0}" },
    { "idtp_input", "the same by iterating what the feedback layers read, layer by layer", "Bengio 2020, Eq. (27)",
      "{route: chain, target: {name: gradient, gradient: per_sample}, target_stepsize: 0.1, mapping: learned, "
      NORMALISED_RECONSTRUCTION ", propagate: {name: iterate, refinement: input}, update: influence, head: 0}" },
    { "cdtp", "differential target propagation in a network that runs continuously", "Bengio 2020, Sec. 10",
      "{route: chain, target: {name: gradient, gradient: per_sample}, target_stepsize: 0.1, mapping: learned, "
      "feedback_loss: {name: settle, reduction: half_mean, normalised: true}, propagate: relax, update: influence, "
      "head: 0, feedback: {schedule: joint}}" },
    { "dtp_autoencoder", "an auto-encoder of two layers without back-propagation", "Lee 2015, Sec. 3.4",
      "{route: chain, target: {name: gradient, gradient: per_sample}, target_stepsize: 0.5, mapping: encoder, "
      "feedback_loss: none,"
      " propagate: difference, update: {name: denoising, reduction: mean}, head: 0}" },
    { NULL }
    };
/* clang-format on */

/* clang-format off */
const char *const preset_names[] = {
    "bp", "dfa", "fa", "sign_symmetry", "drtp", "tp", "tp_vanilla", "dtp", "dtp_pretrained", "dtp_drl", "ddtp_linear",
    "ddtp_rhl", "ddtp_control", "gnt", "tjml", "ldrl", "fwdtp", "fwdtp_bn", "ijml", "pjml", "dtp1", "idtp", "idtp_input",
    "cdtp", "dtp_autoencoder", NULL
};
/* clang-format on */
