/* The lists that people ask for, as SELECTs: what `ls`, `show` and `claims` print, and pages show. */
#ifndef TPRUN_REPORT_LISTS_H
#define TPRUN_REPORT_LISTS_H

#include "store/query.h"

extern const char list_studies[]; /* a row for each study; counts of trials, as view outcomes has them, and of claims */
extern const char list_trials[];  /* of study ?1, one-offs and older ones too */
extern const char list_claims[];  /* of study ?1, NULL: of all */
extern const char list_generations[]; /* of study ?1, a row for each other generation (0: one-offs) than the present:
                                         generation, trials, done, differs */
extern const char list_costs[];       /* of study ?1, a row for each variant: what its trials took */
extern const char list_machines[];    /* of study ?1: builds, machines and kernels that trained it */
/* A column: the commit of the repository that the experiment file lies in; row: of study or run. */
#define LIST_COMMIT(row)                                                                                               \
    "(SELECT g.git_commit || CASE g.changed WHEN 1 THEN '-dirty' WHEN 0 THEN '' ELSE '?' END FROM repository g "       \
    "WHERE g.id = " row ".repository_id) AS git_commit"

/* Closed by a name NULL. */
extern const struct query_section list_of_study[]; /* ?1: name of the study */
extern const struct query_section list_of_trial[]; /* ?1: trial.id as text */

#endif
