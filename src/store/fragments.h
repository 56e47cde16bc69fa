/* Pieces of SQL that several statements share. */
#ifndef TPRUN_STORE_FRAGMENTS_H
#define TPRUN_STORE_FRAGMENTS_H

#include "store/partial.h"

/* The metric has a finite value at the end of the trial. */
#define LAST(u, t) u ".end_step = " t ".step AND " u ".last_step = " u ".end_step"
/* A trial that counts in means over seeds: view outcomes, which the writer cannot read. */
#define DONE(t) t ".state = 'done' AND " t ".finished_budget >= " t ".budget AND NOT " t ".outdated"
/* A text that another program may have written. */
#define JSON(x) "CASE WHEN json_valid(" x ") THEN " x " END"
/* Two trials read a file of one name with different bytes. */
#define OTHER_BYTES(a, b)                                                                                              \
    "(coalesce(" a ".inputs <> " b ".inputs, 0) AND EXISTS (SELECT 1 FROM json_each(" JSON(                            \
        a ".inputs") ") j "                                                                                            \
                     "JOIN json_each(" JSON(b ".inputs") ") k ON k.key = j.key AND k.value <> j.value))"
/* Trial t of the database db ("main.") has something that it would go on from, or be judged by. What nothing was
 * trained with yet is not the origin of anything, though its columns say numbers of version 1. */
#define HAS_RESULTS(db, t)                                                                                             \
    "(" t ".state IN ('done', 'diverged') OR EXISTS (SELECT 1 FROM " db "summary u WHERE u.trial_id = " t              \
    ".id) OR EXISTS (SELECT 1 FROM " db "checkpoint c WHERE c.trial_id = " t ".id))"
/* Numerics, NULL of a trial without results, and inputs. */
#define ORIGIN(t) "CASE WHEN " HAS_RESULTS("main.", t) " THEN " t ".numerics_version END, " t ".inputs"
/* An attempt whose worker has said what its numbers come from. */
#define TOLD_ORIGIN(t) "r.trial_id = " t ".id AND r.kernel IS NOT ''"
/* Ids are in the order of merging. */
#define LAST_RUN(t)                                                                                                    \
    "(SELECT r.started_ms, r.id FROM run r WHERE " TOLD_ORIGIN(t) " ORDER BY r.started_ms DESC, r.id DESC LIMIT 1)"
#define HAS_BEGUN "EXISTS (SELECT 1 FROM run r WHERE " TOLD_ORIGIN("trial") ")"
#define SAME_CELL                                                                                                      \
    "(study_id, variant, cell, generation) = (SELECT study_id, variant, cell, generation FROM trial WHERE id = ?1)"
/* A trial of the same cell and specification began later and is of other numerics or bytes. */
#define IS_OUTDATED                                                                                                    \
    "EXISTS (SELECT 1 FROM trial o WHERE o.study_id = trial.study_id AND o.variant = trial.variant AND "               \
    "o.cell = trial.cell AND o.generation = trial.generation AND o.generation > 0 AND o.id <> trial.id AND "           \
    "(o.numerics_version <> trial.numerics_version OR " OTHER_BYTES("o", "trial") ") AND " LAST_RUN(                   \
        "o") " > " LAST_RUN("trial") ")"
/* A cell where some trial may be, or no longer be, outdated, of its trials that HAS_BEGUN: few are, and IS_OUTDATED
 * asks each trial about all others. */
#define MAY_DIFFER "(min(numerics_version) <> max(numerics_version) OR count(DISTINCT inputs) > 1 OR max(outdated) = 1)"
/* Rows of the study were taken out (tools/campaign pack): its longest series has fewer than its summary counts. db is
 * "main" or "src". */
#define THINNED(db, study)                                                                                             \
    "coalesce((SELECT u.n > (SELECT count(*) FROM " db ".metric m WHERE m.trial_id = u.trial_id AND m.key_id = "       \
    "u.key_id) FROM " db ".trial t JOIN " db ".summary u ON u.trial_id = t.id WHERE t.study_id = " study               \
    " ORDER BY u.n DESC LIMIT 1), 0)"
/* The trials of a curve c that are in it, or outdated; whether it is of what is stored now: view kept_curves, which the
 * writer cannot read. */
#define OF_CURVE                                                                                                       \
    "t.study_id = c.study_id AND t.variant = c.variant AND t.cell = c.cell AND t.generation = (SELECT s.generation "   \
    "FROM study s WHERE s.id = c.study_id)"
#define CURVE_TRIALS "(SELECT count(*) FROM trial t WHERE " OF_CURVE ")"
#define CURVE_OUTDATED "(SELECT count(*) FROM trial t WHERE " OF_CURVE " AND t.outdated)"
#define CURVE_ROWS                                                                                                     \
    "(SELECT sum(u.n) FROM trial t CROSS JOIN summary u ON u.trial_id = t.id AND u.key_id = c.key_id WHERE " OF_CURVE  \
    " AND NOT t.outdated)"
#define KEPT                                                                                                           \
    "coalesce(c.n_asked = " CURVE_TRIALS " AND c.n_outdated = " CURVE_OUTDATED " AND c.n_rows = " CURVE_ROWS ", 0)"
/* A claim of which nothing is known. */
#define UNMEASURED                                                                                                     \
    "measured = NULL, note = NULL, evaluated_ms = NULL, n = NULL, sd = NULL, interval_low = NULL, interval_high = "    \
    "NULL, verdict = NULL, n_asked = NULL, n_diverged = NULL, n_unfinished = NULL, n_failed = NULL"
#define ID_OF(metric) "(SELECT id FROM metric_key WHERE name = '" metric "')"
/* Where a metric of validation is best; NULL where it was not logged. */
#define BEST_STEP(metric) "(SELECT u.best_step FROM summary u WHERE u.trial_id = t.id AND u.key_id = " ID_OF(metric) ")"
/* Whether a metric was added to the log of trial t later; NULL where it was not logged. */
#define LATER(id) "(SELECT " PARTIAL_SUMMARY " FROM summary u WHERE u.trial_id = t.id AND u.key_id = " id ")"
#define VALIDATED "coalesce(" BEST_STEP("valid_accuracy") ", " BEST_STEP("valid_loss") ")"

#endif
