/* Trials that are not of a study's present specification: how many, and what differs. */
#ifndef TPRUN_CLI_GENERATIONS_H
#define TPRUN_CLI_GENERATIONS_H

#include "store/query.h"

/* SELECT of one row for each other generation of study ?1: generation (0: one-offs), trials, done, differs. */
extern const char generations_sql[];
/* Says so on a line for each, if there are any. */
int generations_tell(struct query *q, const char *study, struct err *e);

#endif
