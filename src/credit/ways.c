#include "credit/credit.h"

#include <math.h>
#include <stdio.h>

static size_t n_ways_of(const struct credit *c, size_t k)
{
    return c->first_way[k + 1] - c->first_way[k];
}

static int no_memory(const struct credit *c, struct err *e)
{
    return err_set(e, ERR_MEMORY, "not enough memory for the ways back of %zu links", c->n);
}

int ways_check(const struct credit *c, struct err *e)
{
    const struct chain *chain = c->chain;
    const struct unit *u = chain->branching;
    const struct part *const parts[] = { c->choice.target.part, c->choice.mapping.part, c->choice.propagate.part,
                                         c->choice.feedback_loss.part, c->choice.update.part };
    static const char *const keys[] = { "target", "mapping", "propagate", "feedback_loss", "update" };
    if (!u)
        return 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!(parts[i]->gives & TAKES_BRANCHES))
            return err_at(e, u->where,
                          "algorithm.%s: '%s' is defined for networks where each layer reads the one below it alone; "
                          "network.layers.%zu.from says otherwise",
                          keys[i], parts[i]->name, u->index);
    if (c->choice.route == ROUTE_DIRECT && fbloss_of(c)->grads)
        return err_at(e, u->where,
                      "algorithm.route: on 'direct' feedback_loss '%s' goes up from layer to layer; "
                      "network.layers.%zu.from makes several ways of it",
                      c->choice.feedback_loss.part->name, u->index);
    for (size_t i = chain->n_units; i-- > chain->n_units - c->choice.head;)
        if (chain->reads[i].n > 1 || chain->reads[i].from[0] + 1 != i)
            return err_at(e, chain->units[i].where,
                          "algorithm.head: %zu last layers follow the exact gradient one after the other; "
                          "network.layers.%zu.from leads past them (head: %zu is the most here)",
                          c->choice.head, i, chain->n_units - 1 - i);
    return 0;
}

int ways_list(struct credit *c, struct arena *a, struct err *e)
{
    const struct chain *chain = c->chain;
    const size_t top = c->n - 1;
    c->n_ways = c->choice.route == ROUTE_CHAIN ? chain->first_edge[top] : top;
    c->ways = arena_alloc(a, c->n_ways + 1, sizeof *c->ways);
    c->first_way = arena_alloc(a, c->n + 1, sizeof *c->first_way);
    size_t *news = arena_alloc(a, c->n, sizeof *news); /* by link, as way.late */
    if (!c->ways || !c->first_way || !news)
        return no_memory(c, e);
    for (size_t k = 0; k <= top; k++)
        c->first_way[k] = c->choice.route == ROUTE_CHAIN ? chain->first_edge[k] : k;
    c->first_way[c->n] = c->first_way[top]; /* the last link's target is the loss's own */
    for (size_t k = top; k-- > 0;)
        for (size_t w = c->first_way[k]; w < c->first_way[k + 1]; w++) {
            const size_t to = c->choice.route == ROUTE_CHAIN ? chain->edges[w].to : top;
            c->ways[w] = (struct way){ k, to, news[to] };
            if (w == c->first_way[k] || news[to] + 1 < news[k])
                news[k] = news[to] + 1;
        }
    return 0;
}

/* Of link k, which has several. */
static int open_several(struct credit *c, size_t k, struct arena *a, struct err *e)
{
    char name[48];
    const size_t n = c->d[k].cols;
    bool enough = (c->mixing[k] = mat_new(a, c->rows, n_ways_of(c, k))).p;
    for (size_t w = c->first_way[k]; enough && w < c->first_way[k + 1]; w++) {
        c->branch[w] = mat_new(a, c->rows, n);
        c->branch_target[w] = mat_new(a, c->rows, n);
        enough = c->branch[w].p && c->branch_target[w].p;
        if (enough)
            credit_show(c, c->branch_target[w], "branch_target.%s", way_name(c, w, name, sizeof name));
    }
    if (enough)
        credit_show(c, c->mixing[k], "mixing.%zu", k);
    return enough ? 0 : no_memory(c, e);
}

int ways_open(struct credit *c, struct arena *a, struct err *e)
{
    c->branch = arena_alloc(a, c->n_ways + 1, sizeof *c->branch);
    c->branch_target = arena_alloc(a, c->n_ways + 1, sizeof *c->branch_target);
    c->mixing = arena_alloc(a, c->n, sizeof *c->mixing);
    if (!c->branch || !c->branch_target || !c->mixing)
        return no_memory(c, e);
    for (size_t k = 0; k + 1 < c->n; k++)
        if (n_ways_of(c, k) == 1)
            c->branch[c->first_way[k]] = c->d[k];
        else
            TRY(open_several(c, k, a, e));
    return 0;
}

