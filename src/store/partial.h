/* A metric that was in the log of a trial for a part of the training: it was added when that was under way, or by
 * --relog, or left the log before the end. A last value is one like any other where it is of the end, but what is best
 * or first of it, or its area, is not that of the trial: whoever asks for these leaves it out and tells so. */
#ifndef TPRUN_STORE_PARTIAL_H
#define TPRUN_STORE_PARTIAL_H

/* Whether row u of summary is of such a metric, as view partial: it has fewer rows than another of the trial, by two at
 * least, as a metric of training steps has none at step 0 (n counts rows that were taken out, tools/campaign pack,
 * too); or two steps were logged before its first row; or the trial is done, and its last row is of a step before the
 * end. */
#define PARTIAL(u)                                                                                                     \
    "(" u ".n < (SELECT max(w.n) FROM summary w WHERE w.trial_id = " u ".trial_id) - 1 OR (SELECT p.step FROM "        \
    "progress p WHERE p.trial_id = " u                                                                                 \
    ".trial_id AND p.step < (SELECT min(m.step) FROM metric m WHERE m.trial_id = " u ".trial_id AND m.key_id = " u     \
    ".key_id) ORDER BY p.step LIMIT 1 OFFSET 1) IS NOT NULL OR " u                                                     \
    ".end_step < (SELECT e.step FROM trial e WHERE e.id = " u ".trial_id AND e.state = 'done'))"
#define PARTIAL_SUMMARY PARTIAL("u")

/* The one metric of layers whose rows count epochs of feedback training, from 1, in place of steps. */
#define COUNTS_EPOCHS "feedback_epoch_loss"

/* Whether trial t (its id, its last step) logged two steps or more from step `from` on before row m of layer_metric
 * comes first, of those that `which` says; or has no such row at its end. Layers have no summary. */
#define LATE_LAYER(id, step, from, which)                                                                              \
    "(" id " IN (SELECT m.trial_id FROM layer_metric m WHERE m.trial_id = " id " AND " which " GROUP BY m.trial_id "   \
    "HAVING max(m.step) < " step " AND m.key_id IS NOT (SELECT id FROM metric_key WHERE name = '" COUNTS_EPOCHS        \
    "')) OR "                                                                                                          \
    "(SELECT count(*) FROM progress p WHERE p.trial_id = " id " AND p.step >= " from                                   \
    " AND p.step < (SELECT min(m.step) FROM layer_metric m WHERE m.trial_id = " id " AND m.step >= " from              \
    " AND " which ")) > 1)"
/* Whether a row m of layer_metric is of the end of the trial, where a last value is one. */
#define AT_END(m, step)                                                                                                \
    "(" m ".step = " step " OR " m ".key_id = (SELECT id FROM metric_key WHERE name = '" COUNTS_EPOCHS "'))"

#endif
