/* Trials that are not of a study's present specification: how many, and what differs. */
#ifndef TPRUN_CLI_GENERATIONS_H
#define TPRUN_CLI_GENERATIONS_H

#include "store/query.h"

/* Says so on a line for each, if there are any. */
int generations_tell(struct query *q, const char *study, struct err *e);

#endif
