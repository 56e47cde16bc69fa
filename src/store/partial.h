/* A metric that was added to the log of a trial when that was under way, or by --relog. Its last value is one like any
 * other, but what is best or first of it, or its area, is not that of the trial: whoever asks for these leaves it out
 * and tells so. */
#ifndef TPRUN_STORE_PARTIAL_H
#define TPRUN_STORE_PARTIAL_H

/* Whether the trial of row u of summary logged this metric at fewer steps than another: by two at least, as a metric of
 * training steps has no row at step 0. Views have the same; n counts rows that were taken out (tools/campaign pack)
 * too. */
#define PARTIAL(u) "(" u ".n < (SELECT max(w.n) FROM summary w WHERE w.trial_id = " u ".trial_id) - 1)"
#define PARTIAL_SUMMARY PARTIAL("u")

/* Whether trial `id` logged two steps or more from step `from` on before row m of layer_metric comes first, of those
 * that `which` says. Layers have no summary; a metric of feedback-only epochs counts these from 1. */
#define LATE_LAYER(id, from, which)                                                                                    \
    "((SELECT count(*) FROM progress p WHERE p.trial_id = " id " AND p.step >= " from                                  \
    " AND p.step < (SELECT min(m.step) FROM layer_metric m WHERE m.trial_id = " id " AND m.step >= " from              \
    " AND " which ")) > 1)"

#endif
