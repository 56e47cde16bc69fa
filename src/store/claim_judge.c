/* From the values of variants to a verdict: docs/claims.md. */
#include "store/claims.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Said once, however many pairs it is true of. */
static void add_note(struct claim *c, const char *format, va_list args)
{
    struct text note = { 0 };
    text_vadd(&note, format, args);
    if (!c->note.n || !strstr(c->note.s, note.s))
        text_add(&c->note, "%s%s", c->note.n ? "; " : "", note.s);
    text_free(&note);
}

void claim_remark(struct claim *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_note(c, format, args);
    va_end(args);
}

void claim_hold(struct claim *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_note(c, format, args);
    va_end(args);
    c->held = true;
}

void claim_doubt(struct claim *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_note(c, format, args);
    va_end(args);
    c->doubted = true;
}

void claim_set_result(struct claim *c, const struct moments *m, struct interval interval)
{
    c->measured = m->n > 0;
    c->value = m->mean;
    c->n = m->n;
    c->sd = moments_sd(m);
    c->interval = interval;
    c->has_interval = isfinite(interval.low) && isfinite(interval.high);
    if (moments_are_equal(m))
        claim_remark(c, "all %zu values are equal", m->n);
}

void claim_check_seeds(struct claim *c)
{
    if (c->n < c->min_seeds && !c->held)
        claim_hold(c, "%zu seed%s, and it needs %zu", c->n, c->n == 1 ? "" : "s", c->min_seeds);
}

const char *claim_outdated(size_t n)
{
    return n == 1 ? "is outdated: a later one of its cell read other files or has other numerics"
                  : "are outdated: later ones of their cells read other files or have other numerics";
}

/* Survivors are no mean of what was asked for. Returns whether all are there. */
static bool complete(struct claim *c, const struct claim_side *side)
{
    const size_t n_missing = side->n_trials - side->n_diverged - side->n_failed - side->n_waiting - side->n_outdated -
                             side->n_partial - side->n;
    if (side->n_trials == 0 && c->cell && !strncmp(c->cell, "tuned", 5))
        claim_hold(c, "no cell of '%s' is chosen yet, see view tuned", side->variant);
    else if (side->n_trials == 0)
        claim_hold(c, "'%s' has logged no %s", side->variant, c->metric);
    if (side->n_diverged)
        claim_hold(c, "%zu of the %zu seeds of '%s' diverged", side->n_diverged, side->n_trials, side->variant);
    if (side->n_failed)
        claim_hold(c, "%zu of the %zu seeds of '%s' failed", side->n_failed, side->n_trials, side->variant);
    if (side->n_waiting)
        claim_hold(c, "%zu of the %zu seeds of '%s' %s not finished", side->n_waiting, side->n_trials, side->variant,
                   side->n_waiting == 1 ? "is" : "are");
    if (side->n_outdated)
        claim_hold(c, "%zu of the %zu seeds of '%s' %s", side->n_outdated, side->n_trials, side->variant,
                   claim_outdated(side->n_outdated));
    if (n_missing)
        claim_hold(c, "%zu of the %zu seeds of '%s' %s no finite value", n_missing, side->n_trials, side->variant,
                   n_missing == 1 ? "has" : "have");
    if (side->mixed)
        claim_hold(c, "the trials of '%s' read other data, or were computed by other numerics", side->variant);
    if (side->by_test)
        claim_remark(c, "selected on the test set");
    return side->n_trials > 0 && side->n == side->n_trials && !side->mixed;
}

static void count(struct claim *c, const struct claim_side *side)
{
    c->counted = true;
    c->n_asked = side->n_trials > c->n_asked ? side->n_trials : c->n_asked;
    c->n_diverged += side->n_diverged;
    c->n_unfinished += side->n_waiting;
    c->n_failed += side->n_failed;
}

/* ---- one variant ---- */

void claim_judge_value(struct claim *c, const struct claim_side *side)
{
    struct moments m = { 0 }, first = { 0 };
    for (size_t i = 0; i < side->n_trials; i++) {
        const struct claim_value *v = &side->items[i];
        if (v->found)
            moments_add(&m, v->value);
        if (v->found && !isnan(v->first))
            moments_add(&first, v->first);
    }
    count(c, side);
    c->n = m.n;
    if (complete(c, side)) {
        claim_set_result(c, &m, verdict_interval(&m, &c->reported, CLAIM_ALPHA));
        claim_check_seeds(c);
    } else if (m.n) {
        claim_remark(c, "mean of the %zu that %s there: %.6g", m.n, m.n == 1 ? "is" : "are", m.mean);
    }
    /* Their mean, not an interval: the more the values before training scatter, the less they would count. */
    if (first.n > 0 && first.n == side->n_trials && first.mean >= c->region.low && first.mean <= c->region.high)
        claim_doubt(c, "an untrained network satisfies it: %.6g before the first step", first.mean);
    c->verdict = verdict_of(c->interval, c->region, c->n, c->min_seeds);
}

/* ---- two variants, paired by seed ---- */

struct pairing {
    struct moments differences, first, gain_a, gain_b; /* first: differences before training; gains: since then */
    size_t n_alone;
    struct interval interval;
    enum verdict verdict;
};

static const struct claim_value *partner(const struct claim_side *side, int64_t seed)
{
    for (size_t i = 0; i < side->n_trials; i++)
        if (side->items[i].seed == seed)
            return &side->items[i];
    return NULL;
}

