/* The answers that pages are made of, as JSON: the rows of SELECTs, and figures. A page of the server and a report in
 * one file have them from here. */
#ifndef TPRUN_SERVE_VIEWS_H
#define TPRUN_SERVE_VIEWS_H

#include "base/text.h"
#include "store/query.h"

/* Appends the answer to a request such as "trials?study=mnist" (target.h).
 * ERR_USAGE: no such view, an argument that it has not or lacks, a study or trial that there is not. */
int view_answer(struct text *json, struct query *q, const char *request, struct err *e);

#define VIEW_MAX_TRIALS 5000 /* that the view `trials` lists; the first of the study */

/* Of study ?1: names (first column) of its metrics, of its layer metrics; the number of swept keys with numbers. */
extern const char view_metrics[], view_layer_metrics[], view_n_numeric[];

/* figure.c: {"svg": what `tprun plot` writes of the same options, "series": [{name, color, columns, points}]}, points:
 * place in the picture, then a value for each column; or {"none": why there is no figure}. */
struct target;
int view_figure(struct text *json, struct query *q, const struct target *t, struct err *e);

#endif
