/* Trials of one cell that are done after different numbers of steps, as the budget was raised or lowered between them.
 * A mean takes them as equals, so whoever shows one tells how many are shorter. */
#ifndef TPRUN_REPORT_SHORTER_H
#define TPRUN_REPORT_SHORTER_H

/* Whether a row t of view outcomes is shorter than the longest of its cell, and would go on under that one's budget: as
 * n_shorter of view finals. The rows that are selected are those of one study. */
#define SHORTER(t)                                                                                                     \
    "(" t ".outcome = 'done' AND " t ".step = " t ".length AND " t ".length < max(CASE " t                             \
    ".outcome WHEN 'done' THEN " t ".length END) OVER (PARTITION BY " t ".variant, " t ".cell))"

#endif
