/* Names that users give: what they mean, and what they may have meant. */
#ifndef TPRUN_STORE_MEANT_H
#define TPRUN_STORE_MEANT_H

#include "base/arena.h"
#include "store/query.h"

/* ERR_USAGE: there is no study of this name; with the nearest one, else with `otherwise`. */
int meant_no_study(struct query *q, const char *name, const char *otherwise, struct err *e);
/* ERR_USAGE: what SQLite says of a statement; with the nearest table or column where there is none of that name. */
int meant_in_query(struct query *q, const char *said, struct err *e);
/* ERR_USAGE unless the study (NULL: some study) has, or had, trials of the variant; with the nearest one, else all. */
int meant_variant(struct query *q, const char *study, const char *name, struct err *e);
/* The whole name of a cell, which may be given as tables show it; ERR_USAGE if there is none, or several mean that. It
 * lives in `a`. */
int meant_cell(struct query *q, const char *study, const char *given, struct arena *a, const char **whole,
               struct err *e);

#endif
