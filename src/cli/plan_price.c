#include "cli/plan_price.h"

#include "base/duration.h"
#include "run/changed_files.h"
#include "run/machine.h"
#include <unistd.h>

int plan_price_open(struct plan_price *x, const struct cli *c, int64_t jobs, struct err *e)
{
    bool empty = true;
    int code = 0;
    *x = (struct plan_price){ .processors = machine_processors("") };
    x->jobs = jobs > 0 ? (size_t)jobs : x->processors;
    if (access(c->db, F_OK) == 0)
        code = query_check(c->db, &empty, e);
    if (code == 0 && !empty)
        code = query_open(&x->q, c->db, e);
    price_open(&x->list, x->q);
    return code;
}

void plan_price_close(struct plan_price *x)
{
    price_close(&x->list);
    query_close(x->q);
}

void plan_price_attach(struct plan_price *x, struct plan_options *o)
{
    o->visit = price_visit;
    o->visitor = &x->list;
}

int plan_price_take(struct plan_price *x, const struct cli *c, struct plan *p, struct err *e)
{
    int code = price_all(&x->list, p, cli_code, e);
    uint64_t n_changed = 0;
    for (size_t i = 0; x->q && i < p->n_studies && code == 0; i++)
        code = changed_files_find(x->q, p->studies[i].study.name, &x->list.warnings, &n_changed, e);
    err_print(&x->list.warnings, stderr, c->color_err);
    err_clear(&x->list.warnings);
    return code;
}

int plan_price_limit(const struct plan_price *x, double seconds, struct err *e)
{
    struct price all;
    char expected[DURATION_SIZE], high[DURATION_SIZE], limit[DURATION_SIZE];
    if (seconds == 0)
        return 0;
    price_sum(&x->list, SIZE_MAX, x->jobs, x->processors, &all);
    if (all.n_unknown > 0)
        return err_set(e, ERR_USAGE,
                       "--max-hours allows %s: nothing can be said of the time of %llu trials: see `tprun plan`",
                       duration_text(seconds, limit), (unsigned long long)all.n_unknown);
    if (all.wall.high <= seconds)
        return 0;
    return err_set(e, ERR_USAGE,
                   "--max-hours allows %s, and the trials that are left may take up to %s (%s is expected) with %zu at "
                   "once: nothing was started",
                   duration_text(seconds, limit), duration_text(all.wall.high, high),
                   duration_text(all.wall.expected, expected), x->jobs);
}