void ways_add(struct credit *c, size_t k)
{
    const size_t first = c->first_way[k];
    if (n_ways_of(c, k) == 1)
        return;
    mat_copy(c->branch[first], c->d[k]);
    for (size_t w = first + 1; w < c->first_way[k + 1]; w++)
        mat_add(c->d[k], c->branch[w], c->d[k]);
}

/* Squares of shorter displacements are as good as 0. */
static const double no_length = 1e-300;

/* The weights of one sample; 1/a^2 over the largest of them, so that nothing overflows. NaN goes on, to be seen. */
static void weigh(const struct credit *c, size_t k, size_t row)
{
    const size_t first = c->first_way[k], n = n_ways_of(c, k);
    double least = INFINITY, sum = 0;
    for (size_t j = 0; j < n; j++) {
        const double squares = mat_sum_squares(mat_rows(c->branch[first + j], row, 1));
        if (!(squares < no_length) && !(squares >= least))
            least = squares;
    }
    for (size_t j = 0; j < n; j++) {
        const double squares = mat_sum_squares(mat_rows(c->branch[first + j], row, 1));
        sum += squares < no_length ? 0 : least / squares;
    }
    for (size_t j = 0; j < n; j++) {
        const double squares = mat_sum_squares(mat_rows(c->branch[first + j], row, 1));
        c->mixing[k].p[row * n + j] = (real)(squares < no_length ? 0 : least / squares / sum);
    }
}

void ways_mix(struct credit *c, size_t k)
{
    const size_t first = c->first_way[k], n = n_ways_of(c, k);
    if (n == 1)
        return;
    mat_zero(c->d[k]);
    for (size_t row = 0; row < c->rows; row++) {
        weigh(c, k, row);
        for (size_t j = 0; j < n; j++)
            mat_axpy(c->mixing[k].p[row * n + j], mat_rows(c->branch[first + j], row, 1), mat_rows(c->d[k], row, 1));
    }
}

void ways_shown(struct credit *c, const struct pass *p)
{
    for (size_t w = 0; w < c->n_ways; w++)
        if (c->branch_target[w].p)
            mat_add(p->links[c->ways[w].from].out, c->branch[w], c->branch_target[w]);
}

const char *way_name(const struct credit *c, size_t w, char *buffer, size_t size)
{
    const size_t k = c->ways[w].from, unit = c->chain->unit_of[k];
    if (n_ways_of(c, k) == 1)
        snprintf(buffer, size, "%zu", unit);
    else
        snprintf(buffer, size, "%zu.%zu", unit, c->chain->unit_of[c->ways[w].to]);
    return buffer;
}

struct mat credit_incoming(struct credit *c, size_t k)
{
    const size_t s = credit_source(c, k);
    const struct target_options *o = c->choice.target.opts;
    if (!c->own || o->sequence != SEQUENCE_RELEASED)
        return c->d[s];
    struct mat sum = mat_of(c->scratch[1], c->d[s].rows, c->d[s].cols);
    mat_add(c->d[s], c->own[s], sum);
    return sum;
}

void credit_add_own(struct credit *c, size_t k)
{
    const struct target_options *o = c->choice.target.opts;
    if (c->own && o->sequence == SEQUENCE_NATURAL)
        mat_add(c->d[k], c->own[k], c->d[k]);
}

bool credit_vanished(struct credit *c, size_t k)
{
    if (c->own)
        return false;                        /* a loss at an earlier step may still bring one in */
    if (!(mat_max_abs(c->d[k]) < REAL_TINY)) /* NaN goes on, to be seen */
        return false;
    if (c->chain->branching) { /* those below have other ways */
        mat_zero(c->d[k]);
        return false;
    }
    c->first_nonzero = k + 1;
    for (size_t i = 0; i <= k; i++)
        mat_zero(c->d[i]);
    return true;
}

struct feedback *credit_feedback_of(const struct credit *c, size_t k)
{
    if (c->chain->branching) /* feed-forward: one for each way */
        return c->n_feedback ? &c->feedback[k] : NULL;
    const size_t layer = c->chain->unit_of[k];
    for (size_t i = 0; i < c->n_feedback; i++)
        if (c->feedback[i].target == layer)
            return &c->feedback[i];
    return NULL;
}
