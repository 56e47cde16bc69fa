/* The price of a plan as commands need it: `plan`, `run --dry-run`, `run --max-hours`. */
#ifndef TPRUN_CLI_PLAN_PRICE_H
#define TPRUN_CLI_PLAN_PRICE_H

#include "cli/cli.h"
#include "run/price.h"

struct plan_price {
    struct query *q; /* NULL: there is no database, or nothing in it */
    struct price_list list;
    size_t jobs, processors; /* trials at once */
};

/* Opens the database, if there is one. jobs: 0 = one for each processor that this process may use. Close it also after
 * an error. */
int plan_price_open(struct plan_price *x, const struct cli *c, int64_t jobs, struct err *e);
void plan_price_close(struct plan_price *x);
/* Has plan_open count the trials. */
void plan_price_attach(struct plan_price *x, struct plan_options *o);
/* Prices what was counted, and prints warnings of data that a run would miss, or that has changed. */
int plan_price_take(struct plan_price *x, const struct cli *c, struct plan *p, struct err *e);
/* ERR_USAGE, with both numbers, if all of it may take longer. seconds: 0 = no limit. */
int plan_price_limit(const struct plan_price *x, double seconds, struct err *e);

/* What `tprun plan` prints: cmd_plan.c, plan_json.c. */
int plan_print(const struct cli *c, struct plan *p, const struct plan_price *x, struct err *e);
int plan_json(struct plan *p, const struct plan_price *x, struct text *out, struct err *e);

#endif
