/* Random numbers of passes. A draw of training is a function of (seed, stream, step); one of an evaluation, of (seed,
 * stream, split, sample, number of the pass over it), so that a logged value does not depend on when or in which
 * partition it was computed. */
#include "trial/private.h"

#include "base/team.h"
#include "math/normal.h"
#include <assert.h>
#include <stdio.h>

static void fill_uniform(struct rng *r, real *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (real)rng_uniform(r);
        if (p[i] >= 1) /* rounded up in single precision */
            p[i] = (real)(1 - 0x1p-24);
    }
}

static void add(struct noise *n, uint64_t seed, const char *stream, int kind, struct mat to)
{
    if (to.p)
        n->sources[n->n++] = (struct noise_source){ rng_stream(seed, stream), kind, to };
}

int noise_open(struct trial *t, uint64_t seed, struct err *e)
{
    char name[64];
    struct noise *pass = &t->pass_noise, *feedback = &t->feedback_noise;
    const struct credit *c = &t->credit;
    pass->sources = arena_alloc(&t->memory, t->chain.n_units + 1 + c->n_draws, sizeof *pass->sources);
    feedback->sources = arena_alloc(&t->memory, c->n_draws, sizeof *feedback->sources);
    if (!pass->sources || !feedback->sources)
        return err_set(e, ERR_MEMORY, "not enough memory for the streams of noise");
    add(pass, seed, "noise.input", DRAWS_NORMAL, t->pass.noise.draws);
    for (size_t i = 0; i < t->chain.n_units; i++) {
        const int kind = transmit_draws_of(t->chain.units[i].transmit, true);
        snprintf(name, sizeof name, "noise.%s.%zu", transmit_draws_names[kind], i);
        add(pass, seed, name, kind, t->pass.draws[i]);
    }
    for (size_t i = 0; i < c->n_draws; i++)
        add(c->draws[i].of_feedback ? feedback : pass, seed, c->draws[i].name, c->draws[i].kind, c->draws[i].to);
    return 0;
}

struct drawing {
    struct noise *noise;
    uint64_t item;
};

static void draw_some(void *work, size_t part, size_t from, size_t to)
{
    (void)part;
    const struct drawing *d = work;
    for (size_t i = from; i < to; i++) {
        struct noise_source *s = &d->noise->sources[i];
        rng_seek(&s->rng, d->item);
        if (s->kind == DRAWS_UNIFORM)
            fill_uniform(&s->rng, s->to.p, mat_n(s->to));
        else
            normal_fill(&s->rng, s->to);
    }
}

/* Sources are independent of each other. */
void noise_draw(struct noise *n, uint64_t item)
{
    enum { LARGE = 16 * 1024 }; /* numbers that are worth a thread's waking */
    size_t numbers = 0;
    for (size_t i = 0; i < n->n; i++)
        numbers += mat_n(n->sources[i].to);
    if (n->n > 0)
        team_run(n->n, numbers < LARGE ? 1 : team_parts(n->n, 1, TEAM_MOST_PARTS), 1, draw_some,
                 &(struct drawing){ n, item });
}

void noise_draw_evaluation(const struct trial *t, struct pass *p, enum split split, uint64_t first, size_t number)
{
    char name[64];
    for (size_t i = 0; i < t->chain.n_units; i++) {
        const struct mat to = p->draws[i];
        if (!to.p)
            continue;
        const int kind = transmit_draws_of(t->chain.units[i].transmit, false);
        assert(kind == DRAWS_UNIFORM); /* normal noise is of training alone */
        snprintf(name, sizeof name, "evaluation.%s.%s.%zu", dataset_stream(split), transmit_draws_names[kind], i);
        struct rng r = rng_stream((uint64_t)t->config->seed, name);
        for (size_t b = 0; b < p->rows; b++) {
            rng_seek(&r, (uint64_t)number << 40 | (first + b));
            for (size_t row = b; row < to.rows; row += p->rows) /* the steps of a sample */
                fill_uniform(&r, to.p + row * to.cols, to.cols);
        }
    }
}
