/* Next-symbol prediction: a second-order Markov chain over one-hot symbols with a label, the next symbol, at every
 * step. It stands where the papers predict the next word of a text: s_{t+1} = f(s_{t-1}, s_t) for a random table f of
 * the seed, replaced by a uniform symbol with probability `noise`. The best possible accuracy, from the second step on,
 * is 100 (1 - noise + noise / symbols) percent. */
#include "data/sequence.h"

struct opts {
    int64_t length, symbols, eval_size, test_size;
    double noise;
};

struct state {
    struct sequence_state sequence; /* first: sequence_open fills it */
    uint32_t *next;                 /* [symbols * symbols] */
};

static const struct option options[] = {
    SEQUENCE_OPTION_LENGTH(struct opts, "30", 2, "number of time steps T, each with a label"),
    { "symbols", OPT_INT, offsetof(struct opts, symbols), "8", 2, 1024, .help = "size of the alphabet" },
    { "noise", OPT_REAL, offsetof(struct opts, noise), "0.1", 0, 1,
      .help = "probability that a symbol is drawn at random" },
    SEQUENCE_OPTION_SIZES(struct opts),
    { 0 },
};

static int shape(const void *opts, struct data_shape *s, struct err *e)
{
    (void)e;
    const struct opts *o = opts;
    *s = sequence_shape(o->length, (size_t)o->symbols, (size_t)o->symbols, o->eval_size, o->test_size);
    s->per_step = true;
    return 0;
}

static int markov_open(const void *opts, uint64_t seed, void *state, struct arena *a, struct err *e)
{
    const struct opts *o = opts;
    struct state *s = state;
    const size_t n = (size_t)o->symbols;
    TRY(sequence_open(opts, seed, &s->sequence, a, e));
    s->next = arena_alloc(a, n * n, sizeof *s->next);
    if (!s->next)
        return err_set(e, ERR_MEMORY, "not enough memory for a table of %zu symbols", n * n);
    struct rng r = rng_stream(seed, "data.markov");
    for (size_t i = 0; i < n * n; i++)
        s->next[i] = rng_below(&r, (uint32_t)n);
    return 0;
}

static void fill(const void *opts, void *state, enum split split, uint64_t first, struct batch *b)
{
    const struct opts *o = opts;
    const struct state *s = state;
    const size_t T = (size_t)o->length, n = (size_t)o->symbols;
    sequence_clear(b, T, n);
    for (size_t row = 0; row < b->rows; row++) {
        struct rng r = sequence_sample(&s->sequence, split, first + row);
        size_t before = rng_below(&r, (uint32_t)n), now = rng_below(&r, (uint32_t)n);
        for (size_t t = 0; t < T; t++) {
            const bool random = rng_uniform(&r) < o->noise;
            const size_t next = random ? rng_below(&r, (uint32_t)n) : s->next[before * n + now];
            sequence_at(b, n, t, row)[now] = 1;
            b->label[t * b->rows + row] = (int64_t)next;
            before = now;
            now = next;
        }
    }
}

extern const struct dataset_def dataset_markov;
const struct dataset_def dataset_markov = {
    .part = { .name = "markov",
              .help = "sequences of one-hot symbols from a second-order Markov chain; the label of each step is the "
                      "next symbol",
              .ref = "Shannon 1948, Sec. 3",
              .options = options,
              .opts_size = sizeof(struct opts),
              .state_size = sizeof(struct state) },
    .shape = shape,
    .open = markov_open,
    .fill = fill,
};