static struct pairing pair(const struct claim_side *a, const struct claim_side *b)
{
    struct pairing p = { 0 };
    const double sign = a->larger ? 1 : -1;
    for (size_t i = 0; i < a->n_trials; i++) {
        const struct claim_value *x = &a->items[i], *y = partner(b, x->seed);
        p.n_alone += !y;
        if (!y || !x->found || !y->found)
            continue;
        moments_add(&p.differences, sign * (x->value - y->value));
        if (!isnan(x->first) && !isnan(y->first)) {
            moments_add(&p.first, sign * (x->first - y->first));
            moments_add(&p.gain_a, sign * (x->value - x->first));
            moments_add(&p.gain_b, sign * (y->value - y->first));
        }
    }
    for (size_t i = 0; i < b->n_trials; i++)
        p.n_alone += !partner(a, b->items[i].seed);
    return p;
}

static bool is_above_zero(const struct moments *m, size_t min_seeds)
{
    return verdict_of(verdict_interval(m, NULL, CLAIM_ALPHA), region_above(0), m->n, min_seeds) == VERDICT_REPRODUCED;
}

/* Nothing is also what a difference is where nobody has learned anything: a claim that equals satisfy wants both sides
 * to have learned, one of "not worse than" the side that it is about. Any other is doubtful if it held before training.
 */
static void check_learning(struct claim *c, const struct pairing *p, const struct claim_side *a,
                           const struct claim_side *b)
{
    if (p->differences.n == 0 || p->first.n < p->differences.n)
        return;
    if (c->region.low > 0 || c->region.high < 0) { /* equals do not satisfy it */
        const struct interval i = verdict_interval(&p->first, NULL, CLAIM_ALPHA);
        if (verdict_of(i, c->region, p->first.n, c->min_seeds) == VERDICT_REPRODUCED)
            claim_doubt(c, "untrained networks satisfy it: a difference of %.6g before the first step", p->first.mean);
        return;
    }
    const struct moments *const gains[] = { &p->gain_a, &p->gain_b };
    const struct claim_side *const sides[] = { a, b };
    const size_t n_sides = c->above ? 1 : 2;
    for (size_t i = 0; i < n_sides && p->differences.n >= c->min_seeds; i++)
        if (!is_above_zero(gains[i], c->min_seeds))
            claim_doubt(c, "'%s' is not shown to be better than before training", sides[i]->variant);
}

/* How far inside the region it lies; negative outside. */
static double slack(const struct pairing *p, struct region r)
{
    const double below = p->interval.low - r.low, above = r.high - p->interval.high;
    const double least = below < above ? below : above;
    return isnan(least) ? -(double)INFINITY : least;
}

/* One that refutes, and then the one that lies least inside. */
static bool shown_before(const struct pairing *p, const struct pairing *other, struct region r)
{
    const bool refutes = p->verdict == VERDICT_REFUTED, other_refutes = other->verdict == VERDICT_REFUTED;
    return refutes != other_refutes ? refutes : slack(p, r) < slack(other, r);
}

void claim_judge_pairs(struct claim *c, const struct claim_side *a, const struct claim_side *b, size_t n)
{
    struct pairing least = { 0 };
    size_t at = 0, n_refuted = 0, n_reproduced = 0;
    bool whole = n > 0;
    for (size_t i = 0; i < n; i++) {
        struct pairing p = pair(&a[i], &b[i]);
        const bool a_is_whole = complete(c, &a[i]), b_is_whole = complete(c, &b[i]);
        whole = whole && a_is_whole && b_is_whole && p.n_alone == 0;
        if (p.n_alone)
            claim_hold(c, "'%s' and '%s' have different seeds", a[i].variant, b[i].variant);
        if (a[i].inputs && b[i].inputs && (strcmp(a[i].inputs, b[i].inputs) || a[i].numerics != b[i].numerics)) {
            claim_hold(c, "'%s' and '%s' read other data, or were computed by other numerics", a[i].variant,
                       b[i].variant);
            whole = false;
        }
        p.interval = verdict_interval(&p.differences, &c->reported, CLAIM_ALPHA / (double)n);
        p.verdict = verdict_of(p.interval, c->region, p.differences.n, c->min_seeds);
        n_refuted += p.verdict == VERDICT_REFUTED;
        n_reproduced += p.verdict == VERDICT_REPRODUCED;
        check_learning(c, &p, &a[i], &b[i]);
        if (i == 0 || shown_before(&p, &least, c->region)) {
            least = p;
            at = i;
        }
    }
    if (n > 0) {
        count(c, &a[at]);
        count(c, &b[at]);
        c->n = least.differences.n;
    }
    if (!whole) {
        if (least.differences.n)
            claim_remark(c, "mean difference of the %zu that %s there: %.6g", least.differences.n,
                         least.differences.n == 1 ? "is" : "are", least.differences.mean);
        return;
    }
    claim_set_result(c, &least.differences, least.interval);
    claim_check_seeds(c);
    if (n > 1)
        claim_remark(c,
                     "'%s' against '%s', of %zu pairs the one whose interval lies %s, each with an interval of %.4g %%",
                     a[at].variant, b[at].variant, n, n_refuted ? "farthest outside" : "least inside",
                     100 * (1 - CLAIM_ALPHA / (double)n));
    c->verdict = n_refuted ? VERDICT_REFUTED : n_reproduced == n ? VERDICT_REPRODUCED : VERDICT_UNDECIDED;
}
