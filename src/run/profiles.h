/* Mistakes in the profiles that are not asked for. */
#ifndef TPRUN_RUN_PROFILES_H
#define TPRUN_RUN_PROFILES_H

#include "run/plan.h"

/* Opens the study with each of its other profiles and binds the first trial of each variant. Told is what stands in the
 * profile's own lines and was not told yet: keys, types and values. What depends on data or on the network as a whole
 * is not looked at, so that no file of data is read. */
void profiles_check(struct plan *p, struct plan_study *s, struct err *e);

#endif
